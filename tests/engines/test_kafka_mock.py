"""KafkaLog on librdkafka's mock cluster: the log's contract, and what the mock cannot do."""

from __future__ import annotations

import ctypes
import gc
import pathlib
import socket
import subprocess
import sys
import threading

import pytest
from contracts.log import LogContract

from evlab.engines import EngineUnreachable, NotOnThisEngine
from evlab.env import run
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.log import Consumer, Producer
from evlab.log.partitioner import partition as murmur2_partition

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed: pip install \"evlab[kafka]\"")

import confluent_kafka
from kafka_ground import OnKafka, eventually, kafka_log

from evlab.engines import KafkaLog, kafka_errors, kafka_mock

QUICK_JOIN = 1.5
"""Seconds of a session. The mock waits that long, less one second, for the members that are to join again."""


class OnTheMock(OnKafka):
    def producer(self, **more):
        """Not idempotent, which a real broker's run of the contract is: each first ack would wait for half a second."""
        return super().producer(**{"idempotent": False, **more})

    def consumer(self, group, topics, **more):
        return super().consumer(group, topics, **{"session_timeout": QUICK_JOIN, **more})


class TestOnTheMock(LogContract):
    @pytest.fixture
    def make(self):
        with kafka_log() as log:
            yield OnTheMock(log)

    @pytest.mark.skip(reason='the mock cluster lacks the capability "add partitions"; a real broker has it')
    def test_more_partitions_are_noticed(self):
        pass

    @pytest.mark.skip(reason="the mock cluster has no metrics, and lets any two names stand side by side")
    def test_dots_and_underscores_collide(self):
        pass


@pytest.fixture
def log():
    with kafka_log() as log:
        yield log


def sent(log, topic="orders", count=3, partitions=1) -> None:
    log.create_topic(topic, partitions)
    producer = log.producer()
    for number in range(count):
        producer.send(topic, b"%d" % number)
    assert producer.flush().error is None


# ------------------------------------------------------------------------------------------- what the mock cannot do


@pytest.mark.parametrize("capability, call", [
    ("topic settings", lambda log: log.create_topic("orders", retention_ms=1000)),
    ("topic settings", lambda log: log.create_topic("orders", replication=3)),
    ("transactions", lambda log: log.producer(transactional_id="till-1")),
    ("transactions", lambda log: log.consumer("email", "orders", isolation="read_committed")),
    ("add partitions", lambda log: (log.create_topic("orders", 2), log.add_partitions("orders", 3))),
    ("generation", lambda log: log.consumer("email", "orders").generation),
    ("timestamp 0", lambda log: log.producer().send("orders", b"v", timestamp=0)),
    *((name, lambda log, name=name: getattr(log, name)) for name in (
        "client", "group", "rebalances", "replica", "metadata", "brokers", "controller", "expire", "compact")),
])
def test_what_is_not_on_the_mock(log, capability, call):
    with pytest.raises(NotOnThisEngine) as caught:
        call(log)
    assert caught.value.capability == capability not in log.capabilities
    assert caught.value.why and caught.value.next_step


def test_the_twins_own_classes_say_what_to_write_instead(log):
    for make in lambda: Producer(log), lambda: Consumer(log, "email", "orders"):
        with pytest.raises(NotOnThisEngine, match=r"log\.producer"):
            make()


def test_a_partition_keeps_5_mib_and_says_nothing(log):
    """Seven are acked, and the first are gone: a reader begins at what is left."""
    log.create_topic("orders")
    producer = log.producer(batch_records=1)
    places = [producer.send("orders", bytes([number]) * 1_000_000, partition=0) for number in range(7)]
    assert producer.flush().error is None and [one.value.offset for one in places] == list(range(7))
    (start, end), = log.offsets("orders").values()
    assert end == 7 and start >= 2
    assert log.consumer("email", "orders").poll(timeout=10)[0].offset == start


def test_without_the_librarys_functions_each_topic_has_four_partitions(monkeypatch):
    """On Windows they cannot be reached: then the setting test.mock.num.brokers has to do."""
    monkeypatch.setattr(kafka_mock, "_library", lambda: ctypes.CDLL("no such library"))
    with kafka_log(brokers=2) as log:
        assert log.capabilities == frozenset() and log.bootstrap.count(",") == 1
        with pytest.raises(NotOnThisEngine) as caught:
            log.create_topic("orders", 3)
        assert caught.value.capability == "partition counts" and log.topics() == []
        log.create_topic("orders", 4)
        assert log.partitions("orders") == 4
        producer = log.producer()
        place = producer.send("orders", b"v", key="k")
        assert producer.flush().error is None and place.value.partition == murmur2_partition(b"k", 4)


# ------------------------------------------------------------------------------------------------- sending, waiting


def test_a_later_is_done_when_somebody_looks(log):
    """`run` drives what is under way; so does the next flush."""
    log.create_topic("orders", 2)
    producer, consumer, found = log.producer(), log.consumer("email", "orders"), []

    def shop():
        for number in range(5):
            place = yield producer.send("orders", b"%d" % number, partition=number % 2)
            assert place.topic == "orders"

    def mailer():
        while len(found) < 5:
            found.extend(consumer.poll())
            yield consumer.arrived
        yield consumer.commit()
        return (yield consumer.committed())

    done = log.env.spawn(shop())
    assert run(mailer(), log.env) == {("orders", 0): 3, ("orders", 1): 2} and done.done
    assert sorted(record.value for record in found) == [b"%d" % number for number in range(5)]


def test_an_event_brings_its_key_and_time(log):
    log.create_topic("orders")
    event = Event(type="OrderPlaced", data={"total": 42}, source="shop", key="order-7")
    producer = log.producer()
    producer.send("orders", event)
    producer.flush()
    record, = log.consumer("email", "orders").poll(timeout=10)
    assert record.event == event and record.key == b"order-7"
    assert record.timestamp == int(event.time.timestamp() * 1000)


def test_idempotence_is_on_and_commits_are_ours(log):
    """And the partitioner is the one of Java: what a bare client would do otherwise."""
    log.create_topic("orders")
    seen = {}
    bare = confluent_kafka.Producer, confluent_kafka.Consumer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confluent_kafka, "Producer", lambda settings: (seen.update(settings), bare[0](settings))[1])
        patch.setattr(confluent_kafka, "Consumer", lambda settings: (seen.update(settings), bare[1](settings))[1])
        log.producer(), log.consumer("email", "orders")
    assert (seen["enable.idempotence"], seen["acks"], seen["partitioner"]) == (True, -1, "murmur2_random")
    assert seen["enable.auto.commit"] is False and seen["enable.auto.offset.store"] is False


def test_a_partition_that_was_paused_or_sought_before_it_was_read(log):
    sent(log, count=5)
    consumer = log.consumer("email", "orders", session_timeout=QUICK_JOIN, heartbeat_interval=0.2)
    assert eventually(lambda: consumer.poll(1) and consumer.assignment)
    consumer.pause()
    consumer.seek("orders", 0, 3)
    assert consumer.poll(timeout=0.3) == [] and consumer.position("orders", 0) == 3
    consumer.resume(("orders", 0))
    assert [record.offset for record in consumer.poll(timeout=10)] == [3, 4]


def test_names_of_members_and_what_they_own(log):
    sent(log, partitions=2)
    assert log.lag("email") == [] and log.committed("email") == {}
    consumer = log.consumer("email", "orders", name="anna")
    assert "not in yet" in repr(consumer) and consumer.position("orders", 0) is None
    assert eventually(lambda: consumer.poll() or consumer.assignment)
    assert [(row.partition, row.committed, row.lag, row.member) for row in log.lag("email")] == [
        (0, None, None, consumer.member), (1, None, None, consumer.member)]
    assert consumer.position("orders", 0) == 0, "known before the first record"
    assert consumer.member in repr(consumer) and "orders-0 orders-1" in repr(consumer)


def test_latest_is_the_end_at_the_moment_of_the_assignment(log):
    sent(log, count=5)
    consumer = log.consumer("email", "orders", reset="latest")
    assert eventually(lambda: consumer.poll() or consumer.assignment)
    assert consumer.position("orders", 0) == 5
    producer = log.producer()
    producer.send("orders", b"new")
    producer.flush()
    assert [record.value for record in consumer.poll(timeout=10)] == [b"new"]


def test_on_revoked_may_commit_when_the_consumer_closes(log):
    sent(log)
    consumer = log.consumer("email", "orders", on_revoked=lambda gone: consumer.commit())
    assert len(consumer.poll(timeout=10)) == 3
    consumer.close()
    assert log.committed("email") == {("orders", 0): 3}


# ------------------------------------------------------------------------------------------------ nobody there, closed


def test_nobody_answers():
    """It does not wait out its time when all have refused: this test would take ten minutes."""
    with socket.socket() as taken:  # bound, and not listening: each connection is refused
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineUnreachable) as caught:
            kafka_log(address, timeout=600.0)
    assert caught.value.address == address and caught.value.retriable and "mock cluster" in caught.value.next_step


def test_somebody_who_does_not_speak_kafka():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(EngineUnreachable):
            kafka_log(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)


def threads() -> int:
    """Those of Python; where the system tells, those of librdkafka, too."""
    tasks = pathlib.Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def test_close_leaves_nothing_behind_and_twice_is_closed():
    gc.collect()  # what other tests have left ends now
    begun = threads()
    log = kafka_log()
    sent(log)
    consumer, producer = log.consumer("email", "orders"), log.producer()
    consumer.poll(timeout=10)
    unsent = producer.send("orders", b"v")
    address, = log.bootstrap.split(",")
    log.close()
    log.close()
    assert unsent.value.offset == 3, "it was sent on the way out"
    assert eventually(lambda: threads() <= begun) and "closed" in repr(log)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(address.split(":")[1]))) != 0
    for call in (log.topics, log.producer, lambda: log.consumer("email", "orders"), consumer.poll, consumer.commit,
                 consumer.committed, lambda: producer.send("orders", b"v"), lambda: log.lag("email")):
        with pytest.raises(InvalidUse, match="closed"):
            call()
    assert consumer.close().done and producer.close().done and consumer.member
    assert log.env.drive() is None, "nothing is due any more"


def test_without_the_client_library_the_next_step_is_named():
    program = "import sys; sys.modules['confluent_kafka'] = None\nfrom evlab.engines import KafkaLog"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'Next step: pip install "evlab[kafka]"' in done.stderr


# ---------------------------------------------------------------------------------------------------- bad arguments


@pytest.mark.parametrize("bad", [
    lambda log: KafkaLog(""), lambda log: KafkaLog(7), lambda log: KafkaLog(b"host:1"), lambda log: KafkaLog("\ud800"),
    lambda log: KafkaLog(brokers=0), lambda log: KafkaLog(brokers=True), lambda log: KafkaLog(timeout=-1),
    lambda log: KafkaLog("127.0.0.1:1", settings={"no.such.setting": 1}), lambda log: KafkaLog(settings=5),
    lambda log: KafkaLog(env=5),
    lambda log: log.create_topic("a", 1, colour="red"), lambda log: log.create_topic("a", 1, cleanup="sweep"),
    lambda log: log.producer(acks=2), lambda log: log.producer(acks=True), lambda log: log.producer(batch_records=0),
    lambda log: log.producer(codec="zip"), lambda log: log.producer(linger=-1), lambda log: log.producer(idempotent=1),
    lambda log: log.producer(partitioner=7), lambda log: log.producer(linger=1e8),
    lambda log: log.producer(transactional_id=""), lambda log: log.producer(transactional_id="t", acks=1),
    lambda log: log.producer().begin(), lambda log: log.producer().init(),
    lambda log: log.producer().send("orders", "text"), lambda log: log.producer().send(7, b"v"),
    lambda log: log.producer().send("orders", b"v", key=7),
    lambda log: log.producer().send("orders", b"v", headers="x"),
    lambda log: log.producer().send("orders", b"v", headers=[("\ud800", b"x")]),
    lambda log: log.producer().send("orders", b"v", timestamp=-1),
    lambda log: log.producer().send("orders", b"v", timestamp=1.5),
    lambda log: log.producer().send("orders", b"v", partition=1),
    lambda log: log.producer().send("orders", b"v", partition=-1),
    lambda log: log.producer().send("orders", b"v", partition="0"),
    lambda log: log.producer(partitioner=lambda key, n: n).send("orders", b"v"),
    lambda log: log.consumer("", "orders"), lambda log: log.consumer("\ud800", "orders"),
    lambda log: log.consumer("email", []), lambda log: log.consumer("email", "a b"),
    lambda log: log.consumer("email", "orders", assignor="fair"),
    lambda log: log.consumer("email", "orders", reset="x"),
    lambda log: log.consumer("email", "orders", isolation="x"), lambda log: log.consumer("email", "orders", protocol=1),
    lambda log: log.consumer("email", "orders", instance_id=""), lambda log: log.consumer("email", "orders", name=7),
    lambda log: log.consumer("email", "orders", session_timeout=0),
    lambda log: log.consumer("email", "orders", heartbeat_interval=20),
    lambda log: log.consumer("email", "orders", max_poll_interval=1),
    lambda log: log.consumer("email", "orders", fetch_max_wait=-1),
    lambda log: log.consumer("email", "orders").poll(0), lambda log: log.consumer("email", "orders").poll(timeout=-1),
    lambda log: log.consumer("email", "orders").seek("orders", 0, 1),
    lambda log: log.consumer("email", "orders").pause(("orders", 0)),
    lambda log: log.consumer("email", "orders").resume("orders"),
    lambda log: log.consumer("email", "orders").commit({("orders", 0): 1}),
    lambda log: log.consumer("email", "orders").commit([]), lambda log: log.lag(""), lambda log: log.lag("\ud800"),
])
def test_bad_arguments(log, bad):
    log.create_topic("orders")
    with pytest.raises(InvalidUse) as caught:
        bad(log)
    assert caught.value.next_step


def test_each_error_of_kafka_becomes_one_of_ours():
    """Each name in the table is one that the client knows, and an unknown code says what it is."""
    for name, (kind, _, _) in kafka_errors._TABLE.items():
        code = getattr(confluent_kafka.KafkaError, name)
        error = kafka_errors.translated(confluent_kafka.KafkaException(confluent_kafka.KafkaError(code)), "a call",
                                        topic="orders")
        assert type(error) is kind and error.next_step and "a call" in error.what, name
    other = kafka_errors.translated(confluent_kafka.KafkaError(confluent_kafka.KafkaError.SECURITY_DISABLED), "a call")
    assert type(other) is kafka_errors.KafkaRefused and other.code == "SECURITY_DISABLED"
