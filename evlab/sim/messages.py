"""How nodes of a World talk: listen, send, ask, and the link that is a direct call where it can be.

1. A message travels as the object it is, not as a copy. Whoever changes it after sending changes it in flight: send
   what is sealed, such as an `Event`.
2. You, outside of every node, talk directly and suffer no fault; so does a process that was spawned without a node.
3. `ask` passes two crash points at the other side: "received" before the work, "handled" before the answer. `send`
   passes none, for nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import Any

from evlab.env import Later, no_answer, settle_answer
from evlab.errors import Unreachable
from evlab.sim.history import describe, steady

__all__ = ["Messages"]


class Messages:
    """The part of a World that brings messages to those who listen, and answers to those who ask."""

    def listen(self, node: str, handler: Callable[[Any], Any], port: str = "") -> None:
        self.alive()
        self.node(node).listeners[port] = handler

    def send(self, node: str, message: Any, port: str = "") -> None:
        here = self.alive()
        if self._is_here(node):
            self.act_as(self.node(node), lambda: self._receive(node, port, message))
        else:
            self.network.carry(here.name, node, describe(message), lambda: self._receive(node, port, message), port)

    def ask(self, node: str, message: Any, port: str = "", timeout: float = 1.0) -> Later:
        answer, asker = Later(), self.alive()
        if self._is_here(node):
            self.act_as(self.node(node), lambda: self._handle(answer, node, port, message))
            if not answer.done:
                self._set_deadline(answer, node, timeout)
            return answer

        def reply(done: Later):
            self.point("handled")
            label = done._value if type(done._value) is str else "ack"
            if done._error is not None:
                label = f"error: {steady(str(getattr(done._error, 'what', done._error)))}"

            def arrive():
                if not asker.dead:  # an answer to an earlier life finds nobody who asked
                    answer._settle(done._value, done._error)

            self.network.carry(node, asker.name, label, arrive)

        def arrive():
            self.point("received")
            once = Later().then(reply)
            self._handle(once, node, port, message)

        self._set_deadline(answer, node, timeout)
        self.network.carry(asker.name, node, describe(message), arrive, port)
        return answer

    def link(self, node: str, port: str = "", timeout: float = 1.0) -> Callable[[Any], Any]:
        def reach(message):
            self.alive()
            if node == self._node.name:
                return self._listener(node, port)(message)
            return self.ask(node, message, port, timeout)

        self.node(node)

        return reach

    def _set_deadline(self, answer: Later, node: str, timeout: float) -> None:
        deadline = self.after(timeout, lambda: answer.fail(no_answer(node, timeout)))
        answer.then(lambda _: deadline.cancel())

    def _is_here(self, node: str) -> bool:
        """Is the way there a direct call? On the same node, and for you, the experimenter, everywhere."""
        return node == self._node.name or (self._node is self._outside and not self.node(node).dead)

    def _listener(self, node: str, port: str) -> Callable[[Any], Any]:
        handler = self.node(node).listeners.get(port)
        if handler is None:
            raise Unreachable(f"nothing listens at {node!r}, port {port!r}", node=node, port=port,
                              next_step="call world.listen(node, handler, port) before the first message")
        return handler

    def _receive(self, node: str, port: str, message: Any) -> None:
        result = self._listener(node, port)(message)
        if isinstance(result, GeneratorType):
            self.spawn(result)

    def _handle(self, answer: Later, node: str, port: str, message: Any) -> None:
        """Settle `answer` with what the listener makes of `message`; its error is the answer, too."""
        try:
            result = self._listener(node, port)(message)
        except Exception as error:
            answer.fail(error)
        else:
            settle_answer(self, answer, result)
