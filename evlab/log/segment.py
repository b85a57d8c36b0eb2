"""A segment: one stretch of a partition in one file, with two sparse indexes beside it.

`00000000000000000042.log` holds record batches back to back, from offset 42 on, and nothing else. Where a batch stands
is looked up in the indexes (evlab.log.index) and then compared with what stands there. (Kafka: LogSegment.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evlab.files import Files
from evlab.log.compression import NoCodec
from evlab.log.index import INDEX_INTERVAL, SparseIndex
from evlab.log.records import HEADER_SIZE, CorruptBatch, Header, check_batch, decode_records, read_header

__all__ = ["INDEX_INTERVAL", "Segment", "numbered", "segment_name"]

CHUNK = 1 << 20
"""Bytes that a scan reads at a time, unless a batch is longer."""
REMEMBERED = 64
"""Places at which a reader may go on, which are kept in memory."""


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
    holes: may offsets be missing between batches, by the rule of evlab.log.holes? `until` is where the next segment
    began when the partition was opened, None for the newest.
    """

    def __init__(self, files: Files, base_offset: int, *, index_interval: int = INDEX_INTERVAL, holes: bool = False):
        self.files, self.base_offset, self.index_interval = files, base_offset, index_interval
        self.holes, self.until = holes, None
        self.path = f"{segment_name(base_offset)}.log"
        self._open()
        self._forget()

    def _open(self) -> None:
        self._log = self.files.open(self.path)
        self.index = SparseIndex(self.files, segment_name(self.base_offset), self.base_offset)

    def reopen(self) -> None:
        """Another file has taken the place of the `.log`: open it, and make the indexes anew."""
        self.close()
        self._open()
        self.rebuild()

    def _forget(self) -> None:
        self.size, self.next_offset, self.largest, self.first = 0, self.base_offset, -1, None
        self.index.forget()
        self._since_entry, self._newest = 0, self.base_offset
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
        self.index.save()

    def _note(self, position: int, header: Header) -> None:
        """Keep the entries of the indexes up to date with a batch at `position`.

        The entry is made BEFORE the batch is counted, and only once enough bytes have passed: so the first batch of a
        segment never has one.
        """
        self._count(header)
        if self._since_entry > self.index_interval:
            self.index.add(header.last_offset, position)
            self.index.add_stamp(self.largest, self._newest)
            self._since_entry = 0
        self._since_entry += header.size

    def _count(self, header: Header) -> None:
        if self.first is None:
            self.first = header.base_timestamp
        self.next_offset = header.next_offset
        if header.max_timestamp > self.largest:
            self.largest, self._newest = header.max_timestamp, header.last_offset

    def sync(self) -> None:
        """Return when all that was appended is on the disk. The indexes are not: they can be made anew."""
        self._log.sync()

    def seal(self) -> None:
        """Nothing more will be added: note the largest timestamp, and sync all three files."""
        self.index.add_stamp(self.largest, self._newest)
        self.index.save()
        self._log.sync()
        self.index.sync()

    def truncate(self, position: int) -> None:
        """Cut the `.log` back to so many bytes, and make the indexes anew."""
        self._log.truncate(position)
        self._log.sync()
        self.rebuild()

    def close(self) -> None:
        self._log.close()
        self.index.close()

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
        if not self.index.load(self._log.size()) or not self._read_on():
            self.rebuild()

    def _read_on(self) -> bool:
        """Read the batches from the one with the largest timestamp on. False if the indexes do not fit them."""
        index = self.index
        if self._log.size():
            self.first = self._header_at(0).base_timestamp
        if index.stamps:
            self.largest, self._newest = index.stamps[-1]
        entry = index.before(self._newest) if index.stamps else None
        start = entry.position if entry else 0
        missing = {index.offsets[-1]: index.positions[-1]} if index.offsets else {}  # entries that must be met
        stamp = {self._newest: self.largest} if index.stamps else {}
        try:
            for position, data, header in self.batches(start):
                if entry and position == start and header.last_offset != entry.offset:
                    return False
                self.check(data, 0, header, position)
                if missing.get(header.last_offset) == position:
                    missing, self._since_entry = {}, 0
                elif not missing and self._since_entry > self.index_interval:
                    return False  # here an entry is missing
                if stamp.get(header.last_offset) == header.max_timestamp:
                    stamp = {}
                self._count(header)
                self.size = position + header.size
                self._since_entry += header.size
        except CorruptBatch:
            if not start:
                raise
            return False  # or it is the `.log` that is damaged: `rebuild` will find out
        lost = index.offsets and not index.stamps and self.largest >= 0  # the time index, all of it
        return not missing and not stamp and not lost

    def rebuild(self) -> None:
        """Make both indexes anew from the batches. Raises `CorruptBatch` for damage in any of them, and then all is as
        before: a segment that ended at the damage would let its readers go on behind it."""
        before = vars(self).copy(), vars(self.index).copy()
        self._forget()
        try:
            for position, data, header in self.batches():
                self.check(data, 0, header, position)
                self._note(position, header)
                self.size = position + header.size
        except CorruptBatch:
            vars(self).update(before[0])
            vars(self.index).update(before[1])
            raise
        self.index.replace()

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
        entry = self.index.before(offset)
        if entry is None or not entry.position:
            return self.headers()
        try:
            if self._header_at(entry.position).last_offset != entry.offset:
                raise CorruptBatch("the index does not fit the batches", path=self.path, position=entry.position)
        except CorruptBatch:
            self.rebuild()
            return self.near(offset)
        return self.headers(entry.position)

    def offset_of(self, timestamp: int) -> int | None:
        """The offset of the first record with a timestamp of at least this many ms; None if there is none.

        Markers count, as in Kafka (LogSegment.findOffsetByTimestamp). What cannot be unpacked here is given as a whole:
        the batch's first offset.
        """
        if timestamp > self.largest:
            return None
        stamp = self.index.stamp_before(timestamp)
        largest, start = stamp or (-1, self.base_offset)
        fits = stamp is None
        for placed in self.near(start):
            header = placed.header
            fits = fits or header.last_offset == start and header.max_timestamp == largest
            if header.max_timestamp >= timestamp:
                if not fits:
                    break
                offset = self._first_since(timestamp, placed)
                if offset is not None:  # else compaction has taken the record that the batch has its timestamp of
                    return offset
        if fits:
            return None
        self.rebuild()  # the time index does not fit the batches
        return self.offset_of(timestamp)

    def _first_since(self, timestamp: int, placed: Placed) -> int | None:
        data, header = self.batch_at(placed), placed.header
        self.check(data, 0, header, placed.position)
        try:
            records = decode_records(data, 0, header)
        except NoCodec:
            return header.base_offset
        return next((record.offset for record in records if record.timestamp >= timestamp), None)

    def headers(self, position: int = 0) -> Iterator[Placed]:
        """The batches from that byte on, their headers alone: one small read for each.

        Raises `CorruptBatch` where the offsets do not go on as they should: the CRC does not cover them.
        """
        expected, before = None if position else self.base_offset, None
        while position < self.size:
            header = self._header_at(position, expected)
            if header.base_offset != expected and before is not None:  # a hole begins where that one says that it ends
                self.check(self.batch_at(before), 0, before.header, before.position)
            self._goes_on(header, expected, position)
            yield (before := Placed(position, header))
            position, expected = position + header.size, header.next_offset

    def _goes_on(self, header: Header, expected: int | None, position: int) -> None:
        if expected is None or header.base_offset == expected:
            return
        if not self._after_a_hole(header, expected, position):
            raise CorruptBatch(f"a batch says offset {header.base_offset} ({self.path}, byte {position})",
                               path=self.path, position=position, offset=expected,
                               why=f"the one before it ends at {expected - 1}",
                               next_step="restore the file from a copy; nothing was cut off")

    def _after_a_hole(self, header: Header, expected: int, position: int) -> bool:
        """Are the offsets from `expected` on missing, and does what follows the batch vouch for the offset it has?"""
        if not self.holes or header.base_offset < expected:
            return False
        following = position + header.size
        limit = self._header_at(following).base_offset if following < self._log.size() else self.until
        return limit is not None and header.next_offset <= limit

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
