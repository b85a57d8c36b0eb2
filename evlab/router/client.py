"""A router's client on another node: the same verbs over the network, where each returns a `Later`.

1. It connects by itself, and again after the router or the network was down; its consumers then go on.
2. What was under way when a connection was lost fails with `ConnectionLost`: a publish may have happened or not.
3. What it had unacked goes back to the queues and comes again, redelivered. An ack of before is without effect.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import Any

from evlab.env import Env, Later, Signal
from evlab.errors import EvlabError, Timeout
from evlab.router.errors import ChannelClosed, ConnectionLost, RouterError
from evlab.router.handling import Consumer, Delivery, Handler, check_consume, check_tag, handle
from evlab.router.link import HEARTBEAT, Frame, Receiver, Sender
from evlab.router.message import check_message
from evlab.router.server import PORT, Cancelled, Deliver, Open, Request

__all__ = ["Client", "RemoteChannel"]

PATIENCE = 10.0
"""Seconds that a request waits for a connection before it fails with `Timeout`."""
BACKOFF = 0.2
"""Seconds between two attempts to connect."""


class Client:
    """A client on `node`. `name` tells it from others there."""

    def __init__(self, env: Env, router: str, node: str, name: str):
        self.env, self.router, self.node, self.name = env, router, node, name
        self.channels: dict[int, RemoteChannel] = {}
        self.connection = ""
        """The name of the connection; empty while there is none."""
        self._numbers = count(1)
        self._sender: Sender | None = None
        self._receiver: Receiver | None = None
        self._waiting: list[tuple[Request, Later]] = []
        self._connecting = self._closed = False
        self._attempts = 0
        self._wanted = Signal()
        env.listen(node, self._receive, f"{PORT} {name}")
        env.spawn(self._keep(), node)

    # ---------------------------------------------------------------------------------------------------- the verbs

    def declare_exchange(self, name: str, type: str, **settings: Any) -> Later:
        return self.ask(Request("declare_exchange", 0, (name, type), settings))

    def declare_queue(self, name: str = "", **settings: Any) -> Later:
        return self.ask(Request("declare_queue", 0, (name,), settings))

    def bind(self, queue: str, exchange: str, key: str = "", arguments: dict[str, Any] | None = None) -> Later:
        return self.ask(Request("bind", 0, (queue, exchange, key, arguments)))

    def unbind(self, queue: str, exchange: str, key: str = "", arguments: dict[str, Any] | None = None) -> Later:
        return self.ask(Request("unbind", 0, (queue, exchange, key, arguments)))

    def delete_queue(self, name: str, **settings: Any) -> Later:
        return self.ask(Request("delete_queue", 0, (name,), settings))

    def delete_exchange(self, name: str, **settings: Any) -> Later:
        return self.ask(Request("delete_exchange", 0, (name,), settings))

    def purge(self, queue: str) -> Later:
        return self.ask(Request("purge", 0, (queue,)))

    def publish(self, exchange: str, key: str, body: Any, *, headers: dict[str, Any] | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """As `Router.publish`. It is not sent twice by itself: after `ConnectionLost` or `Timeout` you decide."""
        message = check_message(exchange, key, body, headers, priority, expiration, persistent, mandatory)
        return self.ask(Request("publish", 0, (message,)))

    def channel(self, prefetch: int = 0) -> RemoteChannel:
        """A channel, for consumers and acks."""
        check_consume(print, "end", prefetch)
        number = next(self._numbers)
        channel = self.channels[number] = RemoteChannel(self, number, prefetch)
        self.ask(Request("channel", number, (prefetch,)))
        self._wanted.fire()
        return channel

    def close(self) -> Later:
        """Disconnect: what is unacked goes back, exclusive queues go."""
        done = Later.of() if self._sender is None else self.ask(Request("disconnect"))
        self._end(ConnectionLost("the client is closed", next_step="make another: router.client(node)"))
        self._wanted.fire()
        return done

    # ----------------------------------------------------------------------------------------------- the connection

    def ask(self, request: Request) -> Later:
        """Send a request, or keep it until there is a connection."""
        if self._closed:
            raise ConnectionLost("the client is closed", why="you closed it, or its node has crashed",
                                 next_step="make another: router.client(node)")
        if self._sender is None:
            self._connect()
        if self._sender is not None:
            return self._sender.ask(request)
        answer = Later()
        if request.verb != "channel":  # a new connection opens all channels that there are
            self._waiting.append((request, answer))
            deadline = self.env.after(PATIENCE, lambda: self._give_up(request, answer))
            answer.then(lambda _: deadline.cancel())
        self._wanted.fire()
        return answer

    def _give_up(self, request: Request, answer: Later) -> None:
        self._waiting = [one for one in self._waiting if one[1] is not answer]
        answer.fail(Timeout(f"{request.verb}: {self.router} cannot be reached", node=self.router, seconds=PATIENCE,
                            why="it is down, or the network is", next_step="try again later"))

    def _connect(self) -> None:
        if not self._connecting and not self._closed:
            self._connecting, self._attempts = True, self._attempts + 1
            attempt = Open(self.name, self.node, self._attempts)
            self.env.ask(self.router, attempt, PORT, 2 * BACKOFF).then(self._connected)

    def _connected(self, done: Later) -> None:
        self._connecting = False
        if done.error is not None or self._closed:
            return  # `_keep` tries again
        self.connection = done.value.name
        self._receiver = Receiver(self.env, self._handle)
        self._sender = Sender(self.env, self.router, PORT, self.connection, self._lost)
        for channel in list(self.channels.values()):
            channel.reopen()
        waiting, self._waiting = self._waiting, []
        for request, answer in waiting:
            if self._sender is not None and not answer.done:
                self._sender.ask(request).then(lambda done, answer=answer: answer.resolve(done.value)
                                               if done.error is None else answer.fail(done.error))

    def _lost(self, _: ConnectionLost) -> None:
        self.connection, self._sender = "", None
        if self.channels:
            self._connect()
        self._wanted.fire()

    def _keep(self) -> Generator:
        """Connect again while somebody needs it, and show signs of life while there is a channel."""
        try:
            while not self._closed:
                if self._sender is None and (self.channels or self._waiting):
                    self._connect()
                    yield BACKOFF
                elif self.channels and self._sender is not None:
                    self._sender.ask(Request("beat"))
                    yield HEARTBEAT
                else:
                    yield self._wanted
        finally:
            self._end(ConnectionLost(f"{self.node} has crashed", next_step="make another client when it is back"))

    def _end(self, why: RouterError) -> None:
        self._closed = True
        for channel in self.channels.values():
            channel.closed = channel.closed or why
        self.channels = {}
        waiting, self._waiting = self._waiting, []
        for _, answer in waiting:
            answer.fail(why)

    def _receive(self, frame: Frame) -> Any:
        if frame.connection != self.connection or self._receiver is None:
            raise ConnectionLost("this connection is not known", why="the client has another by now")
        return self._receiver.take(frame)

    def _handle(self, message: Deliver | Cancelled) -> None:
        channel = self.channels.get(message.channel)
        if channel is not None:
            channel.delivered(message) if isinstance(message, Deliver) else channel.cancelled(message.consumer)

    def __repr__(self) -> str:
        return f"Client({self.name!r}, {'connected' if self.connection else 'not connected'})"


class RemoteChannel:
    """A channel of a client: as `Channel`, and `get`, `ack`, `nack`, `reject`, `cancel`, `close` return a `Later`."""

    def __init__(self, client: Client, number: int, prefetch: int):
        self.client, self.number, self.prefetch = client, number, prefetch
        self.closed: EvlabError | None = None
        self.consumers: dict[str, Consumer] = {}
        self._names = count(1)

    def publish(self, exchange: str, key: str, body: Any, *, headers: dict[str, Any] | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """As `Router.publish`. An unknown exchange closes the channel."""
        return self._ask("publish", check_message(exchange, key, body, headers, priority, expiration, persistent,
                                                  mandatory))

    def get(self, queue: str, auto_ack: bool = False) -> Later:
        """Done with the next `Delivery`, or None."""
        found = Later()

        def arrived(answer: Later) -> None:
            if answer.error is not None:
                found.fail(answer.error)
            else:
                life = _Life(self, self.client.connection)
                found.resolve(None if answer.value is None else _delivery(life, answer.value))

        self._ask("get", queue, auto_ack).then(arrived)
        return found

    def consume(self, queue: str, handler: Handler, *, acks: str = "end", name: str | None = None) -> Consumer:
        """As `Channel.consume`: `handler` runs on the client's node. A queue that is not there closes the channel."""
        check_consume(handler, acks, self.prefetch)
        self._check_open()
        name = name or f"{self.client.name}/{self.number}.{next(self._names)}"
        consumer = self.consumers[name] = Consumer(name, self, queue, handler, acks, self.prefetch)
        if self.client.connection:
            self._start(consumer)
        return consumer

    def cancel(self, consumer: Consumer) -> Later:
        consumer.cancelled = True
        self.consumers.pop(consumer.name, None)
        return self._ask("cancel", consumer.name) if self.client.connection else Later.of()

    def ack(self, tag: int, multiple: bool = False) -> Later:
        return self.settle("ack", tag, multiple)

    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> Later:
        return self.settle("nack", tag, multiple, requeue)

    def reject(self, tag: int, requeue: bool = True) -> Later:
        return self.settle("reject", tag, requeue)

    def settle(self, how: str, tag: int, *more: bool) -> Later:
        """ack, nack or reject."""
        check_tag(tag)
        return self._ask("settle", how, tag, *more)

    def close(self) -> Later:
        """What is unacked goes back."""
        if self.closed is not None:
            return Later.of()
        done = self._ask("close") if self.client.connection else Later.of()
        self.closed = ChannelClosed("the channel is closed", next_step="open another: client.channel()")
        self.client.channels.pop(self.number, None)
        return done

    def reopen(self) -> None:
        """Once more on a new connection, with all consumers."""
        self.client.ask(Request("channel", self.number, (self.prefetch,)))
        for consumer in list(self.consumers.values()):
            consumer.unacked = 0
            self._start(consumer)

    def delivered(self, deliver: Deliver) -> None:
        """The client's turn: a message has come for one of the consumers."""
        consumer = self.consumers.get(deliver.consumer)
        if consumer is not None:
            delivery = _delivery(_Life(self, self.client.connection), deliver)
            handle(self.client.env, self.client.node, consumer, delivery)

    def cancelled(self, name: str) -> None:
        """The client's turn: the queue of a consumer was deleted."""
        consumer = self.consumers.pop(name, None)
        if consumer is not None:
            consumer.cancelled = True
            consumer.on_cancelled()

    def _start(self, consumer: Consumer) -> None:
        self._ask("consume", consumer.queue, consumer.name, consumer.acks)

    def _ask(self, verb: str, *arguments: Any) -> Later:
        self._check_open()
        return self.client.ask(Request(verb, self.number, arguments)).then(self._look)

    def _look(self, done: Later) -> None:
        """An error of the router has closed the channel there."""
        if isinstance(done.error, RouterError) and not done.error.retriable and self.closed is None:
            self.closed = done.error
            self.client.channels.pop(self.number, None)

    def _check_open(self) -> None:
        if self.closed is not None:
            raise ChannelClosed("the channel is closed", why=getattr(self.closed, "what", ""),
                                next_step="open another: client.channel()")

    def __enter__(self) -> RemoteChannel:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Life:
    """A channel during one connection: tags of an older one are not known any more."""

    __slots__ = ("_channel", "_connection")

    def __init__(self, channel: RemoteChannel, connection: str):
        self._channel, self._connection = channel, connection

    def ack(self, tag: int, multiple: bool = False) -> Later:
        return self._settle("ack", tag, multiple)

    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> Later:
        return self._settle("nack", tag, multiple, requeue)

    def reject(self, tag: int, requeue: bool = True) -> Later:
        return self._settle("reject", tag, requeue)

    def _settle(self, how: str, tag: int, *more: bool) -> Later:
        if self._connection == self._channel.client.connection:
            return self._channel.settle(how, tag, *more)
        later = Later()
        later.fail(ConnectionLost("the connection of this delivery is lost", why="the message is back in its queue",
                                  next_step="nothing: it comes again, redelivered"))
        return later


def _delivery(life: _Life, one: Deliver) -> Delivery:
    return Delivery(life, one.tag, one.queue, one.message, one.redelivered, one.count, one.settled)
