"""Lag over time, a line for each partition, with what happened marked on it.

Every point is a sample that somebody took of `log.lag`. The partition that is furthest behind is the one to see: its
line is thick, and the area under it is hatched, as whatever waits is in this course. A sum is drawn only if asked
for, because a sum hides a hot partition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure
from evlab.viz.flags import Event, draw_events
from evlab.viz.svg import EDGE, Svg, clip, round_step
from evlab.viz.theme import (
    BLUE,
    GREEN,
    GREY,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
)

__all__ = ["finding", "lag_plot"]

WIDTH, HIGH, LEFT, RIGHT = 900, 240, EDGE + 52, 190
"""px: the picture, the height of the plot, and what is left and right of it."""
MOST_PARTITIONS, MOST_TIMES, MOST_EVENTS, ROWS = 12, 240, 12, 9
"""What one picture takes; of more samples some are left out, never the highest. `ROWS`: lines of the table."""
SUM = "sum"
ROUND = (1, 5, 15, 60, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between two marks of a time axis that is written as a clock."""
UNITS = {"lag": ("records behind", ""), "time_lag": ("seconds behind", " s")}
OTHERS = [(BLUE, ""), (GREEN, "7 4"), (PURPLE, "2 3"), (ORANGE, "10 3 2 3"), (GREY, "4 4")]
"""Tone and dash of the partitions that are not the worst."""


class _Lines(NamedTuple):
    """What is drawn: the times, and for each line its value at each time; None where it is not known."""

    times: list[float]
    values: dict[str, list[float | None]]

    def worst(self) -> str:
        """The partition with the highest point; of equal ones the first."""
        names = [name for name in self.values if name != SUM]
        return max(names, key=lambda name: max(value or 0 for value in self.values[name]))


def lag_plot(frame: Any, *, title: str = "", events: Iterable[tuple] = (), what: str = "lag", total: bool = False,
             limit: float | None = None, clock: Callable[[float], str] | None = None) -> Figure:
    """Draw the lag of each partition over time.

    frame: samples of `log.lag_frame(group)`, one below the other, with a column `time` (s). title: what is to be seen;
    without one, `finding` looks for it. events: (time, words), or (time, words, "crash") for a bolt. what: "lag", in
    records, or "time_lag", in seconds. total: draw the sum, too. limit: a level that was promised, drawn across. clock:
    how a time is written, as "14:05"; without one, in seconds.
    Raises `InvalidUse` for a frame without samples or without these columns, and for more than 12 partitions or events.
    """
    if what not in UNITS:
        raise InvalidUse(f"what={what!r:.40} is not known", next_step='give "lag" or "time_lag"')
    lines = _lines(frame, what)
    marks = [_event(event) for event in events]
    if len(marks) > MOST_EVENTS:
        raise InvalidUse(f"{len(marks)} events make no picture", next_step=f"name at most {MOST_EVENTS}")
    if limit is not None and not (isinstance(limit, int | float) and 0 <= limit < math.inf):
        raise InvalidUse(f"limit={limit!r:.40} is no level", next_step="give a number of 0 or more")
    title = title.strip() or finding(frame, what, clock)
    if total:
        lines.values[SUM] = _sum(lines)
    said = clock or _seconds
    alt = f"{sentence(title)} {_said(lines, marks, what, limit, said)}"
    return Figure(_draw(lines, marks, title, alt, what, limit, clock), alt,
                  _words(lines, marks, title, what, limit, said))


def finding(frame: Any, what: str = "lag", clock: Callable[[float], str] | None = None) -> str:
    """What the samples show, in one line: nobody is behind, one partition holds the lag, it grows, or it is gone."""
    lines = _lines(frame, what)
    unit, sums = UNITS[what][1], _sum(lines)
    peak, last = max(sums), sums[-1]
    if not peak:
        return "No partition is behind"
    ends = {name: values[-1] or 0 for name, values in lines.values.items()}
    first = max(ends, key=ends.get)
    if not last:
        gone = next(time for time, value in zip(reversed(lines.times), reversed(sums), strict=True) if value)
        return f"The lag peaked at {_number(peak)}{unit} and was gone after {(clock or _seconds)(gone)}"
    if len(ends) > 1 and ends[first] >= 0.6 * last:
        return f"{first.capitalize()} holds {ends[first] / last:.0%} of the lag".replace("%", " %")
    half = len(sums) // 2
    if half and lines.times[-1] > lines.times[half]:
        rate = (last - sums[half]) / (lines.times[-1] - lines.times[half])
        if abs(rate) >= 0.05:
            return f"The lag {'grows' if rate > 0 else 'shrinks'} by {_number(abs(rate))}{unit} a second"
    return f"The lag stands at {_number(last)}{unit}"


# ----------------------------------------------------------------------------------------------- what is in the frame


def _lines(frame: Any, what: str) -> _Lines:
    missing = [name for name in ("time", "partition", what) if name not in getattr(frame, "columns", ())]
    if missing or not len(frame):
        raise InvalidUse(f"there is no column {missing[0]}" if missing else "there is no sample to draw",
                         why="each point of the plot is a sample of log.lag",
                         next_step="collect log.lag_frame(group).assign(time=world.now()) now and then, and join them")
    several = "topic" in frame.columns and frame["topic"].nunique() > 1
    topics = frame["topic"] if several else [""] * len(frame)
    found: dict[tuple, dict[float, float]] = {}
    for topic, number, time, value in zip(topics, frame["partition"], frame["time"], frame[what], strict=True):
        found.setdefault((topic, int(number)), {})[float(time)] = float("nan" if value is None else value)
    if len(found) > MOST_PARTITIONS:
        raise InvalidUse(f"{len(found)} partitions make no picture", next_step=f"draw at most {MOST_PARTITIONS}")
    times = sorted({time for line in found.values() for time in line})
    values = {f"{topic}-{number}" if several else f"partition {number}":
              [None if math.isnan(value := line.get(time, math.nan)) else value for time in times]
              for (topic, number), line in sorted(found.items())}
    return _Lines(times, values)


def _sum(lines: _Lines) -> list[float]:
    return [sum(value or 0 for value in at) for at in zip(*lines.values.values(), strict=True)]


def _event(event: Any) -> Event:
    try:
        time, what, *kind = event
        return Event(float(time), safe(what, 60), kind == ["crash"])
    except (TypeError, ValueError) as error:
        raise InvalidUse(f"{event!r:.60} is no event",
                         next_step='give (time, words) or (time, words, "crash")') from error


def _kept(lines: _Lines) -> list[int]:
    """Which samples are drawn: all, or so many that they are still one to some px; always the highest of each line."""
    count = len(lines.times)
    stride = -(-count // MOST_TIMES)
    tops = {max(range(count), key=lambda at, line=line: line[at] or 0) for line in lines.values.values()}
    return sorted({*range(0, count, stride), count - 1, *tops})


# --------------------------------------------------------------------------------------------------------- in words


def _number(value: float) -> str:
    if value >= 1e7:
        return f"{value / 1e6:,.0f} M"
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _seconds(time: float) -> str:
    return f"{_number(time)} s"


def _peak(lines: _Lines, name: str) -> tuple[float, float]:
    values = [value or 0 for value in lines.values[name]]
    at = max(range(len(values)), key=values.__getitem__)
    return values[at], lines.times[at]


def _last(values: list[float | None], unit: str) -> str:
    return "unknown" if values[-1] is None else f"{_number(values[-1])}{unit}"


def _said(lines: _Lines, events: list[Event], what: str, limit: float | None, at: Callable[[float], str]) -> str:
    unit, name = UNITS[what][1], lines.worst()
    high, time = _peak(lines, name)
    begin = _number(lines.times[0]) if at is _seconds else at(lines.times[0])
    said = (f"{UNITS[what][0].capitalize()}, from {begin} to {at(lines.times[-1])}. Highest: "
            f"{name} with {_number(high)}{unit} at {at(time)}; at the end {_last(lines.values[name], unit)}.")
    if limit is not None:
        said += f" The limit is {_number(limit)}{unit}."
    if events:
        said += " " + ", ".join(f"{at(event.time)}: {event.what}" for event in events) + "."
    return said


def _words(lines: _Lines, events: list[Event], title: str, what: str, limit: float | None,
           said_at: Callable[[float], str]) -> str:
    count = len(lines.times)
    chosen = {round(step * (count - 1) / (ROWS - 1)) for step in range(ROWS)} if count > ROWS else set(range(count))
    chosen |= {next((at for at, time in enumerate(lines.times) if time >= event.time), count - 1) for event in events}
    head = ["time", *lines.values]
    rows = [[said_at(lines.times[at]), *("?" if line[at] is None else _number(line[at])
                                                for line in lines.values.values())] for at in sorted(chosen)]
    wide = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    table = ["    " + "  ".join(cell.rjust(width) for cell, width in zip(row, wide, strict=True))
             for row in [head, *rows]]
    said = [f"  {line}" for line in _said(lines, [], what, limit, said_at).split("\n")]
    return "\n".join([safe(title, 300), *said, *table, *(f"  {said_at(one.time)}: {one.what}" for one in events)])


# ---------------------------------------------------------------------------------------------------------- drawing


def _draw(lines: _Lines, events: list[Event], title: str, alt: str, what: str, limit: float | None,
          clock: Callable[[float], str] | None) -> str:
    svg = Svg(WIDTH, title, alt)
    top = svg.heading(f"{UNITS[what][0].capitalize()}, over time{' in seconds' * (clock is None)}") + 6
    end = max(lines.times[-1], *(event.time for event in events)) if events else lines.times[-1]
    begin = min([lines.times[0], *(event.time for event in events)])
    span = (end - begin) or 1.0
    high = max([value for line in lines.values.values() for value in line if value is not None] + [limit or 0, 1e-9])
    step = round_step(high, 5)
    step = max(step, 1.0) if what == "lag" else step
    full = max(1, math.ceil(high / step - 1e-9)) * step
    top = draw_events(svg, events, top, HIGH, lambda time: LEFT + (WIDTH - LEFT - RIGHT) * (time - begin) / span)
    low = top + HIGH

    def place(time: float, value: float) -> tuple[float, float]:
        return LEFT + (WIDTH - LEFT - RIGHT) * (time - begin) / span, low - HIGH * value / full

    _draw_axes(svg, begin, span, full, step, place, clock)
    y = place(begin, limit or 0)[1]
    if limit is not None:
        svg.line([(LEFT, y), (WIDTH - RIGHT, y)], VERMILLION.main, 1.6, "8 5")
    _draw_lines(svg, lines, place, low, UNITS[what][1])
    if limit is not None:  # its words lie on top
        svg.text(LEFT + 6, y - 6, f"limit {_number(limit)}{UNITS[what][1]}", size=SMALL, bold=True, halo=True,
                 colour=VERMILLION.text)
    return svg.render(low + 36)


def _draw_axes(svg: Svg, begin: float, span: float, full: float, step: float, place, clock) -> None:
    for index in range(round(full / step) + 1):
        y = place(begin, index * step)[1]
        svg.line([(LEFT, y), (WIDTH - RIGHT, y)], GREY.tint if index else GREY.main, 1.2)
        svg.text(LEFT - 8, y + 4, _number(index * step), size=SMALL, anchor="end", colour=MUTED)
    each = round_step(span, 8)
    if clock is not None:  # a clock's own round numbers
        each = next((seconds for seconds in ROUND if span / seconds <= 8), each)
    for index in range(math.ceil(begin / each - 1e-9), math.floor((begin + span) / each + 1e-9) + 1):
        x, y = place(index * each, 0)
        svg.line([(x, y), (x, y + 5)], GREY.main, 1.2)
        svg.text(x, y + 19, (clock or _number)(index * each), size=SMALL, anchor="middle", colour=MUTED)


def _draw_lines(svg: Svg, lines: _Lines, place, low: float, unit: str) -> None:
    worst, kept, labels = lines.worst(), _kept(lines), []
    styles = iter(OTHERS * MOST_PARTITIONS)
    looks: dict[str, tuple[Tone, str, float]] = {}
    for name in lines.values:
        looks[name] = (SKY, "", 3) if name == worst else (GREY, "1 3", 2.6) if name == SUM else (*next(styles), 1.8)
    for name in sorted(lines.values, key=lambda name: name != worst):  # the hatched area lies under the other lines
        tone, dash, width = looks[name]
        for points in _stretches([(lines.times[at], lines.values[name][at]) for at in kept], place):
            if name == worst:
                svg.polygon([(points[0][0], low), *points, (points[-1][0], low)], f"url(#hatch-{SKY.main[1:]})")
            svg.line(points, tone.text if name == worst else tone.main, width, dash)
        known = [(time, value) for time, value in zip(lines.times, lines.values[name], strict=True)
                 if value is not None]
        if known:
            end = place(*known[-1])[1]
            labels.append((end, name, f"{name}: {_last(lines.values[name], unit)}", tone, dash, width))
    _draw_labels(svg, sorted(labels), low)


def _stretches(samples: list[tuple[float, float | None]], place) -> list[list[tuple[float, float]]]:
    """The samples as points, cut where one is not known."""
    cut: list[list[tuple[float, float]]] = [[]]
    for time, value in samples:
        if value is None:
            cut.append([])
        else:
            cut[-1].append(place(time, value))
    return [points for points in cut if points]


def _draw_labels(svg: Svg, labels: list[tuple], low: float) -> None:
    """A name at the end of each line, with a piece of the line; moved apart where lines end together."""
    gap = 16
    heights = [label[0] for label in labels]
    for index in range(1, len(heights)):
        heights[index] = max(heights[index], heights[index - 1] + gap)
    lowest = low - 2
    for index in reversed(range(len(heights))):
        heights[index] = min(heights[index], lowest)
        lowest = heights[index] - gap
    left = WIDTH - RIGHT + 12
    for height, (end, _, words, tone, dash, width) in zip(heights, labels, strict=True):
        svg.line([(left - 10, end), (left, height)], GREY.main, 0.8)
        svg.line([(left, height), (left + 20, height)], tone.text if width == 3 else tone.main, width, dash)
        svg.text(left + 26, height + 4.2, clip(words, RIGHT - 46, SMALL, width == 3), size=SMALL, bold=width == 3,
                 colour=tone.text)
