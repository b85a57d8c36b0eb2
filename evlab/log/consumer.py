"""The consumer: reads the partitions that its group gives it, and says how far it is.

    while True:
        for record in consumer.poll():
            ...                     # the work
        yield consumer.commit()     # after the work: at least once
        yield consumer.arrived

1. `poll` gives each record of a partition once and in order, as long as this consumer owns it.
2. `commit` notes the NEXT offset to read. Whoever owns the partition next begins there, so what was polled and not
   committed is given again. Committed before the work, it would be lost instead.
3. A consumer that has lost a partition is told at `poll`; its commits are refused (`Fenced`, `UnknownMember`).
4. Between two polls at most `max_poll_interval` seconds may pass, or the consumer leaves the group by itself: it may be
   stuck, and others shall have its partitions.
(Kafka: KafkaConsumer with the classic group protocol.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evlab.env import Later, Signal
from evlab.errors import EvlabError, InvalidUse, WouldBlock
from evlab.log.arguments import check_choice, check_name, check_offset, check_partition, check_seconds, check_topics
from evlab.log.client import BACKOFF, goes_away, unknown
from evlab.log.coordinator import OFFSETS_TOPIC, CommitOffsets, GetCommitted
from evlab.log.group import (
    ASSIGNORS,
    Fenced,
    Heartbeat,
    JoinGroup,
    LeaveGroup,
    RebalanceInProgress,
    UnknownMember,
    shown,
)
from evlab.log.protocol import GetOffset, TopicPartition
from evlab.log.reader import MAX_WAIT, Reader
from evlab.log.records import Record

if TYPE_CHECKING:
    from evlab.log.log import Log

__all__ = ["Consumer"]

RESETS = ("earliest", "latest", "none")
ISOLATIONS = ("read_uncommitted", "read_committed")
PATIENCE = 60.0
"""Seconds that a commit is tried."""
A_MOMENT = 1.0
"""Seconds that the look for a first offset may hold up other partitions."""
JOIN_WAIT = 5.0
"""Seconds that a join may wait for the others before it is sent again."""


class Consumer:
    """A member of `group` that reads `topics` of `log` (a `Log`, or `log.client("email")` for one that stands there).

    assignor: "range", "roundrobin" or "cooperative-sticky". reset: where to begin without a committed offset, or when
    that is gone: "earliest", "latest", or "none", which raises. isolation: "read_uncommitted" or "read_committed".
    auto_commit: commit by itself, at a poll, what the poll before has given. instance_id: static membership.
    session_timeout, max_poll_interval, heartbeat_interval, auto_commit_interval: seconds; fetch_max_wait: how long a
    broker may keep a fetch for which it has nothing.
    on_assigned, on_revoked: called in `poll` with the list of partitions that came or go; on_revoked while this
    consumer may still commit them.
    """

    def __init__(self, log: Log, group: str, topics: Iterable[str] | str, *, assignor: str = "range",
                 auto_commit: bool = False, reset: str = "earliest", isolation: str = "read_uncommitted",
                 session_timeout: float = 10.0, max_poll_interval: float = 300.0, heartbeat_interval: float = 3.0,
                 auto_commit_interval: float = 5.0, fetch_max_wait: float = MAX_WAIT,
                 instance_id: str | None = None, name: str = "",
                 on_assigned: Callable[[list[TopicPartition]], Any] = lambda partitions: None,
                 on_revoked: Callable[[list[TopicPartition]], Any] = lambda partitions: None):
        self.client = log.client() if hasattr(log, "client") else log
        self.env = self.client.env
        check_choice("assignor", assignor, ASSIGNORS)
        check_choice("reset", reset, RESETS)
        check_choice("isolation", isolation, ISOLATIONS)
        check_name("group", group, "email")
        if instance_id is not None:
            check_name("instance_id", instance_id, "email-1")
        for what, value in (("session_timeout", session_timeout), ("max_poll_interval", max_poll_interval),
                            ("heartbeat_interval", heartbeat_interval), ("auto_commit_interval", auto_commit_interval)):
            check_seconds(what, value)
        check_seconds("fetch_max_wait", fetch_max_wait, -1e-9)
        if heartbeat_interval >= session_timeout:
            raise InvalidUse(f"heartbeat_interval={heartbeat_interval:g} with session_timeout={session_timeout:g}",
                             why="the session would end before the member has said that it is alive",
                             next_step="give a third of the session timeout")
        if not isinstance(name, str) or type(auto_commit) is not bool or not callable(on_assigned) \
                or not callable(on_revoked):
            raise InvalidUse("name is a text, auto_commit True or False, on_assigned and on_revoked are functions",
                             next_step="look at the fields of Consumer")
        self.group, self.topics = group, check_topics(topics)
        self.assignor, self.auto_commit, self.reset, self.instance_id = assignor, auto_commit, reset, instance_id
        self.session_timeout, self.max_poll_interval = session_timeout, max_poll_interval
        self.heartbeat_interval, self.auto_commit_interval = heartbeat_interval, auto_commit_interval
        self.on_assigned, self.on_revoked = on_assigned, on_revoked
        self.member = name or self.client.next_member()
        self.generation, self._commits = -1, 0
        self.reader = Reader(self.client, isolation == "read_committed", self._out_of_range, self._wake,
                             fetch_max_wait)
        self._signal = Signal()
        self._joined, self._must_join, self._closed = False, True, False
        self._joining: Later | None = None
        self._share: list[TopicPartition] | None = None  # what the last join gave, until a poll takes it up
        self._lost: list[TopicPartition] = []
        self._last_poll = self._last_beat = self._last_commit = self.env.now()
        self._failure: EvlabError | None = None
        self._arm()

    # ------------------------------------------------------------------------------------------------- reading

    def poll(self, max_records: int = 500, timeout: float = 0.0) -> list[Record]:
        """The next records, at most `max_records`; an empty list if none has arrived.

        Takes part in rebalances: partitions come and go here, and nowhere else. timeout: seconds to wait for a first
        record; in a World nothing can wait inside of a call: `yield consumer.arrived` does. Raises what went wrong in
        the background: `OffsetOutOfRange` with reset="none", `CorruptBatch`, `UnknownTopic`.
        """
        self._open()
        check_seconds("timeout", timeout, -1e-9)
        if type(max_records) is not int or max_records < 1:
            raise InvalidUse(f"max_records={max_records!r:.20} is no number to count with", next_step="give 1 or more")
        self._last_poll = self.env.now()
        self._take_part()
        records = self._next(max_records)
        if not records and timeout > 0:
            drive = getattr(self.env, "drive", None)
            if drive is None:
                raise WouldBlock("poll cannot wait in a World", why="its clock stands still inside of a call",
                                 next_step="write `yield consumer.arrived` in a process, and then poll()")
            until = self.env.now() + timeout
            self.env.after(timeout, lambda: None)
            drive(lambda: bool(self.reader.ready) or self._may_join or self._share is not None
                  or self.env.now() >= until)
            self._take_part()
            records = self._next(max_records)
        return records

    def _next(self, max_records: int) -> list[Record]:
        if type(max_records) is not int or max_records < 1:
            raise InvalidUse(f"max_records={max_records!r:.20} is no number to count with", next_step="give 1 or more")
        if self._failure is not None:
            failure = self._failure
            if not isinstance(failure, Fenced):  # that one stays: this consumer has no place any more
                self._failure = None
            raise failure
        return self.reader.take(max_records)

    @property
    def arrived(self) -> Later:
        """Done when a poll has something to give or to do: at once if it has already."""
        if (self.reader.ready or self._may_join or self._share is not None or self._failure is not None
                or self._lost):
            return Later.of()
        return self._signal.next()

    @property
    def _may_join(self) -> bool:
        """Has the next poll to join? Not while a join is under way: its end fires the signal."""
        return self._must_join and (self._joining is None or self._joining.done)

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions that this consumer owns, as far as it knows."""
        return sorted(self.reader.positions)

    def position(self, topic: str, partition: int) -> int | None:
        """The next offset that poll will give; None if the partition is not ours, or where to begin is not known."""
        return self.reader.positions.get((topic, partition))

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on reading at `offset`."""
        self._ours((topic, partition))
        self.reader.seek((topic, partition), check_offset(offset))

    def pause(self, *partitions: TopicPartition) -> None:
        """Give no records of these (of all, if none is named) until `resume`. The consumer stays in its group."""
        for partition in partitions:
            self._ours(partition)
        self.reader.paused |= set(partitions or self.assignment)

    def resume(self, *partitions: TopicPartition) -> None:
        """Take up what was paused: these, or all."""
        for partition in partitions:
            self._ours(partition)
        self.reader.paused -= set(partitions or self.assignment)
        self.reader.fetch()
        if self.reader.ready:
            self._wake()

    def _ours(self, partition: TopicPartition) -> None:
        topic, number = check_partition(partition)
        if type(number) is not int or partition not in self.reader.positions:
            raise InvalidUse(f"{self.member} does not own {topic}-{number!r:.20}", why="another member has it, or none",
                             next_step="look at consumer.assignment after a poll")

    # ---------------------------------------------------------------------------------------------- committing

    def commit(self, offsets: dict[TopicPartition, int] | None = None) -> Later:
        """Note how far this group has read: by default, all that `poll` has given. Done when the note is safe.

        offsets: {(topic, partition): the NEXT offset to read}. Fails with `Fenced` or `UnknownMember` if the
        partitions may belong to others by now: then those process the records again.
        """
        self._open()
        if not isinstance(offsets, dict | None):
            raise InvalidUse(f"offsets={offsets!r:.40} is no dict", next_step='give {("orders", 0): 17}, or nothing')
        lost = sorted(set(self._lost) if offsets is None else set(self._lost) & set(offsets))
        if lost:
            return _failed(UnknownMember(f"{self.client.node or 'this consumer'} no longer owns {shown(lost)}",
                                         why="it was out of the group for a moment",
                                         next_step="poll; whoever owns them now processes the records again"))
        if offsets is None:
            offsets = self.reader.given()
        for partition, offset in offsets.items():
            self._ours(partition)
            check_offset(offset)
        found = tuple(sorted((topic, number, offset) for (topic, number), offset in offsets.items()))
        if not found:
            return Later.of()
        self._last_commit = self.env.now()
        self._commits += 1
        return self.client.run(self._committing(found, self._commits))

    def _committing(self, found: tuple[tuple[str, int, int], ...], number: int) -> Generator:
        """Ask until there is an answer. If a rebalance ended meanwhile, once more for what is still ours."""
        while True:
            member, generation = self.member, self.generation
            try:
                return (yield from self._insist(CommitOffsets(self.group, member, generation, found, number)))
            except (Fenced, UnknownMember) as error:
                if self._joining is not None and not self._joining.done:
                    yield self._joining
                elif (member, generation) == (self.member, self.generation):
                    self._lose_all(error)
                    raise
                found = tuple(one for one in found if one[:2] in self.reader.positions)
                if not found or member != self.member:
                    raise

    def committed(self) -> Later:
        """What the group has committed: a Later of {(topic, partition): next offset to read}."""
        self._open()

        def asked() -> Generator:
            found = yield from self._insist(GetCommitted(self.group))
            return {key: committed.offset for key, committed in found.items()}

        return self.client.run(asked())

    def close(self) -> Later:
        """Leave the group, so that others get the partitions at once. A static member (`instance_id`) does not: it is
        expected back."""
        if self._closed:
            return Later.of()
        last = self.commit() if self.auto_commit else Later.of()
        self._closed = True
        self.reader.close()
        return self.client.run(self._leaving(last))

    def _leaving(self, last: Later) -> Generator:
        with suppress(EvlabError):
            yield last  # a commit of one who has left would be refused
        if self.instance_id is None and (self._joined or self._joining is not None):
            yield self.client.ask(self._coordinator(), LeaveGroup(self.group, self.member))

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------------- the group

    def _take_part(self) -> None:
        """What a poll does for the group: give up what is lost, join if it is time, report, commit by itself."""
        if self._lost:
            lost, self._lost = self._lost, []
            self.on_revoked(lost)
        now = self.env.now()
        if self._joined and self.auto_commit and now - self._last_commit >= self.auto_commit_interval:
            self.commit()
        self._take_up()
        if self._must_join:
            self._join()
        elif self._joined and now - self._last_beat >= self.heartbeat_interval:
            self._beat()
        self._take_up()
        self.reader.fetch()

    def _join(self) -> None:
        if not self._may_join:
            return
        self._must_join, self._share = False, None
        if self.assignor != "cooperative-sticky" and self.reader.positions:
            self._revoke(self.assignment)  # eager: give back all before the others can have any
        self._joining = self.client.run(self._joining_now()).then(lambda _: self._wake())

    def _joining_now(self) -> Generator:
        while not self._closed:
            request = JoinGroup(self.group, self.member, self.topics, self.assignor, self.session_timeout,
                                self.max_poll_interval, tuple(self.assignment), self.instance_id)
            try:
                if not self.client.metadata.version:
                    yield self.client.refresh()
                joined = yield self.client.ask(self._coordinator(), request, JOIN_WAIT)
                break
            except UnknownMember:
                self._drop(self.assignment)
                self.member = self.client.next_member()
            except EvlabError as error:
                if not goes_away(error):
                    self._failure = error
                    self._wake()
                    return
                yield BACKOFF
                yield self.client.refresh()
        else:
            return
        self.generation, self._joined, self._last_beat = joined.generation, True, self.env.now()
        self._share = list(joined.partitions)
        if any(topic not in self.client.metadata.topics for topic in self.topics):
            yield self.client.refresh()
        for topic in self.topics:
            if topic not in self.client.metadata.topics:  # it is told once; if it comes later, it is read
                self._failure = unknown(topic)
        self._wake()

    def _take_up(self) -> None:
        """Begin to read what is new in our share, and give back what is no longer in it."""
        if self._share is None or self._must_join:
            return
        share, self._share = self._share, None
        gone = [partition for partition in self.assignment if partition not in share]
        new = [partition for partition in share if partition not in self.reader.positions]
        if gone:
            self._revoke(gone)
            self._must_join = True  # cooperative: the second round hands them out
            self._wake()
        if new:
            self.client.run(self._begin(new, (self.member, self.generation)))

    def _begin(self, new: list[TopicPartition], membership: tuple[str, int]) -> Generator:
        """Find the places in partitions that are new to us, and read on from there. One without a leader is looked at
        again until it has one: nobody else would read it."""
        places, late = {}, []
        try:
            committed = yield from self._insist(GetCommitted(self.group))
            for partition in new:
                found = committed.get(partition)
                places[partition] = found.offset if found is not None else (yield from self._first(*partition))
        except EvlabError as error:
            if not goes_away(error):
                self._wake(error)
                return
            late = [partition for partition in new if partition not in places]
        if membership == (self.member, self.generation) and self._joining.done and not self._closed:
            for partition, offset in places.items():
                if offset is not None:
                    self.reader.add(partition, offset)
            if places:
                self.on_assigned(list(places))
            self.reader.fetch()
            if late:
                yield BACKOFF
                self.client.run(self._begin(late[1:] + late[:1], membership))

    def _first(self, topic: str, number: int) -> Generator:
        """Where to begin without a committed offset."""
        if self.reset == "none":
            self._failure = InvalidUse(f"{self.group} has committed nothing for {topic}-{number}",
                                       why='reset="none" does not guess', next_step='give reset="earliest" or "latest"')
            self._wake()
            return None
        return (yield from self.client.insist(topic, number, GetOffset(topic, number, self.reset), patience=A_MOMENT))

    def _revoke(self, partitions: list[TopicPartition]) -> None:
        if self.auto_commit:
            self.commit({key: offset for key, offset in self.reader.given().items() if key in partitions})
        self.on_revoked(partitions)
        self._drop(partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self.reader.remove(partition)

    def _lose_all(self, error: EvlabError | None = None) -> None:
        """The group goes on without us: nothing that we hold is ours any more. The next poll joins again, unless
        another consumer has our instance_id: then it raises `Fenced`."""
        if self._must_join or self._closed:
            return
        self._lost += self.assignment
        self._drop(self.assignment)
        self._joined, self._must_join, self.generation, self._share = False, True, -1, None
        self.member = self.client.next_member()
        if getattr(error, "instance", None) is not None:
            self._must_join, self._failure = False, error
        self._wake()

    def _coordinator(self) -> str | None:
        return self.client.leader(OFFSETS_TOPIC, 0)

    def _insist(self, request: Any) -> Generator:
        return self.client.insist(OFFSETS_TOPIC, 0, request, patience=PATIENCE)

    # ---------------------------------------------------------------------------------------------- heartbeats

    def _arm(self) -> None:
        """In the background, as Kafka's heartbeat thread: report, and notice when nobody polls."""
        self.env.after(self.heartbeat_interval, self._tick)

    def _tick(self) -> None:
        if self._closed:
            return
        self._arm()
        if self._joined and not (self._joining is not None and not self._joining.done):
            if self.env.now() - self._last_poll > self.max_poll_interval:
                self.client.ask(self._coordinator(), LeaveGroup(self.group, self.member))
                self._lose_all()
            else:
                self._beat()
            if self._has_to_poll():
                self._wake()

    def _has_to_poll(self) -> bool:
        """Who waits for records is not stuck: it is woken to poll in time, and to commit by itself."""
        now = self.env.now()
        return now - self._last_poll > self.max_poll_interval / 2 or (
            self.auto_commit and bool(self.reader.given()) and now - self._last_commit >= self.auto_commit_interval)

    def _beat(self) -> None:
        self._last_beat = self.env.now()
        member, generation = self.member, self.generation

        def answered(done: Later) -> None:
            if self._closed or (member, generation) != (self.member, self.generation):
                return  # of an earlier membership
            if isinstance(done.error, RebalanceInProgress):
                self._must_join = True
                self._wake()
            elif isinstance(done.error, Fenced | UnknownMember):
                self._lose_all(done.error)
            elif done.error is not None:
                self.client.refresh()

        self.client.ask(self._coordinator(), Heartbeat(self.group, member, generation)).then(answered)

    # --------------------------------------------------------------------------------------------------- small

    def _out_of_range(self, partition: TopicPartition, error: EvlabError) -> None:
        """What we were to read next was deleted, or was never there."""
        if self.reset == "none":
            self._failure = error
            self._wake()
            return

        def found(done: Later) -> None:
            if done.error is None and partition in self.reader.positions:
                self.reader.seek(partition, done.value)
                self.reader.fetch()

        self.client.run(self._first(*partition)).then(found)

    def _wake(self, error: EvlabError | None = None) -> None:
        if error is not None:
            self._failure = error
        self._signal.fire()

    def _open(self) -> None:
        if self._closed:
            raise InvalidUse(f"{self.member} is closed", next_step="make a new Consumer")

    def __repr__(self) -> str:
        return f"Consumer({self.member} of {self.group}, generation {self.generation}: {shown(self.assignment)})"


def _failed(error: EvlabError) -> Later:
    later = Later()
    later.fail(error)
    return later
