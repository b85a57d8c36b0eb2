"""One small run of a router in a World: a shop publishes, two workers and an auditor consume, things break, and then
all comes to rest. What was sent and received is told to the history in the words of `evlab.sim.check`.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from evlab.errors import EvlabError
from evlab.router import Router
from evlab.sim import Faults, World, check

__all__ = ["STORM", "Run"]

STORM = Faults(drop=0.03, duplicate=0.03, delay=0.03, crash=0.002, kill=0.002, cuts=1, pauses=1, crashes=2, span=1.2,
               down=0.4, late=0.6, long=1.5)
MESSAGES = 8
PATIENCE = 40.0
"""Seconds after the faults within which all must be at rest."""


class Run:
    """A run of `seed`. A worker fails at a message now and then: it goes through the queue "wait" and comes again."""

    def __init__(self, seed: int, faults: Faults | None = STORM):
        self.seed, self.chance = seed, Random(f"run {seed}")
        self.world = world = World(seed)
        self.router = router = Router(env=world, linger=self.chance.choice((0.0, 0.0, 0.03)))
        kind = self.chance.choice(("classic", "quorum"))
        router.declare_exchange("orders", "topic")
        router.declare_exchange("failed", "fanout")
        router.declare_queue("work", type=kind, dead_letter_exchange="failed")
        router.declare_queue("wait", ttl=150, dead_letter_exchange="", dead_letter_key="work")
        router.declare_queue("audit")
        router.bind("work", "orders", "order.*")
        router.bind("audit", "orders", "#")
        router.bind("wait", "failed")
        if faults is not None:
            world.faults = faults  # from now on: all is declared
        self.next = self.open = 0
        self.received: list[tuple[str, bytes, bool]] = []
        """(queue, value, was it told that it may come again)"""
        self.stale = self.failures = self.retried = self.unknown = 0
        world.boot("shop", self._shop)
        for node in ("worker-1", "worker-2"):
            world.boot(node, lambda node=node: self._worker(node))
        world.boot("audit", self._audit)

    # ---------------------------------------------------------------------------------------------- the programs

    def _shop(self):
        client, life = self.router.client("shop"), self.world.node("shop").life
        self.open = 0
        while self.next < MESSAGES:
            value = b"v%d" % self.next
            self.next += 1
            self.open += 1
            operation = self.world.history.invoke("send", value)
            client.publish("orders", "order.placed", value).then(
                lambda done, operation=operation: self._confirmed(life, operation, done))
            yield self.chance.choice((0.01, 0.1, 0.3))

    def _confirmed(self, life, operation, done):
        if done.error is None:
            operation.ok()
        else:
            self.unknown += 1
            operation.info(type(done.error).__name__)
        if life == self.world.node("shop").life:
            self.open -= 1

    def _worker(self, node):
        channel = self.router.client(node).channel(prefetch=self.chance.choice((1, 3)))

        def handler(delivery):
            yield self.chance.choice((0.01, 0.05))
            if self.chance.random() < 0.2:
                self.failures += 1
                raise ValueError("a bad day")
            self._receive("work", delivery)

        channel.consume("work", handler)
        yield 0.0

    def _audit(self):
        channel = self.router.client("audit").channel()
        while True:
            try:
                delivery = yield channel.get("audit")
                if delivery is None:
                    yield 0.25
                    continue
                with delivery:
                    self._receive("audit", delivery)
            except EvlabError:
                yield 0.25

    def _receive(self, queue, delivery):
        again = delivery.redelivered or "x-death" in delivery.headers
        self.retried += "x-death" in delivery.headers
        self.received.append((queue, delivery.body, again))
        self.world.history.did("receive", delivery.body, node=queue)

    # ------------------------------------------------------------------------------------------------- the course

    def go(self) -> Run:
        """Faults for a while, then none until all has come to rest, or the time for that is over."""
        world = self.world
        world.run(until=2.0, steps=200_000)
        world.calm()
        calm = world.now()
        while not self.at_rest() and world.now() < calm + PATIENCE:
            world.run(until=world.now() + 0.5, steps=200_000)
        self.rested = world.now() - calm
        return self

    def at_rest(self) -> bool:
        """All is sent, and no queue has a message, ready or unacked."""
        return self.next == MESSAGES and not self.open and all(
            row.ready == row.unacked == 0 for row in self.router.queues())

    def anomalies(self) -> list[str]:
        """All that went wrong, in words; [] if nothing did."""
        found = [f"{one.name}: {one.text}" for one in
                 check(self.world.history, allow=("duplicate",), receivers=("work", "audit"))]
        if not self.at_rest():
            found.append(f"not at rest {self.rested:.1f} s after the faults: {self.router.queues()}")
        fresh = Counter((queue, value) for queue, value, again in self.received if not again)
        found += [f"{value!r} came {count} times to {queue}, never redelivered"
                  for (queue, value), count in fresh.items() if count > 1]
        return found

    def rare(self) -> dict[str, bool]:
        """Rare things, and whether this run had them."""
        history = self.world.history
        crashes = [one for one in history if one.kind in ("crash", "kill")]
        twice = Counter((queue, value) for queue, value, _ in self.received)
        return {
            "the router loses power": any(one.node == "router" and one.kind == "crash" for one in crashes),
            "a crash after the routing, before the disk": any(one.what == "at point 'routed'" for one in crashes),
            "a crash between disk and confirm": any(one.what == "at point 'journalled'" for one in crashes),
            "the router's disk forgets": any(one.kind == "lost" and one.node == "router" for one in history),
            "a consumer crashes": any(one.node.startswith("worker") for one in crashes),
            "a message is received twice": any(count > 1 for count in twice.values()),
            "a message goes through the dead letters": self.retried > 0,
            "a confirm whose outcome nobody knows": self.unknown > 0,
            "a message that a one-way cut stops": any(one.value == "link cut" for one in history),
        }
