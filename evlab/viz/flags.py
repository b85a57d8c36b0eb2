"""What happened, marked above a plot over time: a line down through the plot, with words beside its top, as a flag.

The words stand in as many rows as they need, and in such an order that no line runs through the words of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import INK, SMALL, VERMILLION, width_of

__all__ = ["Event", "draw_events"]

POLE, ROW, BOLT, WIDEST = 5, 17, 18, 260
"""px: from a line to its words, from row to row, what a bolt takes, and the longest words."""


class Event(NamedTuple):
    """Something that happened, at a time. A `crash` has a bolt."""

    time: float
    what: str
    crash: bool


class _Flag(NamedTuple):
    """The x of an event's line, from where to where its words reach, and their row, 0 the highest."""

    x: float
    left: float
    right: float
    words: str
    crash: bool
    row: int = 0


def draw_events(svg: Svg, events: Iterable[Event], top: float, high: float, at: Callable[[float], float]) -> float:
    """Draw them above a plot of `high` px, from `top` on; `at` gives the x of a time. Returns where the plot begins."""
    flags = _hoisted([_flag(event, at(event.time), svg.width) for event in sorted(events)])
    rows = max((flag.row + 1 for flag in flags), default=0)
    begin = top + ROW * rows + (6 if rows else 0)
    for flag in flags:
        svg.line([(flag.x, top + ROW * flag.row), (flag.x, begin + high)], VERMILLION.main if flag.crash else INK, 1.3,
                 "3 3")
    for flag in flags:  # after all lines: what one of them crosses all the same is readable by its halo
        y = top + ROW * flag.row + 10
        if flag.crash:
            svg.bolt(flag.left + 6, y - 4, 10)
        svg.text(flag.left + (BOLT if flag.crash else 0), y, flag.words, size=SMALL, bold=True, halo=True,
                 colour=VERMILLION.text if flag.crash else INK)
    return begin


def _flag(event: Event, x: float, width: float) -> _Flag:
    """Right of its line, if the page has the room there."""
    words = clip(event.what, WIDEST, SMALL, True)
    wide = width_of(words, SMALL, True) + (BOLT if event.crash else 0)
    left = x + POLE if x + POLE + wide <= width - EDGE else x - POLE - wide
    return _Flag(x, left, left + wide, words, event.crash)


def _hoisted(flags: list[_Flag]) -> list[_Flag]:
    """The flags, which come in order of time, each in a row.

    Of flags to the right, the later hangs lower: its line begins below the words that it would run through. Of flags
    to the left, the earlier. Where both are, it is tried which of them should hang lower.
    """
    right = [flag for flag in flags if flag.left > flag.x]
    left = [flag for flag in reversed(flags) if flag.left < flag.x]
    return min((_in_rows(right + left), _in_rows(left + right)), key=_clashes)


def _in_rows(flags: list[_Flag]) -> list[_Flag]:
    """Each in the row that is free, and where it brings the fewest clashes; of equal ones the highest."""
    done: list[_Flag] = []
    for flag in flags:
        taken = {other.row for other in done if flag.left < other.right + 10 and other.left < flag.right + 10}
        free = [flag._replace(row=row) for row in range(len(done) + 1) if row not in taken]
        done.append(min(free, key=lambda placed: (_clashes([*done, placed]), placed.row)))
    return done


def _clashes(flags: list[_Flag]) -> int:
    """How many times a line runs through the words of another event."""
    return sum(words.left <= line.x <= words.right and line.row < words.row for line in flags for words in flags)
