"""What is in a segment file, as text: the lines that Kafka's own `kafka-dump-log --print-data-log` prints for it.

It reads `.log`, `.index` and `.timeindex`, those of a Kafka broker, too (Kafka: kafka.tools.DumpLogSegments).
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

from evlab.errors import InvalidUse
from evlab.log.index import OFFSETS, TIMES
from evlab.log.records import Batch, CorruptBatch, Record, check_batch, decode_batches, read_marker

__all__ = ["dump"]


def dump(path: str | os.PathLike) -> str:
    """The lines for one file. Raises `InvalidUse` for a file of another ending, `FileNotFoundError`, `CorruptBatch`."""
    path = pathlib.Path(path)
    lines = {".log": _log, ".index": _index, ".timeindex": _times}.get(path.suffix)
    if lines is None or not path.stem.isdigit():
        raise InvalidUse(f"{path.name} is no file of a segment", why="a segment has a .log, an .index and a .timeindex",
                         next_step="give a path such as orders-0/00000000000000000000.log")
    return "\n".join([f"Dumping {path.parent.name}/{path.name}", *lines(path.read_bytes(), int(path.stem))])


def _log(data: bytes, base_offset: int) -> Iterator[str]:
    yield f"Log starting offset: {base_offset}"
    position = 0
    for batch in decode_batches(data, check=False):
        yield _batch_line(batch, position, data)
        yield from (_record_line(batch, record) for record in batch.records)
        position += batch.size


def _batch_line(batch: Batch, position: int, data: bytes) -> str:
    horizon = "OptionalLong.empty" if batch.delete_horizon is None else f"OptionalLong[{batch.delete_horizon}]"
    try:
        check_batch(data, position, batch.header)
        valid = True
    except CorruptBatch:
        valid = False
    return (f"baseOffset: {batch.base_offset} lastOffset: {batch.last_offset} count: {batch.count}"
            f" baseSequence: {batch.base_sequence} lastSequence: {batch.header.last_sequence}"
            f" producerId: {batch.producer_id} producerEpoch: {batch.producer_epoch}"
            f" partitionLeaderEpoch: {batch.leader_epoch} isTransactional: {_word(batch.transactional)}"
            f" isControl: {_word(batch.control)} deleteHorizonMs: {horizon} position: {position}"
            f" {_time_type(batch)}: {batch.max_timestamp} size: {batch.size} magic: 2"
            f" compresscodec: {batch.codec} crc: {batch.header.crc} isvalid: {_word(valid)}")


def _record_line(batch: Batch, record: Record) -> str:
    sequence = -1 if batch.base_sequence < 0 else (batch.base_sequence + record.offset - batch.base_offset) % 2**31
    line = (f"| offset: {record.offset} {_time_type(batch)}: {record.timestamp} keySize: {_size(record.key)}"
            f" valueSize: {_size(record.value)} sequence: {sequence}"
            f" headerKeys: [{','.join(name for name, _ in record.headers)}]")
    if batch.control:
        marker = read_marker(record)
        return f"{line} endTxnMarker: {marker.type.upper()} coordinatorEpoch: {marker.coordinator_epoch}"
    if record.key is not None:
        line += f" key: {record.key.decode(errors='replace')}"
    return line if record.value is None else f"{line} payload: {record.value.decode(errors='replace')}"


def _index(data: bytes, base_offset: int) -> Iterator[str]:
    for relative, position in OFFSETS.iter_unpack(data):
        yield f"offset: {base_offset + relative} position: {position}"


def _times(data: bytes, base_offset: int) -> Iterator[str]:
    for timestamp, relative in TIMES.iter_unpack(data):
        yield f"timestamp: {timestamp} offset: {base_offset + relative}"


def _time_type(batch: Batch) -> str:
    return "LogAppendTime" if batch.header.log_append_time else "CreateTime"


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _word(value: bool) -> str:
    return str(value).lower()
