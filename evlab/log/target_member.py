"""The member's side of a group without a barrier (see `evlab.log.target`).

Each heartbeat says what this consumer owns; the answer is what it may own. The next poll takes that up: what is new is
read, what is no longer listed is given back. What it keeps is not touched.

1. Given back is reported only when the commits under way are settled: until then they are taken.
2. It goes by the answer to its newest heartbeat alone. One that comes later was true when it was given, and may not be
   any more: the coordinator has heard since that this member does not own what that answer gives it.
(Kafka: ConsumerMembershipManager.)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse
from evlab.log.client import REQUEST_TIMEOUT
from evlab.log.members import UnknownMember
from evlab.log.membership import Membership
from evlab.log.protocol import TopicPartition
from evlab.log.target import ConsumerHeartbeat, Target

if TYPE_CHECKING:
    from evlab.log.consumer import Consumer

__all__ = ["TargetMembership"]


class TargetMembership(Membership):
    """A member that heads for the coordinator's target at its own pace."""

    join_wait = REQUEST_TIMEOUT

    def __init__(self, consumer: Consumer, name: str):
        if consumer.assignor != "range":
            raise InvalidUse('protocol="consumer" takes no assignor', why="the coordinator shares, in its own way",
                             next_step='leave it out, or give protocol="classic"')
        self._life, self._was = consumer.client.next_member(), ""
        self._number = 0
        self._taken: dict[TopicPartition, tuple[str, int]] = {}
        """What a poll has taken up and we have not reported gone -> the life and the heartbeat after which that was."""
        self._going: set[TopicPartition] = set()
        """Of these, what we read no more, and wait with the report until our commits are settled."""
        super().__init__(consumer, name or self._life)

    @property
    def owned(self) -> set[TopicPartition]:
        """What we own, or may take up at any moment."""
        return {*self._taken, *(self.share or ())}

    @property
    def _has_changed(self) -> bool:
        return self.share is not None and set(self.share) - self._going != self._taken.keys() - self._going

    # -------------------------------------------------------------------------------------------------- heartbeats

    def _request(self) -> ConsumerHeartbeat:
        self._number += 1
        consumer = self.consumer
        return ConsumerHeartbeat(consumer.group, self.member, self._life, consumer.topics, consumer.session_timeout,
                                 tuple(sorted(self.owned)), self._number, not self.joined, consumer.instance_id,
                                 self._was)

    def _farewell(self) -> Any:
        return super()._farewell() or self._request()._replace(owned=(), leaves=True)

    def _beat(self) -> None:
        self._last_beat = self.env.now()
        request = self._request()

        def answered(done: Later) -> None:
            if self.consumer.closed or not self._is_newest(request):
                return
            if isinstance(done.error, UnknownMember):
                self.lose_all(done.error)
            elif done.error is not None:
                self.client.refresh()
            else:
                self._accept(done.value)

        self.client.ask(self.coordinator(), request).then(answered)

    def _is_newest(self, request: ConsumerHeartbeat) -> bool:
        return (request.life, request.number) == (self._life, self._number)

    def _accept(self, answer: Target) -> None:
        before = self.owned
        self.generation, self.share = answer.epoch, list(answer.partitions)
        if before - self.owned:  # given, and taken away again before a poll began to read it
            self._beat()
        if self._has_changed:
            self.consumer.wake()

    # ------------------------------------------------------------------------------------------- to have and to give

    def _take_up(self) -> None:
        if not self._has_changed or self.must_join:
            return
        gone = sorted(self._taken.keys() - self._going - set(self.share))
        new = [partition for partition in self.share if partition not in self._taken]
        if gone:
            self._going |= set(gone)
            self._give_up(gone)
            self.client.run(self._report_gone({partition: self._taken[partition] for partition in gone}))
        if new:
            since = self._life, self._number
            self._taken |= dict.fromkeys(new, since)
            self.client.run(self.consumer.places.begin(new, lambda partition: self._has(partition, since)))

    def _has(self, partition: TopicPartition, since: tuple[str, int]) -> bool:
        """Have we had this partition since then without a break, and do we still read it?"""
        return (self._taken.get(partition) == since and partition not in self._going
                and not self.consumer.closed)

    def _report_gone(self, gone: dict[TopicPartition, tuple[str, int]]) -> Generator:
        yield from self.settled()
        for partition, since in gone.items():
            if self._taken.get(partition) == since:
                del self._taken[partition]
                self._going.discard(partition)
        if self.joined and not self.consumer.closed:
            self._beat()
        if self._has_changed:
            self.consumer.wake()

    def refused(self, error: EvlabError, membership: tuple[str, int]) -> None:
        if isinstance(error, UnknownMember) and membership[0] == self.member:
            self.lose_all(error)

    def _forget(self) -> None:
        self._taken, self._going = {}, set()
        self._was, self._life, self._number = self._life, self.member, 0
