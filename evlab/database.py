"""One SQLite database, opened so that a commit that returned is on disk, and nothing is ever half written.

The store, the read models, the inbox and the outbox stand on it, because a transaction is the one thing that makes two
writes one. In a World the same code runs on a database of a node: a crash rolls back what was open, keeps what was
committed, and makes every handle of that life raise `Dead`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any

from evlab.env import Env, check_env, here
from evlab.errors import EvlabError, InvalidUse
from evlab.files import path_text

__all__ = ["ConstraintFailed", "CorruptDatabase", "Database", "DatabaseBusy", "DatabaseError", "DiskFull",
           "NotADatabase", "connect", "write_ahead"]

_ERRORS = (sqlite3.Error, UnicodeError)
"""What SQLite's calls raise; the second for half a character, and where an error quotes damaged bytes of the file."""
PATIENCE = 10.0
"""Seconds that a write waits for another process's transaction."""


class DatabaseError(EvlabError):
    """Something that SQLite refused. `path` names the file."""


class DatabaseBusy(DatabaseError):
    """Somebody else writes to the file. Nothing of this was written; the same call may succeed later."""

    retriable = True


class DiskFull(DatabaseError):
    """There is no room left. Nothing of this transaction was written."""

    retriable = True


class ConstraintFailed(DatabaseError):
    """A row breaks a rule of its table: UNIQUE, NOT NULL, CHECK or a foreign key. The statement changed nothing."""


class NotADatabase(DatabaseError):
    """The file is there, and it is no SQLite database."""


class CorruptDatabase(DatabaseError):
    """The structure of the file is damaged."""


class Database:
    """The SQLite database at `path`, made if it is new; ":memory:" is a fresh one that no file keeps.

    1. In write-ahead mode with synchronous=FULL, which is asserted: a commit returns after the fsync.
    2. `with db.transaction():` is all or nothing, and one inside of another is part of it.
    3. Several processes may use one file. A write waits up to `PATIENCE` seconds for another's transaction.
    In a World (`env`) the path names a database on the disk of `node` (by default of the node that asks); ":memory:" is
    gone with the life that made it. Do not `yield` inside of a transaction: what is open at a crash was never there.
    Raises `InvalidUse` for a path that names no file, `NotADatabase`, `CorruptDatabase`, `DatabaseBusy`, `DiskFull`, or
    `DatabaseError` for the rest.
    """

    def __init__(self, path: str | os.PathLike = ":memory:", env: Env | None = None, node: str = ""):
        check_env(env)
        self.env, self.path = env or here(), _path_of(path)
        self.commits = 0
        """Transactions that this handle has committed: each is one fsync."""
        self._depth, self._doomed = 0, False
        self._after: list[tuple[Callable[..., Any], tuple]] = []
        try:
            self._connection, self._check = self.env.database(self.path, node)
        except _ERRORS as error:
            raise _explained(error, self.path) from error
        if self._connection.execute("PRAGMA synchronous").fetchone()[0] < 2:
            raise InvalidUse("this SQLite does not promise durable commits", why="it ignores synchronous=FULL",
                             next_step="use a SQLite that was built with its defaults")

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Outside of a transaction it commits at once."""
        self._ready()
        try:
            return self._connection.execute(sql, parameters)
        except _ERRORS as error:
            raise _explained(error, self.path) from error

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row; inside of a transaction, or a crash leaves some of them."""
        self._ready()
        try:
            return self._connection.executemany(sql, rows)
        except _ERRORS as error:
            raise _explained(error, self.path) from error

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple]:
        """All rows of a query."""
        self._ready()
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except _ERRORS as error:
            raise _explained(error, self.path) from error

    def value(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row of a query; None if there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def write(self, statements: Iterable[tuple[str, tuple]], point: str = "writing") -> bool:
        """Run statements that change one row each, in a transaction of their own: all of them, or none.

        False, and nothing is kept, if one of them changes no row or breaks a rule of its table: so a condition in one
        decides about all. `point` names the place before the commit. It does what `with db.transaction()` does around
        some `execute`s, in one function: after the wait for an fsync no cache holds the code of ten.
        """
        self._check()
        if self._depth:
            raise InvalidUse("a transaction is open", next_step="use execute inside of it")
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for sql, parameters in statements:
                if execute(sql, parameters).rowcount != 1:
                    execute("ROLLBACK")
                    return False
            self.env.point(point)
            execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.IntegrityError):
                return False
            if isinstance(error, _ERRORS):
                raise _explained(error, self.path) from error
            raise
        self.commits += 1
        return True

    def transaction(self) -> _Transaction:
        """`with db.transaction():` what is executed inside is committed at the end, or none of it: after an error,
        and after a crash.

        An error in an inner transaction ends the outer one, too, even if somebody in between has caught it.
        """
        return _Transaction(self)

    def after_commit(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Call it once what was executed so far is on disk: now, or after the commit of the transaction that is open.

        It is not called if that transaction is rolled back.
        """
        if self._depth:
            self._after.append((call, arguments))
        else:
            call(*arguments)

    def _ready(self) -> None:
        """Raise what keeps the next statement from being what it seems."""
        self._check()
        if self._depth and not self._connection.in_transaction:
            raise DatabaseError("the transaction is over", path=self.path,
                                why="SQLite rolled it back at an error, which was caught inside of it",
                                next_step="catch errors of the database outside of the transaction")

    @property
    def in_transaction(self) -> bool:
        """Is a transaction of this handle open?"""
        return self._depth > 0

    def close(self) -> None:
        """Let go of the file. In a World the node keeps it."""
        self._connection.close()
        self._check = self._refuse

    def _refuse(self) -> None:
        raise DatabaseError(f"{os.path.basename(self.path)} is closed", why="close() was called", path=self.path,
                            next_step="open it again")

    def _broken(self) -> InvalidUse:
        return InvalidUse("a part of this transaction has failed, so none of it is kept",
                          why="the error of an inner transaction was caught inside of the outer one",
                          next_step="catch it outside, or do the inner part in a transaction of its own")

    def _roll_back(self) -> None:
        self._after.clear()
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.path!r})"


class _Transaction:
    """A transaction for the time of a `with`.

    A class, and few calls: the generator of contextlib would take 3 us more, and code that runs after the wait for an
    fsync, when no cache holds it, takes three times as long as in a loop.
    """

    __slots__ = ("_db",)

    def __init__(self, db: Database):
        self._db = db

    def __enter__(self) -> Database:
        db = self._db
        db._check()
        if not db._depth:
            try:
                # The lock first: what is read inside is still true at the end.
                db._connection.execute("BEGIN IMMEDIATE")
            except _ERRORS as error:
                raise _explained(error, db.path) from error
            except BaseException:  # Ctrl-C while it waited for the lock, which it has now
                db._roll_back()
                raise
            db._doomed = False
        elif db._doomed:
            raise db._broken()
        db._depth += 1
        return db

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        db = self._db
        db._depth -= 1
        if db._depth:
            db._doomed = db._doomed or kind is not None
        elif kind is not None:
            db._roll_back()
        else:
            try:
                db._check()
                if db._doomed:
                    raise db._broken()
                db._connection.execute("COMMIT")
            except BaseException as error:
                db._roll_back()
                if isinstance(error, _ERRORS):
                    raise _explained(error, db.path) from error
                raise
            db.commits += 1
            if db._after:
                calls, db._after = db._after, []
                for call, arguments in calls:
                    call(*arguments)


def _path_of(path: str | os.PathLike) -> str:
    if text := path_text(path):
        return text
    raise InvalidUse(f"the path {path!r:.200} names no file", next_step='give one, or ":memory:"',
                     why="SQLite takes an empty one for a file that it deletes when it is closed")


def connect(path: str, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """A connection with the settings that the promises of `Database` need."""
    # JupyterLab answers a widget on another thread than the one that runs cells; both use a learner's store, in turn.
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, factory=kind, check_same_thread=False)
    try:
        if path != ":memory:":
            write_ahead(connection, PATIENCE)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Have the file in write-ahead mode, where readers and one writer do not wait for each other.

    A new file is changed to it once. SQLite does not wait there for another process that does the same at that moment,
    whatever the connection's timeout is: it has a lock already, and two that hold one and wait for more wait for ever.
    So the waiting is done here, without a lock: up to `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _explained(error: sqlite3.Error | UnicodeDecodeError, path: str) -> EvlabError:
    """SQLite's error as one of evlab's: what, why, next step."""
    name = os.path.basename(path)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseBusy(f"{name} is in use", why=f"somebody else has been writing to it for {PATIENCE:g} s",
                            next_step="end that process, or call again", path=path)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return DiskFull(f"{name} cannot be written", path=path,
                        why=f"{error}: the disk is full or fails; nothing of this transaction was kept",
                        next_step="free some space, look at the disk, and call again")
    if code == sqlite3.SQLITE_NOTADB:
        return NotADatabase(f"{name} is no database", why="its first bytes are not SQLite's", path=path,
                            next_step="give another path, or move the file away")
    if code == sqlite3.SQLITE_CORRUPT or isinstance(error, UnicodeDecodeError):
        return CorruptDatabase(f"{name} is damaged", why=str(error), next_step="restore it from a backup", path=path)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return DatabaseError(f"{name} cannot be opened for writing", why=str(error), path=path,
                             next_step="look at its folder: does it exist, and is it yours to write?")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintFailed(f"{name}: {error}", why="a row breaks a rule of its table", path=path,
                                next_step="look at the values of the row")
    return DatabaseError(f"{name}: {error}", why="SQLite refused the statement", path=path,
                         next_step="look at the statement, or at the tables that the file has")
