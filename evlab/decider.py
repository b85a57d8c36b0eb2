"""Deciding from events: three small functions, and the loop that reads, decides and appends.

A `Decider` is the write side of one kind of thing (an account, an order) without any storage:
- `decide(command, state)` gives the events that the command leads to, or raises `Rejected`. Only here are rules.
- `evolve(state, event)` gives the next state. It has no rules: the event has happened, whatever one thinks of it.
- `initial` is the state before the first event.
All three are pure, so they are tested with plain values (see `evlab.testing`), and folding the same events gives the
same state, today and in ten years.

`CommandHandler` puts a decider on a store. Two handlers may decide on the same state at the same time; the expected
version lets only one of them append, and the other reads again and decides again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import reduce
from typing import Any, NamedTuple

import msgspec

from evlab.database import DatabaseError
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.recorded import Recorded
from evlab.store import EventStore, WrongExpectedVersion

__all__ = ["CommandHandler", "Decider", "Loaded", "Rejected"]


class Rejected(EvlabError):
    """The command is refused by a rule of the business. Nothing is appended."""


class Decider(NamedTuple):
    """`Decider(initial, decide, evolve)`.

    initial: the state before the first event, or a function that makes it. Give a function if a state can be changed
    in place (a dict, a list), so that no two streams share one.
    """

    initial: Any
    decide: Callable[[Any, Any], Event | Iterable[Event] | None]
    evolve: Callable[[Any, Event], Any]

    def start(self) -> Any:
        """The state before the first event."""
        return self.initial() if callable(self.initial) else self.initial

    def fold(self, events: Iterable[Event | Recorded]) -> Any:
        """The state that these events add up to."""
        return reduce(self.evolve, (_event(one) for one in events), self.start())

    def decided(self, command: Any, state: Any) -> list[Event]:
        """What `decide` gives, as a list: it may return one event, several, or None for nothing.

        Raises `Rejected`, and `InvalidUse` if it returns something else.
        """
        decided = self.decide(command, state)
        if decided is None:
            return []
        if isinstance(decided, Event) or not isinstance(decided, Iterable):
            decided = [decided]
        events = list(decided)
        for event in events:
            if not isinstance(event, Event):
                raise InvalidUse(f"decide returned {event!r:.80}, which is no Event",
                                 why="a decision is told in events",
                                 next_step="return an Event, a list of them, or [] for nothing")
        return events


def check_decider(decider: Decider) -> None:
    """Raise `InvalidUse` for what is no decider, or one whose functions cannot be called."""
    if not isinstance(decider, Decider) or not callable(decider.decide) or not callable(decider.evolve):
        raise InvalidUse(f"{decider!r:.80} is no decider",
                         next_step="write Decider(initial, decide, evolve), where the last two are functions")


class Loaded(NamedTuple):
    """A state, with the version of the stream that it includes."""

    state: Any
    version: int


class CommandHandler:
    """Runs commands on streams: read, decide, append with the version that was read.

    stream: a function that names a command's stream, `lambda command: f"account-{command.account}"`, or one name.
    attempts: how often it reads and decides, when others append in between, before `WrongExpectedVersion` comes out.
    snapshot_every: keep a snapshot after so many events, so that loading reads fewer; 0 keeps none. States are then
    dataclasses, msgspec Structs or plain JSON values, of the type of the initial state, or of `state_type`.
    schema: the number of the state's form. Raise it when the form or `evolve` changes: older snapshots are ignored.
    """

    def __init__(self, store: EventStore, decider: Decider, stream: str | Callable[[Any], str], *, attempts: int = 5,
                 snapshot_every: int = 0, schema: int = 1, state_type: Any = None):
        for name, number, least in (("attempts", attempts, 1), ("snapshot_every", snapshot_every, 0),
                                    ("schema", schema, 0)):
            if type(number) is not int or number < least:
                raise InvalidUse(f"{name}={number!r} is no number to count with", next_step=f"give {least} or more")
        check_decider(decider)
        if not (hasattr(store, "read") and hasattr(store, "append")):
            raise InvalidUse(f"{store!r:.60} is no event store", next_step='give EventStore("shop.db"), or the like')
        if not isinstance(stream, str) and not callable(stream):
            raise InvalidUse(f"{stream!r:.60} names no stream", next_step="give a name, or a function of a command")
        self.store, self.decider = store, decider
        self.attempts, self.snapshot_every, self.schema = attempts, snapshot_every, schema
        self.state_type = type(decider.start()) if state_type is None else state_type
        if snapshot_every and self.state_type is type(None):
            raise InvalidUse("a snapshot cannot tell which state to make of what it holds",
                             why="the initial state is None", next_step="give state_type=Account, or the like")
        self.conflicts = 0
        """How often somebody else had appended in between."""
        self._stream = stream

    def handle(self, command: Any) -> list[Recorded]:
        """Decide, and append what was decided; the events as they are recorded, [] if nothing was to be done.

        1. The events were decided on the very state that they are appended to.
        2. All of them are on disk when this returns, or none is.
        Raises `Rejected` from `decide`, `WrongExpectedVersion` after `attempts` conflicts, and `InvalidUse` for a
        state that cannot be kept as a snapshot: nothing is appended then.
        """
        stream = self.stream_of(command)
        for left in reversed(range(self.attempts)):
            state, version = self.load(stream)
            events = self.decider.decided(command, state)
            if not events:
                return []
            snapshot = self._snapshot(state, version, events)  # what cannot be kept is refused before the append
            try:
                recorded = self.store.append(stream, events, expected=version)
            except WrongExpectedVersion:
                self.conflicts += 1
                if not left:
                    raise
                continue
            if snapshot is not None and recorded[0].version == version + 1:  # else they were there already
                with suppress(DatabaseError):  # the events are on disk, and a snapshot only saves reading
                    self.store.save_snapshot(stream, snapshot, recorded[-1].version, schema=self.schema)
            return recorded
        raise AssertionError("the loop returns or raises")

    def load(self, stream: str) -> Loaded:
        """The state of a stream, from its newest snapshot and the events after it.

        Raises `CorruptEvent` for a damaged snapshot, and `InvalidUse` for one of another form.
        """
        state, version = self.decider.start(), 0
        snapshot = self.store.load_snapshot(stream, schema=self.schema) if self.snapshot_every else None
        if snapshot is not None:
            try:
                state, version = _from_json(snapshot.state, self.state_type), snapshot.version
            except (ValueError, TypeError) as error:
                raise InvalidUse(f"the snapshot of {stream} does not fit {self.state_type}", why=str(error),
                                 next_step=f"the form has changed: give schema={self.schema + 1}") from error
        for recorded in self.store.read(stream, after=version):
            state, version = self.decider.evolve(state, recorded.event), recorded.version
        return Loaded(state, version)

    def state_at(self, stream: str, *, version: int | None = None, time: datetime | None = None) -> Any:
        """Time travel: the state after the event with that version, or as the store knew it at that time (UTC).

        Give one of the two. A version or a time that is still to come gives the state of today. Snapshots are left
        aside: they may be newer than what is asked for.
        """
        if (version is None) == (time is None):
            raise InvalidUse("state_at needs a version or a time, and not both",
                             next_step='write state_at("account-17", version=3)')
        if time is not None and (not isinstance(time, datetime) or time.utcoffset() is None):
            raise InvalidUse(f"time={time!r} is no moment", why="the same clock time is another moment elsewhere",
                             next_step="give a datetime with its zone: datetime(2026, 1, 5, 9, tzinfo=UTC)")
        state = self.decider.start()
        for recorded in self.store.read(stream, limit=version):
            if time is not None and recorded.recorded_at > time:
                break
            state = self.decider.evolve(state, recorded.event)
        return state

    def stream_of(self, command: Any) -> str:
        """The stream that a command is about."""
        return self._stream(command) if callable(self._stream) else self._stream

    def _snapshot(self, state: Any, version: int, events: list[Event]) -> Any:
        """The state after these events as plain JSON values, if it is time to keep one, else None."""
        every = self.snapshot_every
        if not every or (version + len(events)) // every == version // every:
            return None
        state = reduce(self.decider.evolve, events, state)
        try:
            plain = msgspec.json.decode(msgspec.json.encode(state))
            if _from_json(plain, self.state_type) != state:
                raise ValueError("it comes back from JSON as something else")
        except (ValueError, TypeError) as error:
            raise InvalidUse("this state cannot be kept as a snapshot", why=str(error),
                             next_step="make it a dataclass with the types of its fields, or give state_type",
                             state=state) from error
        return plain


def _from_json(plain: Any, state_type: Any) -> Any:
    return msgspec.convert(plain, state_type, str_keys=True)


def _event(one: Event | Recorded) -> Event:
    return one.event if isinstance(one, Recorded) else one
