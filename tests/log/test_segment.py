"""A segment's files: what stands in them, byte for byte, and the look-ups that the two indexes serve."""

from __future__ import annotations

import random
import struct

import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st
from partition_files import batch, content, copy_of, view

from evlab.log.records import CorruptBatch, decode_batches, read_header
from evlab.log.segment import Segment, numbered, segment_name
from evlab.sim.disk import Disk


def segment_on(disk, base=0, interval=4096):
    return Segment(view(disk), base, index_interval=interval)


def add(segment, *values, ts=1000, step=1):
    """Append one batch, at the end; its header."""
    data = batch(*values, ts=ts, step=step, base_offset=segment.next_offset)
    segment.append(data, [read_header(data)])
    return read_header(data)


def entries(disk, base=0):
    """The entries of the two index files: [(relative offset, position)], [(timestamp, relative offset)]."""
    files = content(disk)
    return (list(struct.iter_unpack(">ii", files[f"{segment_name(base)}.index"])),
            list(struct.iter_unpack(">qi", files[f"{segment_name(base)}.timeindex"])))


def test_its_files_are_named_by_the_base_offset():
    disk = Disk()
    segment_on(disk, 42)
    assert sorted(content(disk)) == [f"00000000000000000042.{ending}" for ending in ("index", "log", "timeindex")]
    assert numbered(["00000000000000000042.log", "42.log", "x.log", "00000000000000000007.log"], ".log") == [7, 42]


def test_the_log_is_the_batches_back_to_back_and_nothing_else():
    disk = Disk()
    segment = segment_on(disk, 5)
    parts = [batch(b"a", base_offset=5), batch(b"b", b"c", base_offset=6)]
    segment.append(b"".join(parts), [read_header(part) for part in parts])
    assert content(disk)["00000000000000000005.log"] == b"".join(parts)
    assert (segment.next_offset, segment.size) == (8, len(b"".join(parts)))


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 4), st.integers(0, 3000)), max_size=40),
       st.sampled_from([0, 100, 300, 1000]), st.integers(0, 2**40), st.integers(1, 3))
def test_the_sparse_rule(batches, interval, base, together):
    """An entry when MORE than `interval` bytes came since the last one, made before the batch is counted: so the first
    batch never has one. It holds the last offset of the batch, and the byte where it begins. The time index gets an
    entry then if the largest timestamp grew, and one more when the segment is full.
    """
    disk = Disk()
    segment = segment_on(disk, base, interval)
    right, times, since, position, offset = [], [], 0, 0, base
    largest, newest = -1, base
    waiting, headers = b"", []
    for size, count, ts in batches:
        data = batch(*[b"x" * size] * count, ts=ts, base_offset=offset)
        waiting, headers = waiting + data, [*headers, read_header(data)]
        offset += count
        if len(headers) == together:
            segment.append(waiting, headers)
            waiting, headers = b"", []
        if ts + count - 1 > largest:
            largest, newest = ts + count - 1, offset - 1
        if since > interval:
            right.append((offset - 1 - base, position))
            if not times or largest > times[-1][0]:
                times.append((largest, newest - base))
            since = 0
        since, position = since + len(data), position + len(data)
    if headers:
        segment.append(waiting, headers)
    assert entries(disk, base) == (right, times)
    assert not right or right[0][1] > 0, "the first batch has none"
    segment.seal()
    if batches and (not times or largest > times[-1][0]):
        times.append((largest, newest - base))
    assert entries(disk, base) == (right, times)
    again = segment_on(disk, base, interval)
    again.load()
    assert (again.size, again.next_offset, again.largest) == (position, offset, largest)
    assert (again._since_entry, again.first) == (since, batches[0][2] if batches else None)
    again.rebuild()
    assert entries(disk, base)[0] == right


def test_an_index_entry_needs_more_bytes_than_the_interval():
    size = len(batch(b"x" * 100))
    for interval, expected in ((size - 1, [1, 2, 3]), (size, [2]), (2 * size - 1, [2]), (2 * size, [3])):
        disk = Disk()
        segment = segment_on(disk, 0, interval)
        for _ in range(4):
            add(segment, b"x" * 100)
        assert [offset for offset, _ in entries(disk)[0]] == expected, f"interval {interval}, batches of {size}"


@pytest.mark.parametrize("stale", [False, True])
def test_look_ups_are_those_of_a_linear_scan(stale):
    """By offset and by time, with timestamps that go back and forth; with the index of another segment, too."""
    rng = random.Random(1)
    for _ in range(40):
        disk, spread = Disk(), rng.choice([0, 3, 500])
        segment = segment_on(disk, 100, rng.choice([0, 150, 600]))
        for number in range(rng.randrange(1, 25)):
            add(segment, *[b"x" * rng.randrange(90)] * rng.randrange(1, 4), ts=max(0, 10 * number +
                rng.randrange(-spread, spread + 1)), step=rng.choice([-2, 0, 5]))
        segment.seal()
        if stale:
            files = content(disk)
            other = segment_on(other_disk := Disk(), 100, 100)
            for number in range(12):
                add(other, b"y" * rng.randrange(50), ts=7 * number)
            other.seal()
            name = segment_name(100)
            disk = copy_of(content(other_disk) | {f"{name}.log": files[f"{name}.log"]})
            segment = segment_on(disk, 100, 100)
            segment.load()
        placed = list(segment.batches())
        for offset in range(100, segment.next_offset + 1):
            right = next((position for position, _, header in placed if header.last_offset >= offset), segment.size)
            assert segment.position_of(offset) == right
        records = [record for _, data, _ in placed for record in next(decode_batches(data)).records]
        times = {record.timestamp + more for record in records for more in (-1, 0, 1)} | {-1, 0, 10_000}
        for time in sorted(times, key=lambda time: rng.random()):
            right = next((record.offset for record in records if record.timestamp >= time), None)
            assert segment.offset_of(time) == right, f"time {time}"


def patched(data, at, value):
    """The batch with some bytes of its header changed, and a CRC that fits."""
    data = bytearray(data)
    data[at:at + len(value)] = value
    data[17:21] = crc32c(bytes(data[21:])).to_bytes(4)
    return bytes(data)


def test_a_timestamp_whose_record_was_compacted_away_is_no_record():
    """Kafka's header may still say 5000; then the next record that is late enough is the answer."""
    segment = segment_on(Disk())
    late = patched(batch(b"a", b"b", ts=1000), 35, (5000).to_bytes(8))
    for data in (late, batch(b"c", ts=2000, base_offset=2), batch(b"d", ts=4000, base_offset=3)):
        segment.append(data, [read_header(data)])
    assert [segment.offset_of(time) for time in (1001, 1500, 2500, 4500, 5001)] == [1, 2, 3, None, None]


def test_a_batch_that_cannot_be_unpacked_is_given_as_a_whole():
    segment = segment_on(Disk(), 7)
    data = patched(batch(b"a", b"b", ts=1000, base_offset=7), 21, (3).to_bytes(2))  # lz4
    segment.append(data, [read_header(data)])
    assert segment.offset_of(1001) == 7


def test_a_look_up_by_time_does_not_believe_a_damaged_batch():
    """LOG-3."""
    disk = Disk()
    segment = segment_on(disk)
    add(segment, b"aaaa", b"bbbb")
    disk._blobs[segment.path].data[-3] ^= 1
    with pytest.raises(CorruptBatch) as caught:
        segment.offset_of(1001)
    assert caught.value.path == segment.path


def test_a_read_gives_whole_batches_and_at_least_one():
    segment = segment_on(Disk(), 0, 100)
    sizes = [add(segment, *[b"x" * 30] * count).size for count in (1, 3, 1, 2)]
    assert [one.base_offset for one in decode_batches(segment.read(0, 1 << 20))] == [0, 1, 4, 5]
    assert [one.base_offset for one in decode_batches(segment.read(2, 1 << 20))] == [1, 4, 5]
    for most in range(0, sum(sizes) + 50, 7):
        found = [one.size for one in decode_batches(segment.read(0, most))]
        assert found == sizes[:len(found)] and found
        assert len(found) == max(1, sum(sum(sizes[:count]) <= most for count in range(1, 5)))
    assert segment.read(7, 100) == b""
    assert segment.read(0, 1 << 20, end=0) == segment.read(0, 1 << 20, end=3)[:0] == b""
    assert len(list(decode_batches(segment.read(0, 1 << 20, end=4)))) == 2


def test_a_read_names_the_file_that_is_damaged():
    disk = Disk()
    segment = segment_on(disk)
    for _ in range(3):
        add(segment, b"x")
    size = len(batch(b"x"))
    disk._blobs["0" * 20 + ".log"].data[size + 65] ^= 4
    assert len(segment.read(0, size)) == size
    for offset in (0, 1):
        with pytest.raises(CorruptBatch) as caught:
            segment.read(offset, 1 << 20)
        assert (caught.value.path, caught.value.position, caught.value.offset) == ("0" * 20 + ".log", size, 1)
    assert len(segment.read(2, 1 << 20)) == size


def test_offsets_that_do_not_go_on_are_named():
    """The CRC does not cover the base offset, so what tells is that one batch begins where the last one ended."""
    disk = Disk()
    segment = segment_on(disk)
    for offset in (0, 1, 3):
        data = batch(b"x", base_offset=offset)
        segment.append(data, [read_header(data)])
    for use in (lambda: segment.read(0, 1 << 20), segment.rebuild, lambda: list(segment.batches()),
                lambda: segment_on(disk).load()):
        with pytest.raises(CorruptBatch) as caught:
            use()
        assert caught.value.offset == 2 and caught.value.path in str(caught.value)


def test_truncate_makes_the_indexes_anew():
    disk = Disk()
    segment = segment_on(disk, 0, 100)
    for number in range(9):
        add(segment, b"x" * 30, ts=1000 - number)
    before = entries(disk)
    segment.truncate(segment.position_of(4))
    assert (segment.next_offset, segment.largest, entries(disk)[0]) == (4, 1000, [e for e in before[0] if e[0] < 4])
    segment.truncate(0)
    assert (segment.next_offset, segment.largest, segment.first, segment.size, entries(disk)) == (
        0, -1, None, 0, ([], []))


def test_a_removed_segment_leaves_no_file():
    disk = Disk()
    segment = segment_on(disk)
    add(segment, b"x")
    segment.remove()
    assert content(disk) == {}


def test_who_reads_in_order_looks_for_nothing(monkeypatch):
    """One read of the file for each batch, however far it is from an entry of the index."""
    segment = segment_on(Disk(), interval=1 << 20)
    for number in range(200):
        add(segment, b"%d" % number)
    reads, read = [], segment._log.read
    monkeypatch.setattr(segment._log, "read", lambda *place: reads.append(place) or read(*place))
    offset = 0
    while data := segment.read(offset, 1):
        offset = read_header(data).next_offset
    assert offset == 200 and len(reads) <= 402, "a batch is read twice: its header, then all of it"


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(0, 2**32))
def test_a_remembered_place_is_right_wherever_reads_stop(sizes, seed):
    """Reads at any offset, cut short by any `end`, in any order, between appends: as from a segment without memory."""
    segment, chance, values = segment_on(Disk(), interval=200), random.Random(seed), []
    for size in sizes:
        values += [b"%d" % (len(values) + number) for number in range(size)]
        add(segment, *values[-size:])
        for _ in range(3):
            offset, end = chance.randrange(len(values)), chance.choice([None, chance.randint(0, len(values))])
            most = chance.choice([1, 200, 5000])
            found = segment.read(offset, most, end)
            segment._places.clear()
            assert found == segment.read(offset, most, end)
            if found:
                records = [record for one in decode_batches(found) for record in one.records]
                assert records[-1].offset >= offset
                assert [record.value for record in records] == values[records[0].offset:records[-1].offset + 1]


def test_a_place_that_was_cut_off_is_forgotten():
    segment = segment_on(Disk())
    first, _ = add(segment, b"aaaa"), add(segment, b"b")
    segment.read(0, 1)
    segment.truncate(0)
    add(segment, b"other", b"values")
    assert [record.value for record in next(decode_batches(segment.read(first.next_offset, 1))).records] == [
        b"other", b"values"]


@pytest.mark.parametrize("lost", [".index", ".timeindex", "the last entry of .index", "all but the first of .index"])
def test_an_index_that_lacks_entries_is_made_anew(lost):
    disk = Disk()
    segment = segment_on(disk, interval=100)
    for number in range(20):
        add(segment, b"x" * 40, ts=1000 + number)
    segment.seal()
    files, name = content(disk), segment_name(0)
    whole = files[f"{name}.index"]
    if lost.startswith("."):
        files[name + lost] = b""
    else:
        files[f"{name}.index"] = whole[:-8] if "last" in lost else whole[:8]
    again = segment_on(disk := copy_of(files), interval=100)
    again.load()
    assert content(disk)[f"{name}.index"] == whole and again.next_offset == 20
    assert entries(disk)[1], "the time index, too"
