"""What a consumer has fetched of a partition and nobody has polled yet: batches, unpacked when they are taken.

A fetch brings thousands of records, and a poll takes a few hundred. Unpacked at once, they would all lie in memory that
is asked of the system and given back each time. Unpacked as they are taken, each batch uses the memory of the one
before: a poll then takes two thirds of the time. (Kafka: CompletedFetch unpacks as late.)
"""

from __future__ import annotations

from collections import deque

from evlab.log.records import Batch, Record

__all__ = ["Kept"]


class Kept:
    """The records of one partition that wait for a poll, in their order. `count` is their number."""

    __slots__ = ("_batches", "_taken", "count")

    def __init__(self):
        self._batches: deque[Batch | list[Record]] = deque()
        self._taken = 0  # records of the first batch that were taken
        self.count = 0

    def add(self, batch: Batch, offset: int) -> None:
        """Keep the records of a batch whose CRC was checked, from `offset` on.

        Raises `CorruptBatch` and `NoCodec` if it has to look inside: compressed, begun before, or with holes.
        """
        header = batch.header
        dense = header.count == header.last_offset_delta + 1
        if dense and header.base_offset >= offset and header.codec == "none":
            self._batches.append(batch)
            self.count += header.count
        elif records := [record for record in batch.records if record.offset >= offset]:
            self._batches.append(records)
            self.count += len(records)

    @property
    def first(self) -> int:
        """The offset of the next record to take; there must be one."""
        batch = self._batches[0]
        return batch.base_offset if type(batch) is Batch else batch[self._taken].offset

    def take(self, most: int) -> list[Record]:
        """At most so many records, of one batch. Raises `CorruptBatch` if its CRC fits and its records make no sense;
        then it is still the next to take."""
        batch = self._batches[0]
        records = batch.records if type(batch) is Batch else batch
        start, end = self._taken, self._taken + most
        self.count -= min(most, len(records) - start)
        if end < len(records):
            self._batches[0], self._taken = records, end
        else:
            self._batches.popleft()
            self._taken = 0
        return records if not start and end >= len(records) else records[start:end]
