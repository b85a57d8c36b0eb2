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
from typing import Any

from evlab.database import Database
from evlab.errors import EvlabError, InvalidUse
from evlab.recorded import Recorded

__all__ = ["NeedsRebuild", "Projection", "ProjectionFailed", "Reactor", "View"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MADE = re.compile(r"\bTABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?\{([a-z][a-z0-9_]*)\}", re.IGNORECASE)


class ProjectionFailed(EvlabError):
    """A handler raised. Its read model stands as it was before this event. `name`, `position`, `event`."""


class NeedsRebuild(EvlabError):
    """The tables were made by another version of the projection. `name`, `stored` and `version`."""


class View:
    """The tables of a read model. In SQL a table's name stands in braces: `SELECT * FROM {accounts}`.

    The braces are there because a rebuild makes new tables beside those in use: the same handlers write to the new
    ones, and the same queries read the old ones until the switch.
    """

    def __init__(self, db: Database, generation: Callable[[], int]):
        self._db, self._generation = db, generation

    def execute(self, sql: str, parameters: Iterable[Any] = ()):
        """Run one statement; for handlers."""
        return self._db.execute(self._resolve(sql), parameters)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple]:
        """All rows of a query."""
        return self._db.rows(self._resolve(sql), parameters)

    def value(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row of a query; None if there is no row."""
        return self._db.value(self._resolve(sql), parameters)

    def frame(self, sql: str, parameters: Iterable[Any] = ()):
        """All rows of a query as a pandas DataFrame, with the query's column names."""
        import pandas

        cursor = self._db.execute(self._resolve(sql), parameters)
        names = [column[0] for column in cursor.description]
        return pandas.DataFrame(cursor.fetchall(), columns=names)

    def _resolve(self, sql: str) -> str:
        return sql_of(sql, self._generation())


class FixedView(View):
    """The tables of one generation, for the handlers that fill them."""

    def __init__(self, db: Database, generation: int):
        super().__init__(db, lambda: generation)
        self._known: dict[str, str] = {}

    def _resolve(self, sql: str) -> str:
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = super()._resolve(sql)
        return known


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

    name: small letters, digits and _. tables: one CREATE statement or several, with the tables' names in braces.
    version: raise it when tables or handlers change in a way that old rows do not fit; then a rebuild is due.
    A handler gets the view and the `Recorded` event, and does nothing but write to the view: it may run again for the
    same event, after a crash or in a rebuild.
    """

    def __init__(self, name: str, tables: str | Iterable[str], *, version: int = 1):
        self.name, self.version = _checked(name), version
        self.statements = [tables] if isinstance(tables, str) else list(tables)
        self.tables = [found for statement in self.statements for found in _MADE.findall(statement)]
        """The names of its tables, without braces."""
        self.handlers: dict[str, Callable[[View, Recorded], Any]] = {}
        if not self.tables:
            raise InvalidUse(f"the projection {name} makes no table",
                             next_step='give "CREATE TABLE {orders} (...)", with the name in braces')

    def on(self, *types: str) -> Callable:
        """A decorator: the function handles events of these types. Raises `InvalidUse` if one is handled already."""
        return _handle_in(self, types)


class Reactor:
    """Effects on the outside: `@mailer.on("OrderPlaced")` before a function that gets the `Recorded` event.

    1. Each event is handled at least once: if the process dies between the effect and the checkpoint, again. So the
       effect has to be safe to repeat (notebook 17).
    2. A rebuild never runs it. Nobody wants last year's e-mails once more.
    3. The first time it runs it begins at the store's end; `from_start=True`: with the first event of all.
    """

    def __init__(self, name: str, *, from_start: bool = False):
        self.name, self.from_start = _checked(name), from_start
        self.handlers: dict[str, Callable[[Recorded], Any]] = {}

    def on(self, *types: str) -> Callable:
        """A decorator: the function reacts to events of these types. Raises `InvalidUse` if one is handled already."""
        return _handle_in(self, types)


def _handle_in(owner: Projection | Reactor, types: tuple[str, ...]) -> Callable:
    if not types or not all(isinstance(type, str) and type for type in types):
        raise InvalidUse("on() needs the types of the events", next_step=f'write @{owner.name}.on("OrderPlaced")')

    def register(function: Callable) -> Callable:
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
