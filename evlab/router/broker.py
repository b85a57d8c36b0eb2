"""The broker: one life of the router, from a start to a crash. Exchanges, queues, and the journal of what must last.

Each call changes the state in memory, notes in the journal what must survive, and ends with `finish`, see turns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any

from evlab.env import Env, Later
from evlab.files import Files
from evlab.router.channel import Channel
from evlab.router.dead_letters import dead_letter, is_cycle
from evlab.router.errors import ConnectionLost, Nacked, NoRoute, NotFound, ResourceLocked, RouterError
from evlab.router.exchanges import Binding, Exchange
from evlab.router.handling import Consumer
from evlab.router.journal import Entry, Journal
from evlab.router.message import Confirm, Message
from evlab.router.queues import MOMENT, Item, Queue
from evlab.router.recovery import entries_of, recover
from evlab.router.turns import Turns

__all__ = ["Broker"]

REST = 0.001
"""Seconds until a message that a handler gave back at once comes again. A network would take as long; without it, a
handler that always requeues would never let go."""
CONFIRMED = Later.of(Confirm())


class Broker(Turns):
    """The broker on `node`, with a journal in `files`; None keeps all in memory. linger: see `Router`.

    Raises `CorruptJournal`.
    """

    def __init__(self, env: Env, node: str, files: Files | None = None, linger: float = 0.0):
        super().__init__(env, node, None if files is None else Journal(files), linger)
        self.exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, Queue] = {}
        self.channels: dict[Channel, None] = {}
        self.timed: dict[Queue, None] = {}
        """Queues in which messages can expire."""
        self._consumers = 0
        if self.journal is not None:
            recover(self, self.journal)

    # ------------------------------------------------------------------------------------------------------ publishing

    def accept(self, message: Message) -> Later:
        """Route a message, and take responsibility for it: see `Router.publish`. Done with its `Confirm`."""
        if self.dead:
            raise lost(self.node)
        queues = self.route(message)
        if not queues:
            if not message.mandatory:
                return CONFIRMED
            return Later.of(Confirm(NoRoute(
                f"no queue for {message.key!r} at {message.exchange or 'the default exchange'}", message=message,
                why="no binding matches", next_step="bind a queue, or give the exchange an alternate")))
        stored, refused = self._put(queues, message)
        confirm = CONFIRMED if not (stored or refused) else Later()
        if stored:
            self._unconfirmed.append((confirm, nacked(refused) if refused else None))
        elif refused:
            confirm.fail(nacked(refused))
        self.finish()
        return confirm

    def route(self, message: Message) -> list[Queue]:
        """The queues that a message goes to: what the bindings say, or else those of the alternate exchange."""
        if not message.exchange:
            queue = self.queues.get(message.key)
            return [] if queue is None else [queue]
        exchange = self.exchange(message.exchange)
        names = exchange.queues(message.key, message.headers)
        if not names and exchange.alternate is not None:
            others = (one.queues(message.key, message.headers) for one in self._chain(exchange.name))
            names = next(filter(None, others), ())
        return [self.queues[name] for name in names]

    def matches(self, exchange: str, key: str, headers: dict[str, Any] | None) -> list[Binding]:
        """See `Router.explain`."""
        if not exchange:
            return [Binding("", key, key)] if key in self.queues else []
        return next(filter(None, (one.matching(key, headers) for one in self._chain(exchange))), [])

    def _chain(self, name: str) -> Iterator[Exchange]:
        """An exchange, its alternate, the alternate of that, each once. Raises `NotFound` for the first."""
        exchange, seen = self.exchange(name), set()
        while exchange is not None and exchange.name not in seen:
            yield exchange
            seen.add(exchange.name)
            exchange = self.exchanges.get(exchange.alternate or "")

    def _put(self, queues: Iterable[Queue], message: Message) -> tuple[bool, list[Queue]]:
        """Add a message to those queues that take it. Does the journal have it, and which queues refused?"""
        places, refused = [], []
        for queue in queues:
            if queue.refuses:
                refused.append(queue)
                continue
            item = queue.put(message)
            if self.journal is not None and queue.durable and message.persistent:
                item.stored = True
                self.stored += 1
                places.append((queue.name, item.number, item.since, item.expires))
            if queue.consumers or queue.timed or queue.most is not None:
                self._awake[queue] = None
        if places:
            self.note("put", message, places)
            self._urgent = True
        return bool(places), refused

    # --------------------------------------------------------------------------------------------- leaving the queues

    def settle(self, queue: Queue, item: Item) -> None:
        """An unacked message is done."""
        queue.unacked -= 1
        self.forget(queue, item)

    def requeue(self, queue: Queue, items: list[Item], given: bool) -> None:
        """Unacked messages are ready again, but for those that came back too often. given: see `Queue.requeue`."""
        if queue.deleted:
            for item in items:
                self.forget(queue, item)
            return
        limit, exhausted = queue.settings.delivery_limit, []
        if queue.settings.type == "quorum":
            for item in items:
                item.count += 1
            exhausted = [item for item in items if limit is not None and item.count > limit]
            items = [item for item in items if limit is None or item.count <= limit]
        if exhausted:
            self.drop(queue, exhausted, "delivery_limit", taken=True)
        before = [item.number for item in items]
        queue.requeue(items, given)
        for number, item in zip(before, items, strict=True):
            if item.stored and queue.settings.type == "quorum":
                self.note("back", queue.name, number, item.number, item.count)
        self.drop(queue, queue.trim(), "maxlen")
        if self._dispatching and not queue.resting:
            queue.resting = True
            self.after(REST, partial(self._rested, queue))
        self.wake(queue)

    def _rested(self, queue: Queue) -> None:
        queue.resting = False
        self.wake(queue)
        self.finish()

    def drop(self, queue: Queue, items: list[Item], reason: str, *, taken: bool = False) -> None:
        """Messages leave a queue without being acked: to its dead-letter exchange, if it has one.

        taken: they were unacked, not ready.
        """
        if taken:
            queue.unacked -= len(items)
        for item in items:
            self._bury(queue, item, reason)
            self.forget(queue, item)

    def _bury(self, queue: Queue, item: Item, reason: str) -> None:
        target = queue.settings.dead_letter_exchange
        if target is None or queue.deleted or target and target not in self.exchanges:
            return
        letter = dead_letter(item.message, queue.name, reason, self.env.epoch + self.env.now(), target,
                             queue.settings.dead_letter_key)
        queues = self.route(letter)
        self._put(queues if reason == "rejected" else [one for one in queues if not is_cycle(one.name, letter)], letter)

    def forget(self, queue: Queue, item: Item) -> None:
        """A message is in this queue no more."""
        if item.stored:
            item.stored = False
            self.stored -= 1
            if not queue.deleted:
                self.note("gone", queue.name, item.number)

    def expire(self, queue: Queue, slack: float = MOMENT) -> None:
        """Let the messages at the head of a queue go whose time is over."""
        if not queue.deleted:
            self.drop(queue, queue.take_expired(slack), "expired")

    # -------------------------------------------------------------------------------------------------- what there is

    def catch_up(self) -> None:
        """Let go what should be gone by now: on the real clock it may be that nobody has driven the timers."""
        if self.dead:
            raise lost(self.node)
        if self.timed:
            for queue in list(self.timed):
                self.expire(queue)
            self.finish()

    def exchange(self, name: str) -> Exchange:
        """Raises `NotFound`."""
        found = self.exchanges.get(name)
        if found is None:
            raise NotFound(f"no exchange {name!r:.80}", name=name, why="nobody has declared it",
                           next_step=f'router.declare_exchange("{name}", "topic")')
        return found

    def queue(self, name: str, owner: object = None) -> Queue:
        """Raises `NotFound`, and `ResourceLocked` for a queue of another connection."""
        self.catch_up()
        found = self.queues.get(name)
        if found is None:
            raise NotFound(f"no queue {name!r:.80}", name=name, why="nobody has declared it, or it was deleted",
                           next_step=f'router.declare_queue("{name}")')
        if found.settings.exclusive and found.owner is not owner:
            raise ResourceLocked(f"{name!r} is exclusive to another connection", name=name,
                                 why="only the connection that declared it may use it",
                                 next_step="declare it without exclusive, or use that connection")
        return found

    def entries(self) -> Iterator[Entry]:
        return entries_of(self)

    def stored_items(self) -> Iterator[tuple[Queue, Item]]:
        """What the journal knows of: ready or unacked."""
        for queue in self.queues.values():
            yield from ((queue, item) for item in queue.items() if item.stored)
        for channel in self.channels:
            yield from ((queue, item) for queue, item in channel.taken() if item.stored and not queue.deleted)

    def next_consumer(self) -> int:
        self._consumers += 1
        return self._consumers

    def forget_consumer(self, consumer: Consumer) -> None:
        """It gets nothing more."""
        consumer.cancelled = True
        consumer.channel.consumers.pop(consumer.name, None)
        if consumer in consumer.queue.consumers:
            consumer.queue.consumers.remove(consumer)

    def live(self) -> Generator:
        """A process whose end is the end of this life."""
        try:
            while True:
                yield Later()
        finally:
            self.die()

    def die(self) -> None:
        """What is in memory is gone; channels learn of it."""
        self.dead = True
        for channel in list(self.channels):
            channel.lose(lost(self.node))

    def close(self) -> None:
        """End in good order: unacked messages go back, and the journal holds what is there and nothing else."""
        if self.dead:
            return
        for queue in self.queues.values():
            for consumer in list(queue.consumers):
                self.forget_consumer(consumer)
        for channel in list(self.channels):
            channel.close()
        try:
            if self.journal is not None:
                self.flush()
                self.journal.rewrite([*self.entries(), ("closed",)])
        finally:
            self.die()
            if self.journal is not None:
                self.journal.close()


def lost(node: str) -> RouterError:
    """The error of a router that is down, or was restarted."""
    return ConnectionLost(f"the router {node!r} is down, or was since you connected", why="its node crashed, or it was "
                          "closed", next_step="open a new channel when it is back")


def nacked(queues: list[Queue]) -> Nacked:
    """The error of a message that full queues did not take."""
    names = [queue.name for queue in queues]
    return Nacked(f"{', '.join(names)} did not take it", queues=names, why="the queue is full, and its overflow is "
                  "reject-publish", next_step="send it again later, or let consumers catch up")
