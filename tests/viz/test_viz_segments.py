"""A partition's files drawn: the bytes of a batch, the way to an offset, retention, and what compaction leaves."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.files import DiskFiles
from evlab.log.compaction import compact
from evlab.log.partition import Partition
from evlab.log.records import CorruptBatch, decode_batches, encode_batch
from evlab.log.retention import expire
from evlab.log.topics import TopicConfig
from evlab.viz import batch_bytes, compaction, look_up, record_bytes, retention, strip_of
from evlab.viz.svg import Svg
from evlab.viz.theme import HIGHLIGHT, MUTED

NAMESPACE = "{http://www.w3.org/2000/svg}"
T0, DAY = 1_767_600_000_000, 86_400_000
BATCH = encode_batch([(T0, b"order-1", b'{"total":42}', (("type", b"OrderPlaced"), ("null", None))),
                      (T0 + 5, b"order-2", None, ()), (T0 - 10, None, b"x", ())])


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing: Svg) -> bool:
    return drawing.overflow() == [] and drawing.collisions() == []


@pytest.fixture
def partition(tmp_path):
    """Make a partition of one-record batches, from (timestamp, key, value), or from a number of plain ones."""
    made = []

    def make(rows, **config):
        part = Partition(DiskFiles(tmp_path / str(len(made))), "orders", 0, TopicConfig(flush="never", **config))
        made.append(part)
        for row in [(T0 + n, b"k", b"v" * 40) for n in range(rows)] if isinstance(rows, int) else rows:
            part.append(encode_batch([(*row, ())]))
        return part

    yield make
    for part in made:
        part.close()


# ------------------------------------------------------------------------------------------------------------ bytes


def rows_of(figure):
    """(byte, field, meaning) of each line of the words, without the head."""
    return [tuple(line.split(None, 2)) for line in figure.text.split("\n")[2:] if line.strip()[0].isdigit()]


def test_the_fields_of_a_batch_follow_each_other_to_its_end(drawings):
    figure = batch_bytes(BATCH, title="61 bytes before the records")
    assert [(int(at), name) for at, name, _ in rows_of(figure)][:14] == [
        (0, "baseOffset"), (8, "length"), (12, "partitionLeaderEpoch"), (16, "magic"), (17, "crc"), (21, "attributes"),
        (23, "lastOffsetDelta"), (27, "baseTimestamp"), (35, "maxTimestamp"), (43, "producerId"),
        (51, "producerEpoch"), (53, "baseSequence"), (57, "recordsCount"), (61, "record")]
    assert f"The CRC covers the bytes 21 to {len(BATCH) - 1}." in figure.text
    assert {"covered by", "the CRC", "the broker writes it"} <= set(texts_of(figure))
    assert f"{len(BATCH)} bytes in 16 fields" in figure.alt
    assert clean(drawings[-1])


def test_every_byte_of_a_batch_stands_in_the_dump():
    figure = batch_bytes(BATCH, title="t")
    shown = [one.text for one in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")
             if one.get("text-anchor") == "middle"]
    assert "".join(shown) == BATCH.hex()


@pytest.mark.parametrize(("number", "told"), [
    (0, ["+0: offset 0", "order-1", '{"total":42}', "type", "OrderPlaced", "-1: no headerValue"]),
    (1, ["+5:", "+1: offset 1", "order-2", "-1: no value"]), (2, ["-10:", "+2: offset 2", "-1: no key", "x"])])
def test_a_record_is_told_number_by_number(drawings, number, told):
    figure = record_bytes(BATCH, number, title="t")
    assert all(word in figure.text for word in told)
    assert clean(drawings[-1])


def test_the_fields_of_a_record_cover_it():
    rows = rows_of(record_bytes(BATCH, 0, title="t"))
    record = next(decode_batches(BATCH)).records[0]
    length = int(rows[0][2].split(":")[0].split()[-1])
    assert int(rows[-1][0]) == length  # the last field of one byte ends the record, whose length has one byte itself
    assert (record.key, record.headers[1]) == (b"order-1", ("null", None))


def test_a_long_batch_and_a_packed_one_are_cut_short(drawings):
    many = encode_batch([(T0 + n, b"key-%d" % n, b"v" * 30, ()) for n in range(40)])
    figure = batch_bytes(many, title="t")
    assert any("bytes more" in text for text in texts_of(figure)) and "record 39" in figure.text
    packed = batch_bytes(encode_batch([(T0, b"k", b"v" * 900, ())], codec="gzip"), title="t")
    assert "packed with gzip" in packed.text
    assert all(map(clean, drawings))


def test_bytes_that_are_no_batch_are_not_drawn():
    damaged = bytearray(BATCH)
    damaged[70] ^= 1
    for data in (bytes(damaged), BATCH[:-1], b""):
        with pytest.raises(CorruptBatch):
            batch_bytes(data, title="t")
    for number in (-1, 3):
        with pytest.raises(InvalidUse):
            record_bytes(BATCH, number, title="t")
    with pytest.raises(InvalidUse):
        record_bytes(encode_batch([(T0, b"k", b"v", ())], codec="gzip"), title="t")


def test_hostile_texts_stay_texts(drawings, hostile):
    data = hostile.encode("utf-8", "replace")
    batch = encode_batch([(T0, data, data, ((hostile.encode("utf-8", "replace").decode(), data),))])
    for figure in (batch_bytes(batch, title=f"x{hostile}"), record_bytes(batch, title=f"x{hostile}")):
        assert "<script" not in figure.html and "\u202e" not in figure.text
    assert all(map(clean, drawings))


# ------------------------------------------------------------------------------------------------------- looking up


def test_the_way_to_an_offset_is_the_one_that_the_segment_goes(partition, drawings):
    part = partition(400, segment_bytes=12_000, index_interval=500)
    for offset in (0, 1, 17, 110, 111, 112, 250, 399):
        figure = look_up(part, offset, title="t")
        segment = [one for one in part.segments if one.base_offset <= offset][-1]
        position = segment.position_of(offset)
        read = sum(1 for placed in segment.near(offset) if placed.position <= position)
        total = sum(1 for _ in segment.headers())
        assert f"{segment.path}\n" in figure.text
        assert f"{read} of {total} batches read" in figure.text
        assert f"the one at byte {position:,} holds it" in figure.text
        assert figure.svg.count(HIGHLIGHT) >= read - 1
        assert clean(drawings[-1])


def test_without_an_entry_the_way_begins_at_the_start(partition, drawings):
    figure = look_up(partition(3), 2, title="t")
    assert "no entry at or below, so from the start" in figure.text and "3 of 3 batches read" in figure.text
    assert "no entries" in texts_of(figure) and clean(drawings[-1])


def test_an_offset_that_is_not_there_is_not_looked_up(partition):
    part = partition(3)
    for offset in (-1, 3):
        with pytest.raises(InvalidUse):
            look_up(part, offset, title="t")


# -------------------------------------------------------------------------------------------------------- retention


def verdicts_in(figure):
    """file -> whether it goes"""
    return {line.split(":")[0].strip(): ", goes: " in line for line in figure.text.split("\n") if ".log:" in line}


@pytest.mark.parametrize("seed", range(12))
def test_what_is_drawn_as_going_is_what_goes(partition, drawings, seed):
    chance = random.Random(seed)
    ahead = [(chance.random() < 0.1) * chance.randrange(20) * DAY for _ in range(40)]
    rows = [(T0 + n * DAY // 8 + ahead[n], b"k", b"v" * chance.randrange(90)) for n in range(40)]
    by = "time" if seed % 2 else "size"
    setting = {"retention_ms": chance.randrange(1, 6) * DAY} if by == "time" else {
        "retention_bytes": chance.randrange(5000), "retention_ms": None}
    part = partition(rows, segment_bytes=chance.choice([700, 1200]), segment_ms=10**15, **setting)
    while len(part.segments) > 12:
        part.drop_oldest()
    now = T0 + chance.randrange(9) * DAY
    drawn = verdicts_in(retention(part, now, title="t", by=by))
    assert clean(drawings[-1])
    assert [name for name, goes in drawn.items() if goes] == expire(part, now)


def test_each_verdict_has_its_reason(partition, drawings):
    rows = [(T0 + day * DAY, b"k", b"v" * 60) for day in (0, 1, 30, 2, 9)]
    part = partition(rows, segment_bytes=150, segment_ms=10**15, retention_ms=3 * DAY)
    figure = retention(part, T0 + 10 * DAY, title="A record from the future pins all after it")
    reasons = [line.rsplit(": ", 1)[1] for line in figure.text.split("\n") if ".log:" in line]
    assert reasons == ["newest record too old", "newest record too old", "a record from the future",
                       "one before it stays", "newest record is young"]
    assert "to 04 Feb 2026 08:00" in texts_of(figure)
    assert "2 of 5 segments go; the line: 12 Jan 2026 08:00, 3 days before now" in figure.alt
    assert clean(drawings[-1])


def test_drawing_retention_deletes_nothing(partition):
    part = partition(9, segment_bytes=150, retention_ms=0)
    retention(part, T0 + DAY, title="t")
    assert (part.start, part.end) == (0, 9)


def test_a_rule_that_is_not_set_is_not_drawn(partition):
    part = partition(2, retention_ms=None)
    for by in ("time", "size", "colour"):
        with pytest.raises(InvalidUse):
            retention(part, T0, title="t", by=by)


# ------------------------------------------------------------------------------------------------------- compaction

ROWS = [(T0, key, value) for key, value in [(b"mug", b"12"), (b"cup", b"30"), (b"mug", b"11"), (b"cup", None),
                                            (b"mug", b"10"), (b"pot", b"4"), (b"mug", b"9")]]


def test_compaction_is_drawn_moment_by_moment(partition, drawings):
    part = partition(ROWS, segment_bytes=250, cleanup="compact", delete_retention_ms=DAY)
    strips = [strip_of(part, "before")]
    for label, now in (("cleaned", T0), ("a day later", T0 + DAY)):
        compact(part, now, force=True)
        strips.append(strip_of(part, label))
    figure = compaction(strips, title="The offsets stay")
    counts = [sum(len(batch.records) for s in part.segments for _, d, _ in s.batches() for batch in decode_batches(d))]
    assert [line.strip() for line in figure.text.split("\n") if "record" in line and ":" in line][0] == \
        "before: 7 records"
    assert f"a day later: {counts[0]} records" in figure.alt
    assert "3 cup tombstone" in figure.text and "active: " in figure.text
    after = figure.text.split("a day later")[1]
    assert "cup" not in after and "6 mug 9" in after
    assert {"mug", "deleted", "gone", "0", "6"} <= set(texts_of(figure))
    assert clean(drawings[-1])


def test_what_a_later_record_replaces_is_pale(partition):
    figure = compaction([strip_of(partition(ROWS), "before")], title="t")
    pale = [one.text for one in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")
            if one.get("font-weight") == "bold" and one.get("fill") == MUTED]
    assert pale == ["mug", "cup", "mug", "mug"]  # not the cup's tombstone, the pot, and the last mug


def test_moments_are_kept_as_they_were(partition):
    part = partition(ROWS, segment_bytes=250, cleanup="compact")
    strip = strip_of(part, "before")
    compact(part, T0, force=True)
    assert strip != strip_of(part, "before") and "before: 7 records" in compaction([strip], title="t").text


def test_hostile_keys_do_no_harm_in_a_compaction(partition, drawings, hostile):
    data = hostile[:300].encode("utf-8", "replace")
    part = partition([(T0, data, data), (T0, data, None)])
    figure = compaction([strip_of(part, hostile)], title=f"x{hostile}")
    assert "<script" not in figure.html and clean(drawings[-1])


def test_too_much_or_nothing_is_not_drawn(partition):
    for strips in ([], [strip_of(partition(0), "empty")], [strip_of(partition(17), "long")]):
        with pytest.raises(InvalidUse):
            compaction(strips, title="t")


@pytest.mark.parametrize("title", [" ", None])
def test_every_picture_needs_its_finding(partition, title):
    part = partition(2, retention_bytes=1)
    for draw in (lambda: batch_bytes(BATCH, title=title), lambda: record_bytes(BATCH, title=title),
                 lambda: look_up(part, 0, title=title), lambda: retention(part, T0, title=title),
                 lambda: compaction([strip_of(part, "now")], title=title)):
        with pytest.raises(InvalidUse):
            draw()
