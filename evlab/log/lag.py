"""Consumer lag: how far behind, for how long, and whether it is getting worse.

Three questions, three answers, all of them pure functions on offsets and times that somebody has observed:
- How many records behind? `lag_of`. It is an upper bound: transaction markers and holes of compaction have offsets too.
- How many seconds behind? `time_lag` looks up when the end of the log stood where the group stands now, by the
  interpolation of kafka-lag-exporter (LookupTable). `Points` keeps what it looks up.
- Is the consumer in trouble? `evaluate` looks at the last ten commits, by the rules of LinkedIn's Burrow (its
  evaluator). No threshold on a number of records: a lag of 10,000 that shrinks is well, a lag of 10 that stands is not.

Times are seconds of one clock. A committed offset is the NEXT offset to read, so lag is 0 when it equals the end.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from numbers import Integral, Real
from typing import NamedTuple

from evlab.errors import InvalidUse

__all__ = ["WINDOW", "Commit", "Health", "LagRow", "Point", "Points", "Window", "describe", "drain_time", "evaluate",
           "evaluate_group", "lag_frame", "lag_of", "time_lag"]

WINDOW = 10
"""How many commits of a partition Burrow looks at (its `intervals`)."""


def lag_of(committed: int | None, end: int, start: int, position: int | None = None) -> int:
    """How many offsets are still to come, as a number of 0 or more.

    With a position (the next offset that the consumer will poll) this is the client's lag, end - position. Without
    one it is the group's lag, end - committed. Without a commit either it is all that the log holds, end - start; a
    table shows "-" there, since where the group will begin is not decided yet.

    A commit may be beyond the end: the two are asked for one after the other, and a commit that arrives in between
    is newer than the end that was seen. Then the lag is 0. Raises `InvalidUse` for what is no offset.
    """
    _check_whole("end", end)
    _check_whole("start", start)
    for name, offset in (("committed", committed), ("position", position)):
        if offset is not None:
            _check_whole(name, offset)
    reached = position if position is not None else committed
    return max(0, end - (start if reached is None else reached))


def drain_time(lag: float, arrival_rate: float, service_rate: float) -> float:
    """Seconds until a lag is worked off: lag / (service rate - arrival rate). `math.inf` if it never is.

    lag: records. Both rates: records a second. A lag of 0 takes 0 s, whatever the rates.
    Raises `InvalidUse` for a negative number or one that is not finite.
    """
    for name, number in (("lag", lag), ("arrival_rate", arrival_rate), ("service_rate", service_rate)):
        if _check_finite(name, number) < 0:
            raise InvalidUse(f"{name}={number!r}", next_step="give a number of 0 or more")
    if lag == 0:
        return 0.0
    if service_rate <= arrival_rate:
        return math.inf
    return lag / (service_rate - arrival_rate)


# ------------------------------------------------------------------------------------------- health, as Burrow says


class Commit(NamedTuple):
    """One commit of one partition, as it was observed."""

    offset: int
    """The next offset to read."""
    timestamp: float
    """When it was committed, in seconds."""
    lag: int | None = None
    """End of the log minus offset, at the moment when the commit was received. None if the end was not known."""


class Health(StrEnum):
    """What `evaluate` finds. Compares and prints as its word: `evaluate(...) == "STALL"`."""

    OK = "OK"
    WARN = "WARN"
    """It commits, and falls behind."""
    STALL = "STALL"
    """It commits the same offset over and over."""
    STOP = "STOP"
    """It has ceased to commit."""
    REWIND = "REWIND"
    """It went back and has not returned to where it was."""
    ERR = "ERR"
    """Of a group: at least one partition is STALL, STOP or REWIND."""

    def __repr__(self) -> str:
        return self.value


class Window:
    """The last `WINDOW` commits of one partition, oldest first. Iterate over it, or hand it to `evaluate`.

    It spans as much time as ten commits take. With ten a second, one second of silence is called STOP; Burrow
    therefore merges commits that follow within its `min-distance`, and a caller here may leave some out.
    """

    def __init__(self):
        self._commits: deque[Commit] = deque(maxlen=WINDOW)

    def add(self, offset: int, timestamp: float, lag: int | None = None) -> None:
        """Keep a commit; the oldest of more than `WINDOW` is dropped.

        One that is older than the newest here was overtaken on its way, and is ignored. (Burrow sorts it in.)
        Raises `InvalidUse` for what is no offset, time or lag.
        """
        commit = _checked(Commit, (offset, timestamp, lag))
        if not self._commits or timestamp >= self._commits[-1].timestamp:
            self._commits.append(commit)

    def __iter__(self) -> Iterator[Commit]:
        return iter(tuple(self._commits))

    def __len__(self) -> int:
        return len(self._commits)


def evaluate(commits: Iterable[Commit], ends: Iterable[int | Point], now: float, *, allowed: int = 0,
             minimum: int = WINDOW) -> Health:
    """The health of one partition of a group: OK, WARN, STALL, STOP or REWIND. The first rule that hits decides.

    commits: oldest first; the last `WINDOW` count. ends: what the end of the log was lately, oldest first; each an
    offset, or a pair (offset, time) as `Points` keeps them. Without any, the lag of the last commit counts as the
    lag of now. now: seconds. allowed: a lag up to this many records is none.
    minimum: with fewer commits there is no verdict, and no verdict is OK. Burrow's own minimum is unset, so there one
    commit is enough to be called stopped; here the window must be full.
    Raises `InvalidUse` for commits out of order and for what is no commit, end or time.
    """
    window = _in_order(Commit, commits)[-WINDOW:]
    end_offsets = [_checked(Point, end if isinstance(end, tuple) else (end, 0)).offset for end in _each(ends)]
    _check_finite("now", now)
    _check_whole("allowed", allowed)
    if _check_whole("minimum", minimum) > WINDOW:
        raise InvalidUse(f"minimum={minimum} is never reached", why=f"a window has {WINDOW} commits",
                         next_step=f"give a number from 0 to {WINDOW}")
    if not window or len(window) < minimum:
        return Health.OK
    lag = end_offsets[-1] - window[-1].offset if end_offsets else window[-1].lag or 0
    if lag <= allowed:
        return Health.OK
    if _is_silent(window, now) and not _was_at_the_end(window, end_offsets):
        return Health.STOP
    if _went_back(window):
        return Health.REWIND
    if _was_caught_up(window, allowed):
        return Health.OK
    if _stands_still(window):
        return Health.STALL
    if _never_gained(window):
        return Health.WARN
    return Health.OK


def evaluate_group(healths: Iterable[Health]) -> Health:
    """ERR if any partition is STOP, STALL or REWIND; else WARN if any is; else OK, also for no partition at all."""
    try:
        found = {Health(health) for health in healths}
    except (ValueError, TypeError) as error:
        raise InvalidUse("that is no list of healths", why=str(error),
                         next_step="give what evaluate returned for each partition") from error
    if found & {Health.STOP, Health.STALL, Health.REWIND, Health.ERR}:
        return Health.ERR
    return Health.WARN if Health.WARN in found else Health.OK


def _is_silent(window: list[Commit], now: float) -> bool:
    """Is the last commit longer ago than the whole window took?"""
    first, last = window[0], window[-1]
    return now - last.timestamp > last.timestamp - first.timestamp


def _was_at_the_end(window: list[Commit], ends: list[int]) -> bool:
    """Was there nothing to do until lately? Then silence says nothing yet."""
    return any(end <= window[-1].offset for end in ends)


def _went_back(window: list[Commit]) -> bool:
    """Is there a step back after which the offset before it was never reached again?"""
    offsets = [commit.offset for commit in window]
    return any(max(offsets[i:]) < offsets[i - 1] for i in range(1, len(offsets)))


def _was_caught_up(window: list[Commit], allowed: int) -> bool:
    return any(commit.lag is not None and commit.lag <= allowed for commit in window)


def _stands_still(window: list[Commit]) -> bool:
    return len({commit.offset for commit in window}) == 1


def _never_gained(window: list[Commit]) -> bool:
    """Did the lag not fall between any two neighbours? Commits whose lag is unknown are passed over."""
    lags = [commit.lag for commit in window if commit.lag is not None]
    return all(lags[i] >= lags[i - 1] for i in range(1, len(lags)))


# -------------------------------------------------------------------------- time lag, as kafka-lag-exporter has it


class Point(NamedTuple):
    """The end of a partition's log at a moment."""

    offset: int
    time: float
    """In seconds."""


class Points:
    """What the end of one partition's log was, and when: at most `most` points, oldest first.

    A stretch in which nothing was produced keeps its first and last point only, so a quiet night does not push out
    what is still to be looked up. A point that is not later than the newest, or whose offset is lower, is ignored
    (both as in kafka-lag-exporter, which keeps 60 points by default).
    Raises `InvalidUse` for fewer than 2 points: a line has two ends.
    """

    def __init__(self, most: int = 60):
        if _check_whole("most", most) < 2:
            raise InvalidUse(f"Points({most})", why="a line has two ends", next_step="keep 2 points or more")
        self._points: deque[Point] = deque(maxlen=most)

    def add(self, offset: int, time: float) -> None:
        """Keep a point; the oldest of more than `most` is dropped. Raises `InvalidUse` for no offset or no time."""
        point = _checked(Point, (offset, time))
        points = self._points
        if points and (time <= points[-1].time or offset < points[-1].offset):
            return
        if len(points) >= 2 and points[-2].offset == points[-1].offset == offset:
            points.pop()
        points.append(point)

    def __iter__(self) -> Iterator[Point]:
        return iter(tuple(self._points))

    def __len__(self) -> int:
        return len(self._points)


def time_lag(points: Iterable[Point], committed: int | None, now: float) -> float:
    """How many seconds ago the end of the log stood where the group stands now. NaN if that can't be told.

    points: (end offset, time) of one partition, oldest first, such as a `Points`. committed: next offset to read.
    1. 0 if committed is the newest end, or beyond it.
    2. Between two points, on the straight line between them. On a flat stretch its later end counts: the record that
       is to be read next came after it.
    3. Older than all points: on the line through the oldest and the newest, carried on into the past. That is a guess
       which assumes that the producer has always been as fast as it is now on average.
    4. NaN: no commit, fewer than two points, or all points at one offset (no rate to reckon with).
    It is an estimate: records within a poll interval are taken to have come evenly. Raises `InvalidUse` for points out
    of order and for what is no point, offset or time.
    """
    line = list(points) if isinstance(points, Points) else _in_order(Point, points)
    _check_finite("now", now)
    if committed is None or not line:
        return math.nan
    if _check_whole("committed", committed) >= line[-1].offset:
        return 0.0
    left, right = _neighbours(line, committed)
    if right.offset <= left.offset:  # a single point, or a flat line
        return math.nan
    reached = right.time - (right.offset - committed) * (right.time - left.time) / (right.offset - left.offset)
    return max(0.0, now - reached)


def _neighbours(line: list[Point], offset: int) -> tuple[Point, Point]:
    """The newest two points around an offset; the oldest and the newest of all if it is older than every point."""
    for left, right in zip(reversed(line[:-1]), reversed(line[1:]), strict=True):
        if left.offset <= offset <= right.offset:
            return left, right
    return line[0], line[-1]


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


_TITLES = {"GROUP": 15, "TOPIC": 15, "PARTITION": 10, "CURRENT-OFFSET": 15, "LOG-END-OFFSET": 15, "LAG": 15,
           "CONSUMER-ID": 15}


def describe(group: str, rows: Iterable[LagRow]) -> str:
    """The table of `kafka-consumer-groups --describe`, without its columns HOST and CLIENT-ID.

    Sorted by topic and partition; "-" is what is unknown. Columns have Kafka's widths (ConsumerGroupCommand) and grow
    with a long name. Raises `InvalidUse` if the group is no string or a row no `LagRow`.
    """
    if not isinstance(group, str):
        raise InvalidUse(f"group={group!r:.60} is no name", next_step='give a string, such as "billing"')
    lines = [list(_TITLES)]
    for row in sorted(_checked_rows(rows), key=lambda row: row[:2]):
        values = (group, row.topic, row.partition, row.committed, row.end, row.lag, row.member)
        lines.append(["-" if value is None else str(value) for value in values])
    widths = [max(least, *(len(line[i]) for line in lines)) for i, least in enumerate(_TITLES.values())]
    return "\n".join(" ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def lag_frame(rows: Iterable[LagRow]):
    """The rows as a pandas DataFrame, in the order given; pandas loads here.

    Columns are those of `LagRow`. partition and end are int64. committed, lag and time_lag are float64 with NaN for
    unknown, so that they can be summed and drawn. topic and member are object; a missing member is None.
    """
    import pandas

    table = pandas.DataFrame([tuple(row) for row in _checked_rows(rows)], columns=LagRow._fields, dtype=object)
    numbers = {"partition": "int64", "committed": "float64", "end": "int64", "lag": "float64", "time_lag": "float64"}
    return table.astype(numbers)


# ------------------------------------------------------------------------------------------------------- input


def _check_whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise InvalidUse(f"{name}={value!r:.60}", next_step="give a whole number of 0 or more")
    return value


def _check_finite(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InvalidUse(f"{name}={value!r:.60}", next_step="give a finite number")
    return value


def _each(given: Iterable) -> list:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidUse(f"{given!r:.60} is no list", next_step="give a list, oldest first")
    return list(given)


def _checked(kind: type[NamedTuple], given: tuple) -> NamedTuple:
    """A `Commit` or a `Point` made of a tuple. Both have the offset first, then the time."""
    try:
        made = kind(*given)
    except TypeError as error:
        raise InvalidUse(f"{given!r:.60} is no {kind.__name__}", next_step=f"give {kind._fields}") from error
    _check_whole("offset", made.offset)
    _check_finite(kind._fields[1], made[1])
    if kind is Commit and made.lag is not None:
        _check_whole("lag", made.lag)
    return made


def _in_order(kind: type[NamedTuple], given: Iterable) -> list:
    if isinstance(given, Points | Window):  # checked when they came in
        return list(given)
    made = [_checked(kind, one) for one in _each(given)]
    if any(made[i][1] < made[i - 1][1] for i in range(1, len(made))):
        raise InvalidUse(f"a {kind.__name__} is older than the one before it", next_step="give them oldest first")
    return made


def _checked_rows(rows: Iterable[LagRow]) -> list[LagRow]:
    rows = _each(rows)
    for row in rows:
        if not isinstance(row, LagRow):
            raise InvalidUse(f"{row!r:.60} is no LagRow", next_step="give what log.lag(group) returned")
    return rows
