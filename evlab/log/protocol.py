"""What clients and brokers say to each other: Kafka's requests, with the fields that matter here.

A request is answered with what its docstring says, or with one of the errors below. Those that are `retriable` go away
by themselves: the client looks again who leads, waits a little and asks once more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from evlab.env import Env
from evlab.errors import EvlabError
from evlab.log.producers import Aborted

__all__ = ["BrokerUnavailable", "Fetch", "FetchFrom", "Fetched", "FencedLeaderEpoch", "GetEpochEnd", "GetMetadata",
           "GetOffset", "NotEnoughReplicas", "NotLeader", "Produce", "TopicPartition", "WriteMarker",
           "milliseconds"]

TopicPartition = tuple[str, int]
PORT = "log"
"""The port at which a broker listens."""


def milliseconds(env: Env) -> int:
    """The time of now as records have it: ms since 1970, UTC."""
    return round((env.epoch + env.now()) * 1000)


class NotLeader(EvlabError):
    """This broker does not lead the partition (any more): NOT_LEADER_OR_FOLLOWER. Of what was sent to it, the outcome
    is unknown."""

    retriable = True


class NotEnoughReplicas(EvlabError):
    """Fewer replicas are in sync than min.insync.replicas asks for: NOT_ENOUGH_REPLICAS. Nothing was written."""

    retriable = True


class FencedLeaderEpoch(EvlabError):
    """The other side knows an older or a newer leader than this one: FENCED_LEADER_EPOCH."""

    retriable = True


class BrokerUnavailable(EvlabError):
    """No broker can answer for this now: no leader is there, or the one that is has not loaded its state yet."""

    retriable = True


class Produce(NamedTuple):
    """Append these batches. Answered with the offset of the first record."""

    topic: str
    partition: int
    data: bytes
    acks: int
    """0: no answer is awaited; 1: the leader has it; -1: every replica in sync has it."""
    count: int = 0

    def __str__(self) -> str:
        return f"{self.count} to {self.topic}-{self.partition}"


class WriteMarker(NamedTuple):
    """End a transaction in this partition: its coordinator says so. Answered with the marker's offset."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    commit: bool
    coordinator_epoch: int

    def __str__(self) -> str:
        return f"{'commit' if self.commit else 'abort'} in {self.topic}-{self.partition}"


class FetchFrom(NamedTuple):
    """A place to read from."""

    topic: str
    partition: int
    offset: int
    epoch: int = -1
    """The leader epoch that the reader knows; -1 asks for no check."""


class Fetch(NamedTuple):
    """Read from these partitions. Answered with a dict of (topic, partition) -> `Fetched` or an error; if there is
    nothing to read, when there is, or after `max_wait` seconds."""

    places: tuple[FetchFrom, ...]
    max_wait: float = 0.5
    max_bytes: int = 1 << 20
    """For each partition."""
    replica: str = ""
    """The broker that follows; empty for a consumer."""
    committed: bool = False
    """read_committed: only up to the last stable offset."""

    def __str__(self) -> str:
        shown = ", ".join(f"{place.topic}-{place.partition}@{place.offset}" for place in self.places[:2])
        return f"fetch {shown}{' ...' if len(self.places) > 2 else ''}"


class Fetched(NamedTuple):
    """What was read of one partition."""

    data: bytes
    high_watermark: int
    last_stable: int
    start: int
    aborted: tuple[Aborted, ...] = ()


class GetOffset(NamedTuple):
    """Answered with an offset: at = "earliest", "latest", "committed end", or the first one with a timestamp of at
    least so many ms (the latest, if there is none)."""

    topic: str
    partition: int
    at: Any

    def __str__(self) -> str:
        return f"where is {self.at} of {self.topic}-{self.partition}"


class GetEpochEnd(NamedTuple):
    """Where does this leader epoch end? Answered with (epoch, offset), as `Epochs.end_of` does."""

    topic: str
    partition: int
    epoch: int

    def __str__(self) -> str:
        return f"end of epoch {self.epoch}"


class GetMetadata(NamedTuple):
    """Answered with the `Metadata` that the broker knows."""

    def __str__(self) -> str:
        return "metadata"
