"""Record batches: the bytes that Kafka writes, and that nothing else is ever read from them."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import zlib
from random import Random
from types import SimpleNamespace

import google_crc32c
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab import Event
from evlab.errors import InvalidEvent, InvalidUse
from evlab.log import compression, rows, varints
from evlab.log.compression import MAX_UNPACKED, NoCodec
from evlab.log.records import (
    HEADER_SIZE,
    OVERHEAD,
    CorruptBatch,
    Header,
    Record,
    check_batch,
    decode_batches,
    decode_records,
    decode_varint,
    encode_batch,
    encode_rows,
    encode_varint,
    marker,
    read_header,
    read_marker,
    stamp,
)

NOW = 1700000000000
# Written by librdkafka 2.16, fetched raw.
GOLDEN = bytes.fromhex(
    "0000000000000000000000780000000002ea3696590000000000020000018bcfe568000000018bcfe56805ffffffffffffffffffffffffffff"
    "00000003600000000e6f726465722d31187b22746f74616c223a34327d040874797065164f72646572506c61636564086e756c6c01"
    "1a000a020e6f726465722d3201000e00130401027800")
GOLDEN_RECORDS = [
    Record(0, NOW, b"order-1", b'{"total":42}', (("type", b"OrderPlaced"), ("null", None))),
    Record(1, NOW + 5, b"order-2", None),
    Record(2, NOW - 10, None, b"x"),
]
# Written by the transaction coordinator of Kafka 4: producer 1000 has committed.
KAFKA_MARKER = bytes.fromhex(
    "0000000000000004000000420000000002cd0031ae003000000000000001a213850054000001a21385005400000000000003e80000ffffffff"
    "000000012000000008000000010c00000000000200")


def one(data, **more):
    """The only batch of `data`."""
    batch, = decode_batches(data, **more)
    return batch


def with_crc(batch):
    """The batch, its checksum made right for what it holds now."""
    return batch[:17] + google_crc32c.value(bytes(batch[21:])).to_bytes(4) + batch[21:]


def around(body, count=1, last_delta=0):
    """A batch that is right but for its records: these bytes."""
    batch = bytearray(encode_batch([Record(0, NOW, b"k", b"v")])[:HEADER_SIZE] + body)
    batch[8:12] = (len(batch) - OVERHEAD).to_bytes(4)
    batch[23:27], batch[57:61] = last_delta.to_bytes(4), count.to_bytes(4, signed=True)
    return with_crc(bytes(batch))


def record_bytes(inner):
    return encode_varint(len(inner)) + inner


# ------------------------------------------------------------------------------------------------- as Kafka writes it


def test_the_golden_batch_is_written_byte_for_byte():
    assert encode_batch(GOLDEN_RECORDS) == GOLDEN


def test_the_golden_batch_is_read_with_every_field():
    batch = one(GOLDEN)
    assert batch.records == GOLDEN_RECORDS
    assert batch.header == Header(0, 120, 0, 2, 0xEA369659, 0, 2, NOW, NOW + 5, -1, -1, -1, 3)
    assert (batch.size, batch.last_offset, batch.next_offset, batch.last_sequence) == (132, 2, 3, -1)
    assert (batch.codec, batch.transactional, batch.control) == ("none", False, False)
    assert (batch.has_horizon, batch.delete_horizon, batch.log_append_time) == (False, None, False)


def test_the_markers_of_kafka_are_written_and_read_byte_for_byte():
    batch = one(KAFKA_MARKER)
    found = read_marker(batch.records[0])
    assert (found.type, batch.control, batch.transactional, batch.size) == ("commit", True, True, 78)
    assert stamp(marker(True, producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                        timestamp=batch.max_timestamp, coordinator_epoch=found.coordinator_epoch),
                 batch.base_offset, batch.leader_epoch) == KAFKA_MARKER


def test_an_abort_is_told_from_a_commit_and_from_what_ends_no_transaction():
    def kind(data):
        return read_marker(one(data).records[0])

    assert kind(marker(False, producer_id=7, producer_epoch=0, timestamp=NOW, coordinator_epoch=3)) == ("abort", 3)
    assert kind(marker(True, producer_id=7, producer_epoch=0, timestamp=NOW)) == ("commit", 0)
    assert read_marker(Record(0, NOW, struct.pack(">hh", 0, 2), b"")).type == "type 2"
    assert read_marker(Record(0, NOW, struct.pack(">hh", 0, -1), b"")).type == "type -1"


@pytest.mark.parametrize(("key", "value"), [(None, b"\0" * 6), (b"\0\0\0", b"\0" * 6), (b"\0" * 4, None),
                                            (b"\0" * 4, b"\0" * 5)])
def test_a_control_record_that_says_nothing_is_corrupt(key, value):
    with pytest.raises(CorruptBatch) as caught:
        read_marker(Record(9, NOW, key, value))
    assert caught.value.offset == 9


VARINTS = [(0, "00"), (-1, "01"), (1, "02"), (-2, "03"), (63, "7e"), (64, "8001"), (-64, "7f"), (-65, "8101"),
           (300, "d804"), (8191, "fe7f"), (8192, "808001"), (2**31 - 1, "feffffff0f"), (-2**31, "ffffffff0f"),
           (2**63 - 1, "feffffffffffffffff01"), (-2**63, "ffffffffffffffffff01")]


@pytest.mark.parametrize(("n", "data"), VARINTS)
def test_varints(n, data):
    data = bytes.fromhex(data)
    assert encode_varint(n) == data
    assert decode_varint(data) == (n, len(data))
    assert decode_varint(b"??" + data + b"\xff", 2) == (n, 2 + len(data))


@pytest.mark.parametrize("bits", [32, 64])
def test_varints_end_at_their_bits(bits):
    for n in (2**(bits - 1), -2**(bits - 1) - 1, 1.0, None):
        with pytest.raises(InvalidUse):
            encode_varint(n, bits)
    for n in (2**(bits - 1) - 1, -2**(bits - 1)):
        data = encode_varint(n, bits)
        assert decode_varint(data, 0, bits) == (n, len(data))
        for wrong in (data[:-1], b"", data[:-1] + bytes([data[-1] + (1 << bits % 7)]), b"\x80" * 10 + b"\0"):
            with pytest.raises(CorruptBatch):
                decode_varint(wrong, 0, bits)


@given(st.integers(-2**63, 2**63 - 1))
def test_every_varint_comes_back(n):
    data = encode_varint(n)
    assert decode_varint(data) == (n, len(data))


def test_what_the_loops_look_up_is_what_they_would_compute():
    assert [encode_varint(n) for n in range(8192)] == varints.LENGTHS
    assert {n: encode_varint(n) for n in range(-64, 8192)} == varints.TIMES
    for n in range(-8192, 8192):
        data = encode_varint(n)
        assert (varints.ONE[data[0]] if len(data) == 1 else varints.TWO[data[1]][data[0]]) == n
    assert varints.ONE[128:] == [None] * 128


def slow_crc32c(data):
    """Bit by bit, as the polynomial says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_checksum_is_castagnolis_from_the_attributes_to_the_end():
    assert slow_crc32c(b"123456789") == 0xE3069283
    batch = encode_batch([Record(0, NOW, b"k", b"v")], base_offset=77, leader_epoch=5)
    assert read_header(batch).crc == slow_crc32c(batch[21:])


# ------------------------------------------------------------------------------------------------------ there and back

INT64 = st.integers(-2**63, 2**63 - 1)
BYTES = st.none() | st.binary(max_size=40) | st.sampled_from([63, 64, 8170, 8180, 8190, 8191, 8192]).map(bytes)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3).map(tuple)
TIMES = st.one_of(*(st.integers(NOW - far, NOW + far) for far in (3, 70, 9000, 2**40)), st.just(-1))
ROWS = st.lists(st.tuples(TIMES, BYTES, BYTES, HEADERS), min_size=1, max_size=5)


@given(ROWS, st.data())
def test_what_was_written_is_read(given_rows, data):
    gaps = data.draw(st.lists(st.sampled_from([1, 1, 2, 70, 9000]), min_size=len(given_rows), max_size=len(given_rows)))
    base = data.draw(st.integers(0, 2**62))
    offsets = [base + sum(gaps[:n]) for n in range(len(gaps))]
    offsets = [offset + data.draw(st.integers(0, 1)) * 5 for offset in offsets[:1]] + [o + 5 for o in offsets[1:]]
    records = [Record(o, *row, "t", 3) for o, row in zip(offsets, given_rows, strict=True)]
    last = offsets[-1] + data.draw(st.integers(0, 3))
    fields = {"base_offset": base, "leader_epoch": data.draw(st.integers(-1, 2**31 - 1)),
              "producer_id": data.draw(INT64), "producer_epoch": data.draw(st.integers(-1, 2**15 - 1)),
              "base_sequence": data.draw(st.integers(-1, 2**31 - 1)), "codec": data.draw(
                  st.sampled_from(["none", "gzip", "zstd"])),
              "transactional": data.draw(st.booleans()), "control": data.draw(st.booleans())}
    horizon = data.draw(st.none() | st.integers(0, 2**42))
    batch = one(encode_batch(records, keep_offsets=True, last_offset=last, delete_horizon=horizon, **fields),
                topic="t", partition=3)
    assert batch.records == records
    assert all(type(record) is Record for record in batch.records)
    assert {name: getattr(batch, name) for name in fields} == fields
    assert (batch.last_offset, batch.count, batch.delete_horizon) == (last, len(records), horizon)
    assert batch.base_timestamp == (records[0].timestamp if horizon is None else horizon)
    assert batch.max_timestamp == max(record.timestamp for record in records)
    assert batch.last_sequence == -1 or batch.last_sequence == (
        fields["base_sequence"] + last - base) % 2**31


@given(ROWS)
def test_the_fast_loops_and_their_plain_twins_agree(given_rows):
    base, deltas = given_rows[0][0], range(len(given_rows))
    body, newest = rows.join_rows(given_rows, deltas, base)
    assert body == b"".join(record_bytes(rows.encode_record(row[0] - base, delta, *row[1:]))
                            for delta, row in zip(deltas, given_rows, strict=True))
    assert newest == max(row[0] for row in given_rows)
    plain = rows.read_plainly(body, len(given_rows), len(given_rows) - 1, base)
    assert rows.split_rows(body, len(given_rows), len(given_rows) - 1, base) == plain


def test_most_batches_take_the_fast_loop(monkeypatch):
    monkeypatch.setattr(rows, "read_plainly", None)
    monkeypatch.setattr(rows, "encode_record", None)
    many = [(NOW + 10 * n, b"order-%06d" % n, bytes(200), ()) for n in range(500)]
    records = one(encode_rows(many)).records
    assert records == [Record(n, *row) for n, row in enumerate(many)]


@pytest.mark.parametrize("far", [(-2**63, -1), (2**63 - 1, 0), (-2**63, -2**63), (0, -2**63), (0, 2**63 - 1)])
def test_timestamps_of_64_bits(far):
    records = [Record(n, time, None, b"") for n, time in enumerate(far)]
    assert one(encode_batch(records)).records == records


def test_offsets_follow_the_base_offset_unless_they_are_kept():
    records = [Record(40, NOW, b"a", b"1"), Record(47, NOW, b"b", b"2")]
    assert [r.offset for r in one(encode_batch(records, base_offset=9)).records] == [9, 10]
    kept = one(encode_batch(records, base_offset=39, keep_offsets=True, last_offset=50))
    assert ([r.offset for r in kept.records], kept.base_offset, kept.last_offset) == ([40, 47], 39, 50)


def test_anything_with_the_fields_of_a_record_and_plain_tuples_are_written():
    named = SimpleNamespace(timestamp=NOW, key=b"k", value=b"v", headers=[("a", b"b")])
    plain = (NOW, b"k", b"v", (("a", b"b"),))
    assert encode_batch(iter([named])) == encode_batch([plain]) == encode_rows([plain])


def test_a_batch_without_records_keeps_its_offsets_and_its_sequence():
    batch = one(encode_batch([], base_offset=10, last_offset=14, producer_id=3, producer_epoch=0, base_sequence=5))
    assert (batch.records, batch.last_offset, batch.last_sequence, batch.max_timestamp) == ([], 14, 9, -1)


def test_sequence_numbers_go_round():
    batch = one(encode_batch(GOLDEN_RECORDS, producer_id=1, producer_epoch=0, base_sequence=2**31 - 2))
    assert batch.last_sequence == 0


def test_stamping_changes_offset_and_epoch_and_nothing_else():
    batch = encode_batch(GOLDEN_RECORDS, producer_id=5)
    stamped = stamp(batch, 1000, 7)
    assert stamped == encode_batch(GOLDEN_RECORDS, base_offset=1000, leader_epoch=7, producer_id=5)
    assert [r.offset for r in one(stamped).records] == [1000, 1001, 1002]


def test_with_log_append_time_all_records_have_the_brokers_time():
    batch = bytearray(encode_batch(GOLDEN_RECORDS))
    batch[22] |= 8
    batch[35:43] = (NOW + 99).to_bytes(8)
    assert [r.timestamp for r in one(with_crc(bytes(batch))).records] == [NOW + 99] * 3


def test_batches_stand_back_to_back_and_decode_once():
    data = GOLDEN + stamp(GOLDEN, 3, 0)
    first, second = decode_batches(bytearray(data), topic="orders", partition=2)
    assert [r.offset for r in second.records] == [3, 4, 5]
    assert {(r.topic, r.partition) for r in first.records + second.records} == {("orders", 2)}
    assert second.records is second.records and second.data == stamp(GOLDEN, 3, 0)
    assert repr(second) == "Batch(offsets 3 to 5, 3 records, 132 bytes)"
    assert list(decode_batches(b"")) == []


def test_a_record_is_readable_and_gives_its_event():
    event = Event(type="OrderPlaced", data={"total": 42}, source="shop", key="order-1")
    record = Record(17, NOW, b"order-1", event.to_json(), topic="orders", partition=0)
    assert record.event == event
    assert str(record).startswith('orders-0 @17 order-1: {"metadata":') and len(str(record)) < 100
    assert str(Record(3, NOW, None, None)) == "@3 (no key): tombstone"
    assert str(Record(3, NOW, b"\0\xff", b"")) == r"@3 b'\x00\xff': "
    with pytest.raises(InvalidEvent):
        Record(3, NOW, b"order-1", None).event  # noqa: B018


# ---------------------------------------------------------------------------------------------------- what is damaged


def test_a_flipped_bit_is_found_or_changes_the_brokers_fields_alone():
    batch = stamp(GOLDEN, 40, 6)
    for bit in range(8 * len(batch)):
        damaged = bytearray(batch)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = one(bytes(damaged))
            read = found.records
        except CorruptBatch:
            continue
        assert bit // 8 in (*range(8), *range(12, 16)), f"bit {bit} was not seen"
        if bit // 8 < 8:
            assert found.header == one(batch).header._replace(base_offset=40 ^ 1 << (7 - bit // 8) * 8 + bit % 8)
            assert [r.offset for r in read] == [found.base_offset + n for n in range(3)]
        else:
            assert found.header._replace(leader_epoch=6) == one(batch).header
        assert [r[1:] for r in read] == [r[1:] for r in GOLDEN_RECORDS]


def test_a_torn_end_is_called_torn_after_what_is_whole():
    data = stamp(GOLDEN, 40, 0) + stamp(GOLDEN, 43, 0)
    for end in range(len(GOLDEN) + 1, len(data)):
        batches = decode_batches(data[:end])
        assert next(batches).last_offset == 42
        with pytest.raises(CorruptBatch) as caught:
            next(batches)
        error = caught.value
        assert (error.torn, error.position, error.offset, error.path) == (True, len(GOLDEN), 43, "")
        assert "cut off" in str(error) and "byte 132, offset 43" in str(error)


def test_damage_names_the_byte_and_the_offset_and_is_not_torn():
    data = bytearray(stamp(GOLDEN, 40, 0) + stamp(GOLDEN, 43, 0))
    data[-1] ^= 1
    batches = decode_batches(data)
    next(batches)
    with pytest.raises(CorruptBatch) as caught:
        next(batches)
    assert (caught.value.torn, caught.value.position, caught.value.offset) == (False, 132, 43)
    assert "ea369659 was written" in caught.value.why
    first, second = decode_batches(data, check=False)
    with pytest.raises(CorruptBatch) as caught:
        second.records  # noqa: B018
    assert (caught.value.position, caught.value.offset) == (132, 43)


@pytest.mark.parametrize(("at", "value", "size", "why"), [
    (16, b"\0", 1, "before Kafka 0.11"), (16, b"\1", 1, "before Kafka 0.11"), (16, b"\3", 1, "no file of a log"),
    (8, (48).to_bytes(4), 4, "its length is 48"), (8, b"\xff" * 4, 4, "its length is -1"),
    (0, b"\xff" * 8, 8, "records in the offsets -1"), (0, b"\x7f" + b"\xff" * 7, 8, "records in the offsets"),
    (23, b"\xff" * 4, 4, "records in the offsets"), (57, b"\xff" * 4, 4, "-1 records"),
    (57, (4).to_bytes(4), 4, "4 records in the offsets 0 to 2"), (21, b"\0\5", 2, "codec has the number 5"),
])
def test_an_impossible_header_is_refused_with_its_reason(at, value, size, why):
    damaged = GOLDEN[:at] + value + GOLDEN[at + size:]
    for cut in (damaged, damaged[:at + size]):  # also when no more than that is there
        with pytest.raises(CorruptBatch) as caught:
            read_header(cut)
        assert why in caught.value.why and not caught.value.torn


@pytest.mark.parametrize("foreign", [b"%PDF-1.7 is not a log, whatever its name says; " * 3, bytes(200), b"\xff" * 99,
                                     b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_a_foreign_file_is_no_log(foreign):
    with pytest.raises(CorruptBatch) as caught:
        list(decode_batches(foreign))
    assert "byte 16, its format, is" in str(caught.value) and not caught.value.torn


TIME, OFFSET = b"\0", b"\0"
MALFORMED = {  # records with a right checksum, as a faulty writer makes them
    "a length beyond the end": (b"\x12\0\0\0\1\1\0", "it has 9 bytes, and 6 are left"),
    "a negative length": (b"\1" + bytes(6), "it has -1 bytes"),
    "a length that is too short": (b"\x0a\0\0\0\1\1\0", "it ends at byte 7, and its length says 6"),
    "a length that is too long": (b"\x0e\0\0\0\1\1\0\0", "it ends at byte 7, and its length says 8"),
    "a length without an end": (b"\xff" * 12, "a number is cut off, or is too large"),
    "a key beyond the end": (b"\x0c\0\0\0\x7e\1\0", "something in it has 63 bytes"),
    "a key of -2 bytes": (b"\x0c\0\0\0\3\1\0", "something in it has -2 bytes"),
    "a value beyond the end": (b"\x0c\0\0\0\1\4\0", "something in it has 2 bytes, and 1 are left"),
    "a value of -2 bytes": (b"\x0c\0\0\0\1\3\0", "something in it has -2 bytes"),
    "-1 headers": (b"\x0c\0\0\0\1\1\1", "it has -1 headers"),
    "headers beyond the end": (b"\x0c\0\0\0\1\1\2", "it has 1 headers, and 0 bytes are left"),
    "a header without a name": (b"\x10\0\0\0\1\1\2\1\1", "the name of a header is not text"),
    "a header's name that is not UTF-8": (b"\x12\0\0\0\1\1\2\2\xff\1", "the name of a header is not text"),
    "an offset before the base offset": (b"\x0c\0\0\1\1\1\0", "its offset is -1 after the base offset"),
    "an offset after the last": (b"\x0c\0\0\2\1\1\0", "its offset is 1 after the base offset"),
    "a timestamp beyond 64 bits": (b"\x1e\0" + encode_varint(2**63 - 1) + b"\0\1\1\0", "does not fit into 64 bits"),
    "a timestamp of too many bytes": (b"\x20\0" + b"\x80" * 10 + b"\0\0\1\1\0", "a number is cut off"),
    "bytes left over": (b"\x0c\0\0\0\1\1\0?", "1 bytes follow the last of 1 records"),
    "nothing": (b"", "1 records cannot stand in 0 bytes"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_records_are_corrupt_even_with_a_right_checksum(name):
    body, why = MALFORMED[name]
    batch = one(around(body))
    with pytest.raises(CorruptBatch) as caught:
        batch.records  # noqa: B018
    assert why in caught.value.why and not caught.value.torn


@pytest.mark.parametrize(("base", "delta"), [(2**63 - 1, b"\2"), (-2**63, b"\1")])
def test_a_timestamp_that_leaves_64_bits_by_one_is_corrupt(base, delta):
    batch = bytearray(around(b"\x0c\0" + delta + b"\0\1\1\0"))
    batch[27:35] = base.to_bytes(8, signed=True)
    with pytest.raises(CorruptBatch, match="64 bits"):
        one(with_crc(bytes(batch))).records  # noqa: B018


def test_a_right_record_among_them_is_read():
    assert one(around(b"\x0c\0\0\0\1\1\0")).records == [Record(0, NOW, None, None)]


@pytest.mark.parametrize(("count", "last_delta"), [(0, 1), (1, 1), (3, 2)])
def test_a_count_that_does_not_fit_is_corrupt(count, last_delta):
    two = b"\x0c\0\0\0\1\1\0" + b"\x0c\0\0\2\1\1\0"
    assert len(one(around(two, 2, 1)).records) == 2
    with pytest.raises(CorruptBatch):
        one(around(two, count, last_delta)).records  # noqa: B018


def test_offsets_that_do_not_ascend_are_corrupt():
    for offsets in (b"\0\0", b"\2\0", b"\2\2"):
        body = b"".join(b"\x0c\0\0" + bytes([offset]) + b"\1\1\0" for offset in offsets)
        with pytest.raises(CorruptBatch) as caught:
            one(around(body, 2, 5)).records  # noqa: B018
        assert "record 1 is malformed" in caught.value.why


def test_a_count_of_two_billion_takes_no_memory():
    tracemalloc.start()
    with pytest.raises(CorruptBatch):
        one(around(b"\x0c\0\0\0\1\1\0", 2**31 - 1, 2**31 - 2)).records  # noqa: B018
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def outcome(split, *batch):
    """The columns as lists, or None for a CorruptBatch. Every other error fails the test."""
    try:
        return [list(column) for column in split(*batch)]
    except CorruptBatch:
        return None


def test_mutated_records_with_a_right_checksum_are_corrupt_or_what_they_say(amount):
    """The two readers agree; and what they read is the same after it was written again, which takes no more bytes."""
    chance = Random(2024)
    long = [*GOLDEN_RECORDS, Record(3, NOW + 5000, b"k" * 70, b"v" * 9000, (("h", b""),))]
    bodies = [(3, GOLDEN[HEADER_SIZE:])] * 20 + [(4, encode_batch(long)[HEADER_SIZE:])]
    read = 0
    for _ in range(amount(6000, 300_000)):
        count, body = chance.choice(bodies)
        mutated = bytearray(body)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            at = chance.randrange(60)
            new = chance.choice((chance.randrange(256), mutated[at] ^ 1 << chance.randrange(8), 0x80, 1))
            mutated[at:at + chance.choice((0, 1, 1, 1, 1))] = chance.choice(([new], [new], [new], [], [new, new]))
        batch = bytes(mutated), count, chance.choice((count - 1, 9)), NOW
        found = outcome(rows.split_rows, *batch)
        assert found == outcome(rows.read_plainly, *batch)
        if found is not None:
            read += 1
            again, _ = rows.join_rows(list(zip(*found[1:], strict=True)), found[0], NOW)
            assert outcome(rows.read_plainly, again, *batch[1:]) == found and len(again) <= len(mutated)
    assert read > 500


@settings(max_examples=150)
@given(st.binary(max_size=300), st.booleans())
def test_garbage_is_corrupt(data, framed):
    """Framed: the header is right, and the checksum too."""
    try:
        for batch in decode_batches(around(data) if framed else data):
            assert framed
            batch.records  # noqa: B018
    except CorruptBatch:
        return
    assert framed or not data


def test_check_batch_and_decode_records_see_what_is_missing():
    header = read_header(GOLDEN)
    check_batch(b"??" + GOLDEN, 2, header)
    for call in (check_batch, decode_records):
        with pytest.raises(CorruptBatch) as caught:
            call(b"??" + GOLDEN[:-1], 2, header)
        assert (caught.value.torn, caught.value.position, caught.value.offset) == (True, 2, 0)


def test_an_error_that_knows_its_file_leaves_the_place_to_its_words():
    error = CorruptBatch("the batch of offset 7 is damaged (7.log, byte 3)", path="7.log", position=3, offset=7)
    assert str(error) == "the batch of offset 7 is damaged (7.log, byte 3)"


# -------------------------------------------------------------------------------------------------------- compression


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_only_the_records_are_compressed(codec):
    records = [Record(n, NOW + n, b"order-%d" % (n % 3), b'{"total": 42, "currency": "EUR"}') for n in range(50)]
    plain, packed = encode_batch(records), encode_batch(records, codec=codec)
    assert len(packed) < len(plain) / 4 and one(packed).records == records and one(packed).codec == codec
    assert packed[23:HEADER_SIZE] == plain[23:HEADER_SIZE]
    unpack = {"gzip": lambda data: zlib.decompress(data, 31),
              "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data)}[codec]
    assert unpack(packed[HEADER_SIZE:]) == plain[HEADER_SIZE:]


def compressed(codec, packed):
    batch = bytearray(around(packed))
    batch[22] = compression.CODECS.index(codec)
    return with_crc(bytes(batch))


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize(("damage", "why"), [
    (lambda data: data[:-1], "cut off"), (lambda data: data + b"\0", "follows"), (lambda data: b"", "cut off"),
    (lambda data: b"\0" * 20, "damaged"), (lambda data: data + data, "follows"),
])
def test_damaged_compression_is_corrupt(codec, damage, why):
    packed = compression.compress(codec, b"\x0c\0\0\0\1\1\0")
    assert len(one(compressed(codec, packed)).records) == 1
    with pytest.raises(CorruptBatch) as caught:
        one(compressed(codec, damage(packed))).records  # noqa: B018
    assert why in caught.value.why


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_bomb_does_not_go_off(codec, monkeypatch):
    bomb = compression.compress(codec, bytes(MAX_UNPACKED))
    monkeypatch.setattr(compression, "MAX_UNPACKED", 2**20)
    tracemalloc.start()
    with pytest.raises(CorruptBatch) as caught:
        one(compressed(codec, bomb)).records  # noqa: B018
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpack to more than" in caught.value.why and peak < 24 * 2**20 < MAX_UNPACKED


def test_more_than_can_be_read_is_not_written():
    with pytest.raises(InvalidUse, match="too large"):
        encode_rows([(NOW, None, bytes(MAX_UNPACKED), ())], codec="gzip")


@pytest.mark.parametrize("codec", ["snappy", "lz4"])
def test_the_codecs_that_evlab_has_not_are_named(codec):
    for call in (lambda: encode_batch(GOLDEN_RECORDS, codec=codec), lambda: one(compressed(codec, b"...")).records):
        with pytest.raises(NoCodec, match=codec) as caught:
            call()
        assert caught.value.codec == codec and "gzip" in caught.value.why


def test_without_zstandard_the_error_says_what_to_install(monkeypatch):
    packed = encode_batch(GOLDEN_RECORDS, codec="zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    for call in (lambda: encode_batch(GOLDEN_RECORDS, codec="zstd"), lambda: one(packed).records):
        with pytest.raises(NoCodec, match="pip install zstandard"):
            call()
    assert one(encode_batch(GOLDEN_RECORDS, codec="gzip")).records == GOLDEN_RECORDS


# --------------------------------------------------------------------------------------------------------- wrong calls

GOOD = Record(0, NOW, b"k", b"v")


@pytest.mark.parametrize(("records", "fields", "says"), [
    ([GOOD, GOOD._replace(timestamp=1.5)], {}, "the timestamp of record 1 is 1.5"),
    ([GOOD._replace(timestamp=None)], {}, "the timestamp of record 0"),
    ([GOOD._replace(timestamp=2**63)], {}, "the timestamp of record 0"),
    ([GOOD._replace(key="k")], {}, "the key of record 0 is 'k'"), ([GOOD._replace(value=[1])], {}, "the value"),
    ([GOOD._replace(value="")], {}, "the value of record 0 is ''"),
    ([GOOD._replace(headers={"a": b"b"})], {}, "the headers"), ([GOOD._replace(headers=None)], {}, "the headers"),
    ([GOOD._replace(headers=((b"a", b"b"),))], {}, "the headers"),
    ([GOOD._replace(headers=(("a", "b"),))], {}, "the headers"),
    ([GOOD._replace(headers=(("\ud800", b""),))], {}, "the headers"), ([(NOW, b"k")], {}, "record 0"),
    ([GOOD._replace(timestamp=-2**63), GOOD], {}, "64 bits"), ([7], {}, "no records"), (7, {}, "no records"),
    ([], {}, "a batch without records"), ([GOOD], {"codec": "rar"}, "codec='rar'"),
    ([GOOD], {"base_offset": -1}, "cannot reach from offset -1"),
    ([GOOD], {"base_offset": 5, "last_offset": 4}, "from offset 5 to 4"),
    ([GOOD, GOOD], {"base_offset": 2**63 - 1}, "cannot reach"),
    ([GOOD], {"producer_id": 2**63}, "fields cannot be written"), ([GOOD], {"leader_epoch": 2**31}, "fields cannot"),
    ([GOOD], {"producer_epoch": "1"}, "fields cannot"), ([GOOD], {"delete_horizon": "x"}, "fields cannot"),
    ([GOOD], {"base_offset": "5"}, "fields cannot"), ([GOOD], {"last_offset": "5"}, "fields cannot"),
    ([GOOD], {"transactional": "yes"}, "fields cannot"), ([GOOD], {"codec": None}, "codec=None"),
    ([GOOD, GOOD], {"keep_offsets": True}, "do not ascend"),
    ([GOOD], {"keep_offsets": True, "base_offset": 1}, "do not ascend"),
    ([GOOD._replace(offset=2**31)], {"keep_offsets": True}, "32 bits"),
])
def test_what_cannot_be_written_is_refused(records, fields, says):
    with pytest.raises(InvalidUse) as caught:
        encode_batch(records, **fields)
    assert says in str(caught.value) and caught.value.next_step


@pytest.mark.parametrize("row", [(NOW, "k", b"v", ()), (NOW, b"k", 5, ()), (None, b"k", b"v", ()), (NOW, b"k"), (), 7,
                                 (NOW, b"k", b"v", (("a", 1),)), (NOW, b"k", b"v", 5)])
def test_the_producers_fast_way_names_the_row_too(row):
    with pytest.raises(InvalidUse, match="record 1 is"):
        encode_rows([(NOW, b"k", b"v", ()), row])


@pytest.mark.parametrize(("batch", "offset", "epoch"), [(b"", 0, 0), (GOLDEN, -1, 0), (GOLDEN, 2**63, 0),
                                                       (GOLDEN, 0, 2**31)])
def test_what_cannot_be_stamped_is_refused(batch, offset, epoch):
    with pytest.raises(InvalidUse):
        stamp(batch, offset, epoch)


@pytest.mark.parametrize("data", ["text", None, 5])
def test_only_bytes_are_decoded(data):
    with pytest.raises(InvalidUse):
        list(decode_batches(data))
