"""Replication: what each kind of ack is worth when leaders die, who is in sync, and what KIP-101 mended."""

from __future__ import annotations

import pytest
from kip101 import an_acked_record_is_lost, records_of, two_copies_differ
from till_world import committed_in

from evlab.errors import EvlabError, InvalidUse
from evlab.log import Log, Producer
from evlab.log.marks import MARKS_FILE, load_marks, save_marks
from evlab.log.producers import OutOfOrderSequence
from evlab.log.protocol import BrokerUnavailable, NotEnoughReplicas, NotLeader
from evlab.sim import World


def cluster(brokers=3, seed=7, max_lag=2.0, **config):
    """A World with a topic orders of one partition; broker-0 leads it."""
    world = World(seed)
    log = Log(env=world, brokers=brokers, max_lag=max_lag)
    world.run(until=1)
    log.create_topic("orders", 1, replication=brokers, **config)
    world.run(until=2)
    assert info(log).leader == "broker-0"
    return world, log


def info(log):
    return log.metadata.topics["orders"].partitions[0]


def later(world, seconds):
    world.run(until=world.now() + seconds)


def cut_off_the_followers(world):
    """Nothing that they ask reaches the leader."""
    world.network.cut("broker-1", "broker-0")
    world.network.cut("broker-2", "broker-0")


# ----------------------------------------------------------------------------------------------------- KIP-101


def test_by_the_high_watermark_a_record_is_lost_that_all_replicas_had():
    acked, left = an_acked_record_is_lost("high watermark")
    assert acked == [b"placed", b"paid"]
    assert set(map(tuple, left.values())) == {(b"placed",)}


def test_by_epochs_it_stays():
    acked, left = an_acked_record_is_lost("epoch")
    assert acked == [b"placed", b"paid"]
    assert left == dict.fromkeys(("broker-0", "broker-1", "broker-2"), acked)


def test_by_the_high_watermark_two_copies_differ():
    left = two_copies_differ("high watermark")
    assert left == {"broker-0": [b"placed", b"old", b"newer"], "broker-1": [b"placed", b"new", b"newer"]}


def test_by_epochs_they_are_equal():
    assert two_copies_differ("epoch") == dict.fromkeys(("broker-0", "broker-1"), [b"placed", b"new", b"newer"])


# ------------------------------------------------------------------------------------------ acks, and a death


def send_and_kill_the_leader(acks, power=True):
    """Send a record that no follower fetches, and kill the leader. Returns (was it acked, what is left in the end)."""
    world, log = cluster(min_insync_replicas=2)
    shop = Producer(log.client("shop"), acks=acks, patience=1.0)
    shop.send("orders", b"first")
    later(world, 1)
    cut_off_the_followers(world)
    later(world, 1)  # what waits at the leader is answered
    sent = shop.send("orders", b"second")
    later(world, 0.2)
    acked = sent.done and sent.error is None
    world.crash("broker-0", power=power)
    later(world, 10)
    world.calm()
    later(world, 10)
    copies = records_of(log)
    assert len(set(map(tuple, copies.values()))) == 1, copies
    return acked, copies["broker-0"]


@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("acks, acked", [(0, True), (1, True), ("all", False)])
def test_what_only_the_leader_has_dies_with_it(acks, acked, power):
    """LOG-4: acks=0 and acks=1 said "done" of a record that is lost; acks="all" had not said it."""
    assert send_and_kill_the_leader(acks, power) == (acked, [b"first"])


def test_with_acks_all_no_moment_for_the_leader_to_die_loses_an_acked_record():
    """LOG-4: the leader dies at each of 24 moments in the life of four records, and so does the next one."""
    acked = []
    for moment in range(24):
        world, log = cluster(min_insync_replicas=2)
        shop = Producer(log.client("shop"))
        sent = [shop.send("orders", b"%d" % number, key=b"k") for number in (0, 1)]
        world.run(until=2 + moment * 0.008)
        sent += [shop.send("orders", b"%d" % number, key=b"k") for number in (2, 3)]
        world.run(until=2 + moment * 0.011)
        offsets = [one.value.offset for one in sent if one.done]
        assert offsets == list(range(len(offsets)))
        acked.append(len(offsets))
        world.crash("broker-0", power=moment % 2 == 0, down=8.0)
        later(world, 7.5)
        world.crash(info(log).leader, power=moment % 3 == 0, down=2.0)
        later(world, 9)
        assert records_of(log) == dict.fromkeys(log.names, [b"0", b"1", b"2", b"3"]), f"moment {moment}"
        assert [one.value.offset for one in sent] == [0, 1, 2, 3]
    assert min(acked) == 0 and max(acked) == 4, acked


def test_with_acks_0_nobody_says_where_the_record_is():
    world, log = cluster()
    sent = Producer(log.client("shop"), acks=0).send("orders", b"v")
    later(world, 1)
    assert sent.value == ("orders", 0, -1) and records_of(log)["broker-2"] == [b"v"]


def test_with_acks_0_nothing_is_sent_again():
    world, log = cluster()
    shop = Producer(log.client("shop"), acks=0)
    shop.send("orders", b"first")
    later(world, 1)
    world.network.drop("shop", "broker-0")
    sent = shop.send("orders", b"second")
    later(world, 10)
    assert sent.done and sent.error is None and shop.sent == 2
    assert records_of(log)["broker-0"] == [b"first"]


@pytest.mark.parametrize("idempotent, left", [(True, [b"v"]), (False, [b"v", b"v"])])
def test_a_lost_ack_doubles_a_record_unless_the_producer_is_idempotent(idempotent, left):
    """LOG-4: the leader has the record, and the answer is lost."""
    world, log = cluster()
    shop = Producer(log.client("shop"), idempotent=idempotent)
    shop.send("orders", b"v")
    while not log.replica("orders", 0).end:
        later(world, 0.001)
    world.network.drop("broker-0", "shop")
    later(world, 5)
    assert shop.sent == 2 and records_of(log)["broker-0"] == left


def test_a_dead_leader_with_the_record_does_not_double_it_either():
    """LOG-4: the new leader knows the batch of an idempotent producer from its copy."""
    world, log = cluster(min_insync_replicas=2)
    shop = Producer(log.client("shop"))
    sent = shop.send("orders", b"v")
    while log.replica("orders", 0, "broker-1").end == 0 or log.replica("orders", 0, "broker-2").end == 0:
        later(world, 0.001)
    assert not sent.done
    world.crash("broker-0")
    later(world, 15)
    assert sent.value.offset == 0 and info(log).leader == "broker-1"
    world.calm()
    later(world, 5)
    assert records_of(log) == dict.fromkeys(log.names, [b"v"])


# ----------------------------------------------------------------------------------------------------- in sync


def test_a_slow_follower_leaves_the_set_after_max_lag_and_comes_back():
    world, log = cluster(max_lag=3.0)
    shop = Producer(log.client("shop"))
    world.network.cut("broker-2", "broker-0")
    sent = shop.send("orders", b"v")
    later(world, 2)
    assert set(info(log).isr) == {"broker-0", "broker-1", "broker-2"} and not sent.done, "all in sync have to have it"
    later(world, 3)
    assert set(info(log).isr) == {"broker-0", "broker-1"}
    assert sent.value.offset == 0, "the slow one holds nobody up any more"
    world.network.heal()
    later(world, 4)
    assert set(info(log).isr) == {"broker-0", "broker-1", "broker-2"}
    assert records_of(log)["broker-2"] == [b"v"]
    assert info(log).epoch == 0, "no election was needed"


def test_an_idle_follower_stays_in_the_set():
    world, log = cluster(max_lag=1.0)
    later(world, 30)
    assert set(info(log).isr) == set(log.names)


def test_too_few_in_sync_are_an_error_that_says_so_and_write_nothing():
    world, log = cluster(min_insync_replicas=3, max_lag=1.0)
    shop = Producer(log.client("shop"), patience=4.0)
    world.crash("broker-2")
    later(world, 10)
    sent = shop.send("orders", b"v")
    later(world, 6)
    error = sent.error
    assert isinstance(error, NotEnoughReplicas) and error.retriable
    assert error.needed == 3 and set(error.isr) == {"broker-0", "broker-1"}
    assert records_of(log)["broker-0"] == []
    patient = Producer(log.client("shop")).send("orders", b"w")
    world.restart("broker-2")
    later(world, 6)
    assert patient.value.offset == 0


def test_acks_1_is_taken_with_too_few_in_sync():
    world, log = cluster(min_insync_replicas=3, max_lag=1.0)
    world.crash("broker-2")
    later(world, 10)
    sent = Producer(log.client("shop"), acks=1).send("orders", b"v")
    later(world, 1)
    assert sent.value.offset == 0
    assert log.replica("orders", 0).high_watermark == 0, "but it does not count as safe (KIP-966)"


def test_the_leader_does_not_trust_a_set_whose_fate_it_does_not_know():
    """LOG-4: the controller takes a follower into the set, and its answer never comes. Until the leader has heard of
    it, it waits for that follower as well, since it may be elected."""
    world, log = cluster(max_lag=2.0, min_insync_replicas=2)
    shop = Producer(log.client("shop"))
    shop.send("orders", b"u")
    later(world, 1)
    world.network.cut("broker-1", "broker-0")
    later(world, 6)
    assert set(info(log).isr) == {"broker-0", "broker-2"}
    world.network.cut("controller", "broker-0")
    world.network.heal("broker-1", "broker-0")
    while "broker-1" not in info(log).isr:
        later(world, 0.05)
    later(world, 1.5)  # the leader's question has timed out
    world.network.cut("broker-1", "broker-0")
    sent = shop.send("orders", b"v")
    later(world, 1)
    acked = sent.done
    world.crash("broker-0")
    world.network.heal()
    later(world, 12)
    assert info(log).leader == "broker-1" and not acked
    world.calm()
    later(world, 10)
    assert records_of(log) == dict.fromkeys(log.names, [b"u", b"v"])


def test_a_request_to_change_the_set_that_comes_late_changes_nothing():
    world, log = cluster(max_lag=2.0)
    late = []
    handle = log.controller.handle

    def listen(message):
        if type(message).__name__ == "AlterIsr":
            late.append(message)
        return handle(message)

    world.listen("controller", listen, "controller")
    for _ in range(2):
        world.network.cut("broker-2", "broker-0")
        later(world, 6)
        world.network.heal()
        later(world, 4)
    world.network.cut("broker-2", "broker-0")
    later(world, 6)
    assert len(late) >= 5 and set(info(log).isr) == {"broker-0", "broker-1"}
    for message in late:
        with pytest.raises(EvlabError, match="version|epoch"):
            handle(message)
    assert set(info(log).isr) == {"broker-0", "broker-1"}


# --------------------------------------------------------------------------------------------------- elections


def only_the_one_behind_is_left(unclean):
    """broker-1 and broker-2 are not in sync and lack the last record; then broker-0 dies."""
    world, log = cluster(max_lag=1.0, unclean=unclean)
    shop = Producer(log.client("shop"), patience=8.0)
    shop.send("orders", b"first")
    later(world, 1)
    cut_off_the_followers(world)
    later(world, 4)
    sent = shop.send("orders", b"second")
    later(world, 1)
    assert sent.value.offset == 1 and info(log).isr == ("broker-0",)
    world.crash("broker-0")
    world.network.heal()
    later(world, 10)
    return world, log, shop


def test_who_is_not_in_sync_does_not_lead():
    world, log, shop = only_the_one_behind_is_left(unclean=False)
    assert info(log).leader is None and info(log).isr == ("broker-0",)
    third = shop.send("orders", b"third")
    later(world, 12)
    assert isinstance(third.error, BrokerUnavailable) and third.error.retriable
    world.restart("broker-0")
    later(world, 8)
    assert records_of(log) == dict.fromkeys(log.names, [b"first", b"second"])


def test_an_unclean_election_loses_what_was_acked():
    world, log, shop = only_the_one_behind_is_left(unclean=True)
    assert info(log).leader == "broker-1" and "broker-0" not in info(log).isr
    third, fourth = shop.send("orders", b"third"), shop.send("orders", b"fourth")
    later(world, 4)
    assert (third.value.offset, fourth.value.offset) == (1, 2)
    world.restart("broker-0")
    later(world, 8)
    assert records_of(log) == dict.fromkeys(log.names, [b"first", b"third", b"fourth"])


def test_after_an_unclean_election_an_idempotent_producer_goes_on_in_a_new_epoch():
    """The new leader lacks what came before: it refuses the next sequence once, and takes it from 0 on."""
    world, log, shop = only_the_one_behind_is_left(unclean=True)
    id_before, epoch_before = shop.producer_id, shop.producer_epoch
    third = shop.send("orders", b"third", partition=0)
    later(world, 4)
    assert third.value.offset == 1 and (shop.producer_id, shop.producer_epoch) == (id_before, epoch_before + 1)
    state = log.replica("orders", 0).partition.producers
    assert state.epoch_of(id_before) == epoch_before + 1
    shop.send("orders", b"fourth")
    later(world, 1)
    assert shop.producer_epoch == epoch_before + 1, "and it stays in that one"


def test_a_transaction_does_not_go_on_after_an_unclean_election():
    """A part of it may be lost, so it is given up as a whole."""
    world, log = cluster(max_lag=1.0, unclean=True)
    till = Producer(log.client("till"), transactional_id="till-1")
    ended = []

    def pay():
        yield till.begin()
        till.send("orders", b"first")
        yield till.flush()
        yield 4.0
        till.send("orders", b"second")
        yield till.flush()
        yield 12.0
        till.send("orders", b"third")
        try:
            yield till.commit()
        except InvalidUse as error:
            ended.append(error.__cause__)
        yield till.abort()
        yield till.begin()
        till.send("orders", b"fourth")
        yield till.commit()

    world.spawn(pay(), "till")
    later(world, 1)
    cut_off_the_followers(world)
    later(world, 6)
    world.crash("broker-0")
    world.network.heal()
    later(world, 9)
    assert info(log).leader == "broker-1"
    world.restart("broker-0")
    later(world, 25)
    assert isinstance(ended[0], OutOfOrderSequence)
    replica = log.replica("orders", 0)
    assert replica.last_stable == replica.end and not replica.partition.producers.open
    assert list(committed_in(replica.partition).values()) == [b"fourth"]


# ----------------------------------------------------------------------------------------- what is noted of the mark


def test_a_broker_that_starts_again_knows_how_far_its_copies_are_safe():
    world, log = cluster()
    shop = Producer(log.client("shop"))
    for value in (b"one", b"two"):
        shop.send("orders", value)
        later(world, 2)
    marks = {name: log.replica("orders", 0, name).high_watermark for name in log.names}
    assert set(marks.values()) == {2}
    cut_off_the_followers(world)  # nobody tells the next life
    world.crash("broker-0")
    later(world, 0.5)
    world.restart("broker-0")
    assert load_marks(log.env.files("broker-0"))["orders", 0] == 2
    later(world, 0.1)
    assert log.replica("orders", 0, "broker-0").high_watermark == 2


def test_the_noted_mark_is_never_beyond_the_end():
    """After a cut, or when the disk has lost what was not synced."""
    world, log = cluster(flush="never")
    shop = Producer(log.client("shop"))
    for value in (b"one", b"two"):
        shop.send("orders", value)
        later(world, 2)
    for name in ("controller", "broker-1", "broker-2"):
        world.network.cut("broker-0", name)
    world.crash("broker-0")
    world.disk("broker-0")._blobs["orders-0/00000000000000000000.log"].data.clear()
    world.restart("broker-0")
    log.brokers["broker-0"]._learn(log.metadata)
    replica = log.replica("orders", 0, "broker-0")
    assert replica.high_watermark <= replica.end == 0


@pytest.mark.parametrize("text", ["", "0\n2\norders 0 2\n", "1\n1\norders 0 2\n", "0\n1\norders 0 x\n", "0\n1\n\xff",
                                  "0\n1\norders 0 2 9\n"])
def test_a_damaged_note_is_no_note(text):
    files = World(1).files("broker-0")
    save_marks(files, {("orders", 0): 2})
    assert load_marks(files) == {("orders", 0): 2}
    file = files.open(MARKS_FILE)
    file.truncate(0)
    file.append(text.encode("latin-1"))
    assert load_marks(files) == {}


# ---------------------------------------------------------------------------------------------------- who leads first


def test_leaders_are_spread_though_the_brokers_register_one_after_another():
    world = World(7)
    log = Log(env=world, brokers=3)
    log.create_topic("orders", 6, replication=2)  # before any of them is up
    world.run(until=1)
    assert [one.leader for one in log.metadata.topics["orders"].partitions] == ["broker-0", "broker-1", "broker-2"] * 2


def test_a_partition_does_not_wait_long_for_a_first_replica_that_is_down():
    world = World(7)
    log = Log(env=world, brokers=3)
    world.crash("broker-1")
    log.create_topic("orders", 3, replication=2)
    world.run(until=1)
    assert [one.leader for one in log.metadata.topics["orders"].partitions] == ["broker-0", None, "broker-2"]
    world.run(until=4)
    assert [one.leader for one in log.metadata.topics["orders"].partitions] == ["broker-0", "broker-2", "broker-2"]
    log.create_topic("payments", 2)
    world.run(until=5)
    assert log.metadata.topics["payments"].partitions[1].leader is None, "its only copy is on broker-1"


def test_a_leader_that_the_controller_has_given_up_acks_nothing_more():
    """It still believes that it leads. What it takes is cut off when it comes back."""
    world, log = cluster(min_insync_replicas=2)
    shop = Producer(log.client("shop"))
    shop.send("orders", b"u")
    later(world, 1)
    for node in ("controller", "broker-1", "broker-2"):
        world.network.cut("broker-0", node)
        world.network.cut(node, "broker-0")
    for name in ("broker-1", "broker-2"):
        world.network.cut("shop", name)
    sent = shop.send("orders", b"v")
    later(world, 9)
    old = log.replica("orders", 0, "broker-0")
    assert old.leads and old.end == 2 and not sent.done and info(log).leader == "broker-1"
    another = Producer(log.client("other shop")).send("orders", b"w")
    later(world, 6)
    assert another.value.offset == 1
    world.calm()
    later(world, 10)
    assert records_of(log) == dict.fromkeys(log.names, [b"u", b"w", b"v"]) and sent.value.offset == 2


def test_each_election_raises_the_epoch_and_stamps_it_into_the_batches():
    world, log = cluster()
    shop = Producer(log.client("shop"))
    for number in range(3):
        shop.send("orders", b"%d" % number)
        later(world, 2)
        world.crash(info(log).leader, down=8.0)
        later(world, 12)
    entries = log.replica("orders", 0).partition.epochs.entries
    assert [offset for _, offset in entries][:3] == [0, 1, 2]
    assert [epoch for epoch, _ in entries] == sorted({epoch for epoch, _ in entries})


def test_while_the_controller_is_down_the_brokers_go_on_and_elect_nobody():
    world, log = cluster()
    shop = Producer(log.client("shop"))
    world.crash("controller")
    sent = shop.send("orders", b"v", partition=0)
    later(world, 8)
    assert records_of(log)["broker-0"] == [] or sent.done
    world.restart("controller")
    later(world, 5)
    assert sent.value.offset == 0 and set(log.metadata.topics) >= {"orders"} and info(log).leader == "broker-0"


def test_a_controller_that_slept_does_not_take_the_others_for_dead():
    world, log = cluster()
    world.pause("controller", 20.0)
    later(world, 25)
    assert info(log).epoch == 0 and log.metadata.brokers == log.names


def test_a_broker_alone_is_its_own_controller():
    world = World(3)
    log = Log(env=world, brokers=1)
    log.create_topic("orders", 1)
    shop = Producer(log.client("shop"))
    shop.send("orders", b"a")
    later(world, 1)
    for power in (True, False):
        world.crash("broker-0", power=power, down=1.0)
        later(world, 2)
    shop.send("orders", b"b")
    later(world, 5)
    assert records_of(log)["broker-0"] == [b"a", b"b"]


def test_without_fsync_a_power_loss_of_all_brokers_loses_and_a_kill_does_not():
    left = {}
    for power in (True, False):
        world, log = cluster(flush="never", min_insync_replicas=3)
        sent = [Producer(log.client("shop"), batch_records=1).send("orders", b"v%d" % n) for n in range(5)]
        later(world, 3)
        assert all(one.value for one in sent)
        for name in log.names:
            world.crash(name, power=power, down=1.0)
        later(world, 10)
        left[power] = len(records_of(log)[info(log).leader])
    assert left[False] == 5 > left[True]


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("more", [{"brokers": 0}, {"brokers": -1}, {"brokers": True}, {"brokers": 1.0},
                                  {"brokers": "3"}, {"brokers": None}, {"truncation": "offset"},
                                  {"truncation": None}, {"max_lag": -1}, {"max_lag": None},
                                  {"max_lag": "1"}, {"max_lag": float("nan")}])
def test_a_log_that_cannot_be(more):
    with pytest.raises(InvalidUse):
        Log(env=World(1), **more)


@pytest.mark.parametrize("config", [{"replication": 4}, {"replication": 0}, {"min_insync_replicas": 2},
                                    {"cleanup": "no"}, {"replication": 2, "min_insync_replicas": 3}, {"colour": "red"}])
def test_a_topic_that_cannot_be(config):
    world, log = cluster()
    with pytest.raises(InvalidUse):
        log.create_topic("other", 1, **config)
    assert log.topics() == ["orders"]


def test_a_topic_is_not_made_in_silence_while_the_controller_is_down():
    world, log = cluster()
    world.crash("controller")
    with pytest.raises(BrokerUnavailable, match="controller"):
        log.create_topic("other", 1)


def test_the_errors_of_a_broker_teach():
    world, log = cluster()
    with pytest.raises(NotLeader) as caught:
        log.replica("orders", 0, "broker-1").check_leads()
    assert caught.value.retriable and "broker-1 does not lead orders-0" in str(caught.value)


def test_housekeeping_passes_over_a_dead_broker():
    world, log = cluster()
    world.crash("broker-1")
    assert log.expire() == [] and log.compact() == {}
    assert "orders" in repr(log)
    log.close()
