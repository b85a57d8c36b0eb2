"""The drawing of a router: where everything stands, and its lines.

Each incoming line of a queue has a row of its own, so its label is never crossed; a queue's dead letters leave below
it, through a lane between the exchanges and the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evlab.viz.routes_shown import ExchangeShown, Line, QueueShown, named, reader_words
from evlab.viz.svg import EDGE, Svg, clip, wrap
from evlab.viz.theme import (
    BLUE,
    GREEN,
    GREY,
    HIGHLIGHT,
    MUTED,
    ORANGE,
    SKY,
    SLATE,
    SMALL,
    VERMILLION,
    width_of,
)

__all__ = ["WIDTH", "draw", "place"]

WIDTH = 900
MAKER_WIDE, EXCHANGE_X, EXCHANGE_WIDE, EXCHANGE_HIGH = 106, 178, 140, 52
BEND, QUEUE_X, QUEUE_WIDE, READER_X, READER_WIDE = 384, 560, 146, 742, 134
"""px: where the lines to the queues become level, and where the columns stand."""
LANE, LANE_STEP, DETOUR = 330, 9, 166
"""Where the dead letters' lanes begin, and how far they are apart; and the lane to an alternate exchange."""
ROW, READER_ROW, BELOW, GAP = 27, 48, 32, 18
"""px: a line into a queue, a consumer, a queue's line of dead letters, and between two queues."""
SHOWN = 9
"""Messages that are drawn as squares in a queue."""
FAINT = "#8A95A1"


def _rows(found: list[ExchangeShown], queues: list[QueueShown]) -> Iterator[tuple[str | None, QueueShown | None]]:
    """From top to bottom: each exchange with the queues whose first line comes from it, and below each queue those
    that only its dead letters reach. An exchange without queues of its own has a row for itself."""
    left = {queue.name: queue for queue in queues}

    def with_letters(home: str | None, queue: QueueShown) -> Iterator[tuple[str | None, QueueShown]]:
        yield home, left.pop(queue.name)
        for other in queues:
            if other.name in left and other.home is None and other.lines[0].letter_of == queue.name:
                yield from with_letters(None, other)

    for one in found:
        own = [queue for queue in queues if queue.home == one.name]
        if not own:
            yield one.name, None
        for queue in own:
            yield from with_letters(one.name, queue)
    for queue in queues:  # dead letters that go round in a circle
        if queue.name in left:
            yield from with_letters(None, queue)


def place(found: list[ExchangeShown], queues: list[QueueShown], y: float) -> float:
    """Give all its place, from `y` on; how low it reaches."""
    homes: dict[str, list[float]] = {one.name: [] for one in found}
    least = EXCHANGE_HIGH + 4
    for home, queue in _rows(found, queues):
        high = least
        if queue is not None:
            queue.top = y
            content = 46 + 15 * len(_note_lines(queue)) + 18 * any(queue.counts)
            high = queue.high = max(content, ROW * len(queue.lines) + 6, READER_ROW * len(queue.readers) - 2, least)
            step = queue.high / len(queue.lines)
            for index, line in enumerate(queue.lines):
                line.y, line.rows = y + step * (index + 0.5) + 4, 2 if step > 44 else 1
            high += BELOW if queue.target is not None else 0
        if home is not None:
            homes[home].append(y + (least if queue is None else queue.high) / 2)
        y += high + GAP
    for one in found:
        one.y = (min(homes[one.name]) + max(homes[one.name])) / 2
    return max(y, 140)


def _note_lines(queue: QueueShown) -> list[str]:
    return wrap(", ".join(queue.notes), QUEUE_WIDE - 16, SMALL, lines=4) if queue.notes else []


def draw(svg: Svg, makers: Mapping[str, str], found: list[ExchangeShown], queues: list[QueueShown], asked: bool,
          exchange: str | None, used: set[str]) -> dict[str, tuple[float, float]]:
    places = {one.name: one for one in found}
    anchors: dict[str, tuple[float, float]] = {}
    for queue in queues:
        for line in queue.lines:
            if not line.letter_of:
                _draw_line(svg, places[line.exchange].y, line, asked)
                anchors[f"bend {line.exchange} {queue.name}"] = (BEND, line.y)
    _draw_letters(svg, places, queues)
    for one in found:
        lit = asked and one.name in used
        _draw_exchange(svg, one, lit)
        if one.alternate in places:
            _draw_alternate(svg, one.y, places[one.alternate].y, lit=asked and one.name == exchange
                            and one.alternate in used)
        if asked and one.name == exchange and not used:
            middle, low = EXCHANGE_X + EXCHANGE_WIDE / 2, one.y + EXCHANGE_HIGH / 2
            svg.arrow((middle, low), (middle, low + 12), VERMILLION.main, form="cross")
            svg.text(middle + 13, low + 16, "dropped", bold=True, colour=VERMILLION.text, size=SMALL)
        anchors[f"exchange {one.name}"] = (EXCHANGE_X + EXCHANGE_WIDE / 2, one.y)
    for queue in queues:
        _draw_queue(svg, queue)
        anchors[f"queue {queue.name}"] = (QUEUE_X, queue.lines[0].y)
        step = queue.high / max(len(queue.readers), 1)
        for index, reader in enumerate(queue.readers):
            y = queue.top + step * (index + 0.5)
            svg.arrow((QUEUE_X + QUEUE_WIDE + 3, y), (READER_X - 3, y), SLATE)
            svg.box(READER_X, y - 20, READER_WIDE, 40, reader.name, GREEN, sub=reader_words(reader))
            anchors[f"consumer {queue.name} {reader.name}"] = (READER_X, y)
    _draw_makers(svg, makers, places, asked, exchange, anchors)
    return anchors


def _draw_line(svg: Svg, start: float, line: Line, asked: bool) -> None:
    """From an exchange to a queue. What matches is thick, lit, ticked and carries the message; the rest is dashed."""
    path = [(EXCHANGE_X + EXCHANGE_WIDE, start), (BEND, line.y), (QUEUE_X - 9, line.y)]
    lit, room = bool(line.lit), QUEUE_X - BEND - 24
    if lit:
        svg.line(path, HIGHLIGHT, 10)
    colour, width = (SLATE, 2.8) if lit else (FAINT, 1.4) if asked else (SLATE, 1.6)
    svg.line(path[:2], colour, width, "" if lit or not asked else "4 5")
    svg.arrow(path[1], (QUEUE_X - 2, line.y), colour, width=width, dash="" if lit or not asked else "4 5")
    if lit:
        svg.badge(BEND + 6, line.y - 11, "ok", ORANGE)
        svg.square(BEND - 12, line.y + (start - line.y) * 12 / (BEND - EXCHANGE_X - EXCHANGE_WIDE), ORANGE, 12)
    bold, colour = not asked or lit, MUTED if asked and not lit else GREY.text
    rows = wrap(line.label, room - 12 * lit, SMALL, bold, line.rows)
    for index, part in enumerate(rows):
        svg.text(BEND + (18 if lit else 6), line.y - 7 - 15 * (len(rows) - 1 - index), part, size=SMALL, bold=bold,
                 colour=colour)


def _draw_letters(svg: Svg, places: dict[str, ExchangeShown], queues: list[QueueShown]) -> None:
    """Each queue's dead letters: down out of the queue, left to a lane, along it, and into their exchange or queue."""
    lane = LANE
    by_name = {queue.name: queue for queue in queues}
    for queue in queues:
        if queue.target is None:
            continue
        out, y = QUEUE_X + 110, queue.top + queue.high + 20
        words = f"dead: {queue.reasons}"
        colour = VERMILLION.main if queue.happened else FAINT
        dash, width = ("", 2.0) if queue.happened else ("5 4", 1.5)
        goal, home = places.get(queue.target or ""), by_name.get(queue.key or "") if queue.target == "" else None
        down = [(out, queue.top + queue.high), (out, y)]
        for row, part in enumerate(_split(words, out - BEND + 6, queue.happened)):
            svg.text(out - 8, y - 5 + 18 * row, part, size=SMALL, anchor="end", bold=queue.happened,
                     colour=VERMILLION.text if queue.happened else MUTED)
        if queue.target == "" and home is not None:
            line = next(line for line in home.lines if line.letter_of == queue.name)
            svg.line([*down, (lane, y), (lane, line.y)], colour, width, dash)
            svg.arrow((lane, line.y), (QUEUE_X - 2, line.y), colour, width=width, dash=dash)
            svg.text(BEND + 6, line.y - 7, clip(line.label, QUEUE_X - BEND - 24, SMALL), size=SMALL, colour=MUTED)
        elif queue.target != "" and goal is not None:
            at = goal.y + (15 if goal.y < y else -15)
            svg.line([*down, (lane, y), (lane, at)], colour, width, dash)
            svg.arrow((lane, at), (EXCHANGE_X + EXCHANGE_WIDE + 2, at), colour, width=width, dash=dash)
        else:
            svg.line([*down, (BEND + 30, y)], colour, width, dash)
            form = "arrow" if queue.target == "" else "cross"
            svg.arrow((BEND + 30, y), (BEND + 12, y), colour, width=width, form=form)
        lane = LANE + (lane - LANE + LANE_STEP) % (5 * LANE_STEP)


def _split(words: str, room: float, bold: bool) -> list[str]:
    """Reasons in one line, or in two that break between them."""
    first, rest = words, ""
    while width_of(f"{first},", SMALL, bold) > room and ", " in first:
        first, _, last = first.rpartition(", ")
        rest = f"{last}, {rest}" if rest else last
    return [clip(part, room, SMALL, bold) for part in ([f"{first},", rest] if rest else [first])]


def _draw_exchange(svg: Svg, one: ExchangeShown, lit: bool) -> None:
    top = one.y - EXCHANGE_HIGH / 2
    if lit:
        svg.rect(EXCHANGE_X - 5, top - 5, EXCHANGE_WIDE + 10, EXCHANGE_HIGH + 10, fill=HIGHLIGHT, radius=12)
    more = f", else {one.alternate}" if one.alternate else ""
    svg.box(EXCHANGE_X, top, EXCHANGE_WIDE, EXCHANGE_HIGH, named(one.name), GREY, sub=one.type + more)


def _draw_alternate(svg: Svg, y: float, goal: float, lit: bool) -> None:
    side = 12 if goal > y else -12
    path = [(EXCHANGE_X, y + side), (DETOUR, y + side), (DETOUR, goal - side)]
    if lit:
        svg.line(path, HIGHLIGHT, 9)
    svg.line(path, SLATE if lit else FAINT, 2.6 if lit else 1.5, "" if lit else "5 4")
    svg.arrow(path[-1], (EXCHANGE_X - 2, goal - side), SLATE if lit else FAINT, width=2.6 if lit else 1.5, lit=lit)


def _depth(ready: int, unacked: int) -> str:
    """A queue's depth in the width of its box; the text twin has all digits."""
    whole = f"{ready:,} ready, {unacked:,} unacked"
    if width_of(whole, SMALL) <= QUEUE_WIDE - 14:
        return whole
    return f"{_short(ready)} + {_short(unacked)} unacked"


def _short(count: int) -> str:
    return str(count) if count < 1000 else f"{count / 1000:.1f}k" if count < 10_000 else f"{count // 1000:,}k"


def _draw_queue(svg: Svg, queue: QueueShown) -> None:
    ready, unacked = queue.counts
    top = queue.top
    svg.rect(QUEUE_X, top, QUEUE_WIDE, queue.high, fill=GREY.tint, stroke=GREY.main, line=2, radius=4)
    svg.text(QUEUE_X + 9, top + 19, clip(queue.name, QUEUE_WIDE - 18, bold=True), bold=True)
    y = top + 36
    svg.text(QUEUE_X + 9, y, clip(_depth(ready, unacked), QUEUE_WIDE - 14, SMALL), size=SMALL, colour=GREY.text)
    for line in _note_lines(queue):
        y += 15
        svg.text(QUEUE_X + 9, y, line, size=SMALL, colour=MUTED)
    held = min(unacked, SHOWN if not ready else 4)
    x = QUEUE_X + 15
    for index in range(min(ready, SHOWN - held)):
        svg.square(x + 14 * index, y + 14, ORANGE, 11)
    x += 14 * min(ready, SHOWN - held)
    for index in range(held):
        svg.hatch(x + 14 * index - 5.5, y + 8.5, 11, 11, SKY, radius=1.5)


def _draw_makers(svg: Svg, makers: Mapping[str, str], places: dict[str, ExchangeShown], asked: bool,
                 exchange: str | None, anchors: dict[str, tuple[float, float]]) -> None:
    for to in dict.fromkeys(makers.values()):
        names = [name for name, goal in makers.items() if goal == to]
        for index, name in enumerate(names):
            goal = places[to].y
            y = goal + 44 * (index - (len(names) - 1) / 2)
            svg.box(EDGE, y - 19, MAKER_WIDE, 38, name, BLUE)
            svg.arrow((EDGE + MAKER_WIDE + 2, y), (EXCHANGE_X - 7, goal), SLATE, lit=asked and to == exchange)
            anchors[f"producer {name}"] = (EDGE + MAKER_WIDE, y)
