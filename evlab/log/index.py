"""The two sparse indexes of a segment: `.index` (offset -> byte) and `.timeindex` (timestamp -> offset).

To find offset 5000 in a file of batches one would read them all. So every 4 KiB `.index` notes an offset and its byte,
and `.timeindex` a timestamp and its offset: find the nearest note by halving, then read on from there.

An index is a hint, never believed. It has no checksum, so what it says is compared with the batch that stands there;
if the two disagree, or the index is gone, it is made anew from the `.log` (Kafka: OffsetIndex, TimeIndex).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from typing import NamedTuple

from evlab.files import Files

__all__ = ["INDEX_INTERVAL", "OFFSETS", "TIMES", "Entry", "SparseIndex", "Stamp"]

INDEX_INTERVAL = 4096
"""Bytes of batches between two entries (Kafka: index.interval.bytes)."""

OFFSETS = struct.Struct(">ii")  # offset - base_offset, byte position
TIMES = struct.Struct(">qi")  # timestamp in ms, offset - base_offset


class Entry(NamedTuple):
    """A batch: its LAST offset, and the byte at which it begins."""

    offset: int
    position: int


class Stamp(NamedTuple):
    """The largest timestamp so far (ms), and the last offset of the batch that has it."""

    timestamp: int
    offset: int


class SparseIndex:
    """The entries of both index files of the segment `name` in `files`, which begins at `base_offset`.

    In memory and, after `save`, in the files. `sync` puts them on the disk: before that they can be made anew.
    """

    def __init__(self, files: Files, name: str, base_offset: int):
        self.base_offset = base_offset
        self._offset_file, self._time_file = files.open(f"{name}.index"), files.open(f"{name}.timeindex")
        self.forget()

    def forget(self) -> None:
        """No entries in memory."""
        self.offsets, self.positions = array("q"), array("q")
        self.stamps: list[Stamp] = []
        self._saved = self._saved_stamps = 0  # entries that are in the files

    # ------------------------------------------------------------------------------------------------- writing

    def add(self, offset: int, position: int) -> None:
        self.offsets.append(offset)
        self.positions.append(position)

    def add_stamp(self, timestamp: int, offset: int) -> None:
        """An entry of the time index, if the largest timestamp has grown."""
        if timestamp >= 0 and (not self.stamps or timestamp > self.stamps[-1].timestamp):
            self.stamps.append(Stamp(timestamp, offset))

    def save(self) -> None:
        """Write the entries that are not in the files yet."""
        if self._saved == len(self.offsets) and self._saved_stamps == len(self.stamps):
            return
        for at in range(self._saved, len(self.offsets)):
            self._offset_file.append(OFFSETS.pack(self.offsets[at] - self.base_offset, self.positions[at]))
            self._saved += 1
        for timestamp, offset in self.stamps[self._saved_stamps:]:
            self._time_file.append(TIMES.pack(timestamp, offset - self.base_offset))
            self._saved_stamps += 1

    def replace(self) -> None:
        """Write the files anew: they have these entries, and no others."""
        self._offset_file.truncate(0)
        self._time_file.truncate(0)
        self._saved = self._saved_stamps = 0
        self.save()

    def sync(self) -> None:
        for file in (self._offset_file, self._time_file):
            file.sync()

    def close(self) -> None:
        for file in (self._offset_file, self._time_file):
            file.close()

    # ------------------------------------------------------------------------------------------------- reading

    def load(self, log_size: int) -> bool:
        """Read both files. False if they are not what the indexes of a `.log` of that size can be."""
        self.forget()
        entries, times = self._offset_file.read(), self._time_file.read()
        if len(entries) % OFFSETS.size or len(times) % TIMES.size:
            return False
        before = (-1, -1)
        for relative, position in OFFSETS.iter_unpack(entries):
            if relative <= before[0] or position <= before[1] or position >= log_size:
                return False
            before = relative, position
            self.add(self.base_offset + relative, position)
        before = (-1, -1)
        for timestamp, relative in TIMES.iter_unpack(times):
            if timestamp <= before[0] or relative < before[1]:
                return False
            before = timestamp, relative
            self.stamps.append(Stamp(timestamp, self.base_offset + relative))
        self._saved, self._saved_stamps = len(self.offsets), len(self.stamps)
        return True

    def before(self, offset: int) -> Entry | None:
        """The last entry at or below an offset. It holds the LAST offset of its batch, so it is not too far."""
        at = bisect_right(self.offsets, offset) - 1
        return Entry(self.offsets[at], self.positions[at]) if at >= 0 else None

    def stamp_before(self, timestamp: int) -> Stamp | None:
        """The last entry of the time index that is older than a timestamp."""
        at = bisect_right(self.stamps, (timestamp, -1)) - 1
        return self.stamps[at] if at >= 0 else None
