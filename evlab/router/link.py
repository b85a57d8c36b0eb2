"""A connection over a network that loses, doubles and delays: each request is handled once, and in order.

It is what TCP does below AMQP. Requests are numbered. One that is not answered in time is sent again; the other side
knows it by its number and gives the same answer. What comes too early is held back until those before it have come.
Nothing heard for `DEAD_AFTER` seconds, or an answer that the connection is not known: it is lost, and with it the
outcome of what was under way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from evlab.env import Env, Later, settle_answer
from evlab.errors import Timeout, Unreachable
from evlab.router.errors import ConnectionLost

__all__ = ["DEAD_AFTER", "HEARTBEAT", "Frame", "Receiver", "Sender"]

RESEND = 0.3
"""Seconds without an answer after which a request is sent again."""
HEARTBEAT = 1.0
"""Seconds between the signs of life of a client that has a channel (RabbitMQ: 60 s)."""
DEAD_AFTER = 3.0
"""Seconds of silence after which a connection counts as lost (RabbitMQ: two heartbeats missed)."""


class Frame(NamedTuple):
    """A numbered request of a connection. `answered`: all below this number were, so nobody asks for them again."""

    connection: str
    number: int
    answered: int
    request: Any

    def __str__(self) -> str:
        return str(self.request)


class Sender:
    """The end that asks. `on_lost(error)` is called once, when the connection is lost."""

    def __init__(self, env: Env, node: str, port: str, connection: str, on_lost: Callable[[ConnectionLost], Any]):
        self.env, self.node, self.port, self.connection = env, node, port, connection
        self.heard = env.now()
        """When the other side was heard of."""
        self._on_lost = on_lost
        self._next, self._ended = 1, False
        self._open: dict[int, tuple[Any, Later]] = {}

    def ask(self, request: Any) -> Later:
        """Send a request. Fails with what the other side raises, or with `ConnectionLost`: outcome unknown."""
        number, self._next = self._next, self._next + 1
        answer = Later()
        self._open[number] = request, answer
        self._transmit(number)
        return answer

    def end(self, error: ConnectionLost) -> None:
        """Nothing is sent any more, and what is open fails."""
        self._ended = True
        waiting, self._open = self._open, {}
        for _, answer in waiting.values():
            answer.fail(error)

    def _transmit(self, number: int) -> None:
        frame = Frame(self.connection, number, next(iter(self._open)), self._open[number][0])
        try:
            self.env.ask(self.node, frame, self.port, RESEND).then(partial(self._answered, number))
        except Unreachable as error:
            self._lose(error.what)

    def _answered(self, number: int, done: Later) -> None:
        if self._ended or number not in self._open:
            return
        error = done.error
        if isinstance(error, Timeout) and getattr(error, "node", None) == self.node:
            if self.env.now() - self.heard >= DEAD_AFTER:
                self._lose(f"{self.node} was silent for {DEAD_AFTER:g} s")
            else:
                self._transmit(number)
        elif isinstance(error, ConnectionLost):
            self._lose(f"{self.node} does not know this connection any more")
        else:
            self.heard = self.env.now()
            _, answer = self._open.pop(number)
            done.then(lambda _: answer.resolve(done.value) if error is None else answer.fail(error))

    def _lose(self, why: str) -> None:
        if not self._ended:
            error = ConnectionLost(f"the connection to {self.node} is lost", why=why, next_step="the client connects "
                                   "again by itself; what was under way may have happened or not")
            self.end(error)
            self._on_lost(error)


class Receiver:
    """The end that answers, with what `handle(request)` returns or raises."""

    def __init__(self, env: Env, handle: Callable[[Any], Any]):
        self._env, self._handle = env, handle
        self._next = self._kept = 1
        self._early: dict[int, Any] = {}
        self._answers: dict[int, Later] = {}

    def take(self, frame: Frame) -> Later:
        """The answer to a frame, possibly the one it got before."""
        while self._kept < frame.answered:
            self._answers.pop(self._kept, None)
            self._kept += 1
        if frame.number in self._answers:
            return self._answers[frame.number]
        if frame.number < self._next:
            return Later.of()  # it was answered, and the answer has come: this one was late
        answer = self._answers[frame.number] = Later()
        self._early[frame.number] = frame.request
        while self._next in self._early:
            number, self._next = self._next, self._next + 1
            self._answer(self._answers[number], self._early.pop(number))
        return answer

    def _answer(self, answer: Later, request: Any) -> None:
        try:
            settle_answer(self._env, answer, self._handle(request))
        except Exception as error:
            answer.fail(error)
