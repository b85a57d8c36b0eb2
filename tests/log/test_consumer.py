"""The consumer by its public verbs: places, pauses, commits, timeouts, and what it refuses."""

from __future__ import annotations

import math

import pytest
from test_group import Cluster

from evlab.errors import EvlabError, InvalidUse, WouldBlock
from evlab.log import Consumer, Log, Producer, UnknownTopic
from evlab.log.group import Fenced, UnknownMember
from evlab.sim import World


@pytest.fixture
def log(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders", 2)
        producer = Producer(log)
        for number in range(10):
            producer.send("orders", b"v%d" % number, partition=number % 2)
        producer.flush()
        yield log


def reading(log, **more):
    consumer = Consumer(log, "email", "orders", **more)
    for _ in range(3):
        if not consumer.assignment:
            consumer.poll(1)
    return consumer


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("more", [
    {"assignor": "sticky"}, {"assignor": None}, {"assignor": 3}, {"assignor": []}, {"reset": "now"}, {"reset": None},
    {"isolation": "serializable"}, {"isolation": None}, {"group": ""}, {"group": None}, {"group": 7},
    {"topics": []}, {"topics": None}, {"topics": 7}, {"topics": [7]}, {"topics": ""}, {"topics": ["a b"]},
    {"session_timeout": 0}, {"session_timeout": -1}, {"session_timeout": "10"}, {"session_timeout": None},
    {"session_timeout": math.nan}, {"session_timeout": math.inf}, {"max_poll_interval": 0}, {"max_poll_interval": -1},
    {"max_poll_interval": None}, {"heartbeat_interval": 0}, {"heartbeat_interval": -1}, {"heartbeat_interval": None},
    {"heartbeat_interval": 10.0, "session_timeout": 10.0}, {"auto_commit_interval": -1}, {"auto_commit_interval": None},
    {"fetch_max_wait": -1}, {"fetch_max_wait": None}, {"instance_id": 7}, {"instance_id": ""}, {"name": 7},
    {"auto_commit": "yes"}, {"on_assigned": 7}, {"on_revoked": None},
])
def test_a_consumer_that_cannot_be(log, more):
    more = {"group": "email", "topics": "orders"} | more
    with pytest.raises(InvalidUse) as caught:
        Consumer(log, more.pop("group"), more.pop("topics"), **more)
    assert "Next step" in str(caught.value)


@pytest.mark.parametrize("log", [None, "some/folder", 7, print])
def test_a_consumer_of_what_is_no_log(log):
    with pytest.raises(InvalidUse, match="is no log"):
        Consumer(log, "email", "orders")


@pytest.mark.parametrize("ask", [
    lambda c: c.poll(0), lambda c: c.poll(-1), lambda c: c.poll(None), lambda c: c.poll(1.5), lambda c: c.poll(True),
    lambda c: c.poll(timeout=-1), lambda c: c.poll(timeout="1"), lambda c: c.poll(timeout=math.nan),
    lambda c: c.poll(timeout=None),
    lambda c: c.seek("orders", 0, -1), lambda c: c.seek("orders", 0, None), lambda c: c.seek("orders", 0, 1.0),
    lambda c: c.seek("orders", 7, 0), lambda c: c.seek("nothing", 0, 0), lambda c: c.seek("orders", 0, True),
    lambda c: c.seek(["orders"], 0, 0), lambda c: c.seek("orders", 0, 2**63),
    lambda c: c.pause(("orders", 9)), lambda c: c.pause("orders"), lambda c: c.pause(7), lambda c: c.pause(("orders",)),
    lambda c: c.resume("orders"), lambda c: c.resume(7), lambda c: c.resume(("orders", 9)),
    lambda c: c.commit({("orders", 0): -1}), lambda c: c.commit({("orders", 0): None}), lambda c: c.commit(7),
    lambda c: c.commit({("orders", 9): 1}), lambda c: c.commit({"orders": 1}),
    lambda c: c.commit({("orders", 0): True}),
    lambda c: c.commit([("orders", 0, 1)]), lambda c: c.commit({("orders", 0): 2**63}),
])
def test_what_a_consumer_refuses_and_goes_on(log, ask):
    consumer = reading(log)
    before = consumer.assignment, [consumer.position("orders", n) for n in (0, 1)]
    with pytest.raises(InvalidUse) as caught:
        ask(consumer)
    assert "Next step" in str(caught.value)
    assert (consumer.assignment, [consumer.position("orders", n) for n in (0, 1)]) == before
    assert consumer.poll() and consumer.commit().done


@pytest.mark.parametrize("ask", [lambda c: c.poll(), lambda c: c.commit(), lambda c: c.committed()])
def test_a_closed_consumer_says_so(log, ask):
    consumer = reading(log)
    consumer.close()
    assert consumer.close().done, "closing twice is fine"
    with pytest.raises(InvalidUse, match="closed"):
        ask(consumer)


def test_with_closes(log):
    with reading(log) as consumer:
        assert consumer.assignment
    assert log.group("email").members == {}


# -------------------------------------------------------------------------------------------- places and pauses


def test_a_position_is_the_next_offset_that_poll_gives(log):
    consumer = reading(log)
    while consumer.poll(1):
        pass
    assert [consumer.position("orders", n) for n in (0, 1)] == [5, 5] and consumer.position("orders", 2) is None
    consumer.seek("orders", 1, 2)
    assert [(r.partition, r.offset) for r in consumer.poll(2)] == [(1, 2), (1, 3)]
    assert consumer.position("orders", 1) == 4


def test_a_seek_beyond_the_end_begins_anew_as_reset_says(log):
    consumer = reading(log, reset="latest")
    consumer.seek("orders", 0, 100)
    for _ in range(3):
        consumer.poll()
    assert consumer.position("orders", 0) == 5


def test_a_pause_holds_through_a_seek_and_all_may_be_paused(log):
    consumer = reading(log)
    consumer.pause()
    consumer.seek("orders", 0, 0)
    assert consumer.poll() == [] and consumer.poll() == []
    consumer.resume(("orders", 0))
    assert {record.partition for record in consumer.poll() + consumer.poll()} == {0}
    consumer.resume()
    assert {record.partition for record in consumer.poll() + consumer.poll()} == {1}


def test_a_consumer_reads_its_partitions_in_turn(log):
    consumer = reading(log)
    seen = [consumer.poll(1)[0].partition for _ in range(6)]
    assert set(seen) == {0, 1}


def test_a_partition_that_never_empties_does_not_keep_the_others_waiting(log):
    log.create_topic("busy", 2)
    producer = Producer(log)
    for number in range(3000):
        producer.send("busy", b"%d" % number, partition=0 if number < 2990 else 1)
    producer.flush()
    reader = Consumer(log, "fair", "busy")
    seen = [record.partition for _ in range(700) for record in reader.poll(1)]
    assert seen.count(1) == 10


def test_an_unknown_topic_is_told_at_poll(log):
    consumer = Consumer(log, "email", "nothing")
    with pytest.raises(UnknownTopic) as caught:
        for _ in range(3):
            consumer.poll()
    assert caught.value.topic == "nothing"


def test_a_poll_waits_on_files_and_not_in_a_world(log):
    consumer = reading(log)
    while consumer.poll():
        pass
    log.env.after(0.05, lambda: Producer(log, batch_records=1).send("orders", b"late", partition=0))
    assert [record.value for record in consumer.poll(timeout=5.0)] == [b"late"]
    assert consumer.poll(timeout=0.01) == []
    world = World(1)
    there = Log(env=world)
    there.create_topic("orders")
    with pytest.raises(WouldBlock, match="yield consumer.arrived"):
        Consumer(there, "email", "orders").poll(timeout=1.0)


# ---------------------------------------------------------------------------------------------------- committing


def test_only_what_was_given_is_committed(log):
    consumer = reading(log)
    given = consumer.poll(3)
    consumer.commit()
    expected = {}
    for record in given:
        expected[("orders", record.partition)] = record.offset + 1
    assert {key: value for key, value in consumer.committed().value.items() if key in expected} == expected


def test_a_commit_of_nothing_is_fine(log):
    consumer = Consumer(log, "email", "orders")
    assert consumer.commit().done and consumer.committed().value == {}


@pytest.mark.parametrize("auto_commit", [True, False])
def test_auto_commit_notes_what_the_poll_before_gave(auto_commit):
    """Not what this poll gives: that has not been worked on."""
    world = World(1)
    log = Log(env=world)
    log.create_topic("orders")
    producer = Producer(log, batch_records=1)
    for number in range(4):
        producer.send("orders", b"v%d" % number)
    consumer = Consumer(log, "email", "orders", auto_commit=auto_commit, auto_commit_interval=1.0)
    while not consumer.poll(2):
        world.run(until=world.now() + 0.1)
    world.run(until=world.now() + 2)
    assert len(consumer.poll(2)) == 2
    world.run(until=world.now() + 0.1)
    assert [row.committed for row in log.lag("email")] == [2 if auto_commit else None]


def test_an_idle_consumer_with_auto_commit_commits_its_last_records():
    """It waits for `arrived`, and nothing arrives: the lag is 0 all the same, after the interval."""
    cluster = Cluster(partitions=1)
    cluster.world.spawn(plain_loop(Consumer(cluster.log.client("anna"), "email", "orders", auto_commit=True,
                                            auto_commit_interval=2.0)), "anna")
    cluster.send(4)
    cluster.later(8)
    assert [row.committed for row in cluster.log.lag("email")] == [4]


def plain_loop(consumer):
    while True:
        consumer.poll()
        yield consumer.arrived


# ------------------------------------------------------------------------------------------------------ timeouts


def test_who_does_not_poll_for_too_long_leaves_and_is_fenced():
    cluster = Cluster(partitions=2).join("anna", work=12.0, max_poll_interval=5.0).join("bert").later(5)
    cluster.send(2)
    cluster.later(10)
    assert cluster.owned("bert") == [0, 1], "anna works at one record for 12 s"
    cluster.later(20)
    assert cluster.commits["anna"][0] in ("UnknownMember", "Fenced")
    assert sorted(cluster.owned("anna") + cluster.owned("bert")) == [0, 1] and cluster.lag() == 0


def test_who_waits_for_records_is_not_taken_for_stuck():
    cluster = Cluster(partitions=1).join("anna", max_poll_interval=5.0).later(60)
    assert cluster.owned("anna") == [0]
    assert [step.what for step in cluster.log.rebalances("email")].count("joined") == 1


def test_a_loss_is_told_at_the_next_poll_and_commits_until_then_fail():
    cluster, told, seen = Cluster(partitions=1), [], []
    cluster.send(3)

    def process():
        consumer = Consumer(cluster.log.client("anna"), "email", "orders", session_timeout=4.0, heartbeat_interval=1.0,
                            on_revoked=told.append)
        for _ in range(10):
            consumer.poll()
            yield 0.2
        assert consumer.position("orders", 0) == 3
        yield 12.0
        seen.append((consumer.assignment, list(told)))
        try:
            yield consumer.commit()
        except (UnknownMember, Fenced) as error:
            seen.append(error)
        consumer.poll()
        seen.append(list(told))

    done = cluster.world.spawn(process(), "anna")
    cluster.later(3)
    cluster.world.network.cut("anna", "broker-0")
    cluster.later(8)
    cluster.world.network.heal()
    cluster.later(6)
    assert done.done and len(seen) == 3, seen
    assert seen[0] == ([], []) and seen[2] == [[("orders", 0)]]


# ------------------------------------------------------------------------------------------------------- brokers


def test_a_partition_without_a_leader_is_read_when_it_has_one_again():
    """However long that takes: the group gave it to us, so nobody else reads it."""
    cluster = Cluster(partitions=2, brokers=2, seed=3)
    cluster.log.create_topic("solo", 2)
    cluster.later(1)
    leaders = [info.leader for info in cluster.log.metadata.topics["solo"].partitions]
    assert set(leaders) == {"broker-0", "broker-1"}
    keeper = cluster.log.replica("__consumer_offsets", 0).me
    lost = next(number for number in (0, 1) if leaders[number] != keeper)
    cluster.world.crash(leaders[lost])
    cluster.later(8)
    cluster.join("anna", topics="solo").later(90)
    cluster.world.calm()
    cluster.later(20)
    producer = Producer(cluster.log.client("shop-2"))
    for number in (0, 1):
        producer.send("solo", b"v", partition=number)
    cluster.later(10)
    assert sorted(partition for _, partition, _ in cluster.processed["anna"]) == [0, 1]


def test_a_consumer_that_starts_before_the_cluster_waits_for_it():
    world = World(4)
    log = Log(env=world, brokers=3)
    log.create_topic("orders", 1, replication=3)
    for name in log.names:
        world.crash(name, down=20.0)
    got = []

    def reads():
        consumer = Consumer(log.client("anna"), "email", "orders")
        while True:
            got.extend(consumer.poll())
            yield consumer.arrived

    world.spawn(reads(), "anna")
    sent = Producer(log.client("shop")).send("orders", b"v")
    world.run(until=60)
    assert sent.value.offset == 0 and [record.value for record in got] == [b"v"]


def test_what_a_consumer_says_of_itself(log):
    consumer = Consumer(log, "email", "orders", name="anna")
    assert repr(consumer) == "Consumer(anna of email, generation -1: nothing)"
    for _ in range(2):
        consumer.poll()
    assert repr(consumer) == "Consumer(anna of email, generation 1: orders-0 orders-1)"
    assert issubclass(Fenced, EvlabError)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_is_committed_in_on_revoked_counts_for_the_next_owner(protocol):
    """However the two requests overtake each other: who joins waits for the commits that are under way."""
    for seed in range(20):
        world = World(seed)
        log = Log(env=world)
        log.create_topic("orders", 2)
        producer, seen = Producer(log.client()), []
        for _ in range(2):
            producer.send("orders", b"x", key="k", partition=1)

        def reads(name, log=log, seen=seen):
            done, answers = {}, []

            def revoked(partitions):
                if done:
                    answers.append(consumer.commit(dict(done)))
                    done.clear()

            consumer = Consumer(log.client(name), "email", "orders", protocol=protocol, on_revoked=revoked)
            while True:
                for record in consumer.poll():
                    done[record.topic, record.partition] = record.offset + 1
                    seen.append((name, record.offset))
                yield consumer.arrived

        world.spawn(reads("a"), "a")
        world.after(5, lambda world=world, reads=reads: world.spawn(reads("b"), "b"))
        world.run(until=20)
        assert [offset for _, offset in seen] == [0, 1], f"seed {seed}: {seen}"


@pytest.mark.parametrize("more", [{}, {"instance_id": "p1"}, {"protocol": "consumer"}])
def test_a_member_that_is_killed_and_comes_back_under_its_name_goes_on_committing(more):
    """It counts its commits, and a new life that counted from 1 again would seem to come late."""
    world = World(1)
    log = Log(env=world)
    log.create_topic("stock", 1)

    def serve():
        consumer = Consumer(log.client("p1"), "payment", "stock", name="p1", session_timeout=20, **more)
        while True:
            for _ in consumer.poll(max_records=5):
                yield 1
            consumer.commit()
            yield consumer.arrived

    def produce():
        producer = Producer(log.client("shop"))
        for _ in range(60):
            producer.send("stock", b"x")
            yield 3

    world.node("p1", serve)
    world.spawn(produce(), "shop")
    world.run(until=100)
    world.crash("p1", power=False, down=5)
    world.run(until=300)
    [row] = log.lag("payment")
    assert (row.committed, row.end) == (60, 60)
