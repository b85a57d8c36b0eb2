"""A topic drawn as strips: every record in its place, the marks of readers and copies, and what is no longer there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.log import Consumer, Log, Producer, UnknownTopic
from evlab.log.partitioner import partition
from evlab.sim import World
from evlab.viz import partition_strips
from evlab.viz.partitions import CELL, LABEL

NAMESPACE = "{http://www.w3.org/2000/svg}"


class Shop:
    """A topic `orders` in a World, and somebody who sends to it."""

    def __init__(self, partitions=3, brokers=1, seed=1, **config):
        self.world = World(seed)
        self.log = Log(env=self.world, brokers=brokers)
        self.world.run(until=1)
        self.log.create_topic("orders", partitions, **config)
        self.producer = Producer(self.log.client("shop"))
        self.send([])

    def send(self, keys, value=b"v", wait=1.0):
        def sending():
            for key in keys:
                self.producer.send("orders", value, key=key)
            yield self.producer.flush()

        self.world.spawn(sending(), "shop")
        self.world.run(until=self.world.now() + wait)

    def read(self, some, commits=True):
        """A consumer that polls `some` records, once, and stays."""
        consumer = Consumer(self.log.client("email"), "email", "orders", name="email-1")

        def reading():
            got = 0
            while got < some:
                got += len(consumer.poll(some - got))
                yield 0.1
            if commits:
                yield consumer.commit()
            while True:
                yield 1

        self.world.spawn(reading(), "email")
        self.world.run(until=self.world.now() + 10)
        return consumer


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def cells_of(figure, number):
    """The cells of a partition, as the words tell them."""
    lines = figure.text.split("\n")
    at = next(index for index, line in enumerate(lines) if line.startswith(f"  partition {number}:"))
    return lines[at + 1].split()


def line_of(figure, number):
    return next(line for line in figure.text.split("\n") if line.startswith(f"  partition {number}:"))


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_each_record_stands_in_the_partition_of_its_key_by_offset(drawings):
    shop, keys = Shop(), [f"order-{n % 5}" for n in range(15)]
    shop.send(keys)
    figure = partition_strips(shop.log, "orders")
    for number in range(3):
        here = [key[6:] for key in keys if partition(key.encode(), 3) == number]
        assert cells_of(figure, number) == [f"{offset}:{key}" for offset, key in enumerate(here)] or here == []
        assert {key for key in here} <= set(texts_of(figure))
    assert "in a cell: its offset, its key (order-…)" in texts_of(figure)
    assert clean(drawings[-1])


def test_a_colour_stays_with_its_key_and_lit_colours_one_alone():
    shop = Shop(1)
    shop.send(["a", "b", "a"])
    figure = partition_strips(shop.log, "orders")
    first, second, third = cells_fill(figure)
    assert first == third != second
    assert len(set(cells_fill(partition_strips(shop.log, "orders", lit=["b"]))[::2])) == 1
    assert cells_fill(partition_strips(shop.log, "orders", keys=["b", "a"]))[1] == first


def cells_fill(figure):
    """The border of each cell, from left to right: a cell is as wide as CELL, less the gap."""
    return re.findall(rf'width="{CELL - 2}"[^>]*?stroke="(#\w+)"', figure.svg)


def test_committed_position_and_lag_are_marked_where_they_are(drawings):
    shop = Shop(1)
    shop.send([f"order-{n}" for n in range(10)])
    consumer = shop.read(4)
    shop.world.run(until=shop.world.now() + 1)
    figure = partition_strips(shop.log, "orders", "email", consumers=[consumer])
    assert "email committed 4, lag 6, owner email-1; position 4" in line_of(figure, 0)
    assert {"committed and position 4", "lag 6, email-1"} <= set(texts_of(figure))
    assert f'points="{LABEL + 4 * CELL - 1},' in figure.svg
    assert figure.svg.count("url(#hatch-") == 1
    assert clean(drawings[-1])


def test_a_position_ahead_of_what_is_committed_has_a_mark_of_its_own(drawings):
    shop = Shop(1)
    shop.send([f"order-{n}" for n in range(10)])
    consumer = shop.read(7, commits=False)
    figure = partition_strips(shop.log, "orders", "email", consumers=[consumer])
    assert "email committed -, owner email-1; position 7" in line_of(figure, 0)
    assert "position 7" in texts_of(figure) and not any("committed" in text for text in texts_of(figure))
    assert f'points="{LABEL + 7 * CELL - 1},' in figure.svg
    assert clean(drawings[-1])


@pytest.mark.parametrize(("count", "hidden"), [(15, 0), (16, 2), (400, 386)])
def test_of_a_long_partition_the_ends_are_drawn_and_the_gap_is_counted(drawings, count, hidden):
    shop = Shop(1)
    shop.send(["order-1"] * count)
    figure = partition_strips(shop.log, "orders")
    assert texts_of(figure).count("1") + texts_of(figure).count("1 ×") >= count - hidden
    assert (f"... {hidden:,} more ..." in figure.text) is bool(hidden)
    assert str(count - 1) in texts_of(figure)
    assert clean(drawings[-1])


def test_copies_show_who_leads_who_is_in_sync_and_what_is_not_given_out_yet(drawings):
    shop = Shop(1, brokers=3, replication=3, min_insync_replicas=2)
    shop.send(["a", "b"])
    leader, *others = shop.log.metadata.partition("orders", 0).replicas
    for other in others:
        shop.world.crash(other)
    shop.send(["c"], wait=0.3)
    figure = partition_strips(shop.log, "orders")
    line = line_of(figure, 0)
    assert f"high watermark 2; {leader} leader to 3, {others[0]} down, {others[1]} down" in line
    assert {"high watermark 2", f"{leader} leader", f"{others[0]} down"} <= set(texts_of(figure))
    assert figure.svg.count('stroke-dasharray="4 3"') == 1  # the third record
    assert clean(drawings[-1])
    assert "high watermark" not in partition_strips(shop.log, "orders", copies=False).text


def test_what_is_drawn_is_the_leaders_copy_while_a_follower_is_behind():
    shop = Shop(1, brokers=2, replication=2)
    shop.send(["a", "b"])
    leader, follower = shop.log.metadata.partition("orders", 0).replicas
    shop.world.crash(follower)
    shop.send(["c"], wait=20)
    shop.world.restart(follower)
    for _ in range(500):
        shop.world.run(until=shop.world.now() + 0.005)
        figure = partition_strips(shop.log, "orders")
        if f"{follower} out of sync to 2" in figure.text:
            break
    assert f"{leader} leader to 3, {follower} out of sync to 2" in line_of(figure, 0)
    assert cells_of(figure, 0) == ["0:a", "1:b", "2:c"]


def test_with_no_copy_up_the_picture_says_so(drawings):
    shop = Shop(2, brokers=2, replication=2)
    shop.send(["a", "b"])
    for broker in shop.log.names:
        shop.world.crash(broker)
    figure = partition_strips(shop.log, "orders", "email")
    assert figure.text.startswith("orders: of 2 of 2 partitions no copy is up")
    assert "partition 0: no broker that has it is up" in figure.text
    assert clean(drawings[-1])


def test_an_open_transaction_is_marked_by_the_last_stable_offset(drawings, monkeypatch):
    shop = Shop(1)
    shop.send(["a", "b", "c"])
    replica = shop.log.replica("orders", 0)
    monkeypatch.setattr(type(replica), "last_stable", property(lambda self: min(1, self.high_watermark)))
    figure = partition_strips(shop.log, "orders", copies=True)
    assert "last stable offset 1" in line_of(figure, 0)
    assert {"last stable 1", "high watermark 3"} <= set(texts_of(figure))
    assert clean(drawings[-1])


def test_after_retention_the_strip_begins_at_the_logs_start(drawings):
    shop = Shop(1, segment_bytes=100, retention_ms=5000)
    for _ in range(4):
        shop.send(["a", "b"])
    shop.world.run(until=shop.world.now() + 4)
    assert shop.log.expire()
    start = shop.log.replica("orders", 0).partition.start
    figure = partition_strips(shop.log, "orders")
    assert start > 0 and f"start {start}" in texts_of(figure) and "0:a" not in figure.text
    assert clean(drawings[-1])


def test_what_compaction_took_is_a_hole_and_a_tombstone_has_a_cross(drawings):
    shop = Shop(1, segment_bytes=100, cleanup="compact")
    for _ in range(3):
        shop.send(["a", "b"])
    shop.send(["b"], value=None)
    shop.send(["c"])
    shop.log.compact(force=True)
    figure = partition_strips(shop.log, "orders")
    cells = cells_of(figure, 0)
    assert cells[0] == "0:(gone)" and "6:b×" in cells and "4:a" in cells
    assert figure.svg.count('stroke-dasharray="1.5 3"') == sum("gone" in cell for cell in cells) > 0
    assert "6 ×" in texts_of(figure) and any("tombstone" in text for text in texts_of(figure))
    assert clean(drawings[-1])


def test_a_record_without_a_key_says_so_and_a_label_of_ones_own_is_taken():
    shop = Shop(1)
    shop.send([None])
    assert cells_of(partition_strips(shop.log, "orders"), 0) == ["0:no", "key"]
    assert cells_of(partition_strips(shop.log, "orders", label=lambda record: record.value.decode()), 0) == ["0:v"]


def test_long_keys_keep_the_end_that_tells_them_apart_and_words_their_beginning():
    shop = Shop(partitions=1)
    shop.send(["order-1042", "customer-1043", "Nordrhein-Westfalen", None])
    shown = texts_of(partition_strips(shop.log, "orders"))
    assert len([text for text in shown if text.startswith("…") and text.endswith(("042", "043"))]) == 2
    assert any(text.startswith("Nor") and text.endswith("…") for text in shown)
    assert "none" in shown and any("none: no key" in text for text in shown)


def test_a_long_legend_is_broken_into_lines_and_not_cut_off(drawings):
    shop = Shop(partitions=1, brokers=3, replication=3, min_insync_replicas=2)
    shop.send(["order-1", "order-2", None])
    shop.send(["order-1"], value=None)
    shop.read(1)
    leader = shop.log.metadata.partition("orders", 0).leader
    for name in set(shop.log.names) - {leader}:
        shop.world.crash(name)
    shop.send(["order-3"], wait=4)
    figure = partition_strips(shop.log, "orders", "email", copies=True)
    assert clean(drawings[-1])
    legend = " ".join(text for text in texts_of(figure) if ": " in text)
    assert all(words in legend for words in ("its key (order-…)", "none: no key", "a tombstone", "not committed yet"))
    assert "dashed: above the high watermark, not given to readers" in legend


def test_an_empty_topic_is_drawn(drawings):
    figure = partition_strips(Shop(4).log, "orders", "email")
    assert figure.text.count("0 records") == 5 and figure.text.count("empty") == 4
    assert clean(drawings[-1])


def test_the_finding_names_the_fullest_partition_and_a_title_of_ones_own_wins():
    shop = Shop(3)
    shop.send(["order-1042"] * 5)
    home = partition(b"order-1042", 3)
    assert f"partition {home} has the most, 5" in partition_strips(shop.log, "orders").alt
    assert partition_strips(shop.log, "orders", title="Mine").text.startswith("Mine\n")


def test_foreign_keys_stay_on_the_page_as_text(drawings, hostile):
    shop = Shop(2)
    shop.send([hostile[:300].encode("utf-8", "replace")] * 3)
    figure = partition_strips(shop.log, "orders", "email")
    assert ElementTree.fromstring(figure.svg).tag == f"{NAMESPACE}svg"
    assert "<script" not in figure.html and "\u202e" not in figure.text
    assert drawings[-1].overflow() == []


def test_the_picture_is_the_same_each_time():
    pictures = set()
    for _ in range(2):
        shop = Shop(3, brokers=3, replication=3)
        shop.send([f"order-{n}" for n in range(9)])
        pictures.add(partition_strips(shop.log, "orders", "email").svg)
    assert len(pictures) == 1


def test_what_makes_no_sense_is_refused():
    log = Shop(25).log
    with pytest.raises(InvalidUse, match="25 partitions"):
        partition_strips(log, "orders")
    with pytest.raises(InvalidUse, match="title"):
        partition_strips(Shop(1).log, "orders", title=" ")
    with pytest.raises(UnknownTopic):
        partition_strips(log, "nowhere")
