"""The consumer's place in its group: it joins, says that it is alive, takes part in rebalances, and notices a loss.

A poll does its part (`take_part`), and so does a clock in the background: it sends heartbeats between two polls, and
leaves the group when nobody polls for too long.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from evlab.env import Later
from evlab.errors import EvlabError
from evlab.log.client import BACKOFF, goes_away, unknown
from evlab.log.coordinator import OFFSETS_TOPIC
from evlab.log.group import Fenced, Heartbeat, Joined, JoinGroup, LeaveGroup, RebalanceInProgress, UnknownMember
from evlab.log.protocol import TopicPartition

if TYPE_CHECKING:
    from evlab.log.consumer import Consumer

__all__ = ["ClassicMembership", "Membership"]


class Membership:
    """What both protocols have in common. `share` is what the group gave, until a poll takes it up."""

    join_wait = 5.0
    """Seconds that a join may wait for the others before it is sent again."""

    def __init__(self, consumer: Consumer, name: str):
        self.consumer, self.client, self.reader = consumer, consumer.client, consumer.reader
        self.env = consumer.env
        self.member = name or self.client.next_member()
        self.generation = -1
        self.joined, self.must_join = False, True
        self.joining: Later | None = None
        self.share: list[TopicPartition] | None = None
        self.lost: list[TopicPartition] = []
        """What we had and lost, until a poll tells it."""
        self._commits: list[Later] = []
        self._last_poll = self._last_beat = self.env.now()
        home = getattr(self.env, "node", None)
        self._home = home(self.client.node) if home and self.client.node else None
        self._arm()

    # ------------------------------------------------------------------------------------- what the consumer calls

    def take_part(self) -> None:
        """What a poll does for the group: give up what is lost, join if it is time, report, commit by itself."""
        self._last_poll = self.env.now()
        if self.lost:
            lost, self.lost = self.lost, []
            self.consumer.on_revoked(lost)
        if self.joined:
            self.consumer.commit_if_due()
        self._take_up()
        if self.must_join:
            self._join()
        elif self.joined and self.env.now() - self._last_beat >= self.consumer.heartbeat_interval:
            self._beat()
        self._take_up()
        self.reader.fetch()

    @property
    def waits_for_poll(self) -> bool:
        """Has the next poll something to do for the group?"""
        return self._may_join or self._has_changed or bool(self.lost)

    def refused(self, error: EvlabError, membership: tuple[str, int]) -> None:
        """A commit in the name of this member and generation was refused: is our place lost?"""
        raise NotImplementedError

    def watch(self, commit: Later) -> Later:
        """Take note of a commit that is under way: a Later that is done once it has an answer, or is refused."""
        self._commits = [one for one in self._commits if not one.done] + [commit]
        return commit

    def settled(self) -> Generator:
        """Wait for the commits under way. Who joins, or reports a partition gone, ends the right to make them."""
        yield from list(self._commits)

    def leave(self) -> Later:
        """Let the others have our partitions now. For a static member they wait until its session ends."""
        farewell = self._farewell() if self.joined or self.joining is not None else None
        return Later.of() if farewell is None else self.client.ask(self.coordinator(), farewell)

    def _farewell(self) -> Any:
        """What to say on leaving; None if nothing."""
        return LeaveGroup(self.consumer.group, self.member) if self.consumer.instance_id is None else None

    def coordinator(self) -> str | None:
        return self.client.leader(OFFSETS_TOPIC, 0)

    # -------------------------------------------------------------------------------------------- each in its way

    @property
    def _has_changed(self) -> bool:
        """Has the group given or taken something that no poll has taken up?"""
        raise NotImplementedError

    def _before_joining(self) -> None:
        """What to give back first."""

    def _request(self) -> Any:
        """What to ask in order to join."""
        raise NotImplementedError

    def _accept(self, answer: Any) -> None:
        """We are in the group."""
        raise NotImplementedError

    def _take_up(self) -> None:
        """Begin to read what is new in our share, and give back what is no longer in it."""
        raise NotImplementedError

    def _beat(self) -> None:
        """Say that we are alive."""
        raise NotImplementedError

    def _forget(self) -> None:
        """We are a new member by now: drop what the old one knew."""

    # ----------------------------------------------------------------------------------------------------- joining

    @property
    def is_joining(self) -> bool:
        return self.joining is not None and not self.joining.done

    @property
    def _may_join(self) -> bool:
        """Has the next poll to join? Not while a join is under way: its end wakes the consumer."""
        return self.must_join and not self.is_joining

    def _join(self) -> None:
        if self._may_join:
            self.must_join, self.share = False, None
            self._before_joining()
            self.joining = self.client.run(self._get_in()).then(lambda _: self.consumer.wake())

    def _get_in(self) -> Generator:
        yield from self.settled()
        while not self.consumer.closed:
            try:
                if not self.client.metadata.version:
                    yield self.client.refresh()
                answer = yield self.client.ask(self.coordinator(), self._request(), self.join_wait)
                break
            except UnknownMember:
                self.lost += self.consumer.assignment
                self._drop(self.consumer.assignment)
                self.member, self.generation = self.client.next_member(), -1
            except EvlabError as error:
                if not goes_away(error):
                    self.consumer.wake(error)
                    return
                yield BACKOFF
                yield self.client.refresh()
        else:
            return
        self.joined, self._last_beat = True, self.env.now()
        self._accept(answer)
        if any(topic not in self.client.metadata.topics for topic in self.consumer.topics):
            yield self.client.refresh()
        for topic in self.consumer.topics:
            if topic not in self.client.metadata.topics:  # it is told once; if it comes later, it is read
                self.consumer.wake(unknown(topic))
        self.consumer.wake()

    # ----------------------------------------------------------------------------------------- giving up and losing

    def _give_up(self, partitions: list[TopicPartition]) -> None:
        """Stop to read these, while we may still commit what we have read of them."""
        if self.consumer.auto_commit:
            given = self.reader.given()
            self.consumer.commit({key: given[key] for key in partitions if key in given})
        self.consumer.on_revoked(partitions)
        self._drop(partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self.reader.remove(partition)

    def lose_all(self, error: EvlabError | None = None) -> None:
        """The group goes on without us: nothing that we hold is ours any more. The next poll joins again, unless
        another consumer has our instance_id: then it raises `Fenced`."""
        if self.must_join or self.consumer.closed:
            return
        self.lost += self.consumer.assignment
        self._drop(self.consumer.assignment)
        self.joined, self.must_join, self.generation, self.share = False, True, -1, None
        self.member = self.client.next_member()
        self._forget()
        replaced = getattr(error, "instance", None) is not None
        if replaced:
            self.must_join = False
        self.consumer.wake(error if replaced else None)

    # -------------------------------------------------------------------------------------------------- heartbeats

    def _arm(self) -> None:
        """In the background, as Kafka's heartbeat thread: report, and notice when nobody polls."""
        self.env.after(self.consumer.heartbeat_interval, self._tick)

    def _tick(self) -> None:
        if self.consumer.closed or (self._home is not None and self._home.dead):
            return  # a timer dies with its node; but who made this consumer may have stood elsewhere
        self._arm()
        if not self.joined or self.is_joining:
            return
        if self.env.now() - self._last_poll > self.consumer.max_poll_interval:
            self.leave()
            self.lose_all()
        else:
            self._beat()
        if self._has_to_poll():
            self.consumer.wake()

    def _has_to_poll(self) -> bool:
        """Who waits for records is not stuck: it is woken to poll in time, and to commit by itself."""
        too_long = self.env.now() - self._last_poll > self.consumer.max_poll_interval / 2
        return too_long or self.consumer.commit_is_due()


class ClassicMembership(Membership):
    """The classic protocol: all join, and each gets its share when the last one has (see `evlab.log.group`)."""

    @property
    def _has_changed(self) -> bool:
        return self.share is not None

    def _before_joining(self) -> None:
        if self.consumer.assignor != "cooperative-sticky" and self.reader.positions:
            self._give_up(self.consumer.assignment)  # eager: give back all before the others can have any

    def _request(self) -> JoinGroup:
        consumer = self.consumer
        return JoinGroup(consumer.group, self.member, consumer.topics, consumer.assignor, consumer.session_timeout,
                         consumer.max_poll_interval, tuple(consumer.assignment), consumer.instance_id, self.generation)

    def _accept(self, answer: Joined) -> None:
        self.generation, self.share = answer.generation, list(answer.partitions)

    def _take_up(self) -> None:
        if self.share is None or self.must_join:
            return
        share, self.share = self.share, None
        gone = [partition for partition in self.consumer.assignment if partition not in share]
        new = [partition for partition in share if partition not in self.reader.positions]
        if gone:
            self._give_up(gone)
            self.must_join = True  # cooperative: the second round hands them out
            self.consumer.wake()
        if new:
            membership = self.member, self.generation
            self.client.run(self.consumer.places.begin(new, lambda _: self._is_still(membership)))

    def _is_still(self, membership: tuple[str, int]) -> bool:
        return membership == (self.member, self.generation) and not self.is_joining and not self.consumer.closed

    def refused(self, error: EvlabError, membership: tuple[str, int]) -> None:
        if membership == (self.member, self.generation):
            self.lose_all(error)

    def _beat(self) -> None:
        self._last_beat = self.env.now()
        member, generation = self.member, self.generation

        def answered(done: Later) -> None:
            if self.consumer.closed or (member, generation) != (self.member, self.generation):
                return  # of an earlier membership
            if isinstance(done.error, RebalanceInProgress):
                self.must_join = True
                self.consumer.wake()
            elif isinstance(done.error, Fenced | UnknownMember):
                self.lose_all(done.error)
            elif done.error is not None:
                self.client.refresh()

        self.client.ask(self.coordinator(), Heartbeat(self.consumer.group, member, generation)).then(answered)
