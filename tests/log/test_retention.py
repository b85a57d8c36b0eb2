"""Which segments retention deletes: whole ones, from the oldest on, by the rules of Kafka."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition_files import Crash, batch, content, mounted, open_on, records_in

from evlab.log.partition import Partition
from evlab.log.retention import expire
from evlab.sim.disk import Disk

SIZE = len(batch(b"x" * 20))


def partition_with(*stamps, disk=None, **settings):
    """A partition with a segment for each of these timestamps, one batch in each, the last one active."""
    settings = {"segment_bytes": SIZE, "retention_ms": None, **settings}
    partition = open_on(disk or Disk(), **settings)
    for ts in stamps:
        partition.append(batch(b"x" * 20, ts=ts))
    assert len(partition.segments) == len(stamps)
    return partition


def left(partition):
    return [segment.base_offset for segment in partition.segments]


def test_by_time_a_segment_goes_when_its_newest_record_is_too_old():
    for now, first in ((1100, 0), (1101, 1), (1200, 1), (1201, 2)):
        partition = partition_with(1000, 1100, 5000, retention_ms=100)
        assert len(expire(partition, now)) == first
        assert left(partition) == [0, 1, 2][first:]


def test_a_segment_is_as_old_as_its_newest_record_not_as_its_first_or_last():
    partition = open_on(Disk(), segment_bytes=3 * SIZE, retention_ms=100)
    for ts in (1000, 1500, 1000, 1000, 1000, 1000, 9000):
        partition.append(batch(b"x" * 20, ts=ts))
    assert expire(partition, 1600) == []
    assert len(expire(partition, 1601)) == 2


def test_a_timestamp_from_the_future_keeps_its_segment_and_all_after_it():
    partition = partition_with(1000, 10**9, 1000, 1000, retention_ms=100)
    assert expire(partition, 10**6) == ["00000000000000000000.log"]
    assert left(partition) == [1, 2, 3]


def test_the_newest_segment_is_replaced_when_it_is_too_old():
    disk = Disk()
    partition = partition_with(1000, 1000, disk=disk, retention_ms=100)
    assert len(expire(partition, 5000)) == 2
    assert (left(partition), partition.start, partition.end, partition.size) == ([2], 2, 2, 0)
    assert expire(partition, 9000) == [], "an empty one is not too old"
    assert partition.append(batch(b"x")) == 2
    assert open_on(disk).end == 3


@pytest.mark.parametrize("limit, kept", [(4 * SIZE, 4), (4 * SIZE - 1, 4), (3 * SIZE + 1, 4), (3 * SIZE, 3),
                                         (2 * SIZE, 2), (SIZE, 1), (SIZE - 1, 1), (1, 1), (0, 1), (None, 4)])
def test_by_size_never_below_what_is_to_be_kept(limit, kept):
    partition = partition_with(1, 2, 3, 4, retention_bytes=limit)
    expire(partition, 10**9)
    assert len(partition.segments) == kept
    assert limit in (None, 0) or partition.size >= min(limit, 4 * SIZE)
    assert partition.size == (0 if limit == 0 else kept * SIZE)


@pytest.mark.parametrize("below, gone", [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (None, 4)])
@pytest.mark.parametrize("settings", [{"retention_ms": 0}, {"retention_bytes": 0}])
def test_only_what_is_below_the_high_watermark_is_deleted(settings, below, gone):
    partition = partition_with(1, 2, 3, 4, **settings)
    assert len(expire(partition, 10**9, below)) == gone
    assert partition.start == gone


def test_a_segment_that_reaches_beyond_the_high_watermark_stays_whole():
    partition = open_on(Disk(), segment_bytes=2 * SIZE, retention_ms=0)
    for _ in range(6):
        partition.append(batch(b"x" * 20))
    expire(partition, 10**9, below=3)
    assert left(partition) == [2, 4]


def test_both_rules_together_delete_what_either_deletes():
    assert left_after(retention_ms=100, retention_bytes=SIZE) == [3]
    assert left_after(retention_ms=100, retention_bytes=9 * SIZE) == [2, 3]


def left_after(**settings):
    partition = partition_with(1000, 1000, 5000, 5000, **settings)
    expire(partition, 5000)
    return left(partition)


def test_a_compacted_topic_keeps_its_records():
    partition = partition_with(1, 2, 3, retention_ms=0, retention_bytes=0, cleanup="compact")
    assert expire(partition, 10**9) == [] and left(partition) == [0, 1, 2]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.one_of(st.none(), st.integers(0, 500)),
       st.one_of(st.none(), st.integers(0, 9 * SIZE)), st.one_of(st.none(), st.integers(0, 9)))
def test_against_the_rules_written_down(stamps, ms, limit, below):
    """kafka.md: by time `now - largest > ms`; by size while (total - limit) - size >= 0; only below the mark."""
    partition = partition_with(*stamps, retention_ms=ms, retention_bytes=limit)
    gone = by_size = 0
    while ms is not None and gone < len(stamps) and 1000 - stamps[gone] > ms:
        gone += 1
    while limit is not None and by_size < len(stamps) and SIZE * (len(stamps) - by_size) - limit - SIZE >= 0:
        by_size += 1
    gone = max(gone, by_size)
    gone = gone if below is None else min(gone, below)
    names = expire(partition, 1000, below)
    assert names == [f"{base:020d}.log" for base in range(gone)]
    assert (partition.start, partition.end) == (gone, len(stamps))


def test_a_crash_at_any_use_of_the_disk_leaves_a_suffix():
    """Whatever was deleted when the process died, what is left is the end of the log, and it can be written on."""
    starts = set()
    for at in itertools.count(1):
        disk = Disk()
        partition_with(1, 2, 3, 9000, disk=disk, retention_ms=10)
        files, strikes = mounted(disk)
        config = partition_with(1).config
        partition = Partition(files, "t", 0, config)
        strikes.at = strikes.count + at
        try:
            partition.config = open_on(Disk(), retention_ms=10).config
            expire(partition, 9000)
        except Crash:
            disk.lose_power(random.Random(at))
        again = open_on(disk, segment_bytes=SIZE)
        assert [record[0] for record in records_in(again)] == list(range(again.start, 4))
        assert {name[:20] for name in content(disk) if name[:1] == "0"} - {f"{again.end:020d}"} <= {
            f"{base:020d}" for base in range(5)}
        names = [name for name in content(disk) if name.endswith(("index", ".log"))]
        assert len(names) == 3 * len(again.segments), "no file is left without its segment"
        assert again.append(batch(b"y")) == 4
        starts.add(again.start)
        if not strikes.hit:
            break
    assert starts == {0, 1, 2, 3}
