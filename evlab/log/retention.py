"""Retention: old segments are deleted, whole ones only, from the oldest on.

By time: a segment goes when its NEWEST record is older than retention_ms. What counts is the timestamp in the records,
so one record from the future keeps its segment. By size: the oldest go while the rest still has retention_bytes, so a
partition is never cut below that. Nothing at or above `below`, the high watermark, is deleted: followers need it.
A reader whose next offset is gone gets `OffsetOutOfRange` (Kafka: UnifiedLog.deleteOldSegments).
"""

from __future__ import annotations

from itertools import takewhile

from evlab.log.partition import Partition
from evlab.log.segment import Segment

__all__ = ["expire"]


def expire(partition: Partition, now: int, below: int | None = None) -> list[str]:
    """Delete what is too old or too much, at the time `now` (ms). Returns the names of the deleted files.

    If even the newest segment is too old, a new one is begun first: there is always one to write to.
    """
    if partition.config.cleanup != "delete":
        return []
    gone = max(_too_old(partition, now), _too_much(partition), key=len)
    gone = list(takewhile(lambda segment: below is None or segment.next_offset <= below, gone))
    if gone and gone[-1] is partition.active:
        partition.roll()
    for _ in gone:
        partition.drop_oldest()
    return [segment.path for segment in gone]


def _too_old(partition: Partition, now: int) -> list[Segment]:
    limit = partition.config.retention_ms
    if limit is None:
        return []
    return list(takewhile(lambda segment: segment.size and now - segment.largest > limit, partition.segments))


def _too_much(partition: Partition) -> list[Segment]:
    limit = partition.config.retention_bytes
    if limit is None:
        return []
    found, more = [], partition.size - limit
    for segment in partition.segments:
        if more - segment.size < 0 or not segment.size:
            break
        more -= segment.size
        found.append(segment)
    return found
