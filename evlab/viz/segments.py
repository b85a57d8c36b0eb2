"""A partition's files, drawn: how an offset is found in them, and which of them retention deletes."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.index import OFFSETS
from evlab.log.partition import Partition
from evlab.log.segment import Segment, segment_name
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import CARD, GREY, HIGHLIGHT, INK, LINE, MUTED, ORANGE, SMALL, VERMILLION, safe, sentence

__all__ = ["look_up", "retention"]

WIDTH, LEFT = 900, 142
"""px: the picture, and the room for labels at its left."""
ROW = 40
MOST_SEGMENTS, MOST_ENTRIES = 12, 6


def _titled(title: str, call: str) -> str:
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of segments needs a title", why="it states the finding",
                         next_step=f'write {call}(..., title="Two files of nine go")')
    return title


def _moment(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%d %b %Y %H:%M")
    except (ValueError, OverflowError, OSError):
        return f"{ms:,} ms"


# ------------------------------------------------------------------------------------------------------- looking up


class _Path(NamedTuple):
    """How an offset is found in a partition."""

    offset: int
    segment: Segment
    entries: list[tuple[int, int]]
    """The segment's index: (offset, position)."""
    chosen: int
    """Which of them; -1 if the offset lies before the first."""
    batches: list[tuple[int, int, int]]
    """All batches of the segment: (position, size, last offset)."""
    read: list[int]
    """Which of them are read, in order; the last one holds the offset."""


def look_up(partition: Partition, offset: int, *, title: str) -> Figure:
    """Draw the way to `offset`: the segment by its name, the nearest index entry at or below, then batch by batch.

    title: the finding. Raises `InvalidUse` for an offset that the partition does not have.
    """
    _titled(title, "look_up")
    if not partition.start <= offset < partition.end:
        raise InvalidUse(f"{partition.name} has no offset {offset} to look up",
                         next_step=f"give one from {partition.start} to {partition.end - 1}")
    path = _path(partition, offset)
    position, size, _ = path.batches[path.read[-1]]
    begins = path.batches[path.read[0]][0]
    steps = [f"Segment: of {len(partition.segments)} files, the last whose name is at most {offset:,}: "
             f"{path.segment.path}",
             "Index: no entry at or below, so from the start of the file" if path.chosen < 0 else
             f"Index: of {len(path.entries)} entries, the last at or below: offset {path.entries[path.chosen][0]:,}, "
             f"byte {begins:,}",
             f"Log: {len(path.read)} of {len(path.batches)} batches read, from byte {begins:,} on; "
             f"the one at byte {position:,} holds it"]
    alt = f"{sentence(title)} {steps[2]}, {size:,} bytes long."
    return Figure(_draw_path(partition, path, title, alt, steps), alt,
                  "\n".join([safe(title, 300), *(f"  {n}. {step}" for n, step in enumerate(steps, 1))]))


def _path(partition: Partition, offset: int) -> _Path:
    bases = [segment.base_offset for segment in partition.segments]
    segment = partition.segments[bisect_right(bases, offset) - 1]
    raw = partition.files.open(f"{segment_name(segment.base_offset)}.index").read()
    entries = [(segment.base_offset + relative, position) for relative, position in OFFSETS.iter_unpack(raw)]
    chosen = bisect_right(entries, (offset, segment.size)) - 1
    start = entries[chosen][1] if chosen >= 0 else 0
    batches = [(placed.position, placed.header.size, placed.header.last_offset) for placed in segment.headers()]
    first = next(number for number, batch in enumerate(batches) if batch[0] >= start)
    last = next(number for number, batch in enumerate(batches) if batch[2] >= offset)
    return _Path(offset, segment, entries, chosen, batches, list(range(first, last + 1)))


def _draw_path(partition: Partition, path: _Path, title: str, alt: str, steps: list[str]) -> str:
    svg = Svg(WIDTH, title, alt)
    y = svg.heading() + 2
    for number, step in enumerate(steps, 1):
        svg.text(EDGE, y + 10, f"{number}", bold=True, colour=GREY.text)
        svg.text(EDGE + 18, y + 10, clip(step, WIDTH - 2 * EDGE - 18), colour=INK)
        y += 20
    y += 10
    bases = [segment.base_offset for segment in partition.segments]
    around = bases.index(path.segment.base_offset)
    at = _draw_row(svg, y, "1  names", [f"…{base:06d}.log" for base in bases], around)
    y += 72
    found = _draw_row(svg, y, "2  .index", [f"{offset:,} → {position:,}" for offset, position in path.entries],
                      path.chosen)
    svg.arrow((at, y - 34), (found, y - 2), GREY.main)
    y += 72
    scale = (WIDTH - EDGE - LEFT) / max(path.segment.size, 1)
    svg.text(EDGE, y + 23, "3  .log", bold=True, colour=GREY.text)
    svg.rect(LEFT - 4, y - 4, WIDTH - EDGE - LEFT + 8, 44, fill=GREY.tint, stroke=GREY.main, radius=5)
    for number, (position, size, _) in enumerate(path.batches):
        hit, seen = number == path.read[-1], number in path.read
        svg.rect(LEFT + position * scale, y, max(size * scale - 1, 0.6), 36, line=1 if not seen else 2,
                 fill=ORANGE.main if hit else HIGHLIGHT if seen else CARD, stroke=ORANGE.main if seen else LINE)
    x = LEFT + path.batches[path.read[0]][0] * scale + 2
    svg.arrow((found, y - 34), (x, y - 6), GREY.main)
    y += 62
    for x, fill, words in ((LEFT, CARD, "a batch"), (LEFT + 110, HIGHLIGHT, "read on the way"),
                           (LEFT + 270, ORANGE.main, f"holds offset {path.offset:,}")):
        svg.rect(x, y - 10, 14, 13, fill=fill, stroke=LINE if fill == CARD else ORANGE.main)
        svg.text(x + 22, y + 1, words, size=SMALL, colour=MUTED)
    svg.text(WIDTH - EDGE, y + 1, f"{path.segment.size:,} bytes", size=SMALL, colour=MUTED, anchor="end")
    return svg.render(y + 22)


def _draw_row(svg: Svg, y: float, label: str, cells: list[str], chosen: int) -> float:
    """What was to choose from, the chosen one lit; of many, those around it. Returns the middle of the chosen one, or
    the left edge if there is none."""
    svg.text(EDGE, y + 21, label, bold=True, colour=GREY.text)
    start = max(0, min(chosen - MOST_ENTRIES // 2, len(cells) - MOST_ENTRIES))
    wide = (WIDTH - EDGE - LEFT - 14) / MOST_ENTRIES
    if start:
        svg.text(LEFT - 4, y + 21, "…", anchor="end", colour=MUTED)
    for number, words in enumerate(cells[start:start + MOST_ENTRIES], start):
        x, lit = LEFT + (number - start) * wide, number == chosen
        svg.rect(x, y, wide - 6, 34, fill=HIGHLIGHT if lit else CARD, stroke=GREY.main, line=2.2 if lit else 1.2,
                 radius=4)
        svg.text(x + (wide - 6) / 2, y + 21, clip(words, wide - 12, SMALL), size=SMALL, anchor="middle")
    if not cells:
        svg.text(LEFT + 8, y + 21, "no entries", size=SMALL, colour=MUTED)
    if start + MOST_ENTRIES < len(cells):
        svg.text(LEFT + MOST_ENTRIES * wide, y + 21, "…", colour=MUTED)
    return LEFT + (chosen - start + 0.5) * wide - 3 if chosen >= 0 else LEFT - 2


# -------------------------------------------------------------------------------------------------------- retention


class _Verdict(NamedTuple):
    segment: Segment
    goes: bool
    why: str
    start: float
    """Where its bar begins and ends: ms, or bytes counted from the end of the log, downwards."""
    end: float


def retention(partition: Partition, now: int, *, title: str, by: str = "time") -> Figure:
    """Draw which segments the rule deletes at the time `now` (ms), and why. A bar left of the line goes.

    by: "time" or "size", which the topic must have set; each rule is drawn alone. Nothing is deleted here.
    Raises `InvalidUse` for a rule that is not set, and for more than 12 segments.
    """
    _titled(title, "retention")
    config = partition.config
    limit = {"time": config.retention_ms, "size": config.retention_bytes}.get(by)
    if limit is None or len(partition.segments) > MOST_SEGMENTS:
        raise InvalidUse(f"retention by {by!r:.20} of {len(partition.segments)} segments cannot be drawn",
                         next_step=f"set retention_ms or retention_bytes, and keep to {MOST_SEGMENTS} segments")
    verdicts = _by_time(partition, now, limit) if by == "time" else _by_size(partition, limit)
    gone = sum(verdict.goes for verdict in verdicts)
    line = f"the line: {_moment(now - limit)}, {_span(limit)} before now" if by == "time" else \
        f"the line: {limit:,} bytes from the end of the log"
    alt = f"{sentence(title)} {gone} of {len(verdicts)} segments go; {line}."
    words = [f"  {v.segment.path}: {_offsets(v.segment)}, {v.segment.size:,} bytes, {'goes' if v.goes else 'stays'}: "
             f"{v.why}" for v in verdicts]
    return Figure(_draw_retention(partition, verdicts, now, limit, by, title, alt, line), alt,
                  "\n".join([safe(title, 300), f"  {line}", *words]))


def _offsets(segment: Segment) -> str:
    if segment.next_offset == segment.base_offset:
        return "empty"
    return f"offsets {segment.base_offset:,} to {segment.next_offset - 1:,}"


def _span(ms: int) -> str:
    for unit, name in ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")):
        if ms >= unit:
            return f"{ms / unit:g} {name}{'s' * (ms != unit)}"
    return f"{ms} ms"


def _by_time(partition: Partition, now: int, limit: int) -> list[_Verdict]:
    verdicts, open_ = [], True
    for segment in partition.segments:
        old = bool(segment.size) and now - segment.largest > limit
        open_ = open_ and old
        why = "newest record too old" if open_ else "one before it stays" if old else \
            "empty" if not segment.size else "a record from the future" if segment.largest > now else \
            "newest record is young"
        first = segment.largest if segment.first is None else min(segment.first, segment.largest)
        verdicts.append(_Verdict(segment, open_, why, first, segment.largest))
    return verdicts


def _by_size(partition: Partition, limit: int) -> list[_Verdict]:
    verdicts, left = [], partition.size
    for segment in partition.segments:
        rest = left - segment.size
        goes = segment is not partition.active and rest >= limit
        verdicts.append(_Verdict(segment, goes, f"{rest:,} bytes remain" if goes else f"would leave {rest:,}",
                                 left, rest))
        left = rest
    return verdicts


def _draw_retention(partition: Partition, verdicts: list[_Verdict], now: int, limit: int, by: str, title: str,
                    alt: str, line: str) -> str:
    svg = Svg(WIDTH, title, alt)
    y = svg.heading(f"Each bar is a segment, oldest at the top. Wholly left of {line}: it may go.") + 8
    x0, x1 = 250.0, 690.0
    drawn = [verdict for verdict in verdicts if verdict.segment.size] or verdicts[:1]
    border = now - limit if by == "time" else limit
    ends = [border, *(end for verdict in drawn for end in (verdict.start, verdict.end))]
    ends += [now] if by == "time" else []
    low, high = (min(ends), max(ends)) if by == "time" else (max(ends), min([0, *ends]))
    if by == "time":  # one record from the far future shall not press all others into a corner
        high = min(high, now + max(now - low, 1) // 3)
    span = (high - low) or 1

    def place(value: float) -> float:
        return min(x0 + (value - low) / span * (x1 - x0), x1)

    bottom = y + len(verdicts) * ROW
    marks = [(border, "limit", "end", VERMILLION), (now, "now", "start", GREY)] if by == "time" else [
        (border, f"{limit:,} bytes", "middle", VERMILLION)]
    for value, word, anchor, tone in marks:  # the limit is never right of now
        svg.line([(place(value), y - 4), (place(value), bottom + 4)], tone.main, 2, "5 4")
        aside = {"end": -3, "start": 3, "middle": 0}[anchor]
        svg.text(place(value) + aside, bottom + 20, word, size=SMALL, anchor=anchor, colour=tone.text)
    for verdict in verdicts:
        segment = verdict.segment
        svg.text(EDGE, y + 16, clip(f"…{segment.base_offset:06d}.log", 210, SMALL, True), size=SMALL, bold=True)
        svg.text(EDGE, y + 31, clip(_offsets(segment), 210, SMALL), size=SMALL, colour=MUTED)
        if segment.size:
            left, right = place(verdict.start), place(verdict.end)
            svg.rect(min(left, x1 - 3), y + 8, max(right - left - (by == "size"), 3), 20, radius=3, line=1.6,
                     fill=CARD if verdict.goes else ORANGE.tint, stroke=GREY.main if verdict.goes else ORANGE.main,
                     dash="4 3" if verdict.goes else "")
            if by == "time" and verdict.end > high:
                svg.arrow((x1 - 3, y + 18), (x1 + 16, y + 18), ORANGE.text)
                words = f"to {_moment(segment.largest)}"
                svg.text(x1 - 8, y + 22, words, size=SMALL, anchor="end", colour=ORANGE.text, halo=True)
        svg.text(x1 + 24, y + 16, "goes" if verdict.goes else "stays", size=SMALL, bold=True,
                 colour=VERMILLION.text if verdict.goes else INK)
        svg.text(x1 + 24, y + 31, clip(verdict.why, WIDTH - EDGE - x1 - 24, SMALL), size=SMALL, colour=MUTED)
        y += ROW
    return svg.render(y + 36)
