"""RabbitMQ behind the verbs of the router: `RabbitRouter(url)` for `Router()`, and the rest of the code stays.

Read it in this order: rabbitmq_forms (what AMQP calls it), rabbitmq_link (a connection), rabbitmq_channel, and this.
"""

from __future__ import annotations

import threading
from typing import Any

from evlab.engines import NotOnThisEngine
from evlab.env import Later, Real, here
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.router.errors import Nacked, PreconditionFailed
from evlab.router.exchanges import TYPES
from evlab.router.message import Headers, check_headers
from evlab.router.queues import Depth

try:
    import pika
except ImportError as missing:
    raise EvlabError("RabbitMQ's client is not installed", why="evlab needs pika for RabbitRouter only",
                     next_step='pip install "evlab[rabbitmq]"') from missing

from evlab.engines.rabbitmq_channel import RabbitChannel
from evlab.engines.rabbitmq_forms import queue_arguments
from evlab.engines.rabbitmq_link import Link

__all__ = ["RabbitRouter"]


class RabbitRouter:
    """A RabbitMQ server at `url`, such as "amqp://guest:guest@127.0.0.1:5672/"; after the last "/" a virtual host.

    1. Each thread that uses it gets a connection of its own, without a thread in the background: bytes move while a
       call waits, and while `run(process)` or `serve` drives this thread's timers. Handlers are called there.
    2. window=1: `publish` returns when its message is confirmed. With more, so many may be on their way: its Later is
       done when you `yield` it or after `flush`, and `publish` waits only for room. That is faster by far.
    3. heartbeat, in seconds: RabbitMQ ends a connection that is silent for two of them; what was unacked comes again,
       to whoever reads then. So a handler that works long is a generator that yields, or the heartbeat is longer.
    4. A connection that was lost while nothing was under way is made anew. Else what was under way fails with
       `EngineUnreachable`, and so do the channels of before: open them again.

    Raises `EngineUnreachable` if nothing answers there. The errors of the verbs are the router's own.
    """

    capabilities = frozenset({"channels", "confirms", "mandatory", "alternate", "dead-letters", "ttl", "max-length",
                              "priority", "quorum", "delivery-limit", "network", "threads", "window"})
    """What the router has and this has not: "age" (of a queue's head), "float headers", "list" (what there is),
    "explain", "nodes" (of a World). What this has and the router has not: "network", "threads", "window"."""

    def __init__(self, url: str = "amqp://guest:guest@127.0.0.1:5672/", *, window: int = 1, heartbeat: int = 60):
        if type(window) is not int or window < 1 or type(heartbeat) is not int or heartbeat < 0:
            raise InvalidUse(f"window={window!r:.40}, heartbeat={heartbeat!r:.40} cannot be",
                             next_step="give a window of 1 or more messages, and 0 (never) or more seconds")
        try:
            if not url.startswith(("amqp://", "amqps://")):
                raise ValueError("it begins with amqp:// or amqps://")
            self._parameters = pika.URLParameters(url)
        except Exception as error:
            raise InvalidUse(f"{url!r:.80} is no URL of a RabbitMQ", why=str(error)[:200],
                             next_step='give one such as "amqp://guest:guest@127.0.0.1:5672/"') from error
        self._parameters.heartbeat = heartbeat
        self._parameters.client_properties = {"connection_name": "evlab"}
        self.window, self.address = window, f"{self._parameters.host}:{self._parameters.port}"
        self._mine, self._closed = threading.local(), False
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self.version = self._link().version
        """Of the server, such as "3.10.8"."""

    # --------------------------------------------------------------------------------------------------- declaring

    def declare_exchange(self, name: str, type: str, alternate: str | None = None, *, durable: bool = True) -> None:
        """As `Router.declare_exchange`."""
        if type not in TYPES:  # RabbitMQ would close the whole connection
            raise PreconditionFailed(f"there is no exchange type {type!r:.40}",
                                     next_step=f"give one of {', '.join(TYPES)}")
        arguments = {} if alternate is None else {"alternate-exchange": alternate}
        self._ask("exchange_declare", name, type, durable=durable, arguments=arguments)

    def declare_queue(self, name: str = "", **settings: Any) -> str:
        """As `Router.declare_queue`. An exclusive queue is this thread's, and goes with its connection."""
        durable, exclusive, arguments = queue_arguments(settings)
        return self._ask("queue_declare", name, durable=durable, exclusive=exclusive, arguments=arguments).queue

    def bind(self, queue: str, exchange: str, key: str = "", arguments: Headers | None = None) -> None:
        """As `Router.bind`."""
        self._ask("queue_bind", queue, exchange, key, check_headers(arguments or {}))

    def unbind(self, queue: str, exchange: str, key: str = "", arguments: Headers | None = None) -> None:
        """As `Router.unbind`. RabbitMQ does not mind if queue or exchange are not there."""
        self._ask("queue_unbind", queue, exchange, key, check_headers(arguments or {}))

    def delete_queue(self, name: str, *, if_unused: bool = False, if_empty: bool = False) -> int:
        """As `Router.delete_queue`."""
        return self._ask("queue_delete", name, if_unused=if_unused, if_empty=if_empty).message_count

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """As `Router.delete_exchange`."""
        self._ask("exchange_delete", name, if_unused=if_unused)

    def purge(self, queue: str) -> int:
        """As `Router.purge`."""
        return self._ask("queue_purge", queue).message_count

    # --------------------------------------------------------------------------------------- publishing, consuming

    def publish(self, exchange: str, key: str, body: bytes | Event, *, headers: Headers | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """As `Router.publish`. The Later is done with a `Confirm` when RabbitMQ has said so: all queues have it, and
        the disk, if queue and message are to last. See `window` for when that is.

        Raises `NotFound` for an unknown exchange; with a window the Later fails with it, and the others on their way
        with `ConnectionLost`, because RabbitMQ closes the channel: whether it took those is UNKNOWN.
        """
        confirm = self._channel("publisher").publish(
            exchange, key, body, headers=headers, mandatory=mandatory, expiration=expiration, priority=priority,
            persistent=persistent)
        if confirm.error is not None and not isinstance(confirm.error, Nacked):
            raise confirm.error
        return confirm

    def flush(self) -> Later:
        """Return when all that this thread has published is confirmed, and RabbitMQ has read its acks."""
        for channel in list(self._link().channels):
            channel.sync()
        return Later.of()

    def channel(self, prefetch: int = 0) -> RabbitChannel:
        """As `Router.channel`, for this thread."""
        return RabbitChannel(self._link(), prefetch, self.window)

    def serve(self, seconds: float) -> None:
        """Call the handlers of this thread's consumers with what is there and what comes, for so long.

        A `run(process)` does the same until the process ends.
        """
        link, over = self._link(), Later()
        link.env.after(seconds, over.resolve)
        link.watch()
        link.env.drive(lambda: over.done)

    @property
    def env(self) -> Real:
        """This thread's: `run(process)` drives it."""
        return here()

    # ------------------------------------------------------------------------------------------------- looking at it

    def depth(self, queue: str) -> Depth:
        """As `Router.depth`. ready is what RabbitMQ says; unacked is what this thread has: AMQP does not tell of
        others. The age of the head it does not tell either: None."""
        ready = self._ask("queue_declare", queue, passive=True).message_count
        return Depth(ready, sum(channel.unacked_of(queue) for channel in self._link().channels), None)

    def queues(self) -> list:
        raise self._cannot("list what there is", "list", "rabbitmqctl list_queues name messages_ready")

    def exchanges(self) -> list:
        raise self._cannot("list what there is", "list", "rabbitmqctl list_exchanges")

    def bindings(self, exchange: str | None = None) -> list:
        raise self._cannot("list what there is", "list", "rabbitmqctl list_bindings")

    def explain(self, exchange: str, key: str, headers: Headers | None = None) -> list:
        raise self._cannot("tell where a message would go", "explain", "publish it with mandatory=True and look where "
                           "it is")

    def client(self, node: str) -> Any:
        raise self._cannot("stand on a node of a World", "nodes", "router.channel(): all calls take the network")

    def _cannot(self, what: str, capability: str, next_step: str) -> NotOnThisEngine:
        return NotOnThisEngine(f"RabbitRouter cannot {what}", capability=capability, next_step=next_step,
                               why="AMQP has no such call")

    # ---------------------------------------------------------------------------------------------------- the end

    def close(self) -> None:
        """Wait for what this thread has published, and close all connections. No other thread may use it by then."""
        if self._closed:
            return
        link, self._closed = getattr(self._mine, "link", None), True
        try:
            if link is not None and link.error is None:
                for channel in list(link.channels):
                    channel.await_confirms()
        finally:
            for one in self._links:
                one.close()

    def _link(self) -> Link:
        """This thread's connection, made anew if it was lost. Those of threads that have ended are closed then."""
        if self._closed:
            raise InvalidUse("this RabbitRouter is closed", next_step="make another: RabbitRouter(url)")
        link = getattr(self._mine, "link", None)
        if link is not None:
            link.push()
            if link.error is None:
                return link
            del self._mine.link
        with self._lock:
            for one in [one for one in self._links if one is link or not one.thread.is_alive()]:
                one.close()
                self._links.remove(one)
        self._mine.channels = {}
        self._mine.link = link = Link(self._parameters)
        with self._lock:
            self._links.append(link)
        return link

    def _channel(self, use: str) -> RabbitChannel:
        """This thread's channel for the verbs, or for what it publishes: an error closes it, the next call opens it."""
        link, channels = self._link(), self._mine.channels
        if use not in channels or channels[use].closed is not None:
            channels[use] = RabbitChannel(link, window=self.window)
        return channels[use]

    def _ask(self, verb: str, *arguments: Any, **settings: Any) -> Any:
        return self._channel("verbs").ask(verb, *arguments, **settings)

    def __enter__(self) -> RabbitRouter:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RabbitRouter({self.address}, RabbitMQ {self.version}{', closed' if self._closed else ''})"
