"""Compaction: of each key, the last record stays. A topic becomes a table that can be read again from its start.

The part of the log that was not compacted before is called dirty. If it is large enough, the last offset of each of its
keys is noted, and the old segments are written anew without the records that a later one of the same key replaces.
Offsets never change, so holes appear. A record without a value, a tombstone, deletes its key: it stays for a while, so
that readers who were away learn of it, and then it goes, too (Kafka: LogCleaner, Cleaner).

The newest segment is never compacted. Aborted transactions are dropped; markers stay (Kafka drops them later).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from evlab.files import write_whole
from evlab.log.holes import rewritten
from evlab.log.partition import CLEANED_FILE, Partition
from evlab.log.records import Batch, Record, decode_batches
from evlab.log.segment import Segment, segment_name

__all__ = ["Compacted", "compact", "dirty_ratio"]
_FARTHEST = 2**31
"""Offsets in a segment fit into 32 bits."""


class Compacted(NamedTuple):
    """What a compaction did."""

    before: int
    """Records in the part that was looked at."""
    after: int
    bytes_before: int
    bytes_after: int
    keys: int
    """Keys in the dirty part."""


def dirty_ratio(partition: Partition, below: int | None = None) -> float:
    """Which part of the bytes that can be compacted is new since the last time: 0 to 1."""
    first_dirty, segments = _cleaned_to(partition), _closed(partition, below)
    total = sum(segment.size for segment in segments)
    dirty = sum(segment.size for segment in segments if segment.base_offset >= first_dirty)
    return dirty / total if total else 0.0


def compact(partition: Partition, now: int, below: int | None = None, *, force: bool = False) -> Compacted | None:
    """Compact what is closed and below the offset `below` (the last stable one), at the time `now` (ms).

    None if the dirty part is not more than the topic's min_cleanable_ratio; `force` does it anyway. A crash at any
    moment leaves old segments or new ones, never a mixture that loses a record.
    """
    segments = _closed(partition, below)
    if not segments or not force and dirty_ratio(partition, below) <= partition.config.min_cleanable_ratio:
        return None
    first_dirty, end = _cleaned_to(partition), segments[-1].next_offset
    newest = _newest_of_each_key(partition, segments, first_dirty)
    before = after = bytes_after = 0
    bytes_before = sum(segment.size for segment in segments)
    for group in _groups(segments, partition.config.segment_bytes):
        cleaner = _Cleaner(partition, newest, now)
        data = b"".join(cleaner.clean(group))
        with partition.writing():
            _replace(partition, group, data)
        before, after, bytes_after = before + cleaner.before, after + cleaner.after, bytes_after + group[0].size
    with partition.writing():
        _save(partition, end)
    return Compacted(before, after, bytes_before, bytes_after, len(newest))


def _closed(partition: Partition, below: int | None) -> list[Segment]:
    return [segment for segment in partition.segments[:-1] if below is None or segment.next_offset <= below]


def _newest_of_each_key(partition: Partition, segments: list[Segment], first_dirty: int) -> dict[bytes, int]:
    """Key -> the offset of its last record in the dirty part."""
    newest = {}
    for segment in segments:
        if segment.next_offset > first_dirty:
            for batch in _batches(segment):
                for record in _visible(partition, batch):
                    newest[record.key] = record.offset
    return newest


def _visible(partition: Partition, batch: Batch) -> Iterator[Record]:
    """The records of a batch that a reader of committed records sees."""
    if batch.control:
        return
    aborted = partition.producers.aborted_in(batch.base_offset, batch.last_offset + 1) if batch.transactional else ()
    if not any(one.producer_id == batch.producer_id for one in aborted):
        yield from batch.records


def _batches(segment: Segment) -> Iterator[Batch]:
    for position, data, header in segment.batches():
        segment.check(data, 0, header, position)
        yield from decode_batches(data, check=False)


class _Cleaner:
    """Writes the batches of some segments anew, without what is replaced."""

    def __init__(self, partition: Partition, newest: dict[bytes, int], now: int):
        self.partition, self.newest, self.now = partition, newest, now
        self.before = self.after = 0

    def clean(self, segments: list[Segment]) -> Iterator[bytes]:
        """The bytes of each batch that stays. Where whole batches vanish, the next one begins at the hole's first
        offset, so that batches still follow each other without a gap and a wrong offset is noticed."""
        due = segments[0].base_offset
        for segment in segments:
            for batch in _batches(segment):
                kept, horizon = self._kept(batch)
                self.before += len(batch.records)
                self.after += len(kept)
                if kept or batch.last_offset + 1 == segments[-1].next_offset:  # the last one keeps the end of the log
                    yield rewritten(batch, kept, due, horizon)
                    due = batch.last_offset + 1

    def _kept(self, batch: Batch) -> tuple[list[Record], int | None]:
        """The records that stay, and when the tombstones among them may go (ms; None if there are none)."""
        if batch.control:
            return batch.records, None
        horizon = batch.delete_horizon
        expired = horizon is not None and self.now >= horizon
        kept = [record for record in _visible(self.partition, batch)
                if record.offset >= self.newest.get(record.key, -1) and not (record.value is None and expired)]
        if not any(record.value is None for record in kept):
            return kept, None
        return kept, self.now + self.partition.config.delete_retention_ms if horizon is None else horizon


def _groups(segments: list[Segment], limit: int) -> Iterator[list[Segment]]:
    """Neighbours that fit into one segment, going by their size of today."""
    group: list[Segment] = []
    for segment in segments:
        fits = sum(one.size for one in group) + segment.size <= limit
        if group and not (fits and segment.next_offset - group[0].base_offset < _FARTHEST):
            yield group
            group = []
        group.append(segment)
    yield group


def _replace(partition: Partition, group: list[Segment], data: bytes) -> None:
    """Put one new segment in the place of a group of old ones.

    The rename is the moment at which the new one counts. It reaches to the end of the group: if the process dies before
    the others are removed, `Partition` finds that they overlap with it and removes them.
    """
    first, files = group[0], partition.files
    name = f"{segment_name(first.base_offset)}.log"
    file = files.open(name + ".cleaned")
    file.truncate(0)
    file.append(data)
    file.sync()
    file.close()
    files.rename(name + ".cleaned", name)
    first.reopen()
    for segment in group[1:]:
        partition.segments.remove(segment)
        segment.remove()


def _cleaned_to(partition: Partition) -> int:
    with suppress(ValueError):
        return int(partition.files.open(CLEANED_FILE).read())
    return partition.start


def _save(partition: Partition, offset: int) -> None:
    write_whole(partition.files, CLEANED_FILE, str(offset).encode())
