"""A queue: messages wait in it in order, each for one consumer, until they are acked, dropped or die.

A message is in one of two places: ready, or unacked (a consumer has it, and has not said how it went). It leaves
1. acked: gone for good;
2. dead: rejected, expired, pushed out by max_length, or returned too often; the dead-letter exchange gets it, if any.

Requeued, it goes back to its old place, because each has a number that it keeps. A quorum queue has no old places:
what comes back waits in a line of its own, ahead of all that never left; without a delivery limit, what a consumer
gives back goes to the end instead (RabbitMQ: rabbit_fifo). Only the head is looked at for its age: a long-lived message
keeps dead ones behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from evlab.env import Timer
from evlab.router.message import Message
from evlab.router.settings import QueueSettings

if TYPE_CHECKING:
    from evlab.router.broker import Broker
    from evlab.router.handling import Consumer

__all__ = ["MOMENT", "Depth", "Item", "Queue"]


FRONT = -(2**62)
"""The first number of a line ahead of all others."""
MOMENT = 1e-6
"""Seconds that make no difference: sums of times are rounded."""


class Depth(NamedTuple):
    """How much is in a queue. A router has no lag; this is what to watch instead."""

    ready: int
    unacked: int
    age: float | None
    """Seconds that the head has been here; None if nothing is ready."""


class Item(Struct, gc=False):
    """A message in one queue."""

    number: int
    """Its place in the queue."""
    message: Message
    since: float
    """When it came (seconds, in the router's clock)."""
    expires: float | None = None
    """When it dies, if it is ready then."""
    redelivered: bool = False
    """May somebody have had it before?"""
    count: int = 0
    """How often it came back, in a quorum queue (x-delivery-count)."""
    stored: bool = False
    """Is it in the journal?"""


class Queue:
    """A queue of a broker. `owner` is the connection that it is exclusive to, if it is."""

    def __init__(self, name: str, settings: QueueSettings, broker: Broker, owner: object = None):
        self.name, self.settings, self.owner = name, settings, owner
        self.most = settings.max_length
        self.durable = settings.durable and not settings.exclusive
        self.ready = self.unacked = 0
        self.deleted = self.resting = False
        """resting: a consumer gave a message back at once; it comes again a moment later."""
        self.consumers: deque[Consumer] = deque()
        self._broker, self._env = broker, broker.env
        self._levels: list[deque[Item]] = [deque() for _ in range((settings.max_priority or 0) + 1)]
        self._level, self._single = self._levels[0], settings.max_priority is None
        self._next, self._returned = 1, FRONT
        self._ttl = None if settings.ttl is None else settings.ttl / 1000
        self.timed = False
        """Has a message been here that can expire?"""
        self._timer: Timer | None = None
        self._due = 0.0

    # -------------------------------------------------------------------------------------------------- coming in

    @property
    def refuses(self) -> bool:
        """Is it full, so that its overflow nacks a new message?"""
        return self.most is not None and self.ready >= self.most and self.settings.overflow == "reject-publish"

    def put(self, message: Message) -> Item:
        """Add a message at the end of its priority level. Whether it may is asked before."""
        item = Item(self._next, message, self._env.now())
        self._next += 1
        if self._ttl is not None or message.expiration is not None:
            item.expires = item.since + self._lifetime(message)
            self._set_timed()
        (self._level if self._single else self._level_of(message)).append(item)
        self.ready += 1
        return item

    def trim(self) -> list[Item]:
        """What max_length pushes out: from the head, which is the oldest of the highest priority.

        With reject-publish nothing, even if requeued messages make it longer (RabbitMQ: maybe_drop_head).
        """
        dropped = []
        while self.most is not None and self.ready > self.most and self.settings.overflow == "drop-head":
            dropped.append(self._take())
        return dropped

    def restore(self, items: Iterable[Item]) -> None:
        """Put back what the journal has, in the order of the numbers."""
        for item in sorted(items, key=lambda item: item.number):
            self._level_of(item.message).append(item)
            self.ready += 1
            if item.number < 0:
                self._returned = max(self._returned, item.number + 1)
            self._next = max(self._next, item.number + 1)
            if item.expires is not None:
                self._set_timed()

    def requeue(self, items: list[Item], given: bool = True) -> None:
        """Let messages that were unacked be ready again, at their places (see above). given: by a consumer; otherwise
        its channel has closed."""
        self.unacked -= len(items)
        self.ready += len(items)
        by_level: dict[int, list[Item]] = {}
        for item in items:
            item.redelivered = True
            if self.settings.type == "quorum" and given and self.settings.delivery_limit is None:
                item.number, self._next = self._next, self._next + 1
            elif self.settings.type == "quorum":
                item.number, self._returned = self._returned, self._returned + 1
            by_level.setdefault(self._priority(item.message), []).append(item)
        for priority, back in by_level.items():
            level, last = self._levels[priority], max(item.number for item in back)
            while level and level[0].number < last:
                back.append(level.popleft())
            level.extendleft(sorted(back, key=lambda item: -item.number))

    def _set_timed(self) -> None:
        if not self.timed:
            self.timed = True
            self._broker.timed[self] = None

    def _priority(self, message: Message) -> int:
        return min(message.priority or 0, self.settings.max_priority or 0)

    def _level_of(self, message: Message) -> deque[Item]:
        return self._levels[self._priority(message)]

    def _lifetime(self, message: Message) -> float:
        """Seconds: of the queue's TTL and the message's own expiration, the lower."""
        own = None if message.expiration is None else int(message.expiration) / 1000
        return min(one for one in (own, self._ttl) if one is not None)

    # -------------------------------------------------------------------------------------------------- going out

    def pop(self, slack: float = MOMENT) -> Item | None:
        """The next ready message, which is unacked from now on; None if there is none. slack: see `take_expired`."""
        if self.timed:
            self._broker.expire(self, slack)
        if not self.ready:
            return None
        self.unacked += 1
        return self._take()

    def head(self) -> Item | None:
        """The next one, left where it is; None if nothing is ready."""
        for level in reversed(self._levels):
            if level:
                return level[0]
        return None

    def _take(self) -> Item:
        self.ready -= 1
        if self._single:
            return self._level.popleft()
        return next(level for level in reversed(self._levels) if level).popleft()

    def take_expired(self, slack: float = MOMENT) -> list[Item]:
        """Take off the head what is past its time, or will be in `slack` seconds, and set the clock for the next head.

        A consumer that is free gets what has come this moment, even with a TTL of 0: its slack is below 0.
        """
        now, dead = self._env.now(), []
        while (head := self.head()) and head.expires is not None and head.expires <= now + slack:
            dead.append(self._take())
        if head and head.expires is not None and (self._timer is None or head.expires < self._due):
            if self._timer is not None:
                self._timer.cancel()
            self._due, self._timer = head.expires, self._broker.after(max(0.0, head.expires - now), self._wake)
        return dead

    def take_all(self) -> list[Item]:
        """Take all that is ready, as a purge does."""
        return [self._take() for _ in range(self.ready)]

    def _wake(self) -> None:
        self._timer = None
        self._broker.expire(self)
        self._broker.finish()

    # -------------------------------------------------------------------------------------------------- consumers

    def next_consumer(self) -> Consumer | None:
        """Whose turn it is, among those that may take one more (round robin); None if nobody may."""
        for _ in range(len(self.consumers)):
            consumer = self.consumers[0]
            self.consumers.rotate(-1)
            if consumer.free:
                return consumer
        return None

    def items(self) -> list[Item]:
        """What is ready, from the head on."""
        return [item for level in reversed(self._levels) for item in level]

    def depth(self) -> Depth:
        head = self.head()
        return Depth(self.ready, self.unacked, None if head is None else self._env.now() - head.since)

    def __repr__(self) -> str:
        return f"Queue({self.name!r}, {self.ready:,} ready, {self.unacked:,} unacked)"
