"""The producer by its public verbs: batches, linger, retries, what its Laters say, and what it refuses."""

from __future__ import annotations

import math

import pytest

from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.log import Log, Producer, UnknownTopic
from evlab.log.gathering import timestamps
from evlab.log.partition import BatchTooLarge
from evlab.log.records import decode_batches
from evlab.sim import World


@pytest.fixture
def log(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders", 3)
        yield log


def cluster(brokers=3, seed=5, **config):
    world = World(seed)
    log = Log(env=world, brokers=brokers)
    world.run(until=1)
    log.create_topic("orders", 2, replication=brokers, **config)
    world.run(until=2)
    return world, log


def later(world, seconds):
    world.run(until=world.now() + seconds)


def batches(log, number=0, topic="orders"):
    partition = log.replica(topic, number).partition
    return [[record.value for record in batch.records] for batch in decode_batches(partition.read(0))]


# ------------------------------------------------------------------------------------------------------- batches


def test_records_that_are_sent_before_a_flush_travel_together(log):
    producer = Producer(log)
    sent = [producer.send("orders", b"v%d" % n, partition=0) for n in range(5)]
    assert not any(one.done for one in sent)
    producer.flush()
    assert [one.value.offset for one in sent] == [0, 1, 2, 3, 4] and producer.sent == 1
    assert batches(log) == [[b"v0", b"v1", b"v2", b"v3", b"v4"]]


@pytest.mark.parametrize("size, expected", [(1, [1] * 7), (3, [3, 3, 1]), (100, [7])])
def test_a_batch_is_full_at_a_number_of_records(log, size, expected):
    producer = Producer(log, batch_records=size)
    for number in range(7):
        producer.send("orders", b"%d" % number, partition=0)
    producer.flush()
    assert [len(batch) for batch in batches(log)] == expected


def test_a_batch_is_full_at_a_number_of_bytes(log):
    producer = Producer(log, batch_bytes=300)
    for _ in range(6):
        producer.send("orders", b"x" * 100, partition=0)
    producer.flush()
    assert [len(batch) for batch in batches(log)] == [2, 2, 2]


def test_a_batch_waits_for_linger_and_no_longer():
    world, log = cluster(brokers=1)
    producer = Producer(log.client("shop"), linger=0.5)
    producer.send("orders", b"warm up", partition=1)
    later(world, 3)
    first = producer.send("orders", b"a", partition=0)
    later(world, 0.4)
    second = producer.send("orders", b"b", partition=0)
    assert not first.done
    later(world, 0.4)
    assert first.value.offset == 0 and second.value.offset == 1
    assert batches(log) == [[b"a", b"b"]]


def test_a_flush_does_not_wait_for_linger_even_if_the_topic_was_not_known_yet():
    world, log = cluster(brokers=1)
    producer = Producer(log.client("shop"), linger=30.0)
    sent = producer.send("orders", b"v", partition=0)
    flushed = producer.flush()
    later(world, 3)
    assert flushed.done and sent.value.offset == 0


def test_several_batches_may_travel_in_one_request(log):
    producer = Producer(log, batch_records=2, request_batches=3, linger=10.0)
    sent = [producer.send("orders", b"%d" % number, partition=0) for number in range(6)]
    assert producer.sent == 1 and [one.value.offset for one in sent] == list(range(6))
    assert [len(batch) for batch in batches(log)] == [2, 2, 2]


def test_a_partitioner_of_ones_own(log):
    producer = Producer(log, partitioner=lambda key, count: len(key) % count)
    sent = [producer.send("orders", b"v", key="x" * length) for length in range(1, 5)]
    producer.flush()
    assert [one.value.partition for one in sent] == [1, 2, 0, 1]


@pytest.mark.parametrize("answer", [3, -1, None, "0", 1.0])
def test_a_partitioner_that_names_no_partition(log, answer):
    with pytest.raises(InvalidUse):
        Producer(log, partitioner=lambda key, count: answer).send("orders", b"v", key="k")


@pytest.mark.parametrize("down", [None, 4.0])
def test_without_acks_a_producer_finds_the_new_leader_all_the_same(down):
    """Nobody answers it, so nobody's silence tells it. down: the old leader comes back, as a follower."""
    world, log = cluster()
    producer = Producer(log.client("shop"), acks=0)
    old = log.metadata.partition("orders", 0).leader

    def shop():
        while True:
            producer.send("orders", b"%.1f" % world.now(), partition=0)
            yield 0.1

    world.spawn(shop(), "shop")
    later(world, 2)
    world.crash(old, down=down)
    later(world, 16)
    assert log.metadata.partition("orders", 0).leader != old
    lost = world.now() - 1
    assert float(batches(log)[-1][-1]) > lost, "it has gone on sending to the old leader"


def test_without_acks_it_asks_now_and_then_and_not_each_time():
    world, log = cluster()
    producer = Producer(log.client("shop"), acks=0)

    def shop():
        while True:
            producer.send("orders", b"v", partition=0)
            yield 0.1

    world.spawn(shop(), "shop")
    later(world, 21)
    asked = [one for one in world.history if one.kind == "send" and one.what == "metadata" and one.node == "shop"]
    assert 4 <= len(asked) <= 5


# ------------------------------------------------------------------------------------------------ what is written


def test_each_record_keeps_its_own_time_key_value_and_headers():
    world, log = cluster(brokers=1)
    producer, expected = Producer(log.client("shop"), linger=30.0), []
    producer.send("orders", b"warm up", partition=1)
    producer.flush()
    later(world, 2)
    for number in range(200):
        now = int((world.epoch + world.now()) * 1000)
        row = [now, b"k%d" % (number % 9) if number % 3 else None, b"v" * (number % 7) if number % 5 else None, ()]
        more = {}
        if number % 11 == 0:
            row[0] = more["timestamp"] = number * 1000
        if number % 13 == 0:
            row[3] = more["headers"] = (("n", b"%d" % number), ("none", None))
        expected.append(tuple(row))
        producer.send("orders", row[2], key=row[1], partition=0, **more)
        if number % 4 == 0:
            later(world, 0.0137)
    producer.flush()
    later(world, 2)
    found = [record for batch in decode_batches(log.replica("orders", 0).partition.read(0)) for record in batch.records]
    assert [record[1:5] for record in found] == expected


def test_timestamps_of_ones_own_are_kept_as_they_are(log):
    producer = Producer(log)
    for timestamp in (0, 5, 5, 1_790_000_000_000):
        producer.send("orders", b"v", partition=0, timestamp=timestamp)
    producer.flush()
    found = next(decode_batches(log.replica("orders", 0).partition.read(0))).records
    assert [record.timestamp for record in found] == [0, 5, 5, 1_790_000_000_000]


@pytest.mark.parametrize("times", [
    [], [0.0], [1.0005] * 300, [n / 700 for n in range(500)], [n / 3 for n in range(50)],
    [5.0, 5.0004, 5.0009999, 5.001, 5.0, 5.002], [3.0, 17, 3.1], [17, 17, 4], [17, 3.0],
    [0.28 + n * 1e-4 for n in range(100)], [0.29, 0.57, 0.58, 1.001, 1.005],  # * 1000 is a little less than a whole ms
])
@pytest.mark.parametrize("epoch", [0.0, 1_767_603_600.0, 1_790_000_000.123])
def test_the_ms_of_a_batch_are_those_of_each_record(times, epoch):
    """Also if the clock goes back, or a record has brought its own (the whole numbers)."""
    dated = any(type(time) is int for time in times)
    expected = [time if type(time) is int else int((epoch + time) * 1000) for time in times]
    assert timestamps(times, epoch, dated) == expected


@pytest.mark.parametrize("trap", ["_now", "_begin", "_choose"])
def test_a_send_that_is_interrupted_leaves_no_half_record(log, monkeypatch, trap):
    """A learner stops a cell in the middle of a loop, and goes on in the next."""
    producer = Producer(log)
    producer.send("orders", b"before", key=b"a", partition=0)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(producer, trap, stop)
        with pytest.raises(KeyboardInterrupt):
            producer.send("orders", b"never", key=b"b", partition=1 if trap == "_begin" else 0,
                          headers=[("lost", b"")])
    after = [producer.send("orders", b"after %d" % n, key=b"c", partition=0) for n in range(2)]
    producer.flush()
    assert [one.value.offset for one in after] == [1, 2]
    data = log.replica("orders", 0).partition.read(0)
    assert [record[2:5] for batch in decode_batches(data) for record in batch.records] == [
        (b"a", b"before", ()), (b"c", b"after 0", ()), (b"c", b"after 1", ())]


# ----------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("more", [
    {"acks": 2}, {"acks": "some"}, {"acks": True}, {"acks": None}, {"acks": []}, {"batch_records": 0},
    {"batch_records": None}, {"batch_records": 1.5}, {"batch_bytes": 0}, {"batch_bytes": "1"}, {"request_batches": 0},
    {"linger": -1}, {"linger": None}, {"linger": math.nan}, {"linger": math.inf}, {"linger": "1"}, {"codec": "zip"},
    {"codec": None}, {"patience": -1}, {"patience": None}, {"patience": math.nan}, {"partitioner": 7},
    {"idempotent": "yes"},
])
def test_a_producer_that_cannot_be(log, more):
    with pytest.raises(InvalidUse) as caught:
        Producer(log, **more)
    assert "Next step" in str(caught.value)


@pytest.mark.parametrize("log", [None, "some/folder", 7, print])
def test_a_producer_of_what_is_no_log(log):
    with pytest.raises(InvalidUse, match="is no log"):
        Producer(log)


@pytest.mark.parametrize("more", [
    {"value": "text"}, {"value": 7}, {"value": {"a": 1}}, {"key": 7}, {"key": ["k"]}, {"key": "\ud800"}, {"headers": 7},
    {"headers": [("a",)]}, {"headers": [(1, b"x")]}, {"headers": [("a", "text")]}, {"headers": {"a": b"x"}},
    {"headers": "ab"}, {"timestamp": "now"}, {"timestamp": 1.5}, {"timestamp": 2**63}, {"timestamp": True},
    {"timestamp": -2**63 - 1}, {"partition": 3}, {"partition": -1}, {"partition": "0"}, {"partition": True},
    {"topic": None}, {"topic": 7}, {"topic": ["orders"]},
])
def test_a_record_that_cannot_be_is_refused_at_once_and_harms_no_other(log, more):
    producer = Producer(log)
    before = producer.send("orders", b"before", partition=0)
    more = {"topic": "orders", "value": b"v", "partition": 0} | more
    with pytest.raises(EvlabError):
        producer.send(more.pop("topic"), more.pop("value"), **more)
    after = producer.send("orders", b"after", partition=0)
    producer.flush()
    assert (before.value.offset, after.value.offset) == (0, 1)


def test_a_record_that_is_too_large_fails_and_the_next_ones_do_not():
    world, log = cluster(brokers=1, max_batch_bytes=1000)
    producer = Producer(log.client("shop"), batch_records=1)
    large = producer.send("orders", b"x" * 2000, partition=0)
    small = [producer.send("orders", b"%d" % number, partition=0) for number in range(3)]
    later(world, 3)
    assert isinstance(large.error, BatchTooLarge) and large.error.limit == 1000
    assert [one.value.offset for one in small] == [0, 1, 2]
    with pytest.raises(BatchTooLarge):
        large.value  # noqa: B018
    flushed = producer.flush()
    assert isinstance(flushed.error, BatchTooLarge), "a flush tells of what failed since the last one"
    assert producer.flush().error is None


def test_after_a_failed_batch_the_next_ones_are_idempotent_again():
    """LOG-4: they have a new producer id, so a lost ack does not double them."""
    world, log = cluster(brokers=1, max_batch_bytes=1000)
    producer = Producer(log.client("shop"), batch_records=1)
    producer.send("orders", b"first", partition=0)
    later(world, 1)
    producer.send("orders", b"x" * 2000, partition=0)
    sent = [producer.send("orders", b"%d" % number, partition=0) for number in range(3)]
    while log.replica("orders", 0).end < 2:
        later(world, 0.001)
    world.network.drop("broker-0", "shop", 1)
    later(world, 8)
    assert [one.value.offset for one in sent] == [1, 2, 3]
    assert batches(log) == [[b"first"], [b"0"], [b"1"], [b"2"]]
    partition = log.replica("orders", 0).partition
    ids = [batch.producer_id for batch in decode_batches(partition.read(0))]
    assert -1 not in ids and ids[0] != ids[1]


# ------------------------------------------------------------------------------------------- brokers that are away


def test_a_producer_without_a_cluster_waits_and_then_says_that_the_outcome_is_unknown():
    world, log = cluster(brokers=1)
    producer = Producer(log.client("shop"), patience=5.0)
    producer.send("orders", b"v", partition=0)
    later(world, 1)
    world.crash("broker-0")
    sent = producer.send("orders", b"w", partition=0)
    later(world, 4)
    assert not sent.done
    later(world, 6)
    assert isinstance(sent.error, Timeout) and "unknown" in str(sent.error)


@pytest.mark.parametrize("dead", ["broker-0", "broker-1", "broker-2"])
def test_a_producer_that_starts_while_a_broker_is_down(dead):
    """Whichever it is: another one knows the topic, and gives it an id."""
    world, log = cluster()
    world.crash(dead)
    later(world, 8)
    producer = Producer(log.client("shop"))
    sent = [producer.send("orders", b"v%d" % number, partition=number % 2) for number in range(4)]
    later(world, 15)
    assert [one.value.offset for one in sent] == [0, 0, 1, 1]


def test_an_unknown_topic_is_told_only_when_the_cluster_says_so():
    """No answer is no proof: the topic is there, and its broker is not."""
    world, log = cluster(brokers=1)
    world.crash("broker-0", down=10.0)
    producer = Producer(log.client("shop"))
    good, bad = producer.send("orders", b"v", partition=0), producer.send("nothing", b"v")
    later(world, 30)
    assert good.value.offset == 0
    assert isinstance(bad.error, UnknownTopic) and bad.error.topic == "nothing"


def test_a_topic_that_is_made_later_is_found(log):
    producer = Producer(log, batch_records=1)
    with pytest.raises(UnknownTopic):
        producer.send("later", b"v")
    log.create_topic("later")
    assert producer.send("later", b"v").value == ("later", 0, 0)


def test_partitions_that_are_added_are_used_after_a_while():
    """By a producer that knew the topic before."""
    world, log = cluster(brokers=1)
    producer = Producer(log.client("shop"), batch_records=1)
    producer.send("orders", b"v")
    later(world, 1)
    log.add_partitions("orders", 6)
    seen = set()
    for _ in range(700):
        sent = producer.send("orders", b"v")
        later(world, 1.0)
        seen.add(sent.value.partition)
    assert seen == set(range(6))


def test_order_per_partition_holds_when_acks_are_lost():
    """LOG-4: one batch at a time is under way, so what is sent again is not overtaken."""
    world, log = cluster()
    producer = Producer(log.client("shop"), batch_records=1)
    for number in range(20):
        producer.send("orders", b"%d" % number, partition=0)
        if number % 4 == 0:
            world.network.drop(log.metadata.topics["orders"].partitions[0].leader, "shop")
        later(world, 0.05)
    later(world, 30)
    assert batches(log) == [[b"%d" % number] for number in range(20)]


def test_what_a_producer_says_of_itself(log):
    producer = Producer(log)
    sent = producer.send("orders", b"v", partition=1)
    assert "open" in repr(sent)
    assert producer.close().done
    assert repr(sent) == "Sent(RecordMetadata(topic='orders', partition=1, offset=0))"
    assert repr(producer) == "Producer(acks=-1, 1 requests)"
    told = []
    sent.then(lambda one: told.append(one.value))
    assert told == [("orders", 1, 0)]
