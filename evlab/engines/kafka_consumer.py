"""A consumer of evlab.log, on librdkafka: it fetches and keeps its place in the group in its own threads.

What it owns, and where it begins to read, is in evlab.engines.kafka_places.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import confluent_kafka as client

from evlab.engines import NotOnThisEngine
from evlab.engines.kafka_errors import TRANSIENT, check_text, translated
from evlab.engines.kafka_places import KafkaPlaces
from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse
from evlab.log.arguments import check_choice, check_name, check_offset, check_partition, check_seconds, check_topics
from evlab.log.consumer import ISOLATIONS, PROTOCOLS
from evlab.log.group import ASSIGNORS
from evlab.log.members import Fenced, UnknownMember, UnreleasedInstanceId, shown
from evlab.log.places import RESETS
from evlab.log.protocol import TopicPartition
from evlab.log.reader import MAX_WAIT
from evlab.log.records import Record

if TYPE_CHECKING:
    from evlab.engines.kafka import KafkaLog

__all__ = ["KafkaConsumer"]

SLICE = 0.1
"""Seconds of one wait inside of librdkafka, which Ctrl-C cannot end."""
A_MOMENT = 0.01
"""Seconds after which `arrived` lets a process poll again: librdkafka does not say whether it has something."""
_RESET = {"earliest": "earliest", "latest": "latest", "none": "error"}
_LASTING = (Fenced, UnreleasedInstanceId)


class KafkaConsumer(KafkaPlaces):
    """A member of `group` that reads `topics`. The arguments and the errors are those of evlab.log's `Consumer`.

    A poll that does not wait gives nothing at first: to join takes some turns of client and broker. Ask with a
    timeout, or again. What librdkafka has fetched ahead waits in its memory, 64 MiB at most.
    """

    def __init__(self, log: KafkaLog, group: str, topics: Iterable[str] | str, *, assignor: str = "range",
                 auto_commit: bool = False, reset: str = "earliest", isolation: str = "read_uncommitted",
                 session_timeout: float = 10.0, max_poll_interval: float = 300.0, heartbeat_interval: float = 3.0,
                 auto_commit_interval: float = 5.0, fetch_max_wait: float = MAX_WAIT,
                 instance_id: str | None = None, name: str = "", protocol: str = "classic",
                 on_assigned: Callable[[list[TopicPartition]], Any] = lambda partitions: None,
                 on_revoked: Callable[[list[TopicPartition]], Any] = lambda partitions: None):
        check_choice("assignor", assignor, tuple(ASSIGNORS))
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
        for what, value in (("group", group), ("instance_id", instance_id or ""), ("name", name)):
            check_text(what, value)
        if isolation == "read_committed":
            log.need("transactions", 'isolation="read_committed"', 'give the address of a Kafka: KafkaLog("host:port")')
        self.log, self.env, self.group, self.topics = log, log.env, group, check_topics(topics)
        self.reset, self.isolation, self.protocol, self.assignor = reset, isolation, protocol, assignor
        self.auto_commit, self.auto_commit_interval, self.instance_id = auto_commit, auto_commit_interval, instance_id
        self.on_assigned, self.on_revoked = on_assigned, on_revoked
        self._cooperative = protocol == "consumer" or assignor == "cooperative-sticky"
        self._positions: dict[TopicPartition, int | None] = {}
        self._touched: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._lost: set[TopicPartition] = set()
        self._failure: EvlabError | None = None
        self._last_commit, self._member, self.closed = time.monotonic(), "", False
        settings = {"group.id": group, "auto.offset.reset": _RESET[reset], "enable.auto.commit": False,
                    "enable.auto.offset.store": False, "isolation.level": isolation, "group.protocol": protocol,
                    "max.poll.interval.ms": max(1, int(max_poll_interval * 1000)),
                    "fetch.wait.max.ms": int(fetch_max_wait * 1000), "fetch.error.backoff.ms": 100}
        if protocol == "classic":  # with "consumer" these are the broker's business
            settings |= {"partition.assignment.strategy": assignor, "session.timeout.ms": int(session_timeout * 1000),
                         "heartbeat.interval.ms": max(1, int(heartbeat_interval * 1000))}
        if instance_id is not None:
            settings["group.instance.id"] = instance_id
        if name:
            settings["client.id"] = name
        try:
            self._raw = client.Consumer(log.client_settings(**settings))
        except client.KafkaException as error:
            raise translated(error, "this consumer cannot be made") from error
        self._raw.subscribe(list(self.topics), on_assign=self._came, on_revoke=self._go, on_lost=self._are_lost)
        log._consumers.add(self)

    # ------------------------------------------------------------------------------------------------- reading

    def poll(self, max_records: int = 500, timeout: float = 0.0) -> list[Record]:
        """The next records, at most `max_records`; an empty list if none has arrived.

        Takes part in rebalances: partitions come and go here, and nowhere else. timeout: seconds to wait for a first
        record. Raises what went wrong meanwhile: `OffsetOutOfRange` with reset="none", `UnknownTopic`, `Fenced`.
        """
        self._open()
        check_seconds("timeout", timeout, -1e-9)
        if type(max_records) is not int or max_records < 1:
            raise InvalidUse(f"max_records={max_records!r:.20} is no number to count with", next_step="give 1 or more")
        self._tell_failure()
        self._lost.clear()
        until = time.monotonic() + timeout
        records = self._take(max_records, 0.0)
        while not records and time.monotonic() < until:
            self._tell_failure()
            records = self._take(max_records, max(0.0, min(SLICE, until - time.monotonic())))
        if not records:
            self._tell_failure()
        self._commit_if_due()
        return records

    def _take(self, most: int, seconds: float) -> list[Record]:
        """What has arrived, within so many seconds for a first record."""
        messages, most = [], min(most, 1_000_000)
        try:
            if not seconds:
                messages = self._raw.consume(most, 0)
            elif (first := self._raw.poll(seconds)) is not None:
                messages = [first, *(self._raw.consume(most - 1, 0) if most > 1 else ())]
        except client.KafkaException as error:  # fatal: librdkafka has stopped this consumer for good
            self._failure = translated(error, f"the group {self.group}", member=self.member)
        found = []
        for message in messages:
            key = message.topic(), message.partition()
            if message.error() is not None:
                self._note(message.error(), key, message.offset())
            elif key in self._positions:
                found.append(Record(message.offset(), message.timestamp()[1], message.key(), message.value(),
                                    tuple(message.headers() or ()), *key))
                self._positions[key] = message.offset() + 1
                self._touched.add(key)
        return found

    def _note(self, error: client.KafkaError, key: tuple, offset: int | None) -> None:
        """Keep for the next poll what librdkafka does not overcome by itself."""
        if error.name() in TRANSIENT or isinstance(self._failure, _LASTING):
            return
        facts = {"topic": key[0], "partition": key[1], "offset": offset, "start": None, "end": None}
        if error.name() == "_AUTO_OFFSET_RESET" and key in self._positions:
            with suppress(EvlabError):
                facts |= dict(zip(("start", "end"), self.log.offsets(key[0])[key], strict=True))
            facts["offset"] = self._positions[key]
        what = f"reading {key[0]}-{key[1]}" if key[0] else f"the group {self.group}"
        self._failure = self._failure or translated(error, what, **facts)

    def _tell_failure(self) -> None:
        if self._failure is not None:
            failure = self._failure
            if not isinstance(failure, _LASTING):  # those stay: this consumer has no place
                self._failure = None
            raise failure

    @property
    def arrived(self) -> Later:
        """Done when it is time to poll again: after a moment, whether or not there is something."""
        later = Later()
        self.env.after(A_MOMENT, later.resolve)
        return later

    @property
    def member(self) -> str:
        """The name of this consumer in its group; empty before it has joined."""
        if not self.closed:
            self._member = self._raw.memberid() or self._member
        return self._member

    @property
    def generation(self) -> int:
        """librdkafka does not tell it."""
        raise NotOnThisEngine("consumer.generation", capability="generation",
                              why="librdkafka keeps it for itself", next_step="look at consumer.assignment")

    @property
    def assignment(self) -> list[TopicPartition]:
        """The partitions that this consumer owns, as far as it knows."""
        return sorted(self._positions)

    @property
    def lost(self) -> list[TopicPartition]:
        """Partitions that were ours until a moment ago and may be another's now: told until the next poll."""
        return sorted(self._lost)

    def position(self, topic: str, partition: int) -> int | None:
        """The next offset that poll will give; None if the partition is not ours. Over the marker of a transaction it
        moves with the next record only."""
        return self._positions.get((topic, partition))

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on reading at `offset`."""
        self._ours((topic, partition))
        check_offset(offset)
        try:
            self._raw.seek(client.TopicPartition(topic, partition, offset))
        except client.KafkaException as error:
            if error.args[0].name() != "_STATE":
                raise translated(error, f"no seek in {topic}-{partition}") from error
            self._begin_at((topic, partition), offset)
        self._positions[topic, partition] = offset
        self._touched.add((topic, partition))

    def pause(self, *partitions: TopicPartition) -> None:
        """Give no records of these (of all, if none is named) until `resume`. The consumer stays in its group."""
        self._change(self._raw.pause, partitions)
        self._paused |= set(partitions or self.assignment)

    def resume(self, *partitions: TopicPartition) -> None:
        """Take up what was paused: these, or all."""
        self._change(self._raw.resume, partitions)
        self._paused -= set(partitions or self.assignment)

    def _change(self, call: Callable, partitions: tuple[TopicPartition, ...]) -> None:
        for partition in partitions:
            self._ours(partition)
        call([client.TopicPartition(*one) for one in partitions or self.assignment])

    def _ours(self, partition: TopicPartition) -> None:
        topic, number = check_partition(partition)
        if type(number) is not int or partition not in self._positions:
            raise InvalidUse(f"{self.member or 'this consumer'} does not own {topic}-{number!r:.20}",
                             why="another member has it, or none", next_step="look at consumer.assignment after a poll")

    # ---------------------------------------------------------------------------------------------- committing

    def given(self) -> dict[TopicPartition, int]:
        """The next offset of each partition that something was polled of, or that was sought."""
        return {key: self._positions[key] for key in sorted(self._touched)}

    def commit(self, offsets: dict[TopicPartition, int] | None = None) -> Later:
        """Note how far this group has read: by default, all that `poll` has given. Waits until the note is safe.

        offsets: {(topic, partition): the NEXT offset to read}. Fails with `Fenced` or `UnknownMember` if the
        partitions may belong to others by now: then those process the records again.
        """
        self._open()
        if not isinstance(offsets, dict | None):
            raise InvalidUse(f"offsets={offsets!r:.40} is no dict", next_step='give {("orders", 0): 17}, or nothing')
        later = Later()
        refused = self.refused(offsets, "poll; whoever owns them now processes the records again")
        if refused is None:
            found = self.given() if offsets is None else offsets
            for partition, offset in found.items():
                self._ours(partition)
                check_offset(offset)
            try:
                self._commit_now(found)
            except EvlabError as error:
                refused = error
        later._settle(None, refused)
        return later

    def refused(self, offsets: dict[TopicPartition, int] | None, next_step: str) -> EvlabError | None:
        """The error for offsets in partitions that were lost a moment ago."""
        lost = sorted(self._lost & set(self._lost if offsets is None else offsets))
        return UnknownMember(f"{self.member} no longer owns {shown(lost)}", next_step=next_step,
                             why="it was out of the group for a moment") if lost else None

    def _commit_now(self, offsets: dict[TopicPartition, int]) -> None:
        if not offsets:
            return
        self._last_commit = time.monotonic()
        places = [client.TopicPartition(*key, offset) for key, offset in sorted(offsets.items())]
        try:
            answered = self._raw.commit(offsets=places, asynchronous=False)
        except client.KafkaException as error:
            self._tell_failure()
            raise translated(error, f"{self.group} has not committed", address=self.log.bootstrap) from error
        for one in answered:
            if one.error is not None:
                raise translated(one.error, f"{self.group} has not committed {one.topic}-{one.partition}")

    def _commit_if_due(self) -> None:
        if self.auto_commit and self._touched and time.monotonic() - self._last_commit >= self.auto_commit_interval:
            with suppress(EvlabError):
                self._commit_now(self.given())

    def committed(self) -> Later:
        """What the group has committed: a Later of {(topic, partition): next offset to read}."""
        self._open()
        return Later.of(self.log.committed(self.group))

    def metadata(self) -> Any:
        """What a transaction has to know of this member."""
        return self._raw.consumer_group_metadata()

    def close(self) -> Later:
        """Leave the group, so that others get the partitions at once. A static member (`instance_id`) does not: it is
        expected back."""
        if self in self.log._consumers:
            self.member  # noqa: B018 - remembers it
            self.log._consumers.discard(self)
            try:
                self._raw.close()  # calls on_revoked, which may commit
            finally:
                self.closed, self._raw = True, None
        return Later.of()

    def __enter__(self) -> KafkaConsumer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _open(self) -> None:
        if self.closed:
            raise InvalidUse(f"{self.member or 'this consumer'} is closed", next_step="make a new one")

    def __repr__(self) -> str:
        return f"KafkaConsumer({self.member or 'not in yet'} of {self.group}: {shown(self.assignment)})"
