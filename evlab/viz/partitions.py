"""A topic of the log, drawn as Kafka's users draw it: each partition a strip of cells, from the log's start to its end.

A cell is a record, with its offset and its key. Where readers and copies stand is marked between the cells, before
the record that comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.log.records import Record
from evlab.viz.figure import Figure, drawable, several
from evlab.viz.strips import Copy, Strip, describe_strip, finding, in_turn, key_of, note_readers, strip_of
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import (
    BLUE,
    CARD,
    GREEN,
    GREY,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SLATE,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
    width_of,
)

__all__ = ["partition_strips"]

WIDTH, LABEL, CELL, HIGH = 900, 150, 46, 38
"""px: the picture, the room for a partition's name, a record's width and height."""
MOST, HEAD = 15, 2
"""Places in a row; of a longer partition the first `HEAD` records are drawn, a gap, and the last ones."""
MOST_PARTITIONS = 24
ROW, BAR = 15, 17
"""px: a row of marks, and a copy's bar."""
KEY_TONES = (ORANGE, BLUE, GREEN, PURPLE, SKY)
PLAIN = Tone(LINE, CARD, MUTED)


class _Mark(NamedTuple):
    x: float
    text: str
    tone: Tone
    dash: str


def partition_strips(log: Any, topic: str, group: str | None = None, *, title: str | None = None,
                     consumers: Iterable[Any] = (), label: Callable[[Record], str] | None = None,
                     lit: Iterable[str] | None = None, keys: Iterable[str] = (), copies: bool | None = None
                     ) -> Figure:
    """Draw a topic of `log`: each partition's records by offset and key, and where its readers are.

    group: also mark what it has committed, its lag (hatched) and who owns each partition. consumers: also mark the
    position of these. title: the finding; by default which partition is longest. label: what stands in a cell, from
    its record; by default the key. lit: colour these keys alone. keys: give colours in this order first, so that they
    stay the same in a row of pictures. copies: also draw each broker's copy and the high watermark; by default when
    there is more than one broker. The last stable offset is marked where a transaction is open. Five keys have a
    colour each; with more, colours come again, and the words in the cells tell them apart.
    Raises `UnknownTopic`, and `InvalidUse` for a title without words or more than 24 partitions.
    """
    if title is not None and (not isinstance(title, str) or not title.strip()):
        raise InvalidUse("a title without words says nothing", next_step="leave it out, or state the finding")
    count = drawable("log", log, "partitions", "names").partitions(topic)
    if count > MOST_PARTITIONS:
        raise InvalidUse(f"{count} partitions make no picture", next_step=f"draw at most {MOST_PARTITIONS}")
    copies = len(log.names) > 1 if copies is None else copies
    strips = [strip_of(log, topic, number) for number in range(count)]
    note_readers(log, topic, group, several("consumers", consumers, "position"), strips)
    found = list(dict.fromkeys(key_of(record) for record in in_turn(strips)))
    lit = None if lit is None else {lit} if isinstance(lit, str) else set(several("lit", lit))
    look = _Look(list(dict.fromkeys([*several("keys", keys), *found])), lit, label)
    title = title or finding(topic, strips)
    told = [describe_strip(strip, group, copies) for strip in strips]
    lines = [safe(title, 300)]
    for strip, said in zip(strips, told, strict=True):
        lines += [f"  {said}", "    " + (" ".join(_in_words(strip, look)) or "empty")]
    alt = f"{sentence(title)} {' '.join(sentence(one) for one in told)}"
    picture, anchors = _draw(strips, look, title, alt, group, copies)
    return Figure(picture, alt, "\n".join(lines), anchors)


# ------------------------------------------------------------------------------------------------ in words


class _Look:
    """What stands in a cell, and in which colour."""

    def __init__(self, keys: list[str], lit: set[str] | None, label: Callable[[Record], str] | None):
        self.label = label
        self.prefix = "" if label else _prefix(keys)
        shown = [key for key in keys if key != "no key" and (lit is None or key in lit)]
        self.tones = {key: KEY_TONES[index % len(KEY_TONES)] for index, key in enumerate(shown)}

    def words(self, record: Record) -> str:
        return self.label(record) if self.label else key_of(record).removeprefix(self.prefix)

    def tone(self, record: Record) -> Tone:
        return self.tones.get(key_of(record), PLAIN)


def _prefix(keys: list[str]) -> str:
    """What all keys begin with, up to a hyphen: "order-" of order-1 and order-2."""
    heads = {key[:key.rfind("-") + 1] for key in keys if key != "no key"}
    return heads.pop() if len(heads) == 1 else ""


def _in_words(strip: Strip, look: _Look) -> list[str]:
    return [f"... {place:,} more ..." if kind == "gap" else f"{place}:{safe(_cell_words(strip, place, look), 30)}"
            for kind, place in _places(strip)]


def _cell_words(strip: Strip, offset: int, look: _Look) -> str:
    if offset not in strip.records:
        return "(gone)"
    record = strip.records[offset]
    return "(marker)" if record is None else look.words(record) + "×" * (record.value is None)


def _places(strip: Strip) -> list[tuple[str, int]]:
    """("cell", offset), in order, and ("gap", how many are left out)."""
    offsets = range(strip.start, strip.end)
    if len(offsets) <= MOST:
        return [("cell", offset) for offset in offsets]
    tail = MOST - HEAD - 1
    return [*(("cell", offset) for offset in offsets[:HEAD]), ("gap", len(offsets) - HEAD - tail),
            *(("cell", offset) for offset in offsets[-tail:])]


# ------------------------------------------------------------------------------------------------ the picture


def _draw(strips: list[Strip], look: _Look, title: str, alt: str, group: str | None, copies: bool):
    svg = Svg(WIDTH, title, alt)
    y = svg.heading() + 4
    anchors = {"producer": (EDGE, y)}
    for strip in strips:
        above, below = _marks(strip, copies)
        up, down = _rows(above), _rows(below)
        y += ROW * (max(up, default=-1) + 1)
        anchors[f"partition-{strip.number}"] = (_x(strip, strip.end) + CELL / 2, y + HIGH / 2)
        _draw_strip(svg, strip, look, y, group)
        _draw_marks(svg, above, up, y - 4, -1)
        _draw_marks(svg, below, down, y + HIGH + 8, 1)
        y += HIGH + 10 + ROW * (max(down, default=-1) + 1)
        for copy in strip.copies if copies else ():
            _draw_copy(svg, strip, copy, y)
            y += BAR
        y += 14
    for line in _legend(look, strips):
        svg.text(EDGE, y + 4, line, size=SMALL, colour=MUTED)
        y += 17
    return svg.render(y + 6), anchors


def _legend(look: _Look, strips: list[Strip]) -> list[str]:
    words = [clip(f"in a cell: its offset, its key ({look.prefix}…)", WIDTH // 2, SMALL)] if look.prefix else []
    records = [record for strip in strips for record in strip.records.values()]
    if not look.label:
        words += ["none: no key"] * any(record is not None and record.key is None for record in records)
    words += ["×: no value, a tombstone"] * any(record is not None and record.value is None for record in records)
    words += ["hatched: not committed yet"] * any(strip.lag for strip in strips)
    words += ["dashed: above the high watermark, not given to readers"] * any(s.end > s.high for s in strips)
    words += ["dotted: gone"] * any(set(range(s.start, s.end)) - set(s.records) for s in strips)
    lines: list[str] = []
    for one in words:
        longer = f"{lines[-1]} · {one}" if lines else one
        if lines and width_of(longer, SMALL) <= WIDTH - 2 * EDGE:
            lines[-1] = longer
        else:
            lines.append(one)
    return lines


def _x(strip: Strip, offset: int) -> float:
    """The left edge of an offset's place; the middle of the gap for one that is not drawn."""
    places = _places(strip)
    for index, (kind, place) in enumerate(places):
        if kind == "cell" and place >= offset:
            behind = index and places[index - 1][0] == "gap" and place > offset
            return LABEL + (index - 0.5 * bool(behind)) * CELL
    return LABEL + len(places) * CELL


def _draw_strip(svg: Svg, strip: Strip, look: _Look, y: float, group: str | None) -> None:
    svg.text(EDGE, y + 16, f"partition {strip.number}", bold=True, colour=GREY.text)
    under = "" if group is None else strip.owner and f"owner {strip.owner}"
    if strip.lag is not None:
        under = f"lag {strip.lag:,}" + (f", {strip.owner}" if strip.owner else "")
    svg.text(EDGE, y + 33, clip(under, LABEL - EDGE - 8, SMALL), size=SMALL, colour=MUTED)
    places = _places(strip)
    svg.rect(LABEL - 4, y - 4, max(1, len(places)) * CELL + 6, HIGH + 8, fill=GREY.tint, stroke=GREY.main, radius=5)
    if strip.lost:
        svg.bolt(LABEL + CELL / 2, y + HIGH / 2)
    for index, (kind, place) in enumerate(places):
        x = LABEL + index * CELL
        if kind == "gap":
            svg.text(x + CELL / 2 - 1, y + 16, "…", anchor="middle", bold=True, colour=MUTED)
            svg.text(x + CELL / 2 - 1, y + 31, clip(f"{place:,}", CELL - 4, SMALL), size=SMALL, anchor="middle",
                     colour=MUTED)
        else:
            _draw_cell(svg, strip, place, look, x, y)
    if strip.lag:
        left = _x(strip, max(strip.committed, strip.start))
        svg.hatch(left, y + HIGH + 1, _x(strip, strip.high) - left - 2, 5, SKY)


def _draw_cell(svg: Svg, strip: Strip, offset: int, look: _Look, x: float, y: float) -> None:
    middle = x + (CELL - 2) / 2
    record = strip.records.get(offset)
    if offset not in strip.records:
        svg.rect(x, y, CELL - 2, HIGH, fill=GREY.tint, stroke=LINE, line=1.2, radius=3, dash="1.5 3")
        svg.text(middle, y + 15, clip(f"{offset:,}", CELL - 4, SMALL), size=SMALL, anchor="middle", colour=MUTED)
        return
    tone = GREY if record is None else look.tone(record)
    svg.rect(x, y, CELL - 2, HIGH, fill=tone.tint, stroke=tone.main, line=1.6, radius=3,
             dash="4 3" if offset >= strip.high else "")
    number = f"{offset:,}{' ×' * (record is not None and record.value is None)}"
    svg.text(middle, y + 15, clip(number, CELL - 4, SMALL), size=SMALL, anchor="middle", colour=MUTED)
    words = "marker" if record is None else look.words(record)
    if record is not None and record.key is None and not look.label:
        words = "none"
    svg.text(middle, y + 31, _short(words), size=SMALL, anchor="middle", bold=True, colour=tone.text)


def _short(words: str) -> str:
    """`words` in a cell's width. What ends with a number is cut in front: the number tells it from the others."""
    room, words = CELL - 5, safe(words, 400)
    if not words[-1:].isdigit() or width_of(words, SMALL, True) <= room:
        return clip(words, room, SMALL, True)
    tail = words[-12:]
    while width_of(f"…{tail}", SMALL, True) > room:
        tail = tail[1:]
    return f"…{tail}"


def _draw_copy(svg: Svg, strip: Strip, copy: Copy, y: float) -> None:
    colour = {"leader": GREY.text, "down": VERMILLION.text}.get(copy.part, MUTED)
    svg.text(LABEL - 10, y + 10, clip(f"{copy.broker} {copy.part}", LABEL - 16, SMALL), size=SMALL, anchor="end",
             colour=colour, bold=copy.part == "leader")
    if copy.end is None:
        svg.line([(LABEL, y + 6), (LABEL + CELL, y + 6)], VERMILLION.main, 1.5, "3 4")
        return
    wide = _x(strip, max(min(copy.end, strip.end), strip.start)) - LABEL
    tone = GREY if copy.part != "out of sync" else VERMILLION
    svg.rect(LABEL, y + 1, max(wide - 2, 2), 9, fill=tone.main if copy.part == "leader" else tone.tint,
             stroke=tone.main, line=1.3, radius=2, dash="3 2" if copy.part == "out of sync" else "")
    svg.text(LABEL + max(wide, 4) + 4, y + 10, f"{copy.end:,}", size=SMALL, colour=MUTED)


# ------------------------------------------------------------------------------------------------ marks


def _marks(strip: Strip, copies: bool) -> tuple[list[_Mark], list[_Mark]]:
    """What stands above the strip, and what under it."""
    if strip.lost:
        return [], []
    above, below = [], []
    if strip.start:
        above.append(_Mark(LABEL, f"start {strip.start:,}", PLAIN, ""))
    if strip.stable < strip.high:
        above.append(_Mark(_x(strip, strip.stable), f"last stable {strip.stable:,}", PURPLE, "4 3"))
    if copies:
        above.append(_Mark(_x(strip, strip.high), f"high watermark {strip.high:,}", GREY, ""))
    if strip.committed is not None:
        same = strip.position == strip.committed
        text = f"committed {'and position ' * same}{strip.committed:,}"
        below.append(_Mark(_x(strip, max(strip.committed, strip.start)), text, GREEN, ""))
    if strip.position is not None and strip.position != strip.committed:
        below.append(_Mark(_x(strip, max(strip.position, strip.start)), f"position {strip.position:,}", GREEN, "4 3"))
    return sorted(above, key=lambda mark: mark.x), sorted(below, key=lambda mark: mark.x)


def _span(mark: _Mark) -> tuple[float, float]:
    """Where its words stand: right of its line, or left of it near the page's edge."""
    wide = width_of(mark.text, SMALL, True)
    return (mark.x + 4, mark.x + 4 + wide) if mark.x + 4 + wide < WIDTH - EDGE else (mark.x - 4 - wide, mark.x - 4)


def _rows(marks: list[_Mark]) -> list[int]:
    """A row for each mark, so that no words lie on others, nor on the line of a mark in a row further out."""
    taken: list[tuple[float, float]] = []
    rows = []
    for mark in marks:
        left, right = _span(mark)
        clear = all(right < other[0] - 4 or left > other[1] + 4 for other in taken)
        rows.append(0 if clear else max(rows) + 1)
        taken.append((min(left, mark.x), max(right, mark.x)))
    return rows


def _draw_marks(svg: Svg, marks: list[_Mark], rows: list[int], y: float, way: int) -> None:
    """Each mark: a line through the strip's edge, and its words beside the line's end. way: -1 is up, 1 is down."""
    for mark, row in zip(marks, rows, strict=True):
        far = y + way * (ROW * row + 11)
        near = y - way * (HIGH + 8)
        colour = SLATE if mark.tone is PLAIN else mark.tone.main
        svg.line([(mark.x - 1, near), (mark.x - 1, far)], colour, 2, mark.dash)
        left, _ = _span(mark)
        svg.text(left, far + (4 if way < 0 else 1) + (0 if way > 0 else 4), mark.text, size=SMALL, bold=True,
                 colour=mark.tone.text, halo=True)
