"""Why the order of a sequence is not the order of the commits: two transactions, one reader, one event never seen."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

__all__ = ["Gap", "gap"]


class Gap(NamedTuple):
    """What a reader by position has seen of a table, and what is in it."""

    seen: list[int]
    there: list[int]


def gap(dsn: str) -> Gap:
    """Two writers draw positions from a sequence, and commit in the other order. A reader reads after each commit.

    Nothing here depends on time: it ends like this whenever a reader looks between the two commits.
    """
    connect = psycopg.connect
    with connect(dsn) as a, connect(dsn) as b, connect(dsn, autocommit=True) as reader:
        reader.execute("DROP SCHEMA IF EXISTS evlab_gap CASCADE")
        reader.execute("CREATE SCHEMA evlab_gap")
        reader.execute("CREATE TABLE evlab_gap.events (position bigserial PRIMARY KEY, data text)")
        seen = []

        def positions(where="", parameters=None):
            query = f"SELECT position FROM evlab_gap.events {where} ORDER BY position"
            return [position for position, in reader.execute(query, parameters)]

        def read_on():
            after = seen[-1] if seen else 0
            seen.extend(positions("WHERE position > %s", [after]))

        a.execute("INSERT INTO evlab_gap.events (data) VALUES ('by A')")  # draws 1, and does not commit yet
        b.execute("INSERT INTO evlab_gap.events (data) VALUES ('by B')")  # draws 2
        b.commit()
        read_on()  # sees 2, and goes on after 2 from now on
        a.commit()
        read_on()  # 1 is there now, and 1 is not above 2
        there = positions()
        reader.execute("DROP SCHEMA evlab_gap CASCADE")
        return Gap(seen, there)
