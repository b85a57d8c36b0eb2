"""A database that two processes of the answer use at once, a bus, and crashes and pauses at any call.

One process holds the lock while its transaction is open; the other waits, as SQLite's writers do. (A look from outside
waits, too: it sees what it would have seen right after.) checks.py says what is wrong with what came of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Object, Port
from evlab.course.judge.actor import WrongCall
from evlab.course.judge.tables import Tables
from evlab.env import Later, Signal
from evlab.errors import EvlabError, Timeout
from evlab.event import Event
from evlab.sim.history import describe

SECONDS = 60
"""Longer than anything that an answer does at once."""


class Desk:
    """The database and the bus of one history.

    crashes: the numbers of the moments at which a process dies; each life of one counts from 1, 0 is never. A moment is
    before each call of the database, of `effect` and of `bus.publish`, and after that one. each: seconds for a call.
    """

    def __init__(self, case: Case, script: str, crashes: tuple[int, ...] = (), each: float = 0.01):
        self.case, self.world, self.history = case, case.world, case.history
        self.tables = Tables(case, script, quiet=True)
        self.crashes = [number for number in crashes if number]
        self.pace: dict[str, Callable[[int], float]] = {}
        """By node: the seconds that pass before its so many-th call, if not `each`."""
        self.each = each
        self.owner, self.calls, self.moments = "", {}, {}
        self.freed = Signal()
        self.crashed: set[str] = set()
        self.published: list[tuple[int, Any]] = []
        """(entry, event) of what the bus has got."""
        self.tries: list[Event] = []
        self.fails: Callable[[Event, int], str] = lambda event, times: ""
        """"lost" or "late" (it is there, and no answer comes) for an event that is published the so many-th time."""
        self.silence: type[EvlabError] = Timeout
        """How `publish` ends without an answer."""
        self.on_publish: Callable[[int], None] = lambda number: None
        """Called with the number of each call of `publish`, from 1."""
        self.open_at: int | None = None
        """The entry of a publish inside of an open transaction."""

    def note(self, text: str, node: str = "shop") -> int:
        return self.history.add("note", text, node=node)

    # ------------------------------------------------------------------------------------------ what the answer gets

    def db(self, node: str) -> Port:
        tables = self.tables
        return Port("db", verbs={
            "execute": lambda sql, parameters=(): self._call(node, sql, lambda: tables.execute(sql, parameters)),
            "begin": lambda: self._call(node, "begin", tables.begin),
            "commit": lambda: self._call(node, "commit", tables.commit),
            "rollback": lambda: self._call(node, "rollback", tables.rollback)})

    def effect(self, node: str, consumer: str, event: Event, fails: type[Exception] | None = None,
               half: bool = False) -> Port:
        """The effect, which may fail. half: it fails with a half done, and works when it is called again."""
        calls = 0

        def call() -> Generator:
            nonlocal calls
            calls += 1
            bad = fails if calls == 1 or not half else None
            said = (", fails half done" if half else ", fails") if bad else ""
            return self._call(node, f"effect: {event.key}{said}", lambda: work(bad))

        def work(bad: type[Exception] | None) -> None:
            if not bad or half:
                self.tables.write("INSERT INTO effects VALUES ('" + consumer.replace("'", "''") + f"', '{event.id}')")
            if bad:
                raise bad(f"{event.key} has no customer")

        return Port("effect", call)

    def bus(self, node: str) -> Port:
        return Port("bus", verbs={"publish": lambda event=None: self._publish(node, event)})

    def clock(self) -> Port:
        return Port("clock", lambda: self.world.epoch + self.world.now())

    # --------------------------------------------------------------------------------------------------- what happens

    def _call(self, node: str, what: Any, work: Callable[[], Any]) -> Generator:
        number = self.calls[node] = self.calls.get(node, 0) + 1
        yield self.pace.get(node, lambda number: self.each)(number)
        if self.owner not in ("", node):
            self.note("waits: the other process has a transaction open", node)
        while self.owner not in ("", node):
            yield self.freed
        self._moment(node)
        self.note(" ".join(str(what).split())[:76], node)
        try:
            return work()
        except sqlite3.IntegrityError as error:
            raise EvlabError(str(error)) from error
        finally:
            self._own(node)

    def _own(self, node: str) -> None:
        was, self.owner = self.owner, node if self.tables.in_transaction else ""
        if was and not self.owner:
            self.freed.fire()

    def _publish(self, node: str, event: Any) -> Generator:
        if not isinstance(event, Event):
            raise WrongCall(f"bus.publish needs an Event, not {event!r:.60}")
        number = self.calls[node] = self.calls.get(node, 0) + 1
        yield self.pace.get(node, lambda number: self.each)(number)
        self._moment(node)
        self.tries.append(event)
        how = self.fails(event, sum(one.id == event.id for one in self.tries))
        entry = self.note(f"publish {event.type} {event.key}" + (", no answer" if how else ""), node)
        if self.tables.in_transaction and self.open_at is None:
            self.open_at = entry
        if how != "lost":
            self.published.append((entry, event))
        self.on_publish(len(self.tries))
        self._moment(node)
        if how:
            raise self.silence("the bus did not answer within 1 s")

    def _moment(self, node: str) -> None:
        self.moments[node] = self.moments.get(node, 0) + 1
        if self.crashes and self.moments[node] == self.crashes[0]:
            self.crashes.pop(0)
            self.moments[node] = 0
            self.crashed.add(node)
            if self.owner == node:
                self.tables.rollback()
                self._own(node)
            self.world.crash(node)

    # ------------------------------------------------------------------------------------------------- running it

    def actor(self, node: str) -> Any:
        """The answer's process on a node; a new one after a crash."""
        fresh = node in self.crashed
        self.crashed.discard(node)
        return self.case.actor(node, fresh=fresh)

    def do(self, node: str, what: str, value: Any, work: Callable[[], Generator]) -> bool:
        """One piece of work on a node. False if the process died in it; the node is up again then."""
        finished = self._begin(node, what, value, work)
        self.world.run(until=finished, steps=200_000)
        if not finished.done:
            self.world.restart(node)
            return False
        finished.value  # noqa: B018 - raises what the answer raised
        return True

    def both(self, what: str, works: dict[str, tuple[str, Callable]], start: float) -> dict[str, Any]:
        """Two pieces of work at once, the second from `start` on. By node: None, an error, or "open" if it hangs."""
        (first, one), (second, two) = works.items()
        running = {first: self._begin(first, what, *one)}
        self.world.after(start, lambda: running.update({second: self._begin(second, what, *two)}))
        self.case.run(SECONDS)
        return {node: later.error if later.done else "open" for node, later in running.items()}

    def _begin(self, node: str, what: str, value: Any, work: Callable[[], Generator]) -> Later:
        operation = self.history.invoke(what, value, node=node)

        def process() -> Generator:
            try:
                yield from work()
            except AnswerRaised as error:
                operation.fail(str(error)[:90])
                raise
            operation.ok()

        return self.world.spawn(process(), node).then(lambda _: None)


class Worker:
    """A process of a consumer: it gives what is delivered to the answer's `once`, or to that of its `Inbox`."""

    def __init__(self, desk: Desk, node: str, consumer: str = "points", keep: int | None = None):
        self.desk, self.node, self.consumer, self.keep = desk, node, consumer, keep
        self.inbox: Object | None = None

    def work(self, event: Event, fails: type[Exception] | None = None, half: bool = False) -> Callable[[], Generator]:
        """A delivery, to be run on the node."""
        desk, node = self.desk, self.node
        fresh, actor = node in desk.crashed, desk.actor(node)
        effect = desk.effect(node, self.consumer, event, fails, half)

        def process() -> Generator:
            if self.keep is None:
                yield from actor.call("once", desk.db(node), self.consumer, event, effect)
                return
            if self.inbox is None or fresh:
                self.inbox = yield from actor.call("Inbox", desk.db(node), self.consumer, self.keep, desk.clock())
            if not isinstance(self.inbox, Object):
                raise WrongCall(f"Inbox(db, consumer, keep, clock) gave {describe(self.inbox)}")
            yield from actor.method(self.inbox, "once", event, effect)

        return process

    def gets(self, event: Event, said: str = "", fails: type[Exception] | None = None, half: bool = False) -> bool:
        """Deliver it now. False if the process died in it."""
        return self.desk.do(self.node, "handle", said or event.key, self.work(event, fails, half))
