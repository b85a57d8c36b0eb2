"""A disk that forgets: what was not synced may be gone after a power loss, in pieces.

The rule is that of an ordinary file system. `append` puts bytes into the page cache. `sync` makes them durable. A
process that dies (kill -9) loses nothing that was written, because the operating system lives on. A machine that loses
power keeps what was synced and, of the rest, any subset of its 512-byte sectors: a lost sector before a kept one
reads as zeros, and the last one kept may be torn. `rename`, `remove` and the making of a file are durable at once.
"""

from __future__ import annotations

import random

from evlab.env import check_size, check_span

__all__ = ["SECTOR", "Disk"]

SECTOR = 512


class _Blob:
    """A file's content: `data` is what a read sees, its first `synced` bytes are durable.

    `undo` holds durable bytes that an unsynced truncation cut off; a power loss may bring them back.
    """

    __slots__ = ("data", "synced", "undo")

    def __init__(self):
        self.data, self.synced, self.undo = bytearray(), 0, b""


class Disk:
    """One node's disk. It outlives the node's crashes. `writes` and `syncs` count what it was asked to do."""

    def __init__(self):
        self._blobs: dict[str, _Blob] = {}
        self.writes = self.syncs = 0

    def mount(self, check) -> DiskView:
        """The disk as one life of the node sees it. `check()` runs before each use and raises `Dead` after a crash."""
        return DiskView(self, check)

    def lose_power(self, chance: random.Random) -> int:
        """Forget what was not synced, as `chance` decides. Returns how many bytes are gone or have become zeros."""
        lost = 0
        for name in sorted(self._blobs):
            blob = self._blobs[name]
            before = bytes(blob.data)
            if blob.undo and chance.random() < 0.5:
                blob.data[blob.synced:] = blob.undo
            else:
                blob.data[blob.synced:] = _survivors(bytes(blob.data[blob.synced:]), chance)
            lost += max(0, len(before) - len(blob.data)) + sum(a != b for a, b in zip(before, blob.data, strict=False))
            blob.synced, blob.undo = len(blob.data), b""
        return lost


class DiskView:
    """`Files` for one life of a node; `prefix` is the path of a folder in it, with "/" at its end."""

    def __init__(self, disk: Disk, check, prefix: str = ""):
        self._disk, self._check, self._prefix = disk, check, prefix

    def folder(self, name: str) -> DiskView:
        return DiskView(self._disk, self._check, f"{self._prefix}{name}/")

    def folders(self) -> list[str]:
        return sorted({name.partition("/")[0] for name in self._below() if "/" in name})

    def lock(self):
        """One life of a node is one process, and the one before it is dead: nobody else can hold the folder."""
        self._check()
        return lambda: None

    def open(self, name: str) -> _SimFile:
        self._check()
        return _SimFile(self._disk, self._disk._blobs.setdefault(self._prefix + name, _Blob()), self._check)

    def rename(self, old: str, new: str) -> None:
        self._check()
        self._disk._blobs[self._prefix + new] = self._disk._blobs.pop(self._known(old))

    def remove(self, name: str) -> None:
        self._check()
        del self._disk._blobs[self._known(name)]

    def list(self) -> list[str]:
        return sorted(name for name in self._below() if "/" not in name)

    def _below(self) -> list[str]:
        """The names of the files in this folder and in those inside of it, as seen from here."""
        self._check()
        start = len(self._prefix)
        return [name[start:] for name in self._disk._blobs if name.startswith(self._prefix)]

    def _known(self, name: str) -> str:
        if self._prefix + name not in self._disk._blobs:
            raise FileNotFoundError(self._prefix + name)
        return self._prefix + name


class _SimFile:
    def __init__(self, disk: Disk, blob: _Blob, check):
        self._disk, self._blob, self._check = disk, blob, check

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        self._check()
        check_span(start, length)
        return bytes(self._blob.data[start:None if length is None else start + length])

    def append(self, data: bytes) -> None:
        self._check()
        self._disk.writes += 1
        self._blob.data += data

    def truncate(self, size: int) -> None:
        self._check()
        blob = self._blob
        check_size(size, len(blob.data))
        if size < blob.synced:
            blob.undo = bytes(blob.data[size:blob.synced]) + blob.undo
            blob.synced = size
        del blob.data[size:]

    def sync(self) -> None:
        self._check()
        self._disk.syncs += 1
        self._blob.synced, self._blob.undo = len(self._blob.data), b""

    def size(self) -> int:
        self._check()
        return len(self._blob.data)

    def close(self) -> None:
        self._check = _refuse


def _refuse() -> None:
    raise ValueError("I/O operation on closed file")


def _survivors(tail: bytes, chance: random.Random) -> bytes:
    """What a power loss leaves of unsynced bytes: sectors at random, zeros in the gaps, the last one maybe torn."""
    kept, end = bytearray(), 0
    for start in range(0, len(tail), SECTOR):
        sector = tail[start:start + SECTOR]
        if chance.random() < 0.5:
            kept += bytes(start - len(kept)) + sector
            end = start
    if kept and chance.random() < 0.5:
        del kept[end + chance.randrange(len(kept) - end):]
    return bytes(kept)
