"""Is a consumer in trouble? What the last ten commits say, by the rules of LinkedIn's Burrow (its evaluator).

No threshold on a number of records: a lag of 10,000 that shrinks is well, a lag of 10 that stands is not. These are
pure functions on offsets and times that somebody has observed; times are seconds of one clock. A committed offset is
the NEXT offset to read, so lag is 0 when it equals the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.observed import check_finite, check_list, check_observed, check_rising, check_whole
from evlab.log.timelag import Point

__all__ = ["WINDOW", "Commit", "Health", "Window", "evaluate", "evaluate_group"]

WINDOW = 10
"""How many commits of a partition Burrow looks at (its `intervals`)."""



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
        commit = check_observed(Commit, (offset, timestamp, lag))
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
    window = (list(commits) if isinstance(commits, Window) else check_rising(Commit, commits))[-WINDOW:]
    points = [end if isinstance(end, tuple) else (end, 0) for end in check_list(ends)]
    end_offsets = [check_observed(Point, point).offset for point in points]
    check_finite("now", now)
    check_whole("allowed", allowed)
    if check_whole("minimum", minimum) > WINDOW:
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
