"""Snapshots: a state that is kept, so that loading need not begin at the first event.

They are a cache. The events stay the truth, and a snapshot can be thrown away at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from evlab.database import Database
from evlab.errors import InvalidUse
from evlab.recorded import CorruptEvent, check_number, check_stream

__all__ = ["Snapshot", "Snapshots"]


class Snapshot(NamedTuple):
    """A state that was kept, so that loading need not begin at the first event."""

    state: Any
    version: int
    """The stream's version that the state includes."""


class Snapshots:
    """The part of an event store that keeps snapshots: one a stream and schema, the newest."""

    db: Database

    def save_snapshot(self, stream: str, state: Any, version: int, *, schema: int = 1) -> None:
        """Keep `state`, plain JSON values, as what the stream's events up to `version` add up to; a newer one stays.

        schema: the number of the state's form. Raise it when the form changes; older snapshots are then not found.
        """
        check_stream(stream)
        check_number("version", version)
        check_number("schema", schema)
        try:
            blob = msgspec.json.encode([stream, schema, version, state])
            if msgspec.json.decode(blob)[3] != state:
                raise TypeError("it comes back from JSON as something else")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidUse("the state of a snapshot holds more than JSON can", why=str(error),
                             next_step="turn it into dicts, lists, strings and numbers first") from error
        with self.db.transaction():
            self.db.execute("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?) ON CONFLICT (stream, schema) DO UPDATE SET"
                            " version = excluded.version, state = excluded.state, checksum = excluded.checksum"
                            " WHERE excluded.version >= version", (stream, schema, version, blob, crc32(blob)))

    def load_snapshot(self, stream: str, *, schema: int = 1) -> Snapshot | None:
        """The newest snapshot of `stream` in that form, or None. Raises `CorruptEvent` for one that is damaged."""
        check_stream(stream)
        check_number("schema", schema)
        rows = self.db.rows("SELECT version, state, checksum FROM snapshots WHERE stream = ? AND schema = ?",
                            (stream, schema))
        if not rows:
            return None
        version, blob, checksum = rows[0]
        try:
            kept = msgspec.json.decode(blob) if crc32(blob) == checksum else None
        except (TypeError, ValueError):
            kept = None
        if not isinstance(kept, list) or kept[:3] != [stream, schema, version]:
            raise CorruptEvent(f"the snapshot of {stream} is damaged", stream=stream, version=version, position=None,
                               next_step="delete it with store.drop_snapshot(stream); the events are still there")
        return Snapshot(kept[3], version)

    def drop_snapshot(self, stream: str) -> None:
        """Forget the snapshots of a stream. Nothing is lost: the events are the truth."""
        check_stream(stream)
        self.db.execute("DELETE FROM snapshots WHERE stream = ?", (stream,))
