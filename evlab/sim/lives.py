"""How nodes of a World die and come back: crash, restart, pause, and the faults that strike at an instant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from heapq import heappush
from math import inf
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from evlab.env import Dead, check_delay
from evlab.errors import InvalidUse
from evlab.sim.faults import Fault, Plan
from evlab.sim.node import Node

if TYPE_CHECKING:
    from evlab.sim.world import World

__all__ = ["NO_FAULTS", "Lives"]

NO_FAULTS = Plan()


class Lives:
    """The part of a World that ends and begins the lives of nodes."""

    def crash(self, node: str, *, power: bool = True, down: float | None = None, at: str = "") -> None:
        """End this life of `node` now. `power`: the machine fails and unsynced bytes may vanish; without it only the
        process is killed. After `down` seconds it restarts; None: it stays down until `restart` or `calm`.
        Nothing happens if it is down already."""
        self.alive()
        victim = self._known(node)
        if victim.dead or victim is self._outside:
            return
        due = None if down is None else self._now + check_delay(down)
        own = victim is self._node
        where = f"at point {at!r}" if at else ""
        crashed = self.history.add("crash" if power else "kill", where, node=node)
        if power and node in self._disks:
            lost = self._disks[node].lose_power(self.random(f"power loss/{node}/{victim.life}"))
            if lost:
                self.history.add("lost", "unsynced bytes", lost, node=node, cause=crashed)
        self._bury(victim)
        if due is not None:
            self._plan(due, lambda: self.nodes[node] is victim and self.restart(node), crashed)
        if own:
            raise Dead

    def restart(self, node: str) -> None:
        """Begin the next life of a crashed node. Nothing happens if it lives."""
        self.alive()
        last = self._known(node)
        if not last.dead:
            return
        self.nodes[node] = life = Node(node, last.life + 1)
        life.boot = last.boot
        self.history.add("restart", f"life {life.life}", node=node)
        if life.boot is None:
            life.listeners = last.listeners
        else:
            self._start(life)

    def pause(self, node: str, seconds: float) -> None:
        """Freeze a node, as a long garbage collection does: nothing of it runs, and what arrives waits.

        Afterwards all that waited runs at once, in the order in which it was due.
        """
        self.alive()
        home, until = self._known(node), self._now + check_delay(seconds)
        if not home.dead and home is not self._outside:
            home.barrier = max(home.barrier, until)
            self.history.add("pause", f"{seconds:.3f} s", seconds, node=node)
            self._plan(home.barrier, lambda: self._thaw(home))

    def calm(self) -> World:
        """End the faults: no new ones, links healed, pauses over, crashed nodes back. Then run() drains."""
        self.alive()
        self.faults, self._armed = NO_FAULTS, True
        for timer in self._planned:
            timer.cancel()
        self.network.heal()
        for name, node in list(self.nodes.items()):
            if node.dead:
                self.restart(name)
            elif node.paused(self._now):
                node.barrier = self._now
                self._thaw(node)
        return self

    def _arm(self) -> None:
        """Set the clock for the faults that strike at an instant; once, when the nodes are known."""
        if not self._armed:
            self._armed = True
            for fault in self.faults.instants(self.seed, sorted(name for name in self.nodes if name)):
                self._plan(fault.at, lambda fault=fault: self._strike(fault))

    def _strike(self, fault: Fault) -> None:
        self.struck(fault)
        if fault.kind == "cut":
            source, _, target = fault.site.partition("→")
            self.network.cut(source, target)
            self._plan(self._now + fault.seconds, lambda: self.network.heal(source, target))
        elif fault.kind == "pause":
            self.pause(fault.site, fault.seconds)
        else:
            self.crash(fault.site, power=fault.kind == "crash", down=fault.seconds)

    def _plan(self, time: float, call: Callable[[], Any], cause: int | None = None) -> None:
        """Call `call()` then, before all else that is due then, unless `calm` comes first.

        Its tie number is not drawn: a plan with fewer faults must not shift the order of the rest.
        """
        self._planned.append(self._call_at(time, self._outside, call, cause, tie=next(self._first)))

    def _start(self, node: Node) -> None:
        def boot():
            process = node.boot()
            if isinstance(process, GeneratorType):
                node.booting = self.spawn(process)

        self.act_as(node, boot)

    def _bury(self, victim: Node) -> None:
        """Close what this life was running. Its `finally` blocks run, but every door they try raises Dead.

        A generator that does not close, because it is running or yields again and again, is kept: were it collected
        as garbage later, its last words would be spoken in the name of whoever runs then.
        """
        victim.barrier = inf
        before, self._node = self._node, victim
        for running in list(victim.processes):
            for _ in range(100):
                with suppress(Dead, Exception):
                    running.process.close()
                if running.process.gi_frame is None or running.process.gi_running:
                    break
            if running.process.gi_frame is not None:
                self._undead.append(running)
        victim.processes.clear()
        for (node, _), connection in self._databases.items():
            if node == victim.name and connection.in_transaction:
                connection.rollback()
        self._node = before
        self._release(victim)

    def _thaw(self, node: Node) -> None:
        """End a pause, unless a longer one has begun since, or a crash."""
        if 0 <= node.barrier <= self._now:
            node.barrier = -1.0
            self.history.add("resume", "", node=node.name)
            self._release(node)

    def _release(self, node: Node) -> None:
        waiting, node.waiting = node.waiting, []
        for due, later in waiting:
            heappush(self._queue, (self._now, next(self._first), due, later))

    def _known(self, name: str) -> Node:
        if name not in self.nodes:
            raise InvalidUse(f"there is no node {name!r}", why="no process runs there and nothing listens there",
                             next_step=f"the nodes are {', '.join(sorted(filter(None, self.nodes))) or 'none yet'}")
        return self.nodes[name]
