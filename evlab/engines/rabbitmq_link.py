"""A connection to RabbitMQ, driven by the thread that made it: no thread in the background.

pika's `SelectConnection` is used, not its `BlockingConnection`: that one waits for the confirm of each message before
the next one goes out, and the course shows what it costs. Bytes move while `turn` runs, and only then. What they bring
is done after it: so a handler may call RabbitMQ again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import pika
from pika.exceptions import AMQPError, ConnectionClosedByClient

from evlab.engines.rabbitmq_forms import lost
from evlab.env import Later, here
from evlab.errors import EvlabError, InvalidUse

__all__ = ["Link"]

PATIENCE = 30.0
"""Seconds that RabbitMQ may take for an answer. It takes long when its disk or memory is full (an alarm)."""
GOODBYE = 5.0
"""The same for the answer to a goodbye."""
MOMENT = 0.001
"""Seconds between two turns, at least, while many messages are published or acked: a turn costs more than they do."""
POLL = 0.005
"""Seconds that a turn waits for bytes while timers of the thread may be due."""


class Link:
    """A connection of the thread that makes it. `error`: why it is no more. Raises `EngineUnreachable`."""

    def __init__(self, parameters: pika.URLParameters):
        self.address = f"{parameters.host}:{parameters.port}"
        self.thread, self.env = threading.current_thread(), here()
        self.error: Exception | None = None
        self.channels: dict[Any, None] = {}
        """Those that are open: each is told when the link is lost."""
        self.inbox: deque[Callable[[], Any]] = deque()
        """Deliveries that wait for their handlers."""
        self._soon: deque[Callable[[], Any]] = deque()
        self.handling = self._watched = False
        self._turned = 0.0
        opened = Later()
        self._connection = pika.SelectConnection(
            parameters, on_open_callback=lambda _: self.soon(opened.resolve),
            on_open_error_callback=lambda _, why: self._end(why), on_close_callback=lambda _, why: self._end(why))
        self._loop = self._connection.ioloop
        self._loop.activate_poller()
        try:
            self.wait(opened)
        except BaseException:
            self._loop.close()
            raise

    @property
    def version(self) -> str:
        return (self._connection.server_properties or {}).get("version", "")

    def raw_channel(self, opened: Callable[[], Any]):
        """A channel of pika's."""
        return self._connection.channel(on_open_callback=lambda _: self.soon(opened))

    def check_thread(self) -> None:
        """Raise `InvalidUse` in another thread."""
        if threading.current_thread() is not self.thread:
            raise InvalidUse("this channel is another thread's", why="a connection serves one thread",
                             next_step="open a channel in each thread: router.channel()")

    # ------------------------------------------------------------------------------------------------- moving bytes

    def turn(self, seconds: float = 0.0) -> None:
        """Send and receive what there is, waiting up to `seconds` for the first of it."""
        if self.error is None:
            timer = self._loop.call_later(seconds, lambda: None)
            self._loop.poll()
            self._loop.process_timeouts()
            self._loop.remove_timeout(timer)
        self._turned = monotonic()
        while self._soon:
            self._soon.popleft()()

    def push(self) -> None:
        """Send what was written, unless a turn was a moment ago: then the next one does, see `publish` and `handle`."""
        if monotonic() - self._turned > MOMENT:
            self.turn()

    def soon(self, call: Callable[..., Any], *arguments: Any) -> None:
        """For pika's callbacks: do this after the turn."""
        self._soon.append(lambda: call(*arguments))

    def wait(self, later: Later) -> Any:
        """The value of a Later that RabbitMQ's answer settles."""
        self.turn_until(lambda: later.done)
        return later.value

    def turn_until(self, over: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Turn until that is so. Raises `EngineUnreachable` if the link is lost before, or nothing comes for so long.
        """
        patience = monotonic() + seconds
        while not over():
            if self.error is not None:
                self.turn()  # so that all channels know
                raise self.error
            if monotonic() > patience:
                self._end(f"it has not answered for {seconds:g} s; is its disk or memory full?")
            self.turn(max(0.0, min(1.0, patience - monotonic())))

    # ------------------------------------------------------------------------------------------------- deliveries

    def handle(self) -> None:
        """Give the deliveries that have come to their handlers, unless one of these runs and has called this."""
        if self.handling or not self.inbox:
            return
        self.handling = True
        try:
            while self.inbox:
                self.inbox.popleft()()
                self.push()
        finally:
            self.handling = False
            self.turn()

    def watch(self) -> None:
        """Have turns taken whenever the timers of this thread are driven, as `run` does, while there is need."""
        if not self._watched:
            self._watched = True
            self.env.after(0.0, self._watch)

    def _watch(self) -> None:
        self._watched = False
        if self.error is None and any(channel.busy for channel in self.channels):
            self.turn(0.0 if self.inbox else POLL)
            self.handle()
            self.watch()

    # --------------------------------------------------------------------------------------------------- the end

    def close(self) -> None:
        """Say goodbye. Unacked messages go back to their queues, exclusive queues go."""
        if self.error is None:
            with suppress(EvlabError, AMQPError):
                self._connection.close()
                self.turn_until(lambda: self._connection.is_closed, GOODBYE)
        self._end(ConnectionClosedByClient(200, "you closed it"))
        self.turn()
        self._loop.close()

    def _end(self, why: object) -> None:
        if self.error is None:
            self.error = lost(self.address, why)
            for channel in list(self.channels):
                self.soon(channel.lose, self.error)
