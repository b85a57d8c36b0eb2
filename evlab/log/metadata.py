"""What the cluster knows of itself: which topics there are, who has copies of each partition, and who leads it."""

from __future__ import annotations

import msgspec

from evlab.log.topics import TopicConfig

__all__ = ["Metadata", "PartitionInfo", "TopicInfo"]


class PartitionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who is responsible for one partition."""

    leader: str | None
    """The broker that takes writes; None: nobody may at the moment."""
    epoch: int
    """Grows by one when the leader changes. What an older leader says no longer counts."""
    isr: tuple[str, ...]
    """The replicas in sync: those that have all that was acked with acks=all. Never empty."""
    version: int = 0
    """Grows by one with each change of this partition (Kafka: partitionEpoch)."""
    replicas: tuple[str, ...]
    """All brokers that keep a copy; the first is preferred as leader."""


class TopicInfo(msgspec.Struct, frozen=True, kw_only=True):
    config: TopicConfig
    partitions: tuple[PartitionInfo, ...]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the cluster; a later one has a higher version."""

    version: int = 0
    brokers: tuple[str, ...] = ()
    """Those that are up, as far as the controller knows."""
    topics: dict[str, TopicInfo] = {}
    next_producer: int = 0
    """The producer id that is given out next."""

    def partition(self, topic: str, number: int) -> PartitionInfo | None:
        """What is known of a partition; None if there is no such one."""
        info = self.topics.get(topic)
        return info.partitions[number] if info is not None and 0 <= number < len(info.partitions) else None

    def with_partition(self, topic: str, number: int, **changes) -> Metadata:
        """The next state, in which one partition has changed."""
        info = self.topics[topic]
        partitions = list(info.partitions)
        version = partitions[number].version + 1
        partitions[number] = msgspec.structs.replace(partitions[number], version=version, **changes)
        return self.with_topic(topic, msgspec.structs.replace(info, partitions=tuple(partitions)))

    def with_topic(self, topic: str, info: TopicInfo) -> Metadata:
        """The next state, in which a topic is new or has changed."""
        return self.changed(topics={**self.topics, topic: info})

    def __str__(self) -> str:
        return f"metadata {self.version}"

    def changed(self, **changes) -> Metadata:
        """The next state, with these fields."""
        return msgspec.structs.replace(self, version=self.version + 1, **changes)
