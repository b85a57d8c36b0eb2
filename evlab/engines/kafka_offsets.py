"""What a KafkaLog knows of places: ends of partitions, what groups have committed, and how far they are behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import confluent_kafka as client
from confluent_kafka import admin

from evlab.engines.kafka_errors import check_text, kafka_error, translated
from evlab.log.arguments import check_name
from evlab.log.lag import LagRow, Points, describe, lag_frame, lag_of, time_lag
from evlab.log.protocol import TopicPartition

if TYPE_CHECKING:
    from evlab.engines.kafka_consumer import KafkaConsumer
    from evlab.env import Real

__all__ = ["KafkaOffsets"]

A_BEAT = 0.02
"""Seconds between two looks at whether something has been decided."""


class KafkaOffsets:
    """The part of a `KafkaLog` that asks for offsets. Each call waits for the answer, `timeout` seconds at most."""

    env: Real
    timeout: float
    bootstrap: str
    capabilities: frozenset[str]
    _admin: admin.AdminClient
    _consumers: set[KafkaConsumer]
    _points: dict[TopicPartition, Points]

    def offsets(self, topic: str) -> dict[TopicPartition, tuple[int, int]]:
        """Of each partition the first offset that it still has, and its end: the high watermark."""
        partitions = [(topic, number) for number in range(self.partitions(topic))]
        starts, ends = (self.find_offsets(partitions, where) for where in ("earliest", "latest"))
        return {partition: (starts[partition], ends[partition]) for partition in partitions}

    def lag(self, group: str) -> list[LagRow]:
        """How far a group is behind in each partition that it owns or has committed: committed, end, lag, time lag.

        The end is the high watermark. Each call notes the ends of now: the time lag, in seconds, is told from those.
        """
        check_name("group", group, "email")
        check_text("group", group)
        committed, owners, now = self.committed(group, stable=False), self._owners(group), self.env.now()
        wanted = sorted({*committed, *owners})
        ends, rows = self.find_offsets(wanted, "latest"), []
        for key in wanted:
            points = self._points.setdefault(key, Points())
            points.add(ends[key], now)
            at = committed.get(key)
            rows.append(LagRow(*key, at, ends[key], None if at is None else lag_of(at, ends[key], 0),
                               time_lag(points, at, now), owners.get(key)))
        return rows

    def lag_frame(self, group: str):
        """The same as a pandas DataFrame, a row for each partition."""
        return lag_frame(self.lag(group))

    def describe(self, group: str) -> str:
        """The table that `kafka-consumer-groups --describe` prints."""
        return describe(group, self.lag(group))

    def committed(self, group: str, stable: bool = True) -> dict[TopicPartition, int]:
        """What a group has committed: (topic, partition) -> the next offset to read.

        stable: wait while a transaction has offsets that are undecided. They may be so for a moment after its commit
        has been answered: the coordinator writes its markers then. (Kafka: OffsetFetch, requireStable.)
        """
        every = [client.TopicPartition(topic, number) for topic, count in self._look().items()
                 if not topic.startswith("__") for number in range(count)]
        if not every:
            return {}
        until = time.monotonic() + self.timeout
        while True:
            answer = self._admin.list_consumer_group_offsets(
                [client.ConsumerGroupTopicPartitions(group, every)], request_timeout=self.timeout,
                require_stable=stable and "transactions" in self.capabilities)[group]
            found = self._asked(answer, f"what {group} has committed is not known").topic_partitions
            refused = next((one.error for one in found if one.error is not None), None)
            if refused is None:
                return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}
            if refused.name() != "UNSTABLE_OFFSET_COMMIT" or time.monotonic() > until:
                raise translated(refused, f"what {group} has committed is not known")
            time.sleep(A_BEAT)

    def _owners(self, group: str) -> dict[TopicPartition, str]:
        """Who owns what in a group; on the mock, as far as our own consumers know."""
        if "members" not in self.capabilities:
            return {key: one.member for one in self._consumers if one.group == group for key in one.assignment}
        described = self._admin.describe_consumer_groups([group], request_timeout=self.timeout)[group]
        try:
            members = described.result(self.timeout + 1).members
        except client.KafkaException as error:
            if kafka_error(error).name() == "GROUP_ID_NOT_FOUND":
                return {}
            raise translated(error, f"who is in {group} is not known", address=self.bootstrap) from error
        return {(one.topic, one.partition): member.member_id for member in members
                for one in (member.assignment.topic_partitions if member.assignment else ())}

    def find_offsets(self, partitions: Iterable[TopicPartition], where: str, committed: bool = False
                     ) -> dict[TopicPartition, int]:
        """The "earliest" or "latest" offset of each partition; committed: the latest that is not of an open transaction
        (Kafka: ListOffsets)."""
        spec = admin.OffsetSpec.earliest() if where == "earliest" else admin.OffsetSpec.latest()
        wanted = {client.TopicPartition(*key): spec for key in partitions}
        if not wanted:
            return {}
        level = client.IsolationLevel.READ_COMMITTED if committed else client.IsolationLevel.READ_UNCOMMITTED
        found = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=self.timeout)
        return {(one.topic, one.partition): self._asked(answer, f"no offset of {one.topic}-{one.partition}").offset
                for one, answer in found.items()}

    def _asked(self, answer: Any, what: str, **facts: Any) -> Any:
        """The answer to a question of the admin client, or the twin's error."""
        try:
            return answer.result(self.timeout + 1)
        except (client.KafkaException, TimeoutError) as error:
            raise translated(error, what, **facts) from error
