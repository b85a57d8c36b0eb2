"""Everything that comes from outside enters through one door: `Env`.

A pattern in evlab (the bus, the store, the log) never reads a clock, draws a random number, opens a file or touches
a network. It asks its `Env`. `Real` answers with the machine you sit at. `evlab.sim.World` answers with a virtual
clock and a seed, so that the same code replays exactly. There is one code path, and no `if simulated` in it.

What must happen later is asked of `env.after`. What may take time is returned as a `Later`. A process is a generator
that yields what it waits for: a delay in seconds, a `Later`, or a `Signal`. `run` drives such a process on the real
clock, `World.spawn` on the virtual one.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import numbers
import os
import pathlib
import random
import secrets
import threading
import time
from collections.abc import Callable, Generator, Hashable
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

from evlab.errors import InvalidUse, Timeout, Unreachable
from evlab.files import DiskFiles, File, Files, check_size, check_span
from evlab.later import Dead, Later, Signal, Timer

if TYPE_CHECKING:
    import sqlite3

__all__ = ["LONGEST", "Dead", "DiskFiles", "Env", "File", "Files", "Later", "Process", "Real", "Signal", "Timer",
           "ambient", "check_delay", "check_env", "check_process", "check_size", "check_span", "here", "no_answer",
           "not_callable", "run", "settle_answer", "subscribe_to", "uuid7"]

Process = Generator[Any, Any, Any]

LONGEST = 1e9
"""The longest delay, in seconds: 31 years. A larger one is a mistake, and an infinite one would stop the clock."""


class Env(Protocol):
    """What a pattern may ask of the outside. Nodes are named by strings; times are seconds."""

    epoch: float
    """What `now() == 0` means, in seconds since 1970-01-01 UTC."""

    def now(self) -> float:
        """Seconds since `epoch`."""

    def after(self, delay: float, call: Callable[[], Any]) -> Timer:
        """Call `call()` once, `delay` seconds from now, on the node that asks. Dropped if that node crashes."""

    def spawn(self, process: Process, node: str | None = None) -> Later:
        """Start a process on `node` (the asking node by default). The Later holds its return value."""

    def boot(self, node: str, start: Callable[[], Any]) -> None:
        """Call `start()` on `node`: now, and each time when it comes back from a crash. What it had in memory is gone
        then; `start` makes it anew from the disk. A generator that `start` returns is spawned there."""

    def files(self, node: str) -> Files:
        """The disk of `node`."""

    def database(self, path: str, node: str = "") -> tuple[sqlite3.Connection, Callable[[], None]]:
        """A SQLite connection to the database `path` on the disk of `node`, and a check to make before each use: it
        raises `Dead` if the life that opened it has ended. `evlab.database.Database` is what to use."""

    def listen(self, node: str, handler: Callable[[Any], Any], port: str = "") -> None:
        """Hand each message for `node` and `port` to `handler`; what it returns is the answer to an `ask`."""

    def send(self, node: str, message: Any, port: str = "") -> None:
        """Send and forget. Between nodes it may be late, lost or doubled."""

    def ask(self, node: str, message: Any, port: str = "", timeout: float = 1.0) -> Later:
        """Send and wait for the answer. No answer in `timeout` seconds fails with `Timeout`: outcome unknown."""

    def link(self, node: str, port: str = "", timeout: float = 1.0) -> Callable[[Any], Any]:
        """The shortest way to what listens there: the handler itself where that is a direct call, else `ask`."""

    def random(self, name: str) -> random.Random:
        """The random stream of that name. A draw from one stream never shifts another."""

    def new_id(self, node: str = "") -> str:
        """A fresh, time-ordered id."""

    def point(self, name: str) -> None:
        """A named place in the code where a crash may strike."""


# ------------------------------------------------------------------------------------------------ the real one


class Real:
    """The machine you sit at: its clock, its randomness, its disk. All nodes are in this process: calls are direct.

    Timers and processes are driven by `run`, on the real clock, in one thread. As in a `World`, nothing else runs
    between two `yield`s of a process: what it wakes or starts has its turn when it gives way.
    """

    epoch = 0.0

    def __init__(self, root: str | os.PathLike = "."):
        self._root = pathlib.Path(root)
        self._handlers: dict[tuple[str, str], Callable] = {}
        self._streams: dict[str, random.Random] = {}
        self._due: list[tuple[float, int, Timer]] = []
        self._most_due = 1000
        self._number = itertools.count()
        self._ready: collections.deque[tuple] = collections.deque()
        self._stepping = False

    now = staticmethod(time.time)  # no function around it: a producer asks for the time of each record

    def after(self, delay: float, call: Callable[[], Any]) -> Timer:
        if not callable(call):
            raise not_callable(call)
        timer = Timer(call)
        heapq.heappush(self._due, (time.monotonic() + check_delay(delay), next(self._number), timer))
        if len(self._due) > self._most_due:
            self._sweep()
        return timer

    def _sweep(self) -> None:
        """Let go of timers that were cancelled. A timeout nearly always is, long before it is due."""
        self._due = [one for one in self._due if one[2].call is not None]
        heapq.heapify(self._due)
        self._most_due = 2 * len(self._due) + 1000

    def spawn(self, process: Process, node: str | None = None) -> Later:
        check_process(process)
        finished = Later()
        self._step(process, finished, Later.of())
        return finished

    def boot(self, node: str, start: Callable[[], Any]) -> None:
        process = start()
        if isinstance(process, GeneratorType):
            self.spawn(process, node)

    def files(self, node: str) -> DiskFiles:
        return DiskFiles(self._root / node)

    def database(self, path: str, node: str = "") -> tuple[sqlite3.Connection, Callable[[], None]]:
        from evlab.database import connect

        return connect(path), lambda: None

    def listen(self, node: str, handler: Callable[[Any], Any], port: str = "") -> None:
        self._handlers[node, port] = handler

    def send(self, node: str, message: Any, port: str = "") -> None:
        self.link(node, port)(message)

    def ask(self, node: str, message: Any, port: str = "", timeout: float = 1.0) -> Later:
        answer = Later()
        try:
            settle_answer(self, answer, self.link(node, port)(message))
        except Exception as error:  # the answer of a handler that fails is its error
            answer.fail(error)
        if not answer.done:
            deadline = self.after(timeout, lambda: answer.fail(no_answer(node, timeout)))
            answer.then(lambda _: deadline.cancel())
        return answer

    def link(self, node: str, port: str = "", timeout: float = 1.0) -> Callable[[Any], Any]:
        handler = self._handlers.get((node, port))
        if handler is None:
            raise Unreachable(f"nothing listens at {node!r}, port {port!r}",
                              next_step="call env.listen(node, handler, port) there first", node=node, port=port)
        return handler

    def random(self, name: str) -> random.Random:
        return self._streams.setdefault(name, random.Random())

    def new_id(self, node: str = "") -> str:
        return uuid7(time.time_ns() // 1_000_000, secrets.randbits(74))

    def point(self, name: str) -> None:
        pass

    def drive(self, until: Callable[[], bool] | None = None) -> None:
        """Call what is due, sleeping between, until `until()` is true or nothing is left to wait for.

        Called inside a process, it waits there and then, and the others go on meanwhile.
        """
        stepping, self._stepping = self._stepping, False
        try:
            self._take_steps()
            while self._due and not (until and until()):
                due, _, timer = self._due[0]
                wait = due - time.monotonic() if timer.call else 0.0
                if wait > 0:
                    time.sleep(wait)
                    continue
                heapq.heappop(self._due)
                call, timer.call = timer.call, None
                if call:
                    call()
        finally:
            self._stepping = stepping

    def _step(self, process: Process, finished: Later, settled: Later) -> None:
        """Go on with a process, now that what it waited for has settled; after the step that runs now, if one does."""
        self._ready.append((process, finished, settled))
        self._take_steps()

    def _take_steps(self) -> None:
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._ready:
                self._resume(*self._ready.popleft())
        finally:
            self._stepping = False

    def _resume(self, process: Process, finished: Later, settled: Later) -> None:
        try:
            waits_for = process.send(settled.value) if settled.error is None else process.throw(settled.error)
        except StopIteration as stop:
            finished.resolve(stop.value)
        except Exception as error:
            if not finished._calls:  # nobody waits for it, so nobody else would learn of it
                raise
            finished.fail(error)
        else:
            subscribe_to(waits_for, self.after).then(lambda done: self._step(process, finished, done))


_thread = threading.local()


def here() -> Real:
    """The `Real` of everything that was given no env, such as `Bus()`: one for each thread.

    One for all, because `run(process)` has to ring their timers. So it rings those of what a program has made before
    and forgotten, too: who wants to be alone gives each a `Real()` of its own. Not one for all threads, because a Real
    is driven in one.
    """
    if not hasattr(_thread, "env"):
        _thread.env = Real()
    return _thread.env


def run(process: Process, env: Real | None = None):
    """Drive a process on the real clock until it ends, and return its value. `World.spawn` is the simulated twin.

    env: whose timers ring meanwhile; by default of all that was made without an env in this thread: `Bus()`,
    `Database()`. Raises what the process raised, or what a timer that rang meanwhile did, and `InvalidUse` if it waits
    for something that can no longer happen.
    """
    env = env or here()
    finished = env.spawn(process)
    env.drive(lambda: finished.done)
    if not finished.done:
        raise InvalidUse("the process waits for something that can no longer happen",
                         why="nothing is due, so nobody is left to resolve what it yielded",
                         next_step="look at its last `yield`")
    return finished.value


# ------------------------------------------------------------------------------------- shared by both drivers


def subscribe_to(waits_for, after: Callable[[float, Callable[[], Any]], Any] | None = None) -> Later:
    """What a process yielded, as a Later; a number of seconds becomes one with the help of `after`.

    What cannot be waited for gives a Later that failed with `InvalidUse`: thrown into the process, the error shows
    the line that yielded it.
    """
    if isinstance(waits_for, Later):
        return waits_for
    if isinstance(waits_for, Signal):
        return waits_for.next()
    later = Later()
    if after and isinstance(waits_for, numbers.Real) and not isinstance(waits_for, bool):
        try:
            after(float(check_delay(waits_for)), later.resolve)
        except InvalidUse as error:
            later.fail(error)
    else:
        later.fail(InvalidUse(f"a process yielded {waits_for!r}", why="it can wait for seconds, a Later or a Signal",
                              next_step="yield a number, what a call returned, or a signal such as consumer.arrived"))
    return later


def check_delay(delay: float) -> float:
    """The delay itself. Raises `InvalidUse` unless it is from 0 to `LONGEST` seconds."""
    try:
        possible = 0 <= delay <= LONGEST
    except TypeError:
        possible = False
    if not possible:
        raise InvalidUse(f"{delay!r:.40} seconds from now is no time to wait for",
                         why=f"time runs forward, and a delay of more than {LONGEST:,.0f} s is taken for a mistake",
                         next_step="give a number of seconds of 0 or more")
    return delay


def check_env(env: Env | None) -> None:
    """Raise `InvalidUse` for what is neither None nor an Env."""
    if env is not None and not (hasattr(env, "after") and hasattr(env, "listen")):
        raise InvalidUse(f"env={env!r:.60} is no Env", why="it gives the clock, the disk and the network",
                         next_step="give a World or a Real, or leave it out")


def not_callable(call) -> InvalidUse:
    """The error for what `after` cannot call."""
    return InvalidUse(f"after(...) was given {call!r:.60}, which cannot be called",
                      why="it is called when its time has come", next_step="give a function without calling it: "
                      "after(0.5, retry), or after(0.5, lambda: retry(order))")


def check_process(process: Process) -> None:
    """Raise `InvalidUse` for what is not a generator."""
    if not isinstance(process, GeneratorType):
        hint = "call it: spawn(work(), ...)" if callable(process) else "write a function that yields, and call it"
        raise InvalidUse(f"a {type(process).__name__} is not a running generator", next_step=hint)


def settle_answer(env: Env, answer: Later, result) -> None:
    """Settle `answer` with what a handler returned: a value at once; a Later or a generator when it ends."""
    if isinstance(result, GeneratorType):
        result = env.spawn(result)
    if isinstance(result, Later):
        result.then(lambda done: answer._settle(done._value, done._error))
    else:
        answer.resolve(result)


def uuid7(milliseconds: int, bits: int) -> str:
    """RFC 9562's UUID version 7: 48 bits of Unix milliseconds, then 74 bits that tell equal times apart."""
    high = (milliseconds & (1 << 48) - 1) << 16 | 7 << 12 | bits >> 62 & 0xFFF
    number = high << 64 | 2 << 62 | bits & (1 << 62) - 1
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def no_answer(node: Hashable, timeout: float) -> Timeout:
    """The error for a question that nobody answered in `timeout` seconds."""
    return Timeout(f"no answer from {node} in {timeout:g} s",
                   why="the request may be lost, or only its answer: the outcome is unknown",
                   next_step="ask again, and make the other side safe to ask twice", node=node, seconds=timeout)


class _Ambient:
    """Which Env gives `Event(...)` its id and time: the World that runs, or that stands in `with world:`."""

    __slots__ = ("env",)

    def __init__(self):
        self.env: Env | None = None


ambient = _Ambient()
