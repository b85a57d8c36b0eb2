"""A segment: one stretch of a partition in one file, with two sparse indexes beside it.

`00000000000000000042.log` holds record batches back to back, from offset 42 on, and nothing else. To find offset 5000
one would read them all. So `.index` notes an offset and its byte position every 4 KiB, and `.timeindex` a timestamp and
its offset: find the nearest note by halving, then read on from there.

An index is a hint, never believed. It has no checksum, so what it says is compared with the batch that stands there;
if the two disagree, or the index is gone, it is made anew from the `.log` (Kafka: LogSegment, OffsetIndex, TimeIndex).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from evlab.files import Files
from evlab.log.records import HEADER_SIZE, CorruptBatch, Header, check_batch, read_header

__all__ = ["INDEX_INTERVAL", "Segment", "numbered", "segment_name"]

INDEX_INTERVAL = 4096
"""Bytes of batches between two index entries (Kafka: index.interval.bytes)."""
CHUNK = 1 << 20
"""Bytes that a scan reads at a time, unless a batch is longer."""
REMEMBERED = 64
"""Places at which a reader may go on, which are kept in memory."""

OFFSETS = struct.Struct(">ii")  # offset - base_offset, byte position
TIMES = struct.Struct(">qi")  # timestamp in ms, offset - base_offset


def segment_name(base_offset: int) -> str:
    """The name of its files, without the ending: the base offset, padded so that names sort as offsets do."""
    return f"{base_offset:020d}"


def numbered(names: list[str], ending: str) -> list[int]:
    """The offsets by which files of that ending are named, rising. Files with other names are not the log's."""
    found = [name[:20] for name in names if name[20:] == ending]
    return sorted(int(number) for number in found if number.isdecimal() and number.isascii())


class Placed(NamedTuple):
    """A batch and where it stands."""

    position: int
    """The byte of the `.log` at which it begins."""
    header: Header


class Segment:
    """The segment of `files` that begins at `base_offset`; its three files are made if they are new.

    After `load` or `recover`: `size` is its length in bytes, `next_offset` the first offset that it does not have,
    `largest` the largest timestamp in it (ms; -1 if it is empty) and `first` that of its first record.
    """

    def __init__(self, files: Files, base_offset: int, *, index_interval: int = INDEX_INTERVAL):
        self.files, self.base_offset, self.index_interval = files, base_offset, index_interval
        self.path = f"{segment_name(base_offset)}.log"
        self._open()
        self._forget()

    def _open(self) -> None:
        name = segment_name(self.base_offset)
        self._log, self._index, self._times = (
            self.files.open(f"{name}.{ending}") for ending in ("log", "index", "timeindex"))

    def reopen(self) -> None:
        """Another file has taken the place of the `.log`: open it, and make the indexes anew."""
        self.close()
        self._open()
        self.rebuild()

    def _forget(self) -> None:
        self.size, self.next_offset, self.largest, self.first = 0, self.base_offset, -1, None
        self._offsets, self._positions = array("q"), array("q")  # the entries of .index
        self._stamps: list[tuple[int, int]] = []  # the entries of .timeindex: (timestamp, offset)
        self._since_entry, self._newest = 0, self.base_offset
        self._saved = self._saved_stamps = 0  # entries that are in the files
        self._places: dict[int, int] = {}  # first offset of a batch -> its byte, where somebody may go on to read

    # ------------------------------------------------------------------------------------------------- writing

    def append(self, data: bytes, headers: list[Header]) -> None:
        """Add batches whose offsets are set. In the hands of the operating system until `sync`.

        Raises what the disk raises; then the file may end with a part of `data`, and `recover` is due.
        """
        position = self.size
        self._log.append(data)
        self._remember(self.next_offset, position)
        for header in headers:
            self._note(position, header)
            position += header.size
        self.size = position
        self._save_entries()

    def _note(self, position: int, header: Header) -> None:
        """Keep the entries of the indexes up to date with a batch at `position`.

        The entry is made BEFORE the batch is counted, and only once enough bytes have passed: so the first batch of a
        segment never has one.
        """
        self._count(header)
        if self._since_entry > self.index_interval:
            self._offsets.append(header.last_offset)
            self._positions.append(position)
            self._stamp()
            self._since_entry = 0
        self._since_entry += header.size

    def _count(self, header: Header) -> None:
        if self.first is None:
            self.first = header.base_timestamp
        self.next_offset = header.next_offset
        if header.max_timestamp > self.largest:
            self.largest, self._newest = header.max_timestamp, header.last_offset

    def _stamp(self) -> None:
        """An entry of the time index: the largest timestamp so far and the batch that has it, if it has grown."""
        if self.largest >= 0 and (not self._stamps or self.largest > self._stamps[-1][0]):
            self._stamps.append((self.largest, self._newest))

    def _save_entries(self) -> None:
        """Write the entries that are not in the index files yet."""
        if self._saved == len(self._offsets) and self._saved_stamps == len(self._stamps):
            return
        for at in range(self._saved, len(self._offsets)):
            self._index.append(OFFSETS.pack(self._offsets[at] - self.base_offset, self._positions[at]))
            self._saved += 1
        for timestamp, offset in self._stamps[self._saved_stamps:]:
            self._times.append(TIMES.pack(timestamp, offset - self.base_offset))
            self._saved_stamps += 1

    def sync(self) -> None:
        """Return when all that was appended is on the disk. The indexes are not: they can be made anew."""
        self._log.sync()

    def seal(self) -> None:
        """Nothing more will be added: note the largest timestamp, and sync all three files."""
        self._stamp()
        self._save_entries()
        for file in (self._log, self._index, self._times):
            file.sync()

    def truncate(self, position: int) -> None:
        """Cut the `.log` back to so many bytes, and make the indexes anew."""
        self._log.truncate(position)
        self._log.sync()
        self.rebuild()

    def close(self) -> None:
        for file in (self._log, self._index, self._times):
            file.close()

    def remove(self) -> None:
        """Close and delete its files."""
        self.close()
        for ending in ("log", "index", "timeindex"):
            self.files.remove(f"{segment_name(self.base_offset)}.{ending}")

    # ------------------------------------------------------------------------------------------------- opening

    def load(self) -> None:
        """Open a segment that was closed in good order: take its indexes, and read on from their last entries.

        Raises `CorruptBatch` for damage in what is read: it decides where the segment ends.
        """
        self._forget()
        if not self._load_indexes() or not self._read_on():
            self.rebuild()

    def _read_on(self) -> bool:
        """Read the batches from the one with the largest timestamp on. False if the indexes do not fit them."""
        if self._log.size():
            self.first = self._header_at(0).base_timestamp
        if self._stamps:
            self.largest, self._newest = self._stamps[-1]
        at = bisect_right(self._offsets, self._newest) - 1 if self._stamps else -1
        start = self._positions[at] if at >= 0 else 0
        missing = {self._offsets[-1]: self._positions[-1]} if self._offsets else {}  # entries that must be met
        stamp = {self._newest: self.largest} if self._stamps else {}
        try:
            for position, data, header in self.batches(start):
                if position == start and at >= 0 and header.last_offset != self._offsets[at]:
                    return False
                self.check(data, 0, header, position)
                if missing.get(header.last_offset) == position:
                    missing, self._since_entry = {}, 0
                if stamp.get(header.last_offset) == header.max_timestamp:
                    stamp = {}
                self._count(header)
                self.size = position + header.size
                self._since_entry += header.size
        except CorruptBatch:
            if not start:
                raise
            return False  # or it is the `.log` that is damaged: `rebuild` will find out
        return not missing and not stamp

    def _load_indexes(self) -> bool:
        """Read both index files. False if they are not what an index can be."""
        entries, times = self._index.read(), self._times.read()
        if len(entries) % OFFSETS.size or len(times) % TIMES.size:
            return False
        before = (-1, -1)
        for relative, position in OFFSETS.iter_unpack(entries):
            if relative <= before[0] or position <= before[1] or position >= self._log.size():
                return False
            before = relative, position
            self._offsets.append(self.base_offset + relative)
            self._positions.append(position)
        self._saved = len(self._offsets)
        before = (-1, -1)
        for timestamp, relative in TIMES.iter_unpack(times):
            if timestamp <= before[0] or relative < before[1]:
                return False
            before = timestamp, relative
            self._stamps.append((timestamp, self.base_offset + relative))
        self._saved_stamps = len(self._stamps)
        return True

    def rebuild(self) -> None:
        """Make both indexes anew from the batches. Raises `CorruptBatch` for damage in any of them."""
        self._forget()
        for position, data, header in self.batches():
            self.check(data, 0, header, position)
            self._note(position, header)
            self.size = position + header.size
        self._index.truncate(0)
        self._times.truncate(0)
        self._save_entries()

    # ------------------------------------------------------------------------------------------------- reading

    def read(self, offset: int, max_bytes: int, end: int | None = None) -> bytes:
        """Whole batches, from the one that holds `offset` on: at most `max_bytes`, but at least one batch.

        end: give nothing of a batch that reaches this offset or goes beyond it. Raises `CorruptBatch`, with the file's
        name, which a reader who is elsewhere could not tell. (Kafka leaves the CRC to the reader.)
        """
        expected = offset if offset in self._places else None
        position = self.position_of(offset)
        if position >= self.size:
            return b""
        data, at = self._log.read(position, min(max(max_bytes, HEADER_SIZE), self.size - position)), 0
        while at + HEADER_SIZE <= len(data):
            header = self._checked(data, at, position + at, expected)
            self._goes_on(header, expected, position + at)
            expected = header.next_offset
            if end is not None and header.next_offset > end:
                break
            if at + header.size > len(data):
                if at:
                    break
                data = self._log.read(position, header.size)
            self.check(data, at, header, position + at)
            at += header.size
            offset = header.next_offset
        if at:
            self._remember(offset, position + at)
        return data if at == len(data) else data[:at]

    def _remember(self, offset: int, position: int) -> None:
        """Who reads in order comes back for the batch at `position`: then there is nothing to look for."""
        if len(self._places) == REMEMBERED:
            self._places.clear()
        self._places[offset] = position

    def position_of(self, offset: int) -> int:
        """The byte at which the batch stands that holds `offset`, or the next one if none does; else `size`."""
        if offset >= self.next_offset:
            return self.size
        if offset in self._places:
            return self._places[offset]
        for position, header in self.near(offset):
            if header.last_offset >= offset:
                return position
        return self.size

    def near(self, offset: int) -> Iterator[Placed]:
        """The batches from a little before `offset` on."""
        at = bisect_right(self._offsets, offset) - 1
        # An entry holds the LAST offset of its batch: at or below the one we seek, it is not too far.
        start = self._positions[at] if at >= 0 else 0
        if start:
            try:
                if self._header_at(start).last_offset != self._offsets[at]:
                    raise CorruptBatch("the index does not fit the batches", path=self.path, position=start)
            except CorruptBatch:
                self.rebuild()
                return self.near(offset)
        return self.headers(start)

    def offset_of(self, timestamp: int) -> int | None:
        """The first offset of the first batch with a timestamp of at least this many ms; None if there is none."""
        if timestamp > self.largest:
            return None
        at = bisect_right(self._stamps, (timestamp, -1)) - 1
        largest, start = self._stamps[at] if at >= 0 else (-1, self.base_offset)
        fits = at < 0
        for _, header in self.near(start):
            fits = fits or header.last_offset == start and header.max_timestamp == largest
            if header.max_timestamp >= timestamp:
                if fits:
                    return header.base_offset
                break
        self.rebuild()  # the time index does not fit the batches
        return self.offset_of(timestamp)

    def headers(self, position: int = 0) -> Iterator[Placed]:
        """The batches from that byte on, their headers alone: one small read for each.

        Raises `CorruptBatch` where the offsets do not go on as they should: the CRC does not cover them.
        """
        expected = None if position else self.base_offset
        while position < self.size:
            header = self._header_at(position, expected)
            self._goes_on(header, expected, position)
            yield Placed(position, header)
            position, expected = position + header.size, header.next_offset

    def _goes_on(self, header: Header, expected: int | None, position: int) -> None:
        if expected is not None and header.base_offset != expected:
            raise CorruptBatch(f"a batch says offset {header.base_offset} ({self.path}, byte {position})",
                               path=self.path, position=position, offset=expected,
                               why=f"the one before it ends at {expected - 1}",
                               next_step="restore the file from a copy; nothing was cut off")

    def batches(self, position: int = 0) -> Iterator[tuple[int, bytes, Header]]:
        """The batches from that byte to the end of the file, with their bytes, read in large pieces.

        Raises `CorruptBatch` where one is not whole or its offset does not go on. The CRC is left to the caller.
        """
        size, expected = self._log.size(), None if position else self.base_offset
        base, data = position, b""
        while position < size:
            at = position - base
            if len(data) - at < HEADER_SIZE:
                base, data, at = position, self._log.read(position, CHUNK), 0
            header = self._checked(data, at, position, expected)
            self._goes_on(header, expected, position)
            expected = header.next_offset
            if len(data) - at < header.size:
                base, data, at = position, self._log.read(position, max(CHUNK, header.size)), 0
                if len(data) < header.size:
                    raise CorruptBatch(f"a batch at byte {position} of {self.path} has {len(data)} of its "
                                       f"{header.size} bytes", path=self.path, position=position, torn=True,
                                       offset=header.base_offset, why="the file ends within it",
                                       next_step="recover the partition: what was not acked is cut off")
            yield position, data[at:at + header.size], header
            position += header.size

    def batch_at(self, placed: Placed) -> bytes:
        """The bytes of one batch."""
        return self._log.read(placed.position, placed.header.size)

    def tail(self, position: int) -> bytes:
        """The bytes of the `.log` from that one on, whatever they are."""
        return self._log.read(position)

    def _header_at(self, position: int, expected: int | None = None) -> Header:
        return self._checked(self._log.read(position, HEADER_SIZE), 0, position, expected)

    def _checked(self, data: bytes, at: int, position: int, expected: int | None = None) -> Header:
        """The header at `at` of `data`, which is byte `position` of the file, where the offset `expected` is due."""
        try:
            return read_header(data, at)
        except CorruptBatch as error:
            raise self._named(error, position, expected if position else self.base_offset) from error

    def check(self, data: bytes, at: int, header: Header, position: int) -> None:
        """Raise `CorruptBatch` unless the batch at `at` of `data`, byte `position` of the file, is what was written."""
        try:
            check_batch(data, at, header)
        except CorruptBatch as error:
            raise self._named(error, position) from error

    def _named(self, error: CorruptBatch, position: int, expected: int | None = None) -> CorruptBatch:
        """The same error, with the file and the byte of the file."""
        return CorruptBatch(f"{error.what} ({self.path}, byte {position})", path=self.path, position=position,
                            offset=error.offset if expected is None else expected, torn=error.torn, why=error.why,
                            next_step=error.next_step)

    def __repr__(self) -> str:
        return f"Segment({self.path}, {self.size:,} bytes)"
