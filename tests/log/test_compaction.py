"""Compaction: of each key the last record stays, and no crash, no truncation, no repetition brings anything back."""

from __future__ import annotations

import errno
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partition_files import Crash, batch, batches_in, content, flip, mounted, open_on, records_in

from evlab.log.compaction import compact, dirty_ratio
from evlab.log.partition import Partition, PartitionFailed
from evlab.log.records import CorruptBatch, encode_batch, marker
from evlab.log.topics import TopicConfig
from evlab.sim.disk import Disk

DELETE = {"cleanup": "compact", "delete_retention_ms": 100}
X = {"producer_id": 7, "producer_epoch": 0, "transactional": True}


def put(partition, *pairs, **fields):
    """One batch of (key, value) pairs, each a letter or a word."""
    rows = [(1000, key.encode(), value and value.encode(), ()) for key, value in pairs]
    return partition.append(encode_batch(rows, **fields))


def partition_of(*pairs, disk=None, **more):
    """A segment for each pair, and an empty active one."""
    partition = open_on(disk or Disk(), **{**DELETE, "segment_bytes": 1, **more})
    for pair in pairs:
        put(partition, pair)
    partition.roll()
    return partition


def short(partition):
    """(offset, key, value) of all records but markers."""
    return [(one.offset, one.key.decode(), one.value and one.value.decode())
            for part in batches_in(partition) if not part.control for one in part.records]


def table(partition, keep_deleted=False):
    """What a reader makes of it: the last value of each key."""
    found = {key: value for _, key, value in short(partition)}
    return found if keep_deleted else {key: value for key, value in found.items() if value is not None}


# -------------------------------------------------------------------------------------------------------- when


def test_it_is_due_when_more_than_half_is_dirty_and_not_at_half():
    partition = partition_of(("a", "1"), ("b", "1"))
    assert dirty_ratio(partition) == 1
    assert compact(partition, 0) is not None and dirty_ratio(partition) == 0
    assert compact(partition, 0) is None
    put(partition, ("c", "1"))
    put(partition, ("d", "1"))
    partition.roll()
    assert dirty_ratio(partition) == 0.5 and compact(partition, 0) is None, "strictly more than the ratio"
    put(partition, ("e", "1"))
    partition.roll()
    assert dirty_ratio(partition) > 0.5 and compact(partition, 0) is not None


@pytest.mark.parametrize("ratio, due", [(0, True), (0.99, True), (1, False)])
def test_the_ratio_is_the_topics(ratio, due):
    assert (compact(partition_of(("a", "1"), min_cleanable_ratio=ratio), 0) is not None) == due


def test_the_newest_segment_is_never_touched():
    partition = open_on(Disk(), **DELETE)
    for number in range(5):
        put(partition, ("a", str(number)))
    assert compact(partition, 0, force=True) is None and len(short(partition)) == 5
    partition.roll()
    put(partition, ("a", "new"))
    compact(partition, 0, force=True)
    assert short(partition) == [(4, "a", "4"), (5, "a", "new")]


def test_nothing_is_touched_that_reaches_beyond_the_last_stable_offset():
    partition = partition_of(*[("a", str(number)) for number in range(6)])
    compact(partition, 0, below=3, force=True)
    assert short(partition) == [(2, "a", "2"), (3, "a", "3"), (4, "a", "4"), (5, "a", "5")]


# -------------------------------------------------------------------------------------------------------- what


def test_offsets_never_change_and_batches_follow_each_other_without_a_gap():
    disk = Disk()
    partition = open_on(disk, **DELETE, segment_bytes=300)
    rng, right = random.Random(1), {}
    for number in range(60):
        pairs = [(rng.choice("abcdef"), f"{number}/{part}") for part in range(rng.randrange(1, 4))]
        offset = put(partition, *pairs)
        right |= {key: (offset + part, key, value) for part, (key, value) in enumerate(pairs)}
    partition.roll()
    done = compact(partition, 0, force=True)
    assert short(partition) == sorted(right.values()) and (done.after, done.keys) == (len(right), len(right))
    assert done.before > 60 and done.bytes_before > done.bytes_after == partition.size
    expected = partition.start
    for one in batches_in(partition):
        assert one.base_offset == expected
        expected = one.last_offset + 1
    assert expected == partition.end
    for offset, key, _ in right.values():
        assert batches_in(partition, offset)[0].base_offset <= offset, key
    assert short(open_on(disk, **DELETE)) == sorted(right.values())


def test_what_a_batch_says_of_its_producer_stays():
    partition = open_on(Disk(), **DELETE)
    for number in range(4):
        put(partition, ("a", "1"), ("b", str(number)), producer_id=7, producer_epoch=3, base_sequence=2 * number)
    put(partition, ("a", "end"), codec="gzip")
    partition.roll()
    compact(partition, 0, force=True)
    first, second = batches_in(partition)
    assert (first.producer_id, first.producer_epoch, first.last_sequence, first.last_offset) == (7, 3, 7, 7)
    assert first.base_sequence == 0 and first.base_offset == 0, "the hole before it is its own now"
    assert [one.offset for one in first.records] == [7] and second.codec == "gzip"


def test_segments_are_merged_as_far_as_they_fit():
    one = len(encode_batch([(1000, b"a", b"1", ())]))
    for limit, bases in ((1, [0, 1, 2, 3, 4]), (2 * one, [0, 2, 4]), (3 * one + 1, [0, 3]), (99 * one, [0])):
        disk = Disk()
        partition = partition_of(*[(key, "1") for key in "abcde"], disk=disk)
        partition.config = TopicConfig(**DELETE, segment_bytes=limit)
        compact(partition, 0, force=True)
        assert [segment.base_offset for segment in partition.segments] == [*bases, 5]
        assert len(short(partition)) == 5
        assert len([name for name in content(disk) if name.endswith((".log", "index"))]) == 3 * len(partition.segments)


# -------------------------------------------------------------------------------------------------- tombstones


def test_a_tombstone_stays_until_a_clean_after_its_horizon():
    """The first clean that meets it stamps now + delete.retention.ms; a later one, at that time or after, drops it."""
    partition = partition_of(("a", "1"), ("a", None), ("b", "1"))
    compact(partition, 1000, force=True)
    assert short(partition) == [(1, "a", None), (2, "b", "1")]
    assert [one.delete_horizon for one in batches_in(partition) if one.count] == [1100, None]
    assert [record[1] for record in records_in(partition)] == [1000, 1000], "its timestamp stays what it was"
    compact(partition, 1099, force=True)
    assert short(partition) == [(1, "a", None), (2, "b", "1")]
    assert [one.delete_horizon for one in batches_in(partition) if one.count] == [1100, None], "stamped once"
    compact(partition, 1100, force=True)
    assert short(partition) == [(2, "b", "1")]


def test_however_late_the_first_clean_is_it_drops_no_tombstone():
    partition = partition_of(("a", "1"), ("a", None))
    compact(partition, 10**12, force=True)
    assert short(partition) == [(1, "a", None)]


def test_a_tombstone_that_a_value_follows_goes_at_once():
    partition = partition_of(("a", None), ("a", "2"))
    compact(partition, 0, force=True)
    assert short(partition) == [(1, "a", "2")]


def test_a_key_that_is_deleted_after_a_clean_does_not_come_back():
    """Its value is in the clean part, its tombstone in the first segment of the dirty one."""
    partition = partition_of(("a", "1"), ("b", "1"))
    compact(partition, 0, force=True)
    put(partition, ("a", None))
    put(partition, ("c", "1"))
    partition.roll()
    for now, there in ((0, {"a": None}), (99, {"a": None}), (100, {})):
        compact(partition, now, force=True)
        assert table(partition, keep_deleted=True) == {"b": "1", "c": "1"} | there


def test_a_deleted_key_does_not_come_back_after_a_truncation():
    """What stands at offsets that were cut off and written anew was never compacted, whatever the checkpoint says."""
    partition = partition_of(*[(key, "1") for key in "abcdef"])
    compact(partition, 0, force=True)
    partition.truncate(3)
    put(partition, ("a", None))
    put(partition, ("z", "1"))
    partition.roll()
    for now in (0, 500, 1000):
        compact(partition, now, force=True)
        assert "a" not in table(partition)
    assert table(partition) == {"b": "1", "c": "1", "z": "1"}


# ------------------------------------------------------------------------------------------------ transactions


def test_aborted_records_are_dropped_and_markers_stay():
    partition = open_on(Disk(), **DELETE)
    put(partition, ("a", "committed before"))
    put(partition, ("a", "aborted"), ("b", "aborted"), base_sequence=0, **X)
    partition.append(marker(False, producer_id=7, producer_epoch=0, timestamp=1))
    put(partition, ("c", "committed"), base_sequence=2, **X)
    partition.append(marker(True, producer_id=7, producer_epoch=0, timestamp=1))
    put(partition, ("d", "after"), base_sequence=3, **X)
    partition.append(marker(True, producer_id=7, producer_epoch=0, timestamp=1))
    partition.roll()
    for _ in range(3):
        compact(partition, 0, force=True)
        assert short(partition) == [(0, "a", "committed before"), (4, "c", "committed"), (6, "d", "after")]
        assert [one.last_offset for one in batches_in(partition) if one.control] == [3, 5, 7]


# ------------------------------------------------------------------------------------------------- many runs

steps = st.lists(st.one_of(
    st.tuples(st.just("put"), st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", None])),
                                       min_size=1, max_size=3)),
    st.tuples(st.just("clean"), st.sampled_from([0, 50, 150])), st.tuples(st.just("clean below"), st.floats(0, 1)),
    st.tuples(st.just("roll"), st.none()), st.tuples(st.just("reopen"), st.booleans())), max_size=40)


@settings(max_examples=150)
@given(steps, st.sampled_from([1, 200, 5000]))
def test_a_reader_of_the_table_sees_no_difference(steps, segment_bytes):
    """Whatever is written and whenever it is compacted: the last value of each key, and no key that was deleted."""
    disk, right, now = Disk(), {}, 0
    partition = open_on(disk, **DELETE, segment_bytes=segment_bytes)
    for step, what in steps:
        if step == "put":
            put(partition, *what)
            right |= dict(what)
        elif step == "roll":
            partition.roll()
        elif step == "reopen":
            if what:
                partition.close()
            partition = open_on(disk, **DELETE, segment_bytes=segment_bytes, clean=what)
        else:
            now += what if step == "clean" else 0
            before, below = short(partition), None if step == "clean" else round(what * partition.end)
            compact(partition, now, below, force=True)
            after = short(partition)
            assert set(after) <= set(before) and after == sorted(after)
            assert all(one in after for one in before if one[0] >= partition.active.base_offset)
        assert table(partition) == {key: value for key, value in right.items() if value is not None}


# ------------------------------------------------------------------------------------------- crashes, failures


def messy(disk, cleans=1):
    """A partition with three groups of segments, tombstones that are due, and one clean behind it."""
    partition = open_on(disk, **DELETE, segment_bytes=170)
    rng = random.Random(3)
    for number in range(18):
        put(partition, (rng.choice("abcd"), str(number)), (rng.choice("abcd"), rng.choice([None, "x"])))
        if number == 9 and cleans:
            partition.roll()
            compact(partition, 0, force=True)
    put(partition, ("e", "1"))
    put(partition, ("e", None))
    put(partition, ("f", "1"))
    partition.roll()
    return partition


def test_a_crash_at_any_use_of_the_disk_loses_no_value_and_brings_no_key_back():
    """Old segments or new ones; then it is compacted again, by now with the tombstones gone."""
    ends = set()
    for at in itertools.count(1):
        disk = Disk()
        right = table(messy(disk))
        files, strikes = mounted(disk)
        partition = Partition(files, "t", 0, TopicConfig(**DELETE, segment_bytes=500))
        before, strikes.at = short(partition), strikes.count + at
        try:
            compact(partition, 500, force=True)
        except Crash:
            disk.lose_power(random.Random(at))
        again = open_on(disk, **DELETE, segment_bytes=500)
        there = short(again)
        assert set(there) <= set(before) and there == sorted(there), f"use {at}"
        assert table(again) == right and again.end == partition.end
        ends.add(len(again.segments))
        for now in (500, 2000):
            compact(again, now, force=True)
            assert table(again) == right, f"use {at}, cleaned again"
        assert not [name for name in content(disk) if name.endswith((".cleaned", ".tmp"))] or strikes.hit
        bases = {f"{segment.base_offset:020d}" for segment in again.segments}
        assert {name[:20] for name in content(disk) if name.endswith(("log", "index"))} == bases, f"use {at}"
        if not strikes.hit:
            break
    assert at > 60 and len(ends) > 2


def test_a_disk_that_fails_in_a_compaction_fails_the_partition_and_loses_nothing():
    for at in itertools.count(1):
        disk = Disk()
        right = table(messy(disk))
        files, strikes = mounted(disk, error=lambda text: OSError(errno.EIO, text))
        partition = Partition(files, "t", 0, TopicConfig(**DELETE, segment_bytes=500))
        strikes.at = strikes.count + at
        try:
            compact(partition, 500, force=True)
        except PartitionFailed:
            with pytest.raises(PartitionFailed):
                partition.append(batch(b"x"))
        except OSError:  # while it was reading: nothing had been changed
            pass
        assert table(open_on(disk, **DELETE)) == right, f"use {at}"
        if not strikes.hit:
            break


def test_damage_is_not_compacted_away():
    disk = Disk()
    messy(disk, cleans=0)
    name = "0" * 20 + ".log"
    for bit in range(8 * 61, 8 * len(content(disk)[name]), 37):
        files = content(disk)
        damaged = flip(files[name], bit)
        copy = Disk()
        partition = messy(copy, cleans=0)
        copy._blobs[name].data[:] = damaged
        try:
            compact(partition, 0, force=True)
        except CorruptBatch as error:
            assert error.path == name and error.position <= bit // 8
            assert content(copy)[name] == damaged
        else:
            assert 12 <= (bit // 8) % 83 < 16 or table(partition) == table(messy(Disk(), cleans=0))
