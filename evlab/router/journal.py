"""The journal: what must survive a crash, in the order in which it happened, in one file that is only added to.

An entry says what changed: a queue was made, a message came, a message left. Opening the file again plays all of them
back. What happens together is written together, in one frame: either all of it is there after a crash, or none.

1. When `sync` returns, everything that was added is on the disk.
2. After a crash, what was never finished at the end is cut off. Damage to what had been synced is named, with file and
   byte (`CorruptJournal`), and the file stays as it was.
3. After a failed write or fsync it takes nothing more (`JournalFailed`): an fsync that is tried again may lie.
4. It does not grow for ever: when little of it still counts, `rewrite` puts a new file in its place.

A frame knows how much of the file was synced when it was written. So a whole frame behind a damaged one may tell that
the damaged one had been safe. What the last frame was is told by the marks of an unfinished write: the file ends early,
or a 512-byte sector reads as zeros because it never came to the disk. What stays undecided: damage of more than a bit
to the very last frame, if a message in it has that many zeros of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import msgspec

from evlab.errors import EvlabError
from evlab.files import Files

__all__ = ["CorruptJournal", "Entry", "Journal", "JournalFailed", "corrupt"]

NAME = "journal"
FRAME = struct.Struct(">IIQI")
"""Bytes of the entries, their CRC-32, bytes of the file that were synced before, CRC-32 of these three."""
_CHECKED = 16  # bytes of the head that its CRC covers
SECTOR = 512
CHUNK = 1000
"""Entries in a frame of a rewritten file."""
LARGE = 4096
"""Bytes of a frame up to which each bit is tried."""
SLACK = 20_000
"""Entries that the file may have beyond four for each message that is still there."""

Entry = tuple[Any, ...]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list).decode


class CorruptJournal(EvlabError):
    """The journal is damaged where it had been safe. `file`, `position` (a byte of the file)."""


class JournalFailed(EvlabError):
    """The disk failed under the journal, and nothing more is written to it in this life."""


class Journal:
    """The journal in the folder `files`. Call `load` first."""

    def __init__(self, files: Files):
        self.files = files
        self._file = files.open(NAME)
        self._added: list[Entry] = []
        self._failed: Exception | None = None
        self.size = self.synced = self.syncs = self.entries = 0
        """Bytes in the file, bytes that are safe, fsyncs, entries in the file."""

    # ---------------------------------------------------------------------------------------------------- writing

    def add(self, entry: Entry) -> None:
        """Note a change. It is in memory until `write` or `sync`."""
        self._added.append(entry)

    def write(self) -> None:
        """Put what was added into the file, as one frame: in the hands of the operating system until `sync`."""
        if self._failed is not None:
            raise self._failure()
        if not self._added:
            return
        data = _frame(self._added, self.synced)
        try:
            self._file.append(data)
        except OSError as error:
            raise self._fail(error) from error
        self.size += len(data)
        self.entries += len(self._added)
        self._added = []

    def sync(self) -> None:
        """Write, and return when all is on the disk."""
        self.write()
        if self.synced == self.size:
            return
        try:
            self._file.sync()
        except OSError as error:
            raise self._fail(error) from error
        self.syncs += 1
        self.synced = self.size

    def wasteful(self, alive: int) -> bool:
        """Is most of the file about what is gone? alive: how many messages are still there."""
        return self.entries > 4 * alive + SLACK

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Let the file have these entries alone: all that is true now, also what was added and not written.

        A crash at any moment leaves the old file or the new one, whole.
        """
        if self._failed is not None:
            raise self._failure()
        try:
            file = self.files.open(f"{NAME}.tmp")
            file.truncate(0)
            size = count = 0
            for part in _parts(entries):
                data = _frame(part, 0)
                file.append(data)
                size, count = size + len(data), count + len(part)
            file.sync()
            self.files.rename(f"{NAME}.tmp", NAME)
        except OSError as error:
            raise self._fail(error) from error
        self._file.close()
        self._file, self._added = file, []
        self.size = self.synced = size
        self.entries, self.syncs = count, self.syncs + 1

    def close(self) -> None:
        self._file.close()

    def _fail(self, error: OSError) -> JournalFailed:
        self._failed = error
        return self._failure()

    def _failure(self) -> JournalFailed:
        return JournalFailed("the router's journal takes nothing more", why=f"the disk failed: {self._failed}",
                             next_step="free some space or replace the disk, and open the router again")

    # ---------------------------------------------------------------------------------------------------- reading

    def load(self) -> Iterator[tuple[int, list[Entry]]]:
        """The frames of the file: the byte at which each begins, and its entries.

        At the end a torn tail is cut off, and what is left is synced. Raises `CorruptJournal`.
        """
        if f"{NAME}.tmp" in self.files.list():
            self.files.remove(f"{NAME}.tmp")  # a rewrite that was not finished
        data, position = self._file.read(), 0
        while position < len(data):
            frame = _read(data, position)
            if frame is None:
                self._judge(data, position)
                self._file.truncate(position)
                break
            payload, _ = frame
            try:
                entries = _decode(payload)
            except msgspec.MsgspecError as error:
                raise corrupt(position, f"a frame cannot be decoded: {error}") from error
            yield position, entries
            self.entries += len(entries)
            position += FRAME.size + len(payload)
        self._file.sync()
        self.size = self.synced = position

    def _judge(self, data: bytes, position: int) -> None:
        """Raise `CorruptJournal` unless what begins here is a write that was never finished."""
        head = _head(data, position)
        next_one = [] if head is None else [position + FRAME.size + head[0]]
        for start in (*next_one, *range(position + 1, len(data) - FRAME.size + 1)):
            frame = _read(data, start)
            if frame is not None and frame[1] > position:
                raise corrupt(position, f"the frame at byte {start} was written when this was safe")
        length = len(data) - position - FRAME.size
        if length < 0 or head is not None and head[0] > length:
            return  # the file ends within it
        first = data[position:position + SECTOR - position % SECTOR]  # up to the next sector
        last = data[max(position, (len(data) - 1) // SECTOR * SECTOR):]
        lost = bytes(SECTOR) in data[max(0, position - SECTOR + 1):] or not any(last) or head is None and not any(first)
        if not lost or _one_bit_off(data, position, head):
            raise corrupt(position, "an unfinished write does not look like this")


def _frame(entries: list[Entry], synced: int) -> bytes:
    payload = _encode(entries)
    head = FRAME.pack(len(payload), crc32(payload), synced, 0)[:_CHECKED]
    return head + crc32(head).to_bytes(4, "big") + payload


def _head(data: bytes, position: int, base: int = 0) -> tuple[int, int, int] | None:
    """(length, CRC, synced) of the frame at that byte; None if no frame begins there. base: where `data` begins."""
    if len(data) - position < FRAME.size:
        return None
    length, checksum, synced, own = FRAME.unpack_from(data, position)
    if synced > base + position or crc32(data[position:position + _CHECKED]) != own:
        return None
    return length, checksum, synced


def _read(data: bytes, position: int, base: int = 0) -> tuple[bytes, int] | None:
    """(entries, synced) of the whole frame at that byte; None if there is none."""
    head = _head(data, position, base)
    if head is None or head[0] > len(data) - position - FRAME.size:
        return None
    payload = data[position + FRAME.size:position + FRAME.size + head[0]]
    return (payload, head[2]) if crc32(payload) == head[1] else None


def _one_bit_off(data: bytes, position: int, head: tuple[int, int, int] | None) -> bool:
    """Would a whole frame begin here if one bit of it were another? For large frames: of its head."""
    size = FRAME.size if head is None or head[0] > LARGE else FRAME.size + head[0]
    frame = bytearray(data[position:])
    for bit in range(8 * size):
        frame[bit // 8] ^= 1 << bit % 8
        if _read(frame, 0, position) is not None:
            return True
        frame[bit // 8] ^= 1 << bit % 8
    return False


def corrupt(position: int, why: str) -> CorruptJournal:
    """The error for damage at that byte."""
    return CorruptJournal(f"the router's journal is damaged at byte {position}", file=NAME, position=position, why=why,
                          next_step="restore the file from a copy; nothing was cut off")


def _parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    part = []
    for entry in entries:
        part.append(entry)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part
