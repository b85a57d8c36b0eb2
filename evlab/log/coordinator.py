"""The coordinator: the broker that keeps a cluster's groups and what they have committed.

Committed offsets are records in a topic of their own, `__consumer_offsets`, compacted by group and partition. So they
are as safe as other records, and whoever leads that partition is the coordinator: a new one reads the topic and goes
on. Who is a member is known in memory alone; after a change of coordinator the members join again.

A committed offset is the NEXT one to read.
(Kafka: GroupMetadataManager. There the topic has 50 partitions, and each coordinates a share of the groups.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from evlab.env import Later
from evlab.errors import InvalidUse
from evlab.log.broker import Broker
from evlab.log.group import Group, Heartbeat, JoinGroup
from evlab.log.members import AnyGroup, LeaveGroup, Step
from evlab.log.protocol import BrokerUnavailable, Produce, TopicPartition, WriteMarker
from evlab.log.records import Batch, decode_batches, encode_rows, read_marker
from evlab.log.target import ConsumerHeartbeat, Target, TargetGroup

__all__ = ["OFFSETS_TOPIC", "CommitOffsets", "Committed", "Coordinator", "GetCommitted"]

OFFSETS_TOPIC = "__consumer_offsets"


class CommitOffsets(NamedTuple):
    """Answered with None when the offsets are as safe as acks=all makes a record."""

    group: str
    member: str
    """Empty for one who is in no group and reads on its own account."""
    generation: int
    offsets: tuple[tuple[str, int, int], ...]
    """(topic, partition, next offset to read)"""
    number: int = 0
    """The member counts its commits, so that one that comes late does not undo the next; 0: not counted."""
    producer_id: int = -1
    producer_epoch: int = -1
    """Of the transaction that they are a part of: they count when it is committed."""

    def __str__(self) -> str:
        return "commit " + ", ".join(f"{topic}-{number}@{offset}" for topic, number, offset in self.offsets)


class GetCommitted(NamedTuple):
    """Answered with a dict of (topic, partition) -> `Committed`, for those that have one."""

    group: str

    def __str__(self) -> str:
        return f"committed by {self.group}"


class Committed(NamedTuple):
    """What a group has committed for a partition."""

    offset: int
    """The next one to read."""
    time: float
    """When, in seconds since 1970."""


class Coordinator:
    """The part of a broker that answers for groups, while it leads `__consumer_offsets`.

    A group has one protocol, that of its members: the first one to join an empty group chooses. (In Kafka a group can
    go over to the newer one while it works.)
    steps: group -> what happened in it, to which this coordinator adds a list each time that it begins with a group.
    """

    def __init__(self, broker: Broker, steps: dict[str, list[list[Step]]] | None = None):
        self.broker, self.env, self.steps = broker, broker.env, {} if steps is None else steps
        self.groups: dict[str, AnyGroup] = {}
        self.committed: dict[str, dict[TopicPartition, Committed]] = {}
        self._pending: dict[int, list[tuple[str, TopicPartition, Committed]]] = {}  # by producer id
        self._epoch = -1
        broker.services |= {JoinGroup: self._join, Heartbeat: self._heartbeat, LeaveGroup: self._leave,
                            ConsumerHeartbeat: self._consumer_heartbeat, CommitOffsets: self._commit,
                            GetCommitted: self._get_committed}
        broker.learners.append(self._learn)
        broker.marked.append(self._marked)

    def group(self, name: str) -> AnyGroup:
        """The group of that name; one that nobody has joined so far is a classic one.

        Raises `BrokerUnavailable` if this broker does not coordinate.
        """
        if not self.active:
            raise BrokerUnavailable(f"{self.broker.name} does not coordinate groups", broker=self.broker.name,
                                    next_step="ask the leader of __consumer_offsets")
        if name not in self.groups:
            self.groups[name] = Group(self.env, name, lambda: self.broker.metadata)
            self.steps.setdefault(name, []).append(self.groups[name].steps)
        return self.groups[name]

    @property
    def active(self) -> bool:
        replica = self.broker.replicas.get((OFFSETS_TOPIC, 0))
        return replica is not None and replica.leads

    def _learn(self) -> None:
        """The metadata has changed: begin or end to coordinate, or share out partitions that are new."""
        if not self.active:
            self._forget_groups()
            self._epoch = -1
            return
        replica = self.broker.replicas[OFFSETS_TOPIC, 0]
        if replica.epoch != self._epoch:
            self._epoch = replica.epoch
            self._forget_groups()
            self.committed, self._pending = {}, {}
            self._load()
        for group in self.groups.values():
            group.look_at_topics()

    def _forget_groups(self) -> None:
        for group in self.groups.values():
            group.forget()
        self.groups = {}

    # ------------------------------------------------------------------------------------------------- members

    def _join(self, request: JoinGroup) -> Later:
        return self._to_join(request.group, Group).join(request)

    def _heartbeat(self, request: Heartbeat) -> None:
        self._of_member(request, Group).heartbeat(request)

    def _consumer_heartbeat(self, request: ConsumerHeartbeat) -> Target:
        if request.joins and not request.leaves:
            return self._to_join(request.group, TargetGroup).heartbeat(request)
        group = self._of_member(request, TargetGroup)
        return group.step_out(request) if request.leaves else group.heartbeat(request)

    def _leave(self, request: LeaveGroup) -> None:
        self.group(request.group).leave(request.member)

    def _to_join(self, name: str, kind: type[AnyGroup]) -> Any:
        """The group, for one who joins. Raises `InvalidUse` if its members speak the other protocol."""
        group = self.group(name)
        if isinstance(group, kind):
            return group
        if group.members:
            raise InvalidUse(f"the members of {name} speak the {group.protocol} protocol", why="a group has one",
                             group=name, next_step=f'give protocol="{group.protocol}", or wait until all have left')
        self.groups[name] = kind(self.env, name, group.metadata, group.generation, steps=group.steps)
        return self.groups[name]

    def _of_member(self, request: Heartbeat | ConsumerHeartbeat, kind: type[AnyGroup]) -> Any:
        """The group, for one who says that it is a member of one of this kind. Raises `UnknownMember`."""
        group = self.group(request.group)
        if not isinstance(group, kind):
            raise group.unknown(request.member)
        return group

    # ------------------------------------------------------------------------------------------------- offsets

    def _commit(self, request: CommitOffsets) -> Later:
        group = self.group(request.group)
        if request.member or group.members:
            group.check_commit(request.member, request.generation, [one[:2] for one in request.offsets])
            request = request._replace(offsets=group.not_overtaken(request.member, request.number, request.offsets))
            if not request.offsets:
                return Later.of()
        time = self.env.epoch + self.env.now()
        noted = {(topic, number): Committed(offset, time) for topic, number, offset in request.offsets}
        rows = [(round(time * 1000), msgspec.json.encode([request.group, *key]), msgspec.json.encode(committed), ())
                for key, committed in noted.items()]
        data = encode_rows(rows, producer_id=request.producer_id, producer_epoch=request.producer_epoch,
                           transactional=request.producer_id >= 0)
        appended = self.broker.replica(OFFSETS_TOPIC, 0).produce(Produce(OFFSETS_TOPIC, 0, data, -1, len(rows)))
        answer, pending = Later(), request.producer_id >= 0
        if pending:  # from now on they may come to count, and whoever asks has to wait for that
            self._pending.setdefault(request.producer_id, []).extend((request.group, *one) for one in noted.items())

        def safe(done: Later) -> None:
            if done.error is None:
                if not pending:
                    self.committed.setdefault(request.group, {}).update(noted)
                answer.resolve()
            else:
                answer.fail(done.error)

        appended.then(safe)
        return answer

    def _get_committed(self, request: GetCommitted) -> dict[TopicPartition, Committed]:
        """Not while a transaction with offsets of this group is open: who began at the old ones would do again what it
        has done (Kafka: UNSTABLE_OFFSET_COMMIT, KIP-447)."""
        self.group(request.group)
        if any(group == request.group for offsets in self._pending.values() for group, _, _ in offsets):
            raise BrokerUnavailable(f"a transaction with offsets of {request.group} is open",
                                    why="what counts as read is known when it has ended", next_step="ask again")
        return dict(self.committed.get(request.group, {}))

    def _load(self) -> None:
        partition = self.broker.replicas[OFFSETS_TOPIC, 0].partition
        offset = partition.start
        while data := partition.read(offset):
            for batch in decode_batches(data):
                self._apply(batch)
                offset = batch.last_offset + 1

    def _apply(self, batch: Batch) -> None:
        """Take note of what a batch of the topic says."""
        if batch.control:
            self.transaction_ended(batch.producer_id, read_marker(batch.records[0]).type == "commit")
            return
        for record in batch.records:
            group, topic, number = msgspec.json.decode(record.key)
            if record.value is None:
                self.committed.get(group, {}).pop((topic, number), None)
                continue
            committed = msgspec.json.decode(record.value, type=Committed)
            if batch.transactional:
                self._pending.setdefault(batch.producer_id, []).append((group, (topic, number), committed))
            else:
                self.committed.setdefault(group, {})[topic, number] = committed

    def _marked(self, marker: WriteMarker) -> None:
        if marker.topic == OFFSETS_TOPIC:
            self.transaction_ended(marker.producer_id, marker.commit)

    def transaction_ended(self, producer_id: int, commit: bool) -> None:
        """What was committed inside of a transaction counts now, or never."""
        for group, partition, committed in self._pending.pop(producer_id, ()):
            if commit:
                self.committed.setdefault(group, {})[partition] = committed
