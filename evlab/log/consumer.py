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
Its place in the group is kept by `evlab.log.membership`, or by `evlab.log.target_member` in the newer protocol.
(Kafka: KafkaConsumer; there the classic protocol is the default, too.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evlab.env import Later, Signal
from evlab.errors import EvlabError, InvalidUse, WouldBlock
from evlab.log.arguments import check_choice, check_name, check_offset, check_partition, check_seconds, check_topics
from evlab.log.client import client_of
from evlab.log.coordinator import OFFSETS_TOPIC, CommitOffsets, GetCommitted
from evlab.log.group import ASSIGNORS
from evlab.log.members import Fenced, UnknownMember, UnreleasedInstanceId, shown
from evlab.log.membership import ClassicMembership
from evlab.log.places import PATIENCE, RESETS, Places
from evlab.log.protocol import TopicPartition
from evlab.log.reader import MAX_WAIT, Reader
from evlab.log.records import Record
from evlab.log.target_member import TargetMembership

if TYPE_CHECKING:
    from evlab.log.log import Log

__all__ = ["Consumer"]

ISOLATIONS = ("read_uncommitted", "read_committed")
PROTOCOLS = {"classic": ClassicMembership, "consumer": TargetMembership}


class Consumer:
    """A member of `group` that reads `topics` of `log` (a `Log`, or `log.client("email")` for one that stands there).

    protocol: "classic", or "consumer", in which nobody waits for others (evlab.log.target); all members have the same.
    assignor, in the classic protocol: "range", "roundrobin" or "cooperative-sticky". reset: where to begin without a
    committed offset, or when that is gone: "earliest", "latest", or "none", which raises. isolation: "read_uncommitted"
    or "read_committed". auto_commit: commit by itself, at a poll, what the poll before has given. instance_id: static
    membership; of two at a time with the same one, "classic" keeps the newer and "consumer" the older.
    session_timeout, max_poll_interval, heartbeat_interval, auto_commit_interval: seconds; fetch_max_wait: how long a
    broker may keep a fetch for which it has nothing.
    on_assigned, on_revoked: called in `poll` with the list of partitions that came or go; on_revoked while this
    consumer may still commit them, and in `close`, too.
    """

    def __init__(self, log: Log, group: str, topics: Iterable[str] | str, *, assignor: str = "range",
                 auto_commit: bool = False, reset: str = "earliest", isolation: str = "read_uncommitted",
                 session_timeout: float = 10.0, max_poll_interval: float = 300.0, heartbeat_interval: float = 3.0,
                 auto_commit_interval: float = 5.0, fetch_max_wait: float = MAX_WAIT,
                 instance_id: str | None = None, name: str = "", protocol: str = "classic",
                 on_assigned: Callable[[list[TopicPartition]], Any] = lambda partitions: None,
                 on_revoked: Callable[[list[TopicPartition]], Any] = lambda partitions: None):
        self.client = client_of(log)
        self.env = self.client.env
        check_choice("assignor", assignor, ASSIGNORS)
        check_choice("protocol", protocol, tuple(PROTOCOLS))
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
        self.protocol, self.closed = protocol, False
        self._commits = int(self.env.now() * 1e6)  # a later life of this member counts on above the one before
        self._signal = Signal()
        self._failure: EvlabError | None = None
        self._last_commit = self.env.now()
        self.reader = Reader(self.client, isolation == "read_committed", lambda *what: self.places.out_of_range(*what),
                             self.wake, fetch_max_wait)
        self.places = Places(self.client, self.reader, group, reset, self.wake, lambda new: self.on_assigned(new))
        self.membership = PROTOCOLS[protocol](self, name)

    # ------------------------------------------------------------------------------------------------- reading

    def poll(self, max_records: int = 500, timeout: float = 0.0) -> list[Record]:
        """The next records, at most `max_records`; an empty list if none has arrived.

        Takes part in rebalances: partitions come and go here, and nowhere else. timeout: seconds to wait for a first
        record; in a World nothing can wait inside of a call: `yield consumer.arrived` does. Raises what went wrong in
        the background: `OffsetOutOfRange` with reset="none", `CorruptBatch`, `UnknownTopic`, `UnreleasedInstanceId`.
        """
        self._open()
        check_seconds("timeout", timeout, -1e-9)
        if type(max_records) is not int or max_records < 1:
            raise InvalidUse(f"max_records={max_records!r:.20} is no number to count with", next_step="give 1 or more")
        self.membership.take_part()
        records = self._next(max_records)
        if not records and timeout > 0:
            drive = getattr(self.env, "drive", None)
            if drive is None:
                raise WouldBlock("poll cannot wait in a World", why="its clock stands still inside of a call",
                                 next_step="write `yield consumer.arrived` in a process, and then poll()")
            until = self.env.now() + timeout
            self.env.after(timeout, lambda: None)
            drive(lambda: self.reader.ready or self.membership.waits_for_poll or self.env.now() >= until)
            self.membership.take_part()
            records = self._next(max_records)
        return records

    def _next(self, max_records: int) -> list[Record]:
        if self._failure is not None:
            failure = self._failure
            if not isinstance(failure, Fenced | UnreleasedInstanceId):  # those stay: this consumer has no place
                self._failure = None
            raise failure
        return self.reader.take(max_records)

    @property
    def arrived(self) -> Later:
        """Done when a poll has something to give or to do: at once if it has already."""
        if self.reader.ready or self.membership.waits_for_poll or self._failure is not None:
            return Later.of()
        return self._signal.next()

    @property
    def member(self) -> str:
        """The name of this consumer in its group; a new one when it has lost its place."""
        return self.membership.member

    @property
    def generation(self) -> int:
        """The group's generation (its epoch, with protocol="consumer") that this consumer knows of; -1 before one."""
        return self.membership.generation

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions that this consumer owns, as far as it knows."""
        return sorted(self.reader.positions)

    @property
    def lost(self) -> list[TopicPartition]:
        """Partitions that were ours until a moment ago and may be another's now: told until the next poll."""
        return sorted(self.membership.lost)

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
            self.wake()

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
        lost = sorted(set(self.membership.lost) & set(self.membership.lost if offsets is None else offsets))
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
        answered = self.membership.watch(Later())
        return self.client.run(self._committing(found, self._commits, answered)).then(lambda _: answered.resolve())

    def _committing(self, found: tuple[tuple[str, int, int], ...], number: int, answered: Later) -> Generator:
        """Ask until there is an answer; if a rebalance ended meanwhile, once more for what is still ours."""
        while True:
            asked = found, self.member, self.generation
            try:
                return (yield from self._insist(CommitOffsets(self.group, *asked[1:], found, number)))
            except (Fenced, UnknownMember) as error:
                refusal = error
            answered.resolve()
            if self.membership.is_joining:
                yield self.membership.joining
            else:
                self.membership.refused(refusal, asked[1:])
            found = tuple(one for one in found if one[:2] in self.reader.positions)
            if not found or self.member != asked[1] or (found, self.member, self.generation) == asked:
                raise refusal

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
        if self.closed:
            return Later.of()
        last = self.commit() if self.auto_commit else Later.of()
        told, self.on_revoked = self.on_revoked, lambda partitions: None
        try:
            if self.assignment:
                told(self.assignment)
        finally:
            self.closed = True
            self.reader.close()
        return self.client.run(self._leaving(last))

    def _leaving(self, last: Later) -> Generator:
        with suppress(EvlabError):
            yield last  # a commit of one who has left would be refused
        yield from self.membership.settled()  # one that on_revoked has made, too
        yield self.membership.leave()

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # ------------------------------------------------------------------------------------- what its parts ask of it

    def commit_is_due(self) -> bool:
        """Is it time to commit by itself, and is there something to commit?"""
        return (self.auto_commit and bool(self.reader.given())
                and self.env.now() - self._last_commit >= self.auto_commit_interval)

    def commit_if_due(self) -> None:
        if self.commit_is_due():
            self.commit()

    def wake(self, error: EvlabError | None = None) -> None:
        """Whoever waits for `arrived` shall poll. error: what that poll raises."""
        if error is not None:
            self._failure = error
        self._signal.fire()

    def _open(self) -> None:
        if self.closed:
            raise InvalidUse(f"{self.member} is closed", next_step="make a new Consumer")

    def _insist(self, request: Any) -> Generator:
        return self.client.insist(OFFSETS_TOPIC, 0, request, patience=PATIENCE)

    def __repr__(self) -> str:
        return f"Consumer({self.member} of {self.group}, generation {self.generation}: {shown(self.assignment)})"


def _failed(error: EvlabError) -> Later:
    later = Later()
    later.fail(error)
    return later
