"""Change data capture: every change of a table as a row of a log, in the order of the transactions.

The application writes its tables and knows nothing of it. Whoever reads the log sees each insert, update and delete,
with the row before and after, and keeps its own place, as a consumer of a partition does.

1. A change is in the log if and only if its transaction was committed.
2. Positions rise in the order in which the transactions took the lock.
3. What is captured are rows: names of columns, codes, half of a business fact. Whoever depends on them breaks when the
   table changes. Capture an outbox table and this is cured: its rows are events.

A real capture (Debezium on PostgreSQL) reads the write-ahead log that the database writes anyway. SQLite's holds pages
and no rows, so here triggers write the log in the same transaction, and the writer pays for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.database import Database
from evlab.errors import EvlabError, InvalidUse
from evlab.recorded import check_number

__all__ = ["Change", "ChangeCapture", "Trimmed"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EVENTS = {"insert": (False, True), "update": (True, True), "delete": (True, False)}


class Trimmed(EvlabError):
    """A reader wants to go on where the log has been trimmed: it has missed changes. `after`: its place; `trimmed`: the
    last position that is gone."""


class Change(NamedTuple):
    """One row that was inserted, updated or deleted."""

    position: int
    """1, 2, 3, ... in the order of the changes, over all captured tables."""
    table: str
    operation: str
    """"insert", "update" or "delete"."""
    before: dict[str, Any] | None
    """The row as it was; None for an insert."""
    after: dict[str, Any] | None
    """The row as it is; None for a delete. Bytes come as hexadecimal text."""

    def __str__(self) -> str:
        rows = " → ".join(str(row) for row in (self.before, self.after) if row is not None)
        return f"{self.position} {self.operation} {self.table}: {rows}"


class ChangeCapture:
    """The log of what changes in `tables` of `db`, from the first time that they are named here on.

    Raises `InvalidUse` for a table that is not there. In another process that writes `INSERT OR REPLACE`, make one,
    too: SQLite hides the row that is replaced from triggers, unless a setting of the connection says otherwise.
    """

    def __init__(self, db: Database, tables: Iterable[str] | str):
        if not isinstance(db, Database):
            raise InvalidUse(f"{db!r:.60} is no Database",
                             next_step='write ChangeCapture(Database("orders.db"), "orders")')
        self.db = db
        self.tables = [tables] if isinstance(tables, str) or not isinstance(tables, Iterable) else list(tables)
        if not self.tables:
            raise InvalidUse("no table is named", next_step='give one or more, such as ["orders", "outbox"]')
        db.execute("PRAGMA recursive_triggers = ON")  # or the row that REPLACE deletes is no change
        with db.transaction():
            db.execute("CREATE TABLE IF NOT EXISTS changes (position INTEGER PRIMARY KEY AUTOINCREMENT,"
                       " source TEXT NOT NULL, operation TEXT NOT NULL, old TEXT, new TEXT)")
            for table in self.tables:
                self._watch(table)

    def read(self, after: int = 0, limit: int = 100) -> list[Change]:
        """The changes with a position above `after`, oldest first. Raises `Trimmed` if the first of them is gone."""
        check_number("after", after)
        check_number("limit", limit)
        rows = self.db.rows("SELECT position, source, operation, old, new FROM changes WHERE position > ?"
                            " ORDER BY position LIMIT ?", (after, limit))
        if (not rows or rows[0][0] != after + 1) and after < (trimmed := self.trimmed):
            raise Trimmed(f"the changes {after + 1} to {trimmed} are gone", after=after, trimmed=trimmed,
                          why="the log was trimmed before this reader had read them",
                          next_step="copy the tables anew, and then read from there: read(after=capture.trimmed)")
        return [Change(position, table, operation, json.loads(old or "null"), json.loads(new or "null"))
                for position, table, operation, old, new in rows]

    def trim(self, up_to: int) -> None:
        """Forget changes up to that position: when every reader is beyond it, or the log grows for ever.

        A reader that is not has missed them: its next `read` raises `Trimmed`.
        """
        check_number("up_to", up_to)
        self.db.execute("DELETE FROM changes WHERE position <= ?", (up_to,))

    @property
    def trimmed(self) -> int:
        """The last position that is gone; 0 if none is. `read(after=log.trimmed)` begins with the oldest there is."""
        return self.db.value("SELECT coalesce((SELECT min(position) - 1 FROM changes),"
                             " (SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)")

    def __len__(self) -> int:
        return self.db.value("SELECT count(*) FROM changes")

    def _watch(self, table: str) -> None:
        if not isinstance(table, str) or not _NAME.fullmatch(table) or table.lower() == "changes":
            raise InvalidUse(f"{table!r:.60} names no table to capture", next_step='give a name, such as "orders"')
        columns = [row[1] for row in self.db.rows(f"PRAGMA table_info({table})")]
        kind = self.db.value("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,))
        if kind != "table":
            raise InvalidUse(f"there is no table {table}", next_step="create it first: its columns are captured")
        for operation, (old, new) in _EVENTS.items():
            rows = [_row("OLD", columns) if old else "NULL", _row("NEW", columns) if new else "NULL"]
            self.db.execute(f"DROP TRIGGER IF EXISTS capture_{table}_{operation}")  # its columns may have changed
            self.db.execute(f"CREATE TRIGGER capture_{table}_{operation} AFTER {operation.upper()} ON {table} BEGIN"
                            f" INSERT INTO changes (source, operation, old, new) VALUES"
                            f" ('{table}', '{operation}', {rows[0]}, {rows[1]}); END")

    def __repr__(self) -> str:
        return f"ChangeCapture({', '.join(self.tables)}: {len(self):,} changes)"


def _row(which: str, columns: list[str]) -> str:
    """SQL for a row as JSON. JSON has no bytes, and a trigger that fails would refuse the application's write."""
    quoted = [(column.replace("'", "''"), which + '."' + column.replace('"', '""') + '"') for column in columns]
    parts = [f"'{name}', CASE typeof({value}) WHEN 'blob' THEN hex({value}) ELSE {value} END" for name, value in quoted]
    return f"json_object({', '.join(parts)})"
