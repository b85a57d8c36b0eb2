"""A channel: one conversation with the router. It numbers what it delivers, and the acks name these numbers (tags).

An error on a channel closes it, as in AMQP. When it closes, for whatever reason, all that it had delivered and not
seen settled goes back to its place in the queue, redelivered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from evlab.env import Later
from evlab.errors import InvalidUse
from evlab.router.errors import ChannelClosed, PreconditionFailed, RouterError
from evlab.router.handling import Consumer, Delivery, Handler, check_consume, check_tag, handle
from evlab.router.message import Message, check_message
from evlab.router.queues import Item, Queue

if TYPE_CHECKING:
    from evlab.router.broker import Broker

__all__ = ["Channel", "Consumer"]

DONE = Later.of()


class Channel:
    """A channel of a broker, beside it: calls are direct. `prefetch` counts for the consumers that start from now on.

    owner: the connection to which it belongs. `closed` is None, or why it is closed.
    """

    def __init__(self, broker: Broker, prefetch: int = 0, owner: object = None):
        check_consume(print, "end", prefetch)
        self.prefetch, self.owner = prefetch, owner
        self.closed: RouterError | None = None
        self.consumers: dict[str, Consumer] = {}
        self._broker = broker
        self._tag = 0
        self._unacked: dict[int, tuple[Queue, Item, Consumer | None]] = {}
        broker.channels[self] = None

    # ---------------------------------------------------------------------------------------------- getting messages

    def get(self, queue: str, auto_ack: bool = False) -> Delivery | None:
        """The next message of a queue, or None. It is yours until you ack it; with auto_ack it is gone at once.

        Raises `NotFound` and `ResourceLocked`, which close the channel.
        """
        source = self._queue(queue)
        item = source.pop()
        if item is None:
            return None
        return self._deliver(source, item, None, auto_ack)

    def consume(self, queue: str, handler: Handler, *, acks: str = "end", name: str | None = None) -> Consumer:
        """Have `handler` called with each message, now and later; at most `prefetch` are unacked at a time.

        acks: "end" acks when the handler ends (a handler that takes time is a generator function) and rejects without
        requeue when it raises; "manual" leaves it to the handler; "auto" acks when the message is sent, so that a
        crash loses it, and no prefetch holds it back. name: the consumer's tag, made if you give none.
        """
        source = self._queue(queue)
        check_consume(handler, acks, self.prefetch)
        name = name or f"consumer-{self._broker.next_consumer()}"
        if name in self.consumers:
            raise InvalidUse(f"this channel has a consumer {name!r}", next_step="give another name, or none")
        consumer = self.consumers[name] = Consumer(name, self, source, handler, acks, self.prefetch)
        source.consumers.append(consumer)
        self._broker.wake(source)
        self._broker.finish()
        return consumer

    def cancel(self, consumer: Consumer) -> Later:
        """End a consumer, see `Consumer.cancel`."""
        if not isinstance(consumer, Consumer):
            raise InvalidUse(f"{consumer!r:.60} is no consumer", next_step="give what channel.consume returned")
        self._broker.forget_consumer(consumer)
        return DONE

    def deliver_to(self, consumer: Consumer, item: Item) -> None:
        """The broker's turn: hand an item that was popped to a consumer."""
        delivery = self._deliver(consumer.queue, item, consumer, consumer.acks == "auto")
        handle(self._broker.env, self._broker.node, consumer, delivery)

    def _deliver(self, queue: Queue, item: Item, consumer: Consumer | None, auto_ack: bool) -> Delivery:
        tag = self._tag = self._tag + 1
        count = item.count if queue.settings.type == "quorum" else None
        if auto_ack:
            self._broker.settle(queue, item)
            self._broker.finish()
        else:
            self._unacked[tag] = queue, item, consumer
            if consumer is not None:
                consumer.unacked += 1
        return Delivery(self, tag, queue.name, item.message, item.redelivered, count, auto_ack)

    # ----------------------------------------------------------------------------------------------------- settling

    def ack(self, tag: int, multiple: bool = False) -> Later:
        """Delivery `tag` is done; multiple: and all before it (0: all). Raises `PreconditionFailed`: see `Delivery`."""
        for queue, item, consumer in self._settled(tag, multiple):
            self._broker.settle(queue, item)
            if consumer is not None:
                consumer.unacked -= 1
                self._broker.wake(queue)
        self._broker.finish()
        return DONE

    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> Later:
        """Delivery `tag` is not done. requeue: back to its place; else it is dead ("rejected")."""
        self._give_back(self._settled(tag, multiple), requeue)
        return DONE

    def reject(self, tag: int, requeue: bool = True) -> Later:
        """As `nack`, for one."""
        return self.nack(tag, False, requeue)

    def _settled(self, tag: int, multiple: bool) -> Iterable[tuple[Queue, Item, Consumer | None]]:
        """Take these off the list of what is unacked."""
        self._check_open()
        check_tag(tag)
        if not multiple:
            found = self._unacked.pop(tag, None)
            if found is not None:
                return (found,)
        elif tag == 0:
            every, self._unacked = list(self._unacked.values()), {}
            return every
        else:
            tags = [one for one in self._unacked if one <= tag]
            if tags:
                return [self._unacked.pop(one) for one in tags]
        raise self._fail(PreconditionFailed(
            f"unknown delivery tag {tag}", tag=tag, why="it is settled already, or another channel delivered it",
            next_step="settle each delivery once, on its own channel; open a new channel"))

    def _give_back(self, given: Iterable[tuple[Queue, Item, Consumer | None]], requeue: bool) -> None:
        by_queue: dict[Queue, list[Item]] = {}
        for queue, item, consumer in given:
            if consumer is not None:
                consumer.unacked -= 1
            by_queue.setdefault(queue, []).append(item)
        for queue, items in by_queue.items():
            if requeue:
                self._broker.requeue(queue, items, given=self.closed is None)
            else:
                self._broker.drop(queue, items, "rejected", taken=True)
                self._broker.wake(queue)
        self._broker.finish()

    # ------------------------------------------------------------------------------------------------------ publishing

    def publish(self, exchange: str, key: str, body: Any, *, headers: dict[str, Any] | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """As `Router.publish`. An unknown exchange closes the channel."""
        return self.accept(check_message(exchange, key, body, headers, priority, expiration, persistent, mandatory))

    def accept(self, message: Message) -> Later:
        """Publish a message that was checked."""
        self._check_open()
        try:
            return self._broker.accept(message)
        except RouterError as error:
            raise self._fail(error) from error

    # --------------------------------------------------------------------------------------------------------- the end

    @property
    def unacked(self) -> int:
        """How many deliveries are not settled."""
        return len(self._unacked)

    def taken(self) -> list[tuple[Queue, Item]]:
        """What is unacked, and of which queue."""
        return [(queue, item) for queue, item, _ in self._unacked.values()]

    def close(self, why: RouterError | None = None) -> Later:
        """Close it; what is unacked goes back. Nothing happens if it is closed."""
        if self.closed is None:
            self.closed = why or ChannelClosed("the channel is closed", next_step="open another: router.channel()")
            for consumer in list(self.consumers.values()):
                self._broker.forget_consumer(consumer)
            self._broker.channels.pop(self, None)
            given, self._unacked = list(self._unacked.values()), {}
            self._give_back(given, True)
        return DONE

    def lose(self, why: RouterError) -> None:
        """The router has died: nothing can go back, it comes from the journal."""
        self.closed = self.closed or why
        self._unacked = {}

    def _queue(self, name: str) -> Queue:
        self._check_open()
        try:
            return self._broker.queue(name, self.owner)
        except RouterError as error:
            raise self._fail(error) from error

    def _fail(self, error: RouterError) -> RouterError:
        self.close(ChannelClosed("the channel is closed", why=f"an error closed it: {error.what}",
                                 next_step="open another channel; what it had was requeued"))
        return error

    def _check_open(self) -> None:
        if self.closed is not None:
            closed = self.closed
            raise type(closed)(closed.what.partition(": ")[2], why=closed.why, next_step=closed.next_step)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.unacked} unacked, {len(self.consumers)} consumers"
        return f"Channel({state}, prefetch {self.prefetch})"
