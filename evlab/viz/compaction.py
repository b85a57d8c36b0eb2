"""What compaction does to a partition, drawn: moments of it below each other, each record at its offset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.partition import Partition
from evlab.log.records import decode_batches
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import CARD, GREY, INK, LINE, MUTED, ORANGE, SMALL, safe, sentence, width_of

__all__ = ["Strip", "compaction", "strip_of"]

WIDTH, LEFT = 900, 142
"""px: the picture, and the room for labels at its left."""
MOST_OFFSETS = 16


class Strip(NamedTuple):
    """The records of a partition at one moment: what `strip_of` found."""

    label: str
    segments: tuple[tuple, ...]
    """Of each segment: its base offset, the next one after it, whether it is the newest, and its records."""


def strip_of(partition: Partition, label: str) -> Strip:
    """Look at a partition now, to be drawn later by `compaction`. label: when, in a few words."""
    found = []
    for segment in partition.segments:
        batches = [batch for _, data, _ in segment.batches() for batch in decode_batches(data)]
        found.append((segment.base_offset, segment.next_offset, segment is partition.active,
                      tuple(record for batch in batches if not batch.control for record in batch.records)))
    return Strip(safe(label, 80), tuple(found))


def compaction(strips: Iterable[Strip], *, title: str) -> Figure:
    """Draw moments of one partition below each other: each record at its offset, with key and value, holes where
    records are gone. What a later record of its key replaces is drawn pale, a tombstone hatched.

    title: the finding. Raises `InvalidUse` for no moment, and for more than 16 offsets.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of a compaction needs a title", why="it states the finding",
                         next_step='write compaction(strips, title="The offsets stay")')
    strips = list(strips)
    low = min((segment[0] for strip in strips for segment in strip.segments), default=0)
    high = max((segment[1] for strip in strips for segment in strip.segments), default=0)
    if not strips or not 1 <= high - low <= MOST_OFFSETS:
        raise InvalidUse(f"{len(strips)} moments of {high - low} offsets cannot be drawn",
                         next_step=f"give 1 moment or more of 1 to {MOST_OFFSETS} offsets")
    lines = [safe(title, 300)]
    for strip in strips:
        lines.append(f"  {strip.label}: {_count(strip)}")
        lines += ["    " + ("active: " if active else "closed: ")
                  + (", ".join(_in_words(record) for record in records) or "no records")
                  for _, _, active, records in strip.segments]
    alt = f"{sentence(title)} " + "; ".join(f"{strip.label}: {_count(strip)}" for strip in strips) + "."
    return Figure(_draw_compaction(strips, low, high, title, alt), alt, "\n".join(lines))


def _count(strip: Strip) -> str:
    count = sum(len(records) for *_, records in strip.segments)
    return f"{count} record{'s' * (count != 1)}"


def _words(data: bytes | None) -> str:
    return "" if data is None else data[:200].decode("utf-8", "replace")


def _in_words(record) -> str:
    return f"{record.offset} {safe(_words(record.key), 40)} " + ("tombstone" if record.value is None
                                                               else safe(_words(record.value), 40))


def _draw_compaction(strips: Sequence[Strip], low: int, high: int, title: str, alt: str) -> str:
    svg = Svg(WIDTH, title, alt)
    y = svg.heading() + 22
    cell = min(72.0, (WIDTH - EDGE - LEFT) / (high - low))
    svg.text(EDGE, y - 6, "offset", size=SMALL, colour=MUTED)
    for offset in range(low, high):
        svg.text(LEFT + (offset - low + 0.5) * cell, y - 6, f"{offset:,}", size=SMALL, anchor="middle", colour=MUTED)
    y += 4
    for strip in strips:
        y = _draw_strip(svg, strip, low, cell, y)
    x = float(EDGE)
    for words, sort in (("the newest of its key", "newest"), ("replaced by a later one", "replaced"),
                        ("tombstone", "tombstone"), ("gone", "gone"), ("thick frame: newest segment", "")):
        if sort:
            _draw_cell(svg, x, y - 2, 18, 16, sort)
        svg.text(x + (26 if sort else 0), y + 10.5, words, size=SMALL, colour=MUTED)
        x += (26 if sort else 0) + width_of(words, SMALL) + 22
    return svg.render(y + 30)


def _draw_strip(svg: Svg, strip: Strip, low: int, cell: float, y: float) -> float:
    """One moment of the partition. Returns the y below."""
    newest = {record.key: record.offset for *_, records in strip.segments for record in records}
    for number, line in enumerate((strip.label, _count(strip))):
        svg.text(EDGE, y + 22 + 17 * number, clip(line, LEFT - EDGE - 10, SMALL, not number), size=SMALL,
                 bold=not number, colour=MUTED if number else INK)
    for base, after, active, records in strip.segments:
        left, wide = LEFT + (base - low) * cell, (after - base) * cell
        if not wide:
            continue
        svg.rect(left + 1, y, wide - 2, 54, fill=GREY.tint, stroke=GREY.text if active else GREY.main,
                 line=3 if active else 1.2, radius=4)
        there = {record.offset: record for record in records}
        for offset in range(base, after):
            x, record = LEFT + (offset - low) * cell, there.get(offset)
            sort = "gone" if record is None else "tombstone" if record.value is None else \
                "newest" if newest[record.key] == offset else "replaced"
            _draw_cell(svg, x + 5, y + 6, cell - 10, 42, sort)
            if record is not None:
                value = "deleted" if record.value is None else _words(record.value)
                for line, words in enumerate((_words(record.key) or "no key", value)):
                    svg.text(x + cell / 2, y + 23 + 17 * line, clip(words, cell - 14, SMALL, not line), size=SMALL,
                             anchor="middle", bold=not line, halo=sort == "tombstone",
                             colour=MUTED if sort == "replaced" else INK)
    return y + 76


def _draw_cell(svg: Svg, x: float, y: float, w: float, h: float, sort: str) -> None:
    if sort == "tombstone":
        svg.rect(x, y, w, h, fill=CARD, radius=3)
        svg.hatch(x, y, w, h, GREY, radius=3)
    else:
        svg.rect(x, y, w, h, radius=3, dash="3 3" if sort == "gone" else "",
                 fill=ORANGE.tint if sort == "newest" else "none" if sort == "gone" else CARD,
                 stroke=LINE if sort == "gone" else ORANGE.main, line=2 if sort == "newest" else 1.2)
