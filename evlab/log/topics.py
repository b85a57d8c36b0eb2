"""What a topic may be called and how it may be set up, checked before anything is made of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from evlab.errors import EvlabError, InvalidUse

__all__ = ["MAX_BATCH_BYTES", "TopicConfig", "TopicExists", "UnknownTopic", "check_topic"]

MAX_BATCH_BYTES = 1024 * 1024 + 12
"""The largest batch that a partition takes, by default (Kafka: message.max.bytes, 1,048,588)."""
MAX_SEGMENT_BYTES = 2**31 - 1
WEEK = 7 * 24 * 3600 * 1000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka: Topic.LEGAL_CHARS, MAX_NAME_LENGTH


class UnknownTopic(EvlabError):
    """No topic of that name, or no partition of that number: UNKNOWN_TOPIC_OR_PARTITION. `topic`, `partition`.

    From a broker it may mean that the topic is so new that this broker has not heard of it.
    """

    retriable = True


class TopicExists(EvlabError):
    """A topic of that name is there already. `topic`."""


class TopicConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the partitions of a topic behave. The defaults are Kafka's, but for `flush`.

    Raises `InvalidUse` for a value that cannot be.
    """

    flush: str = "ack"
    """"ack": fsync before a batch is acked. "never": leave it to the operating system, as Kafka does."""
    retention_ms: int | None = WEEK
    """Delete a segment when its newest record is older than this (ms); None: never."""
    retention_bytes: int | None = None
    """Delete the oldest segments while the others still have so many bytes; None: never."""
    segment_bytes: int = 1 << 30
    """Begin a new segment rather than grow beyond this. Kafka 4 refuses less than 1 MiB; here tiny ones are allowed,
    because they fit on a screen."""
    segment_ms: int = WEEK
    """Begin a new segment when this long has passed since the first record's timestamp (ms)."""
    cleanup: str = "delete"
    """"delete": by retention. "compact": keep the last record of each key."""
    min_cleanable_ratio: float = 0.5
    """Compact when more than this part of the log is new since the last time."""
    delete_retention_ms: int = 24 * 3600 * 1000
    """How long a tombstone stays after the first compaction that met it (ms)."""
    max_batch_bytes: int = MAX_BATCH_BYTES
    index_interval: int = 4096
    """Bytes between two entries of a segment's index."""
    replication: int = 1
    min_insync_replicas: int = 1
    unclean: bool = False
    """May a replica that is not in sync become leader? It loses what it does not have."""

    def __post_init__(self):
        for name in "segment_bytes", "segment_ms", "max_batch_bytes", "replication", "min_insync_replicas":
            _check_whole(name, getattr(self, name), 1)
        for name in "delete_retention_ms", "index_interval":
            _check_whole(name, getattr(self, name), 0)
        if self.segment_bytes > MAX_SEGMENT_BYTES:
            raise InvalidUse(f"segment_bytes={self.segment_bytes:,} is too large",
                             why="its index has 32 bits for a place", next_step=f"give {MAX_SEGMENT_BYTES:,} or less")
        for name in "retention_ms", "retention_bytes":
            if getattr(self, name) is not None:
                _check_whole(name, getattr(self, name), 0)
        for name, choices in (("flush", ("ack", "never")), ("cleanup", ("delete", "compact"))):
            if getattr(self, name) not in choices:
                raise InvalidUse(f"{name}={getattr(self, name)!r:.40} is not known",
                                 next_step=f'give "{choices[0]}" or "{choices[1]}"')
        if type(self.unclean) is not bool:
            raise InvalidUse(f"unclean={self.unclean!r:.40} is neither yes nor no", next_step="give True or False")
        ratio = self.min_cleanable_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
            raise InvalidUse(f"min_cleanable_ratio={ratio!r:.40} is no part of a whole", next_step="give 0 to 1")
        if self.min_insync_replicas > self.replication:
            raise InvalidUse(f"min_insync_replicas={self.min_insync_replicas} with {self.replication} replica"
                             f"{'s' * (self.replication > 1)}", why="no write could ever be acked by all of them",
                             next_step="give more replicas, or ask for fewer")


def check_topic(name: Any) -> str:
    """The name itself. Raises `InvalidUse` unless Kafka would take it as a topic's."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in (".", ".."):
        raise InvalidUse(f"{name!r:.60} cannot name a topic",
                         next_step="give 1 to 249 letters, digits, '.', '_' or '-'")
    return name


def check_partitions(number: Any) -> int:
    """The number itself. Raises `InvalidUse` unless it is a number of partitions."""
    return _check_whole("partitions", number, 1)


def _check_whole(name: str, value: Any, least: int) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise InvalidUse(f"{name}={value!r:.40} is no number to count with", next_step=f"give {least} or more")
    return value
