"""What every consumer group has, whichever protocol its members speak: members, who owns what, and how that came about.

`evlab.log.group` is the classic protocol on the coordinator's side, `evlab.log.target` the one without a barrier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from evlab.env import Env
from evlab.errors import EvlabError
from evlab.log.metadata import Metadata
from evlab.log.protocol import TopicPartition

__all__ = ["AnyGroup", "Fenced", "LeaveGroup", "Step", "UnknownMember", "UnreleasedInstanceId", "shown", "told"]


class UnknownMember(EvlabError):
    """The group does not know this member (any more): UNKNOWN_MEMBER_ID. It has to join as a new one."""


class Fenced(EvlabError):
    """This member is of another generation, or another one has taken its place: ILLEGAL_GENERATION,
    FENCED_INSTANCE_ID. Nothing of this call counts."""


class UnreleasedInstanceId(EvlabError):
    """Another consumer has this instance_id, and has not left: UNRELEASED_INSTANCE_ID. `instance`, `member`: whose it
    is. This consumer stays out."""


class LeaveGroup(NamedTuple):
    """I stop. Answered with None."""

    group: str
    member: str

    def __str__(self) -> str:
        return f"leave {self.group}"


class Step(NamedTuple):
    """One thing that happened in a group, for the rebalance chart."""

    time: float
    generation: int
    what: str
    """joined, rejoined, left, expired, replaced, rebalancing, assigned, revoked"""
    member: str
    partitions: tuple[TopicPartition, ...] = ()
    """rejoined: what it still has; replaced: what it takes over; assigned: its share; revoked: what it has given back;
    left, expired: what it had."""


@dataclass
class AnyGroup:
    """One group, as its coordinator knows it. `metadata` is a function that gives the topics of now."""

    protocol: ClassVar[str]
    env: Env
    name: str
    metadata: Callable[[], Metadata]
    generation: int = 0
    members: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """How many partitions each topic had when they were shared out."""

    def owner(self, partition: TopicPartition) -> str | None:
        """Who owns a partition now."""
        return next((name for name, member in self.members.items() if partition in member.partitions), None)

    def not_overtaken(self, name: str, number: int, offsets: tuple[tuple[str, int, int], ...]) -> tuple:
        """Those offsets of the commit of that number that no later commit of this member has replaced already."""
        if not number or name not in self.members:
            return offsets
        newest = self.members[name].commits
        left = tuple(one for one in offsets if newest.get(one[:2], 0) <= number)
        newest.update({one[:2]: number for one in left})
        return left

    def forget(self) -> None:
        """Another broker coordinates now: nothing of this group is due here any more."""
        for member in self.members.values():
            self._stop(member)

    def _counts(self) -> dict[str, int]:
        wanted = {topic for member in self.members.values() for topic in member.topics}
        return {topic: len(info.partitions) for topic, info in self.metadata().topics.items() if topic in wanted}

    def _stop(self, member: Any) -> None:
        if member.timer is not None:
            member.timer.cancel()

    def unknown(self, name: str) -> UnknownMember:
        """The error for who is no member."""
        return UnknownMember(f"{self.name} has no member {name}", member=name,
                             why="its session ended, or it has left", next_step="join again, as a new member")

    def _note(self, what: str, member: str, partitions: tuple[TopicPartition, ...] = ()) -> None:
        self.steps.append(Step(self.env.now(), self.generation, what, member, partitions))


def shown(partitions: tuple[TopicPartition, ...]) -> str:
    """Partitions in a few words: orders-0 orders-3."""
    return " ".join(f"{topic}-{number}" for topic, number in partitions) or "nothing"


def told(terms: list[list[Step]]) -> list[Step]:
    """What several coordinators have noted of one group, oldest first.

    terms: a list for each time that one began with it. What one that has been replaced noted after the next had begun
    is left out: it had no say any more.
    """
    found: list[Step] = []
    until = float("inf")
    for term in reversed([term for term in terms if term]):
        found = [step for step in term if step.time < until] + found
        until = term[0].time
    return found
