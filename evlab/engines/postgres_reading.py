"""Reading an event store in PostgreSQL, and its snapshots: the same checks as in evlab.reading and evlab.snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec

from evlab.engines import NotOnThisEngine
from evlab.engines.postgres_database import PostgresDatabase
from evlab.errors import InvalidUse
from evlab.reading import Subscription
from evlab.recorded import CorruptEvent, Recorded, check_number, check_stream, read_row
from evlab.snapshots import Snapshot

__all__ = ["COLUMNS", "PostgresReading", "lost"]

COLUMNS = "position, stream, version, id, record, checksum"
PAGE = 1000
"""Events that are asked for at a time. More than the twin's: here each question is a way to the server and back."""
_HEADS = """
    SELECT asked.stream, (SELECT max(version) FROM events WHERE events.stream = asked.stream), heads.version,
        (SELECT max(position) FROM events), (SELECT version FROM heads WHERE stream = ''), clock_timestamp()
    FROM unnest(%s::text[]) AS asked (stream) LEFT JOIN heads USING (stream)"""
_KEEP = """
    INSERT INTO snapshots AS old VALUES (%s, %s, %s, %s, %s) ON CONFLICT (stream, schema) DO UPDATE
    SET version = excluded.version, state = excluded.state, checksum = excluded.checksum
    WHERE excluded.version >= old.version"""


class PostgresReading:
    """The part of the store that reads, and that keeps snapshots."""

    db: PostgresDatabase
    upcasters: Any

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """The events of `stream` with a version above `after`, in order. A stream that does not exist is empty."""
        self._check_stream(stream)
        return self._pages("stream = %s AND version > %s ORDER BY version", stream, after, limit)

    def read_all(self, after: int = 0, limit: int | None = None) -> Iterator[Recorded]:
        """The events of all streams with a position above `after`, in the order in which they were appended.

        That is the order of the commits: what has been read up to a position is all that will ever be there.
        """
        return self._pages("position > %s ORDER BY position", None, after, limit)

    def _pages(self, where: str, stream: str | None, after: int, limit: int | None) -> Iterator[Recorded]:
        check_number("after", after)
        if limit is not None:
            check_number("limit", limit)
        return self._read_pages(f"SELECT {COLUMNS} FROM events WHERE {where} LIMIT %s", stream, after, limit)

    def _read_pages(self, query: str, stream: str | None, after: int, limit: int | None) -> Iterator[Recorded]:
        # Asked first: what others append meanwhile is not missed.
        head = self.db.value("SELECT version FROM heads WHERE stream = %s", (stream or "",)) or 0
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            rows = self.db.rows(query, (after, size) if stream is None else (stream, after, size), binary=True)
            for number, row in enumerate(rows, after + 1):
                if row[2 if stream else 0] != number or stream not in (None, row[1]):
                    raise lost(stream, number)
                yield self._read_row(row)
            after += len(rows)
            if len(rows) < size:
                if after < head:
                    raise lost(stream, after + 1)
                return
            left = None if left is None else left - size

    def subscribe(self, after: int = 0) -> Subscription:
        """A reader that goes on where it stopped: `for recorded in subscription`, then `store.wait(...)`."""
        check_number("after", after)
        return Subscription(self, after)

    def version(self, stream: str) -> int:
        """The version of a stream: how many events it has."""
        self._check_stream(stream)
        return self._heads([stream])[0][stream]

    @property
    def position(self) -> int:
        """The position of the newest event: how many the store has."""
        return self._heads([""])[1]

    def _heads(self, streams: list[str]) -> tuple[dict[str, int], int, datetime]:
        """The versions of `streams`, the store's end and the server's time, as both of the tables say."""
        found, rows = {}, self.db.rows(_HEADS, (streams,))
        *_, position, end, now = rows[0]
        if (position or 0) != end:
            raise lost(None, max(position or 0, end or 0))
        for stream, version, head, *_ in rows:
            if stream and version != head:
                raise lost(stream, max(version or 0, head or 0))
            found[stream] = version or 0
        return found, end, now.astimezone(UTC)

    def streams(self) -> list[str]:
        """The names of the streams that have an event, in alphabetical order."""
        rows = self.db.rows("SELECT stream, count(*) FROM (SELECT DISTINCT stream FROM events UNION ALL"
                            " SELECT stream FROM heads WHERE stream != '') AS names GROUP BY stream ORDER BY stream")
        for name, times in rows:
            if times != 2:  # once in each
                raise lost(name, 1)
        return [name for name, _ in rows]

    def _read_row(self, columns: tuple) -> Recorded:
        recorded = read_row(columns)
        if self.upcasters is None:
            return recorded
        return recorded._replace(event=self.upcasters.upcast(recorded.event))

    def _check_stream(self, stream: str) -> None:
        check_stream(stream)
        self._check_name(stream)

    def _check_name(self, name: str) -> None:
        if "\0" in name:
            raise NotOnThisEngine(f"{name[:60]!r} has the character U+0000", capability="any character",
                                  why="PostgreSQL's type text does not have it", next_step="leave it out")

    # ------------------------------------------------------------------------------------------- snapshots

    def save_snapshot(self, stream: str, state: Any, version: int, *, schema: int = 1) -> None:
        """Keep `state`, plain JSON values, as what the stream's events up to `version` add up to; a newer one stays.

        schema: the number of the state's form. Raise it when the form changes; older snapshots are then not found.
        """
        self._check_stream(stream)
        check_number("version", version)
        check_number("schema", schema)
        try:
            blob = msgspec.json.encode([stream, schema, version, state])
            if msgspec.json.decode(blob)[3] != state:
                raise TypeError("it comes back from JSON as something else")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidUse("the state of a snapshot holds more than JSON can", why=str(error),
                             next_step="turn it into dicts, lists, strings and numbers first") from error
        self.db.execute(_KEEP, (stream, schema, version, blob, crc32(blob)))

    def load_snapshot(self, stream: str, *, schema: int = 1) -> Snapshot | None:
        """The newest snapshot of `stream` in that form, or None. Raises `CorruptEvent` for one that is damaged."""
        self._check_stream(stream)
        check_number("schema", schema)
        rows = self.db.rows("SELECT version, state, checksum FROM snapshots WHERE stream = %s AND schema = %s",
                            (stream, schema), binary=True)
        if not rows:
            return None
        version, blob, checksum = rows[0]
        try:
            kept = msgspec.json.decode(blob) if crc32(blob) == checksum else None
        except ValueError:
            kept = None
        if not isinstance(kept, list) or kept[:3] != [stream, schema, version]:
            raise CorruptEvent(f"the snapshot of {stream} is damaged", stream=stream, version=version, position=None,
                               next_step="delete it with store.drop_snapshot(stream); the events are still there")
        return Snapshot(kept[3], version)

    def drop_snapshot(self, stream: str) -> None:
        """Forget the snapshots of a stream. Nothing is lost: the events are the truth."""
        self._check_stream(stream)
        self.db.execute("DELETE FROM snapshots WHERE stream = %s", (stream,))


def lost(stream: str | None, number: int) -> CorruptEvent:
    """A row that is not where it should be: numbers without gaps show it."""
    return CorruptEvent(f"event {number} of {stream or 'the store'} is not where it should be", stream=stream,
                        version=number if stream else None, position=None if stream else number,
                        why="a row was deleted or changed, or a page or an index of the table is damaged",
                        next_step="restore the schema from a backup")
