"""Streams of an event store, drawn as strips of events, with the snapshot from which each would be loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.sim.history import describe
from evlab.viz.figure import Figure, drawable, several
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import CARD, GREY, MUTED, ORANGE, PURPLE, SMALL, safe, sentence

__all__ = ["stream_strips"]

WIDTH, LABEL, CELL, HIGH = 900, 142, 104, 46
"""px: the picture, the room for a stream's name, an event's width and height."""
MOST, HEAD = 7, 2
"""Cells in a row; of a longer stream the first `HEAD` are drawn, a gap, and the last ones."""
MOST_STREAMS = 12


class _Strip(NamedTuple):
    name: str
    types: list[str]
    snapshot: int | None
    """The version that the snapshot includes; None if there is none."""
    state: Any

    @property
    def read(self) -> int:
        """How many events are read to load it."""
        return len(self.types) - min(self.snapshot or 0, len(self.types))


def stream_strips(store: Any, *, title: str, only: Iterable[str] | None = None, schema: int = 1) -> Figure:
    """Draw the streams of a store: each event with its version and type, and which of them a load has to read.

    title: the finding, in a sentence. only: the streams to draw, in this order; None draws all, by name. schema: the
    form whose snapshots are shown. Events that a snapshot includes are dashed, the others solid.
    Raises `InvalidUse` for a title without words, and for no stream or more than 12.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of streams needs a title", why="it states the finding",
                         next_step='write stream_strips(store, title="Three of ten events are read")')
    drawable("store", store, "streams", "read")
    names = [only] if isinstance(only, str) else several("only", store.streams() if only is None else only)
    if not 1 <= len(names) <= MOST_STREAMS:
        raise InvalidUse(f"{len(names)} streams make no picture", next_step=f"name 1 to {MOST_STREAMS} in `only`")
    strips = [_strip(store, name, schema) for name in names]
    told = [_said(strip) for strip in strips]
    alt = f"{sentence(title)} {' '.join(sentence(one) for one in told)}"
    lines = [safe(title, 300)]
    for strip, said in zip(strips, told, strict=True):
        lines += [f"  {said}", "    " + " ".join(_cells_in_words(strip))]
    return Figure(_draw(strips, title, alt), alt, "\n".join(lines))


def _strip(store: Any, name: str, schema: int) -> _Strip:
    kept = store.load_snapshot(name, schema=schema)
    types = [recorded.event.type for recorded in store.read(name)]
    return _Strip(name, types, None if kept is None else kept.version, None if kept is None else kept.state)


def _said(strip: _Strip) -> str:
    count = f"{len(strip.types):,} event{'s' * (len(strip.types) != 1)}"
    if strip.snapshot is None:
        return f"{safe(strip.name, 60)}: {count}, no snapshot, {_reads(strip)}"
    return f"{safe(strip.name, 60)}: {count}, a snapshot at version {strip.snapshot:,}, {_reads(strip)}"


def _reads(strip: _Strip) -> str:
    if not strip.types:
        return "nothing to read"
    return f"{strip.read:,} of {len(strip.types):,} read to load"


def _shown(strip: _Strip) -> tuple[list[int], int]:
    """The versions that get a cell, and how many are left out after the first `HEAD`."""
    total = len(strip.types)
    if total <= MOST:
        return list(range(1, total + 1)), 0
    tail = MOST - HEAD - 1
    return [*range(1, HEAD + 1), *range(total - tail + 1, total + 1)], total - HEAD - tail


def _cells_in_words(strip: _Strip) -> list[str]:
    versions, hidden = _shown(strip)
    words = [f"{'(' * _kept(strip, v)}{v} {safe(strip.types[v - 1], 40)}{')' * _kept(strip, v)}" for v in versions]
    return words[:HEAD] + [f"... {hidden:,} more ..."] + words[HEAD:] if hidden else words


def _kept(strip: _Strip, version: int) -> bool:
    """Does the snapshot include this event?"""
    return strip.snapshot is not None and version <= strip.snapshot


def _draw(strips: list[_Strip], title: str, alt: str) -> str:
    svg = Svg(WIDTH, title, alt)
    y = svg.heading() + 8
    for strip in strips:
        y += 24 if strip.snapshot is not None else 4
        _draw_strip(svg, strip, y)
        y += HIGH + 30
    if any(strip.snapshot is not None for strip in strips):
        svg.text(EDGE, y + 12, "solid: read to load.  dashed: in the snapshot, not read.", size=SMALL, colour=MUTED)
        y += 24
    return svg.render(y + 6)


def _draw_strip(svg: Svg, strip: _Strip, y: float) -> None:
    svg.text(EDGE, y + HIGH / 2 + 4.5, clip(strip.name, LABEL - EDGE - 10, bold=True), bold=True, colour=GREY.text)
    versions, hidden = _shown(strip)
    places = versions[:HEAD] + [None] + versions[HEAD:] if hidden else versions
    svg.rect(LABEL - 6, y - 5, max(1, len(places)) * CELL + 8, HIGH + 10, fill=GREY.tint, stroke=GREY.main, radius=6)
    mark = None
    for index, version in enumerate(places):
        x = LABEL + index * CELL
        if version is None:
            svg.text(x + CELL / 2, y + 20, "…", anchor="middle", bold=True, colour=MUTED)
            svg.text(x + CELL / 2, y + 36, clip(f"{hidden:,} more", CELL - 4, SMALL), size=SMALL, anchor="middle",
                     colour=MUTED)
        else:
            _draw_event(svg, x, y, version, strip.types[version - 1], _kept(strip, version))
        if strip.snapshot is not None and (version is None or version <= strip.snapshot):
            mark = x + CELL - 2
    if strip.snapshot is not None:
        _draw_snapshot(svg, strip, LABEL - 2 if mark is None else mark, y)
    svg.text(LABEL - 6, y + HIGH + 20, _reads(strip), size=SMALL, colour=MUTED)


def _draw_event(svg: Svg, x: float, y: float, version: int, type: str, kept: bool) -> None:
    svg.rect(x, y, CELL - 4, HIGH, fill=CARD if kept else ORANGE.tint, stroke=GREY.main if kept else ORANGE.main,
             line=1.4 if kept else 2, radius=4, dash="4 3" if kept else "")
    svg.square(x + 11, y + 13, GREY if kept else ORANGE)
    colour = MUTED if kept else ORANGE.text
    svg.text(x + 20, y + 17.5, clip(f"{version:,}", CELL - 28, SMALL, True), size=SMALL, bold=True, colour=colour)
    svg.text(x + 4, y + 36, clip(type, CELL - 11, SMALL), size=SMALL, colour=colour)


def _draw_snapshot(svg: Svg, strip: _Strip, x: float, y: float) -> None:
    """A flag after the last event that the snapshot includes."""
    svg.line([(x, y - 18), (x, y + HIGH + 8)], PURPLE.main, 3)
    words = clip(f"snapshot at {strip.snapshot:,}: {describe(strip.state)}", 300, SMALL, True)
    left = x < WIDTH * 0.6
    svg.text(x + 6 if left else x - 6, y - 9, words, size=SMALL, bold=True, colour=PURPLE.text,
             anchor="start" if left else "end")
