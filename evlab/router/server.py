"""The router's side of the network: connections, what they ask for, and how one is seen to be dead."""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

from evlab.env import Env
from evlab.router import topology
from evlab.router.broker import Broker, lost
from evlab.router.channel import Channel
from evlab.router.errors import ChannelClosed, ConnectionLost
from evlab.router.handling import Delivery
from evlab.router.link import DEAD_AFTER, Frame, Receiver, Sender
from evlab.router.message import Message

__all__ = ["PORT", "TOPOLOGY", "Call", "Cancelled", "Deliver", "Open", "Opened", "Request", "Server"]

PORT = "router"
"""The port at which a router listens."""
TOPOLOGY = {"declare_exchange": topology.declare_exchange, "declare_queue": topology.declare_queue,
            "bind": topology.bind, "unbind": topology.unbind, "delete_queue": topology.delete_queue,
            "delete_exchange": topology.delete_exchange, "purge": topology.purge}
_OWNED = ("declare_queue", "bind", "unbind", "delete_queue", "purge")


class Open(NamedTuple):
    """A client asks for a connection. Answered with `Opened`; an older one of that client is closed.

    The same attempt again is a message that came twice, and gets the same answer.
    """

    client: str
    node: str
    attempt: int

    def __str__(self) -> str:
        return "connect"


class Opened(NamedTuple):
    """The connection that a client got."""

    name: str


class Call(NamedTuple):
    """What the router itself is asked, without a connection: one of `TOPOLOGY`."""

    verb: str
    arguments: tuple[Any, ...] = ()
    settings: dict[str, Any] = {}


class Request(NamedTuple):
    """What a client asks for on a connection; channel 0 is the connection itself."""

    verb: str
    channel: int = 0
    arguments: tuple[Any, ...] = ()
    settings: dict[str, Any] = {}

    def __str__(self) -> str:
        if self.verb == "settle":
            return " ".join(str(one) for one in self.arguments[:2])
        return f"{self.verb} {self.arguments[0] if self.arguments else ''}".rstrip()


class Deliver(NamedTuple):
    """A message for a consumer of a client."""

    channel: int
    consumer: str
    tag: int
    queue: str
    message: Message
    redelivered: bool
    count: int | None
    settled: bool

    def __str__(self) -> str:
        return f"deliver {self.message.key or self.queue}{', again' if self.redelivered else ''}"


class Cancelled(NamedTuple):
    """The queue of a client's consumer was deleted (basic.cancel)."""

    channel: int
    consumer: str

    def __str__(self) -> str:
        return "the queue was deleted"


class Server:
    """Listens for a broker."""

    def __init__(self, env: Env, broker: Broker):
        self.env, self.broker = env, broker
        self.connections: dict[str, Connection] = {}
        self._clients: dict[str, tuple[int, str]] = {}
        """Client -> its newest attempt to connect, and the connection that came of it."""
        self._numbers = count(1)
        self._life = env.new_id(broker.node)
        env.listen(broker.node, self.receive, PORT)

    def receive(self, message: Any) -> Any:
        """Answer whatever comes: a message to publish, a call, or a frame of a connection."""
        kind = type(message)
        if kind is Message:
            return self.broker.accept(message)
        if kind is Frame:
            connection = self.connections.get(message.connection)
            if connection is None:
                raise ConnectionLost("this connection is not known", why="it was closed, or the router has restarted",
                                     next_step="connect again")
            return connection.take(message)
        if kind is Open:
            return self._open(message)
        if self.broker.dead:  # closed, and the way to it is a direct call
            raise lost(self.broker.node)
        if message is None:
            return None  # somebody asks whether the router is near
        answer = TOPOLOGY[message.verb](self.broker, *message.arguments, **message.settings)
        self.broker.finish()
        return answer

    def _open(self, asked: Open) -> Opened:
        attempt, name = self._clients.get(asked.client, (0, ""))
        if asked.attempt > attempt:
            if name in self.connections:
                self.connections[name].close("its client has connected again")
            name = f"{self._life}/{next(self._numbers)}"
            self._clients[asked.client] = asked.attempt, name
            self.connections[name] = Connection(self, name, asked.client, asked.node)
        return Opened(name)


class Connection:
    """A connection of a client, with its channels. What it had unacked goes back when it ends."""

    def __init__(self, server: Server, name: str, client: str, node: str):
        self.server, self.name, self.client, self.node = server, name, client, node
        self.broker = server.broker
        self.channels: dict[int, Channel] = {}
        self._receiver = Receiver(server.env, self._handle)
        self._sender = Sender(server.env, node, f"{PORT} {client}", name, lambda error: self.close(error.why))
        self._watched = False

    def take(self, frame: Frame) -> Any:
        self._sender.heard = self.server.env.now()
        answer = self._receiver.take(frame)
        self._watch()
        return answer

    # ---------------------------------------------------------------------------------------------- signs of life

    def _watch(self) -> None:
        """Look later whether it is silent, if that would matter: it has messages, or consumers, or queues."""
        if not self._watched and self.name in self.server.connections and (self.channels or self._exclusive()):
            self._watched = True
            silent = self.server.env.now() - self._sender.heard
            self.broker.after(max(0.0, DEAD_AFTER - silent), self._look)

    def _look(self) -> None:
        self._watched = False
        if self.server.env.now() - self._sender.heard >= DEAD_AFTER - 1e-6:
            self.close(f"{self.node} was silent for {DEAD_AFTER:g} s")
        self._watch()

    def close(self, why: str) -> None:
        """End it: its channels close, its exclusive queues are deleted."""
        if self.server.connections.pop(self.name, None) is None:
            return
        error = ConnectionLost(f"the connection of {self.client} is closed", why=why, next_step="connect again")
        self._sender.end(error)
        for channel in self.channels.values():
            channel.close(error)
        for queue in self._exclusive():
            topology.delete_queue(self.broker, queue, owner=self)
        self.broker.finish()

    def _exclusive(self) -> list[str]:
        return [name for name, queue in self.broker.queues.items() if queue.owner is self]

    # ------------------------------------------------------------------------------------------------ what is asked

    def _handle(self, request: Request) -> Any:
        verb = request.verb
        if verb in TOPOLOGY:
            owner = {"owner": self} if verb in _OWNED else {}
            answer = TOPOLOGY[verb](self.broker, *request.arguments, **request.settings, **owner)
            self.broker.finish()
            return answer
        if verb == "beat":
            return None
        if verb == "disconnect":
            self.close("the client has closed it")
            return None
        if verb == "channel":
            self.channels[request.channel] = Channel(self.broker, *request.arguments, owner=self)
            return None
        if not request.channel:
            return self.broker.accept(*request.arguments)
        channel = self.channels.get(request.channel)
        if channel is None:
            raise ChannelClosed("the channel is closed", next_step="open another: client.channel()")
        return getattr(self, f"_{verb}")(channel, request)

    def _publish(self, channel: Channel, request: Request) -> Any:
        return channel.accept(*request.arguments)

    def _get(self, channel: Channel, request: Request) -> Deliver | None:
        delivery = channel.get(*request.arguments)
        return None if delivery is None else _deliver(request.channel, "", delivery)

    def _consume(self, channel: Channel, request: Request) -> None:
        queue, name, acks = request.arguments

        def push(delivery: Delivery) -> None:
            self._sender.ask(_deliver(request.channel, name, delivery))

        consumer = channel.consume(queue, push, acks="auto" if acks == "auto" else "manual", name=name)
        consumer.on_cancelled = lambda: self._sender.ask(Cancelled(request.channel, name))

    def _cancel(self, channel: Channel, request: Request) -> None:
        consumer = channel.consumers.get(request.arguments[0])
        if consumer is not None:
            channel.cancel(consumer)

    def _settle(self, channel: Channel, request: Request) -> None:
        how, *arguments = request.arguments
        getattr(channel, how)(*arguments)

    def _close(self, channel: Channel, request: Request) -> None:
        del self.channels[request.channel]
        channel.close()


def _deliver(channel: int, consumer: str, one: Delivery) -> Deliver:
    return Deliver(channel, consumer, one.tag, one.queue, one.message, one.redelivered, one.count, one.settled)
