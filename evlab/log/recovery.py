"""After a crash: tell a tail that was never finished from damage to what was.

The end of the newest segment may hold what was written and not synced. Nobody was told that it is safe, so it is cut
off. Damage further inside is another thing: those records were acked. To cut the file there would delete them and all
after them without a word, so it is named, and the partition stays closed (`CorruptBatch`).

What an unfinished write leaves is known (see evlab.sim.disk): the file ends early, or some of its sectors never came to
the disk and read as zeros. Everything else is damage, and so is whatever one flipped bit explains: a record may hold
zeros of its own. Kafka cuts in all cases (LogSegment.recover), because it has replicas to fetch from; a log of one copy
has not.

What stays undecided: a whole sector of acked records that reads as zeros looks like one that never came to the disk.
"""

from __future__ import annotations

from contextlib import suppress

from google_crc32c import value as crc32c

from evlab.log.compression import NoCodec
from evlab.log.records import HEADER_SIZE, OVERHEAD, CorruptBatch, Header, check_batch, decode_records, read_header
from evlab.log.segment import Segment

__all__ = ["recover"]

SECTOR = 512
_MAGIC, _CRC, _CHECKED = 16, slice(17, 21), 21  # places in a header: the version, the CRC, the first byte it covers
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, as the CRC-32C shifts it
_FARTHEST = 2**31  # offsets in a segment fit into 32 bits


def recover(segment: Segment) -> int:
    """Check every batch of the newest segment, cut off a torn tail, make its indexes anew. Returns the bytes cut.

    Raises `CorruptBatch` with file, byte and offset for damage that no unfinished write explains; the file is then as
    it was.
    """
    end, expected = 0, segment.base_offset
    try:
        for position, data, header in segment.batches():
            check_batch(data, 0, header)
            end, expected = position + header.size, header.next_offset
    except CorruptBatch as error:
        tail = segment.tail(end)
        if not _unfinished(tail, end, expected):
            raise CorruptBatch(
                f"the batch of offset {expected} is damaged ({segment.path}, byte {end})", path=segment.path,
                position=end, offset=expected, why=f"{error.what}; a write that was cut short does not look like this",
                next_step="restore the file from a copy; nothing was cut off") from error
        segment.truncate(end)
        return len(tail)
    segment.rebuild()
    return 0


def _unfinished(tail: bytes, start: int, expected: int) -> bool:
    """Could these bytes, which begin with a batch that is not whole, be writes that were never synced?

    start: their place in the file. expected: the offset that is due.
    """
    if not any(tail):
        return True
    following = _next_whole(tail, expected)
    first = tail[:SECTOR - start % SECTOR]  # the rest of the sector in which the synced part ends
    # To the end of its sector: the first bytes of a batch are zeros, so it may be whole although its sector never came.
    reach = following and following[0] + -(start + following[0]) % SECTOR
    if bytes(SECTOR) in tail[:reach] or len(first) > _MAGIC and not any(first):
        return not _one_bit_off(tail, expected)
    try:
        header = read_header(tail)
    except CorruptBatch as error:
        return error.torn and following is None
    if header.base_offset != expected or header.size <= len(tail) or _one_bit_off(tail, expected):
        return False
    # Too short for what its header says. A whole batch inside of it may be a record's value; its offset tells.
    return following is None or following[1].base_offset != header.next_offset


def _next_whole(tail: bytes, expected: int) -> tuple[int, Header] | None:
    """The next whole batch after the first byte, and where it begins."""
    at = tail.find(b"\x02", 1 + _MAGIC)
    while at >= 0:
        start = at - _MAGIC
        if expected < int.from_bytes(tail[start:start + 8]) < expected + _FARTHEST:  # its offset
            with suppress(CorruptBatch):
                header = read_header(tail, start)
                check_batch(tail, start, header)
                return start, header
        at = tail.find(b"\x02", at + 1)
    return None


def _one_bit_off(tail: bytes, expected: int) -> bool:
    """Would a whole batch of the offset `expected` begin here if one bit were another?"""
    length, fits = int.from_bytes(tail[8:OVERHEAD]), range(HEADER_SIZE - OVERHEAD, len(tail) - OVERHEAD + 1)
    for other in (length ^ 1 << bit for bit in range(32)):
        if other in fits and _is_whole(tail[:8] + other.to_bytes(4) + tail[OVERHEAD:], expected):
            return True
    if length not in fits:
        return False
    batch = tail[:OVERHEAD + length]
    difference = crc32c(batch[_CHECKED:]) ^ int.from_bytes(batch[_CRC])
    places = []
    if difference.bit_count() <= 1:
        places += range(8 * _CHECKED)  # what the CRC does not cover, and the CRC
    at = _flipped(difference, len(batch) - _CHECKED)
    if at is not None:
        places.append(8 * _CHECKED + at)
    return any(_is_whole(_flip(batch, place), expected) for place in places)


def _flipped(difference: int, size: int) -> int | None:
    """Which bit of `size` bytes is the other way if that changes their CRC by `difference`.

    A flipped bit changes the CRC in a way that depends only on its distance to the end: by a 1, shifted once for each
    bit from there on. Two different changes, one for each bit that it may be.
    """
    change = 1
    for distance in range(1, 8 * size + 1):
        change = change >> 1 ^ (_POLYNOMIAL if change & 1 else 0)
        if change == difference:
            return 8 * size - distance
    return None


def _flip(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed; bit 0 is the lowest of the first byte."""
    byte = bit // 8
    return data[:byte] + bytes((data[byte] ^ 1 << bit % 8,)) + data[byte + 1:]


def _is_whole(data: bytes, expected: int) -> bool:
    """Does a batch of the offset `expected` begin here, with its right CRC and with records that can be read?"""
    with suppress(CorruptBatch):
        header = read_header(data)
        check_batch(data, 0, header)
        with suppress(NoCodec):
            decode_records(data, 0, header)
        return header.base_offset == expected
    return False
