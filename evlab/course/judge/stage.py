"""An answer at work, on its side of the line: it is called, calls back, and its values cross in both directions.

Nothing here decides anything. An answer that takes this file apart gets a process that talks nonsense, and the judge
reads nonsense as nonsense.
"""

from __future__ import annotations

import builtins
import linecache
import os
import random
import sys
import traceback
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from evlab import errors
from evlab.course.judge.protocol import DEEPEST, Unspeakable, decode_line, encode_line, error_text, pack, unpack
from evlab.course.judge.salt import salted
from evlab.event import Event

__all__ = ["Actor", "Channel", "Port", "Printed", "make_error"]

MOST_PRINTED = 4000
"""Characters of what an answer prints in one history that are kept."""
NOTHING_RAN = "returned a generator or a coroutine: with `yield` or `async` in it, calling it runs nothing"


class Channel:
    """Lines over two descriptors."""

    def __init__(self, read: int, write: int):
        self._read, self._write, self._rest = read, write, b""

    def receive(self) -> list:
        while b"\n" not in self._rest:
            data = os.read(self._read, 65536)
            if not data:
                os._exit(0)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return decode_line(line)

    def send(self, message: list) -> None:
        data = encode_line(message)
        while data:
            data = data[os.write(self._write, data):]


class Port:
    """Something that the judge has given to the answer: a handler, an env, a store. Each call goes to the judge."""

    def __init__(self, actor: Actor, number: int, name: str, verbs: list[str], fields: dict):
        for verb in verbs:
            self.__dict__[verb] = lambda *args, _verb=verb, **named: actor.ask(number, _verb, args, named)
        self.__dict__.update(fields)
        self.__dict__["__port__"] = number, name
        self.__dict__["__ask__"] = actor.ask

    def __call__(self, *args, **named):
        return self.__ask__(self.__port__[0], "", args, named)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        number, called = self.__dict__["__port__"]
        has = ", ".join(name for name in self.__dict__ if not name.startswith("__")) or "nothing but a call"
        raise AttributeError(f"{called!r} has no {name!r}; it has {has}")

    def __repr__(self) -> str:
        return f"<{self.__dict__['__port__'][1]}>"


PLAIN = str | int | float | list | tuple | Event | BaseException | Port | None


class Printed:
    """Where an answer's prints go: the first of them are kept for the report, and there is no end to the rest."""

    encoding = "utf-8"

    def __init__(self):
        self.kept, self.size = [], 0

    def write(self, text) -> int:
        text = str(text)
        room = MOST_PRINTED - self.size
        if room > 0:
            self.kept.append(text[:room])
            self.size += len(text[:room])
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


class Actor:
    """One answer at work: its code, its namespace of this history, and the objects that the judge knows by number."""

    def __init__(self, channel: Channel):
        self.channel = channel
        self.code: list[tuple[Any, str]] = []
        self.namespace: dict[str, Any] = {}
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.ports: dict[int, Port] = {}
        self.printed = Printed()
        self.inside = False
        """An object's fields are being taken: of objects in them only the name is told, or there would be no end."""

    def serve(self) -> None:
        """Do what the judge says until it hangs up."""
        while True:
            self.perform(self.channel.receive())

    def perform(self, message: list) -> None:
        try:
            self.channel.send(["return", self.pack(self.do(message))])
        except BaseException as error:  # sys.exit, Ctrl-C and whatever the answer has made: all of it is its own
            self.channel.send(["raise", *self.describe(error)])

    def do(self, message: list) -> Any:
        verb, rest = message[0], message[1:]
        if verb == "call":
            target, method, args, named = rest
            function = self.unpack(target) if isinstance(target, dict) else self.find(target)
            if method:
                function = getattr(function, method)
            result = function(*self.unpack(args), **self.unpack(named))
            if isinstance(result, GeneratorType | CoroutineType | AsyncGeneratorType):
                raise TypeError(f"{method or getattr(function, '__name__', 'the call')} {NOTHING_RAN}")
            return result
        if verb == "get":
            return getattr(self.unpack(rest[0]), rest[1])
        if verb == "load":
            return self.load(rest[0])
        if verb == "reset":
            return self.reset(rest[0])
        if verb == "printed":
            return "".join(self.printed.kept)
        raise Unspeakable(f"the judge said {verb!r}")

    def load(self, sources: list[list[str]]) -> None:
        """Take the answer's code: (label, source) of each cell, in order."""
        self.code = []
        for label, source in sources:
            name = f"<answer {label}>"
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
            self.code.append((compile(source, name, "exec", dont_inherit=True), name))

    def reset(self, seed: int) -> None:
        """A fresh namespace, as after a start of the process; `random` and `hash` begin again, too."""
        self.objects, self.numbers, self.ports, self.printed = {}, {}, {}, Printed()
        sys.stdout = sys.stderr = self.printed
        random.seed(seed)
        self.namespace = {"__name__": "__answer__", "__builtins__": builtins, "hash": salted(seed)}
        for code, _ in self.code:
            exec(code, self.namespace)

    def find(self, name: str) -> Any:
        if name not in self.namespace:
            raise NameError(f"{name!r} is not defined")
        return self.namespace[name]

    def ask(self, number: int, verb: str, args: tuple, named: dict) -> Any:
        """Call the judge and wait for what it says. Meanwhile it may call back, as a handler does that publishes."""
        self.channel.send(["ask", number, verb, self.pack(list(args)), self.pack(named)])
        while True:
            message = self.channel.receive()
            if message[0] == "value":
                return self.unpack(message[1])
            if message[0] == "error":
                raise make_error(*message[1:])
            self.perform(message)

    # ------------------------------------------------------------------------------------ values and references

    def pack(self, value: Any) -> Any:
        return pack(value, self.refer)

    def refer(self, value: Any) -> list:
        if type(value) is Port:
            return ["port", value.__dict__["__port__"][0]]
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.objects) + 1
            self.objects[number] = value  # kept, so that no other object gets its id
        return ["answer", number, str(type(value).__name__), callable(value), self.fields_of(value)]

    def fields_of(self, value: Any) -> dict[str, Any]:
        """The first plain attributes of an object, packed; nothing of one that keeps none."""
        if self.inside:
            return {}
        self.inside = True
        try:
            return {name: self.pack(item) for name, item in list(vars(value).items())[:20]
                    if isinstance(name, str) and isinstance(item, PLAIN)}
        except Exception:  # no __dict__, or what it holds cannot be told
            return {}
        finally:
            self.inside = False

    def unpack(self, value: Any) -> Any:
        return unpack(value, self.resolve, make_error, -DEEPEST)

    def resolve(self, reference: list) -> Any:
        kind, number, *rest = reference
        if kind == "answer":
            return self.objects[number]
        if number not in self.ports:
            name, verbs, fields = rest
            self.ports[number] = Port(self, number, name, verbs, self.unpack(fields))
        return self.ports[number]

    def describe(self, error: BaseException) -> list:
        """An error for the judge: its type, text, and the answer's own line that raised it."""
        name, number, text = "", 0, error_text(error)
        for frame, at in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith("<answer "):
                name, number = frame.f_code.co_filename, at
        if isinstance(error, SyntaxError) and error.filename in linecache.cache:
            name, number, text = error.filename, error.lineno or 0, str(error.msg)
        line = linecache.getline(name, number).strip()[:200] if name in linecache.cache else ""
        return [str(type(error).__name__), text, name[8:-1], number, line, hasattr(error, "__from_judge__")]


def make_error(name: str, text: str, foreign: bool = True) -> BaseException:
    """The error that a call to the judge raises, by its type's name. `foreign`: it was not raised about that call."""
    kind = getattr(builtins, name, None) or getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception | KeyboardInterrupt)):
        kind = RuntimeError
    try:
        error = kind(text)
    except TypeError:
        error = RuntimeError(f"{name}: {text}")
    if foreign:
        error.__from_judge__ = True
    return error
