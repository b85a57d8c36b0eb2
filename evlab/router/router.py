"""The router: what one declares and publishes, and a look at what is in it."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from evlab.env import Dead, Env, Later, Real, check_env
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.files import Files, check_folder, opening
from evlab.router.broker import Broker, lost
from evlab.router.channel import Channel
from evlab.router.client import Client
from evlab.router.errors import ConnectionLost, Nacked
from evlab.router.exchanges import Binding
from evlab.router.message import Headers, check_headers, check_message
from evlab.router.queues import Depth
from evlab.router.server import PORT, Call, Server

__all__ = ["ExchangeRow", "QueueRow", "Router"]


class QueueRow(NamedTuple):
    """A queue, as a list of queues shows it."""

    name: str
    type: str
    durable: bool
    ready: int
    unacked: int
    consumers: int


class ExchangeRow(NamedTuple):
    """An exchange, as a list of exchanges shows it."""

    name: str
    type: str
    durable: bool
    alternate: str | None


class Router:
    """A router in memory; with a `path`, or in a World (`env`), with a journal on its node's disk.

    Durable queues and their persistent messages survive a restart, a crash and a power loss: when a message is
    confirmed, it is on the disk in all its queues. linger: seconds, below 1, for which a confirm may wait so that one
    fsync serves many messages; 0 syncs each one; `flush` ends the wait.

    What you call here goes to the router directly. From another node of a World use `router.client(node)`.
    Raises `CorruptJournal` for a damaged file, `InUse` for a folder that another process writes to, and
    `UnusableFolder` for one that the system refuses.
    """

    def __init__(self, path: str | os.PathLike | None = None, env: Env | None = None, *, node: str = "router",
                 linger: float = 0.0):
        if not isinstance(linger, int | float) or isinstance(linger, bool) or not 0 <= linger < 1:
            raise InvalidUse(f"linger={linger!r:.40} is no time that a confirm may wait",
                             next_step="give 0 or more seconds, below 1")
        if not isinstance(node, str) or not node:
            raise InvalidUse(f"node={node!r:.40} is no node", next_step='give a name, such as "router"')
        check_env(env)
        folder = check_folder("" if path is None else path)
        self.env, self.node, self.linger = env or Real(folder or "."), node, linger
        self._folder = "" if env is None else folder
        self._on_disk = env is not None or path is not None
        self._clients = count(1)
        with opening(folder):
            self._unlock = self._files().lock() if self._on_disk else lambda: None
            self.env.boot(node, self._boot)
        self._reach = self.env.link(node, PORT)

    def _boot(self) -> Generator:
        self.broker = Broker(self.env, self.node, self._files() if self._on_disk else None, self.linger)
        """The broker in its present life."""
        self._server = Server(self.env, self.broker)
        self.broker.finish()
        life = self.broker.live()
        next(life)  # so that its end is heard, however soon it comes
        self._life = self.broker.life = life  # also while only a channel is kept
        return life

    def _files(self) -> Files:
        files = self.env.files(self.node)
        return files.folder(self._folder) if self._folder else files

    def _call(self, verb: str, *arguments: Any, **settings: Any) -> Any:
        answer = self._reach(Call(verb, arguments, settings))
        return self._here(answer).value if isinstance(answer, Later) else answer

    def _here(self, answer: Later) -> Later:
        if not answer.done:
            raise ConnectionLost(f"{self.node} has not answered", why="it is down, or far: inside of another node the "
                                 "way to it takes time", next_step=f"there use a client: router.client({self.node!r})")
        return answer

    # --------------------------------------------------------------------------------------------------- declaring

    def declare_exchange(self, name: str, type: str, alternate: str | None = None, *, durable: bool = True) -> None:
        """Make an exchange: "direct", "fanout", "topic" or "headers". alternate: the exchange that gets what no
        binding of this one wants.

        Raises `PreconditionFailed` if it is there and differs, `AccessRefused` for a name of the router's own.
        """
        self._call("declare_exchange", name, type, alternate=alternate, durable=durable)

    def declare_queue(self, name: str = "", **settings: Any) -> str:
        """Make a queue and return its name; without a name it gets one. settings: the fields of `QueueSettings`, such
        as type="quorum", max_length=100, ttl=60_000 (ms), dead_letter_exchange="dead".

        Raises `PreconditionFailed` for a mix that RabbitMQ refuses, or if it is there and differs.
        """
        return self._call("declare_queue", name, **settings)

    def bind(self, queue: str, exchange: str, key: str = "", arguments: Headers | None = None) -> None:
        """Let `exchange` send to `queue` what matches: `key` by the rules of a direct or topic exchange, `arguments`
        by those of a headers exchange (`headers_match`). Bound twice is bound once. Raises `NotFound`."""
        self._call("bind", queue, exchange, key, arguments)

    def unbind(self, queue: str, exchange: str, key: str = "", arguments: Headers | None = None) -> None:
        """Take that binding away; nothing happens if there is none, or no such queue or exchange."""
        self._call("unbind", queue, exchange, key, arguments)

    def delete_queue(self, name: str, *, if_unused: bool = False, if_empty: bool = False) -> int:
        """Delete a queue with all that is in it; how much was ready. Its messages are not dead-lettered.

        Raises `PreconditionFailed` if it has a consumer (if_unused) or a message (if_empty), and `Unsupported` for
        either of these questions about a quorum queue.
        """
        return self._call("delete_queue", name, if_unused=if_unused, if_empty=if_empty)

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """Delete an exchange and its bindings. Raises `PreconditionFailed` if it has bindings (if_unused)."""
        self._call("delete_exchange", name, if_unused=if_unused)

    def purge(self, queue: str) -> int:
        """Drop all that is ready in a queue; how much it was. What is unacked stays. Nothing is dead-lettered."""
        return self._call("purge", queue)

    # --------------------------------------------------------------------------------------- publishing, consuming

    def publish(self, exchange: str, key: str, body: bytes | Event, *, headers: Headers | None = None,
                mandatory: bool = False, expiration: str | int | None = None, priority: int | None = None,
                persistent: bool = True) -> Later:
        """Send a message to an exchange; "" is the default one, where the key names the queue. Returns its confirm.

        The Later is done with a `Confirm` when all queues that the bindings name have the message, and the disk, if
        queue and message are to last. If no binding wants it, it is dropped and confirmed all the same: only with
        `mandatory` does it come back, in `Confirm.returned`. It fails with `Nacked` if a full queue refused it.
        expiration: how long it may be ready, in ms, as a text. priority: larger is sooner, if the queue has levels.
        Raises `NotFound` for an unknown exchange.
        """
        confirm = self._reach(check_message(exchange, key, body, headers, priority, expiration, persistent, mandatory))
        if confirm.error is not None and not isinstance(confirm.error, Nacked):
            raise confirm.error
        return confirm

    def flush(self) -> Later:
        """Sync what waits for the end of the linger; the confirms are done then."""
        if self.broker.dead:
            raise lost(self.node)
        self.broker.flush()
        return Later.of()

    def channel(self, prefetch: int = 0) -> Channel:
        """A channel beside the router. prefetch: how many messages each of its consumers may have unacked; 0: no
        limit. On another node: `router.client(node).channel()`."""
        answer = self._reach(None)
        if isinstance(answer, Later):
            self._here(answer).value  # noqa: B018 - raises what went wrong
        return Channel(self.broker, prefetch)

    def client(self, node: str) -> Client:
        """A client on `node`, which reaches the router over the network."""
        if not isinstance(node, str) or not node:
            raise InvalidUse(f"{node!r:.40} is no node", why="a client stands somewhere",
                             next_step='give a name, such as router.client("email")')
        return Client(self.env, self.node, node, f"{node}-{next(self._clients)}")

    # ------------------------------------------------------------------------------------------------- looking at it

    def depth(self, queue: str) -> Depth:
        """How much is in a queue: ready, unacked, and the age of the head in seconds. Raises `NotFound`."""
        found = self.broker.queues.get(queue)
        return self.broker.queue(queue, found and found.owner).depth()

    def queues(self) -> list[QueueRow]:
        """All queues, by name."""
        self.broker.catch_up()
        return [QueueRow(name, queue.settings.type, queue.durable, queue.ready, queue.unacked, len(queue.consumers))
                for name, queue in sorted(self.broker.queues.items())]

    def exchanges(self) -> list[ExchangeRow]:
        """All exchanges, by name, without the default one."""
        return [ExchangeRow(name, one.type, one.durable, one.alternate)
                for name, one in sorted(self.broker.exchanges.items())]

    def bindings(self, exchange: str | None = None) -> list[Binding]:
        """The bindings of one exchange, or of all, oldest first. Raises `NotFound`."""
        named = sorted(self.broker.exchanges) if exchange is None else [self.broker.exchange(exchange).name]
        return [binding for name in named for binding in self.broker.exchanges[name].bindings]

    def explain(self, exchange: str, key: str, headers: Headers | None = None) -> list[Binding]:
        """The bindings that such a message would match, and nothing is sent. If none of `exchange` does, those of its
        alternate: the binding says which. Raises `NotFound`."""
        return self.broker.matches(exchange, key, None if headers is None else check_headers(headers))

    # ---------------------------------------------------------------------------------------------------- the end

    def close(self) -> None:
        """End in good order: what is unacked goes back, and the journal is short and whole."""
        try:
            with suppress(Dead):
                self.broker.close()
        finally:
            self._unlock()

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.broker.dead:
            return f"Router({self.node!r} is down)"
        queues = self.queues()
        ready, unacked = sum(queue.ready for queue in queues), sum(queue.unacked for queue in queues)
        return f"Router({len(self.exchanges())} exchanges, {len(queues)} queues, {ready:,} ready, {unacked:,} unacked)"
