"""Lag in seconds: when did the end of the log stand where the group stands now?

`Points` keeps where the end was and when, and `time_lag` looks it up, by the interpolation of kafka-lag-exporter
(LookupTable). Times are seconds of one clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.observed import check_finite, check_observed, check_rising, check_whole

__all__ = ["Point", "Points", "time_lag"]


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
        if check_whole("most", most) < 2:
            raise InvalidUse(f"Points({most})", why="a line has two ends", next_step="keep 2 points or more")
        self._points: deque[Point] = deque(maxlen=most)

    def add(self, offset: int, time: float) -> None:
        """Keep a point; the oldest of more than `most` is dropped. Raises `InvalidUse` for no offset or no time."""
        point = check_observed(Point, (offset, time))
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
    line = list(points) if isinstance(points, Points) else check_rising(Point, points)
    check_finite("now", now)
    if committed is None or not line:
        return math.nan
    if check_whole("committed", committed) >= line[-1].offset:
        return 0.0
    left, right = _neighbours(line, committed)
    if right.offset <= left.offset:  # a single point, or a flat line
        return math.nan
    seconds, offsets = right.time - left.time, right.offset - left.offset
    reached = right.time - (right.offset - committed) * seconds / offsets
    return max(0.0, now - reached)


def _neighbours(line: list[Point], offset: int) -> tuple[Point, Point]:
    """The newest two points around an offset; the oldest and the newest of all if it is older than every point."""
    for left, right in zip(reversed(line[:-1]), reversed(line[1:]), strict=True):
        if left.offset <= offset <= right.offset:
            return left, right
    return line[0], line[-1]
