"""The outbox: an event is written into the database with the change that it speaks of, and published afterwards.

To change a row and to publish an event are two writes into two systems, and a crash between them leaves one of the two:
a change that nobody hears of, or an event of something that never happened. So there is one write. The event goes into
a table, in the transaction of the change, and a relay carries it from there to the bus, the log or the router.

1. Change and event: both, or neither.
2. The relay publishes first and strikes out afterwards, so every event is published at least once. After a crash
   between the two it is published again: those who receive it need an inbox.
3. Events are published in the order in which their transactions took the lock, which is the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any, NamedTuple

from evlab.database import Database
from evlab.env import Later, Signal, check_delay
from evlab.errors import EvlabError, InvalidEvent, InvalidUse
from evlab.event import Event
from evlab.recorded import check_number

__all__ = ["Outbox", "Pending", "Relay"]


class Pending(NamedTuple):
    """An event that waits in the outbox."""

    number: int
    """1, 2, 3, ... in the order in which they are published. A rolled back transaction uses up none."""
    event: Event


class Outbox:
    """The table of events that are to be published, in the database `db` of the changes.

        with db.transaction():
            db.execute("INSERT INTO orders VALUES (?, ?)", (number, "placed"))
            outbox.add(Event(type="OrderPlaced", data={"number": number}, source="order-service"))
    """

    def __init__(self, db: Database):
        if not isinstance(db, Database):
            raise InvalidUse(f"{db!r:.60} is no Database", why="the events belong into the database of the change",
                             next_step='write Outbox(Database("orders.db"))')
        self.db = db
        self.added = Signal()
        """Fires when an event that this object got has been committed: `yield outbox.added`."""
        # AUTOINCREMENT: the numbers go on after the table has been emptied.
        db.execute("CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)")

    def add(self, *events: Event) -> None:
        """Write events, to be published after the commit, in this order.

        Raises `InvalidUse` outside of a transaction: an event alone is the second of two writes again.
        """
        if not self.db.in_transaction:
            raise InvalidUse("outbox.add stands outside of a transaction",
                             why="the event would be kept, or lost, without the change that it speaks of",
                             next_step="write `with db.transaction():` around the change and the event")
        for event in events:
            if not isinstance(event, Event):
                raise InvalidUse(f"{event!r:.60} is not an Event", next_step="add Event(type=..., data=...)")
        self.db.executemany("INSERT INTO outbox (event) VALUES (?)", [(event.to_json().decode(),) for event in events])
        self.db.after_commit(self.added.fire)

    def waiting(self, limit: int = 100) -> list[Pending]:
        """The oldest events that are not struck out.

        Raises `InvalidUse` inside of a transaction: its own events are there, and may yet be rolled back. And
        `InvalidEvent` if the oldest row is no event: other programs may write into this table, so each is proven.
        """
        if self.db.in_transaction:
            raise InvalidUse("outbox.waiting stands inside of a transaction",
                             why="what it adds can still be rolled back, and would be published all the same",
                             next_step="publish after the `with db.transaction():`")
        check_number("limit", limit)
        # As bytes: what is read here is UTF-8 already, and from_json would encode each text again.
        rows = self.db.rows("SELECT number, CAST(event AS BLOB) FROM outbox ORDER BY number LIMIT ?", (limit,))
        read, pending = Event.from_json, []
        try:
            for number, text in rows:
                pending.append(Pending(number, read(text)))
        except InvalidEvent as error:
            if not pending:
                raise InvalidEvent(f"row {number} of the outbox is no event", why=str(error), path=error.path,
                                   next_step="find out who has written it, and mend or delete it") from error
        return pending  # those before it can be published

    def strike(self, up_to: int) -> None:
        """These have been published: delete all up to that number. To keep them would be a table that only grows."""
        check_number("up_to", up_to)
        self.db.execute("DELETE FROM outbox WHERE number <= ?", (up_to,))

    def __len__(self) -> int:
        """How many events wait. The relay is dead or too slow if it grows."""
        return self.db.value("SELECT count(*) FROM outbox")

    def __repr__(self) -> str:
        return f"Outbox({len(self):,} waiting)"


class Relay:
    """Carries events from an outbox to `publish`, in order, at least once.

    publish: called with each event. It returns nothing, or a `Later` that is done when the other side has it:
    `bus.publish`, `lambda event: producer.send("orders", event)`, `lambda event: router.publish(...)`.
    flush: called after each batch, if the other side gathers: `producer.flush`. Events for which `publish` returned
    nothing are there when flush's own `Later` is done.
    batch: events that are under way before one transaction strikes them out. After a crash at most so many come again,
    and if one is refused, those behind it in the batch may be there before it. batch=1 waits for each.
    retry: seconds to wait when the other side does not answer or refuses (an `EvlabError`; any other ends `follow`).
    Then it goes on with the first event that was not accepted. So an event that can never be published, and a row of
    another program that is no event, stops all behind it: look at `len(outbox)`, `failures` and `error`.
    One relay at a time keeps the order. A second one loses nothing, and doubles some.
    """

    def __init__(self, outbox: Outbox, publish: Callable[[Event], Later | Any], *,
                 flush: Callable[[], Later | Any] | None = None, batch: int = 100, retry: float = 1.0):
        if not isinstance(outbox, Outbox) or not callable(publish) or not (flush is None or callable(flush)):
            raise InvalidUse("a relay needs an Outbox and something to call",
                             next_step="write Relay(outbox, bus.publish)")
        if type(batch) is not int or batch < 1:
            raise InvalidUse(f"batch={batch!r:.40} is no number of events", next_step="give 1 or more")
        self.outbox, self.env = outbox, outbox.db.env
        self.publish, self.flush, self.batch, self.retry = publish, flush, batch, check_delay(retry)
        self.published = self.failures = 0
        """Events that the other side took, and times that it did not."""
        self.error: Exception | None = None
        """Why it did not, the last time; None once it does again."""

    def drain(self) -> Generator:
        """A process that publishes until the outbox is empty; its result is the number of events.

        Raises what `publish` raised or its Later failed with, once what was accepted before it is struck out.
        """
        total = 0
        while pending := self._waiting():
            accepted, error = yield from self._publish(pending)
            self.env.point("published")  # a crash here: they are published again
            if accepted:
                self.outbox.strike(pending[accepted - 1].number)
                self.env.point("struck out")
            total += accepted
            self.published += accepted
            self.error = error
            if error is not None:
                self.failures += 1
                raise error
        return total

    def _waiting(self) -> list[Pending]:
        try:
            return self.outbox.waiting(self.batch)
        except InvalidEvent as error:
            self.error, self.failures = error, self.failures + 1
            raise

    def follow(self, every: float | None = None) -> Generator:
        """A process that publishes for ever: after each `add`, or every so many seconds if other processes add, too."""
        if every is not None and check_delay(every) == 0:
            raise InvalidUse("every=0 never comes to rest", next_step="give a number of seconds above 0")
        while True:
            try:
                yield from self.drain()
            except EvlabError:
                yield self.retry
            else:
                yield self.outbox.added if every is None else every

    def _publish(self, pending: list[Pending]) -> Generator:
        """Publish a batch; how many from its beginning were accepted, and the first error."""
        unsure: list[tuple[int, Any]] = []  # what is not known to be accepted: its index, and the answer
        count, error, flushed, publish, accepted = 0, None, None, self.publish, Later()
        try:
            for _, event in pending:
                answer = publish(event)
                if answer is not accepted:  # a bus gives the same Later for each event of a type, and it is done
                    if isinstance(answer, Later) and answer.done and answer.error is None:
                        accepted = answer
                    else:
                        self._check_answer(answer)
                        unsure.append((count, answer))
                count += 1
        except Exception as raised:
            error = raised
        try:
            if self.flush is not None:  # after an error, too: those before it are gathered, and would wait for ever
                flushed = self.flush()
        except Exception as raised:
            return 0, error or raised
        for number, answer in unsure:
            later = answer if isinstance(answer, Later) else flushed
            if isinstance(later, Later) and (not later.done or later.error is not None):
                try:
                    yield later
                except Exception as failed:
                    return number, failed
        return count, error

    def _check_answer(self, answer: Any) -> None:
        if isinstance(answer, GeneratorType):
            raise InvalidUse(f"{self.publish!r:.60} yields, and nobody would run it",
                             next_step="give a function that publishes and returns the Later")
