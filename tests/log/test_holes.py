"""Holes between batches: those that a broker of Kafka has left are read over, and damage to our own is still named.

written_by_kafka/stock-0 was written, rolled and compacted by Apache Kafka 4.1.1 (clients: confluent-kafka 2.16): of
65 records 14 are left, in four segments. Offsets are missing at the start, inside and at the end of them.
"""

from __future__ import annotations

import pathlib
import shutil

import pytest
from kafka_dump import kafka_dump
from partition_files import batch, batches_in, content, copy_of, first_log, flip, open_on, records_in

from evlab.errors import InvalidUse
from evlab.files import DiskFiles
from evlab.log import Consumer, Log
from evlab.log.compaction import compact
from evlab.log.dump import dump
from evlab.log.holes import BROKERS_FILE
from evlab.log.partition import Partition
from evlab.log.records import CorruptBatch, read_header
from evlab.log.topics import TopicConfig
from evlab.sim.disk import Disk

FOLDER = pathlib.Path(__file__).parent / "written_by_kafka/stock-0"
KAFKAS = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
T = 1_700_000_000_000
STOCK = [(26, b"only-1", b"kept"), (50, b"only-2", b"kept, too"), (53, b"item-2", b'{"left":8}'),
         (54, b"item-3", b'{"left":7}'), (55, b"item-4", b'{"left":6}'), (56, b"item-5", b'{"left":5}'),
         (57, b"item-6", None), (58, b"item-7", b'{"left":3}'), (59, b"item-1", b"last"), (60, b"new", b"x"),
         (61, b"end", b"y"), (62, b"item-0", b"sold out"), (63, b"open", b"z"), (64, b"end", b"z")]
"""What Kafka's own tool shows of it."""
COMPACT = {"cleanup": "compact", "retention_ms": None}
SMALL = {**COMPACT, "segment_bytes": 400, "index_interval": 100}


def stock(files=KAFKAS, *, clean=True, **config):
    return open_on(copy_of(files), **{**COMPACT, **config}, clean=clean)


def rows(partition):
    return [(offset, key, value) for offset, _, key, value, _ in records_in(partition)]


def placed(data):
    """(byte, header) of each batch of a `.log`."""
    at = 0
    while at < len(data):
        header = read_header(data, at)
        yield at, header
        at += header.size


def logs_of(files):
    return sorted(name for name in files if name.endswith(".log"))


# ------------------------------------------------------------------------------------------------------- of Kafka


@pytest.mark.parametrize("clean", [True, False])
def test_what_a_broker_has_compacted_is_opened_and_read_over_its_holes(clean):
    """LOG-5."""
    log = stock(clean=clean)
    assert (log.start, log.end, log.cut, log.epochs.entries) == (0, 65, 0, [(0, 0)])
    assert rows(log) == STOCK and content(log.files._disk)[first_log] == KAFKAS[first_log]
    for offset in range(66):
        found = batches_in(log, offset, max_bytes=1)
        assert [record[0] for one in found for record in one.records if record[0] >= offset] == [
            one for one, _, _ in STOCK if one >= offset]
    assert log.append(batch(b"evlab goes on")) == 65


def test_a_consumer_reads_over_them(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("stock", **COMPACT)
    folder = tmp_path / "broker-0/stock-0"
    shutil.rmtree(folder)
    files = DiskFiles(folder)
    for name, data in KAFKAS.items():
        files.open(name).append(data)
    with Log(tmp_path) as log, Consumer(log, "shelf", "stock") as consumer:
        got = [record for _ in range(5) for record in consumer.poll()]
        assert [(record.offset, record.key, record.value) for record in got] == STOCK
        assert consumer.commit().done and [row.lag for row in log.lag("shelf")] == [0]


def test_our_compaction_fills_them(tmp_path):
    """LOG-5: and Kafka's tool reads the result."""
    shutil.copytree(FOLDER, tmp_path / "stock-0")
    log = Partition(DiskFiles(tmp_path / "stock-0"), "stock", 0, TopicConfig(**COMPACT))
    log.append(batch(b"3", key=b"item-2", ts=T))
    log.roll()
    assert compact(log, T, force=True).after == 13  # of each key the last, and one tombstone
    assert [(record.offset, record.key) for one in batches_in(log) for record in one.records] == [
        (offset, key) for offset, key, _ in STOCK if offset not in (53, 61)] + [(65, b"item-2")]
    due = 0
    for segment in log.segments:
        for placed_one in segment.headers():
            assert placed_one.header.base_offset == due
            due = placed_one.header.next_offset
    log.close()
    names = [f"stock-0/{path.name}" for path in sorted((tmp_path / "stock-0").glob("*.log"))]
    assert kafka_dump(tmp_path, *names) == [line for name in names for line in dump(tmp_path / name).splitlines()]


def test_a_follower_fills_them():
    """In its newest segment nothing would vouch for them."""
    leader, follower = stock(), open_on(Disk(), **COMPACT)
    while data := leader.read(follower.end):
        follower.append_copy(data)
    assert rows(follower) == STOCK and follower.end == 65
    assert [one.base_offset for one in batches_in(follower)][:3] == [0, 27, 51]
    again = open_on(follower.files._disk, **COMPACT)
    assert rows(again) == STOCK
    with pytest.raises(InvalidUse):  # not in a topic that has no holes
        open_on(Disk()).append_copy(leader.read(0))


@pytest.mark.parametrize("more", [{"cleanup": "delete"}, {"cleanup": "compact"}])
def test_only_in_a_compacted_topic_and_only_in_a_folder_of_kafkas(more):
    files = {name: data for name, data in KAFKAS.items() if more["cleanup"] == "delete" or name != BROKERS_FILE}
    with pytest.raises(CorruptBatch, match="Next step") as caught:
        stock(files, **more)
    assert caught.value.path == first_log and caught.value.offset == (0 if more["cleanup"] == "delete" else 27)
    assert (BROKERS_FILE in str(caught.value)) == (more["cleanup"] == "compact")


def test_a_hole_before_the_last_batch_of_all_is_refused():
    """Nothing vouches for it: the offset may be damaged."""
    name = logs_of(KAFKAS)[-1]
    size = next(placed(KAFKAS[name]))[1].size
    with pytest.raises(CorruptBatch) as caught:
        stock({**KAFKAS, name: KAFKAS[name][size:]})
    assert (caught.value.path, caught.value.offset) == (name, 63)


@pytest.mark.parametrize("clean", [True, False])
def test_a_flipped_offset_in_a_brokers_log_is_named_or_stays_in_its_hole(clean):
    """LOG-3: whatever is read has offsets that rise, the right values, and no segment is removed or shortened."""
    named = 0
    for name in logs_of(KAFKAS):
        for at, _ in placed(KAFKAS[name]):
            for bit in range(8 * at, 8 * at + 64):
                damaged = {**KAFKAS, name: flip(KAFKAS[name], bit)}
                disk = copy_of(damaged)
                try:
                    found = rows(open_on(disk, **COMPACT, clean=clean))
                except CorruptBatch:
                    named += 1
                else:
                    assert [row[1:] for row in found] == [row[1:] for row in STOCK]
                    offsets = [offset for offset, _, _ in found]
                    assert offsets == sorted(set(offsets)) and offsets[-1] == 64
                assert {one: content(disk)[one] for one in logs_of(KAFKAS)} == {
                    one: damaged[one] for one in logs_of(KAFKAS)}
    assert named > 12 * 64 * 0.9


# ---------------------------------------------------------------------------------------------------------- of our own


def ours():
    """The files of a compacted topic of ours: segments that were compacted, that were not, and the newest."""
    disk = Disk()
    log = open_on(disk, **SMALL)
    for number in range(25):
        values = [b"%d" % number] * (1 + number % 2)
        log.append(batch(*values, key=b"k%d" % (number * number % 7), ts=1000 + 10 * number))
        if number == 15:
            log.roll()
            compact(log, T, force=True)
    log.close()
    return content(disk)


def from_each_offset(log, end):
    return [[record[:4] for one in batches_in(log, offset) for record in one.records if record.offset >= offset]
            for offset in range(end + 1)]


@pytest.mark.parametrize("clean, cleanup", [(True, "compact"), (False, "compact"), (True, "delete")])
def test_a_damaged_offset_in_our_own_log_is_named(clean, cleanup):
    """LOG-3: each bit of where each batch begins, which no CRC covers, and of where it ends. Readers who begin before
    it, in it or behind it get `CorruptBatch`, or what was there. The rule for Kafka's holes takes nothing from that."""
    files, tried = ours(), 0
    log = open_on(copy_of(files), **SMALL)
    right, end = from_each_offset(log, log.end), log.end
    assert len(log.segments) > 3 and len(right[0]) < 37 == end
    for name in logs_of(files):
        for at, header in placed(files[name]):
            offsets = sorted({0, *range(max(0, header.base_offset - 1), min(header.last_offset + 2, end)), end})
            for bit in [*range(8 * at, 8 * at + 64), *range(8 * at + 184, 8 * at + 216)]:
                damaged = {**files, name: flip(files[name], bit)}
                disk = copy_of(damaged)
                place, tried = f"bit {bit - 8 * at} of the batch at byte {at} of {name}", tried + 1
                try:
                    opened = open_on(disk, **{**SMALL, "cleanup": cleanup}, clean=clean)
                except CorruptBatch:
                    opened = None
                named = opened is None
                for offset in () if opened is None else offsets:
                    try:
                        found = [record[:4] for one in batches_in(opened, offset) for record in one.records
                                 if record.offset >= offset]
                        assert found == right[offset], f"{place}, read from {offset}"
                    except CorruptBatch:
                        named = True
                assert named, place
                assert all(content(disk)[one] == damaged[one] for one in logs_of(files)), place
    assert tried > 1000


def test_our_own_segment_that_has_lost_its_end_or_a_whole_one_is_named():
    files = ours()
    for before, name in zip(logs_of(files), logs_of(files)[1:-1], strict=False):
        lost = {one: data for one, data in files.items() if one != name}
        with pytest.raises(CorruptBatch) as caught:
            open_on(copy_of(lost), **COMPACT)
        assert caught.value.path == before
    for name in logs_of(files)[:-1]:
        *_, (at, last) = placed(files[name])
        with pytest.raises(CorruptBatch) as caught:
            open_on(copy_of({**files, name: files[name][:at]}), **COMPACT)
        assert (caught.value.path, caught.value.offset) == (name, last.base_offset)
