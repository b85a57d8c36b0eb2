"""A channel of a connection to RabbitMQ: the verbs of `evlab.router.Channel`, and what the router asks through it."""

from __future__ import annotations

from contextlib import suppress
from itertools import count, takewhile
from typing import Any

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker, ChannelWrongStateError, UnsupportedAMQPFieldException

from evlab.engines import NotOnThisEngine
from evlab.engines.rabbitmq_forms import answer, message_of, properties_of
from evlab.engines.rabbitmq_link import Link
from evlab.env import Later
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.router.errors import ChannelClosed, ConnectionLost, Nacked, NoRoute, NotFound
from evlab.router.handling import Consumer, Delivery, Handler, check_consume, check_tag, handle
from evlab.router.message import Confirm, Headers, Message, check_message

__all__ = ["RabbitChannel"]


class RabbitChannel:
    """A channel in one thread's connection. `prefetch`: of its consumers, each. `closed` is None, or why it is closed.

    window: how many of its messages may be unconfirmed, see `RabbitRouter`.
    """

    def __init__(self, link: Link, prefetch: int = 0, window: int = 1):
        check_consume(print, "end", prefetch)
        self.prefetch, self.window = prefetch, window
        self.closed: Exception | None = None
        self.consumers: dict[str, Consumer] = {}
        self._link, self._names = link, count(1)
        self._unacked: dict[int, tuple[str, Consumer | None]] = {}
        self._waiting: list[Later] = []
        self._getting = Later()
        self._published, self._confirming = 0, False
        self._unconfirmed: dict[int, tuple[Message, Later]] = {}
        self._returned: dict[int, NoRoute] = {}
        opened = self._expect()
        self._raw = link.raw_channel(opened.resolve)
        self._raw.add_on_close_callback(lambda _, why: link.soon(self._closed, why))
        self._raw.add_on_cancel_callback(lambda frame: link.soon(self._cancelled, frame.method.consumer_tag))
        self._raw.add_on_return_callback(lambda *parts: link.soon(self._came_back, *parts[1:]))
        self._raw.add_callback(lambda _: link.soon(self._getting.resolve), [pika.spec.Basic.GetEmpty], one_shot=False)
        link.channels[self] = None
        link.wait(opened)
        if prefetch:
            self.ask("basic_qos", prefetch_count=prefetch)

    # --------------------------------------------------------------------------------------------------- asking

    def ask(self, verb: str, *arguments: Any, **settings: Any) -> Any:
        """Call one of pika's channel methods, and wait for RabbitMQ's answer: the method in it."""
        later = self._expect()
        self._send(verb, *arguments, callback=lambda frame: self._link.soon(later.resolve, frame.method), **settings)
        return self._link.wait(later)

    def _expect(self) -> Later:
        """An answer that will come, or fail with the channel."""
        self._waiting = [one for one in self._waiting if not one.done]
        self._waiting.append(later := Later())
        return later

    def _send(self, verb: str, *arguments: Any, **settings: Any) -> None:
        self._link.check_thread()
        self._check_open()
        try:
            getattr(self._raw, verb)(*arguments, **settings)
        except ChannelWrongStateError:
            self._link.turn()  # it is closed, and that is about to be known here
            self._check_open()
            raise
        except UnsupportedAMQPFieldException as error:
            raise NotOnThisEngine("pika has no form for a value in it", capability="float headers", why=str(error),
                                  next_step="give texts, whole numbers, booleans, None, lists and dicts") from error
        except (AMQPError, AssertionError, TypeError, ValueError) as error:  # nothing was sent
            raise InvalidUse(f"pika cannot send {verb}", why=f"{error!r:.200}", next_step="look at the arguments") \
                from error

    # ---------------------------------------------------------------------------------------------- getting messages

    def get(self, queue: str, auto_ack: bool = False) -> Delivery | None:
        """As `Channel.get`: a round trip for each message."""
        self._getting = found = self._expect()
        soon = self._link.soon
        self._send("basic_get", queue, lambda _, *parts: soon(found.resolve, parts), auto_ack=auto_ack)
        parts = self._link.wait(found)
        return None if parts is None else self._delivery(queue, None, auto_ack, *parts)

    def consume(self, queue: str, handler: Handler, *, acks: str = "end", name: str | None = None) -> Consumer:
        """As `Channel.consume`. Handlers are called in this thread, while `run` or `RabbitRouter.serve` drives it."""
        check_consume(handler, acks, self.prefetch)
        name = name or f"consumer-{self._raw.channel_number}.{next(self._names)}"
        if name in self.consumers:
            raise InvalidUse(f"this channel has a consumer {name!r}", next_step="give another name, or none")
        consumer = self.consumers[name] = Consumer(name, self, queue, handler, acks, self.prefetch)
        inbox = self._link.inbox
        try:
            self.ask("basic_consume", queue, lambda _, *parts: inbox.append(lambda: self._take(consumer, *parts)),
                     auto_ack=acks == "auto", consumer_tag=name)
        except Exception:
            self.consumers.pop(name, None)
            raise
        self._link.watch()
        return consumer

    def cancel(self, consumer: Consumer) -> Later:
        """As `Channel.cancel`: what is on the way to the handler goes back."""
        if self.consumers.get(consumer.name) is consumer:
            self._cancelled(consumer.name, called=False)
            self.ask("basic_cancel", consumer.name)
            self._link.handle()
        return Later.of()

    def _take(self, consumer: Consumer, method: Any, properties: Any, body: bytes) -> None:
        """Hand what has come to a consumer's handler."""
        if self.closed is not None:
            return
        auto = consumer.acks == "auto"
        delivery = self._delivery(consumer.queue, consumer, auto, method, properties, body)
        if consumer.cancelled and not auto:
            self.nack(delivery.tag)
        else:
            handle(self._link.env, None, consumer, delivery)

    def _delivery(self, queue: str, consumer: Consumer | None, settled: bool, method: Any, properties: Any,
                  body: bytes) -> Delivery:
        message, delivered = message_of(method.exchange, method.routing_key, properties, body)
        if not settled:
            self._unacked[method.delivery_tag] = queue, consumer
            if consumer is not None:
                consumer.unacked += 1
        return Delivery(self, method.delivery_tag, queue, message, method.redelivered, delivered, settled)

    # ----------------------------------------------------------------------------------------------------- settling

    def ack(self, tag: int, multiple: bool = False) -> Later:
        """As `Channel.ack`. RabbitMQ has no answer to it: it is on its way when this returns."""
        return self._settle("basic_ack", tag, multiple)

    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> Later:
        return self._settle("basic_nack", tag, multiple, requeue=requeue)

    def reject(self, tag: int, requeue: bool = True) -> Later:
        return self._settle("basic_reject", tag, False, requeue=requeue)

    def _settle(self, verb: str, tag: int, multiple: bool, **more: bool) -> Later:
        check_tag(tag)
        tags = [one for one in self._unacked if one <= tag or not tag] if multiple else [tag]
        known = [self._unacked.pop(one) for one in tags if one in self._unacked]
        self._send(verb, tag, **({} if verb == "basic_reject" else {"multiple": multiple}), **more)
        for _, consumer in known:
            if consumer is not None:
                consumer.unacked -= 1
        if known:
            self._link.push() if self._link.handling else self._link.turn()
        else:
            self.sync()  # RabbitMQ closes the channel: its answer is heard here
        return Later.of()

    def await_confirms(self) -> None:
        """Return when all that was published here is confirmed, or has failed with the channel."""
        self._link.turn_until(lambda: not self._unconfirmed)

    def sync(self) -> None:
        """Return when RabbitMQ has read all that this channel has sent, and the confirms are here."""
        self.await_confirms()
        if self.closed is None:
            self.ask("basic_qos", prefetch_count=self.prefetch)  # the shortest question that changes nothing

    # --------------------------------------------------------------------------------------------------- publishing

    def publish(self, exchange: str, key: str, body: bytes | Event, *, headers: Headers | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """As `RabbitRouter.publish`. An unknown exchange closes the channel."""
        message = check_message(exchange, key, body, headers, priority, expiration, persistent, mandatory)
        if not self._confirming:
            self.ask("confirm_delivery", lambda frame: self._link.soon(self._confirmed, frame.method))
            self._confirming = True
        number, confirm = self._published + 1, Later()
        self._send("basic_publish", exchange, key, message.body,
                   properties_of(message, str(number) if mandatory else None), mandatory)
        self._published, self._unconfirmed[number] = number, (message, confirm)
        self._link.push()
        if len(self._unconfirmed) >= self.window:
            with suppress(ConnectionLost):  # which the confirm tells
                self._link.turn_until(lambda: len(self._unconfirmed) < self.window)
        if not confirm.done:
            self._link.watch()
        return confirm

    def _came_back(self, method: Any, properties: Any, _: bytes) -> None:
        message, _ = self._unconfirmed[number := int(properties.message_id)]
        self._returned[number] = NoRoute(
            f"no queue for {message.key!r} at {message.exchange or 'the default exchange'}", message=message,
            why="no binding matches", next_step="bind a queue, or give the exchange an alternate")

    def _confirmed(self, method: Any) -> None:
        """RabbitMQ's confirms count up; multiple: and all before that number."""
        tag = method.delivery_tag
        for number in list(takewhile(lambda one: one <= tag, self._unconfirmed)) if method.multiple else [tag]:
            _, confirm = self._unconfirmed.pop(number)
            if isinstance(method, pika.spec.Basic.Ack):
                confirm.resolve(Confirm(self._returned.pop(number, None)))
            else:
                confirm.fail(Nacked("a queue did not take it", queues=[], why="it is full, and its overflow is "
                                    "reject-publish; RabbitMQ does not say which of them it is",
                                    next_step="send it again later, or let consumers catch up"))

    # --------------------------------------------------------------------------------------------------------- the end

    @property
    def busy(self) -> bool:
        """Is there something to wait for: a consumer, or a confirm?"""
        return bool(self.consumers or self._unconfirmed)

    @property
    def unacked(self) -> int:
        """How many deliveries are not settled."""
        return len(self._unacked)

    def unacked_of(self, queue: str) -> int:
        return sum(name == queue for name, _ in self._unacked.values())

    def close(self) -> Later:
        """Close it; what is unacked goes back. Nothing happens if it is closed."""
        if self.closed is None:
            with suppress(ConnectionLost):
                self.sync()
                self._raw.close()
                self._link.turn_until(lambda: self.closed is not None)
        return Later.of()

    def lose(self, error: Exception) -> None:
        """It is closed, and everything that was under way fails with that."""
        if self.closed is not None:
            return
        self.closed = error
        self._link.channels.pop(self, None)
        for consumer in self.consumers.values():
            consumer.cancelled = True
        self.consumers, self._unacked = {}, {}
        waiting, self._waiting = self._waiting, []
        for later in waiting:
            later.fail(error)
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        for message, confirm in unconfirmed.values():
            if isinstance(error, NotFound) and message.exchange != error.name:
                confirm.fail(ConnectionLost(
                    "the channel of this message is closed", why=f"another message closed it ({error.what}); whether "
                    "this one was taken is UNKNOWN", next_step="send it again, or find out"))
            else:
                confirm.fail(error)

    def _closed(self, why: Exception) -> None:
        if isinstance(why, ChannelClosedByBroker):
            self.lose(answer(why.reply_code, why.reply_text))
        elif self._link.error is None:
            self.lose(ChannelClosed("the channel is closed", next_step="open another: router.channel()"))
        else:
            self.lose(self._link.error)

    def _cancelled(self, name: str, called: bool = True) -> None:
        """A consumer gets nothing more. called: because its queue was deleted."""
        consumer = self.consumers.pop(name, None)
        if consumer is not None:
            consumer.cancelled = True
            if called:
                consumer.on_cancelled()

    def _check_open(self) -> None:
        if isinstance(self.closed, ConnectionLost):
            raise self.closed
        if self.closed is not None:
            raise ChannelClosed("the channel is closed", why=getattr(self.closed, "what", ""),
                                next_step="open another: router.channel()")

    def __enter__(self) -> RabbitChannel:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.unacked} unacked, {len(self.consumers)} consumers"
        return f"RabbitChannel({state}, prefetch {self.prefetch})"
