"""Consumer lag: how far behind, and for how long.

- How many records behind? `lag_of`. It is an upper bound: transaction markers and holes of compaction have offsets too.
- How many seconds behind? `time_lag` (evlab.log.timelag).
- Is the consumer in trouble? `evaluate` (evlab.log.health).
- How long until it has caught up? `drain_time`.

All of them are pure functions on what somebody has observed. A committed offset is the NEXT offset to read, so lag is 0
when it equals the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.health import WINDOW, Commit, Health, Window, evaluate, evaluate_group
from evlab.log.observed import check_finite, check_list, check_whole
from evlab.log.timelag import Point, Points, time_lag

__all__ = ["WINDOW", "Commit", "Health", "LagRow", "Point", "Points", "Window", "describe", "drain_time", "evaluate",
           "evaluate_group", "lag_frame", "lag_of", "time_lag"]


def lag_of(committed: int | None, end: int, start: int, position: int | None = None) -> int:
    """How many offsets are still to come, as a number of 0 or more.

    With a position (the next offset that the consumer will poll) this is the client's lag, end - position. Without
    one it is the group's lag, end - committed. Without a commit either it is all that the log holds, end - start; a
    table shows "-" there, since where the group will begin is not decided yet.

    A commit may be beyond the end: the two are asked for one after the other, and a commit that arrives in between
    is newer than the end that was seen. Then the lag is 0. Raises `InvalidUse` for what is no offset.
    """
    check_whole("end", end)
    check_whole("start", start)
    for name, offset in (("committed", committed), ("position", position)):
        if offset is not None:
            check_whole(name, offset)
    reached = position if position is not None else committed
    return max(0, end - (start if reached is None else reached))


def drain_time(lag: float, arrival_rate: float, service_rate: float) -> float:
    """Seconds until a lag is worked off: lag / (service rate - arrival rate). `math.inf` if it never is.

    lag: records. Both rates: records a second. A lag of 0 takes 0 s, whatever the rates.
    Raises `InvalidUse` for a negative number or one that is not finite.
    """
    for name, number in (("lag", lag), ("arrival_rate", arrival_rate), ("service_rate", service_rate)):
        if check_finite(name, number) < 0:
            raise InvalidUse(f"{name}={number!r}", next_step="give a number of 0 or more")
    if lag == 0:
        return 0.0
    if service_rate <= arrival_rate:
        return math.inf
    return lag / (service_rate - arrival_rate)


# ---------------------------------------------------------------------------------------------------- as a table


class LagRow(NamedTuple):
    """The lag of a group on one partition."""

    topic: str
    partition: int
    committed: int | None
    """The next offset to read; None if the group has not committed here yet."""
    end: int
    lag: int | None
    """In offsets; None if there is no commit to reckon from."""
    time_lag: float
    """In seconds; NaN if unknown."""
    member: str | None
    """Who owns the partition; None if nobody does."""


_TITLES = ("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID")


def describe(group: str, rows: Iterable[LagRow]) -> str:
    """The table of `kafka-consumer-groups --describe`, without its columns HOST and CLIENT-ID.

    Sorted by topic and partition; "-" is what is unknown. Each column is as wide as what stands in it, so that a line
    fits into a notebook: Kafka's own (ConsumerGroupCommand) has at least 102 characters. Raises `InvalidUse` if the
    group is no string or a row no `LagRow`.
    """
    if not isinstance(group, str):
        raise InvalidUse(f"group={group!r:.60} is no name", next_step='give a string, such as "billing"')
    lines = [_TITLES]
    for row in sorted(_checked_rows(rows), key=lambda row: row[:2]):
        values = (group, row.topic, row.partition, row.committed, row.end, row.lag, row.member)
        lines.append(["-" if value is None else str(value) for value in values])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def lag_frame(rows: Iterable[LagRow]):
    """The rows as a pandas DataFrame, in the order given; pandas loads here.

    Columns are those of `LagRow`. partition and end are int64. committed, lag and time_lag are float64 with NaN for
    unknown, so that they can be summed and drawn. topic and member are object; a missing member is None.
    """
    import pandas

    table = pandas.DataFrame([tuple(row) for row in _checked_rows(rows)], columns=LagRow._fields, dtype=object)
    numbers = {"partition": "int64", "committed": "float64", "end": "int64", "lag": "float64", "time_lag": "float64"}
    return table.astype(numbers)


def _checked_rows(rows: Iterable[LagRow]) -> list[LagRow]:
    rows = check_list(rows)
    for row in rows:
        if not isinstance(row, LagRow):
            raise InvalidUse(f"{row!r:.60} is no LagRow", next_step="give what log.lag(group) returned")
    return rows
