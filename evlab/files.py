"""The few verbs that a store or a log needs of a disk, and the real disk behind them."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from evlab.errors import EvlabError, InvalidUse

__all__ = ["DiskFiles", "File", "Files", "InUse", "UnusableFolder", "check_folder", "check_size", "check_span",
           "opening", "path_text", "write_whole"]

LOCK = ".lock"
"""The file that a process holds while it writes to a folder (Kafka's name for it)."""


class InUse(EvlabError):
    """Another process writes to this folder. `path` names it."""

    retriable = True


class UnusableFolder(EvlabError):
    """The system refuses to make, read or write this folder. `path` names it."""


class File(Protocol):
    """An open file. `append` and `truncate` are in the operating system's hands until `sync` returns.

    `read` beyond the end gives what there is, possibly nothing. `truncate` only shortens: `InvalidUse` for a size
    that the file does not have. A closed file raises `ValueError`, as Python's own do.
    """

    def read(self, start: int = 0, length: int | None = None) -> bytes: ...
    def append(self, data: bytes) -> None: ...
    def truncate(self, size: int) -> None: ...
    def sync(self) -> None: ...
    def size(self) -> int: ...
    def close(self) -> None: ...


class Files(Protocol):
    """A folder of one node: the few verbs that a store or a log needs.

    `open` makes the file if it is new; `rename` replaces; a name that is not there raises `FileNotFoundError`.
    `folder` gives a folder inside of this one, made when its first file is; `list` names the files in this one, and
    `folders` the folders. `lock` raises `InUse` while another process, or another life of the node, holds the folder.
    """

    def open(self, name: str) -> File: ...
    def folder(self, name: str) -> Files: ...
    def folders(self) -> list[str]: ...
    def lock(self) -> Callable[[], None]: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def list(self) -> list[str]: ...


def write_whole(files: Files, name: str, data: bytes) -> None:
    """Let `name` have this content. A crash at any moment leaves the old content or the new one, both whole.

    The rename is the moment at which the new one counts; it is on the disk before.
    """
    file = files.open(f"{name}.tmp")
    file.truncate(0)
    file.append(data)
    file.sync()
    file.close()
    files.rename(f"{name}.tmp", name)


class DiskFiles:
    """`Files` on a real folder, made when first needed. `sync` is fsync; new names are synced with the folder."""

    def __init__(self, path: pathlib.Path):
        self.path = pathlib.Path(path)

    def folder(self, name: str) -> DiskFiles:
        return DiskFiles(self.path / name)

    def open(self, name: str) -> _DiskFile:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            _sync_folder(folder.parent)
        path = self.path / name
        new = not path.exists()
        opened = _DiskFile(path)
        if new:
            _sync_folder(self.path)
        return opened

    def rename(self, old: str, new: str) -> None:
        os.replace(self.path / old, self.path / new)
        _sync_folder(self.path)

    def remove(self, name: str) -> None:
        os.remove(self.path / name)
        _sync_folder(self.path)

    def list(self) -> list[str]:
        return sorted(entry.name for entry in self._entries() if entry.is_file() and entry.name != LOCK)

    def folders(self) -> list[str]:
        return sorted(entry.name for entry in self._entries() if entry.is_dir())

    def _entries(self) -> list[os.DirEntry]:
        return list(os.scandir(self.path)) if self.path.exists() else []

    def lock(self) -> Callable[[], None]:
        """Hold the folder until the returned function is called, or this process ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = open(self.path / LOCK, "ab")  # noqa: SIM115 - closed by the caller
        try:
            _lock(file)
        except OSError as error:
            file.close()
            raise InUse(f"{self.path.name} is open in another process", path=str(self.path),
                        why="two writers would overwrite each other's records",
                        next_step="close it there, or give this one a folder of its own") from error
        return file.close


def _lock(file) -> None:
    """An exclusive lock that the operating system takes back when the process ends. Raises `OSError` if it is held."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: pathlib.Path) -> None:
    """Make the names in a folder durable: the fsync of a file does not cover its name."""
    if os.name == "nt":  # Windows cannot open a folder, and its file system journals names by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _DiskFile:
    def __init__(self, path: pathlib.Path):
        self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        check_span(start, length)
        self._file.seek(start)
        return self._file.read() if length is None else self._file.read(length)

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view):]

    def truncate(self, size: int) -> None:
        check_size(size, self.size())
        self._file.truncate(size)

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        self._file.close()


def check_folder(path: str | os.PathLike) -> str:
    """The path of a folder, as text. Raises `InvalidUse` for what is no path."""
    text = None if isinstance(path, bytes) else path_text(path)
    if text is None:
        raise InvalidUse(f"{path!r:.60} is no path of a folder", next_step='give text, such as "some/folder"')
    return text


def path_text(path: object) -> str | None:
    """A path as text. None for what no system takes: a number, a path with a zero byte, or with half a character."""
    try:
        text = os.fsdecode(path)
        return None if b"\0" in os.fsencode(text) else text
    except (TypeError, UnicodeError):
        return None


@contextmanager
def opening(path: str) -> Iterator[None]:
    """Whatever the system says against the folder while it is opened becomes `UnusableFolder`."""
    try:
        yield
    except OSError as error:
        raise UnusableFolder(f"the folder {path!r:.200} cannot be opened: {error.strerror or error}", path=path,
                             why=f"{str(error.filename or path)!r:.200} is a file, in the way, full or not yours",
                             next_step="name a folder in which you may write") from error


def check_span(start: int, length: int | None) -> None:
    """Raise `InvalidUse` for a stretch of a file that begins before its start, or is shorter than nothing."""
    if start < 0 or (length is not None and length < 0):
        raise InvalidUse(f"cannot read {length} bytes from byte {start}", next_step="give numbers of 0 or more")


def check_size(size: int, now: int) -> None:
    """Raise `InvalidUse` for a size to which a file of `now` bytes cannot be cut back."""
    if not 0 <= size <= now:
        raise InvalidUse(f"cannot truncate a file of {now} bytes to {size}", why="truncate cuts off, it never fills up",
                         next_step=f"give a size from 0 to {now}")
