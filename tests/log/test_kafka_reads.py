"""LOG-5: Kafka's own tool reads what evlab writes, and evlab reads what a Kafka broker has written.

The files in written_by_kafka were written by Apache Kafka 4.1.1 (one broker, clients: confluent-kafka 2.16): `orders`
with nulls and headers, `gz` and `zs` compressed, `till` with a committed, an aborted and a committed transaction.
"""

from __future__ import annotations

import pathlib
import re

import pytest
from kafka_dump import kafka_dump

from evlab.files import DiskFiles
from evlab.log.compaction import compact
from evlab.log.dump import dump
from evlab.log.partition import Partition
from evlab.log.records import decode_batches, encode_batch, encode_rows, marker, read_marker
from evlab.log.topics import TopicConfig

HERE = pathlib.Path(__file__).parent / "written_by_kafka"
T = 1_700_000_000_000
FIRST = "00000000000000000000"
ROWS = [(T + n, None if n % 5 == 0 else b"order-%d" % (n % 7), None if n % 11 == 10 else b'{"total":%d}' % n,
         (("type", b"OrderPlaced"), ("null", None)) if n % 3 == 0 else ()) for n in range(40)]


def partition(folder: pathlib.Path, name: str = "orders", **config) -> Partition:
    return Partition(DiskFiles(folder / f"{name}-0"), name, 0, TopicConfig(**config))


def segments(folder: pathlib.Path, ending: str) -> list[str]:
    return sorted(f"{path.parent.name}/{path.name}" for path in folder.glob(f"*-0/*{ending}"))


def agreed(folder: pathlib.Path) -> list[str]:
    """Kafka's tool and evlab's `dump` say the same of every segment file; what they say of the .log files."""
    logs, indexes = segments(folder, ".log"), segments(folder, "index")
    found = kafka_dump(folder, *logs)
    assert found == [line for name in logs for line in dump(folder / name).splitlines()]
    assert all("isvalid: true" in line for line in found if line.startswith("baseOffset"))
    indexes = [name for name in indexes if (folder / name).stat().st_size]
    if indexes:
        assert kafka_dump(folder, *indexes, data=False) == [
            line for name in indexes for line in dump(folder / name).splitlines()]
    return found


@pytest.mark.parametrize("codec", ["none", "gzip", "zstd"])
def test_kafka_reads_batches_nulls_headers_and_indexes(tmp_path, codec):
    log = partition(tmp_path, segment_bytes=6000, index_interval=500)
    for start in range(0, 200, 40):
        for at in range(0, 40, 8):
            log.append(encode_rows([(row[0] + start, *row[1:]) for row in ROWS[at:at + 8]], codec=codec), epoch=start)
    log.close()
    found = agreed(tmp_path)
    records = [line for line in found if line.startswith("| offset")]
    assert [int(re.search(r"offset: (\d+)", line)[1]) for line in records] == list(range(200))
    assert len(segments(tmp_path, ".log")) > (1 if codec == "none" else 0)
    values = [re.search(r"payload: (.*)", line) for line in records]
    assert [value and value[1].encode() for value in values] == [row[2] for row in ROWS] * 5


def test_kafka_reads_sequences_transactions_and_markers(tmp_path):
    log = partition(tmp_path)
    for turn, commit in enumerate([True, False]):
        rows = [(T, b"k", b"%d" % turn, ())] * 3
        log.append(encode_rows(rows, producer_id=7, producer_epoch=1, base_sequence=3 * turn, transactional=True))
        log.append(marker(commit, producer_id=7, producer_epoch=1, timestamp=T, coordinator_epoch=2))
    log.close()
    found = agreed(tmp_path)
    assert [line.rpartition("endTxnMarker: ")[2] for line in found if "endTxnMarker" in line] == [
        "COMMIT coordinatorEpoch: 2", "ABORT coordinatorEpoch: 2"]
    assert "baseSequence: 3 lastSequence: 5 producerId: 7 producerEpoch: 1" in "\n".join(found)


def test_kafka_reads_what_compaction_has_left_with_its_holes_and_delete_horizons(tmp_path):
    log = partition(tmp_path, segment_bytes=1500, cleanup="compact")
    for n in range(120):
        value = None if n % 13 == 12 else b"value %d" % n
        log.append(encode_rows([(T + n, b"key-%d" % (n % 10), value, ()), (T + n, b"other", b"x", ())]))
    log.append(encode_rows([(T + 500, b"key-9", None, ())]))
    log.roll()
    compact(log, T + 1000, force=True)
    log.append(encode_rows([(T + 600, b"after", b"x", ())]))
    log.close()
    found = agreed(tmp_path)
    assert any(f"OptionalLong[{T + 1000 + 24 * 3600 * 1000}]" in line for line in found)
    offsets = [int(re.search(r"offset: (\d+)", line)[1]) for line in found if line.startswith("| offset")]
    assert len(offsets) < 20 and offsets == sorted(offsets)


# --------------------------------------------------------------------------------------- what a broker has written


def read(name: str) -> list:
    files = sorted((HERE / name).glob("*.log"))
    return [batch for file in files for batch in decode_batches(file.read_bytes())]


def test_evlab_reads_a_brokers_records():
    records = [record for batch in read("orders-0") for record in batch.records]
    assert [(record.offset, record.timestamp, record.key, record.value, record.headers) for record in records] == [
        (n, T + 10 * n, b"order-%d" % (n % 7) if n % 5 else None, None if n % 11 == 10 else b'{"total":%d}' % n,
         (("type", b"OrderPlaced"), ("null", None)) if n % 3 == 0 else ()) for n in range(30)]


@pytest.mark.parametrize("name, codec", [("gz-0", "gzip"), ("zs-0", "zstd")])
def test_evlab_reads_a_brokers_compressed_batches(name, codec):
    batches = read(name)
    assert {batch.codec for batch in batches} == {codec}
    assert [record.value for batch in batches for record in batch.records] == [
        b'{"total":%d,"note":"the same words again and again"}' % n for n in range(40)]


def test_evlab_reads_a_brokers_transactions():
    batches = read("till-0")
    markers = [read_marker(batch.records[0]).type for batch in batches if batch.control]
    assert markers == ["commit", "abort", "commit"]
    assert [batch.base_sequence for batch in batches if not batch.control] == [0, 4, 8]
    values = [record.value for batch in batches if not batch.control for record in batch.records]
    assert values == [b"t%d-%d" % (turn, n) for turn in range(3) for n in range(4)]


def test_a_partition_opens_a_brokers_folder_and_knows_what_was_aborted(tmp_path):
    files = DiskFiles(tmp_path / "till-0")
    for file in (HERE / "till-0").glob("*.*"):
        files.open(file.name).append(file.read_bytes())
    log = Partition(files, "till", 0)
    assert (log.start, log.end, log.cut) == (0, 15, 0)
    (aborted,) = log.producers.aborted
    assert (aborted.first_offset, aborted.last_offset) == (5, 9)
    assert log.append(encode_rows([(T, b"k", b"evlab goes on", ())])) == 15


@pytest.mark.parametrize("name, step, count", [("orders-0", 10, 30), ("gz-0", 1, 40), ("zs-0", 1, 40)])
def test_a_look_up_by_time_finds_the_record_inside_of_its_batch(tmp_path, name, step, count):
    """Kafka: LogSegment.findOffsetByTimestamp."""
    files = DiskFiles(tmp_path / name)
    for file in (HERE / name).glob("*.*"):
        files.open(file.name).append(file.read_bytes())
    log = Partition(files, name[:-2], 0)
    assert [log.offset_of(T + step * n + late) for n in range(count) for late in (1 - step, 0)] == [
        n for n in range(count) for _ in range(2)]
    assert log.offset_of(T + step * count) is None


def test_a_brokers_bytes_come_out_again_when_its_records_are_encoded_anew():
    for name in "orders-0", "till-0":
        for batch in read(name):
            if not batch.control:
                assert encode_batch(batch.records, base_offset=batch.base_offset, leader_epoch=batch.leader_epoch,
                                    producer_id=batch.producer_id, producer_epoch=batch.producer_epoch,
                                    base_sequence=batch.base_sequence, transactional=batch.transactional) == batch.data
