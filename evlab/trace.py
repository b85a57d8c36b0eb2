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
        self._link_of = {link.event.id: link for link in links}

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
        """Types of events that lead back to themselves: ("A", "B", "A") if an A caused a B that caused an A.

        A ring that was walked more than once is told once, from where it began.
        """
        found = []
        for link in self.links:
            way, cause = [link.event.type], link.cause
            while cause is not None:
                way.append(cause.type)
                if way[-1] == way[0]:
                    found.append(tuple(reversed(way)))
                    break
                cause = self._link_of[cause.id].cause
        rings: dict[frozenset, tuple[str, ...]] = {}
        for way in found:
            rings.setdefault(frozenset(way), way)
        return list(rings.values())

    def __str__(self) -> str:
        lines = []
        for event, cause, depth, times in self.links:
            mark = "└─ " if depth else ""
            lost = "" if cause is not None or not event.causation_id else "   (its cause was not heard)"
            lines.append(f"{'   ' * max(0, depth - 1)}{mark}{event.type}  {event.source}"
                         f"{f'   ×{times}' if times > 1 else ''}{lost}")
        return "\n".join(lines)


def trace(events: Iterable[Event], correlation_id: str | None = None) -> Trace:
    """The tree of these events; of those with that correlation id, if one is given.

    Events with the same cause come in the order in which they were given, which is the order of hearing. One that comes
    twice counts once, at its first place. Of events that cause each other in a ring (an id was used twice) the first
    stands as if nobody had caused it.
    """
    if not isinstance(correlation_id, str | None):
        raise InvalidUse(f"{correlation_id!r:.60} is no correlation id", next_step="give event.correlation_id")
    if not isinstance(events, Iterable):
        raise InvalidUse(f"{events!r:.60} is no list of events", next_step="give the events that were heard")
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
    links: dict[str, Link] = {}
    for first in [*children.get(None, []), *kept.values()]:  # after those without a cause: who is in no tree, in a ring
        stack = [(first, 0)]
        while stack:
            event, depth = stack.pop()
            if event.id not in links:
                cause = kept[event.causation_id] if depth else None
                links[event.id] = Link(event, cause, depth, times[event.id])
                stack += [(child, depth + 1) for child in reversed(children.get(event.id, []))]
    return Trace(list(links.values()))


class Tracer:
    """Hears every event of a bus and keeps the newest `most`; `tracer.trace(id)` draws what belongs together.

    name: of its subscription; also its node in a World.
    """

    def __init__(self, bus: Bus, name: str = "tracer", *, most: int = 100_000):
        if not isinstance(bus, Bus):
            raise InvalidUse(f"{bus!r:.60} is no Bus", next_step="write Tracer(bus)")
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
