"""Reading an event store: by stream, or all of it, a page at a time, and with proof that nothing is missing.

Versions and positions have no gaps, and how many events there are is written a second time, in `heads`. So a row that
vanished, or that a damaged page hides, is missed by whoever reads past its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evlab.database import Database
from evlab.recorded import CorruptEvent, Recorded, check_number, check_stream, read_row

__all__ = ["COLUMNS", "PAGE", "Reading", "Subscription"]

PAGE = 100
"""Events that are read at a time: few enough to lie in the processor's caches, and not to call Python's collector of
garbage, from the first look at their rows to the last at them. With 1000 a long stream takes 10 % longer."""
COLUMNS = "position, stream, version, id, row, checksum"
_IN_A_STREAM = "position, version, id, row, checksum"  # a text less to make for each event: 8 % of the time
_HEADS = ("SELECT (SELECT max(version) FROM events WHERE stream = ?1), (SELECT version FROM heads WHERE stream = ?1),"
          " (SELECT max(position) FROM events), (SELECT version FROM heads WHERE stream = '')")


class Reading:
    """The part of an event store that reads."""

    db: Database
    upcasters: Any

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """The events of `stream` with a version above `after`, in order. A stream that does not exist is empty."""
        check_stream(stream)
        return self._pages(f"{_IN_A_STREAM} FROM events WHERE stream = ? AND version > ? ORDER BY version",
                           stream, after, limit)

    def read_all(self, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """The events of all streams with a position above `after`, in the order in which they were appended."""
        return self._pages(f"{COLUMNS} FROM events WHERE position > ? ORDER BY position", None, after, limit)

    def _pages(self, query: str, stream: str | None, after: int, limit: int | None) -> Iterator[Recorded]:
        check_number("after", after)
        if limit is not None:
            check_number("limit", limit)
        return self._read_pages(f"SELECT {query} LIMIT ?", stream, after, limit)

    def _read_pages(self, query: str, stream: str | None, after: int, limit: int | None) -> Iterator[Recorded]:
        read = read_row if self.upcasters is None else self._read_row
        # Asked first: what others append meanwhile is not missed.
        head = self.db.value("SELECT cast(version AS INTEGER) FROM heads WHERE stream = ?", (stream or "",)) or 0
        numbered = 0 if stream is None else 1  # the column whose numbers have no gap: position, or version
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            rows = self.db.rows(query, (after, size) if stream is None else (stream, after, size))
            for row in rows:
                after += 1
                if row[numbered] != after:
                    raise _lost(stream, after)
                yield read(row, stream)
            if len(rows) < size:
                if after < head:
                    raise _lost(stream, after + 1)
                return
            left = None if left is None else left - size

    def subscribe(self, after: int = 0) -> Subscription:
        """A reader that goes on where it stopped: `for recorded in subscription`, then `yield store.appended`."""
        check_number("after", after)
        return Subscription(self, after)

    def version(self, stream: str) -> int:
        """The version of a stream: how many events it has."""
        check_stream(stream)
        return self._heads(stream)[0]

    @property
    def position(self) -> int:
        """The position of the newest event: how many the store has."""
        return self._heads("")[1]

    def _heads(self, stream: str) -> tuple[int, int]:
        """The version of `stream` and the position of the store's newest event, as both of their records say."""
        (version, head, position, end), = self.db.rows(_HEADS, (stream,))
        if version != head and stream:
            raise _lost(stream, max((n for n in (version, head) if isinstance(n, int)), default=0))
        if position != end:
            raise _lost(None, max((n for n in (position, end) if isinstance(n, int)), default=0))
        return version or 0, position or 0

    def streams(self) -> list[str]:
        """The names of the streams that have an event, in alphabetical order."""
        rows = self.db.rows("SELECT stream, count(*) FROM (SELECT DISTINCT stream FROM events UNION ALL"
                            " SELECT stream FROM heads WHERE stream != '') GROUP BY stream ORDER BY stream")
        for name, times in rows:
            if times != 2:  # once in each
                raise _lost(name, 1)
        return [name for name, _ in rows]

    def _read_row(self, columns: tuple, stream: str | None = None) -> Recorded:
        recorded = read_row(columns, stream)
        if self.upcasters is None:
            return recorded
        return recorded._replace(event=self.upcasters.upcast(recorded.event))


class Subscription:
    """A place in the store. Iterating it yields what has been appended since, and moves the place along.

    `position` is the last one that was handed out. It is kept in memory alone: keep it yourself, in the transaction
    of what you do with the events (notebook 08).
    """

    def __init__(self, store: Reading, after: int):
        self.store, self.position = store, after

    def __iter__(self) -> Iterator[Recorded]:
        for recorded in self.store.read_all(after=self.position):
            self.position = recorded.position
            yield recorded


def _lost(stream: str | None, number: int) -> CorruptEvent:
    """A damaged page of the file can hide rows that are whole, or lead to others. Numbers without gaps show it."""
    return CorruptEvent(f"event {number} of {stream or 'the store'} is not where it should be", stream=stream,
                        version=number if stream else None, position=None if stream else number,
                        why="a page of the file is damaged, or a row was deleted",
                        next_step="restore the file from a backup")
