"""The event store in PostgreSQL: what evlab.store.EventStore does in a file, for processes on many machines.

The one thing that is harder here is the order of all events. A sequence (`bigserial`) gives out numbers when a row is
written, not when it is committed. So 2 may be there before 1, and a reader that remembers "I have read up to 2" never
sees 1: `evlab.engines.postgres_gap` shows it. There are two cures:

- Appends one after another: the store's end is a row, which each append locks until it has committed. Positions are
  then given out in the order of the commits, without gaps, also after a rollback. The cost: all streams share this
  lock, so there is one append for each fsync, however many clients append. `append_all` shares one.
- Readers that stop before the oldest transaction that is open. Appends need no lock, and share fsyncs. The cost: one
  transaction that has written anything, and hangs, stops all readers; and a rollback leaves a gap, so nobody can tell
  a number that was never used from an event that was lost.

This store does the first, as its twin does: a gap is always damage, and is reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from evlab.database import DatabaseError
from evlab.engines import NotOnThisEngine
from evlab.engines.postgres_database import PostgresDatabase
from evlab.engines.postgres_reading import COLUMNS, PostgresReading, lost
from evlab.env import Env, Real, Signal, check_delay, check_env, here
from evlab.errors import InvalidUse, WrongExpectedVersion
from evlab.event import Event
from evlab.expected import ANY, check_append, check_appends, met, numbered
from evlab.recorded import Recorded, write_row
from evlab.store import NewerStore, NotAStore

__all__ = ["PostgresEventStore"]

FORMAT = 1
"""The version of the tables, in the table evlab_store."""
LONGEST_ID = 1500
"""Bytes of an event id. An entry of an index has 2,704 at most, and the stream's name is in it, too."""
_LONGEST_SCHEMA = 63

_TABLES = """
    CREATE TABLE evlab_store (format integer NOT NULL);
    CREATE TABLE events (position bigint PRIMARY KEY, stream text COLLATE "C" NOT NULL, version bigint NOT NULL,
        id text COLLATE "C" NOT NULL, record bytea NOT NULL, checksum bigint NOT NULL);
    CREATE UNIQUE INDEX events_in_stream ON events (stream, version);
    CREATE UNIQUE INDEX events_by_id ON events (stream, id);
    CREATE TABLE snapshots (stream text COLLATE "C" NOT NULL, schema bigint NOT NULL, version bigint NOT NULL,
        state bytea NOT NULL, checksum bigint NOT NULL, PRIMARY KEY (stream, schema));
    CREATE TABLE heads (stream text COLLATE "C" PRIMARY KEY, version bigint NOT NULL);
    INSERT INTO heads VALUES ('', 0)"""

# Whoever has this row appends; the others wait here for the end of that transaction. What they read in a later
# statement is what is true then: in READ COMMITTED each statement looks anew.
_LOCK = "SELECT version FROM heads WHERE stream = '' FOR UPDATE"
_KNOWN = "SELECT count(*) FROM unnest(%s::text[], %s::text[]) AS asked (stream, id) JOIN events USING (stream, id)"
_FIND = f"SELECT {COLUMNS} FROM events WHERE stream = %s AND id = %s"
_COPY = f"COPY events ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_TYPES = ["bigint", "text", "bigint", "text", "bytea", "bigint"]
_MOVE = """
    WITH moved AS (
        INSERT INTO heads SELECT * FROM unnest(%s::text[], %s::bigint[])
        ON CONFLICT (stream) DO UPDATE SET version = excluded.version
    )
    SELECT pg_notify(%s, %s)"""

_Append = tuple[str, list[Event], int | str]


class PostgresEventStore(PostgresReading):
    """An event store in the database at `dsn`, in tables of `schema`, which are made if they are not there.

    1. Acked means on disk: `append` returns after the fsync of its transaction, by the server's settings, which are
       asserted when it connects.
    2. Versions and positions have no gaps, in the order of the commits. `expected` is exact, whoever else appends.
    3. The same event id twice in one stream is one event. So an append that ended in `EngineUnreachable`, whose outcome
       is UNKNOWN, is repeated with the same events.
    4. `recorded_at` is by the server's clock: one clock for all who append.
    5. `appended` fires after each append of this handle. `wait` and `listening` hear of those of other processes.

    capabilities: what the twin has not: "many machines", and "wakes other processes". What this has not: "any
    character" (PostgreSQL's text has no U+0000, so names and ids have none), "long ids" (above 1,500 bytes), and
    "simulated" (a server does not live in a World). Such a call raises `NotOnThisEngine`.
    Raises `NotAStore` for a schema with tables of others, `NewerStore` for a newer format, and what `PostgresDatabase`
    raises. For one thread at a time: give each a handle of its own.
    """

    capabilities = frozenset({"many machines", "wakes other processes"})

    def __init__(self, dsn: str, schema: str = "evlab", *, env: Env | None = None, upcasters: Any = None):
        check_env(env)
        self.env = env or here()
        if not isinstance(self.env, Real):
            raise NotOnThisEngine("a real server does not live in a World", capability="simulated",
                                  why="its clock is not the World's, and it does not crash with its nodes",
                                  next_step="use EventStore there, with the same code")
        _check_schema(schema)
        self.db = PostgresDatabase(dsn, schema)
        self.upcasters = upcasters
        self.appended = Signal()
        """Fires after each append of this handle, once it is on disk: `yield store.appended`. See `listening`."""
        try:
            self._prepare()
        except BaseException:
            self.db.close()
            raise

    # ---------------------------------------------------------------------------------------------- append

    def append(self, stream: str, events: Event | Iterable[Event], expected: int | str = ANY) -> list[Recorded]:
        """Add events to the end of `stream`, all or none, and return them as they are recorded.

        expected: the stream's version as you know it (0: it has no event yet), or ANY, NO_STREAM, STREAM_EXISTS.
        1. When this returns, the events are on disk.
        2. If these very events (by id) are in the stream already, nothing is written and they are returned: so an
           append whose answer was lost can be repeated.
        Raises `WrongExpectedVersion`, and `InvalidUse` for no events, what is no event, the same id twice in one call,
        or a call of which a part is in the stream already; `EngineUnreachable` if the server went away: call again.
        """
        return self._append([(stream, check_append(stream, events, expected), expected)])[0]

    def append_all(self, appends: Iterable[tuple[str, Event | Iterable[Event], int | str]]) -> list[list[Recorded]]:
        """Several appends in one go, `[(stream, events, expected), ...]`: all of them, or none.

        The same as that many calls of `append` in one transaction, with one fsync. See evlab.store.EventStore.
        """
        appends = check_appends(appends)
        return self._append(appends) if appends else []

    def _append(self, appends: list[_Append]) -> list[list[Recorded]]:
        self._check_text(appends)
        with self.db.transaction():
            if not self.db.rows(_LOCK):
                raise lost(None, 0)
            heads, end, now = self._heads([stream for stream, _, _ in appends])
            before = self._appended_before(appends, heads)
            start, found = end, []
            for number, (stream, events, _) in enumerate(appends):
                found.append(before.get(number) or numbered(events, stream, heads[stream], end, now))
                end = max(end, found[-1][-1].position)
            if end == start:
                return found
            self.env.point("appending")
            self._write([recorded for number, recorded in enumerate(found) if number not in before], end)
        self.env.point("appended")
        self.db.after_commit(self.appended.fire)
        return found

    def _write(self, new: list[list[Recorded]], end: int) -> None:
        """The events, how many there are now, and the news for those who listen, which the commit sends."""
        self.db.copy(_COPY, _TYPES, (write_row(one) for recorded in new for one in recorded))
        heads = {recorded[-1].stream: recorded[-1].version for recorded in new} | {"": end}
        self.db.execute(_MOVE, (list(heads), list(heads.values()), self.db.schema, str(end)))

    def _appended_before(self, appends: list[_Append], heads: dict[str, int]) -> dict[int, list[Recorded]]:
        """Which of the appends are repeats, by their number, and what is recorded of them. Or the error.

        As nobody else appends meanwhile, looking first is as good as a constraint. In PostgreSQL it is better: a
        constraint that fails takes the whole transaction with it.
        """
        pairs = [(stream, event.id) for stream, events, _ in appends for event in events]
        known = self.db.rows(_KNOWN, [list(column) for column in zip(*pairs, strict=True)])[0][0]
        before = {}
        unmet = [number for number, (stream, _, expected) in enumerate(appends) if not met(expected, heads[stream])]
        for number in unmet + [number for number in range(len(appends)) if number not in unmet and known]:
            stream, events, expected = appends[number]
            rows = [row for event in events if known for row in self.db.rows(_FIND, (stream, event.id), binary=True)]
            if rows:
                before[number] = self._repeated(stream, rows, len(events))
            elif number in unmet:
                raise WrongExpectedVersion(
                    f"{stream} is at version {heads[stream]}, and {expected} was expected", stream=stream,
                    expected=expected, current=heads[stream], why="somebody else has appended since you read it",
                    next_step="read the stream again, decide again, and append with the new version")
        return before

    def _repeated(self, stream: str, rows: list[tuple], count: int) -> list[Recorded]:
        first = rows[0][2]
        if [row[2] for row in rows] != list(range(first, first + count)):
            raise InvalidUse(f"a part of these events is in {stream} already", why="an append is all or nothing",
                             next_step="append the events that are new, or repeat the call exactly", stream=stream)
        return [self._read_row(row) for row in rows]

    def _check_text(self, appends: list[_Append]) -> None:
        """Raise `NotOnThisEngine` for names and ids that the twin takes and PostgreSQL does not."""
        for stream, events, _ in appends:
            self._check_name(stream)
            for event in events:
                self._check_name(event.id)
                if len(event.id) * 4 > LONGEST_ID and len(event.id.encode("utf-8", "surrogatepass")) > LONGEST_ID:
                    raise NotOnThisEngine(f"the id {event.id[:40]!r}... has more than {LONGEST_ID:,} bytes",
                                          why="an entry of PostgreSQL's index has no room for it",
                                          next_step="give the event a shorter id", capability="long ids")

    # --------------------------------------------------------------------------------------------- who waits

    def wait(self, after: int, timeout: float = 1.0) -> bool:
        """Sleep until there is an event with a position above `after`, whoever appends it, or `timeout` seconds.

        Returns whether there is one. It is woken by NOTIFY, which an append sends with its commit: it asks the server
        once before it sleeps and once when it is woken, however long it waits. The thread sleeps: in a process, yield
        `appended` instead.
        """
        deadline = time.monotonic() + check_delay(timeout)
        self.db.listen()  # before the first look: what is appended after that look is heard of
        while self.position <= after:
            if self.db.heard():
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.db.wait_for_input(left)
        return True

    def listening(self, every: float = 0.05) -> Iterator[float]:
        """A process that fires `appended` for what others append, too: `env.spawn(store.listening())`.

        every: seconds between two looks at what the server has sent. A look asks nothing of the server.
        """
        check_delay(every)
        if every == 0:
            raise InvalidUse("every=0 never comes to rest", next_step="give a number of seconds above 0")
        self.db.listen()
        while True:
            yield every
            if self.db.heard():
                self.appended.fire()

    # ------------------------------------------------------------------------------------------- the tables

    def _prepare(self) -> None:
        """Make the tables in a new schema, and refuse a schema that is not ours."""
        schema = self.db.schema
        if not self._is_there():
            with self.db.transaction():
                self.db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"evlab {schema}",))
                if self._is_there():
                    return  # another process has made the tables meanwhile
                if self.db.rows("SELECT 1 FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace"
                                " WHERE nspname = %s", (schema,)):
                    raise NotAStore(f"the schema {schema} has tables of another program", schema=schema,
                                    next_step='give the store a schema of its own: schema="..."')
                if not self.db.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)):
                    self.db.execute(f"CREATE SCHEMA {self.db.quoted}")
                self.db.execute(_TABLES)
                self.db.execute("INSERT INTO evlab_store VALUES (%s)", (FORMAT,))
        try:
            version = self.db.value("SELECT format FROM evlab_store")
        except DatabaseError as error:
            raise NotAStore(f"the schema {schema} has a table evlab_store that is not evlab's", schema=schema,
                            why=error.what, next_step='give the store a schema of its own: schema="..."') from error
        if version is None or version > FORMAT:
            raise NewerStore(f"the schema {schema} has format {version}; this evlab knows {FORMAT}", schema=schema,
                             next_step="update evlab; nothing was changed")

    def _is_there(self) -> bool:
        # Not with to_regclass: that is answered from a cache, which does not know what was made a moment ago.
        return bool(self.db.rows("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'evlab_store'",
                                 (self.db.schema,)))

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> PostgresEventStore:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return (f"PostgresEventStore({self.db.address!r}, schema={self.db.schema!r}, {self.position:,} "
                f"event{'s' * (self.position != 1)})")


def _check_schema(schema: str) -> None:
    good = isinstance(schema, str) and "\0" not in schema and not schema.startswith("pg_")
    if not good or not 0 < len(schema.encode("utf-8", "replace")) <= _LONGEST_SCHEMA:
        raise InvalidUse(f"{str(schema)[:60]!r} names no schema",
                         next_step=f'give a string of 1 to {_LONGEST_SCHEMA} bytes, such as "shop"')
