"""A connection to PostgreSQL with the verbs of `evlab.database.Database`: what is different on a server is told here.

A file does not go away while it is used; a server does. So this connects again by itself, and says `EngineUnreachable`
for the call that was cut off: whether that call has worked is UNKNOWN, as its answer may be all that was lost.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Iterable
from typing import Any

from evlab.database import PATIENCE, ConstraintFailed, CorruptDatabase, DatabaseBusy, DatabaseError, DiskFull
from evlab.engines import EngineUnreachable
from evlab.errors import EvlabError, InvalidUse

try:
    import psycopg
    from psycopg import errors, sql
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ImportError as missing:
    raise EvlabError("PostgreSQL's client is not installed", why="evlab needs psycopg for PostgresEventStore only",
                     next_step='pip install "evlab[postgres]"') from missing

__all__ = ["PostgresDatabase"]

_SETTINGS = {"connect_timeout": 10, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
             "tcp_user_timeout": 10_000, "application_name": "evlab"}
"""Where the address says nothing else. A cut cable is noticed after about ten seconds, not after two hours."""
_MUST_BE = {"fsync": ("on",), "full_page_writes": ("on",), "server_encoding": ("UTF8",),
            "synchronous_commit": ("on", "local", "remote_write", "remote_apply")}
_CURES = {
    "fsync": "let the server's owner set fsync = on and reload it",
    "full_page_writes": "let the server's owner set full_page_writes = on and reload it",
    "synchronous_commit": "take it out of the address, or: ALTER ROLE ... SET synchronous_commit = on",
    "server_encoding": "make the database with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"}
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_CORRUPT = (errors.DataCorrupted, errors.IndexCorrupted)


class PostgresDatabase:
    """The database at `dsn`; tables are made and found in `schema`. Placeholders are written %s.

    1. A commit returns after the fsync of the server's log: fsync, full_page_writes and synchronous_commit are looked
       at for each new connection, and `InvalidUse` is raised if one is off.
    2. `with db.transaction():` is all or nothing, and one inside of another is part of it.
    3. A write waits up to `PATIENCE` seconds for another's transaction, then it raises `DatabaseBusy`.
    4. A connection that broke is made anew by the next call. What was open in it has been rolled back.
    Raises `EngineUnreachable` if nobody answers or the connection breaks, and the errors of evlab.database.
    For one thread at a time: give each a handle of its own. Not through a pooler that shares a connection between
    transactions (PgBouncer's pool_mode = transaction): the settings and LISTEN belong to the connection.
    """

    def __init__(self, dsn: str, schema: str):
        try:
            given = conninfo_to_dict(dsn)
        except (psycopg.Error, TypeError, AttributeError, UnicodeError) as error:
            raise InvalidUse("this is no address of a PostgreSQL database", why=f"{error}".strip(),
                             next_step="write postgresql://user@host:5432/database") from error
        self.address = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        """Where it is, without a password."""
        self.schema, self.quoted = schema, sql.Identifier(schema).as_string()
        """The schema's name, and how it is written in a statement."""
        self.commits = 0
        """Transactions that this handle has committed: each has waited for one fsync of the server."""
        self._dsn, self._settings = dsn, {name: value for name, value in _SETTINGS.items() if name not in given}
        self._depth, self._doomed, self._closed = 0, False, False
        self._after: list[Callable[[], Any]] = []
        self._listening, self._news = False, False
        self._link: psycopg.Connection | None = None
        self._connected()

    # ------------------------------------------------------------------------------------------ statements

    def execute(self, statement: str, parameters: Iterable[Any] = (), *, binary: bool = False) -> psycopg.Cursor:
        """Run one statement. Outside of a transaction it commits at once."""
        with self._told():
            return self._connected().execute(statement, parameters or None, binary=binary)

    def rows(self, statement: str, parameters: Iterable[Any] = (), *, binary: bool = False) -> list[tuple]:
        """All rows of a query. binary: as the server has them, which is less work; it is not known of all types."""
        with self._told():
            return self._connected().execute(statement, parameters or None, binary=binary).fetchall()

    def value(self, statement: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row of a query; None if there is no row."""
        rows = self.rows(statement, parameters)
        return rows[0][0] if rows else None

    def copy(self, statement: str, types: list[str], rows: Iterable[tuple]) -> None:
        """Insert rows with COPY ... FROM STDIN (FORMAT BINARY): for a hundred a fifth of the time that INSERT takes.

        types: of the columns, as PostgreSQL calls them.
        """
        with self._told(), self._connected().cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    # ---------------------------------------------------------------------------------------- transactions

    def transaction(self) -> _Transaction:
        """`with db.transaction():` what is executed inside is committed at the end, or none of it.

        An error in an inner transaction ends the outer one, too, even if somebody in between has caught it. So does an
        error of any statement: PostgreSQL then takes no other before the rollback.
        """
        return _Transaction(self)

    def after_commit(self, call: Callable[[], Any]) -> None:
        """Call it once what was executed so far is on disk: now, or after the commit of the transaction that is open.

        It is not called if that transaction is rolled back.
        """
        if self._depth:
            self._after.append(call)
        else:
            call()

    @property
    def in_transaction(self) -> bool:
        """Is a transaction of this handle open?"""
        return self._depth > 0

    def _begin(self) -> None:
        if not self._depth:
            self._doomed = False
            # Not SERIALIZABLE or REPEATABLE READ, whatever the server's default: who has waited for a lock must see
            # what the one before has committed.
            try:
                self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            except BaseException:  # Ctrl-C, too
                self._roll_back()
                raise
        elif self._doomed:
            raise self._broken()
        self._depth += 1

    def _end(self, failed: bool) -> None:
        self._depth -= 1
        if self._depth:
            self._doomed = self._doomed or failed
            return
        try:
            if not failed:
                self._commit()
        except BaseException:
            self._roll_back()
            raise
        if failed:
            self._roll_back()
        else:
            calls, self._after = self._after, []
            for call in calls:
                call()

    def _commit(self) -> None:
        # COMMIT of a transaction in which a statement has failed is no error to PostgreSQL: it rolls back, and says so
        # in passing.
        if self._doomed or self._link.info.transaction_status == TransactionStatus.INERROR:
            raise self._broken()
        with self._told():
            self._link.execute("COMMIT")
        self.commits += 1

    def _broken(self) -> InvalidUse:
        return InvalidUse("a part of this transaction has failed, so none of it is kept",
                          why="an error of a statement, or of an inner transaction, was caught inside of it",
                          next_step="catch it outside, or do that part in a transaction of its own")

    def _roll_back(self) -> None:
        self._after.clear()
        open_ones = TransactionStatus.INTRANS, TransactionStatus.INERROR
        with contextlib.suppress(psycopg.Error):
            if self._link is not None and self._link.info.transaction_status in open_ones:
                self._link.execute("ROLLBACK")

    # ------------------------------------------------------------------------------------------- who waits

    def listen(self) -> None:
        """Hear of the notifications of the channel `schema` from now on, after a new connection, too."""
        if not self._listening:
            self.execute(f"LISTEN {self.quoted}")
            self._listening = True

    def heard(self) -> bool:
        """Has somebody else sent a notification since this was asked last? Does not wait.

        True after a new connection, too: nobody knows what was missed.
        """
        with self._told():
            link = self._connected().pgconn
            link.consume_input()
            while note := link.notifies():
                self._news = self._news or note.be_pid != link.backend_pid
        news, self._news = self._news, False
        return news

    def wait_for_input(self, seconds: float) -> bool:
        """Sleep until the server sends something, or so many seconds. Returns whether it has."""
        with self._told():
            return bool(select.select([self._connected().fileno()], [], [], seconds)[0])

    # -------------------------------------------------------------------------------------- the connection

    def _connected(self) -> psycopg.Connection:
        """The connection, made anew if it broke."""
        if self._closed:
            raise DatabaseError(f"the handle on {self.address} is closed", why="close() was called",
                                next_step="open it again", path=self.address)
        if self._link is None or self._link.closed:
            if self._depth:
                raise self._unreachable("the connection broke, and with it the transaction that was open")
            self._link = self._connect()
        return self._link

    def _connect(self) -> psycopg.Connection:
        try:
            link = psycopg.connect(self._dsn, autocommit=True, client_encoding="utf8", **self._settings)
        except psycopg.Error as error:
            raise self._refused(error) from error
        try:
            link.add_notify_handler(lambda note: self._note(note.pid != link.info.backend_pid))
            asked = ", ".join(f"current_setting('{name}')" for name in _MUST_BE)
            for (name, good), found in zip(_MUST_BE.items(), link.execute(f"SELECT {asked}").fetchone(), strict=True):
                if found not in good:
                    raise InvalidUse(f"{self.address} has {name} = {found}", next_step=_CURES[name],
                                     why=f"an event store needs {name} = {good[0]}")
            link.execute("SELECT set_config('search_path', %s, false), set_config('lock_timeout', %s, false)",
                         (self.quoted, f"{PATIENCE * 1000:.0f}"))
            if self._listening:
                link.execute(f"LISTEN {self.quoted}")
                self._news = True
        except psycopg.Error as error:
            explained = self._explained(error, link)
            link.close()
            raise explained from error
        except BaseException:
            link.close()
            raise
        return link

    def _note(self, others: bool) -> None:
        self._news = self._news or others

    def close(self) -> None:
        """Let go of the connection."""
        self._closed = True
        if self._link is not None:
            self._link.close()

    # ----------------------------------------------------------------------------------------------- errors

    def _told(self) -> _Told:
        """`with self._told():` psycopg's errors come out of it as evlab's."""
        return _Told(self)

    def _refused(self, error: psycopg.Error) -> EvlabError:
        """The error of a connection that was not made."""
        why = str(error).strip()
        later = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots")
        if "FATAL" not in why or any(text in why for text in later):
            return self._unreachable(why)
        return DatabaseError(f"{self.address} refuses the connection", why=why, path=self.address,
                             next_step="look at the address: user, password, database")

    def _unreachable(self, why: str) -> EngineUnreachable:
        return EngineUnreachable(f"PostgreSQL does not answer at {self.address}", why=why, address=self.address,
                                 next_step="see that the server runs, and call again: an append with the same events "
                                           "(the same ids) is safe to repeat")

    def _explained(self, error: psycopg.Error, link: psycopg.Connection) -> EvlabError:
        """psycopg's error as one of evlab's: what, why, next step."""
        why, at = str(error).strip(), self.address
        if link.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
            link.close()  # after FATAL it is over, whether or not the end has been seen already
            return self._unreachable(why)
        if isinstance(error, _BUSY):
            return DatabaseBusy(f"{at} is in use", path=at, why=f"{why}; a write waits {PATIENCE:g} s for others",
                                next_step="end the transaction that is open elsewhere, or call again")
        if isinstance(error, errors.DiskFull):
            return DiskFull(f"{at} cannot be written", why=f"{why}; nothing of this transaction was kept", path=at,
                            next_step="free some space on the server, and call again")
        if isinstance(error, _CORRUPT):
            return CorruptDatabase(f"{at} is damaged", why=why, next_step="restore it from a backup", path=at)
        if isinstance(error, psycopg.IntegrityError):
            return ConstraintFailed(f"{at}: {why}", why="a row breaks a rule of its table", path=at,
                                    next_step="look at the values of the row")
        if isinstance(error, errors.InFailedSqlTransaction):
            return DatabaseError("the transaction is over", path=at, why="a statement in it has failed, and the error "
                                 "was caught inside of it", next_step="catch errors of the database outside of it")
        return DatabaseError(f"{at}: {why}", why="PostgreSQL refused the statement", path=at,
                             next_step="look at the statement, or at what this user may do")

    def __enter__(self) -> PostgresDatabase:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PostgresDatabase({self.address!r}, schema={self.schema!r})"


class _Transaction:
    """A transaction for the time of a `with`."""

    __slots__ = ("_db",)

    def __init__(self, db: PostgresDatabase):
        self._db = db

    def __enter__(self) -> PostgresDatabase:
        self._db._begin()
        return self._db

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        self._db._end(kind is not None)


class _Told:
    """psycopg's errors of a `with` as evlab's. A class: it stands around each statement."""

    __slots__ = ("_db",)

    def __init__(self, db: PostgresDatabase):
        self._db = db

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, _) -> None:
        if isinstance(error, psycopg.Error):
            raise self._db._explained(error, self._db._link) from error
