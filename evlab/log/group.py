"""Consumer groups: who reads which partition, and what happens when one joins, leaves or falls silent.

The members of a group share the partitions of its topics: each partition has one owner. A broker, the coordinator,
keeps the list of members. When the list changes it begins a rebalance: all members have to come back and join again,
then each gets its share, and the number of the group's generation grows by one. Whoever speaks with an older number has
missed that; what it says does not count (it is fenced).

1. A partition has at most one owner in a generation, and only the owner's commits are taken.
2. A member that is silent for its session timeout is out, and its partitions go to others. It may still be at work and
   not know it: its next commit is refused, so its last records are processed twice (at least once), never skipped.
3. A member with an `instance` (static membership) that comes back in time gets its partitions back, without a
   rebalance.
With cooperative-sticky a member keeps what it has while it joins, and gives back only what it must.
In Kafka one of the members computes the shares (the group's leader); here the coordinator does, which saves a round
(Kafka: GroupCoordinator, AbstractCoordinator, KIP-345, KIP-429).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from evlab.env import Later, Timer
from evlab.errors import EvlabError, InvalidUse
from evlab.log.assignors import assign_range, assign_roundrobin, assign_sticky, cooperative_step
from evlab.log.members import AnyGroup, Fenced, LeaveGroup, Step, UnknownMember, shown
from evlab.log.protocol import TopicPartition

__all__ = ["ASSIGNORS", "Fenced", "Group", "Heartbeat", "JoinGroup", "Joined", "LeaveGroup", "RebalanceInProgress",
           "Step", "UnknownMember"]

ASSIGNORS = ("range", "roundrobin", "cooperative-sticky")


class RebalanceInProgress(EvlabError):
    """The shares are being made anew: REBALANCE_IN_PROGRESS. Join again."""

    retriable = True


class JoinGroup(NamedTuple):
    """Answered with `Joined`, once all members have joined or their time is over."""

    group: str
    member: str
    topics: tuple[str, ...]
    assignor: str
    session: float
    """Seconds of silence after which the member is out."""
    rebalance: float
    """Seconds that the others wait for it to join again."""
    owned: tuple[TopicPartition, ...] = ()
    instance: str | None = None
    generation: int = -1
    """The one that the member was in: a new coordinator, which knows none, goes on above it."""

    def __str__(self) -> str:
        return f"join {self.group}"


class Joined(NamedTuple):
    """A member's share in this generation."""

    generation: int
    partitions: tuple[TopicPartition, ...]

    def __str__(self) -> str:
        return f"generation {self.generation}: {shown(self.partitions)}"


class Heartbeat(NamedTuple):
    """I am alive. Answered with None, or `RebalanceInProgress`, `UnknownMember`, `Fenced`."""

    group: str
    member: str
    generation: int

    def __str__(self) -> str:
        return "alive"


@dataclass
class _Member:
    join: JoinGroup
    partitions: tuple[TopicPartition, ...] = ()
    answer: Later | None = None
    """Where it waits for its share."""
    timer: Timer | None = None
    """Ends its session."""
    commits: dict[TopicPartition, int] = field(default_factory=dict)
    """The number of its newest commit of each partition."""

    @property
    def topics(self) -> tuple[str, ...]:
        return self.join.topics


@dataclass
class Group(AnyGroup):
    """One group of the classic protocol, as its coordinator knows it."""

    protocol = "classic"
    replaced: dict[str, str] = field(default_factory=dict)
    """Members whose place was taken by another life of the same instance -> that instance."""
    rebalancing: bool = False
    before: int = 0
    """The newest generation that a member has seen, with the coordinator before this one."""
    _timer: Timer | None = None

    @property
    def assignor(self) -> str:
        return next((member.join.assignor for member in self.members.values()), "range")

    # ------------------------------------------------------------------------------------------------- joining

    def join(self, request: JoinGroup) -> Later:
        """A member wants its share. Raises `InvalidUse` if its assignor is not the group's, and `Fenced`."""
        if self.members and request.member not in self.members and request.assignor != self.assignor:
            raise InvalidUse(f"{request.member} asks for {request.assignor}, and {self.name} shares by {self.assignor}",
                             why="the members must agree", next_step=f'give assignor="{self.assignor}"')
        self._check_place(request.member)
        back = self._comes_back(request)
        if back is not None:
            return back
        known = self.members.get(request.member)
        if known is None:
            self._may_come(request)
            self._note("joined", request.member)
        member = self.members.setdefault(request.member, _Member(request))
        if not self.rebalancing and known is not None and self._settled(known, request):
            return Later.of(Joined(self.generation, known.partitions))  # its first answer was lost
        elif known is not None:
            self._note("rejoined", request.member, request.owned)
        member.join, member.answer = request, Later()
        self._alive(request.member)
        if not self.rebalancing:
            self._begin()
        self._maybe_complete()
        return member.answer

    def _may_come(self, request: JoinGroup) -> None:
        """Who was a member once and is not known has lost what it had, if that was shared out since. While nothing was,
        this coordinator is new: then it goes on above the generation that they have seen."""
        if request.generation >= 0 and self.generation > 0:
            raise self.unknown(request.member)
        self.before = max(self.before, request.generation)

    def _settled(self, member: _Member, request: JoinGroup) -> bool:
        """Has it asked for the same before, and been answered? The generation may differ: it has heard late, perhaps,
        that a rebalance was under way which has ended since."""
        same = member.join == request._replace(generation=member.join.generation)
        return same and member.answer is not None and member.answer.done

    def _comes_back(self, request: JoinGroup) -> Later | None:
        """A static member in a new life takes the place of the old one: same share, no rebalance."""
        old = next((name for name, member in self.members.items() if request.instance is not None
                    and member.join.instance == request.instance and name != request.member), None)
        if old is None:
            return None
        member = self.members.pop(old)
        self._stop(member)
        if member.answer is not None and not member.answer.done:
            member.answer.fail(self._fenced(old, f"{request.instance} has come back as {request.member}"))
        self._note("replaced", request.member, member.partitions)
        self.replaced[old] = request.instance
        same = member.join.topics == request.topics and not self.rebalancing
        self.members[request.member] = _Member(request, member.partitions)
        self._alive(request.member)
        if not same:
            return None
        answer = Later.of(Joined(self.generation, member.partitions))
        self.members[request.member].answer = answer
        return answer

    def heartbeat(self, request: Heartbeat) -> None:
        """Keep a member's session alive. Raises what the member has to know."""
        self.check(request.member, request.generation)
        self._alive(request.member)
        if self.rebalancing:
            raise RebalanceInProgress(f"{self.name} is being shared out anew", next_step="join again")

    def leave(self, member: str) -> None:
        """A member stops; its partitions go to the others at once."""
        if member in self.members:
            self._remove(member, "left")

    def check(self, name: str, generation: int) -> None:
        """Raise `UnknownMember` or `Fenced` unless this is a member of this generation."""
        self._check_place(name)
        member = self.members.get(name)
        if member is None:
            raise self.unknown(name)
        if generation != self.generation:
            raise self._fenced(name, f"it is of generation {generation}, and {self.name} is at {self.generation}")

    def check_commit(self, name: str, generation: int, partitions: Iterable[TopicPartition]) -> None:
        """Raise what `check` does unless this member may commit these; which they are plays no part."""
        self.check(name, generation)

    def _check_place(self, name: str) -> None:
        """Another consumer with the same instance_id has taken this one's place: it must not take it back."""
        if name in self.replaced:
            raise self._fenced(name, f"another consumer has joined as {self.replaced[name]}", self.replaced[name])

    def _fenced(self, member: str, why: str, instance: str | None = None) -> Fenced:
        return Fenced(f"{member} no longer speaks for its partitions", why=why, member=member, instance=instance,
                      next_step="join again; what was not committed is processed again, by whoever owns it now")

    def forget(self) -> None:
        super().forget()
        if self._timer is not None:
            self._timer.cancel()

    # --------------------------------------------------------------------------------------------- rebalancing

    def look_at_topics(self) -> None:
        """If a topic that somebody here reads is new or has more partitions, share out anew."""
        if self.members and not self.rebalancing and self._counts() != self.counts:
            self._begin()

    def _begin(self) -> None:
        self.rebalancing = True
        self._note("rebalancing", "")
        patience = max(member.join.rebalance for member in self.members.values())
        self._timer = self.env.after(patience, self._time_is_over)

    def _time_is_over(self) -> None:
        """Who has not joined again by now is out."""
        for name, member in list(self.members.items()):
            if member.answer is None or member.answer.done:
                self._stop(self.members.pop(name))
                self._note("expired", name, member.partitions)
        self._complete()

    def _maybe_complete(self) -> None:
        if self.rebalancing and all(m.answer is not None and not m.answer.done for m in self.members.values()):
            self._complete()

    def _complete(self) -> None:
        """All have joined: the next generation begins, and each gets its share."""
        self.rebalancing = False
        self._timer.cancel()
        if not self.members:
            return
        self.generation = max(self.generation, self.before) + 1
        shares = self._shares()
        waiting = []
        for name, member in self.members.items():
            member.partitions = tuple(shares[name])
            self._note("assigned", name, member.partitions)
            waiting.append((member.answer, Joined(self.generation, member.partitions)))
        for answer, joined in waiting:
            answer.resolve(joined)

    def _shares(self) -> dict[str, list[TopicPartition]]:
        self.counts = counts = self._counts()
        wishes = {name: list(member.join.topics) for name, member in self.members.items()}
        if self.assignor == "range":
            return assign_range(counts, wishes)
        if self.assignor == "roundrobin":
            return assign_roundrobin(counts, wishes)
        owned = {name: list(member.join.owned) for name, member in self.members.items()}
        return cooperative_step(owned, assign_sticky(counts, wishes, owned))

    # ------------------------------------------------------------------------------------------------ sessions

    def _alive(self, name: str) -> None:
        member = self.members[name]
        self._stop(member)
        member.timer = self.env.after(member.join.session, lambda: self._session_ended(name))

    def _session_ended(self, name: str) -> None:
        member = self.members.get(name)
        if member is None:
            return
        if member.answer is not None and not member.answer.done:
            self._alive(name)  # it waits for us, not we for it
        else:
            self._remove(name, "expired")

    def _remove(self, name: str, what: str) -> None:
        member = self.members.pop(name)
        self._stop(member)
        self._note(what, name, member.partitions)
        if member.answer is not None and not member.answer.done:
            member.answer.fail(UnknownMember(f"{name} has left {self.name}", next_step="join again"))
        if self.members and not self.rebalancing:
            self._begin()
        self._maybe_complete()
