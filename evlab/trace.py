"""Who caused what: the events of one business transaction as a tree, by their causation ids.

In a choreography nobody knows the whole saga; it can only be read from the events, afterwards. Each event says which
one caused it (causation id) and to which transaction it belongs (correlation id): so a tracer that hears all of them
can draw the tree. It is a subscriber like any other, so an event that never reached the bus is missing from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evlab.bus import Bus
from evlab.errors import InvalidUse
from evlab.event import Event

__all__ = ["Link", "Trace", "Tracer", "trace"]


class Link(NamedTuple):
    """An event, and the one that caused it (None: nobody whom the tracer has heard)."""

    event: Event
    cause: Event | None
    depth: int
    """How many events lead to it; 0 for the first."""
    times: int
    """How often it was heard: a bus that redelivers may double it, a source may publish it again."""


class Trace:
    """The events of one correlation id, each after its cause, with the depth of the tree."""

    def __init__(self, links: list[Link]):
        self.links = links

    def __iter__(self):
        return iter(self.links)

    def __len__(self) -> int:
        return len(self.links)

    @property
    def depth(self) -> int:
        """Events on the longest way from a first event to a last."""
        return max((link.depth + 1 for link in self.links), default=0)

    @property
    def services(self) -> list[str]:
        """Who published, in order of appearance."""
        return list(dict.fromkeys(link.event.source for link in self.links))

    def cycles(self) -> list[tuple[str, ...]]:
        """Types of events that lead back to themselves: ("A", "B", "A") if an A caused a B that caused an A."""
        found = []
        for link in self.links:
            way = [link.event.type]
            cause = link
            while (cause := self._of(cause.cause)) is not None:
                way.append(cause.event.type)
                if way[-1] == way[0]:
                    found.append(tuple(reversed(way)))
                    break
        return list(dict.fromkeys(found))

    def _of(self, event: Event | None) -> Link | None:
        return next((link for link in self.links if event is not None and link.event.id == event.id), None)

    def __str__(self) -> str:
        lines = []
        for event, cause, depth, times in self.links:
            mark = "└─ " if depth else ""
            lost = "" if cause is not None or not event.causation_id else "   (its cause was not heard)"
            lines.append(f"{'   ' * max(0, depth - 1)}{mark}{event.type}  {event.source}"
                         f"{f'   ×{times}' if times > 1 else ''}{lost}")
        return "\n".join(lines)


def trace(events: Iterable[Event], correlation_id: str | None = None) -> Trace:
    """The tree of these events; of those with that correlation id, if one is given. Children come in order of time."""
    kept: dict[str, Event] = {}
    times: dict[str, int] = {}
    for event in events:
        if not isinstance(event, Event):
            raise InvalidUse(f"{event!r:.60} is not an Event", next_step="give the events that were heard")
        if correlation_id is None or correlation_id in (event.correlation_id, event.id):
            kept.setdefault(event.id, event)
            times[event.id] = times.get(event.id, 0) + 1
    children: dict[str | None, list[Event]] = {}
    for event in kept.values():
        known = event.causation_id in kept and event.causation_id != event.id
        children.setdefault(event.causation_id if known else None, []).append(event)
    links: list[Link] = []
    stack = [(event, 0) for event in reversed(children.get(None, []))]
    while stack:
        event, depth = stack.pop()
        links.append(Link(event, kept.get(event.causation_id) if depth else None, depth, times[event.id]))
        stack += [(child, depth + 1) for child in reversed(children.get(event.id, []))]
    return Trace(links)


class Tracer:
    """Hears every event of a bus and keeps the newest `most`; `tracer.trace(id)` draws what belongs together.

    name: of its subscription; also its node in a World.
    """

    def __init__(self, bus: Bus, name: str = "tracer", *, most: int = 100_000):
        if type(most) is not int or most < 1:
            raise InvalidUse(f"most={most!r:.40} is no number of events", next_step="give 1 or more")
        self.events: list[Event] = []
        self.most = most
        bus.subscribe("#", self._hear, name=name, node=name)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) > self.most:
            del self.events[:self.most // 10 or 1]

    def trace(self, correlation_id: str) -> Trace:
        """The tree of one transaction."""
        return trace(self.events, correlation_id)

    def correlations(self) -> list[str]:
        """The correlation ids that were heard, in order of appearance."""
        return list(dict.fromkeys(event.correlation_id or event.id for event in self.events))
