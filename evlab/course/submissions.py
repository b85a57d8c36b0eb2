"""What was handed in: every file under a folder, its learner's name, and what is wrong with it before it is opened.

Folders of submissions hold anything: empty files, pipes, links that lead in circles, archives. Each is looked at by
its kind first, so that nothing here can hang, and each becomes a submission: one with a `note` will not be judged.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import stat
import unicodedata
from dataclasses import dataclass

from evlab.course.judge.answers import LARGEST
from evlab.errors import EvlabError

__all__ = ["NothingHandedIn", "Submission", "Unfit", "find_submissions", "read_submission", "shown"]

_NOT_HANDED_IN = {"__pycache__", "__MACOSX", "Thumbs.db", "desktop.ini"}
_KINDS = {stat.S_IFDIR: "it is a folder, not a file", stat.S_IFIFO: "it is a pipe, not a file",
          stat.S_IFSOCK: "it is a socket, not a file", stat.S_IFCHR: "it is a device, not a file",
          stat.S_IFBLK: "it is a device, not a file",
          stat.S_IFLNK: "it is a symbolic link; links are not followed, so that nobody hands in somebody else's file"}
_READABLE = "look at its name, and at who may read it"
_MENDS = {stat.S_IFDIR: "what lies in it is judged by itself", stat.S_IFLNK: "hand in the file itself"}


class NothingHandedIn(EvlabError):
    """The path to be graded is not there, or nothing is in it."""


class Unfit(EvlabError):
    """A submission that cannot be read."""

    @property
    def note(self) -> str:
        """What its row says."""
        return f"{self.what}; {self.next_step}" if self.next_step else self.what


@dataclass(frozen=True)
class Submission:
    """One file. learner: its path below the graded folder without `.ipynb`; file: the same path with it; both as they
    can be shown. page: a name for what is written about it, harmless on every system and shared with no other file.
    note: why it is not judged; empty for a file that can be opened."""

    path: pathlib.Path
    learner: str
    file: str
    page: str
    note: str = ""


def find_submissions(path: str | os.PathLike, without: set[pathlib.Path] = frozenset()) -> list[Submission]:
    """Every file under the folder `path`, or the file `path` itself; sorted by path.

    Left out: hidden files and folders (.ipynb_checkpoints too), what systems leave behind, nbgrader's timestamp.txt
    beside a notebook, and the resolved paths in `without`. Raises `NothingHandedIn`.
    """
    root = pathlib.Path(path)
    try:
        kind = stat.S_IFMT(root.stat().st_mode)
    except OSError as error:
        raise NothingHandedIn(f"{shown(root)} cannot be read: {error.strerror or error}",
                              next_step="give a folder of notebooks, or one notebook") from error
    if kind == stat.S_IFREG:
        return [_submission(root.parent, pathlib.Path(root.name))]
    if kind != stat.S_IFDIR:
        raise NothingHandedIn(f"{shown(root)} is neither a folder nor a file",
                              next_step="give a folder of notebooks, or one notebook")
    found = sorted(_walk(root, without), key=lambda submission: os.fsencode(submission.path))
    if not found:
        raise NothingHandedIn(f"nothing is handed in under {shown(root)}",
                              next_step="give the folder that holds the learners' notebooks")
    return found


def read_submission(path: pathlib.Path) -> bytes:
    """The file's bytes. Raises `Unfit` for one that is not there any more, that may not be read, or that is too large;
    never waits, whatever the path has become."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unfit(_what_it_is(stat.S_IFMT(status.st_mode)))
            if status.st_size > LARGEST:
                raise Unfit(f"it is larger than {LARGEST // 1_000_000} MB", next_step="clear its outputs and save it")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(LARGEST + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unfit(f"it cannot be read: {error.strerror or error}", next_step=_READABLE) from error


def shown(text: object) -> str:
    """A path or name as one line of text: bytes that are no UTF-8 and control characters are replaced."""
    from evlab.viz.theme import safe

    return safe(text, 1000)


def _walk(root: pathlib.Path, without: set[pathlib.Path]):
    unreadable: list[OSError] = []
    real = root.resolve()
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        here = pathlib.Path(os.path.relpath(folder, root))
        folders[:] = sorted(name for name in folders if _counts(real / here / name, without))
        for name in folders:
            if (root / here / name).is_symlink():
                yield _submission(root, here / name, _note(stat.S_IFLNK))
            elif name.lower().endswith(".ipynb"):
                yield _submission(root, here / name, _note(stat.S_IFDIR))
        notebooks = any(name.lower().endswith(".ipynb") for name in files)
        for name in files:
            if _counts(real / here / name, without) and not (name == "timestamp.txt" and notebooks):
                yield _submission(root, here / name, _kind_note(root / here / name))
    for error in unreadable:
        yield _submission(root, pathlib.Path(os.path.relpath(error.filename, root)),
                          f"the folder cannot be read: {error.strerror}; {_READABLE}")


def _counts(path: pathlib.Path, without: set[pathlib.Path]) -> bool:
    return not (path.name.startswith(".") or path.name in _NOT_HANDED_IN or path in without)


def _kind_note(path: pathlib.Path) -> str:
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}; {_READABLE}"
    return "" if kind == stat.S_IFREG else _note(kind)


def _what_it_is(kind: int) -> str:
    return _KINDS.get(kind, "it is not a file")


def _note(kind: int) -> str:
    return Unfit(_what_it_is(kind), next_step=_MENDS.get(kind, "hand in a saved notebook")).note


def _submission(root: pathlib.Path, name: pathlib.Path, note: str = "") -> Submission:
    file = shown(name.as_posix())
    learner = file[:-6] if file.lower().endswith(".ipynb") and len(file) > 6 else file
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", learner.casefold())
                    if not unicodedata.combining(letter))
    readable = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")
    page = f"{readable}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:10]}".strip("-")
    return Submission(root / name, learner, file, page, note)
