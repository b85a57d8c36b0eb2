"""What producers and consumers have in common: they know who leads, and ask again when that has changed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count
from typing import Any

from evlab.env import Env, Later
from evlab.errors import EvlabError, InvalidUse, Timeout, Unreachable
from evlab.log.metadata import Metadata
from evlab.log.protocol import PORT, BrokerUnavailable, GetMetadata
from evlab.log.topics import UnknownTopic

__all__ = ["Client", "client_of"]

REQUEST_TIMEOUT = 2.0
"""Seconds without an answer after which a request is taken as lost (Kafka: request.timeout.ms, 30 s)."""
BACKOFF = 0.1
"""Seconds before a request is sent again (Kafka: retry.backoff.ms)."""


def client_of(log: Any) -> Client:
    """The client of a log, or the client itself. Raises `InvalidUse` for what is neither."""
    client = log.client() if hasattr(log, "client") else log
    if not isinstance(client, Client):
        raise InvalidUse(f"{log!r:.60} is no log", next_step='give a Log, or log.client("order-service")')
    return client


class Client:
    """A place from which to talk to the brokers: `node` of `env` (where the caller stands, if it is empty)."""

    def __init__(self, env: Env, brokers: tuple[str, ...], node: str = "", numbers: Iterator[int] | None = None):
        self.env, self.brokers, self.node = env, brokers, node
        self._numbers = numbers or count(1)
        self.metadata = Metadata()
        self._asked = 0
        self._refreshing: Later | None = None

    def ask(self, broker: str | None, message: Any, timeout: float = REQUEST_TIMEOUT) -> Later:
        """Ask a broker. Fails with the broker's error, or `Timeout`: outcome unknown."""
        if broker is None:
            later = Later()
            later.fail(BrokerUnavailable("no broker leads this at the moment", why="the one that did is down, and no "
                                         "replica in sync is up", next_step="wait, or start a broker again"))
            return later
        try:
            return self.env.ask(broker, message, PORT, timeout)
        except Unreachable as error:
            later = Later()
            later.fail(error)
            return later

    def refresh(self) -> Later:
        """Ask the next broker in the round what the cluster looks like; done with the newest `Metadata` known."""
        if self._refreshing is not None and not self._refreshing.done:
            return self._refreshing
        broker = self.brokers[self._asked % len(self.brokers)]
        self._asked += 1
        self._refreshing = refreshed = Later()

        def learn(answer: Later) -> None:
            if answer.error is None and answer.value.version >= self.metadata.version:
                self.metadata = answer.value
            refreshed.resolve(self.metadata)

        self.ask(broker, GetMetadata()).then(learn)
        return refreshed

    def next_member(self) -> str:
        """A name for a consumer that starts here; no two are the same."""
        return f"{self.node or 'consumer'}-{next(self._numbers)}"

    def leader(self, topic: str, number: int) -> str | None:
        """The broker that leads a partition, as far as is known."""
        info = self.metadata.topics.get(topic)
        return info.partitions[number].leader if info is not None and 0 <= number < len(info.partitions) else None

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has, as far as is known; 0 for a topic that is not known."""
        info = self.metadata.topics.get(topic)
        return 0 if info is None else len(info.partitions)

    def run(self, process: Generator) -> Later:
        """Start a process here. What it returns, or raises, is in the Later: nothing comes out of this call."""
        done = Later()

        def guarded() -> Generator:
            try:
                value = yield from process
            except Exception as error:
                done.fail(error)
            else:
                done.resolve(value)

        self.env.spawn(guarded(), self.node or None)
        return done

    def insist(self, topic: str, number: int, message: Any, *, patience: float, timeout: float = REQUEST_TIMEOUT
               ) -> Generator:
        """A process that asks the leader of a partition, whoever that is, until there is an answer; its value is that.

        Asks again after a `Timeout` and after errors that are `retriable`; raises the others, and after `patience`
        seconds the last one. So the request may arrive twice: it must be safe to repeat.
        """
        until = self.env.now() + patience
        while True:
            if self.metadata.partition(topic, number) is None:
                yield self.refresh()
            if self.metadata.version and topic not in self.metadata.topics:
                raise unknown(topic)
            try:
                return (yield self.ask(self.leader(topic, number), message, timeout))
            except EvlabError as error:
                if not goes_away(error) or self.env.now() >= until:
                    raise
            yield BACKOFF
            yield self.refresh()


def goes_away(error: BaseException) -> bool:
    """May the same request succeed if it is sent again?"""
    return isinstance(error, Timeout | Unreachable) or getattr(error, "retriable", False)


def unknown(topic: str) -> UnknownTopic:
    """The error for a topic that the whole cluster does not know."""
    return UnknownTopic(f"there is no topic {topic}", topic=topic,
                        next_step=f'create it: log.create_topic("{topic}", partitions=3)')
