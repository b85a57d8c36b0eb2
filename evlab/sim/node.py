"""One life of a node, and what the World's loop finds on its heap: calls and processes that are due."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from math import inf
from typing import TYPE_CHECKING, Any

from evlab.env import Later, Process

if TYPE_CHECKING:
    from evlab.sim.world import World

__all__ = ["Call", "Due", "Node", "Running"]


class Node:
    """One life of a node: from a start to a crash. A restart makes a new one with the same name and the same disk."""

    __slots__ = ("barrier", "boot", "booting", "life", "listeners", "name", "processes", "waiting")

    def __init__(self, name: str, life: int = 1):
        self.name, self.life = name, life
        self.barrier = -1.0
        """Nothing of this life runs before that time: -1 at once, inf never again."""
        self.listeners: dict[str, Callable[[Any], Any]] = {}
        self.processes: dict[Running, None] = {}
        self.waiting: list[tuple[Due, Later | None]] = []
        """What came due during a pause, in order."""
        self.boot: Callable[[], Any] | None = None
        self.booting: Later | None = None
        """The end of the process that `boot` returned."""

    @property
    def dead(self) -> bool:
        return self.barrier == inf

    def paused(self, now: float) -> bool:
        return now < self.barrier < inf

    def starting(self, port: str) -> bool:
        """Does this life not listen there yet? One that never will is a mistake, and the first life is told so."""
        under_way = self.booting is not None and not self.booting.done and not self.listeners
        return port not in self.listeners and (self.life > 1 or under_way)


class Due:
    """Something that the loop will run: on which node, caused by which entry.

    `number` counts them. It decides in the one case in 2**53 that two are due at one time with one tie number.
    """

    __slots__ = ("cause", "node", "number")

    def __lt__(self, other: Due) -> bool:
        return self.number < other.number


class Call(Due):
    """A call that is due once: the World's `Timer`."""

    __slots__ = ("call",)

    def __init__(self, number: int, node: Node, cause: int | None, call: Callable[[], Any]):
        self.number, self.node, self.cause, self.call = number, node, cause, call

    def cancel(self) -> None:
        self.call = None


class Running(Due):
    """A process under way: the generator, and the Later that its end resolves."""

    __slots__ = ("finished", "process", "send", "world")

    def __init__(self, number: int, node: Node, cause: int | None, process: Process, world: World):
        self.number, self.node, self.cause, self.world = number, node, cause, world
        self.process, self.send = process, process.send
        self.finished = Later()

    def wake(self, later: Later) -> None:
        """What it waited for has settled: its next step is due now."""
        world = self.world
        self.cause = world.history.cause
        heappush(world._queue, (world._now, world._tie(), self, later))
