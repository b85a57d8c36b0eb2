"""The databases of a World's nodes: what was committed outlives a crash, what was open is rolled back.

SQLite with synchronous=FULL promises just that, so a database in memory that the World keeps is a fair stand-in. How
the real one keeps its promise (write-ahead log, fsync, torn pages) is tested on real files.
"""

from __future__ import annotations

import sqlite3

from evlab.database import connect

__all__ = ["open_database"]


class _Kept(sqlite3.Connection):
    """A handle may be closed; the node's data stay, and so does what another handle has open."""

    def close(self) -> None:
        pass


def open_database(kept: dict[tuple[str, str], sqlite3.Connection], node: str, path: str) -> sqlite3.Connection:
    """The connection to `path` on the disk of `node`. One in ":memory:" is new each time, and kept by nobody."""
    if path == ":memory:":
        return connect(path)
    if (node, path) not in kept:
        kept[node, path] = connect(":memory:", _Kept)
    return kept[node, path]
