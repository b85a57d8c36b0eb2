"""The log as a whole: its contract on files, in a World and on three brokers, and what its public calls say."""

from __future__ import annotations

import itertools
import math
import time

import pytest
from contracts.log import LogContract

from evlab.env import Real, run
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.files import UnusableFolder
from evlab.log import Consumer, CorruptBatch, Log, Producer, UnknownTopic
from evlab.sim import World


class Ground:
    """What `LogContract` needs of a log."""

    def __init__(self, log, names=None):
        self.log, self.names = log, names or itertools.repeat("")

    def producer(self, **more):
        return Producer(self.log.client(next(self.names)), **more)

    def consumer(self, group, topics, **more):
        return Consumer(self.log.client(next(self.names)), group, topics, heartbeat_interval=0.2, **more)


class OnFiles(Ground):
    """By the log's own verbs, which an engine has, too."""

    def producer(self, **more):
        return self.log.producer(**more)

    def consumer(self, group, topics, **more):
        return self.log.consumer(group, topics, heartbeat_interval=0.2, **more)

    def wait(self, later):
        self.log.env.drive(lambda: later.done)
        return later.value

    def passes(self, seconds):
        """Real time: a fraction of it is enough, as nothing is far away."""
        until = time.monotonic() + min(seconds, 0.25)
        self.log.env.after(min(seconds, 0.25), lambda: None)
        self.log.env.drive(lambda: time.monotonic() >= until)


class InAWorld(Ground):
    def wait(self, later):
        self.log.env.run(until=later)
        return later.value

    def passes(self, seconds):
        self.log.env.run(until=self.log.env.now() + seconds)


class TestOnFiles(LogContract):
    @pytest.fixture
    def make(self, tmp_path):
        with Log(tmp_path) as log:
            yield OnFiles(log)


class TestInAWorld(LogContract):
    @pytest.fixture
    def make(self):
        return InAWorld(Log(env=World(5)), (f"node-{number}" for number in itertools.count()))


class TestOnThreeBrokers(LogContract):
    @pytest.fixture
    def make(self):
        world = World(6)
        log = Log(env=world, brokers=3)
        world.run(until=1)
        return InAWorld(log, (f"node-{number}" for number in itertools.count()))

    def fill(self, make, count=10, partitions=1, keys=5, topic="orders", **more):
        return super().fill(make, count, partitions, keys, topic, replication=3, min_insync_replicas=2, **more)


# ----------------------------------------------------------------------------------------------------- on files


def test_a_log_is_what_it_was_when_it_is_opened_again(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders", 3, cleanup="compact")
        producer = Producer(log)
        for number in range(30):
            producer.send("orders", b"v%d" % number, key=f"key-{number}")
        producer.flush()
        consumer = Consumer(log, "email", "orders")
        consumer.poll()
        polled = len(consumer.poll()) + sum(consumer.position("orders", n) for n in range(3))
        assert polled >= 30 and consumer.commit().done
        before = [row[:5] for row in log.lag("email")]
    with Log(str(tmp_path)) as log:
        assert log.topics() == ["orders"] and log.partitions("orders") == 3
        assert log.metadata.topics["orders"].config.cleanup == "compact"
        assert [row[:5] for row in log.lag("email")] == before
        consumer = Consumer(log, "email", "orders")
        consumer.poll()
        assert consumer.poll() == []
        producer = Producer(log)
        sent = producer.send("orders", b"new", key="key-0")
        producer.flush()
        assert [record.value for record in consumer.poll()] == [b"new"] and sent.value.offset > 0


def test_all_is_done_when_the_call_returns(tmp_path):
    """On files, with one broker, nothing has to be waited for."""
    with Log(tmp_path) as log:
        log.create_topic("orders", 2)
        producer = Producer(log, batch_records=1, linger=0.0)
        assert producer.send("orders", b"v", partition=0).value == ("orders", 0, 0)
        assert producer.flush().done
        consumer = Consumer(log, "email", "orders")
        consumer.poll()
        assert [record.value for record in consumer.poll()] == [b"v"] or consumer.position("orders", 0) == 1
        assert consumer.commit().done and consumer.committed().value == {("orders", 0): 1}


def test_an_event_brings_its_key_and_time(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders")
        event = Event(type="OrderPlaced", data={"total": 42}, source="shop", key="order-7")
        producer = Producer(log)
        producer.send("orders", event)
        producer.flush()
        consumer = Consumer(log, "email", "orders")
        record, = consumer.poll() or consumer.poll()
        assert record.event == event and record.key == b"order-7"
        assert record.timestamp == int(event.time.timestamp() * 1000)


def test_retention_moves_the_start_and_a_reader_to_it(tmp_path):
    """A consumer whose offset was deleted goes on at the earliest, at the latest, or is told."""
    with Log(tmp_path) as log:
        log.create_topic("orders", 1, segment_bytes=200, retention_bytes=400)
        producer = Producer(log, batch_records=1)
        for _ in range(20):
            producer.send("orders", b"v" * 50, partition=0)
        first = {}
        consumers = {}
        for reset in ("earliest", "latest", "none"):
            one = consumers[reset] = Consumer(log, reset, "orders", reset="earliest", auto_commit=False)
            one.poll(1)
            one.commit({("orders", 0): 1})
            one.close()
        assert log.expire()
        start = log.replica("orders", 0).partition.start
        assert start > 1
        for reset in ("earliest", "latest"):
            one = Consumer(log, reset, "orders", reset=reset)
            one.poll(1)
            first[reset] = (one.poll(1) or [None])[0], one.position("orders", 0)
        assert start in (first["earliest"][1], first["earliest"][1] - 1, first["earliest"][1] - 2)
        assert first["latest"] == (None, 20)
        strict = Consumer(log, "none", "orders", reset="none")
        with pytest.raises(Exception) as caught:
            for _ in range(3):
                strict.poll()
        assert type(caught.value).__name__ == "OffsetOutOfRange"
        assert (caught.value.offset, caught.value.start, caught.value.end) == (1, start, 20)
        strict.seek("orders", 0, 19)
        strict.poll()
        assert strict.position("orders", 0) == 20


def test_compaction_keeps_the_last_value_of_each_key_and_all_offsets(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("balances", 1, cleanup="compact", segment_bytes=200)
        producer = Producer(log, batch_records=1)
        for number in range(30):
            producer.send("balances", b"%d" % number, key=f"account-{number % 3}")
        assert log.compact(force=True)
        consumer = Consumer(log, "email", "balances")
        records = consumer.poll() + consumer.poll()
        last = {b"account-%d" % n: b"%d" % (27 + n) for n in range(3)}
        assert {record.key: record.value for record in records} == last
        assert len(records) < 30 and all(int(record.value) == record.offset for record in records)
        assert consumer.position("balances", 0) == 30


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    with Log(tmp_path), pytest.raises(Exception) as caught:
        Log(tmp_path)
    assert type(caught.value).__name__ == "InUse"


# ------------------------------------------------------------------------------------------------ lag, describe


def test_lag_before_any_commit_and_for_partitions_that_nobody_owns(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders", 2)
        producer = Producer(log)
        for number in range(6):
            producer.send("orders", b"v", partition=number % 2)
        producer.flush()
        assert log.lag("email") == []
        consumer = Consumer(log, "email", "orders", name="anna")
        consumer.poll()
        assert [(row.partition, row.committed, row.end, row.lag, row.member) for row in log.lag("email")] == [
            (0, None, 3, None, "anna"), (1, None, 3, None, "anna")]
        consumer.poll()
        consumer.commit({("orders", 0): 2})
        consumer.close()
        row, = log.lag("email")
        assert (row.committed, row.lag, row.member) == (2, 1, None)
        assert "email  orders  0          2               3               1    -" in log.describe("email")
        assert list(log.lag_frame("email")["lag"]) == [1]


def test_time_lag_is_told_from_the_ends_that_were_seen():
    world = World(1)
    log = Log(env=world)
    log.create_topic("orders")
    world.run(until=1)
    consumer = Consumer(log, "email", "orders")
    consumer.poll()
    producer = Producer(log, batch_records=1)
    for second in range(1, 11):
        world.run(until=second)
        consumer.poll(1)
        producer.send("orders", b"v")
        world.run(until=second + 0.1)
        log.lag("email")
    consumer.commit({("orders", 0): 4})
    world.run(until=10.2)
    row, = log.lag("email")
    assert row.lag == 6 and 5.0 <= row.time_lag <= 7.0 and not math.isnan(row.time_lag)


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("brokers", [0, -1, True, 1.0, "3", None, 101, 10**30])
def test_a_number_of_brokers_that_cannot_be_is_refused(brokers):
    with pytest.raises(InvalidUse, match="no number of brokers"):
        Log(env=World(1), brokers=brokers)


def test_a_second_log_in_one_world_is_refused_until_the_first_is_closed():
    """Its broker-0 would be the first one's, whose messages would go to it without a word."""
    world = World(1)
    first = Log(env=world)
    first.create_topic("orders")
    for brokers in (1, 3):
        with pytest.raises(InvalidUse, match="World of its own") as caught:
            Log(env=world, brokers=brokers)
        assert "topics: orders" in str(caught.value)
    sent = Producer(first.client("shop")).send("orders", b"v")
    world.run(until=1)
    assert sent.value.offset == 0, "the first one goes on"
    Log(env=World(1))
    first.close()
    second = Log(env=world)
    assert second.topics() == ["orders"]
    first.close()
    with pytest.raises(InvalidUse):
        Log(env=world)


def test_logs_in_folders_of_their_own_do_not_mind_each_other(tmp_path):
    with Log(tmp_path / "a") as a, Log(tmp_path / "b") as b:
        a.create_topic("orders")
        assert b.topics() == []
    real = Real(tmp_path)
    with Log("c", env=real), pytest.raises(InvalidUse):
        Log("d", env=real)
    Log("d", env=real).close()


def test_a_log_needs_a_folder():
    with pytest.raises(InvalidUse, match="folder"):
        Log()


@pytest.mark.parametrize("path", [7, None, b"x", b"x\0", "x\0", "\ud800", object()])
def test_a_folder_that_cannot_be(path):
    with pytest.raises(InvalidUse, match="no path of a folder"):
        Log(path)


@pytest.mark.parametrize("name", ["a-file", "a-file/inside", "long" * 100])
def test_a_folder_that_the_system_refuses(tmp_path, name):
    (tmp_path / "a-file").write_text("of somebody's")
    with pytest.raises(UnusableFolder, match="cannot be opened") as caught:
        Log(tmp_path / name)
    assert caught.value.path == str(tmp_path / name) and "Next step" in str(caught.value)
    assert (tmp_path / "a-file").read_text() == "of somebody's"


@pytest.mark.parametrize("env", [5, "world", object()])
def test_an_env_that_is_none(tmp_path, env):
    with pytest.raises(InvalidUse, match="is no Env"):
        Log(tmp_path, env)


def test_a_closed_log_takes_no_part_in_a_folder_that_is_another_ones_now(tmp_path):
    """Its controller would put its own list of topics in the place of the other's."""
    first = Log(tmp_path)
    first.create_topic("orders")
    producer, consumer = Producer(first), Consumer(first, "email", "orders")
    run(forever(producer.send("orders", b"in time")), first.env)
    consumer.poll()
    first.close()
    with Log(tmp_path) as second:
        second.create_topic("payments")
        for late in (lambda: Producer(first), lambda: Consumer(first, "email", "orders"),
                     lambda: first.create_topic("parcels"), lambda: first.add_partitions("orders", 3),
                     lambda: run(forever(producer.send("orders", b"late")), first.env),
                     lambda: run(forever(consumer.commit()), first.env)):
            with pytest.raises(InvalidUse, match="log is closed"):
                late()
        assert consumer.poll() == [] and first.expire() == []
    with Log(tmp_path) as third:
        assert third.topics() == ["orders", "payments"]
        assert third.replica("orders", 0).end == 1


def forever(later):
    return (yield later)


def test_a_closed_cluster_decides_nothing_more():
    world = World(3)
    log = Log(env=world, brokers=3)
    world.run(until=2)
    log.close()
    before = log.metadata
    world.run(until=60)
    assert log.metadata is before, "no broker is given up, though none reports any more"


def test_a_damaged_list_of_topics_is_named_and_not_begun_anew(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders")
    path = tmp_path / "broker-0" / "metadata.json"
    whole = path.read_bytes()
    for damaged in (whole[:-1], b"\x00" + whole[1:], b"{}}"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptBatch, match="metadata.json of broker-0 is damaged"):
            Log(tmp_path)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    with Log(tmp_path) as log:
        assert log.topics() == ["orders"]


@pytest.mark.parametrize("ask", [
    lambda log: log.partitions("nothing"),
    lambda log: log.add_partitions("nothing", 3),
    lambda log: log.replica("nothing", 0),
    lambda log: log.replica("orders", 1),
    lambda log: log.replica("orders", 0, "broker-7"),
    lambda log: log.replica("orders", -1),
])
def test_what_is_not_there(tmp_path, ask):
    with Log(tmp_path) as log:
        log.create_topic("orders")
        with pytest.raises(UnknownTopic) as caught:
            ask(log)
        assert "Next step" in str(caught.value)


def test_what_a_log_says_of_itself(tmp_path):
    with Log(tmp_path) as log:
        assert repr(log) == "Log(1 broker, topics: none)"
        log.create_topic("orders")
        assert repr(log) == "Log(1 broker, topics: orders)" and repr(log.client())
        assert repr(log.replica("orders", 0)) == "Replica(orders-0 on broker-0, leader, 0 of 0)"
        assert log.group("email").members == {} and log.rebalances("email") == []
