"""What may be appended to a stream, and what the caller expects of it: one rule for every store.

Optimistic concurrency is here: nobody locks a stream between reading it and appending to it. The caller says at which
version it read, and the append is refused if somebody else was quicker.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.recorded import Recorded, check_stream

__all__ = ["ANY", "NO_STREAM", "STREAM_EXISTS", "check_append", "check_appends", "met", "numbered"]


class _Expected(str):
    """An expectation that is no number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


ANY = _Expected("ANY")
"""Append whatever the stream's version is."""
NO_STREAM = _Expected("NO_STREAM")
"""Append only if the stream does not exist yet."""
STREAM_EXISTS = _Expected("STREAM_EXISTS")
"""Append only if the stream has an event."""


def check_append(stream: str, events: Event | Iterable[Event], expected: int | str) -> list[Event]:
    """The events as a list, if this can be appended. Raises `InvalidUse` for no events, what is no event, the same id
    twice, and what names no stream or no version."""
    check_stream(stream)
    events = [events] if isinstance(events, Event) or not isinstance(events, Iterable) else list(events)
    for event in events:
        if not isinstance(event, Event):
            raise InvalidUse(f"{str(event)[:60]!r} is not an Event", next_step="append Event(type=..., data=...) only")
    if not events:
        raise InvalidUse("there are no events to append", next_step="leave the call out if there is nothing to say")
    if len(events) > 1 and len({event.id for event in events}) < len(events):
        raise InvalidUse("two of these events have the same id", why="the same id in one stream is one event",
                         next_step="append it once")
    number = type(expected) is int and expected >= 0
    if not number and expected not in (ANY, NO_STREAM, STREAM_EXISTS):
        raise InvalidUse(f"expected={expected!r} is no version", next_step="give a version (0 for none), ANY, "
                         "NO_STREAM or STREAM_EXISTS")
    return events


def check_appends(appends: Any) -> list[tuple[str, list[Event], int | str]]:
    """The same for `[(stream, events, expected), ...]`, in which each stream may stand once."""
    try:
        appends = [(stream, events, expected) for stream, events, expected in appends]
    except (TypeError, ValueError) as error:
        raise InvalidUse(f"{appends!r:.60} is no list of appends", why=str(error),
                         next_step="give [(stream, events, expected), ...]") from error
    appends = [(stream, check_append(stream, events, expected), expected) for stream, events, expected in appends]
    if len({stream for stream, _, _ in appends}) < len(appends):
        raise InvalidUse("a stream is named twice", why="one expected version cannot be met by both",
                         next_step="give all events of a stream in one of them")
    return appends


def met(expected: int | str, current: int) -> bool:
    """Is a stream that is at version `current` as it was expected? (0: it has no event yet.)"""
    if type(expected) is int:
        return expected == current
    if expected == NO_STREAM:
        return current == 0
    return current > 0 or expected == ANY


def numbered(events: list[Event], stream: str, current: int, end: int, now: datetime) -> list[Recorded]:
    """The events as they are recorded after version `current` of the stream and position `end` of the store."""
    return [Recorded(event, stream, current + number, end + number, now)
            for number, event in enumerate(events, start=1)]
