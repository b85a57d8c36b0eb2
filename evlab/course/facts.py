"""Facts about what a learner did, in one SQLite file per user: only ever added, and never in a lesson's way."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from evlab.database import write_ahead
from evlab.errors import InvalidUse
from evlab.widgets.card import being_saved as saved_mode

__all__ = ["Fact", "FactFile", "home_folder", "saved_mode"]

_PATIENCE = 10.0  # seconds that one kernel waits for another to finish its write of a few bytes
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # ERROR: the table is not ours
_TABLE = """CREATE TABLE IF NOT EXISTS facts (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT, right INTEGER, at REAL NOT NULL)"""


class Fact(NamedTuple):
    """One thing that a learner did."""

    kind: str
    """"guess", "quiz", "check" or "visit"; of drills "review", "rating", "due" or "interview"."""
    id: str
    """The question, such as "lag.drain-time"; for a visit the notebook; for a drill the card."""
    value: Any
    """What was answered: anything that JSON can hold."""
    right: bool | None
    """None while nobody has judged it, or where there is nothing to judge."""
    at: float
    """Seconds since 1970-01-01 UTC."""


def home_folder() -> pathlib.Path:
    """The folder of this user's own files: what EVLAB_HOME names, else where the system keeps a program's data."""
    named = os.environ.get("EVLAB_HOME")
    if named:
        return pathlib.Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("evlab", appauthor=False)


class FactFile:
    """Facts in `path`, or in this user's own file if `path` is not given.

    1. A fact is on disk when `record` returns: it survives kill -9.
    2. Several kernels may record at once; each opens the file for the moment of one call.
    3. A lesson never stops for it. A damaged file is moved aside (kept) and a new one begun; a file that cannot be
       written is replaced by memory, and that work is lost when the kernel ends. Both say so once, on stderr.
    4. While a notebook is saved or replayed (EVLAB_SAVED=1) the facts live in memory, one fresh set a process.
    """

    name = "facts"
    """The file is `name`.db, and its damaged forerunners `name`-damaged-TIME.db."""
    holds = "facts"
    """What the learner calls its content."""

    def __init__(self, path: str | os.PathLike | None = None):
        self._memory: sqlite3.Connection | None = None
        self.path: pathlib.Path | None = None
        if path is not None:
            self.path = pathlib.Path(path)
        elif saved_mode():
            self._memory = _shared_memory(self.name)
        else:
            try:
                self.path = home_folder() / f"{self.name}.db"
            except RuntimeError as error:  # neither pathlib nor platformdirs finds a home
                self._memory = self._lost(self.name, f"anywhere ({error})")
        if self._memory is None:
            self._memory = _LOST.get(str(self.path))

    def record(self, kind: str, id: str, value: Any = None, right: bool | None = None, at: float | None = None) -> Fact:
        """Add a fact, of now or of the time `at`, and return it. Raises `InvalidUse` for a value that JSON cannot
        hold."""
        fact, row = _row(kind, id, value, right, time.time() if at is None else at)
        self._run(lambda db: db.execute(_INSERT, row))
        return fact

    def record_all(self, kind: str, values: dict[str, Any], at: float | None = None) -> None:
        """Add a fact for each id in `values`: all of them or, if the process dies, none."""
        rows = [_row(kind, id, value, None, time.time() if at is None else at)[1] for id, value in values.items()]

        def work(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany(_INSERT, rows)
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

        if rows:
            self._run(work)

    def latest(self, kind: str, id: str) -> Fact | None:
        """The last fact of that question, or None."""
        rows = self._run(lambda db: db.execute(
            "SELECT kind, id, value, right, at FROM facts WHERE kind = ? AND id = ? ORDER BY number DESC LIMIT 1",
            (kind, id)).fetchall())
        return _fact(rows[0]) if rows else None

    def facts(self, kind: str | None = None) -> list[Fact]:
        """The latest fact of each question, of one kind or of all, ordered by kind and id."""
        rows = self._run(lambda db: db.execute(
            "SELECT kind, id, value, right, at FROM facts WHERE number IN (SELECT max(number) FROM facts"
            " GROUP BY kind, id) AND (?1 IS NULL OR kind = ?1) ORDER BY kind, id", (kind,)).fetchall())
        return [_fact(row) for row in rows]

    def history(self, after: int = 0) -> list[tuple[int, Fact]]:
        """Every fact with its number, 1, 2, ..., in the order in which they were recorded: those after `after`, or
        all if the file has been begun anew since."""
        rows = self._run(lambda db: db.execute(
            "SELECT number, kind, id, value, right, at FROM facts WHERE number > CASE WHEN"
            " (SELECT max(number) FROM facts) >= ?1 THEN ?1 ELSE 0 END ORDER BY number", (after,)).fetchall())
        return [(number, _fact(row)) for number, *row in rows]

    def damage(self) -> str:
        """What is wrong with the file, or "" if it can be read and written. Changes nothing."""
        if self.path is None and not saved_mode():
            return "this user has no home folder, so set EVLAB_HOME"
        if self.path is None or not self.path.exists():
            folder = next(parent for parent in (self.path or pathlib.Path.cwd() / "x").parents if parent.exists())
            return "" if self.path is None or os.access(folder, os.W_OK) else f"{folder} is not yours to write"
        try:
            with contextlib.closing(_open(self.path)) as db:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            return str(error)
        return "it is damaged" if _damaged(self.path) else ""

    def _run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        for last_try in (False, True):
            if self._memory is not None:
                break
            try:
                with contextlib.closing(_open(self.path)) as db:
                    return work(db)
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                if not _is_damage(error) or last_try or not self._move_aside():
                    self._memory = self._lost(str(self.path), f"in {self.path} ({error})")
                    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                        del _LOST[str(self.path)]  # others may find it free again
        with _MEMORY_LOCK:
            return work(self._memory)

    def _lost(self, key: str, why: str) -> sqlite3.Connection:
        """The memory that stands for a file which cannot be written: one for all, so that a check finds the guess."""
        if key not in _LOST:
            _LOST[key] = _memory() if self.path is None else _copied(self.path)
            _say(f"your {self.holds} cannot be kept {why}; what you do now counts until this kernel ends. Next step: "
                 f"run `evlab doctor`")
        return _LOST[key]

    def _move_aside(self) -> bool:
        """Keep the damaged file under another name. False if that is not possible.

        Two kernels may find the damage at once. The second must not move away the new file that the first has begun,
        so both look again under a lock, one that the system takes back from a process that dies.
        """
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path}.lock", timeout=_PATIENCE)) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                if not _damaged(self.path):
                    return True
                kept = self.path.with_name(f"{self.path.stem}-damaged-{time.time_ns() // 1_000_000}.db")
                for suffix in ("-wal", "-shm", ""):  # the log first: a new file must never meet an old log
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(f"{self.path}{suffix}", f"{kept}{suffix}")
        except (sqlite3.Error, OSError):
            return False
        _say(f"the file of your {self.holds} was damaged. It is kept as {kept.name} beside the new, empty one")
        return True


def _open(path: pathlib.Path) -> sqlite3.Connection:
    """Open the file, made with its table if need be. The first kernels to start may all try to make it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        db.text_factory = lambda data: data.decode("utf-8", "replace")
        write_ahead(db, _PATIENCE)
        db.execute("PRAGMA synchronous = FULL")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            db.execute(_TABLE)
        return db
    except BaseException:
        db.close()
        raise


def _damaged(path: pathlib.Path) -> bool:
    try:
        with contextlib.closing(_open(path)) as db:
            db.execute("SELECT number, kind, id, value, right, at FROM facts LIMIT 1")
            return db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok"
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        return _is_damage(error)


def _is_damage(error: Exception) -> bool:
    """Whether the file's content is at fault, and not a lock, a full disk or a missing permission."""
    if isinstance(error, UnicodeDecodeError):  # sqlite3 quotes the damaged table in its own error message
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


_INSERT = "INSERT INTO facts (kind, id, value, right, at) VALUES (?, ?, ?, ?, ?)"


def _row(kind: str, id: str, value: Any, right: bool | None, at: float) -> tuple[Fact, tuple]:
    """The fact and its row of the table. Raises `InvalidUse` for what cannot be kept."""
    for name, text in (("kind", kind), ("id", id)):
        if not isinstance(text, str) or not text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidUse(f"{name}={text!r:.60} is not a name", next_step="give a string that is not empty")
    try:
        encoded = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidUse(f"the value of {id!r} cannot be kept", why=str(error),
                         next_step="give text, a number, or a list or dict of them") from error
    fact = Fact(kind, id, json.loads(encoded), None if right is None else bool(right), at)
    return fact, (kind, id, encoded, fact.right, at)


def _fact(row: tuple) -> Fact:
    kind, id, value, right, at = row
    with contextlib.suppress(ValueError, TypeError):
        value = json.loads(value)
    return Fact(kind, id, value, None if right is None else bool(right), at)


_MEMORY_LOCK = threading.Lock()
def _copied(path: pathlib.Path) -> sqlite3.Connection:
    """A memory with what the file holds, as far as that can be read: it may be there, and not ours to write."""
    db = _memory()
    with (contextlib.suppress(sqlite3.Error, OSError),
          contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as old):
        rows = old.execute("SELECT number, kind, id, value, right, at FROM facts").fetchall()
        db.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", rows)
    return db


_shared: dict[str, sqlite3.Connection] = {}
_LOST: dict[str, sqlite3.Connection] = {}
"""The path of a file that could not be written -> what stands for it in this process."""


def _memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.execute(_TABLE)
    return db


def _shared_memory(name: str) -> sqlite3.Connection:
    """One set of facts of each name for the whole process: a question and the map of a notebook see the same."""
    if name not in _shared:
        _shared[name] = _memory()
    return _shared[name]


def _say(line: str) -> None:
    print(f"evlab: {line}", file=sys.stderr)
