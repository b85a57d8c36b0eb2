"""A World: virtual clock, seeded chance, nodes that crash. The same seed gives the same history.

One loop does everything. It takes what is due next from a heap, sets the clock to its time, and runs it: a step of a
process (a generator), or a call. Nothing runs in parallel and nothing waits for real, so an hour of traffic takes
milliseconds, and a race that happened once happens again whenever you ask for the same seed.

Three rules make it a fair stand-in for life:
1. What is due at the same instant runs in an order drawn from the seed. So searching seeds is searching races.
2. Between two `yield`s nothing else runs. A process gives way only where it says so.
3. A crash ends a node's life, not its disk. Everything that life started is dropped, and every door to the outside
   raises `Dead`, so no `finally` and no `except` can act from beyond.

How nodes talk is in messages.py, how they die and come back in lives.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count, repeat
from math import inf
from numbers import Real
from random import Random
from typing import TYPE_CHECKING, Any

from evlab.env import (
    LONGEST,
    Dead,
    Later,
    Process,
    Timer,
    ambient,
    check_delay,
    check_process,
    not_callable,
    subscribe_to,
    uuid7,
)
from evlab.errors import InvalidUse, learner_traceback
from evlab.sim.disk import Disk, DiskView
from evlab.sim.faults import Fault, Faults, Plan, unit
from evlab.sim.history import History
from evlab.sim.lives import NO_FAULTS, Lives
from evlab.sim.messages import Messages
from evlab.sim.network import Network
from evlab.sim.node import Call, Node, Running

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Node", "World"]


class World(Lives, Messages):
    """An `Env` on a virtual clock.

    seed: any int; with the same seed, faults and program the history is the same, in every process.
    faults: `Faults(...)` draws them from the seed, `Plan([...])` strikes with exactly these, None with none.
    run: a name for this run; a second World on a kept store takes another, so that its ids do not repeat.
    Raises `InvalidUse` for a seed that is no int.
    """

    epoch = 1_767_603_600.0  # 2026-01-05 09:00 UTC, a Monday: what now() == 0 means

    def __init__(self, seed: int = 0, faults: Faults | Plan | None = None, run: str = ""):
        if type(seed) is not int:
            raise InvalidUse(f"the seed {seed!r} is not an int", why="a seed must be the same wherever it is written",
                             next_step="write World(seed=7)")
        if not isinstance(faults, Faults | Plan | None):
            raise InvalidUse(f"{faults!r} says nothing about faults", next_step="give Faults(...), Plan([...]) or None")
        self.seed, self.name = seed, run
        self.faults = faults if faults is not None else NO_FAULTS
        self.struck_by: list[Fault] = []
        """The faults that struck, oldest first. `World(seed, Plan(world.struck_by))` suffers the same."""
        self.reached: dict[str, int] = {}
        """How often each `sometimes` condition was true."""
        self.points: dict[str, int] = {}
        """How often each crash point was passed."""
        self.history = History(lambda: self._now, lambda: self.alive().name)
        self.network = Network(self)
        self._outside = Node("")
        self.nodes: dict[str, Node] = {"": self._outside}
        self._disks: dict[str, Disk] = {}
        self._databases: dict[tuple[str, str], sqlite3.Connection] = {}
        """By node and path."""
        self._streams: dict[str, Random] = {}
        self._ids: dict[str, int] = {}
        self._now = 0.0
        self._node = self._outside
        self._queue: list[tuple] = []
        self._tie, self._number = Random(f"{seed}/order of ties").random, count()
        self._first = count(-(2**53))
        """Tie numbers for what comes before all else that is due then, in the order of asking."""
        self._undead: list[Running] = []
        self._planned: list[Timer] = []
        """What the faults will do later; `calm` cancels it."""
        self._running = self._armed = False
        self._outer = []

    # ---------------------------------------------------------------------------------------- the loop

    def run(self, until: float | Later | None = None, *, steps: int = 5_000_000) -> World:
        """Run what is due, in order, up to and including time `until`, or until nothing is left to do. With a `Later`,
        as `spawn` returns one: until it is settled.

        Raises what a process or a call raised and nobody waited for (noted in the history), and `InvalidUse` after
        `steps` steps: then something never comes to rest. Returns the world.
        """
        if self._running:
            raise InvalidUse("the world is running already", why="one loop moves its clock",
                             next_step="inside a process write `yield`, never world.run()")
        awaited = until if isinstance(until, Later) else None
        if awaited is not None:
            until = None
        end = inf if until is None else until
        if until is not None and not (isinstance(until, Real) and 0 <= until < inf):
            raise InvalidUse(f"run(until={until!r:.40}) names no time",
                             next_step="give seconds since the world began, a Later, or nothing")
        self._arm()
        queue, tie, history = self._queue, self._tie, self.history
        self._running, before, ambient.env = True, ambient.env, self
        try:
            for _ in repeat(None, steps):
                if not queue or (awaited is not None and awaited._settled):
                    break
                now, _, due, later = entry = heappop(queue)
                if now > end:
                    heappush(queue, entry)
                    break
                node = due.node
                if node.barrier > now:  # dead: drop it; paused: it waits for the end of the pause
                    if node.barrier < inf:
                        node.waiting.append((due, later))
                    continue
                if due.__class__ is Call and due.call is None:  # cancelled: it must not move the clock either
                    continue
                self._now, self._node, history.cause = now, node, due.cause
                try:
                    if due.__class__ is Call:
                        call, due.call = due.call, None
                        call()
                        continue
                    if later is None:
                        waits_for = due.send(None)
                    elif later._error is None:
                        waits_for = due.send(later._value)
                    else:
                        waits_for = due.process.throw(later._error)
                    kind = waits_for.__class__
                    if (kind is float or kind is int) and 0 <= waits_for <= LONGEST:
                        due.cause = history.cause
                        heappush(queue, (now + waits_for, tie(), due, None))
                    else:
                        subscribe_to(waits_for, self.after).then(due.wake)
                except Dead:
                    if not node.dead:
                        raise _stale(node) from None
                except StopIteration as stop:
                    if due.__class__ is Call:
                        raise
                    self._end(due, stop.value, None)
                except Exception as error:
                    if node.dead:  # raised by dead code on its way out: nobody hears it
                        continue
                    if due.__class__ is Call or not due.finished._calls:
                        self._note_error(node, error)
                        raise error.with_traceback(learner_traceback(error))  # noqa: B904 - the same error, shown shorter
                    self._end(due, None, error)
            else:
                if queue and queue[0][0] <= end and not (awaited is not None and awaited._settled):
                    raise InvalidUse(f"still busy after {steps:,} steps", why="something starts itself again and again",
                                     next_step="give run(until=...) a time, or end the loop in your process")
        finally:
            self._running, ambient.env = False, before
            self._node, history.cause = self._outside, None
        if until is not None and self._now < until:
            self._now = float(until)
        return self

    def _call_at(self, time: float, node: Node, call: Callable[[], Any], cause: int | None = None,
                 tie: float | None = None) -> Timer:
        due = Call(next(self._number), node, self.history.cause if cause is None else cause, call)
        heappush(self._queue, (time, self._tie() if tie is None else tie, due, None))
        return due

    def _end(self, running: Running, value, error) -> None:
        running.node.processes.pop(running, None)
        if not running.node.dead:
            with suppress(Dead):  # what hears of the end may crash this very node
                self.act_as(running.node, lambda: running.finished._settle(value, error))

    def _note_error(self, node: Node, error: Exception) -> None:
        """Leave a mark on the timeline where an error surfaced; once, though it passes several callers."""
        text, last = f"raises {type(error).__name__}", self.history.entries[-1:]
        if node is not self._outside and not (last and last[0].kind == "note" and last[0].what == text):
            self.history.add("note", text, node=node.name)

    # ------------------------------------------------------------------------ what a pattern asks of its Env

    def now(self) -> float:
        return self._now

    def after(self, delay: float, call: Callable[[], Any]) -> Timer:
        if not callable(call):
            raise not_callable(call)
        return self._call_at(self._now + check_delay(delay), self.alive(), call)

    def spawn(self, process: Process, node: str | None = None) -> Later:
        self.alive()
        check_process(process)
        home = self._node if node is None else self.node(node)
        running = Running(next(self._number), home, self.history.cause, process, self)
        if not home.dead:
            home.processes[running] = None
            heappush(self._queue, (self._now, self._tie(), running, None))
        return running.finished

    def boot(self, node: str, start: Callable[[], Any]) -> None:
        self.node(node, start)

    def files(self, node: str) -> DiskView:
        return self.disk(node).mount(self._guard(self.node(node)))

    def database(self, path: str, node: str = "") -> tuple[sqlite3.Connection, Callable[[], None]]:
        from evlab.sim.databases import open_database

        home = self.node(node) if node else self.alive()
        return open_database(self._databases, home.name, path), self._guard(home)

    def _guard(self, home: Node) -> Callable[[], None]:
        """The check that a handle on a node's disk makes before each use. The disk of a machine that is down can be
        read; a handle of an earlier life cannot."""
        unplugged = home.dead

        def check():
            self.alive()
            if home.dead and not unplugged:
                raise Dead

        return check

    def random(self, name: str) -> Random:
        self.alive()
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Random(f"{self.seed}/{self.name}/{name}")
        return stream

    def new_id(self, node: str = "") -> str:
        node = node or self.alive().name
        number = self._ids[node] = self._ids.get(node, 0) + 1
        chance = unit(self.seed, self.name, "id", node, number)
        return uuid7(int((self.epoch + self._now) * 1000), number << 46 | int(chance * 2**46))

    def point(self, name: str) -> None:
        node = self.alive()
        site = f"{node.name}@{name}"
        passed = self.points[site] = self.points.get(site, 0) + 1
        fault = self.struck(self.faults.point(self.seed, site, passed))
        if fault:
            self.crash(node.name, power=fault.kind == "crash", down=fault.seconds, at=name)

    # -------------------------------------------------------------------------------- what a lesson asks of it

    def node(self, name: str, boot: Callable[[], Any] | None = None) -> Node:
        """The living (or last) life of a node; made if it is new. `boot()` runs now and after each crash.

        A generator that `boot` returns is started as a process. Without `boot`, a restart listens as before.
        Raises `InvalidUse` for a name that is no string, or has one of the characters that name sites.
        """
        try:
            node = self.nodes.get(name)
        except TypeError:  # a list, say
            node = None
        if node is None:
            if not isinstance(name, str) or "→" in name or "@" in name:
                raise InvalidUse(f"{name!r:.60} cannot name a node",
                                 why='sites are written "shop→email" and "email@point"',
                                 next_step='give a word, such as "shop"')
            node = self.nodes[name] = Node(name)
        if boot is not None:
            self.alive()
            node.boot = boot
            self._start(node)
        return node

    def disk(self, node: str) -> Disk:
        """The disk of a node, which outlives its crashes."""
        self.node(node)
        return self._disks.setdefault(node, Disk())

    def sometimes(self, name: str, condition: bool = True) -> None:
        """Note that something rare was reached: a test asserts that, over many seeds, each of them was."""
        self.alive()
        self.reached[name] = self.reached.get(name, 0) + bool(condition)

    def note(self, text: str, value=None) -> None:
        """A remark on the timeline, by the node that runs now."""
        self.history.note(text, value)

    def event(self, type: str, data: dict | None = None, **more):
        """An `Event` with its id and time from this world."""
        from evlab.event import Event

        with self:
            return Event(type=type, data=data or {}, **more)

    def __enter__(self) -> World:
        self._outer.append(ambient.env)
        ambient.env = self
        return self

    def __exit__(self, *_) -> None:
        ambient.env = self._outer.pop()

    def __repr__(self) -> str:
        return f"World(seed={self.seed}, now={self._now:.3f} s, {len(self.history)} entries)"

    # ------------------------------------------------------------------------- for the network and the patterns

    def alive(self) -> Node:
        """The life that runs now. Raises `Dead` if it has ended: the door that dead code cannot pass."""
        node = self._node
        if node.barrier == inf:
            raise Dead
        return node

    def schedule(self, due: float, call: Callable[[], Any]) -> None:
        """Call `call()` at time `due`, whoever lives then."""
        self._call_at(due, self._outside, call)

    def hold(self, node: Node, call: Callable[[], Any]) -> None:
        """Call `call()` when the pause of `node` is over, or when it has crashed in it."""
        node.waiting.append((Call(next(self._number), self._outside, self.history.cause, call), None))

    def act_as(self, node: Node, call: Callable[[], Any], cause: int | None = None) -> None:
        """Call `call()` in a node's name. If that kills the node that runs now, `Dead` goes on to it."""
        history, before = self.history, (self._node, self.history.cause, ambient.env)
        self._node, ambient.env = node, self
        if cause is not None:
            history.cause = cause
        try:
            call()
        except Dead:
            if not node.dead:
                raise _stale(node) from None
        except Exception as error:
            if not node.dead:  # what dead code raises on its way out, nobody hears
                self._note_error(node, error)
                raise
        finally:
            self._node, history.cause, ambient.env = before
        self.alive()

    def struck(self, fault: Fault | None) -> Fault | None:
        """Remember a fault that strikes."""
        if fault is not None:
            self.struck_by.append(fault)
        return fault


def _stale(node: Node) -> InvalidUse:
    return InvalidUse(f"code of {node.name!r} used a file that was opened in an earlier life",
                      why="the node has crashed since, and a crash closes its files",
                      next_step="open files in the boot function: world.node(name, boot)")

