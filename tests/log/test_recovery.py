"""Torn tails and flipped bits: what recovery cuts, what it names, and what it must never touch.

Each log here is short and has another mixture of batches: the same number of bytes in many short logs is more different
cases than in a long one, and an open costs as much as a log is long.
"""

from __future__ import annotations

import itertools
import random

import pytest
from partition_files import batch, content, copy_of, first_log, flip, lookups, open_on, records_in, view

from evlab.log.partition import Partition
from evlab.log.records import CorruptBatch, decode_batches, encode_batch, marker
from evlab.log.recovery import SECTOR, recover
from evlab.log.segment import Segment
from evlab.log.topics import TopicConfig
from evlab.sim.disk import Disk


def some_batch(rng, number, size=120):
    """A batch as producers send them: keys and headers or none, small values and large ones, packed or not."""
    def value():
        return rng.choice([None, b"", bytes(rng.randrange(size)), rng.randbytes(rng.randrange(size))])

    rows = [(1_700_000_000_000 + 40 * number + rng.randrange(-50, 50), rng.choice([None, b"", b"order-%d" % number]),
             value(), rng.choice([(), (("type", b"OrderPlaced"), ("note", None))])) for _ in range(rng.randrange(1, 4))]
    return encode_batch(rows, codec=rng.choice(["none", "none", "gzip"]), **rng.choice(
        [{}, {"producer_id": 7, "producer_epoch": 0, "base_sequence": number, "transactional": rng.random() < 0.5}]))


def some_log(rng, batches, size=120, **settings):
    """The disk of a partition that was closed in good order, and the partition itself, to compare with."""
    disk = Disk()
    partition = open_on(disk, **settings)
    for number in range(batches):
        partition.append(some_batch(rng, number, size), epoch=number // 3)
        if number % 4 == 3 and 7 in partition.producers.open:
            partition.append(marker(rng.random() < 0.5, producer_id=7, producer_epoch=0, timestamp=1_700_000_000_000))
    partition.close()
    return disk, open_on(disk, clean=True, **settings)


# ----------------------------------------------------------------------------------------------------- torn tails


def read_segment(disk, clean):
    """The first segment, opened after a good close or a crash, and all its records."""
    segment = Segment(view(disk), 0, index_interval=60)
    if clean:
        segment.load()
    else:
        recover(segment)
    offset, found = 0, []
    while offset < segment.next_offset:
        found += decode_batches(segment.read(offset, 1 << 20), check=False)  # it was checked
        assert found and found[-1].next_offset > offset, "a reader comes to the end"
        offset = found[-1].next_offset
    return segment, [record[:5] for one in found for record in one.records]


def test_a_segment_cut_at_any_byte_keeps_its_whole_batches_and_nothing_else():
    """LOG-2: the newest segment is cut at every byte, 64 KiB of segments in all.

    What opens has exactly the batches that end before the cut. The indexes are those of the longer segment.
    """
    rng, bytes_cut = random.Random(1), 0
    while bytes_cut < 64 * 1024:
        disk, whole = some_log(rng, rng.randrange(2, 6), rng.choice([60, 200, 600]), index_interval=60)
        files, log = content(disk), content(disk)[first_log]
        files = {name: files[name] for name in files if name.startswith("0" * 20)}
        ends = [0, *(position + header.size for position, _, header in whole.active.batches())]
        right = {end: [record[:5] for one in decode_batches(log[:end]) for record in one.records] for end in ends}
        assert len(right) > 2
        for cut in range(len(log)):
            copy = copy_of(files | {first_log: log[:cut]})
            segment, records = read_segment(copy, clean=False)
            end = max(end for end in ends if end <= cut)
            assert content(copy)[first_log] == log[:end], f"cut at byte {cut}"
            assert records == right[end] and segment.size == end, f"cut at byte {cut}"
        bytes_cut += len(log)


def test_a_partition_cut_at_any_byte_says_what_one_that_was_never_longer_says():
    """LOG-2: the same for all of a partition: look-ups by offset and time, the producers, the leaders' epochs."""
    rng = random.Random(5)
    for _ in range(3):
        disk, whole = some_log(rng, 5, 200, index_interval=100)
        files, log = content(disk), content(disk)[first_log]
        ends = [0, *(position + header.size for position, _, header in whole.active.batches())]
        times = sorted({record[1] + more for record in records_in(whole) for more in (0, 1)})
        right = {}
        for end in ends:
            short = open_on(Disk(), index_interval=100)
            if end:
                short.append_copy(log[:end])
            right[end] = short, lookups(short, times), records_in(short)
        for cut in range(len(log)):
            opened = open_on(copy_of(files | {first_log: log[:cut]}), index_interval=100)
            end = max(end for end in ends if end <= cut)
            short, said, records = right[end]
            assert opened.cut == cut - end and opened.end == short.end, f"cut at byte {cut}"
            assert opened.producers.to_json() == short.producers.to_json() and opened.epochs.entries == \
                short.epochs.entries
            if cut - end in (0, 1, 60, 61) or cut % 16 == 0:
                assert lookups(opened, times) == said and records_in(opened) == records, f"cut at byte {cut}"
                first = opened.append(batch(b"afterwards"))
                assert first == short.end and records_in(opened)[-1][0] == first


@pytest.mark.parametrize("clean", [True, False])
def test_every_other_file_cut_at_any_byte_costs_nothing(clean):
    """LOG-2: the indexes, the epoch checkpoint, the snapshots of the producers, of a partition of several segments."""
    rng = random.Random(2)
    settings = {"segment_bytes": 1500, "index_interval": 200}
    disk, whole = some_log(rng, 24, 150, **settings)
    assert len(whole.segments) > 2
    files = content(disk)
    others = [name for name in files if not name.endswith(".log") and files[name]]
    assert {name.rpartition(".")[2] for name in others} == {"index", "timeindex", "producers",
                                                            "leader-epoch-checkpoint"}
    times = sorted({record[1] + more for record in records_in(whole) for more in (0, 1)})
    said, records = lookups(whole, times), records_in(whole)
    state, largest = whole.producers.to_json(), [segment.largest for segment in whole.segments]
    for name in others:
        for cut in range(len(files[name])):
            copy = copy_of(files | {name: files[name][:cut]})
            opened = open_on(copy, clean=clean, **settings)
            place = f"{name} cut at byte {cut}"
            assert [segment.largest for segment in opened.segments] == largest, place
            assert lookups(opened, times) == said, place
            assert (opened.producers.to_json(), opened.epochs.entries) == (state, whole.epochs.entries), place
        assert records_in(opened) == records
        assert {key: data for key, data in content(copy).items() if key.endswith(".log")} == {
            key: data for key, data in files.items() if key.endswith(".log")}


@pytest.mark.parametrize("length", [1, 16, 17, 100, 511, 512, 600, 1500])
@pytest.mark.parametrize("start", [0, 450, 500, 512])
def test_a_tail_of_zeros_is_cut(length, start):
    """LOG-2: a file may have grown before what was written came to the disk."""
    disk = Disk()
    partition = open_on(disk)
    if start:
        partition.append(batch(b"x" * (start - 72)))
        partition.active.truncate(partition.active.size)
    size = partition.size
    view_log = content(disk)
    opened = open_on(copy_of(view_log | {first_log: view_log[first_log] + bytes(length)}))
    assert (opened.cut, opened.size, len(records_in(opened))) == (length, size, bool(start))


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_sector_before_one_that_was_kept_is_cut(lost):
    """LOG-2: of a write of several batches, any sector may be missing, with whole batches after it."""
    first, *rest = [batch(random.Random(number).randbytes(400)) for number in range(6)]
    disk = Disk()
    partition = open_on(disk)
    partition.append(first)
    safe = partition.size
    partition.append(b"".join(rest))
    log = content(disk)[first_log]
    start = safe + SECTOR * lost
    opened = open_on(copy_of({first_log: log[:start] + bytes(SECTOR) + log[start + SECTOR:]}))
    whole = 1 + sum(safe + len(first) * number <= start for number in range(1, 6))
    assert [record[0] for record in records_in(opened)] == list(range(whole))


def test_a_batch_inside_of_a_record_is_no_batch_of_the_log():
    """LOG-2: a torn write is cut although a whole batch, of a later offset, stands in the value that it has."""
    inner = batch(b"copied from elsewhere", base_offset=500)
    outer = batch(inner + b"x" * 1000)
    disk = Disk()
    partition = open_on(disk)
    partition.append(batch(b"first"))
    partition.append(outer)
    log = content(disk)[first_log]
    for missing in (1, 500, 1000):
        opened = open_on(copy_of({first_log: log[:-missing]}))
        assert records_in(opened) == [(0, 1000, b"k", b"first", ())]


# --------------------------------------------------------------------------------------------------- flipped bits


def check_flip(files, name, bit, clean, config, right):
    """The promise. True if the flip was found. config: that of the partition; None: its segment alone is opened."""
    disk = copy_of(files | {name: flip(files[name], bit)})
    try:
        found = read_segment(disk, clean)[1] if config is None else records_in(open_on(disk, config, clean=clean))
    except CorruptBatch as error:
        found = error
    place = f"bit {bit % 8} of byte {bit // 8} of {name}, {'closed' if clean else 'crashed'}"
    for log in files:
        if log.endswith(".log"):
            kept = disk._blobs[log].data
            assert kept == (flip(files[log], bit) if log == name else files[log]), f"{place}: {log} was changed"
    if isinstance(found, CorruptBatch):
        assert name.endswith(".log"), f"{place}: an index is only a hint: {found}"
        assert found.path == name and found.path in str(found) and found.offset is not None, f"{place}: {found!r}"
        assert 0 <= found.position <= bit // 8, f"{place}: byte {found.position}"
        return True
    assert found == right, f"{place}: the records are others"
    return False


@pytest.mark.parametrize("clean", [True, False])
def test_a_flipped_bit_in_a_segment_is_named_or_changes_nothing(clean, amount):
    """LOG-3: every bit of 8 (64) KiB of segments, the newest and those before it, closed in good order or not.

    `CorruptBatch` names the file, the byte where the damaged batch begins, and the offset; or all records are read as
    they were. No `.log` is ever shortened.
    """
    rng, tried, outcomes = random.Random(3), 0, []
    while tried < amount(8, 64) * 1024 * 8:
        disk, whole = some_log(rng, rng.randrange(1, 4), 60, index_interval=60)
        files, right = content(disk), records_in(whole)
        files = {name: files[name] for name in files if name.startswith("0" * 20)}
        outcomes += [check_flip(files, first_log, bit, clean, None, right) for bit in range(8 * len(files[first_log]))]
        tried += 8 * len(files[first_log])
    assert 0.9 < sum(outcomes) / len(outcomes) < 1, "only the leader epoch is covered by nothing"


@pytest.mark.parametrize("clean", [True, False])
def test_a_flipped_bit_in_any_segment_of_a_partition_is_named_or_changes_nothing(clean, amount):
    """LOG-3: the same for a partition of several segments, and no file of another segment suffers."""
    rng, config = random.Random(6), TopicConfig(segment_bytes=250, index_interval=60)
    for _ in range(amount(1, 10)):
        disk, whole = some_log(rng, 4, 60, segment_bytes=250, index_interval=60)
        files, right = content(disk), records_in(whole)
        assert len(whole.segments) > 1
        for name in [name for name in files if name.endswith(".log")]:
            for bit in range(8 * len(files[name])):
                check_flip(files, name, bit, clean, config, right)


@pytest.mark.parametrize("clean", [True, False])
def test_a_flipped_bit_in_an_index_changes_nothing(clean, amount):
    """LOG-3: every bit of the indexes; look-ups by offset and time stay right, and so does what retention goes by."""
    rng = random.Random(4)
    for number in range(amount(2, 30)):
        settings = {"segment_bytes": [600, 10_000][number % 2], "index_interval": 100}
        disk, whole = some_log(rng, 10, 80, **settings)
        files, right = content(disk), records_in(whole)
        times = sorted({record[1] + more for record in right for more in (0, 1)})
        said, largest = lookups(whole, times), [segment.largest for segment in whole.segments]
        for name in [name for name in files if name.endswith("index")]:
            for bit in range(8 * len(files[name])):
                damaged = files | {name: flip(files[name], bit)}
                opened = open_on(copy_of(damaged), TopicConfig(**settings), clean=clean)
                assert [segment.largest for segment in opened.segments] == largest, f"bit {bit} of {name}"
                assert (opened.end, opened.active._since_entry) == (whole.end, whole.active._since_entry)
                assert lookups(opened, times) == said, f"bit {bit} of {name}"
                if bit % 8 == bit // 8 % 8:
                    assert not check_flip(files, name, bit, clean, TopicConfig(**settings), right)


@pytest.mark.parametrize("after", [0, 2])
def test_a_flip_beside_zeros_is_no_lost_sector(after):
    """LOG-3: a record may hold more zeros than a sector has; a flip in its batch must not be taken for a lost one."""
    disk = Disk()
    partition = open_on(disk)
    for value in [b"first", bytes(1300), *[b"later"] * after]:
        partition.append(batch(value))
    files, right = content(disk), records_in(partition)
    start = len(batch(b"first"))
    bits = [*range(8 * start, 8 * (start + 80), 3), *range(8 * (start + 80), 8 * (start + 1300), 509)]
    for bit in bits:
        assert check_flip(files, first_log, bit, False, None, right) != (12 <= bit // 8 - start < 16), f"bit {bit}"


def test_a_flip_that_makes_a_segment_longer_does_not_delete_the_next():
    """LOG-3: segments that overlap are what a crash in a compaction leaves, and a flip may look like it."""
    disk = Disk()
    partition = open_on(disk, segment_bytes=160)
    for number in range(8):
        partition.append(batch(b"%d" % number))
    partition.close()
    files = content(disk)
    position = [position for position, _, _ in partition_segment(files, 0).batches()][-1]
    for byte in range(position + 23, position + 27):  # last_offset_delta
        for bit in range(8 * byte, 8 * byte + 8):
            check_flip(files, first_log, bit, False, TopicConfig(segment_bytes=160), [])


def partition_segment(files, base):
    segment = Segment(copy_of(files).mount(lambda: None), base)
    segment.load()
    return segment


def test_a_segment_without_its_last_batch_is_named():
    """LOG-3: a closed segment that ends too early leaves a hole before the next."""
    disk = Disk()
    partition = open_on(disk, segment_bytes=160)
    for number in range(8):
        partition.append(batch(b"%d" % number))
    partition.close()
    files = content(disk)
    files[first_log] = files[first_log][:len(batch(b"0"))]
    with pytest.raises(CorruptBatch) as caught:
        open_on(copy_of(files), segment_bytes=160)
    assert (caught.value.path, caught.value.offset) == (first_log, 1)


def test_damage_of_more_than_a_bit_is_named():
    """LOG-3: junk in the last batch, junk in place of it, a batch cut out of the middle, two batches exchanged, a
    length that leads behind the end of the file although another batch follows."""
    disk = Disk()
    partition = open_on(disk)
    parts = [batch(b"%d" % number * 50) for number in range(4)]
    for part in parts:
        partition.append(part)
    log, size = content(disk)[first_log], len(parts[0])
    a, b, c, d = (log[at:at + size] for at in range(0, len(log), size))
    for damaged in (a + b + c + d[:-20] + b"\x55" * 20, a + b + c + b"\x55" * size, a + b + d, a + c + b + d, b + c + d,
                    a + b + c + b"\x55" * 70, a + b + c[:8] + b"\0\0\x30" + c[11:] + d):
        copy = copy_of({first_log: damaged})
        with pytest.raises(CorruptBatch) as caught:
            open_on(copy)
        assert caught.value.path == first_log and caught.value.offset is not None
        assert content(copy)[first_log] == damaged, "nothing was cut off"


def test_recover_says_how_much_it_cut_and_leaves_new_indexes():
    files = copy_of({}).mount(lambda: None)
    segment = Segment(files, 0, index_interval=100)
    data = b"".join(batch(b"x" * 50, ts=1000 + number, base_offset=number) for number in range(9))
    segment._log.append(data + data[:30])
    assert recover(segment) == 30
    assert (segment.next_offset, segment.size, segment.largest) == (9, len(data), 1008)
    assert len(files.open("0" * 20 + ".index").read()) == 8 * len(segment.index.offsets) > 0


def test_a_new_partition_has_nothing_to_recover():
    opened = open_on(Disk())
    assert (opened.cut, opened.start, opened.end, records_in(opened)) == (0, 0, 0, [])
    assert isinstance(opened, Partition)
    assert list(itertools.chain(decode_batches(opened.read(0)))) == []
