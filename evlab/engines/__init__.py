"""Real engines behind the verbs of their twins: Kafka behind the log's, RabbitMQ behind the router's, PostgreSQL
behind the store's.

An engine runs what its twin runs: one contract suite meets both (tests/contracts). What an engine cannot do, or the
twin cannot, is named in its `capabilities`, a set of words, and the call raises `NotOnThisEngine`. A client library is
imported where it is needed: each stands in an extra of its own (`pip install "evlab[kafka]"`).
"""

from __future__ import annotations

from evlab.errors import EvlabError, InvalidUse

__all__ = ["EngineUnreachable", "KafkaLog", "NotOnThisEngine", "PostgresEventStore", "RabbitRouter"]

_HOME = {"KafkaLog": "kafka", "RabbitRouter": "rabbitmq", "PostgresEventStore": "postgres"}


class NotOnThisEngine(InvalidUse):
    """The engine does not do this. `capability` is the word that its `capabilities` lacks."""


class EngineUnreachable(EvlabError):
    """The server does not answer at `address`, or the connection to it broke. What was under way is UNKNOWN."""

    retriable = True


def __getattr__(name: str):
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"evlab.engines.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
