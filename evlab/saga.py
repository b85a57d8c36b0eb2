"""The orchestrator: runs sagas, and keeps each as a stream of events, so that a crash at any point loses none.

It sends a command, waits for the reply, and decides by the rules of evlab.steps. Nothing is sent before it is written
down: an orchestrator that comes back reads its streams, and sends again, with the same id, what was not answered.

What it promises:
1. A saga ends completed or compensated, or it is parked for a person and listed. None is forgotten or stuck.
2. A command is sent at least once; one that comes twice has the same id. So those who receive it need an inbox.
3. Between its steps others see its half-done work: a saga has no isolation (notebook 20).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from evlab.bus import Bus
from evlab.env import Dead, Env, Later, Timer, check_delay, check_env
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.sagastate import ENDED, SagaState
from evlab.steps import Saga, Step, StepBroken
from evlab.store import EventStore, WrongExpectedVersion

__all__ = ["Orchestrator", "Parked", "Saga", "SagaState", "Step", "StepBroken"]

_TABLE = ("CREATE TABLE IF NOT EXISTS sagas (saga TEXT NOT NULL, id TEXT NOT NULL, phase TEXT NOT NULL,"
          " PRIMARY KEY (saga, id)) WITHOUT ROWID")
_OPEN = "INSERT OR REPLACE INTO sagas VALUES (?, ?, ?)"
_ENDED = "DELETE FROM sagas WHERE saga = ? AND id = ?"


class Parked(NamedTuple):
    """A saga that waits for a person."""

    id: str
    step: str
    undoing: bool
    why: str

    def __str__(self) -> str:
        return f"{self.id} at {'the undo of ' * self.undoing}{self.step}: {self.why}"


class Orchestrator:
    """Runs the sagas of one kind. Their streams in `store` are called after them: "order-1042" of Saga("order").

    A new one on the same store takes up what is open: make it in the boot function of its node.
    bus: where commands are published, and where replies come from. A reply is an event that was made with
    `command.caused(...)`: its causation id says to which command it belongs.
    replies: the pattern of routing keys to listen to; "#" hears its own commands, too. name: of its node in a World.
    linger: seconds for which replies are gathered, so that one fsync serves them all; None: each on its own. A reply is
    acked when what follows from it is on disk.
    """

    def __init__(self, store: EventStore, bus: Bus, saga: Saga, env: Env | None = None, *, replies: str = "#",
                 name: str = "orchestrator", linger: float | None = None):
        if not isinstance(store, EventStore) or not isinstance(bus, Bus) or not isinstance(saga, Saga):
            raise InvalidUse("an orchestrator needs a store, a bus and a saga",
                             next_step='write Orchestrator(store, bus, Saga("order", [...]))')
        check_env(env)
        if linger is not None:
            check_delay(linger)
        self.store, self.bus, self.saga, self.env = store, bus, saga, env or store.env
        self.name, self.linger = name, linger
        self._sagas: dict[str, SagaState] = {}  # all that have not ended
        self._asked: dict[str, str] = {}  # id of a command without an answer -> id of its saga
        self._timers: dict[str, Timer] = {}
        self._depth = 0
        self._changed: dict[str, SagaState] = {}  # by the open transaction: what to act upon after its commit
        self._unwritten: dict[str, tuple[int, list[Event]]] = {}  # by id: the version of its stream, and what follows
        self._moved: dict[str, str] = {}  # by id: a phase that the table does not show yet
        self._gathered: list[tuple[Event, Later]] = []
        store.db.execute(_TABLE)
        bus.subscribe(replies, self._on_event, name=f"{name} of {saga.name}", node=name)
        self.resume()

    # ----------------------------------------------------------------------------------------- for the caller

    def start(self, id: str, data: dict, *, cause: Event | None = None, correlation: str | None = None) -> SagaState:
        """Begin a saga; it is on disk when this returns. The same id again changes nothing: it is that saga.

        id: what it is about, such as "1042". data: its input, which actions get. cause: the event that it begins with,
        if there is one: its first event and its first command are caused by that, and all its messages carry that
        event's correlation id, so that a trace shows one tree. correlation: another correlation id; without either it
        is the id of the saga's first event. Returns where it is now; it goes on by itself.
        Raises `InvalidUse`, also if the id was used with other data, and `StepBroken` if the first action fails.
        """
        self._write(id)
        if self.store.version(self._stream(id)):
            return self._known(id, data)
        try:
            return self._record(id, SagaState(), self.saga.started(id, data, correlation, cause)).copy()
        except WrongExpectedVersion:  # another process was faster
            return self._known(id, data)

    def _known(self, id: str, data: dict) -> SagaState:
        state = self.state(id)
        if next(self.store.read(self._stream(id), limit=1)).event.data["input"] != data:
            raise InvalidUse(f"the saga {self._stream(id)} has been started with other data",
                             next_step="give each saga an id of its own")
        return state

    def state(self, id: str) -> SagaState:
        """Where a saga is, as its stream says now. Raises `InvalidUse` if there is none of that id."""
        return self._load(id)

    def open(self) -> list[str]:
        """The ids of the sagas that have not ended, parked ones too, whoever runs them."""
        self._write()
        return [id for id, in self.store.db.rows("SELECT id FROM sagas WHERE saga = ? ORDER BY id", (self.saga.name,))]

    def parked(self) -> list[Parked]:
        """The sagas that wait for a person. Look at the list every morning, or better, be told of it."""
        self._write()
        rows = self.store.db.rows("SELECT id FROM sagas WHERE saga = ? AND phase = 'parked' ORDER BY id",
                                  (self.saga.name,))
        states = [self._load(id) for id, in rows]
        return [Parked(state.id, self.saga.steps[state.at].name, state.undoing, state.why) for state in states]

    def retry(self, id: str) -> SagaState:
        """A parked saga tries its step again, with all its attempts."""
        state = self._parked(id)
        return self._record(id, state, self.saga.taken_up(state)).copy()

    def settle(self, id: str, done: bool, note: str, reply: dict | None = None) -> SagaState:
        """A person has found out whether the parked step (or its undo) has happened, and the saga goes on from there.

        done=False: not only has it not happened, it cannot happen any more. A command that is still on its way has to
        be kept from its service first. note: what was found, and by whom; it is kept. reply: what the step would have
        answered, for the actions after it that use that. Raises `InvalidUse` if the answer leads nowhere.
        """
        if type(done) is not bool or not isinstance(note, str) or not note or not isinstance(reply, dict | None):
            raise InvalidUse(f"settle({id!r:.40}, {done!r:.40}, {note!r:.40}) says not what was found",
                             next_step='write settle("1042", True, "the bank has the money, asked by Ann")')
        state = self._parked(id)
        return self._record(id, state, self.saga.decided(state, done, note, reply)).copy()

    def resume(self) -> int:
        """Take up all sagas of the store that have not ended; returns how many. Done when the object is made."""
        ids = self.open()
        for id in ids:
            if id not in self._sagas or self._sagas[id].phase == "parked":  # another may have taken it up, and be gone
                self._sagas[id] = state = self._load(id)
                self._act(state)
        return len(ids)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is started or answered inside is written in one transaction, and its commands are sent at the end.

        If something inside raises, nothing of it was started or answered. Do not `yield` in here.
        """
        self._depth += 1
        try:
            with self.store.db.transaction():
                yield
                if self._depth == 1:
                    self._write()
        except Dead:
            raise
        except BaseException:  # Ctrl-C in a notebook is one, too
            if self._depth == 1:  # nothing of it was written, and memory is ahead
                self._reload()
            raise
        finally:
            self._depth -= 1
        if not self._depth:
            changed, self._changed = self._changed, {}
            self.env.point("decided")  # a crash here: written, and not sent; `resume` sends it
            for state in changed.values():
                self._act(state)

    # ------------------------------------------------------------------------------------------ what happens

    def _on_event(self, event: Event) -> Later | None:
        if event.causation_id not in self._asked:
            return None  # no reply to us, or one that is late or doubled
        if self.linger is None:
            self._answer(event)
            return None
        done = Later()
        self._gathered.append((event, done))
        if len(self._gathered) == 1:
            self.env.after(self.linger, self._answer_all)
        return done

    def _answer_all(self) -> None:
        gathered, self._gathered = self._gathered, []
        try:
            with self.together():
                for event, _ in gathered:
                    self._answer(event)
        except EvlabError:  # one of them spoils the transaction of all
            for event, done in gathered:
                try:
                    self._answer(event)
                except EvlabError as error:
                    done.fail(error)
        for _, done in gathered:
            done.resolve()

    def _answer(self, reply: Event) -> None:
        id = self._asked.get(reply.causation_id)
        if id is not None:
            self._decide(id, self.saga.replied, reply)

    def _decide(self, id: str, decide: Callable[..., list[Event]], *more: Any) -> None:
        while id in self._sagas:
            state = self._sagas[id]
            try:
                self._record(id, state, decide(state, *more))
                return
            except WrongExpectedVersion:  # another orchestrator has written to this stream, and by now it is reloaded
                if self._depth:
                    raise

    def _record(self, id: str, state: SagaState, events: list[Event]) -> SagaState:
        """Write down what follows, and then let it have its effect."""
        if not events:
            return state
        with self.store.db.transaction() if self._depth else self.together():
            self._changed[id] = state
            self._unwritten.setdefault(id, (state.version, []))[1].extend(events)
            before = state.phase
            if state.command is not None:
                self._asked.pop(state.command.id, None)
            for event in events:
                state = self.saga.evolve(state, event)
            self._keep(id, before, state)
        return state

    def _write(self, id: str | None = None) -> None:
        """Append what has gathered, and show in the table where it leads: one call for all takes less than half of the
        time that one for each would.

        id: only if something of that saga is among it.
        """
        if self._unwritten and (id is None or id in self._unwritten):
            unwritten, self._unwritten = self._unwritten, {}
            self.store.append_all([(self._stream(id), events, version) for id, (version, events) in unwritten.items()])
            moved, self._moved = self._moved, {}
            if moved:
                name, db = self.saga.name, self.store.db
                db.executemany(_OPEN, [(name, id, phase) for id, phase in moved.items() if phase not in ENDED])
                db.executemany(_ENDED, [(name, id) for id, phase in moved.items() if phase in ENDED])

    def _keep(self, id: str, before: str, state: SagaState) -> None:
        if state.phase != before:
            self._moved[id] = state.phase
        if state.phase in ENDED:
            self._sagas.pop(id, None)
        else:
            self._sagas[id] = state
            if state.command is not None:
                self._asked[state.command.id] = id

    def _act(self, state: SagaState, send: bool = True) -> None:
        """Set the clock, and send what is to be sent."""
        self._quiet(state.id)
        if state.command is None:  # it has ended, or is parked before a step
            return
        self._asked[state.command.id] = state.id  # if it is parked, too: a late reply sets it going
        step, command = self.saga.steps[state.at], state.command
        if state.asking:
            self._set_clock(state, step.timeout, self.saga.unanswered)
            if send:
                self.bus.publish(command)
        elif state.phase != "parked":
            wait = step.retry.wait(state.attempt, self.env.random(f"{self.name}/{step.name}"))
            self._set_clock(state, wait, self.saga.again)

    def _set_clock(self, state: SagaState, seconds: float, decide: Callable[[SagaState], list[Event]]) -> None:
        """When the time is over, decide, unless something has happened meanwhile."""
        self._timers[state.id] = self.env.after(seconds, partial(self._ring, state.id, state.version, decide))

    def _ring(self, id: str, version: int, decide: Callable[[SagaState], list[Event]]) -> None:
        self._decide(id, lambda state: decide(state) if state.version == version else [])

    # ------------------------------------------------------------------------------------------------ keeping

    def _stream(self, id: str) -> str:
        return f"{self.saga.name}-{id}"

    def _load(self, id: str) -> SagaState:
        self._write(id)
        state = SagaState()
        for recorded in self.store.read(self._stream(id)):
            if recorded.version == 1 and recorded.event.source != self.saga.name:
                raise InvalidUse(f"the stream {self._stream(id)} is not of this saga",
                                 why=f"its first event is {recorded.event.type}",
                                 next_step="give the saga another name, or a store of its own")
            state = self.saga.evolve(state, recorded.event)
        if not state.version:
            raise InvalidUse(f"there is no saga {self._stream(id)}", next_step="start it, or look at open()")
        return state

    def _parked(self, id: str) -> SagaState:
        state = self._load(id)
        if state.phase != "parked":
            raise InvalidUse(f"{self._stream(id)} is {state.phase}, not parked", next_step="look at parked()")
        return state

    def _reload(self) -> None:
        """Take what the store says of the sagas that a failed transaction has changed in memory.

        Nothing is sent: it was before, or is after a silence. A disk that fails again and again must not make a storm.
        """
        changed, self._changed = self._changed, {}
        self._unwritten.clear()
        self._moved.clear()
        for id, state in changed.items():
            self._quiet(id)
            self._sagas.pop(id, None)
            if state.command is not None:
                self._asked.pop(state.command.id, None)
            if self.store.version(self._stream(id)):
                state = self._load(id)
                if state.phase not in ENDED:
                    self._sagas[id] = state
                    self._act(state, send=False)

    def _quiet(self, id: str) -> None:
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()

    def __repr__(self) -> str:
        return f"Orchestrator({self.saga.name!r}, {len(self.open())} open, {len(self.parked())} of them parked)"
