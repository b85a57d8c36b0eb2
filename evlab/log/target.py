"""Groups without a barrier: the coordinator decides who shall own what, and each member gets there at its own pace.

In the classic protocol all members stop, join again and wait for the slowest. Here nobody joins again. Each heartbeat
says what a member owns, and is answered with what it may own now. When the members change, the coordinator makes a new
target. A member that shall give a partition back learns it at its next heartbeat, and reports it gone with a later one;
only then is it given to its new owner. Whoever keeps its partitions is not disturbed.

1. A partition is never given to a member while another may still own it.
2. A member that is silent for its session timeout is out, and what it had is free.
3. A commit is taken from the member that owns the partition, and only if that member has learned that it does: one that
   was sent before it gave the partition back and got it again is of an older epoch, and refused.
4. A heartbeat that comes twice or late changes nothing; but the first one of a member that has left since makes a
   member that is never heard again, and holds its share until its session ends.
5. A member with an `instance` (static membership) that leaves is expected back: until its session ends nobody else gets
   its share, and whoever joins with the same instance takes it over. While it has not left, another one with its
   instance is refused (`UnreleasedInstanceId`). A crash is no leave: then the instance is free when the session ends.
   (In the classic protocol the newer one wins, at once.)
Members are known in memory alone, as in the classic protocol: after a change of coordinator all begin anew. (Kafka: the
consumer group protocol of KIP-848, general since 4.0, GroupMetadataManager. It keeps members and targets in the
offsets' topic; the session timeout is the broker's setting. An epoch for each partition is KIP-1251.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from evlab.env import Timer
from evlab.log.assignors import assign_sticky
from evlab.log.members import AnyGroup, Fenced, UnreleasedInstanceId, shown
from evlab.log.protocol import TopicPartition

__all__ = ["ConsumerHeartbeat", "Target", "TargetGroup"]


class ConsumerHeartbeat(NamedTuple):
    """I am alive and own these. Answered with a `Target`, or `UnknownMember`; the first one joins the group, or is
    refused with `UnreleasedInstanceId`."""

    group: str
    member: str
    life: str
    """Tells a member from an earlier one of the same name."""
    topics: tuple[str, ...]
    session: float
    """Seconds of silence after which the member is out."""
    owned: tuple[TopicPartition, ...]
    number: int
    """Rises with each heartbeat of a member."""
    joins: bool = False
    """Has no answer come so far? If one has, a member that is not known is refused."""
    instance: str | None = None
    was: str = ""
    """The life before, in which this very consumer lost its place: it need not wait for itself to leave."""
    leaves: bool = False
    """A static member stops, and may come back (Kafka: the member epoch -2)."""

    def __str__(self) -> str:
        if self.leaves:
            return f"leave {self.group} for a while"
        return f"join {self.group}" if self.joins else f"alive with {shown(self.owned)}"


class Target(NamedTuple):
    """What a member may own now."""

    epoch: int
    partitions: tuple[TopicPartition, ...]

    def __str__(self) -> str:
        return f"epoch {self.epoch}: {shown(self.partitions)}"


@dataclass
class _Member:
    life: str
    topics: tuple[str, ...]
    partitions: dict[TopicPartition, int] = field(default_factory=dict)
    """What it may still own, as it was given and not reported gone -> the epoch in which it was given."""
    instance: str | None = None
    away: bool = False
    """It has left, and is expected back."""
    number: int = -1
    timer: Timer | None = None
    """Ends its session."""
    commits: dict[TopicPartition, int] = field(default_factory=dict)
    """The number of its newest commit of each partition."""


@dataclass
class TargetGroup(AnyGroup):
    """One group of this kind, as its coordinator knows it. `generation` is its epoch: how often the target changed."""

    protocol = "consumer"
    target: dict[str, list[TopicPartition]] = field(default_factory=dict)
    """Who shall own what, once all have got there."""

    def heartbeat(self, request: ConsumerHeartbeat) -> Target:
        """Note what a member owns, and say what it may own. Raises `UnknownMember`, `UnreleasedInstanceId`."""
        member = self._member(request)
        wanted = set(self.target[request.member])
        if request.number > member.number:
            self._check_claim(request)
            member.number = request.number
            self._alive(request)
            self._take_back(request, wanted)
            self._give(request.member, wanted)
        return Target(self.generation, tuple(sorted(wanted & set(member.partitions))))

    def _member(self, request: ConsumerHeartbeat) -> _Member:
        """Whose heartbeat this is. The first one of a life joins, in the place of an earlier life if need be."""
        member = self.members.get(request.member)
        if member is not None and member.life == request.life:
            return member
        if not request.joins:
            raise self.unknown(request.member)
        before = self._released(request)
        if member is not None and before != request.member:
            self._remove(request.member, "left")
        if before is not None:
            return self._come_back(before, request)
        member = self.members[request.member] = _Member(request.life, request.topics, instance=request.instance)
        self._note("joined", request.member)
        self._aim()
        return member

    def _released(self, request: ConsumerHeartbeat) -> str | None:
        """The member that had this instance before, and has left. Raises `UnreleasedInstanceId` if it has not."""
        for name, member in self.members.items():
            if request.instance is not None and member.instance == request.instance:
                if member.away or member.life == request.was:
                    return name
                raise UnreleasedInstanceId(
                    f"{request.instance} of {self.name} is {name}", instance=request.instance, member=name,
                    why="it has not left: it is alive, or it died and its session has not ended yet",
                    next_step=f"close it, or wait for {request.session:g} s of silence, and make a new Consumer; give "
                              "each consumer an instance_id of its own")
        return None

    def _come_back(self, before: str, request: ConsumerHeartbeat) -> _Member:
        """A static member in a new life takes the place of the old one: same share, same target."""
        old, target = self.members.pop(before), self.target.pop(before)
        self._stop(old)
        member = _Member(request.life, request.topics, old.partitions, request.instance)
        self.members[request.member], self.target[request.member] = member, target
        self._note("replaced", request.member, tuple(sorted(member.partitions)))
        if old.topics != request.topics:
            self._aim()
        return member

    def _check_claim(self, request: ConsumerHeartbeat) -> None:
        """Who owns what it was not given here joined another coordinator, and here by a heartbeat that came late."""
        if not set(request.owned) <= set(self.members[request.member].partitions):
            self._remove(request.member, "expired")
            raise self.unknown(request.member)

    def _take_back(self, request: ConsumerHeartbeat, wanted: set[TopicPartition]) -> None:
        """What it was told to give back, and no longer owns, is free."""
        held = self.members[request.member].partitions
        gone = sorted(set(held) - set(request.owned) - wanted)
        for partition in gone:
            del held[partition]
        if gone:
            self._note("revoked", request.member, tuple(gone))

    def _give(self, name: str, wanted: set[TopicPartition]) -> None:
        """What it shall own and nobody else may still own is its own from now on."""
        held = self.members[name].partitions
        new = [partition for partition in wanted if self.owner(partition) is None]
        held.update(dict.fromkeys(new, self.generation))
        if new:
            self._note("assigned", name, tuple(sorted(wanted & set(held))))

    def step_out(self, request: ConsumerHeartbeat) -> Target:
        """A static member stops. What it shall own waits for it until its session ends; all else is free at once."""
        member = self.members.get(request.member)
        if member is not None and member.life == request.life and request.number > member.number:
            member.number, member.away = request.number, True
            self._take_back(request, set(self.target[request.member]))
        return Target(self.generation, ())

    def leave(self, name: str) -> None:
        """A member stops; what it had is free at once."""
        if name in self.members:
            self._remove(name, "left")

    def check_commit(self, name: str, generation: int, partitions: Iterable[TopicPartition]) -> None:
        """Raise `UnknownMember` or `Fenced` unless this member owns all of these, and knew so in that epoch."""
        if name not in self.members:
            raise self.unknown(name)
        held = self.members[name].partitions
        foreign = tuple(sorted(one for one in partitions if one not in held or held[one] > generation))
        if foreign:
            raise Fenced(f"{name} does not speak for {shown(foreign)}", member=name,
                         why="it has given it back, or got it in a later epoch than this commit is of",
                         next_step="drop what you have of it; whoever owns it now processes it again")

    def look_at_topics(self) -> None:
        """If a topic that somebody here reads is new or has more partitions, make a new target."""
        if self.members and self._counts() != self.counts:
            self._aim()

    def _aim(self) -> None:
        """Make a new target: balanced, and as near as possible to what the members have."""
        self.generation += 1
        self.counts = self._counts()
        wishes = {name: list(member.topics) for name, member in self.members.items()}
        held = {name: sorted(member.partitions) for name, member in self.members.items()}
        self.target = assign_sticky(self.counts, wishes, held)

    # ------------------------------------------------------------------------------------------------ sessions

    def _alive(self, request: ConsumerHeartbeat) -> None:
        member = self.members[request.member]
        self._stop(member)
        member.timer = self.env.after(request.session, lambda: self._remove(request.member, "expired"))

    def _remove(self, name: str, what: str) -> None:
        member = self.members.pop(name)
        self._stop(member)
        self._note(what, name, tuple(sorted(member.partitions)))
        self._aim()
