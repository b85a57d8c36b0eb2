"""The copies of a partition side by side: who has what, what is gone, and what the leader never had."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.log import Log, Producer, UnknownTopic
from evlab.sim import World
from evlab.viz import replica_logs, replicas
from evlab.viz.replicas import Cell, ReplicaLog

NAMESPACE = "{http://www.w3.org/2000/svg}"
PLACED, PAID = Cell("placed", 0), Cell("paid", 0)


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def cluster(brokers=3, max_lag=30.0, **config):
    world = World(7)
    log = Log(env=world, brokers=brokers, max_lag=max_lag)
    world.run(until=1)
    log.create_topic("orders", 1, replication=brokers, **config)
    world.run(until=2)
    return world, log


def later(world, seconds):
    world.run(until=world.now() + seconds)


def test_it_sees_what_each_broker_has_and_how_far_it_is_safe():
    world, log = cluster()
    shop = Producer(log.client("shop"), acks=1)
    shop.send("orders", b"placed")
    later(world, 2)
    world.network.cut("broker-2", "broker-0")
    later(world, 1)  # what waits at the leader is answered
    shop.send("orders", b"paid")
    later(world, 1)
    both = {0: PLACED, 1: PAID}
    assert replica_logs(log, "orders") == (
        ReplicaLog("broker-0", "leader", both, 1), ReplicaLog("broker-1", "in sync", both, 1),
        ReplicaLog("broker-2", "in sync", {0: PLACED}, 1))


def test_a_broker_that_is_down_shows_what_is_on_its_disk_and_the_next_leader_its_own_epoch():
    world, log = cluster()
    shop = Producer(log.client("shop"))
    shop.send("orders", b"placed")
    later(world, 2)
    world.crash("broker-0")
    later(world, 10)
    shop.send("orders", b"paid")
    later(world, 8)  # it asks the dead one first
    assert replica_logs(log, "orders") == (
        ReplicaLog("broker-0", "down", {0: PLACED}, None),
        ReplicaLog("broker-1", "leader", {0: PLACED, 1: Cell("paid", 1)}, 2),
        ReplicaLog("broker-2", "in sync", {0: PLACED, 1: Cell("paid", 1)}, 2))


def test_a_power_loss_leaves_what_was_synced():
    world, log = cluster(flush="never")
    Producer(log.client("shop")).send("orders", b"placed" * 300)
    later(world, 2)
    world.crash("broker-1")
    assert [(one.part, list(one.cells)) for one in replica_logs(log, "orders")] == [
        ("leader", [0]), ("down", []), ("in sync", [0])]


def test_who_is_too_slow_is_out_of_sync():
    world, log = cluster(max_lag=1.0)
    world.network.cut("broker-2", "broker-0")
    later(world, 5)
    assert [one.part for one in replica_logs(log, "orders")] == ["leader", "in sync", "out of sync"]


def test_the_words_in_the_cells_can_be_chosen_and_a_tombstone_has_a_mark():
    world, log = cluster(brokers=1)
    shop = Producer(log.client("shop"))
    shop.send("orders", b"placed", key="order-1042")
    shop.send("orders", None, key="order-1043")
    later(world, 2)
    assert [cell.words for cell in replica_logs(log, "orders")[0].cells.values()] == ["placed", "×"]
    labelled = replica_logs(log, "orders", label=lambda record: record.key.decode()[-4:])
    assert [cell.words for cell in labelled[0].cells.values()] == ["1042", "1043"]


@pytest.mark.parametrize(("topic", "partition", "error"), [("payments", 0, UnknownTopic), ("orders", 7, InvalidUse)])
def test_what_is_not_there_is_named(topic, partition, error):
    _, log = cluster(brokers=1)
    with pytest.raises(error):
        replica_logs(log, topic, partition)


# ------------------------------------------------------------------------------------------------ the picture

BEFORE = (ReplicaLog("broker-0", "leader", {0: PLACED, 1: PAID}, 2),
          ReplicaLog("broker-1", "in sync", {0: PLACED, 1: PAID}, 1))
AFTER = (ReplicaLog("broker-0", "down", {0: PLACED, 1: PAID}, None), ReplicaLog("broker-1", "leader", {0: PLACED}, 1))


def test_what_a_copy_has_lost_is_crossed_out_and_said(drawings):
    figure = replicas(("acked", BEFORE), ("broker-0 dies", AFTER), title="One is gone")
    assert {"One is gone", "acked", "broker-0 dies", "broker-0, leader, HW 2", "broker-0, down",
            "broker-1, leader, HW 1", "epoch 0", "crossed out: gone since then"} <= set(texts_of(figure))
    assert texts_of(figure).count("paid") == 4, "two before, one on the disk, and one crossed out"
    assert figure.alt == ("One is gone. acked: broker-0 leader, broker-1 in sync. broker-0 dies: broker-0 down, "
                          "broker-1 leader; gone on broker-1.")
    assert figure.text.splitlines() == [
        "One is gone", "  acked", "    broker-0, leader, high watermark 2: epoch 0: 0 placed, 1 paid",
        "    broker-1, in sync, high watermark 1: epoch 0: 0 placed, 1 paid", "  broker-0 dies",
        "    broker-0, down: epoch 0: 0 placed, 1 paid", "    broker-1, leader, high watermark 1: epoch 0: 0 placed",
        "      gone: 1 paid"]
    assert clean(drawings[-1])


def test_what_the_leader_does_not_have_is_marked(drawings):
    logs = (ReplicaLog("broker-0", "in sync", {0: PLACED, 1: Cell("old", 0)}, 2),
            ReplicaLog("broker-1", "leader", {0: PLACED, 1: Cell("new", 1)}, 2))
    figure = replicas(("", logs), title="Two truths")
    assert "1 ≠" in texts_of(figure) and {"epoch 0", "epoch 1"} <= set(texts_of(figure))
    assert "1 old (not the leader’s)" in figure.text and "other than the leader: broker-0" in figure.alt
    assert clean(drawings[-1])


def test_what_took_the_place_of_another_one_stands_above_it(drawings):
    after = (BEFORE[0], ReplicaLog("broker-1", "leader", {0: PLACED, 1: Cell("new", 1)}, 2))
    figure = replicas(("before", BEFORE), ("after", after), title="Replaced")
    assert "      gone: 1 paid" in figure.text.splitlines() and "paid" in texts_of(figure)
    assert clean(drawings[-1])


def test_equal_copies_have_no_marks_of_loss():
    shown = texts_of(replicas(("then", BEFORE), ("now", BEFORE), title="Equal"))
    assert not any("crossed" in text or "≠" in text for text in shown)


def test_a_long_log_shows_its_end():
    cells = {offset: Cell(f"v{offset}", 0) for offset in range(40)}
    figure = replicas(("", (ReplicaLog("broker-0", "leader", cells, 38),)), title="Long")
    shown = texts_of(figure)
    assert "…" in shown and "v39" in shown and "v0" not in shown
    assert "0 v0, 1 v1, …, 37 v37" in figure.text


@pytest.mark.parametrize("seed", range(30))
def test_any_copies_can_be_drawn_and_words_keep_apart(seed, drawings):
    chance = random.Random(seed)
    names = [f"broker-{number}" for number in range(chance.randint(1, 6))]
    moments = []
    for number in range(chance.randint(1, 4)):
        logs = []
        for name in names:
            start, size = chance.choice([0, 5, 1_000_000]), chance.randint(0, 30)
            cells = {start + at: Cell(chance.choice(["placed", "x", "a very long value"]), chance.randint(0, 8))
                     for at in range(size)}
            part = chance.choice(["leader", "in sync", "out of sync", "down"])
            logs.append(ReplicaLog(name, part, cells, None if part == "down" else start + chance.randint(0, size)))
        moments.append((f"moment {number}", tuple(logs)))
    ElementTree.fromstring(replicas(*moments, title="t").svg)
    assert clean(drawings[-1])


def test_hostile_words_do_no_harm(hostile, drawings):
    logs = (ReplicaLog(hostile or "a", "leader", {0: Cell(hostile, 0), 1: PAID}, 1),)
    figure = replicas((hostile, logs), (hostile, logs), title=f"x{hostile}")
    ElementTree.fromstring(figure.svg)
    assert "<script" not in figure.svg and drawings[-1].overflow() == []


@pytest.mark.parametrize(("moments", "title"), [
    ([], "t"), ([("a", BEFORE)] * 5, "t"), ([("a", ())], "t"), ([("a", BEFORE * 4)], "t"), ([("a", BEFORE)], " ")])
def test_what_makes_no_picture_is_refused(moments, title):
    with pytest.raises(InvalidUse):
        replicas(*moments, title=title)


def test_the_same_copies_give_the_same_bytes():
    assert replicas(("a", BEFORE), title="t").svg == replicas(("a", BEFORE), title="t").svg
