"""One order of question 4: its stream, its services, and the lives of its orchestrator.

The answer's process is killed before a call of its own: that call never happens, and `run` is called again. What the
answer does is noted in the history; checks.py says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from evlab.course.judge import AnswerBroke, AnswerRaised, Case, Port
from evlab.course.judge.actor import WrongCall
from evlab.errors import EvlabError, Timeout
from evlab.event import Event
from evlab.sim.history import describe
from evlab.store import ANY, EventStore

Fates = dict[str, tuple[str, ...]]
"""What becomes of each command type, ask by ask; the last one goes on for ever."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")


class Lives:
    """One order. `kills`: the calls before which its orchestrator is killed, counted over all its lives. `full`: the
    write that finds the disk full, 0 for none."""

    def __init__(self, case: Case, steps: list[dict], fates: Fates, order: str, kills: tuple[int, ...] = (),
                 store: EventStore | None = None, attempts: int = 3, full: int = 0):
        self.case, self.steps, self.fates, self.kills, self.order = case, steps, fates, kills, order
        self.attempts, self.full, self.writes = attempts, full, 0
        self.unwritten = ""
        """What could not be written in this life, until something can."""
        self.store = store or EventStore(env=case.world)
        self.began = case.world.now()
        self.calls, self.lives, self.dead, self.after_death, self.killed_at = 0, 0, False, 0, ""
        self.asked: list[tuple[str, str, str, int, int]] = []
        """Type, id, answer, life and entry of each ask."""
        self.known: dict[str, str] = {}
        self.standing: list[str] = []
        """Names of steps that are done and not undone, in the order in which they were done."""
        self.undone: set[str] = set()
        self.stream: list[tuple] = []
        self.states: list[str] = []
        """What the stream and the services held before each call: where a life that begins there would begin."""
        self.step_of = {one["name"]: one for one in steps}
        self.undo_of = {one["undo"]: one for one in steps if one["undo"]}

    # ------------------------------------------------------------------------------------------- what it may call

    def _call(self, what: str) -> None:
        if self.dead:
            self.after_death += 1
            if self.after_death > 3:  # it will not die
                self.case.actor("orders").kill()
            raise KeyboardInterrupt("the process is killed")
        self.calls += 1
        self.states.append(self._state())
        if self.calls in self.kills:
            self.dead, self.killed_at = True, what
            self.case.history.add("kill", f"before: {what}", node="orders")
            raise KeyboardInterrupt("the process is killed")

    def _state(self) -> str:
        times = {type: min([one[0] for one in self.asked].count(type), len(fates) - 1)
                 for type, fates in self.fates.items()}
        text = _TIME.sub("then", repr((self.stream, times, self.known, self.standing, sorted(self.undone))))
        for number, id in enumerate(dict.fromkeys(_ID.findall(text))):
            text = text.replace(id, f"id {number}")
        return text.replace(self.order, "order")

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Port]:
        self._call(f"read {describe(stream)}")
        rows = list(self.store.read(stream, after, limit))
        self.case.history.did(f"read {stream}", f"{len(rows)} events", node="orders")
        return _ports(rows)

    def append(self, stream: str, events: Any, expected: Any = ANY) -> list[Port]:
        given = [events] if isinstance(events, Event) else events
        given = given if isinstance(given, list | tuple) else []
        named = ", ".join(one.type for one in given if isinstance(one, Event))
        self._call(f"write {named}")
        operation = self.case.history.invoke(f"write {named}", node="orders")
        self.writes += 1
        if self.writes == self.full:
            operation.fail("the disk is full")
            self.unwritten = named or "nothing"
            raise EvlabError("the disk is full, and nothing was written")
        try:
            rows = self.store.append(stream, events, expected)
        except Exception as error:
            operation.fail(type(error).__name__)
            raise
        self.unwritten = ""
        operation.ok(f"version {self.store.version(stream)}")
        self.stream += [(row.event.type, row.event.id, row.event.data) for row in rows]
        return _ports(rows)

    def ask(self, asked: Any = None) -> Generator:
        known = self.step_of.keys() | self.undo_of.keys()
        if not isinstance(asked, Event) or asked.type not in known or asked.key != self.order:
            raise WrongCall(f"ask needs command(type, order) with a step's name or undo as its type, not {asked!r:.80}")
        self._call(f"ask {asked.type}")
        type, times = asked.type, sum(one[0] == asked.type for one in self.asked)
        fates = self.fates.get(type, ("done",))
        fate = fates[min(times, len(fates) - 1)]
        operation = self.case.history.invoke(f"ask {type}", node="orders")
        self.before(asked)
        if fate != "lost" and asked.id not in self.known:
            self.known[asked.id] = self._work(type, fate)
        answer = self.known[asked.id] if fate in ("done", "refused") else "silence"
        self.asked.append((type, asked.id, answer, self.lives, operation.number))
        yield 5.0 if answer == "silence" else 0.1
        if answer == "silence":
            operation.info("no answer: " + ("lost" if fate == "lost" else "unheard"))
            raise Timeout("no answer within 5 s")
        operation.ok(answer)
        return answer

    def _work(self, type: str, fate: str) -> str:
        """The service's transaction. It has the manners of question 2."""
        if fate == "refused" or type in self.undone:
            return "refused"
        if type in self.undo_of:
            name = self.undo_of[type]["name"]
            self.undone.add(name)
            if name in self.standing:
                self.standing.remove(name)
        else:
            self.standing.append(type)
        return "done"

    # ------------------------------------------------------------------------------------ what checks.py has to say

    def before(self, asked: Event) -> None:
        """Called before a command reaches its service: may it be asked now?"""

    def raised(self, error: AnswerRaised) -> None:
        """Called with an error that came out of `run`. Raises."""
        raise error

    # ---------------------------------------------------------------------------------------------------- its lives

    def live(self) -> Any:
        """Call `run` until it has ended by itself; what it returned."""
        ports = Port("store", verbs={"read": self.read, "append": self.append}), Port("ask", self.ask)
        for _ in range(len(self.kills) + bool(self.full) + 1):
            self.lives += 1
            self.dead, self.after_death, self.unwritten = False, 0, ""
            if self.lives > 1:
                self.case.history.add("restart", f"life {self.lives}", node="orders")
            actor = self.case.actor("orders")
            if actor.dead:
                actor = self.case.actor("orders", fresh=True)
            actor.reset(self.case.world.seed)  # a new process would know as much, and costs more
            try:
                got = self.case.wait(actor.call("run", ports[0], self.order, [dict(one) for one in self.steps],
                                                ports[1], self.attempts))
            except AnswerBroke:
                if not self.dead:
                    raise
            except AnswerRaised as error:
                if not self.dead and not self.unwritten:
                    self.raised(error)
            else:
                if not self.dead:
                    self.case.history.note(f"`run` returns {describe(got)}", node="orders")
                    return got
        raise AssertionError("it was killed more often than there are lives")


def _ports(rows: list) -> list[Port]:
    return [Port(f"recorded {row.event.type}", event=row.event, stream=row.stream, version=row.version,
                 position=row.position) for row in rows]
