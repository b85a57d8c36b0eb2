"""KafkaLog on a real broker: the log's contract, what only a broker shows, and how one is started and stopped."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest
from contracts.log import LogContract

from brokers.common import NotInstalled
from brokers.kafka import Node
from evlab.engines import EngineUnreachable
from evlab.env import Later
from evlab.errors import InvalidUse, Timeout
from evlab.log import UnknownTopic
from evlab.log.group import assign_range, assign_roundrobin
from evlab.log.members import Fenced, UnreleasedInstanceId
from evlab.log.partition import BatchTooLarge, OffsetOutOfRange
from evlab.log.partitioner import crc32_partition
from evlab.log.partitioner import partition as murmur2_partition
from evlab.log.producers import InvalidProducerEpoch
from evlab.log.protocol import BrokerUnavailable
from evlab.log.records import decode_batches

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install \"evlab[kafka]\"")

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from kafka_ground import OnKafka, eventually, kafka_log


@pytest.fixture(scope="module")
def own_kafka(kafka):
    """A Kafka that holds nothing: these tests delete topics."""
    admin = AdminClient({"bootstrap.servers": kafka})
    others = _topics(admin)
    if others:
        pytest.fail(f"the Kafka at {kafka} has topics already: {', '.join(others)}. Give these tests an empty one.")
    yield kafka
    _clear(admin)


@pytest.fixture
def make(own_kafka):
    _clear(AdminClient({"bootstrap.servers": own_kafka}))
    with kafka_log(own_kafka) as log:
        yield OnKafka(log)


def _topics(admin) -> list[str]:
    return [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]


def _clear(admin) -> None:
    for group in {one.group_id for one in admin.list_consumer_groups().result(10).valid}:
        admin.delete_consumer_groups([group])[group].exception(10)
    for answer in admin.delete_topics(topics).values() if (topics := _topics(admin)) else ():
        answer.exception(10)
    assert eventually(lambda: not _topics(admin))


class TestOnABroker(LogContract):
    @pytest.fixture
    def make(self, make):
        return make


def values(records) -> list[bytes]:
    return [record.value for record in records]


def poll(consumer, count, seconds=20.0) -> list:
    """Poll until so many records have come, and a little longer to see that there are no others."""
    found = []
    eventually(lambda: found.extend(consumer.poll(timeout=0.1)) or len(found) >= count, seconds, beat=0)
    return found + consumer.poll(timeout=0.3)


def owning(count, *consumers) -> bool:
    """Poll all of them until each owns so many partitions."""
    return eventually(lambda: [one.poll(1) for one in consumers] and all(len(one.assignment) == count
                                                                         for one in consumers), beat=0.02)


# ------------------------------------------------------------------------------------------------- the partitioner


def test_one_key_on_two_partitions_with_the_default_of_librdkafka(make):
    """CRC-32 beside murmur2: whoever sends with a bare client breaks the order of most keys."""
    make.log.create_topic("orders", 6)
    keys = [f"order-{number}".encode() for number in range(60)]
    ours = make.producer()
    sent = {key: ours.send("orders", b"v", key=key) for key in keys}
    ours.flush()
    theirs = {}
    bare = Producer({"bootstrap.servers": make.log.bootstrap})
    for key in keys:
        bare.produce("orders", b"v", key, on_delivery=lambda error, message: theirs.update(
            {message.key(): message.partition()}))
    bare.flush(20)
    assert {key: one.value.partition for key, one in sent.items()} == {key: murmur2_partition(key, 6) for key in keys}
    assert theirs == {key: crc32_partition(key, 6) for key in keys}
    assert sum(theirs[key] == sent[key].value.partition for key in keys) < len(keys) / 2
    other = make.producer(partitioner=crc32_partition)
    wrong = other.send("orders", b"v", key=keys[0])
    other.flush()
    assert wrong.value.partition == theirs[keys[0]] != sent[keys[0]].value.partition


def test_an_empty_key_is_a_key(make):
    make.log.create_topic("orders", 7)
    producer = make.producer()
    sent = [producer.send("orders", b"v", key=b"") for _ in range(10)]
    producer.flush()
    assert {one.value.partition for one in sent} == {murmur2_partition(b"", 7)}


# --------------------------------------------------------------------------------------------------- transactions


def test_committed_readers_see_whole_transactions_only(make):
    """Each marker takes an offset; what is open holds back what comes after it, of whomever."""
    make.log.create_topic("payments")
    till, plain = make.producer(transactional_id="till-1"), make.producer()
    committed = make.consumer("committed", "payments", isolation="read_committed")
    every = make.consumer("all", "payments")
    make.wait(till.begin())
    till.send("payments", b"1")
    make.wait(till.commit())
    make.wait(till.begin())
    till.send("payments", b"aborted")
    make.wait(till.flush())
    make.wait(till.abort())
    make.wait(till.begin())
    till.send("payments", b"2")
    make.wait(till.flush())
    plain.send("payments", b"behind it")
    make.wait(plain.flush())
    assert [(one.offset, one.value) for one in poll(every, 4)] == [
        (0, b"1"), (2, b"aborted"), (4, b"2"), (5, b"behind it")]
    assert values(poll(committed, 1)) == [b"1"]
    make.wait(till.commit())
    assert values(poll(committed, 2)) == [b"2", b"behind it"]


def test_a_marker_that_is_last_leaves_a_lag_that_never_ends(make):
    """librdkafka's position is behind the last record; Java's and evlab's moves over the marker."""
    make.log.create_topic("payments")
    till = make.producer(transactional_id="till-1")
    make.wait(till.begin())
    till.send("payments", b"1")
    make.wait(till.commit())
    consumer = make.consumer("email", "payments", isolation="read_committed")
    assert values(poll(consumer, 1)) == [b"1"]
    make.wait(consumer.commit())
    row, = make.log.lag("email")
    assert (row.committed, row.end, row.lag) == (1, 2, 1) and consumer.position("payments", 0) == 1


def test_offsets_in_a_transaction_count_with_it_or_not_at_all(make):
    make.log.create_topic("orders")
    make.log.create_topic("payments")
    producer, till = make.producer(), make.producer(transactional_id="till-1")
    for number in range(5):
        producer.send("orders", b"%d" % number)
    make.wait(producer.flush())
    make.wait(till.init())
    consumer = make.consumer("till", "orders", isolation="read_committed")
    assert len(poll(consumer, 5)) == 5
    for end, expected in (till.abort, {}), (till.commit, {("orders", 0): 5}):
        make.wait(till.begin())
        till.send("payments", b"paid")
        make.wait(till.send_offsets(consumer))
        make.wait(end())
        assert make.wait(consumer.committed()) == expected
    paid = make.consumer("audit", "payments", isolation="read_committed")
    assert values(poll(paid, 1)) == [b"paid"]
    make.wait(till.begin())
    make.wait(till.send_offsets(consumer, {("orders", 0): 3}))
    make.log.timeout = 0.3
    with pytest.raises(BrokerUnavailable, match="transaction that is open"):
        consumer.committed()
    assert make.log.committed("till", stable=False) == {("orders", 0): 5}
    make.log.timeout = 10.0
    make.wait(till.abort())
    assert make.wait(consumer.committed()) == {("orders", 0): 5}


def test_a_second_life_of_a_transactional_id_fences_the_first(make):
    make.log.create_topic("payments")
    old, new = make.producer(transactional_id="till-1"), make.producer(transactional_id="till-1")
    make.wait(old.begin())
    old.send("payments", b"old")
    make.wait(old.flush())
    make.wait(new.begin())
    new.send("payments", b"new")
    make.wait(new.commit())
    late = old.send("payments", b"zombie")
    assert isinstance(old.flush().error, InvalidProducerEpoch) and isinstance(late.error, InvalidProducerEpoch)
    assert isinstance(old.send("payments", b"again").then(lambda _: None), Later) and old.flush().error is not None
    with pytest.raises(InvalidUse, match="cannot be committed"):
        make.wait(old.commit())
    assert old.abort().error is not None
    assert values(poll(make.consumer("email", "payments", isolation="read_committed"), 1)) == [b"new"]


def test_a_transaction_of_which_a_part_failed_can_only_be_aborted(make):
    make.log.create_topic("payments")
    till = make.producer(transactional_id="till-1")
    make.wait(till.begin())
    large = till.send("payments", b"x" * 2_000_000)
    behind = till.send("payments", b"y")
    assert isinstance(till.flush().error, BatchTooLarge) and isinstance(large.error, BatchTooLarge)
    with pytest.raises(InvalidUse, match="abort it") as caught:
        make.wait(till.commit())
    assert isinstance(caught.value.__cause__, BatchTooLarge)
    make.wait(till.abort())
    assert behind.done
    make.wait(till.begin())
    till.send("payments", b"z")
    make.wait(till.commit())
    assert values(poll(make.consumer("email", "payments", isolation="read_committed"), 1)) == [b"z"]


def test_a_commit_without_an_answer_is_asked_again(make):
    class NoAnswer:
        """The producer's handle, whose first commit times out."""

        def __init__(self, raw):
            self.raw, self.asked = raw, 0

        def __getattr__(self, name):
            return getattr(self.raw, name)

        def commit_transaction(self, seconds):
            self.asked += 1
            if self.asked == 1:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer", False, True))
            self.raw.commit_transaction(seconds)

    make.log.create_topic("payments")
    till = make.producer(transactional_id="till-1")
    make.wait(till.begin())
    till.send("payments", b"1")
    make.wait(till.flush())
    till._raw, till.patience = NoAnswer(till._raw), 0.0
    assert isinstance(till.commit().error, Timeout)
    till.patience = 20.0
    make.wait(till.commit())
    assert values(poll(make.consumer("email", "payments", isolation="read_committed"), 1)) == [b"1"]


# --------------------------------------------------------------------------------------------------------- groups


def test_lag_of_a_group_whose_only_consumer_has_stopped(make):
    """Nobody polls, so nobody commits: the end runs away, and the table says who is not there."""
    make.log.create_topic("orders", 2)
    producer, consumer = make.producer(), make.consumer("email", "orders", name="anna")
    for number in range(20):
        producer.send("orders", b"v", partition=number % 2)
    make.wait(producer.flush())
    assert len(poll(consumer, 20)) == 20
    assert [(row.committed, row.end, row.lag) for row in make.log.lag("email")] == [(None, 10, None)] * 2
    make.wait(consumer.commit())
    rows = make.log.lag("email")
    assert [(row.lag, row.member) for row in rows] == [(0, consumer.member)] * 2 and consumer.member.startswith("anna")
    make.wait(consumer.close())
    for _ in range(30):
        producer.send("orders", b"v", partition=0)
    make.wait(producer.flush())
    assert [(row.partition, row.committed, row.end, row.lag, row.member) for row in make.log.lag("email")] == [
        (0, 10, 40, 30, None), (1, 10, 10, 0, None)]
    assert "orders  0          10              40              30   -" in make.log.describe("email")
    assert list(make.log.lag_frame("email")["lag"]) == [30.0, 0.0]
    assert make.log.offsets("orders") == {("orders", 0): (0, 40), ("orders", 1): (0, 10)}
    again = make.consumer("email", "orders")
    assert len(poll(again, 30)) == 30


@pytest.mark.parametrize("assignor, assign", [("range", assign_range), ("roundrobin", assign_roundrobin)])
def test_shares_are_those_of_evlab(make, assignor, assign):
    topics = {"orders": 3, "payments": 3}
    for name, count in topics.items():
        make.log.create_topic(name, count)
    consumers = [make.consumer("email", list(topics), assignor=assignor) for _ in range(2)]
    assert owning(3, *consumers) if assignor == "roundrobin" else eventually(
        lambda: [one.poll(1) for one in consumers] and sorted(len(one.assignment) for one in consumers) == [2, 4],
        beat=0.02)
    members = {one.member: one.assignment for one in consumers}
    assert members == {member: sorted(share) for member, share in assign(
        topics, {member: list(topics) for member in members}).items()}


def test_a_cooperative_member_keeps_what_does_not_move(make):
    make.log.create_topic("orders", 4)
    told = []
    first = make.consumer("email", "orders", assignor="cooperative-sticky",
                          on_assigned=lambda new: told.append(("+", len(new))),
                          on_revoked=lambda gone: told.append(("-", len(gone))))
    assert owning(4, first)
    second = make.consumer("email", "orders", assignor="cooperative-sticky")
    assert owning(2, first, second) and told == [("+", 4), ("-", 2)]
    assert not set(first.assignment) & set(second.assignment)


def test_in_a_group_that_shares_eagerly_all_is_revoked_first_and_is_not_paused_after(make):
    make.log.create_topic("orders", 4)
    told = []
    first = make.consumer("email", "orders", on_assigned=lambda new: told.append(("+", len(new))),
                          on_revoked=lambda gone: told.append(("-", len(gone))))
    assert owning(4, first)
    first.pause()
    second = make.consumer("email", "orders")
    assert owning(2, first, second) and told == [("+", 4), ("-", 4), ("+", 2)]
    producer = make.producer()
    for number in range(4):
        producer.send("orders", b"v", partition=number)
    make.wait(producer.flush())
    assert len(poll(first, 2)) == 2


def test_the_newer_protocol_shares_without_a_barrier(make):
    make.log.create_topic("orders", 4)
    told = []
    first = make.consumer("email", "orders", protocol="consumer", on_assigned=lambda new: told.append(("+", len(new))),
                          on_revoked=lambda gone: told.append(("-", len(gone))))
    assert owning(4, first)
    second = make.consumer("email", "orders", protocol="consumer")
    assert owning(2, first, second) and told == [("+", 4), ("-", 2)]


def test_of_two_with_one_instance_id_the_newer_stays_in_one_protocol_and_the_older_in_the_other(make):
    make.log.create_topic("orders")
    producer = make.producer()
    producer.send("orders", b"v")
    make.wait(producer.flush())
    older = make.consumer("classic", "orders", instance_id="email-1")
    assert len(poll(older, 1)) == 1
    newer = make.consumer("classic", "orders", instance_id="email-1")
    assert len(poll(newer, 1)) == 1
    with pytest.raises(Fenced):
        poll(older, 1)
    with pytest.raises(Fenced):
        older.poll()
    older = make.consumer("new", "orders", instance_id="email-1", protocol="consumer")
    assert len(poll(older, 1)) == 1
    newer = make.consumer("new", "orders", instance_id="email-1", protocol="consumer")
    with pytest.raises(UnreleasedInstanceId):
        poll(newer, 1)
    assert older.assignment == [("orders", 0)]


def test_members_who_share_in_different_ways_do_not_get_in(make):
    make.log.create_topic("orders")
    assert owning(1, make.consumer("email", "orders"))
    with pytest.raises(InvalidUse, match="Inconsistent"):
        poll(make.consumer("email", "orders", assignor="roundrobin"), 1)


# --------------------------------------------------------------------------------------------- places, and refusals


def test_what_was_deleted_is_out_of_range(make):
    make.log.create_topic("orders")
    producer = make.producer()
    for number in range(10):
        producer.send("orders", b"%d" % number)
    make.wait(producer.flush())
    for group in ("earliest", "latest", "none"):
        consumer = make.consumer(group, "orders")
        assert len(poll(consumer, 10)) == 10
        make.wait(consumer.commit({("orders", 0): 1}))
        consumer.close()
    admin = AdminClient({"bootstrap.servers": make.log.bootstrap})
    for answer in admin.delete_records([TopicPartition("orders", 0, 6)]).values():
        answer.result(10)
    assert make.log.offsets("orders") == {("orders", 0): (6, 10)}
    assert values(poll(make.consumer("earliest", "orders", reset="earliest"), 4)) == [b"6", b"7", b"8", b"9"]
    assert values(poll(make.consumer("latest", "orders", reset="latest"), 1, seconds=1)) == []
    strict = make.consumer("none", "orders", reset="none")
    with pytest.raises(OffsetOutOfRange) as caught:
        poll(strict, 1)
    assert (caught.value.offset, caught.value.start, caught.value.end) == (1, 6, 10)
    strict.seek("orders", 0, 8)
    assert values(poll(strict, 2)) == [b"8", b"9"]


def test_what_kafka_refuses_and_evlab_takes(make):
    """Names that differ by a dot, tiny segments, a timestamp two hours ahead."""
    make.log.create_topic("a.b")
    with pytest.raises(InvalidUse, match="collides"):
        make.log.create_topic("a_b")
    with pytest.raises(InvalidUse, match="1048576"):
        make.log.create_topic("tiny", segment_bytes=1000)
    with pytest.raises(InvalidUse, match="replication factor"):
        make.log.create_topic("copies", replication=3)
    producer = make.producer()
    ahead = producer.send("a.b", b"v", timestamp=int((time.time() + 7200) * 1000))
    assert isinstance(producer.flush().error, InvalidUse) and "an hour ahead" in str(ahead.error)
    assert make.log.topics() == ["a.b"]


def test_settings_of_a_topic_arrive(make):
    make.log.create_topic("balances", 1, cleanup="compact", retention_ms=None, flush="ack", max_batch_bytes=2000,
                          unclean=False, min_cleanable_ratio=0.1, segment_bytes=1 << 20)
    asked, admin = ConfigResource(ConfigResource.Type.TOPIC, "balances"), AdminClient(
        {"bootstrap.servers": make.log.bootstrap})
    found = admin.describe_configs([asked])[asked].result(10)
    assert {name: found[name].value for name in (
        "cleanup.policy", "retention.ms", "flush.messages", "max.message.bytes", "min.cleanable.dirty.ratio")} == {
        "cleanup.policy": "compact", "retention.ms": "-1", "flush.messages": "1", "max.message.bytes": "2000",
        "min.cleanable.dirty.ratio": "0.1"}
    producer = make.producer()
    for kind, value, key in (InvalidUse, b"v", None), (BatchTooLarge, b"v" * 3000, "account-1"):
        sent = producer.send("balances", value, key=key)
        assert isinstance(producer.flush().error, kind) and isinstance(sent.error, kind)
    assert make.wait(producer.flush()) is None


def test_a_topic_that_comes_later_is_read_when_it_has_come(make):
    consumer = make.consumer("email", "orders")
    with pytest.raises(UnknownTopic):
        poll(consumer, 1)
    make.log.create_topic("orders")
    producer = make.producer()
    producer.send("orders", b"v")
    make.wait(producer.flush())

    def read():
        with contextlib.suppress(UnknownTopic):
            return consumer.poll(timeout=0.1)

    assert values(eventually(read)) == [b"v"]


# ------------------------------------------------------------------------------------------ the broker comes and goes


def processes(group: int) -> list[str]:
    """What still runs of a process group."""
    found = subprocess.run(["ps", "-A", "-o", "pgid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split(None, 1)[0] == str(group)]


def test_what_was_acked_survives_a_kill_in_the_middle_of_sending_and_nothing_is_left_running(kafka, tmp_path):
    """Whatever has no ack is unknown: there or not. With the producer's patience it is all there, once, in order."""
    with pytest.raises(RuntimeError, match="in the body"), Node(tmp_path) as node:
        group = node.server.pid
        with kafka_log(node.address) as log:
            log.create_topic("orders", 2)
            patient, hasty = log.producer(), log.producer(patience=2.0)
            reader = log.consumer("email", "orders", fetch_max_wait=0.05)
            sent = [patient.send("orders", b"%d" % number, partition=0) for number in range(2000)]
            eventually(lambda: patient._serve(0.01) or sent[0].done, beat=0)
            sent += [patient.send("orders", b"%d" % number, partition=0) for number in range(2000, 4000)]
            begun = threading.active_count()
            other = kafka_log(node.address)
            unlucky, idle = other.producer(), other.consumer("idle", "orders")
            node.kill()
            acked = [number for number, one in enumerate(sent) if one.done]
            assert sent[0].value.offset == 0 and len(acked) < len(sent)
            lost = hasty.send("orders", b"into the void", partition=1)
            assert isinstance(hasty.flush().error, Timeout) and "unknown" in str(lost.error)
            log.timeout = 0.5
            with pytest.raises(EngineUnreachable) as caught:
                log.topics()
            assert caught.value.address == node.address
            log.timeout = 10.0
            idle.poll()
            unsent = unlucky.send("orders", b"never")
            other.close()
            assert unsent.error is not None and threading.active_count() == begun
            assert processes(group) == []
            node.start()
            group = node.server.pid
            make = OnKafka(log)
            make.wait(patient.flush())
            records = [record for record in poll(reader, 4000, seconds=60) if record.partition == 0]
            assert values(records) == [b"%d" % number for number in range(4000)]
            assert [one.value.offset for one in sent] == [record.offset for record in records]
            written = (tmp_path / "data/orders-0/00000000000000000000.log").read_bytes()
            assert values(record for batch in decode_batches(written) for record in batch.records) == values(records)
        raise RuntimeError("in the body")
    assert processes(group) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", node.port)) != 0


def test_without_java_or_maven_the_next_step_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    for name in ("mvn", "java"):
        monkeypatch.setattr("shutil.which", lambda asked, missing=name: None if asked == missing else f"/bin/{asked}")
        with pytest.raises(NotInstalled, match=f"{name} is not on this machine. Next step: apt-get install"):
            Node(tmp_path / "node")


def test_jars_that_are_not_those_of_the_lock_are_refused(monkeypatch, tmp_path):
    """Maven is a script here that fetches one jar, or fails."""
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    (tmp_path / "mvn").write_text('#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) d=${a#*=};; esac; done\n'
                                  'mkdir -p "$d"; touch "$d/other-1.0.jar"; exit ${FAILS:-0}\n')
    (tmp_path / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("brokers.kafka._program", lambda name, cure: str(tmp_path / name))
    with pytest.raises(NotInstalled, match="other-1.0"):
        Node(tmp_path / "node")
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(NotInstalled, match="Maven cannot fetch"):
        Node(tmp_path / "node")
    assert not list(tmp_path.glob("kafka-broker*"))
