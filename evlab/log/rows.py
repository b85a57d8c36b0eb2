"""The records inside a batch, as bytes: varints, and the two loops that write and read them.

A record is its length, and then only what differs from the batch's header: how many ms after the first, how many
offsets, key, value, headers. A small order takes seven bytes more than its key and value (Kafka: DefaultRecord).

The loops run once for each record that goes through the log, so they look numbers up where others would compute them.
Each has a plain twin, which says the same slowly: `encode_record`, `read_plainly`. Tests compare them. Records that are
laid out alike are not even looped over: evlab.log.alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from evlab.errors import InvalidUse
from evlab.log.alike import FAR, Unusual, join_alike, split_alike
from evlab.log.varints import INT64, LENGTHS, NULL, ONE, TIMES, TWO, CorruptBatch, decode_varint, encode_varint

__all__ = ["CorruptBatch", "check_row", "decode_varint", "encode_varint", "join_columns", "join_rows", "split_rows"]

_SMALLEST = 7  # bytes of a record without key, value and headers
_MANY = 64  # records of a batch, from which on it pays to look whether they are alike

Columns = tuple[Sequence[int], Sequence[int], Sequence[bytes | None], Sequence[bytes | None], Sequence[tuple]]
"""offset deltas, timestamps, keys, values, headers; each as long as the batch has records"""


# ------------------------------------------------------------------------------------------------------------ writing


def join_rows(rows: Sequence[tuple], deltas: Sequence[int], base: int) -> tuple[bytes, int]:
    """The bytes of rows (timestamp, key, value, headers), and their largest timestamp."""
    return join_columns((deltas, *(zip(*rows, strict=True) if rows else [()] * 4)), base)


def join_columns(columns: Columns, base: int) -> tuple[bytes, int]:
    """The same of columns; headers may be (), if there are none. base: what the timestamps count from.

    It does what `encode_record` does, with all numbers looked up; a record with one beyond the table goes there.
    """
    deltas, stamps, keys, values, headers = columns
    count = len(keys)
    newest = max(stamps, default=-1)
    if count >= _MANY and deltas == range(count) and not any(headers):
        with suppress(Unusual):
            return join_alike(stamps, keys, values, base), newest
    lengths, times, join, parts = LENGTHS, TIMES, b"".join, []
    add, before = parts.append, None
    for delta, timestamp, key, value, pairs in zip(deltas, stamps, keys, values, headers or [()] * count, strict=True):
        if timestamp != before:  # a fast producer sends thousands in one ms
            before = timestamp
            ms = times.get(timestamp - base) or encode_varint(timestamp - base)
        try:
            record = join((b"\0", ms, lengths[delta],
                           NULL if key is None else lengths[len(key)], key or b"",
                           NULL if value is None else lengths[len(value)], value or b"",
                           b"\0" if not pairs else _encode_headers(pairs)))
            add(lengths[len(record)])
        except IndexError:
            record = encode_record(timestamp - base, delta, key, value, pairs)
            add(_varint(len(record), 32))
        add(record)
    return join(parts), newest


def _varint(n: int, bits: int = 64) -> bytes:
    return TIMES[n] if n in TIMES else encode_varint(n, bits)


def encode_record(timestamp_delta: int, offset_delta: int, key: bytes | None, value: bytes | None,
                   headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """A record, without the length that goes before it. Its first byte, attributes, has no use yet."""
    return b"".join((b"\0", _varint(timestamp_delta), _varint(offset_delta, 32),
                     _encode_bytes(key), _encode_bytes(value), _encode_headers(headers)))


def _encode_bytes(data: bytes | None) -> bytes:
    return NULL if data is None else _varint(len(data), 32) + data


def _encode_headers(headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    return _varint(len(headers), 32) + b"".join(
        [_encode_bytes(key.encode()) + _encode_bytes(value) for key, value in headers])


def check_row(number: int, row: tuple) -> None:
    """Raise `InvalidUse` for a record that cannot be written."""
    if not isinstance(row, list | tuple) or len(row) != 4:
        raise InvalidUse(f"record {number} is {row!r:.60}", next_step="give (timestamp, key, value, headers)")
    timestamp, key, value, headers = row
    for name, found, right in (
            ("timestamp", timestamp, type(timestamp) is int and timestamp in INT64),
            ("key", key, isinstance(key, bytes | None)), ("value", value, isinstance(value, bytes | None)),
            ("headers", headers, isinstance(headers, list | tuple) and all(map(_is_header, headers)))):
        if not right:
            raise InvalidUse(f"the {name} of record {number} is {found!r:.60}",
                             next_step="give a timestamp in whole ms, key and value of bytes or None, and headers as "
                                       "pairs (str, bytes or None)")


def _is_header(pair: Any) -> bool:
    try:
        key, value = pair
        return bool(key.encode() or not key) and isinstance(value, bytes | None)
    except (TypeError, ValueError, AttributeError):
        return False


# ------------------------------------------------------------------------------------------------------------ reading

def split_rows(body: bytes, count: int, last_delta: int, base: int) -> Columns:
    """What `join_rows` was given. Raises `CorruptBatch` for every other `body`: never another error, never other rows.

    body: the bytes after the header, unpacked. count, last_delta, base: the header's count, last_offset_delta and
    base_timestamp.
    """
    if not 0 <= count <= len(body) // _SMALLEST:
        raise CorruptBatch(f"{count:,} records cannot stand in {len(body):,} bytes")
    if count >= _MANY:
        with suppress(Unusual):
            return split_alike(body, count, last_delta, base)
    try:
        return _split_quickly(body, count, last_delta, base)
    except (IndexError, Unusual, CorruptBatch):
        return read_plainly(body, count, last_delta, base)


def _split_quickly(body: bytes, count: int, last_delta: int, base: int) -> Columns:
    """The loop for nearly all batches: numbers of one or two bytes, and every check passes. If not: any exception.

    Longer than a function should be: the same five lines stand there for each number. To call a function for them would
    take three times as long.
    """
    if not -FAR < base < FAR:
        raise Unusual
    one, two = ONE, TWO
    deltas, times, headers = [0] * count, [base] * count, [()] * count
    keys: list[bytes | None] = [None] * count
    values: list[bytes | None] = [None] * count
    at, before = 0, -1
    for i in range(count):
        byte = body[at]
        if byte < 128:
            end = at + 1 + one[byte]
            at += 2  # the attributes, too
        else:
            end = at + 2 + two[body[at + 1]][byte]
            at += 3
        byte = body[at]
        at += 1
        if byte:  # ms since the base timestamp
            if byte < 128:
                times[i] += one[byte]
            elif body[at] < 128:
                times[i] += two[body[at]][byte]
                at += 1
            else:
                ms, at = decode_varint(body, at - 1)
                if not -FAR < ms < FAR:
                    raise Unusual
                times[i] += ms
        byte = body[at]
        if byte < 128:
            delta = one[byte]
            at += 1
        else:
            delta = two[body[at + 1]][byte]
            at += 2
        if delta <= before:
            raise Unusual
        deltas[i] = before = delta
        byte = body[at]
        if byte < 128:
            start = at + 1
            at = start + one[byte]
        else:
            start = at + 2
            at = start + two[body[at + 1]][byte]
        if at >= start:
            keys[i] = body[start:at]
        elif byte == 1:  # -1: null
            at = start
        else:
            raise Unusual
        byte = body[at]
        if byte < 128:
            start = at + 1
            at = start + one[byte]
        else:
            start = at + 2
            at = start + two[body[at + 1]][byte]
        if at >= start:
            values[i] = body[start:at]
        elif byte == 1:
            at = start
        else:
            raise Unusual
        if body[at]:
            headers[i], at = _read_headers(body, at, len(body))
        else:
            at += 1
        if at != end:  # so no slice above was cut short, and no number stood beyond the record
            raise Unusual
    if at != len(body) or before > last_delta:
        raise Unusual
    return deltas, times, keys, values, headers


def read_plainly(body: bytes, count: int, last_delta: int, base: int) -> Columns:
    """The same in plain steps: what is wrong, and in which record. It takes four times as long."""
    rows, at, before = [], 0, -1
    for number in range(count):
        try:
            row, at = _read_record(body, at, base)
            if not before < row[0] <= last_delta:
                raise CorruptBatch(f"its offset is {row[0]} after the base offset, the one before it {before}, and the "
                                   f"batch's last {last_delta}")
        except CorruptBatch as error:
            raise CorruptBatch(f"record {number} is malformed", why=error.what) from None
        rows.append(row)
        before = row[0]
    if at != len(body):
        raise CorruptBatch(f"{len(body) - at:,} bytes follow the last of {count:,} records")
    return tuple(map(list, zip(*rows, strict=True))) if rows else ([], [], [], [], [])


def _read_record(body: bytes, at: int, base: int) -> tuple[tuple, int]:
    """The record at `at` as (offset delta, timestamp, key, value, headers), and where it ends."""
    size, start = decode_varint(body, at, 32)
    end = start + size
    if size < 0 or end > len(body):
        raise CorruptBatch(f"it has {size:,} bytes, and {len(body) - start:,} are left")
    ms, at = decode_varint(body, start + 1)  # the byte at `start`: attributes, of which no bit is used
    if base + ms not in INT64:
        raise CorruptBatch("its timestamp does not fit into 64 bits")
    delta, at = decode_varint(body, at, 32)
    key, at = _read_bytes(body, at, end)
    value, at = _read_bytes(body, at, end)
    headers, at = _read_headers(body, at, end)
    if at != end:
        raise CorruptBatch(f"it ends at byte {at}, and its length says {end}")
    return (delta, base + ms, key, value, headers), end


def _read_bytes(body: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size = ONE[body[at]] if at < end else None
    if size is None:
        size, at = decode_varint(body, at, 32)
    else:
        at += 1
    if size == -1:
        return None, at
    if not 0 <= size <= end - at:
        raise CorruptBatch(f"something in it has {size:,} bytes, and {end - at:,} are left")
    return body[at:at + size], at + size


def _read_headers(body: bytes, at: int, end: int) -> tuple[tuple[tuple[str, bytes | None], ...], int]:
    count, at = decode_varint(body, at, 32)
    if not 0 <= count <= max(end - at, 0):
        raise CorruptBatch(f"it has {count:,} headers, and {end - at:,} bytes are left")
    headers = []
    for _ in range(count):
        key, at = _read_bytes(body, at, end)
        value, at = _read_bytes(body, at, end)
        try:
            headers.append((key.decode(), value))
        except (AttributeError, UnicodeDecodeError) as error:
            raise CorruptBatch("the name of a header is not text") from error
    return tuple(headers), at
