"""Read models: tables made from events, for the questions that events answer badly.

A `Projection` folds the store's events into tables, its read model. Its checkpoint, the position up to which it has
read, stands in the same database and is written in the same transaction. So after a crash the two agree, and no event
counts twice or not at all.

A `Reactor` does something to the world outside for each event: it sends an e-mail, charges a card. Nobody can put that
into a transaction, so it happens at least once, and it is never repeated by a rebuild.

`evlab.projection.Projector` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from inspect import isgeneratorfunction
from typing import Any, NamedTuple

from evlab.database import Database, DatabaseError
from evlab.errors import EvlabError, InvalidUse
from evlab.recorded import Recorded

__all__ = ["NeedsRebuild", "Projection", "ProjectionFailed", "Reactor", "View"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_CREATE = re.compile(r"\s*CREATE\b", re.IGNORECASE)
_MADE = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+|VIRTUAL\s+)?(TABLE|INDEX|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
                   r"\{((?-i:[a-z][a-z0-9_]*))\}", re.IGNORECASE)


class ProjectionFailed(EvlabError):
    """A handler raised. What came before this event counts, and nothing of it. `name`, `position`, `event`."""


class NeedsRebuild(EvlabError):
    """The tables do not fit: another version of the projection has made them (`name`, `stored`, `version`), or they
    hold more events than the store does (`name`, `checkpoint`, `end`)."""


class View:
    """The tables of a read model. In SQL a table's name stands in braces: `SELECT * FROM {accounts}`.

    The braces are there because a rebuild makes new tables beside those in use: the same handlers write to the new
    ones, and the same queries read the old ones until the switch. Every small word in braces is taken for a table, in
    a text in quotes, too: give values as parameters.
    """

    def __init__(self, db: Database, generation: Callable[[], int]):
        self._db, self._generation = db, generation

    def execute(self, sql: str, parameters: Iterable[Any] = ()):
        """Run one statement; for handlers."""
        return self._run(self._db.execute, sql, parameters)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple]:
        """All rows of a query."""
        return self._run(self._db.rows, sql, parameters)

    def value(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row of a query; None if there is no row."""
        return self._run(self._db.value, sql, parameters)

    def frame(self, sql: str, parameters: Iterable[Any] = ()):
        """All rows of a query as a pandas DataFrame, with the query's column names."""
        import pandas

        cursor = self.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return pandas.DataFrame(cursor.fetchall(), columns=names)

    def _run(self, run: Callable, sql: str, parameters: Iterable[Any]) -> Any:
        """Run it on the tables in use; again if another process has switched to new ones between look and use."""
        while True:
            generation = self._generation()
            try:
                return run(sql_of(sql, generation), parameters)
            except DatabaseError:
                if self._generation() == generation:
                    raise


class FixedView(View):
    """The tables of one generation, for the handlers that fill them."""

    def __init__(self, db: Database, generation: int):
        super().__init__(db, lambda: generation)
        self._fixed = generation

    def execute(self, sql: str, parameters: Iterable[Any] = ()):
        return self._db.execute(sql_of(sql, self._fixed), parameters)


@lru_cache(maxsize=256)
def sql_of(sql: str, generation: int) -> str:
    """SQL for one generation: `{accounts}` becomes `accounts_3`."""
    return _TABLE.sub(lambda found: f"{found[1]}_{generation}", sql)


class Projection:
    """A read model and how events change it.

        balances = Projection("balances", "CREATE TABLE {balances} (account TEXT PRIMARY KEY, cents INTEGER)")

        @balances.on("Deposited")
        def deposited(view, recorded):
            view.execute("UPDATE {balances} SET cents = cents + ? WHERE account = ?",
                         (recorded.event.data["cents"], recorded.stream))

    name: small letters, digits and _. tables: one CREATE statement or several (tables, also virtual ones, indexes,
    triggers), each name in braces. No two projections of a database make a table of the same name.
    version: raise it when tables or handlers change in a way that old rows do not fit; then a rebuild is due.
    A handler gets the view and the `Recorded` event, and does nothing but read and write the view: it may run again
    for the same event, after a crash or in a rebuild.
    """

    def __init__(self, name: str, tables: str | Iterable[str], *, version: int = 1):
        self.name, self.version = _checked(name), version
        self.statements = [tables] if isinstance(tables, str) or not isinstance(tables, Iterable) else list(tables)
        self.tables = _tables_of(self.statements)
        """The names of its tables, without braces."""
        self.handlers: dict[str, Callable[[View, Recorded], Any]] = {}
        if not self.tables:
            raise InvalidUse(f"the projection {name} makes no table",
                             next_step='give "CREATE TABLE {orders} (...)", with the name in braces')
        if type(version) is not int or version < 1:
            raise InvalidUse(f"version={version!r} of {name} is no version", next_step="give 1, 2, ...")

    def on(self, *types: str) -> Callable:
        """A decorator: the function handles events of these types. Raises `InvalidUse` if one is handled already."""
        return _handle_in(self, types)


class Reactor:
    """Effects on the outside: `@mailer.on("OrderPlaced")` before a function that gets the `Recorded` event.

    1. Each event is handled at least once: if the process dies between the effect and the checkpoint, or if two
       processes run the reactor at the same moment, again. So the effect has to be safe to repeat (notebook 17).
    2. A rebuild never runs it. Nobody wants last year's e-mails once more.
    3. The first time it runs it begins at the store's end; `from_start=True`: with the first event of all. Where it
       is, the Projector's `db` knows: one in memory forgets it at a crash, and what was appended meanwhile is missed.
    """

    def __init__(self, name: str, *, from_start: bool = False):
        self.name, self.from_start = _checked(name), from_start
        self.handlers: dict[str, Callable[[Recorded], Any]] = {}

    def on(self, *types: str) -> Callable:
        """A decorator: the function reacts to events of these types. Raises `InvalidUse` if one is handled already."""
        return _handle_in(self, types)


class State(NamedTuple):
    """What the database knows of a projection or reactor."""

    version: int
    generation: int
    """The number in the names of the tables in use."""
    checkpoint: int
    building: int | None
    """The number in the names of the tables that a rebuild is making."""
    tables: str
    """The names of its tables, of either number, with spaces between."""


class Catalog:
    """What the database knows of its projections and reactors: a row for each, in the table evlab_projections.

    What writes is called inside of a transaction.
    """

    def __init__(self, db: Database):
        self.db = db
        db.execute("CREATE TABLE IF NOT EXISTS evlab_projections (name TEXT PRIMARY KEY, version INTEGER NOT NULL,"
                   " generation INTEGER NOT NULL, tables TEXT NOT NULL, checkpoint INTEGER NOT NULL, building INTEGER)")

    def state(self, name: str) -> State:
        """What is known of the projection or reactor of that name."""
        return State._make(self.db.execute("SELECT version, generation, checkpoint, building, tables"
                                           " FROM evlab_projections WHERE name = ?", (name,)).fetchone())

    def add(self, one: Projection | Reactor, end: int) -> None:
        """Make its tables and its row, if it is new. A reactor begins at the store's `end`."""
        if self.db.value("SELECT 1 FROM evlab_projections WHERE name = ?", (one.name,)):
            return
        start, version, tables = 0, 1, []
        if isinstance(one, Projection):
            version, tables = one.version, one.tables
            self._make(one, 1)
        elif not one.from_start:
            start = end
        self.db.execute("INSERT INTO evlab_projections VALUES (?, ?, 1, ?, ?, NULL)",
                        (one.name, version, " ".join(tables), start))

    def save(self, name: str, position: int) -> None:
        """Move the checkpoint. Never back: another process with the same reactor may be ahead."""
        self.db.execute("UPDATE evlab_projections SET checkpoint = max(checkpoint, ?) WHERE name = ?", (position, name))

    def begin(self, projection: Projection) -> int:
        """Make the tables of the next generation, and drop what an earlier attempt has left; the new number."""
        state = self.state(projection.name)
        if state.building is not None:
            self._drop(state.tables, state.building)
        following = max(state.generation, state.building or 0) + 1
        self._make(projection, following)
        tables = sorted({*state.tables.split(), *projection.tables})
        self.db.execute("UPDATE evlab_projections SET building = ?, tables = ? WHERE name = ?",
                        (following, " ".join(tables), projection.name))
        return following

    def switch(self, projection: Projection, state: State, position: int) -> None:
        """The new tables are those in use when this transaction ends, and the old ones are gone."""
        self.db.execute("UPDATE evlab_projections SET generation = building, building = NULL, version = ?,"
                        " checkpoint = ?, tables = ? WHERE name = ?",
                        (projection.version, position, " ".join(projection.tables), projection.name))
        self._drop(state.tables, state.generation)

    def _make(self, projection: Projection, generation: int) -> None:
        for other, tables in self.db.rows("SELECT name, tables FROM evlab_projections WHERE name != ?",
                                          (projection.name,)):
            for table in set(projection.tables) & set(tables.split()):
                raise InvalidUse(f"{projection.name} and {other} both make a table {table}",
                                 why="each projection has its own tables", next_step="give one of them another name")
        for statement in projection.statements:
            self.db.execute(sql_of(statement, generation))

    def _drop(self, tables: str, generation: int) -> None:
        for table in tables.split():
            self.db.execute(f"DROP TABLE IF EXISTS {table}_{generation}")


def _handle_in(owner: Projection | Reactor, types: tuple[str, ...]) -> Callable:
    if not types or not all(isinstance(type, str) and type for type in types):
        raise InvalidUse("on() needs the types of the events", next_step=f'write @{owner.name}.on("OrderPlaced")')

    def register(function: Callable) -> Callable:
        if isgeneratorfunction(function):
            raise InvalidUse(f"a handler of {owner.name} yields", why="it runs in one go, so nothing of it would run",
                             next_step="spawn a process from a reactor for what takes time")
        for type in types:
            if type in owner.handlers:
                raise InvalidUse(f"{owner.name} handles {type} already", why="an event would count twice",
                                 next_step="do both in one function")
            owner.handlers[type] = function
        return function

    return register


def _checked(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidUse(f"{name!r:.60} cannot name a projection", next_step='give small letters, such as "order_list"')
    return name


def _tables_of(statements: list[str]) -> list[str]:
    """The names of the tables that the statements make. Raises `InvalidUse` for a name without braces."""
    made = []
    for statement in statements:
        if not isinstance(statement, str):
            raise InvalidUse(f"{statement!r:.60} is no SQL", next_step='give "CREATE TABLE {orders} (...)"')
        found = _MADE.match(statement)
        if found is None and _CREATE.match(statement):
            raise InvalidUse(f"{statement.strip():.60} makes something without braces around its name",
                             why="a rebuild makes it a second time, beside the first",
                             next_step="write CREATE TABLE {orders} or CREATE INDEX {orders_by_total} ON {orders}")
        if found is not None and found[1].upper() == "TABLE":
            made.append(found[2])
    return made
