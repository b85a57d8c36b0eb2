"""A record batch: what a producer sends, a broker writes to its file, and a consumer fetches, byte for byte the same.

It is Kafka's format 2 (Kafka: DefaultRecordBatch, DefaultRecord). A header of 61 bytes, with the numbers of the whole
batch; then the records, each with small differences to it, in as few bytes as they need.

1. The CRC covers everything from the attributes on. Only the broker's own fields lie before it: the base offset and the
   leader epoch (`stamp`). So a broker numbers a batch without unpacking it, and its records are damaged by no one.
2. Whatever is read here is a batch as it was written, or `CorruptBatch`. Nothing in between.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter, lt
from typing import Any, NamedTuple

from google_crc32c import extend
from google_crc32c import value as crc32c

from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.log.compression import CODECS, compress, decompress
from evlab.log.rows import INT64, CorruptBatch, check_row, decode_varint, encode_varint, join_columns, split_rows

__all__ = ["HEADER_SIZE", "OVERHEAD", "Batch", "CorruptBatch", "Header", "Marker", "Record", "check_batch",
           "decode_batches", "decode_records", "decode_varint", "encode_batch", "encode_columns", "encode_rows",
           "encode_varint", "marker", "read_header", "read_marker", "stamp", "stamped"]

HEADER_SIZE = 61
"""Bytes before the records."""
OVERHEAD = 12
"""Bytes before what `length` counts: the base offset and the length itself."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
_BEFORE, _CHECKED = struct.Struct(">qiibI"), struct.Struct(">hiqqqhii")  # its two parts: the CRC covers the second
_LENGTH_AT, _MAGIC_AT, _CHECKED_AT = 8, 16, 21
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL, _HORIZON = 7, 8, 16, 32, 64  # bits of the attributes
_LIKELY = _HEADER.pack(0, HEADER_SIZE, 0, 2, *[0] * 9)
_LARGEST = 2**63 - 1
_RESTORE = "fetch the batch from a replica, or restore the file from a copy"
_CUT = "if its write was never acked, cut it off; if it was, restore it from a copy"
_MARKER_KEY, _MARKER_VALUE = struct.Struct(">hh"), struct.Struct(">hi")


class Record(NamedTuple):
    """One record, as it comes out of the log."""

    offset: int
    timestamp: int
    """Milliseconds since 1970, UTC."""
    key: bytes | None
    value: bytes | None
    """None is a tombstone: the key is deleted."""
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = ""
    partition: int = -1

    @property
    def event(self) -> Event:
        """The event in its value. Raises `InvalidEvent` if there is none."""
        return Event.from_json(self.value)

    def __str__(self) -> str:
        place = f"{self.topic}-{self.partition} " if self.topic else ""
        value = "tombstone" if self.value is None else _shown(self.value)
        return f"{place}@{self.offset} {'(no key)' if self.key is None else _shown(self.key)}: {value}"


def _shown(data: bytes) -> str:
    text = data[:240].decode("utf-8", "backslashreplace")
    text = text if text.isprintable() else repr(data[:60])
    return text if len(text) <= 60 else f"{text[:59]}…"


class Header(NamedTuple):
    """The first 61 bytes of a batch, in their order."""

    base_offset: int
    length: int
    """Bytes that follow this field."""
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    """That of the first record, ms; the delete horizon if `has_horizon`. The records' timestamps count from it."""
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int
    """Records in it. Compaction removes some, and leaves the offsets as they were."""

    size = property(lambda self: OVERHEAD + self.length, doc="Bytes of the whole batch.")
    last_offset = property(lambda self: self.base_offset + self.last_offset_delta)
    next_offset = property(lambda self: self.base_offset + self.last_offset_delta + 1)
    codec = property(lambda self: CODECS[self.attributes & _CODEC])
    transactional = property(lambda self: bool(self.attributes & _TRANSACTIONAL))
    control = property(lambda self: bool(self.attributes & _CONTROL), doc="A marker of the broker's, no data.")
    has_horizon = property(lambda self: bool(self.attributes & _HORIZON))
    log_append_time = property(lambda self: bool(self.attributes & _APPEND_TIME),
                               doc="All its records have max_timestamp, the broker's time.")

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record; after 2**31 - 1 comes 0 (DefaultRecordBatch.incrementSequence)."""
        return -1 if self.base_sequence < 0 else (self.base_sequence + self.last_offset_delta) % 2**31

    @property
    def delete_horizon(self) -> int | None:
        """When the tombstones in it may be dropped, ms; None if no cleaning has met them."""
        return self.base_timestamp if self.has_horizon else None


# ------------------------------------------------------------------------------------------------------------ writing


def encode_batch(records: Iterable[Any], *, keep_offsets: bool = False, base_offset: int = 0, **fields: Any) -> bytes:
    """A batch of `records`: each a `Record`, or anything with its timestamp, key, value and headers.

    Their offsets are base_offset, base_offset + 1, ...; with keep_offsets, those that they have (compaction leaves
    holes). fields: as for `encode_columns`. Raises `InvalidUse` for what cannot be written, and says which record.
    """
    try:
        records = list(records)
        rows = [record if type(record) is tuple else (record.timestamp, record.key, record.value, record.headers)
                for record in records]
        deltas = [record.offset - base_offset for record in records] if keep_offsets else None
    except (TypeError, AttributeError) as error:
        raise InvalidUse(f"these are no records: {error}",
                         next_step="give a list of Record, or of tuples (timestamp, key, value, headers)") from error
    for number, row in enumerate(rows):
        check_row(number, row)
    return encode_rows(rows, deltas, base_offset=base_offset, **fields)


def encode_rows(rows: Sequence[tuple], deltas: Sequence[int] | None = None, **fields: Any) -> bytes:
    """A batch of rows (timestamp, key, value, headers); it trusts its caller. fields: as for `encode_columns`."""
    try:
        times, keys, values, headers = zip(*rows, strict=True) if rows else ((), (), (), ())
    except (TypeError, ValueError) as error:
        raise _refused(rows, error) from error
    return encode_columns(times, keys, values, headers, deltas, **fields)


def encode_columns(times: Sequence[int], keys: Sequence[bytes | None], values: Sequence[bytes | None],
                   headers: Sequence[tuple] = (), deltas: Sequence[int] | None = None, *, base_offset: int = 0,
                   leader_epoch: int = 0, producer_id: int = -1, producer_epoch: int = -1, base_sequence: int = -1,
                   transactional: bool = False, control: bool = False, codec: str = "none",
                   delete_horizon: int | None = None, last_offset: int | None = None) -> bytes:
    """A batch of records given by columns: the producer's fast way, which trusts its caller.

    headers: () if there are none. deltas: each record's offset - base_offset; 0, 1, 2, ... if not given. last_offset:
    the batch's, if it reaches beyond its last record. A batch without records needs it. delete_horizon: see
    `Header.delete_horizon`, ms. codec: "none", "gzip", "zstd". Raises `InvalidUse`; `NoCodec`.
    """
    count = len(keys)
    if deltas is None:
        deltas = range(count)
    elif len(deltas) != count or deltas and deltas[0] < 0 or not all(map(lt, deltas, deltas[1:])):
        raise InvalidUse("the offsets of a batch do not ascend from its base_offset",
                         next_step="give the records in the order of their offsets")
    if last_offset is None and not count:
        raise InvalidUse("a batch without records", next_step="give it one, or a last_offset")
    try:
        last = deltas[-1] if last_offset is None else last_offset - base_offset
        if last < (deltas[-1] if count else 0) or base_offset < 0 or base_offset + last not in INT64:
            raise InvalidUse(f"a batch cannot reach from offset {base_offset} to {base_offset + last}",
                             next_step="give a base_offset of 0 or more, and a last_offset that covers the records")
        attributes = CODECS.index(codec) if codec in CODECS else 0  # an unknown one is refused by `compress`
        attributes |= transactional * _TRANSACTIONAL | control * _CONTROL | (delete_horizon is not None) * _HORIZON
        base = delete_horizon if delete_horizon is not None else times[0] if count else -1
        body, newest = join_columns((deltas, times, keys, values, headers), base)
        body = compress(codec, body)
        checked = _CHECKED.pack(attributes, last, base, newest, producer_id, producer_epoch, base_sequence, count)
        before = _BEFORE.pack(base_offset, HEADER_SIZE - OVERHEAD + len(body), leader_epoch, 2,
                              extend(crc32c(checked), body))
    except (TypeError, ValueError, LookupError, AttributeError, struct.error) as error:
        raise _refused(list(zip(times, keys, values, headers or [()] * count, strict=True)), error) from error
    return b"".join((before, checked, body))


def _refused(rows: Sequence[tuple], error: Exception) -> InvalidUse:
    """What to raise for a batch that could not be written; if one of its records is at fault it is named."""
    for number, row in enumerate(rows):
        check_row(number, row)
    return InvalidUse(f"a batch of these fields cannot be written: {error}",
                      next_step="give whole numbers that fit into Kafka's fields")


def stamp(batch: bytes, base_offset: int, leader_epoch: int) -> bytes:
    """The batch with its place in the log: what a broker does on append. The CRC covers neither, so it still fits."""
    return b"".join(stamped(memoryview(batch), base_offset, leader_epoch))


def stamped(batch: memoryview, base_offset: int, leader_epoch: int) -> tuple:
    """The same in pieces, to be joined with those of other batches: so the bytes of many are copied once."""
    if len(batch) < HEADER_SIZE or not 0 <= base_offset < 2**63 or not -2**31 <= leader_epoch < 2**31:
        raise InvalidUse(f"no batch of {len(batch)} bytes can have offset {base_offset} and epoch {leader_epoch}",
                         next_step="stamp what encode_batch returned, with an offset of 0 or more")
    length, rest = batch[_LENGTH_AT:OVERHEAD], batch[_MAGIC_AT:]
    return struct.pack(">q", base_offset), length, struct.pack(">i", leader_epoch), rest


def marker(commit: bool, *, producer_id: int, producer_epoch: int, timestamp: int, base_offset: int = 0,
           coordinator_epoch: int = 0) -> bytes:
    """The end of a transaction, as the broker writes it into each partition: a batch of one record, which takes one
    offset. What the producer wrote before it is now committed, or aborted (EndTransactionMarker).
    """
    try:
        row = timestamp, _MARKER_KEY.pack(0, bool(commit)), _MARKER_VALUE.pack(0, coordinator_epoch), ()
    except struct.error as error:
        raise InvalidUse(f"coordinator_epoch={coordinator_epoch!r}", next_step="give a number of 32 bits") from error
    return encode_rows([row], base_offset=base_offset, producer_id=producer_id, producer_epoch=producer_epoch,
                       transactional=True, control=True)


class Marker(NamedTuple):
    """What a control record says."""

    type: str
    """"commit" or "abort"; "type 2" and so on for those of Kafka's own that end no transaction."""
    coordinator_epoch: int


def read_marker(record: Record) -> Marker:
    """What a record of a control batch says. Raises `CorruptBatch` if it says nothing."""
    try:
        _, type = _MARKER_KEY.unpack_from(record.key)
        if type not in (0, 1):
            return Marker(f"type {type}", -1)
        return Marker("commit" if type else "abort", _MARKER_VALUE.unpack_from(record.value)[1])
    except (TypeError, struct.error) as error:
        raise CorruptBatch("a control record of no type", offset=record.offset,
                           why=f"its key is {record.key!r:.40}, its value {record.value!r:.40}") from error


# ------------------------------------------------------------------------------------------------------------ reading


def read_header(data: bytes, at: int = 0) -> Header:
    """The header of the batch at `at`, as far as it can be judged alone: the CRC is `check_batch`'s.

    Raises `CorruptBatch` for what cannot be a header; `torn` if it is right as far as it goes, and ends too early.
    """
    there = max(0, len(data) - at)
    if there >= HEADER_SIZE:
        header = tuple.__new__(Header, _HEADER.unpack_from(data, at))  # two thirds of the time of Header._make
    else:  # what is missing is taken to be right
        header = Header._make(_HEADER.unpack(bytes(data[at:]) + _LIKELY[there:]))
    base_offset, length, _, magic, _, attributes, last, *_, count = header
    offset = base_offset if base_offset >= 0 and there >= 8 else None
    if (magic != 2 or length < HEADER_SIZE - OVERHEAD or base_offset < 0 or not 0 <= last < _LARGEST - base_offset
            or not 0 <= count <= last + 1 or attributes & _CODEC >= len(CODECS)):
        raise CorruptBatch("no batch can have this header", position=at, offset=offset, why=_fault(header),
                           next_step=_RESTORE)
    if there < HEADER_SIZE:
        raise CorruptBatch(f"a batch is cut off: {there} of the {HEADER_SIZE} bytes of its header are there",
                           position=at, offset=offset, torn=True, next_step=_CUT)
    return header


def _fault(header: Header) -> str:
    """What is wrong with an impossible header."""
    if header.magic in (0, 1):
        return f"byte 16, its format, is {header.magic} and not 2: from before Kafka 0.11, or never written (zeros)"
    if header.magic != 2:
        return f"byte 16, its format, is {header.magic} and not 2: no batch begins here, or this is no file of a log"
    if header.length < HEADER_SIZE - OVERHEAD:
        return f"its length is {header.length}, and the rest of its header alone has {HEADER_SIZE - OVERHEAD} bytes"
    if header.attributes & _CODEC >= len(CODECS):
        return f"its codec has the number {header.attributes & _CODEC}"
    return f"it has {header.count} records in the offsets {header.base_offset} to {header.last_offset}"


def check_batch(data: bytes, at: int, header: Header) -> None:
    """Raise `CorruptBatch` unless the batch is there to its end and its CRC fits (polynomial of Castagnoli)."""
    end = at + header.size
    if end > len(data):
        raise CorruptBatch(f"a batch is cut off: {len(data) - at:,} of its {header.size:,} bytes are there",
                           position=at, offset=header.base_offset, torn=True, next_step=_CUT)
    found = crc32c(bytes(data[at + _CHECKED_AT:end]))
    if found != header.crc:
        raise CorruptBatch("a batch is damaged", position=at, offset=header.base_offset, next_step=_RESTORE,
                           why=f"its checksum is {found:08x}, and {header.crc:08x} was written")


def decode_records(data: bytes, at: int, header: Header, topic: str = "", partition: int = -1) -> list[Record]:
    """The records of the batch at `at`. Raises `CorruptBatch` for what `encode_batch` cannot have made; `NoCodec`.

    The CRC is not looked at. A compressed batch unpacks to MAX_UNPACKED bytes (64 MiB) at most.
    """
    body = bytes(data[at + HEADER_SIZE:at + header.size])
    base, torn, dense = header.base_offset, at + header.size > len(data), header.count == header.last_offset_delta + 1
    try:
        if torn:
            raise ValueError("a batch is cut off")
        columns = split_rows(decompress(header.codec, body), header.count, header.last_offset_delta,
                             header.base_timestamp)
    except (CorruptBatch, ValueError) as error:
        why = f"{error.what}: {error.why}".removesuffix(": ") if isinstance(error, CorruptBatch) else str(error)
        raise CorruptBatch("the records of a batch are damaged", why=why, position=at, offset=base, torn=torn,
                           next_step=_RESTORE) from error
    deltas, times, keys, values, headers = columns
    if header.log_append_time:
        times = repeat(header.max_timestamp)
    offsets = range(base, header.next_offset) if dense else [base + delta for delta in deltas]
    rows = zip(offsets, times, keys, values, headers, repeat(topic), repeat(partition))
    return list(map(tuple.__new__, repeat(Record), rows))  # half the time of Record(...)


class Batch:
    """A batch in `data`. Each field and property of its `header` is an attribute of it, too."""

    __slots__ = ("_at", "_data", "_records", "header", "partition", "topic")

    def __init__(self, data: bytes, at: int, header: Header, topic: str = "", partition: int = -1):
        self._data, self._at, self._records = data, at, None
        self.header, self.topic, self.partition = header, topic, partition

    @property
    def records(self) -> list[Record]:
        """Its records, decoded when first asked for. Raises `CorruptBatch`, and `NoCodec` for snappy and lz4."""
        if self._records is None:
            self._records = decode_records(self._data, self._at, self.header, self.topic, self.partition)
        return self._records

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self._data[self._at:self._at + self.header.size]

    def __repr__(self) -> str:
        count, header = self.header.count, self.header
        return (f"Batch(offsets {header.base_offset} to {header.last_offset}, {count} record{'s' * (count != 1)}, "
                f"{header.size:,} bytes)")


for _name in (*Header._fields, *(name for name, of in vars(Header).items() if isinstance(of, property))):
    setattr(Batch, _name, property(attrgetter(f"header.{_name}")))


def decode_batches(data: bytes, *, topic: str = "", partition: int = -1, check: bool = True) -> Iterator[Batch]:
    """The batches that stand in `data`, back to back. Raises `CorruptBatch` at the first that is not whole.

    topic, partition: for the records. check: compare each batch's CRC. Base offset and leader epoch are outside of the
    CRC: whether the offsets ascend from batch to batch is for the log to judge, which knows what it wrote.
    """
    try:
        data = data if isinstance(data, bytes) else bytes(memoryview(data))
    except TypeError as error:
        raise InvalidUse(f"{data!r:.60} is not bytes", next_step="give the bytes of one or more batches") from error
    at, expected = 0, None
    while at < len(data):
        try:
            header = read_header(data, at)
        except CorruptBatch as error:
            raise CorruptBatch(error.what, why=error.why, next_step=error.next_step, position=at, torn=error.torn,
                               offset=expected if error.offset is None else error.offset) from None
        if check or at + header.size > len(data):
            check_batch(data, at, header)
        yield Batch(data, at, header, topic, partition)
        at, expected = at + header.size, header.next_offset
