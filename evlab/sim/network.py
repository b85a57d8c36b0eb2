"""A network between nodes that is late, loses, doubles and cuts, all on request.

Latency and faults belong to a link, one direction between two nodes, and to the link's own counter. Messages of one
link keep their order, as on a TCP connection; a delayed or doubled one does not, as after a reconnect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evlab.env import LONGEST, check_delay
from evlab.errors import InvalidUse
from evlab.sim.faults import unit

if TYPE_CHECKING:
    from evlab.sim.world import World

__all__ = ["Network"]

_AFTER_THE_LAST = 1e-6
"""Seconds by which a message follows one that left before it on the same link."""


class _Link:
    __slots__ = ("asked", "count", "cut", "latest", "site", "slow")

    def __init__(self, source: str, target: str):
        self.site = f"{source}→{target}"
        self.count = 0
        self.latest = self.slow = 0.0
        self.cut = False
        self.asked: dict[str, tuple[int, float]] = {}
        """What was asked for of the next messages: kind → (how many, seconds)."""

    def take(self) -> tuple[str, float]:
        """What was asked for of one message; a loss first."""
        kind = "drop" if "drop" in self.asked else next(iter(self.asked))
        left, seconds = self.asked.pop(kind)
        if left > 1:
            self.asked = {kind: (left - 1, seconds), **self.asked}
        return kind, seconds


class Network:
    """The links of a World. `latency` is the range, in seconds, from which each message's travel time is drawn."""

    def __init__(self, world: World):
        self._world = world
        self._links: dict[tuple[str, str], _Link] = {}
        self._latency = (0.005, 0.015)

    @property
    def latency(self) -> tuple[float, float]:
        return self._latency

    @latency.setter
    def latency(self, range: tuple[float, float]) -> None:
        try:
            low, high = range
            possible = 0 <= low <= high <= LONGEST
        except (TypeError, ValueError):  # a single number, or no numbers
            possible = False
        if not possible:
            raise InvalidUse(f"latency = {range!r:.60} is no range of travel times",
                             next_step="give (least, most) in seconds, such as (0.005, 0.015)")
        self._latency = low, high

    def drop(self, source: str, target: str, count: int = 1) -> None:
        """Lose the next `count` messages from `source` to `target`."""
        self._ask(source, target, "drop", 0.0, count)

    def duplicate(self, source: str, target: str, count: int = 1, *, after: float = 0.02) -> None:
        """Deliver the next `count` messages from `source` to `target` twice, the copy `after` seconds later."""
        self._ask(source, target, "duplicate", check_delay(after), count)

    def delay(self, source: str, target: str, seconds: float, count: int = 1) -> None:
        """Hold up the next `count` messages from `source` to `target` by `seconds`; others overtake them meanwhile."""
        self._ask(source, target, "delay", check_delay(seconds), count)

    def _ask(self, source: str, target: str, kind: str, seconds: float, count: int) -> None:
        if not (isinstance(count, int) and count >= 0):
            raise InvalidUse(f"cannot {kind} {count!r:.40} messages", next_step="give a whole number of 0 or more")
        self._world.alive()
        asked = self._link(source, target).asked
        if count:
            asked[kind] = asked.get(kind, (0, 0.0))[0] + count, seconds

    def slow(self, source: str, target: str, seconds: float) -> None:
        """Add `seconds` to each message from `source` to `target`, until `heal`."""
        self._world.alive()
        self._link(source, target).slow = check_delay(seconds)

    def cut(self, source: str, target: str) -> None:
        """Let nothing pass from `source` to `target`, until `heal`. The other direction still works."""
        self._world.alive()
        self._link(source, target).cut = True
        self._world.history.add("cut", f"{source}→{target}", node=source, peer=target)

    def heal(self, source: str | None = None, target: str | None = None) -> None:
        """Mend one link, or all."""
        self._world.alive()
        for (a, b), link in self._links.items():
            if (source is None or source == a) and (target is None or target == b):
                link.asked, link.slow = {}, 0.0
                if link.cut:
                    link.cut = False
                    self._world.history.add("heal", link.site, node=a, peer=b)

    def carry(self, source: str, target: str, label: str, arrive: Callable[[], None], port: str | None = None) -> None:
        """Take one message along: `arrive()` is called at its end, in the target's name, never, once or twice.

        port: where it wants to be heard. A target that has restarted and does not listen there yet loses it.
        """
        world, link = self._world, self._link(source, target)
        link.count += 1
        sent = world.history.add("send", label, peer=target)
        low, high = self.latency
        due = world.now() + low + (high - low) * unit(world.seed, "latency", link.site, link.count) + link.slow
        due = max(due, link.latest + _AFTER_THE_LAST)
        fault = world.struck(world.faults.message(world.seed, link.site, link.count))
        kind, seconds = link.take() if link.asked else (fault.kind, fault.seconds) if fault else ("", 0.0)
        if kind == "drop":
            world.history.add("drop", label, "lost on the way", peer=target, pair=sent, cause=sent)
            return
        if kind == "delay":
            world.history.add("delay", label, seconds, peer=target, pair=sent, cause=sent)
            due += seconds  # and `latest` stays: later messages overtake this one
        else:
            link.latest = due
        self._fly(due, link, sent, arrive, port)
        if kind == "duplicate":
            world.history.add("duplicate", label, seconds, peer=target, pair=sent, cause=sent)
            self._fly(due + seconds, link, sent, arrive, port)

    def _fly(self, due: float, link: _Link, sent: int, arrive: Callable[[], None], port: str | None) -> None:
        self._world.schedule(due, lambda: self._land(link, sent, arrive, port))

    def _land(self, link: _Link, sent: int, arrive: Callable[[], None], port: str | None) -> None:
        world, entry = self._world, self._world.history[sent]
        target = world.nodes[entry.peer]
        if target.paused(world.now()):
            world.hold(target, lambda: self._land(link, sent, arrive, port))
            return
        reason = None
        if link.cut:
            reason = "link cut"
        elif target.dead:
            reason = f"{entry.peer} is down"
        elif port is not None and target.starting(port):
            reason = f"{entry.peer} is starting"
        if reason:
            world.history.add("drop", entry.what, reason, node=entry.node, peer=entry.peer, pair=sent, cause=sent)
            return
        landed = world.history.add("deliver", entry.what, node=entry.peer, peer=entry.node, pair=sent, cause=sent)
        world.act_as(target, arrive, cause=landed)

    def _link(self, source: str, target: str) -> _Link:
        link = self._links.get((source, target))
        if link is None:
            self._world.node(source), self._world.node(target)
            link = self._links[source, target] = _Link(source, target)
        return link
