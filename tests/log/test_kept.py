"""What a consumer keeps of a partition until it is polled."""

import pytest

from evlab import run
from evlab.log import Consumer, Log
from evlab.log.kept import Kept
from evlab.log.records import HEADER_SIZE, Batch, CorruptBatch, Record, encode_batch, read_header

NOW = 1_790_000_000_000


def batch_of(first, count, *, holes=False, codec="none"):
    records = [Record(first + n * (1 + holes), NOW, b"k", b"%d" % n) for n in range(count)]
    data = encode_batch(records, base_offset=first, keep_offsets=True, codec=codec)
    return Batch(data, 0, read_header(data), "orders", 0)


def garbled(batch):
    """The same with a right checksum around records that are none."""
    data = batch.data[:HEADER_SIZE] + b"\xff" * 70
    return Batch(data, 0, batch.header._replace(length=len(data) - 12), "orders", 0)


def offsets(records):
    return [record.offset for record in records]


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_records_come_out_in_order_a_batch_at_a_time(codec):
    kept = Kept()
    kept.add(batch_of(10, 3, codec=codec), 10)
    kept.add(batch_of(13, 2, codec=codec), 13)
    assert (kept.count, kept.first) == (5, 10)
    assert offsets(kept.take(2)) == [10, 11] and (kept.count, kept.first) == (3, 12)
    assert offsets(kept.take(9)) == [12] and (kept.count, kept.first) == (2, 13)
    assert offsets(kept.take(2)) == [13, 14] and kept.count == 0


def test_what_was_not_asked_for_is_left_out():
    kept = Kept()
    kept.add(batch_of(10, 3), 12)
    kept.add(batch_of(13, 3), 16)
    assert (kept.count, kept.first) == (1, 12)
    assert offsets(kept.take(5)) == [12] and kept.count == 0


def test_a_batch_with_holes_begins_at_a_record():
    kept = Kept()
    kept.add(batch_of(10, 3, holes=True), 11)
    assert (kept.count, kept.first) == (2, 12)
    assert offsets(kept.take(1)) == [12] and kept.first == 14


def test_a_batch_is_unpacked_when_it_is_taken(monkeypatch):
    unpacked = []
    read = Batch.records.fget
    monkeypatch.setattr(Batch, "records", property(lambda self: unpacked.append(self.base_offset) or read(self)))
    kept = Kept()
    for first in (0, 5, 10):
        kept.add(batch_of(first, 5), first)
    assert unpacked == [] and kept.count == 15
    kept.take(5)
    assert unpacked == [0]


def test_a_batch_that_cannot_be_unpacked_stays_the_next():
    kept = Kept()
    kept.add(garbled(batch_of(7, 3)), 7)
    for _ in range(2):
        with pytest.raises(CorruptBatch):
            kept.take(5)
        assert (kept.count, kept.first) == (3, 7)


def test_a_consumer_is_given_what_stands_before_it_then_told_and_then_goes_no_further(tmp_path, monkeypatch):
    """A batch whose checksum fits, and whose records make no sense: a producer with a mistake made it."""
    log = Log(tmp_path)
    log.create_topic("orders", 1)
    partition = log.replica("orders", 0).partition
    for first in (0, 5, 10):
        partition.append(batch_of(first, 5).data)
    log.replica("orders", 0).advance()
    read = Batch.records.fget
    monkeypatch.setattr(Batch, "records", property(
        lambda self: read(garbled(self) if self.topic and self.base_offset == 5 else self)))
    consumer, given, told = Consumer(log, "email", "orders"), [], []

    def work():
        for _ in range(6):
            try:
                given.extend(offsets(consumer.poll()))
            except CorruptBatch as error:
                told.append(error)
            yield 0.01

    run(work(), log.env)
    assert given == [0, 1, 2, 3, 4] and len(told) == 1
    assert consumer.position("orders", 0) == 5
    log.close()
