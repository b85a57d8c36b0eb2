"""What `evlab grade` has judged so far, beside the grades: so a second run judges only what changed.

A line a result, JSON: {"key": ..., "result": ...}. The key is made of the file's bytes, the lab, the seed, and the code
that judges: whoever changes a check gets new grades. Results are added as they come. A killed program loses none that
was added, a power cut the last few; half a line at the end is cut off when the file is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import sys
import time
from typing import Any

from evlab.course.data import course_folder
from evlab.course.judge.labs import authoring_folder, lab_names
from evlab.errors import EvlabError

__all__ = ["StateFile", "StateInUse", "code_digest", "code_files"]

SYNC_EVERY = 1.0
"""Seconds between two syncs to the disk, while results come in."""


class StateInUse(EvlabError):
    """Another `evlab grade` writes the same grades, or their state file cannot be written."""


class StateFile:
    """Results by key, in the file `path`. A context manager. One process at a time may have it open.

    Raises `StateInUse` if another one has, or if it cannot be written.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.results: dict[str, dict[str, Any]] = {}
        try:
            self._file = open(path, "a+b")  # noqa: SIM115 - closed by close
            self._lock()
            self._read()
        except OSError as error:
            raise StateInUse(f"{path.name} cannot be written: {error.strerror or error}",
                             next_step="give another place with --out") from error
        self._synced = time.monotonic()

    def __enter__(self) -> StateFile:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result. Raises `StateInUse` if the disk is full; those before it are kept."""
        self.results[key] = result
        try:
            self._file.write(json.dumps({"key": key, "result": result}).encode() + b"\n")
            self._file.flush()
            if time.monotonic() - self._synced >= SYNC_EVERY:
                self.sync()
        except OSError as error:
            raise StateInUse(f"{self.path.name} cannot be written: {error.strerror or error}; what is in it is kept",
                             next_step="make room, and run the same command again") from error

    def sync(self) -> None:
        """Everything added so far is on the disk when this returns."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self.sync()
            with contextlib.suppress(OSError):  # what the disk had no room for, as `add` has said
                self._file.close()

    def _read(self) -> None:
        """Take in every whole line; cut off what stands behind the last one. A damaged line is judged again."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                entry = json.loads(line)
                if isinstance(entry["result"], dict):
                    self.results[str(entry["key"])] = entry["result"]
        self._file.truncate(end)
        self._file.seek(0, os.SEEK_END)

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise StateInUse(f"another `evlab grade` is writing {self.path.name}",
                             next_step="wait for it, or give another place with --out") from error


def code_digest(lab: str) -> str:
    """A digest of all that a verdict of `lab` (of every lab, if it is "") hangs on, but for the answer and the seed."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in sorted(code_files(lab)):
        with contextlib.suppress(FileNotFoundError):
            digest.update(f"{path.parent.name}/{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def code_files(lab: str) -> list[pathlib.Path]:
    """The files that the digest is made of: the lab's own, and the modules that checks and judge use. Some checks use
    modules of the course beside the judge, so all of those are in it."""
    course, here = course_folder(), pathlib.Path(__file__).parents[1]
    parts = (here, *(here / name for name in ("sim", "log", "router", "course", "course/judge")))
    files = [file for part in parts for file in part.glob("*.py")]
    for name in [lab] if lab else lab_names():
        folder = authoring_folder(course) / name
        files += [*folder.glob("*.py"), *folder.glob("*.toml")]
    return [*files, course / "data" / "hints.toml"]
