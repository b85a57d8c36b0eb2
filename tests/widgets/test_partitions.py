"""The partitions playground without a browser: keys find their partition, move, run hot; readers, clean-up, brokers."""

from __future__ import annotations

import json

import pytest

from evlab.course import load_orders
from evlab.errors import InvalidUse
from evlab.log.partitioner import partition
from evlab.widgets import Partitions
from evlab.widgets.partitions import BUNCH, HOT, MOST_PARTITIONS, STREAM


def shown(playground) -> dict:
    return playground.render()


def row(playground, key: str) -> dict:
    table = shown(playground)["table"]
    return next(dict(zip(table.head, cells, strict=True)) for cells in table.rows if cells[0] == key)


def notes(playground, tone: str) -> list[str]:
    return [note.text for note in shown(playground)["texts"] if note.tone == tone]


def home(key: str, count: int) -> int:
    return partition(key.encode(), count)


def controls(playground) -> dict:
    return {control.id: control for control in shown(playground)["controls"]}


def test_the_stream_is_the_shops_own_orders():
    orders = {order["order_id"]: order for order in load_orders()}
    assert all((orders[name]["customer"]["id"], orders[name]["customer"]["country"]) == (customer, country)
               for name, customer, country in STREAM)


def test_the_same_eight_orders_are_placed_paid_and_shipped_and_each_stays_in_its_partition():
    playground = Partitions()
    for what in ("placed", "paid", "shipped"):
        playground.do("stream")
        assert f"Eight orders were {what}: order-1038 to order-1045" in shown(playground)["said"]
    frame = playground.export(frame=True)
    assert len(frame) == 3 * BUNCH
    for key, found in frame.groupby("key"):
        assert set(found["partition"]) == {home(key, 3)}
        assert list(found["value"]) == [f"{key} 1", f"{key} 2", f"{key} 3"]
    assert "order-1046 to order-1053" in shown(playground.do("stream"))["said"]


def test_a_key_of_ones_own_goes_where_its_hash_says():
    playground = Partitions().do("key", "amina").do("send").do("send")
    assert row(playground, "amina") == {"key": "amina", "records": 2, "in partition": str(home("amina", 3)),
                                        "its next goes to": str(home("amina", 3))}


def test_a_hot_key_fills_one_partition_and_another_partition_does_not_cut_it():
    playground = Partitions().do("hot").do("add").do("hot")
    frame = playground.export(frame=True)
    assert list(frame["partition"].value_counts()) in ([2 * HOT], [HOT, HOT])
    assert len(frame[frame["partition"] == home("order-1042", 4)]) == HOT


def test_one_partition_more_moves_keys_and_leaves_the_records_where_they_are():
    playground = Partitions().do("stream")
    before = playground.export(frame=True)
    playground.do("add")
    moved = sum(home(name, 3) != home(name, 4) for name, *_ in STREAM[:BUNCH])
    assert f"{moved} of 8 keys go to another one from now on" in shown(playground)["said"]
    assert playground.export(frame=True)[["partition", "offset", "key"]].equals(before[["partition", "offset", "key"]])
    assert row(playground, "order-1042")["its next goes to"] == f"{home('order-1042', 4)}, before that 0"
    playground.do("stream")
    assert row(playground, "order-1042")["in partition"] == "0, 2"


def test_partitions_are_added_up_to_a_limit():
    playground = Partitions()
    for _ in range(MOST_PARTITIONS - 3):
        playground.do("add")
    with pytest.raises(InvalidUse, match="enough for a picture"):
        playground.do("add")


def test_a_slow_reader_meets_an_order_upside_down_only_after_the_count_has_changed():
    def run(*more):
        playground = Partitions().do("rate", 1).do("stream").do("stream")
        for action in (*more, "stream", *["wait"] * 8):
            playground.do(action)
        return notes(playground, "bad")

    assert run("send") == []
    assert any("before its event" in line for line in run("add"))


def test_the_reader_stops_goes_on_and_reads_again():
    playground = Partitions().do("reads", False).do("stream").do("stream")
    picture = shown(playground)["pictures"][0].text
    assert "position 0" in picture and not playground.export(frame=True)["committed"].any()
    playground.do("reads", True).do("wait")
    assert playground.export(frame=True)["committed"].all() and not notes(playground, "bad")
    playground.do("reads", False).do("again")
    assert "position 0" in shown(playground)["pictures"][0].text
    assert playground.export(frame=True)["committed"].all(), "a position set back is not a commit"
    assert not notes(playground.do("reads", True).do("wait"), "bad"), "to read again is no wrong order"


def test_levels_show_more_controls_of_the_same_simulation():
    playground = Partitions()
    assert "retention" not in controls(playground) and "broker-0" not in controls(playground)
    assert "high watermark" not in shown(playground)["pictures"][0].text
    playground.do("level", "cleanup")
    assert "retention" in controls(playground) and "broker-0" not in controls(playground)
    playground.do("level", "copies")
    assert {"retention", "broker-0", "broker-1", "broker-2"} <= set(controls(playground))
    assert "high watermark 0" in shown(playground)["pictures"][0].text
    with pytest.raises(InvalidUse):
        Partitions().do("broker-0", False)


def test_retention_deletes_old_segments_and_young_ones_stay():
    playground = Partitions().do("level", "cleanup").do("stream").do("stream").do("retention")
    assert "0 segments" in shown(playground)["said"] and len(playground.export(frame=True)) == 2 * BUNCH
    playground.do("wait").do("wait").do("hot").do("retention")
    assert set(playground.export(frame=True)["key"]) == {"order-1042"}


def test_compaction_keeps_the_last_of_each_key_and_a_tombstone_deletes_its_key():
    playground = Partitions().do("level", "cleanup").do("topic", "status").do("key", "amina")
    for _ in range(4):
        playground.do("hot")
    playground.do("tombstone").do("stream").do("stream").do("compact")
    assert int(shown(playground)["said"].split()[2]) > 0
    frame = playground.export(frame=True)
    assert len(frame[frame["key"] == "amina"]) < 4 * HOT
    assert frame[frame["key"] == "amina"]["value"].isna().any()


def test_a_topic_that_is_compacted_refuses_a_record_without_a_key():
    playground = Partitions().do("level", "cleanup").do("topic", "status").do("key", "").do("send")
    assert len(playground.export(frame=True)) == 0
    assert any("without a key" in line for line in notes(playground, "bad"))
    assert shown(playground)["said"] == "status did not take it."
    assert "without a key" in shown(playground.do("topic", "orders").do("key_by", "none").do("stream"))["said"]


def test_what_works_on_the_other_topic_is_blocked():
    playground = Partitions().do("level", "cleanup")
    with pytest.raises(InvalidUse, match="works on status"):
        playground.do("compact")
    with pytest.raises(InvalidUse, match="works on orders"):
        playground.do("topic", "status").do("retention")


def test_a_tombstone_goes_by_the_second_compaction_and_each_says_what_it_took():
    playground = Partitions().do("level", "cleanup").do("topic", "status").do("key", "amina").do("hot")
    assert "0 records" in shown(playground.do("compact"))["said"] and "left alone" in shown(playground)["said"]
    playground.do("tombstone").do("stream").do("stream").do("stream").do("compact")
    frame = playground.export(frame=True)
    assert frame[frame["key"] == "amina"]["value"].isna().tolist() == [True]
    playground.do("wait").do("wait").do("wait").do("compact")
    assert "1 tombstone that" in shown(playground)["said"]
    assert "amina" not in set(playground.export(frame=True)["key"])


def test_without_a_leader_a_write_waits_and_after_the_election_it_is_there():
    playground = Partitions().do("level", "copies")
    leader = playground.cluster.metadata.partition("orders", home("order-1042", 3)).leader
    playground.do(leader, False).do("send")
    assert notes(playground, "wait") == [
        "1 record is not acked yet: until a new leader is elected, or the copies are in sync again; wait some seconds."]
    playground.do("wait").do("wait")
    assert notes(playground, "wait") == [] and len(playground.export(frame=True)) == 1
    line = next(line for line in shown(playground)["pictures"][0].text.split("\n") if " 1 record," in line)
    assert f"{leader} down" in line and "high watermark 1" in line


def test_a_record_that_waits_says_how_many_copies_an_ack_wants():
    playground = Partitions().do("level", "copies").do("broker-1", False).do("broker-2", False).do("send")
    assert notes(playground, "wait") == [
        "1 record is not acked yet: an ack wants 2 copies in sync (min.insync.replicas), and 1 broker is up."]
    playground.do("broker-0", False)
    assert notes(playground, "wait") == ["1 record is not acked yet: no broker is up."]


def test_with_all_brokers_down_it_says_so_and_recovers_with_every_record():
    playground = Partitions().do("level", "copies").do("stream")
    for number in range(3):
        playground.do(f"broker-{number}", False)
    assert "no broker that has it is up" in shown(playground)["pictures"][0].text
    with pytest.raises(InvalidUse, match="No broker is up"):
        playground.do("retention")
    for number in range(3):
        playground.do(f"broker-{number}", True)
    playground.do("wait").do("wait")
    assert len(playground.export(frame=True)) == BUNCH
    assert shown(playground)["pictures"][0].text.count("in sync") == 6


def test_a_run_is_replayed_from_its_seed_to_the_same_state():
    playground = Partitions(seed=11)
    for action in (("stream",), ("rate", 2), ("key_by", "country"), ("stream",), ("add",), ("hot",),
                   ("level", "copies"), ("broker-1", False), ("stream",), ("wait",), ("broker-1", True), ("wait",)):
        playground.do(*action)
    again = Partitions.replay(json.dumps(playground.export()))
    assert again.digest() == playground.digest()
    assert again.export(frame=True).equals(playground.export(frame=True))
    assert Partitions(seed=12).digest() != Partitions(seed=11).digest()


def test_a_hostile_key_is_a_key():
    playground = Partitions().do("key", "<b>\u202e\ud800</b>").do("send").do("key", "").do("send").do("add")
    assert len(playground.export(frame=True)) == 2
    assert "<b>" not in playground._as_html().replace("&lt;b&gt;", "")
