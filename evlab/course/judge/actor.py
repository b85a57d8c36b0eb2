"""An actor: one process that runs an answer, seen from the judge.

A conversation with it is a generator: the judge calls a function of the answer, and each call that the answer makes on
the way (of a handler, of an env) is served here, in the judge, and may yield whatever a process of a World yields. So
two answers interleave at every such call, though each is plain code without a `yield` in it.

Every value that comes from an answer is a plain one, made here, or one of the classes below: none of its code runs in
the judge.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any

from evlab.course.judge.processes import AnswerBroke, HistoryOver, JudgeDown, Process
from evlab.course.judge.protocol import DEEPEST, Unspeakable, decode_line, encode_line, error_text, pack, unpack
from evlab.env import Later, Signal
from evlab.errors import InvalidUse

__all__ = ["Actor", "AnswerBroke", "AnswerRaised", "Foreign", "HistoryOver", "Object", "Port", "WrongCall"]

MOST_ASKS = 3000
"""Calls that an answer may make in one history."""


class AnswerRaised(Exception):
    """The answer raised an error. `type`, `text`, and where: the cell's label, the line's number and its text.

    `foreign`: it is an error that the judge's own side raised into it, which the answer let through.
    """

    def __init__(self, type: str, text: str, label: str = "", number: int = 0, line: str = "", foreign: bool = False):
        self.type, self.text, self.foreign = type, text, foreign
        self.label, self.number, self.line = label, number, line
        super().__init__(f"{type}: {text}" if text else type)


class WrongCall(TypeError):
    """The answer called something of the judge's as it cannot be called: its own error, so it is not `foreign`."""


class Port:
    """What the judge gives to an answer: a callable, or verbs by name, and plain fields to read.

    A verb is a function of the judge. It may be a generator function, or return a `Later`: then the answer waits while
    others go on.
    """

    def __init__(self, name: str, call: Callable | None = None, verbs: dict[str, Callable] | None = None, **fields):
        self.name, self.fields = name, fields
        self.verbs = dict(verbs or {})
        if call is not None:
            self.verbs[""] = call

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Object:
    """Something that lives in an answer's process: an instance or a function. `fields` is what it held when sent."""

    def __init__(self, actor: Actor, number: int, type: str, callable: bool, fields: dict):
        self.actor, self.number, self.type, self.callable, self.fields = actor, number, type, callable, fields

    def __call__(self, *args) -> Generator:
        return self.actor.call(self, *args)

    def __repr__(self) -> str:
        return f"<a {self.type} of the answer>"


class Foreign(Exception):
    """An error in a value that an answer sent: what it says of itself."""

    def __init__(self, type: str, text: str):
        self.type, self.text = type[:80], text[:500]
        super().__init__(self.text)

    def __eq__(self, other) -> bool:
        return isinstance(other, Foreign) and (self.type, self.text) == (other.type, other.text)

    def __hash__(self) -> int:
        return hash((self.type, self.text))

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type

    __repr__ = __str__


class Actor:
    """One process with an answer in it. After `AnswerBroke` it is dead; a Jail makes another."""

    def __init__(self, process: Process):
        self._process = process
        self.dead = False
        self.busy = False
        """A conversation is under way, or was broken off: then this process serves no further history."""
        self._inside, self._free = 0, Signal()
        self.asks = 0
        self._ports: list[Port] = []
        self._numbers: dict[int, int] = {}
        self._errors: set[str] = set()
        """What the judge's side has raised into the answer, in this history."""

    # ------------------------------------------------------------------------------------------ what a check calls

    def reset(self, seed: int, process: str = "") -> None:
        """A fresh namespace for a new history: the code of the cells runs again.

        `seed`, and which `process` of the history this is, are for its `random` and its `hash`: another process has
        others, and so has the same one in its next life.
        """
        self.asks, self._inside = 0, 0
        self._ports, self._numbers, self._errors = [], {}, set()
        self._process.begin_history()
        # A digest, and not the seed: who knows that knows the faults to come.
        chance = hashlib.sha256(f"{seed}/{process}/answer".encode()).digest()[:8]
        self._finish(["reset", int.from_bytes(chance, "big") >> 1])

    def call(self, target: str | Object, *args, **named) -> Generator:
        """Call a function of the answer, by name or as an `Object`; a process that returns what it returns.

        Raises `AnswerRaised` and `AnswerBroke`. A second call waits until the first has ended, unless it is made while
        the first waits for the judge's own code: then it is a call back, and is served at once.
        """
        return self._converse(target, "", args, named)

    def method(self, target: Object, method: str, *args, **named) -> Generator:
        """Call a method of one of the answer's objects."""
        return self._converse(target, method, args, named)

    def get(self, target: Object, name: str) -> Any:
        """An attribute of one of the answer's objects, now. Raises `AnswerRaised` if it has none."""
        return self._finish(["get", self._pack(target), name])

    def printed(self) -> str:
        """What the answer has printed in this history, the first of it."""
        with contextlib.suppress(AnswerRaised, AnswerBroke):
            text = self._finish(["printed"])
            return text if isinstance(text, str) else ""
        return ""

    def used(self) -> float:
        """CPU seconds of the process so far; 0 once it has ended."""
        return 0.0 if self.dead else self._process.used()

    def kill(self) -> None:
        """End the process: as a crash does, with all that it remembers."""
        if not self.dead:
            self.dead = True
            self._process.kill()

    # ----------------------------------------------------------------------------------------------- conversation

    def _converse(self, target, method, args, named) -> Generator:
        nested = self._inside > 0
        while self.busy and not nested:
            yield self._free
        before, self.busy = self.busy, True
        finished = False
        try:
            message = ["call", target if isinstance(target, str) else self._pack(target), method,
                       self._pack(list(args)), self._pack(named)]
            while True:
                reply = self._exchange(message)
                if reply[0] == "ask" and len(reply) == 5:
                    message = yield from self._serve(*reply[1:])
                    continue
                finished = True
                return self._read(reply)
        finally:
            if not finished:  # given up in the middle: what it would say next belongs to no one
                self.kill()
            self.busy = before
            if not before:
                self._free.fire()

    def _serve(self, number: int, verb: str, args: list, named: dict) -> Generator:
        """Do what the answer asks for; the message that tells it what came of it."""
        self.asks += 1
        if self.asks > MOST_ASKS:
            raise AnswerBroke("asks", f"it has made {MOST_ASKS:,} calls and does not end")
        try:
            port, function = self._port(number), None
            if isinstance(verb, str):
                function = port.verbs.get(verb)
            if function is None:
                raise WrongCall(f"{port.name} cannot be called" if not verb else f"{port.name} has no {verb!r:.80}")
            given, named = self._unpack(args), self._unpack(named)
            if not (isinstance(given, list) and isinstance(named, dict) and all(type(name) is str for name in named)):
                raise Unspeakable("arguments of a call are a list and a dict")
            value = yield from self._handle(port, function, given, named)
        except (HistoryOver, JudgeDown):  # for the judge, not for the answer
            raise
        except AnswerRaised as error:  # of a call back: it goes on through the answer, as any error does
            return ["error", error.type, error.text, error.foreign]
        except (WrongCall, InvalidUse, Unspeakable) as error:
            kind = "TypeError" if isinstance(error, WrongCall) else type(error).__name__
            return ["error", kind, error_text(error), False]
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) and not error.args:
                raise  # a check's has a text; this one is the learner's Ctrl-C
            text = error_text(error)
            self._errors.add(text)
            return ["error", getattr(error, "type", "") or type(error).__name__, text, True]
        return ["value", self._pack(value)]

    def _handle(self, port: Port, function: Callable, args: list, named: dict) -> Generator:
        """Run the judge's side of a call. What calls the answer back meanwhile is nested in it."""
        self._inside += 1
        try:
            result = function(*args, **named)
        except TypeError as error:
            if error.__traceback__.tb_next is None:  # not even begun
                verb = next((f".{verb}" for verb, own in port.verbs.items() if own is function and verb), "")
                raise WrongCall(f"{port.name}{verb} was called with other arguments than it takes: "
                                f"{str(error).partition(') ')[2] or error}") from None
            raise
        finally:
            self._inside -= 1
        if isinstance(result, Later):
            return (yield result)
        if not isinstance(result, GeneratorType):
            return result
        send, value = result.send, None
        while True:
            self._inside += 1
            try:
                waits_for = send(value)
            except StopIteration as stop:
                return stop.value
            finally:
                self._inside -= 1
            try:
                send, value = result.send, (yield waits_for)
            except Exception as error:
                send, value = result.throw, error

    def _finish(self, message: list) -> Any:
        """A conversation in which the answer may call nobody."""
        if self.busy:
            self.kill()
            raise AnswerBroke("nonsense", "it was asked while it was at work")
        return self._read(self._exchange(message))

    def _read(self, reply: list) -> Any:
        try:
            if reply[0] == "return" and len(reply) == 2:
                return self._unpack(reply[1])
            if reply[0] == "raise" and len(reply) == 7:
                kind, text, label, number, line, foreign = reply[1:]
                text = str(text)[:500]
                raise AnswerRaised(str(kind)[:80], text, str(label)[:80], int(number), str(line)[:200],
                                   foreign is True and text in self._errors)
            if reply[0] == "ask":
                raise Unspeakable("it calls the judge where it may not: while its cell is run, or an attribute read")
            raise Unspeakable(f"it says {reply[0][:40]!r}")
        except (Unspeakable, ValueError, TypeError, OverflowError) as error:
            self.kill()
            raise AnswerBroke("nonsense", str(error)) from error

    def _exchange(self, message: list) -> list:
        """Send a message, and the next one that comes back. Whatever goes wrong is the end of this actor."""
        try:
            if self.dead:
                raise AnswerBroke("died", "the process has ended")
            return decode_line(self._process.exchange(encode_line(message)))
        except Unspeakable as error:
            self.kill()
            raise AnswerBroke("nonsense", str(error)) from error
        except BaseException:  # Ctrl-C, too: the answer to this message would be taken for that to the next
            self.kill()
            raise

    # ----------------------------------------------------------------------------------------------------- values

    def _pack(self, value: Any) -> Any:
        return pack(value, self._refer, -DEEPEST)  # what an answer sent may come back inside other values

    def _refer(self, value: Any) -> list:
        if isinstance(value, Object):
            if value.actor is not self:
                raise AnswerRaised("TypeError", f"a {value.type} cannot go to another process; send plain values")
            return ["answer", value.number]
        if not isinstance(value, Port):
            raise TypeError(f"a check gave the answer a {type(value).__name__}; give it a Port")
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._ports)
            self._ports.append(value)
        return ["port", number, value.name, [verb for verb in value.verbs if verb], self._pack(value.fields)]

    def _unpack(self, value: Any) -> Any:
        return unpack(value, self._resolve, Foreign)

    def _resolve(self, reference: list) -> Any:
        if reference[0] == "port":
            return self._port(reference[1])
        _, number, type, callable, fields = reference
        if not (isinstance(number, int) and isinstance(type, str) and isinstance(fields, dict)):
            raise Unspeakable("a damaged object")
        return Object(self, number, type[:80], callable is True,
                      {name: self._unpack(item) for name, item in fields.items()})

    def _port(self, number: int) -> Port:
        if not (isinstance(number, int) and 0 <= number < len(self._ports)):
            raise Unspeakable("it calls something that nobody gave it")
        return self._ports[number]
