"""After a crash: tell a tail that was never finished from damage to what was.

The end of the newest segment may hold what was written and not synced. Nobody was told that it is safe, so it is cut
off. Damage further inside is another thing: those records were acked. To cut the file there would delete them and all
after them without a word, so it is named, and the partition stays closed (`CorruptBatch`).

What an unfinished write leaves is known (see evlab.sim.disk): the file ends early, or some of its sectors never came to
the disk and read as zeros. Everything else is damage. Kafka cuts in both cases (LogSegment.recover), because it has
replicas to fetch from; a log of one copy has not.
"""

from __future__ import annotations

from evlab.log.records import HEADER_SIZE, CorruptBatch, check_batch, read_header
from evlab.log.segment import Segment

__all__ = ["recover"]

SECTOR = 512
_MAGIC = 16  # where a header says that it is of version 2
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
            if header.base_offset != expected:
                raise CorruptBatch(f"a batch says offset {header.base_offset}", offset=expected,
                                   why=f"the one before it ends at {expected - 1}")
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
    following = _next_whole(tail, expected)
    # To the end of its sector: the first bytes of a batch are zeros, so it may be whole although its sector never came.
    damaged = tail if following is None else tail[:following + -(start + following) % SECTOR]
    if bytes(SECTOR) in damaged:
        return True  # a sector that never came to the disk
    first = tail[:SECTOR - start % SECTOR]
    if len(first) > _MAGIC and not any(first):
        return True  # the rest of the sector in which the synced part ends
    if following is not None:
        return False
    if len(tail) < HEADER_SIZE:
        return True
    try:
        header = read_header(tail)
    except CorruptBatch:
        return False
    # Too short for what its header says: torn, unless it is the length that is wrong.
    return header.base_offset == expected and header.size > len(tail) and not _whole(tail, 0, len(tail))


def _next_whole(tail: bytes, expected: int) -> int | None:
    """Where the next whole batch begins, after the first byte."""
    at = tail.find(b"\x02", 1 + _MAGIC)
    while at >= 0:
        start = at - _MAGIC
        try:
            header = read_header(tail, start)
            if expected < header.base_offset < expected + _FARTHEST and start + header.size <= len(tail):
                check_batch(tail, start, header)
                return start
        except CorruptBatch:
            pass
        at = tail.find(b"\x02", at + 1)
    return None


def _whole(tail: bytes, at: int, size: int) -> bool:
    """Would it be a whole batch if its length were right?"""
    header = read_header(tail, at)
    try:
        check_batch(tail, at, header._replace(length=size - 12))
    except CorruptBatch:
        return False
    return True
