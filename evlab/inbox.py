"""The inbox: what this consumer has handled already, kept beside what handling it changed.

A broker that promises "at least once" sends an event again whenever an ack was lost. So a consumer has to know its own
past, and a note of it must not part from the effect: a note without the effect loses the event, an effect without the
note doubles it. Both go into one transaction, and then a crash leaves both or neither.

What it promises:
1. The effect of an id happens once, however often it is delivered: one after another, at once in two processes, or
   before and after a crash.
2. If the effect raises, nothing is kept, and the id may come again.
3. Only what the transaction holds is covered: an e-mail or a call to another service is not (notebook 17).
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import Any

from evlab.database import Database
from evlab.errors import InvalidUse
from evlab.event import Event

__all__ = ["Inbox"]

_TABLE = ("CREATE TABLE IF NOT EXISTS inbox (number INTEGER PRIMARY KEY, consumer TEXT NOT NULL, id TEXT NOT NULL,"
          " handled_at REAL NOT NULL, UNIQUE (consumer, id))")
_MARK = "INSERT INTO inbox (consumer, id, handled_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_FORGET = ("DELETE FROM inbox WHERE handled_at < ? AND number IN"
           " (SELECT number FROM inbox WHERE consumer = ? ORDER BY number LIMIT 2)")


class Inbox:
    """The ids that `consumer` has handled, in the database `db` in which its effects are.

        with inbox.once(event) as new:
            if new:
                db.execute("UPDATE stock SET left = left - 1 WHERE item = ?", (event.data["item"],))

    consumer: a name, as several may keep their ids in one database. What one has handled is new to the others; two with
    the same name are one consumer, and so are two without: leave it out only where the database has a single one.
    keep: seconds for which an id is remembered; None: for ever. A duplicate that comes later than that is handled a
    second time, so it has to be longer than any broker, replay or dead letter can hold one back. Ids that are older
    go as new ones come, two for each, so the table stays as large as its window.
    """

    def __init__(self, db: Database, consumer: str = "inbox", *, keep: float | None = None):
        if not isinstance(db, Database):
            raise InvalidUse(f"{db!r:.60} is no Database", why="the note belongs into the database of the effect",
                             next_step='write Inbox(Database("stock.db"), "inventory")')
        if not isinstance(consumer, str) or not consumer:
            raise InvalidUse(f"{consumer!r:.60} names no consumer",
                             why="two of one name are one: what the first has handled, the second never gets",
                             next_step='give a name: Inbox(db, "inventory")')
        if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int | float) or not keep > 0):
            raise InvalidUse(f"keep={keep!r:.40} is no length of time", next_step="give seconds, or None for ever")
        self.db, self.consumer, self.keep = db, consumer, keep
        self.duplicates = 0
        """Deliveries of ids that were here already, since this object was made."""
        db.execute(_TABLE)

    def once(self, event: Event | str) -> _Once:
        """`with inbox.once(event) as new:` opens a transaction; `new` says whether the effect is due.

        event: an Event, or an id of your own, such as that of a business fact ("refund of order-1042"). What is
        executed on `db` inside is committed together with the note. Raises `InvalidUse` for what is no id.
        """
        return _Once(self, _id_of(event))

    def run(self, event: Event | str, effect: Callable[[], Any]) -> bool:
        """Call `effect()` in that transaction if the id is new. Returns whether it was."""
        if not callable(effect):
            raise InvalidUse(f"the effect {effect!r:.60} cannot be called", why="it is called if the id is new",
                             next_step="give a function without calling it: inbox.run(event, charge)")
        with self.once(event) as new:
            if new and isinstance(effect(), GeneratorType):
                raise InvalidUse(f"the effect {effect!r:.60} yields", why="nothing may wait inside of a transaction",
                                 next_step="wait first, then call run() with a function that does not yield")
        return new

    def __contains__(self, event: Event | str) -> bool:
        """Has it been handled? To look and then act is not safe: between the two another process may act."""
        query = "SELECT 1 FROM inbox WHERE consumer = ? AND id = ?"
        return self.db.value(query, (self.consumer, _id_of(event))) is not None

    def __len__(self) -> int:
        """How many ids are remembered."""
        return self.db.value("SELECT count(*) FROM inbox WHERE consumer = ?", (self.consumer,))

    def _mark(self, id: str) -> bool:
        now = self.db.env.epoch + self.db.env.now()
        if self.keep is not None:
            self.db.execute(_FORGET, (now - self.keep, self.consumer))
        new = self.db.execute(_MARK, (self.consumer, id, now)).rowcount == 1
        self.duplicates += not new
        self.db.env.point("marked")  # a crash here: neither the mark nor an effect was kept
        return new

    def __repr__(self) -> str:
        return f"Inbox({self.consumer!r}, {len(self):,} ids)"


class _Once:
    """The transaction of one id."""

    __slots__ = ("_id", "_inbox", "_transaction")

    def __init__(self, inbox: Inbox, id: str):
        self._inbox, self._id = inbox, id

    def __enter__(self) -> bool:
        self._transaction = self._inbox.db.transaction()
        self._transaction.__enter__()  # it takes the lock: nobody else can be between the look and the effect
        try:
            return self._inbox._mark(self._id)
        except BaseException as error:
            self._transaction.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._transaction.__exit__(kind, error, trace)
        if kind is None:
            self._inbox.db.env.point("handled once")  # a crash here: both were kept, and no ack was sent

    def __bool__(self) -> bool:
        raise InvalidUse("`if inbox.once(event):` opens no transaction", why="once() alone has not looked yet",
                         next_step="write `with inbox.once(event) as new:` and, inside of it, `if new:`")


def _id_of(event: Event | str) -> str:
    id = event.id if isinstance(event, Event) else event
    if not isinstance(id, str) or not id or not id.isascii() and any("\ud800" <= one <= "\udfff" for one in id):
        raise InvalidUse(f"{id!r:.60} is no id", next_step="give the event, or a string that says what is done")
    return id
