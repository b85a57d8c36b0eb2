"""A database that a check lends to an answer: SQLite in the judge's memory, behind three verbs and a lock on the doors.

What an answer executes is its own SQL, and it runs in the judge's process. So everything that reaches beyond the
tables is refused: other files, settings, extensions. What would run without end is stopped, and what would fill the
memory does not fit.

A crash is real: what was committed is still there for the next process, what was open is not.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from evlab.course.judge.actor import Port, WrongCall
from evlab.course.judge.question import Case

__all__ = ["Tables"]

MOST_STEPS = 200
"""Ticks of 1,000 instructions that one statement may take."""
LONGEST = 50_000
"""Bytes of the longest text or row."""
MOST_ROWS = 1000
MOST_PAGES = 5000
"""Of 4 KiB, for all tables together."""
_FORBIDDEN = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_CREATE_TEMP_TABLE,
              sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_CREATE_TEMP_VIEW, sqlite3.SQLITE_CREATE_TEMP_TRIGGER}
_FUNCTIONS = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"}


class Tables:
    """Tables on a node of a case. `port` is what the answer gets: execute(sql, parameters), begin, commit, rollback.

    crash_at: the number of the call, from 1, before which the node crashes; 0 for never. `calls` counts them.
    quiet: nothing is noted in the history.
    """

    def __init__(self, case: Case, script: str, *, node: str = "projector", crash_at: int = 0, quiet: bool = False):
        self.case, self.node, self.crash_at, self.quiet = case, node, crash_at, quiet
        self.calls = 0
        self.crashed = False
        self.watch = lambda: None
        """Called after each call that leaves no transaction open: what another reader would see now."""
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.executescript(script)
        self._db.execute(f"PRAGMA max_page_count = {MOST_PAGES}")
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        self._db.set_authorizer(_may)
        self._ticks = 0
        self._db.set_progress_handler(self._tick, 1000)
        self.port = Port("db", verbs={"execute": self.execute, "begin": self.begin, "commit": self.commit,
                                      "rollback": self.rollback})

    def rows(self, sql: str) -> list[tuple]:
        """For the check: a query of its own."""
        return self._db.execute(sql).fetchall()

    def write(self, sql: str) -> None:
        """For the check: a change of its own. It is not counted and not noted, and no crash strikes at it."""
        self._db.execute(sql)

    @property
    def in_transaction(self) -> bool:
        """Whether the answer has a transaction open now."""
        return self._db.in_transaction

    def execute(self, sql: str, parameters: Any = ()) -> list[list]:
        if not isinstance(sql, str):
            raise WrongCall(f"db.execute needs SQL, not {sql!r:.40}")
        if not isinstance(parameters, list | tuple | dict):
            raise WrongCall(f"db.execute(sql, parameters) needs a list of parameters, not {parameters!r:.40}")
        return self._do(" ".join(sql.split()), lambda: self._fetch(sql, parameters))

    def begin(self) -> None:
        self._do("begin", lambda: self._db.execute("BEGIN"))

    def commit(self) -> None:
        self._do("commit", lambda: self._db.execute("COMMIT"))

    def rollback(self) -> None:
        self._do("rollback", lambda: self._db.execute("ROLLBACK"))

    def _fetch(self, sql: str, parameters: Any) -> list[list]:
        rows = self._db.execute(sql, parameters).fetchmany(MOST_ROWS + 1)
        if len(rows) > MOST_ROWS:
            raise WrongCall(f"the query gives more than {MOST_ROWS:,} rows")
        return [list(row) for row in rows]

    def _do(self, what: str, work) -> Any:
        self.calls += 1
        if self.calls == self.crash_at:
            self.crash()
        if not self.quiet:
            self.case.history.note(what[:70], node=self.node)
        self._ticks = 0
        result = work()
        if not self.in_transaction:
            self.watch()
        return result if isinstance(result, list) else None

    def crash(self) -> None:
        """The node dies here, and the database forgets what was not committed."""
        self.crashed = True
        if self.in_transaction:
            self._db.rollback()
        self.case.world.crash(self.node)

    def _tick(self) -> bool:
        self._ticks += 1
        return self._ticks > MOST_STEPS


def _may(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """SQLite asks before it compiles each part of a statement."""
    if action in _FORBIDDEN or (action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
