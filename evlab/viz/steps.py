"""A state that events have made, drawn as steps: the stream below, one column an event, and the value after each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, several
from evlab.viz.svg import EDGE, Svg, clip, round_step
from evlab.viz.theme import (
    BLUE,
    CARD,
    GREY,
    HIGHLIGHT,
    INK,
    LINE,
    MUTED,
    ORANGE,
    SMALL,
    VERMILLION,
    safe,
    sentence,
    width_of,
)

__all__ = ["Step", "steps"]

WIDTH, HIGH = 880, 170
"""Of the picture, and of the part with the steps in it; in px."""
AXIS = 52
"""px for the numbers on the left, at least."""
WIDEST = 170
"""px of a column at most."""
WORDY = 96
"""px of a column that has room for what happened, under its square."""
MOST = 60
"""Events that still have room for their numbers."""
CELL = 24


class Step(NamedTuple):
    """One event of the stream."""

    label: str
    """What happened, in a few words: "Deposited 1,000"."""
    value: float
    """The state after it."""
    change: str = ""
    """What stands under its square: "+1,000"."""


def steps(events: Iterable[Any], *, title: str, here: int | None = None, beside: Iterable[float] | None = None,
          names: tuple[str, str] = ("state", "other"), start: float = 0) -> Figure:
    """Draw the values that a fold went through.

    events: `Step`s, or tuples with the same fields; at most `MOST`. here: the version that is looked at, from 0 (before
    the first event); what comes after it is drawn as not there yet. beside: the values of another fold of the same
    events, drawn to the end as the first ones then are; `names` tells the two apart. start: the value before the
    first event.
    Raises `InvalidUse` for no events or too many, a value that is no number, or a `here` that is no version of them.
    """
    given = [Step(*event) for event in several("events", events, "__iter__")]
    others = None if beside is None else several("beside", beside)
    _check(given, title, here, others, start)
    lines = [safe(title, 300), f"  before the first event: {_number(start)}"]
    lines += [_line(number, step, None if others is None else others[number - 1], here, names)
              for number, step in enumerate(given, 1)]
    last = len(given) if here is None else here
    alt = f"{sentence(title)} {_many(len(given))}; {names[0]} after version {last}: {_number(_at(given, start, last))}"
    if others is not None:
        alt += f", {names[1]}: {_number(others[last - 1] if last else start)}"
    svg = _draw(given, title, alt + ".", here, others, names, start)
    return Figure(svg, alt + ".", "\n".join(lines))


def _check(given: list[Step], title: str, here: int | None, others: list | None, start: float) -> None:
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture needs a title", why="it states the finding",
                         next_step='write title="Every deposit is a step up"')
    if not 1 <= len(given) <= MOST:
        raise InvalidUse(f"{len(given)} events cannot be drawn as steps", next_step=f"give 1 to {MOST} of them")
    for value in (start, *(step.value for step in given), *(others or ())):
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
            raise InvalidUse(f"{value!r:.60} is no height of a step", next_step="give numbers")
    if others is not None and len(others) != len(given):
        raise InvalidUse(f"{len(given)} events have {len(others)} values beside them", next_step="give one an event")
    if here is not None and (isinstance(here, bool) or not isinstance(here, int) or not 0 <= here <= len(given)):
        raise InvalidUse(f"here={here!r} is no version of these events", next_step=f"give 0 to {len(given)}")


def _line(number: int, step: Step, other: float | None, here: int | None, names: tuple[str, str]) -> str:
    mark = ">" if number == here else " "
    line = f"{mark} {number:>3}  {safe(step.label, 60):<34}  {_number(step.value):>9}"
    if other is not None and other != step.value:
        line += f"  ({safe(names[1], 40)}: {_number(other)})"
    return line + ("  not yet" if other is None and here is not None and number > here else "")


def _at(given: list[Step], start: float, version: int) -> float:
    return given[version - 1].value if version else start


def _number(value: float) -> str:
    """With a minus sign that is as wide as a plus."""
    return (f"{value:,.0f}" if value == round(value) else f"{value:,.2f}").replace("-", "\u2212")


def _many(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


# ------------------------------------------------------------------------------------------------- the drawing


class _Plan:
    """Where things stand: columns from left to right, values from bottom to top."""

    def __init__(self, given: list[Step], others: list[float] | None, start: float, top: float):
        values = [start, *(step.value for step in given), *(others or ())]
        low, high = min(values), max(values)
        self.tick = round_step(max(high - low, 4), 4)
        self.low = math.floor(low / self.tick) * self.tick
        self.high = math.ceil(high / self.tick) * self.tick
        self.high += self.tick if self.high == self.low else 0
        self.ticks = [self.low + index * self.tick for index in range(round((self.high - self.low) / self.tick) + 1)]
        self.left = EDGE + max(AXIS, 12 + max(width_of(_number(value), SMALL) for value in self.ticks))
        self.wide = min(WIDEST, (WIDTH - EDGE - self.left - 16) / len(given))
        self.first = self.left + 16
        self.right = self.first + self.wide * len(given)
        self.top, self.bottom = top, top + HIGH
        self.strip = self.bottom + 26
        self.wordy = self.wide >= WORDY
        """Whether there is room for words under the squares."""
        self.under = 44 if self.wordy else 26
        """px below the squares."""

    def x(self, version: int) -> float:
        """Where the column of that version begins."""
        return self.first + (version - 1) * self.wide

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * HIGH

    def path(self, values: list[float], begin: int, end: int, before: float) -> list[tuple[float, float]]:
        """The line over the columns `begin` to `end`, from the value before them."""
        points = [(self.x(begin), self.y(before))]
        for version in range(begin, end + 1):
            level = self.y(values[version - 1])
            points += [(self.x(version), level), (self.x(version + 1), level)]
        return points


def _draw(given: list[Step], title: str, alt: str, here: int | None, others: list[float] | None,
          names: tuple[str, str], start: float) -> str:
    svg, last = Svg(WIDTH, title, alt), len(given) if here is None or others is not None else here
    top = svg.heading() + (36 if others is not None else 8)
    plan = _Plan(given, others, start, top + 12)
    values = [step.value for step in given]
    if others is not None:
        _legend(svg, top, names)
    if here:
        deep = plan.strip + CELL + plan.under - plan.top
        svg.rect(plan.x(here), plan.top - 12, plan.wide, deep, fill=HIGHLIGHT, radius=4)
    for value in plan.ticks:
        svg.line([(plan.left, plan.y(value)), (plan.right, plan.y(value))], GREY.main if value == 0 else LINE,
                 1.4 if value == 0 else 0.8)
        svg.text(plan.left - 8, plan.y(value) + 4, _number(value), size=SMALL, anchor="end", colour=MUTED)
    past = [(plan.left, plan.y(start)), *(plan.path(values, 1, last, start) if last else [])]
    if last:
        base = plan.y(max(plan.low, min(0, plan.high)))
        svg.polygon([(plan.left, base), *past, (plan.x(last + 1), base)], BLUE.tint)
    if last < len(given):
        svg.line(plan.path(values, last + 1, len(given), _at(given, start, last)), GREY.main, 1.4, "3 4")
    if others is not None and last:
        svg.line([(plan.left, plan.y(start)), *plan.path(others, 1, last, start)], VERMILLION.main, 2.4, "6 4")
    svg.line(past if last else [*past, (plan.first, plan.y(start))], BLUE.main, 2.8)
    _write_values(svg, plan, values, others, last)
    _draw_stream(svg, plan, given, last)
    return svg.render(plan.strip + CELL + plan.under + 10)


def _legend(svg: Svg, y: float, names: tuple[str, str]) -> None:
    x = float(EDGE + AXIS)
    for name, tone, dash in ((names[0], BLUE, ""), (names[1], VERMILLION, "6 4")):
        svg.line([(x, y - 18), (x + 26, y - 18)], tone.main, 2.6, dash)
        x = svg.text(x + 34, y - 14, clip(name, 300, SMALL), size=SMALL, colour=tone.text, bold=True).x1 + 22


def _write_values(svg: Svg, plan: _Plan, values: list[float], others: list[float] | None, last: int) -> None:
    """The value of each column above its step, a second one on the other side; none if they have no room."""
    shown = values if others is None else [*values, *others]
    if max(width_of(_number(value), SMALL, True) for value in shown) > plan.wide - 3:
        return
    for version in range(1, last + 1):
        value = values[version - 1]
        other = value if others is None else others[version - 1]
        below = other > value
        middle = plan.x(version) + plan.wide / 2
        for number, tone, under, wanted in ((value, BLUE, below, True), (other, VERMILLION, not below, other != value)):
            if wanted:
                svg.text(middle, plan.y(number) + (16 if under else -7), _number(number), size=SMALL, anchor="middle",
                         bold=True, colour=tone.text, halo=True)


def _draw_stream(svg: Svg, plan: _Plan, given: list[Step], last: int) -> None:
    """The stream as a long box with a square for each event; those that are not there yet are outlines."""
    y = plan.strip
    svg.rect(plan.first - 6, y - 5, plan.right - plan.first + 12, CELL + 10, fill=GREY.tint, stroke=GREY.main, radius=6)
    size = min(CELL, plan.wide - 2)
    changes = plan.wordy or all(width_of(step.change, SMALL) <= plan.wide - 3 for step in given)
    numbered = width_of(str(len(given)), SMALL, True) <= size - 2
    for version, step in enumerate(given, 1):
        middle, there = plan.x(version) + plan.wide / 2, version <= last
        svg.rect(middle - size / 2, y + (CELL - size) / 2, size, size, fill=ORANGE.main if there else CARD,
                 stroke=ORANGE.main if there else LINE, line=1.2, radius=3, dash="" if there else "3 2")
        if numbered:
            svg.text(middle, y + CELL / 2 + 4.3, str(version), size=SMALL, anchor="middle", bold=there,
                     colour=INK if there else MUTED)
        if plan.wordy:
            svg.text(middle, y + CELL + 21, clip(step.label, plan.wide - 8, SMALL), size=SMALL, anchor="middle",
                     colour=INK if there else MUTED)
        if step.change and changes:
            words = clip(step.change, plan.wide - 3, SMALL)
            svg.text(middle, y + CELL + (38 if plan.wordy else 21), words, size=SMALL, anchor="middle",
                     colour=ORANGE.text if there else MUTED)
