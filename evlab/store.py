"""The event store: streams of events that are only ever added to, in one SQLite file.

A stream is the history of one thing: an account, an order. Its events are numbered 1, 2, 3; the number is the stream's
version. Every event also has a position in the store as a whole. Nothing is changed or removed, so what happened can
be read again, by anyone, years later.

What it promises:
1. Acked means on disk: `append` returns after the fsync of its transaction. A crash before that leaves nothing of it.
2. Versions and positions have no gaps. `expected` is exact, also with several processes on one file.
3. The same event id twice in one stream is one event: a retry of an append that had worked changes nothing.
4. No silent corruption: each row is one encoded record with its checksum, and the columns that the index needs are
   compared with the record when it is read. How many events there are is written twice, so none goes missing unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from evlab.database import ConstraintFailed, Database
from evlab.env import Env, Signal
from evlab.errors import EvlabError, InvalidUse, WrongExpectedVersion
from evlab.event import Event
from evlab.expected import ANY, NO_STREAM, STREAM_EXISTS, check_append, check_appends, met, numbered
from evlab.reading import COLUMNS, Reading, Subscription
from evlab.recorded import CorruptEvent, Recorded, write_row
from evlab.snapshots import Snapshot, Snapshots

__all__ = ["ANY", "NO_STREAM", "STREAM_EXISTS", "CorruptEvent", "EventStore", "NewerStore", "NotAStore", "Recorded",
           "Snapshot", "Subscription", "WrongExpectedVersion"]

FORMAT = 1
"""The version of the file's format, in SQLite's user_version."""
APPLICATION = 0x45764C62
"""What marks a file as an evlab store, in SQLite's application_id: "EvLb"."""
_MOST_KNOWN = 4096


class NotAStore(EvlabError):
    """The file is a database of somebody else."""


class NewerStore(EvlabError):
    """The file was written by a newer evlab, in a format that this one does not know."""


_TABLES = (
    "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,"
    " id TEXT NOT NULL, row BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX events_in_stream ON events (stream, version)",
    "CREATE UNIQUE INDEX events_by_id ON events (stream, id)",
    "CREATE TABLE snapshots (stream TEXT NOT NULL, schema INTEGER NOT NULL, version INTEGER NOT NULL,"
    " state BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (stream, schema)) WITHOUT ROWID",
    # How many events each stream has, on other pages than the events: a damaged page could hide the newest ones, and
    # the numbers of the rest would have no gap. The name of the whole store is empty.
    "CREATE TABLE heads (stream TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
)
_MOVE = ("INSERT INTO heads VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET version = excluded.version"
         " WHERE version = ?")
_MOVE_ON = "UPDATE heads SET version = ? WHERE stream = ? AND version = ?"
_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"


class EventStore(Snapshots, Reading):
    """An event store in the file `path`, or in memory. In a World (`env`) it stands on the disk of `node`.

    Raises `NotAStore` for another program's database and `NewerStore` for a newer format; see `Database` for a file
    that is locked, full, damaged or no database at all.
    """

    def __init__(self, path: str | os.PathLike = ":memory:", env: Env | None = None, *, node: str = "",
                 upcasters: Any = None):
        if not (upcasters is None or callable(getattr(upcasters, "upcast", None))):
            raise InvalidUse(f"upcasters={upcasters!r:.60} bring no event up to date",
                             next_step="give an Upcasters, or leave it out")
        self.db = Database(path, env, node)
        self.env, self.path = self.db.env, self.db.path
        self.upcasters = upcasters
        self.appended = Signal()
        """Fires after each append in this process, once it is on disk: `yield store.appended`."""
        self._versions: dict[str, int] = {}  # of streams, as this object knows them, true while `_end` is the store's
        self._end = -1
        self._prepare()

    # ---------------------------------------------------------------------------------------------- append

    def append(self, stream: str, events: Event | Iterable[Event], expected: int | str = ANY) -> list[Recorded]:
        """Add events to the end of `stream`, all or none, and return them as they are recorded.

        expected: the stream's version as you know it (0: it has no event yet), or ANY, NO_STREAM, STREAM_EXISTS.
        1. When this returns, the events are on disk.
        2. If these very events (by id) are in the stream already, nothing is written and they are returned: so an
           append whose answer was lost can be repeated.
        Raises `WrongExpectedVersion`, and `InvalidUse` for no events, what is no event, the same id twice in one call,
        or a call of which a part is in the stream already.
        """
        if recorded := self._append_known(stream, events, expected):
            return recorded
        events = check_append(stream, events, expected)
        with self.db.transaction():
            current, end = self._heads(stream)
            if not met(expected, current):
                return self._appended_before(stream, events, expected, current)
            self.env.point("appending")
            now = datetime.fromtimestamp(self.env.epoch + self.env.now(), UTC)
            recorded = numbered(events, stream, current, end, now)
            try:
                self.db.executemany(_INSERT, map(write_row, recorded))
            except ConstraintFailed:  # an id that this stream has already
                self.db.execute("DELETE FROM events WHERE position > ?", (end,))
                return self._appended_before(stream, events, expected, current)
            self._move("", end, end + len(events))
            self._move(stream, current, current + len(events))
        self.env.point("appended")
        self.db.after_commit(self._on_disk, recorded[-1:], end)
        return recorded

    def append_all(self, appends: Iterable[tuple[str, Event | Iterable[Event], int | str]]) -> list[list[Recorded]]:
        """Several appends in one go, `[(stream, events, expected), ...]`: all of them, or none.

        The same as that many calls of `append` in one transaction, and it returns what they would return. But the
        tables are written in two statements for all, not in three for each, which takes less than half of the time.
        1. When this returns, all of it is on disk. In the store they stand in the order of the list.
        2. If the very events of one are in its stream already, it writes nothing, and the others are written.
        Raises what `append` raises: for the first whose expectation is not met, before one of which a part is there;
        and `InvalidUse` if a stream is named twice.
        """
        appends = check_appends(appends)
        with self.db.transaction():
            now = datetime.fromtimestamp(self.env.epoch + self.env.now(), UTC)
            found, start = [], self.position
            end, known = start, self._versions if self._end == start else {}
            for stream, events, expected in appends:
                current = known.get(stream)
                if current is None or not met(expected, current):
                    current = self._heads(stream)[0]
                if met(expected, current):
                    found.append(numbered(events, stream, current, end, now))
                    end += len(events)
                else:
                    found.append(self._appended_before(stream, events, expected, current))
            if end == start:
                return found
            new = [recorded for recorded in found if recorded[0].position > start]
            self.env.point("appending")
            try:
                self.db.executemany(_INSERT, [write_row(one) for recorded in new for one in recorded])
            except ConstraintFailed:  # an id that one of the streams has already: one after another, to find it
                self.db.execute("DELETE FROM events WHERE position > ?", (start,))
                return [self.append(*one) for one in appends]
            moves = [(recorded[-1].stream, recorded[-1].version, recorded[0].version - 1) for recorded in new]
            if self.db.executemany(_MOVE, [*moves, ("", end, start)]).rowcount <= len(moves):
                self._versions.clear()
                raise CorruptEvent("a stream is not where this handle knows it", position=end,
                                   why="a backup was put back while the file was open, or a page of it is damaged",
                                   next_step="call again; if it says so again, restore the file from a backup")
        self.env.point("appended")
        self.db.after_commit(self._on_disk, [recorded[-1] for recorded in new], start)
        return found

    def _append_known(self, stream: str, events: Any, expected: int | str) -> list[Recorded] | None:
        """The most frequent append, one event to a stream whose version this object knows. None if it is another one.

        It does not look before it writes: what is known is true if both of the heads can be moved on from there. After
        the wait for an fsync no cache holds the code, so each function that is not called saves about 4 us.
        """
        if type(events) is list and len(events) == 1:
            events = events[0]
        if type(events) is not Event or type(stream) is not str or self.db.in_transaction:
            return None
        current, end = self._versions.get(stream), self._end
        if current is None or not (expected is ANY or type(expected) is int and expected == current):
            return None
        now = datetime.fromtimestamp(self.env.epoch + self.env.now(), UTC)
        recorded = Recorded(events, stream, current + 1, end + 1, now)
        if not self.db.write(((_MOVE_ON, (end + 1, "", end)), (_MOVE_ON, (current + 1, stream, current)),
                              (_INSERT, write_row(recorded))), "appending"):
            self._versions.clear()  # others have appended, or the id is there already
            return None
        self.env.point("appended")
        self._on_disk([recorded], end)
        return [recorded]

    def _move(self, stream: str, version: int, to: int) -> bool:
        """Write down that `stream`, or "" for the store, ends at `to` from now on. False if it is not at `version`."""
        if version == 0:
            return self.db.execute("INSERT OR IGNORE INTO heads VALUES (?, ?)", (stream, to)).rowcount == 1
        return self.db.execute(_MOVE_ON, (to, stream, version)).rowcount == 1

    def _on_disk(self, newest: list[Recorded], start: int) -> None:
        """The store, which ended at `start`, now ends with the last of these: the newest of the streams they are in."""
        if start != self._end or len(self._versions) >= _MOST_KNOWN:
            self._versions.clear()
        for one in newest:
            self._versions[one.stream] = one.version
        self._end = newest[-1].position
        self.appended.fire()

    def _appended_before(self, stream: str, events: list[Event], expected: int | str, current: int) -> list[Recorded]:
        """What an earlier call has appended, if it had these very events. If not: the error."""
        found = [row for event in events for row in self.db.rows(
            f"SELECT {COLUMNS} FROM events WHERE stream = ? AND id = ?", (stream, event.id))]
        if not found:
            raise WrongExpectedVersion(
                f"{stream} is at version {current}, and {expected} was expected", stream=stream, expected=expected,
                current=current, why="somebody else has appended since you read it",
                next_step="read the stream again, decide again, and append with the new version")
        first = found[0][2]
        if [row[2] for row in found] != list(range(first, first + len(events))):
            raise InvalidUse(f"a part of these events is in {stream} already", why="an append is all or nothing",
                             next_step="append the events that are new, or repeat the call exactly", stream=stream)
        return [self._read_row(row) for row in found]

    # -------------------------------------------------------------------------------------------- the file

    def _prepare(self) -> None:
        """Make the tables in a new file, and refuse a file that is not ours."""
        application, version = (self.db.value(f"PRAGMA {name}") for name in ("application_id", "user_version"))
        name = os.path.basename(self.path)
        if application != APPLICATION:
            with self.db.transaction():
                if self.db.value("PRAGMA application_id") == APPLICATION:
                    return  # another process has made the tables meanwhile
                if application or self.db.value("SELECT count(*) FROM sqlite_master"):
                    raise NotAStore(f"{name} is a database of another program", path=self.path,
                                    next_step="give the store a path of its own")
                for statement in _TABLES:
                    self.db.execute(statement)
                self.db.execute(f"PRAGMA application_id = {APPLICATION}")
                self.db.execute(f"PRAGMA user_version = {FORMAT}")
        elif version > FORMAT:
            raise NewerStore(f"{name} has format {version}; this evlab knows {FORMAT}", path=self.path,
                             next_step="update evlab; the file was not changed")

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EventStore({self.path!r}, {self.position:,} event{'s' * (self.position != 1)})"
