"""Transactions: what a request that comes late, twice or at a bad moment must not do."""

from __future__ import annotations

import pytest
from till_world import committed_in

from evlab.errors import EvlabError
from evlab.log import Consumer, Log, Producer
from evlab.log import transactions as module
from evlab.log.coordinator import OFFSETS_TOPIC
from evlab.log.group import Group, JoinGroup, UnknownMember
from evlab.log.producers import InvalidProducerEpoch
from evlab.log.protocol import Produce, WriteMarker
from evlab.log.records import encode_rows
from evlab.log.transactions import TRANSACTIONS_TOPIC, AddToTransaction, EndTransaction, InitProducer
from evlab.sim import Fault, Plan, World


def cluster(brokers=1, faults=None, **config):
    world = World(3, faults)
    log = Log(env=world, brokers=brokers, max_lag=2.0)
    world.run(until=1)
    log.create_topic("orders", 2, replication=brokers, **config)
    world.run(until=2)
    return world, log


def done(world, process, node="till", seconds=5.0):
    """What a process returns, or the error that it ends with."""
    later = world.spawn(process, node).then(lambda _: None)
    world.run(until=world.now() + seconds)
    assert later.done
    return later.error if later.error is not None else later.value


def values(log, partition=0):
    return list(committed_in(log.replica("orders", partition).partition).values())


def ask(log, request):
    """Ask the coordinator from outside; the Later."""
    return log.env.ask(log.metadata.partition(TRANSACTIONS_TOPIC, 0).leader, request, "log", timeout=30.0)


def told(world, log, request):
    """What the coordinator answers: a value or an error."""
    answer = ask(log, request)
    world.run(until=world.now() + 0.1)
    return answer.value if answer.error is None else answer.error


def row(value, producer_id, epoch, sequence=0):
    return encode_rows([(0, b"k", value, ())], producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence,
                       transactional=True)


# -------------------------------------------------------------------------------------------------- one who is old


def test_two_lives_that_begin_at_once_get_two_epochs():
    """One of them may be asked to try again; never do two get the same one."""
    world, log = cluster(3)
    first = ask(log, InitProducer("till-1"))
    world.run(until=3)
    both = [ask(log, InitProducer("till-1")) for _ in range(2)]
    world.run(until=4)
    given = [one.value for one in (first, *both) if one.error is None]
    assert len(given) >= 2 and len(set(given)) == len(given)
    assert max(epoch for _, epoch in given) > first.value[1]


def test_a_zombie_can_neither_add_nor_end_nor_write():
    world, log = cluster()
    old, new = (told(world, log, InitProducer("till-1")) for _ in range(2))
    assert old[0] == new[0] and old[1] < new[1]
    for request in AddToTransaction("till-1", *old, (("orders", 0),)), EndTransaction("till-1", *old, True):
        assert isinstance(told(world, log, request), InvalidProducerEpoch)
    log.replica("orders", 0).write_marker(WriteMarker("orders", 0, new[0], new[1], False, 0))
    with pytest.raises(InvalidProducerEpoch):
        log.replica("orders", 0).produce(Produce("orders", 0, row(b"zombie", *old), -1, 1))


def test_each_end_raises_the_epoch_and_an_end_that_is_asked_twice_is_answered_twice():
    world, log = cluster()
    me = told(world, log, InitProducer("till-1"))
    told(world, log, AddToTransaction("till-1", *me, (("orders", 0),)))
    log.replica("orders", 0).produce(Produce("orders", 0, row(b"paid", *me), -1, 1))
    first, again = (told(world, log, EndTransaction("till-1", *me, True)) for _ in range(2))
    assert first == again == (me[0], me[1] + 1) and values(log) == [b"paid"]
    assert isinstance(told(world, log, EndTransaction("till-1", *me, False)), InvalidProducerEpoch), "it was committed"
    assert log.replica("orders", 0).end == 2, "one record, one marker"


# ------------------------------------------------------------------------------------------------ what comes late


def test_a_marker_that_comes_late_does_not_end_the_next_transaction():
    world, log = cluster()
    replica = log.replica("orders", 0)
    replica.produce(Produce("orders", 0, row(b"one", 7, 0), -1, 1))
    late = WriteMarker("orders", 0, 7, 1, True, 0)
    replica.write_marker(late)
    replica.produce(Produce("orders", 0, row(b"two", 7, 1), -1, 1))
    replica.write_marker(late)
    assert values(log) == [b"one"] and replica.last_stable == 2


def test_a_record_that_comes_after_its_abort_is_refused():
    """It would open a transaction that nobody ends, and hold up every reader of committed records for ever."""
    world, log = cluster()
    replica = log.replica("orders", 0)
    replica.write_marker(WriteMarker("orders", 0, 7, 1, False, 0))  # nothing has arrived so far
    with pytest.raises(InvalidProducerEpoch):
        replica.produce(Produce("orders", 0, row(b"late", 7, 0), -1, 1))
    assert replica.last_stable == replica.end == 1


def test_what_is_asked_again_is_answered_when_it_is_safe():
    """A partition that is noted, a marker: the first request waits for the followers, so the second does, too."""
    world, log = cluster(3)
    me = ask(log, InitProducer("till-1"))
    world.run(until=3)
    for name in ("broker-1", "broker-2"):
        world.network.cut(name, "broker-0")
    world.run(until=3.6)  # the fetches that wait there are over
    replica, end = log.replica("orders", 0), WriteMarker("orders", 0, me.value[0], 1, True, 0)
    both = [ask(log, AddToTransaction("till-1", *me.value, (("orders", 0),))) for _ in range(2)]
    both += [replica.write_marker(end), replica.write_marker(end)]
    world.run(until=3.8)
    assert not any(one.done for one in both)
    world.network.heal()
    world.run(until=8)
    assert all(one.done and one.error is None for one in both)


def test_an_abort_waits_for_all_that_was_sent():
    """One partition refuses, another cannot be reached: nothing of it may go out with the next transaction."""
    world, log = cluster(3, max_batch_bytes=400)
    till = Producer(log.client("till"), transactional_id="till-1")

    def pay():
        yield till.begin()
        too_large = till.send("orders", b"x" * 500, partition=0)
        world.network.cut("till", "broker-1")
        till.send("orders", b"given up", partition=1)
        yield 1.0
        assert too_large.done and too_large.error is not None
        world.after(3.0, world.network.heal)
        yield till.abort()
        yield till.begin()
        till.send("orders", b"next", partition=1)
        yield till.commit()

    assert done(world, pay(), seconds=20) is None
    assert log.metadata.partition("orders", 1).leader == "broker-1"
    assert values(log, 1) == [b"next"]


def test_a_new_coordinator_ends_what_was_decided():
    """The old one dies between the decision and the first marker, and the client as well."""
    world, log = cluster(3, Plan([Fault("crash", "broker-0@decided", 1, 60.0)]), min_insync_replicas=2)
    till = Producer(log.client("till"), transactional_id="till-1")

    def pay():
        yield till.begin()
        till.send("orders", b"paid", partition=1)
        yield till.commit()

    ended = world.spawn(pay(), "till").then(lambda _: None)
    world.run(until=4)
    assert world.node("broker-0").dead and not ended.done and log.replica("orders", 1).last_stable == 0
    world.crash("till")
    world.run(until=20)
    assert values(log, 1) == [b"paid"] and log.replica("orders", 1).last_stable == 2


def test_a_producer_whose_epochs_are_used_up_gets_another_id(monkeypatch):
    monkeypatch.setattr(module, "LAST_EPOCH", 2)
    world, log = cluster()
    till, ids = Producer(log.client("till"), transactional_id="till-1"), []

    def pay():
        for number in range(7):
            yield till.begin()
            ids.append((till.producer_id, till.producer_epoch))
            till.send("orders", b"%d" % number, partition=0)
            yield till.commit()

    assert done(world, pay()) is None
    assert [epoch for _, epoch in ids] == [0, 1, 2, 0, 1, 2, 0] and len({one for one, _ in ids}) == 3
    assert values(log) == [b"%d" % number for number in range(7)]


# ------------------------------------------------------------------------------------------------- offsets in it


def reading(log, node, **more):
    return Consumer(log.client(node), "till", "orders", isolation="read_committed", **more)


def test_who_asks_where_to_begin_waits_for_an_open_transaction():
    """Its offsets may count in a moment. Who began at the old ones would pay again what it has paid."""
    world, log = cluster()
    Producer(log.client("shop")).send("orders", b"order", partition=0)
    world.run(until=3)
    till, found = Producer(log.client("till"), transactional_id="till-1"), []

    def pay():
        consumer = reading(log, "till")
        while not consumer.poll():
            yield consumer.arrived
        yield till.begin()
        yield till.send_offsets(consumer)
        asked = consumer.committed().then(lambda given: found.append(given.value))
        yield 1.5
        assert not asked.done
        yield till.commit()
        yield asked

    assert done(world, pay(), seconds=8) is None
    assert found == [{("orders", 0): 1}]


def test_the_offsets_of_one_who_has_lost_its_partitions_are_refused():
    world, log = cluster()
    Producer(log.client("shop")).send("orders", b"order", partition=0)
    world.run(until=3)
    till, refused = Producer(log.client("till"), transactional_id="till-1"), []

    def pay():
        consumer = reading(log, "till", session_timeout=2.0, heartbeat_interval=0.5)
        while not consumer.poll():
            yield consumer.arrived
        yield till.begin()
        till.send("orders", b"paid", partition=1)
        log.group("till").leave(consumer.member)  # as after a silence
        yield 1.0
        assert consumer.lost == [("orders", 0), ("orders", 1)]
        for call in (lambda: till.send_offsets(consumer), till.commit):
            try:
                yield call()
            except EvlabError as error:
                refused.append(error)
        yield till.abort()

    assert done(world, pay(), seconds=8) is None
    assert isinstance(refused[0], UnknownMember) and refused[1].__cause__ is refused[0]
    assert values(log, 1) == []


def test_generations_go_on_after_a_change_of_coordinator():
    """Else a commit of the old generation 1 would be taken as one of the new generation 1."""
    world, log = cluster()
    group = Group(world, "till", lambda: log.metadata)

    def join(member, generation):
        return group.join(JoinGroup("till", member, ("orders",), "cooperative-sticky", 6.0, 6.0,
                                    (("orders", 0), ("orders", 1)), None, generation))

    assert join("till-1", 4).value.generation == 5
    with pytest.raises(UnknownMember):
        join("till-2", 4)  # what it had was shared out without it
    with pytest.raises(UnknownMember):
        group.check("till-2", 5)
    assert not join("till-3", -1).done and group.rebalancing, "a new one may come"


def test_a_consumer_that_comes_late_to_a_new_coordinator_has_lost_what_it_had():
    world, log = cluster(3)
    Producer(log.client("shop")).send("orders", b"order", partition=0)
    lost = []
    one, two = (reading(log, node, assignor="cooperative-sticky", heartbeat_interval=0.5, on_revoked=lost.append)
                for node in ("till", "till-2"))

    def read(consumer):
        while True:
            consumer.poll()
            yield consumer.arrived

    world.spawn(read(one), "till")
    world.run(until=4)
    assert one.assignment == [("orders", 0), ("orders", 1)] and one.generation == 1
    world.network.cut("till", log.metadata.partition(OFFSETS_TOPIC, 0).leader)
    world.crash(log.metadata.partition(OFFSETS_TOPIC, 0).leader)
    for name in log.names:
        world.network.cut("till", name)
    world.run(until=14)
    world.spawn(read(two), "till-2")
    world.run(until=16)
    assert two.assignment == one.assignment, "each believes to own both"
    world.network.heal()
    world.run(until=26)
    assert sorted(one.assignment + two.assignment) == [("orders", 0), ("orders", 1)]
    assert lost[0] == [("orders", 0), ("orders", 1)]


def test_init_ends_what_an_earlier_life_left_open_and_fences_it():
    """Without it the offsets of that life stay undecided for a minute, and a consumer waits for them."""
    world, log = cluster()
    Producer(log.client("shop")).send("orders", b"one", partition=0)
    world.run(until=3)
    first = Producer(log.client("till"), transactional_id="till-1")

    def dies():
        consumer = Consumer(log.client("till"), "billing", "orders")
        yield first.begin()
        while not consumer.poll():
            yield consumer.arrived
        yield first.send_offsets(consumer)
        yield consumer.close()

    done(world, dies())
    second = Producer(log.client("till"), transactional_id="till-1")

    def lives():
        yield second.init()
        epoch = second.producer_epoch
        yield second.init()  # once is enough
        assert second.producer_epoch == epoch
        consumer = Consumer(log.client("till"), "billing", "orders")
        while not (found := consumer.poll()):
            yield consumer.arrived
        yield consumer.close()
        return [record.value for record in found]

    assert done(world, lives(), seconds=10) == [b"one"], "nothing of the first life counts"

    def goes_on():
        yield first.commit()

    assert isinstance(done(world, goes_on()), InvalidProducerEpoch)
    with pytest.raises(Exception, match="no transactional id"):
        Producer(log.client("till")).init()
