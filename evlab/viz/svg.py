"""A small builder of SVG pictures that knows where its words are.

Each text is measured, escaped and remembered with its box. So a test can ask two things of any picture: does a word
leave the page (`overflow`), does a word lie on another word or on a mark (`collisions`)?
The same calls give the same bytes: numbers are rounded to one decimal, and nothing depends on an order of sets.
"""

from __future__ import annotations

from math import floor, hypot, log10
from typing import NamedTuple

from evlab.viz.theme import (
    CARD,
    FONT,
    HIGHLIGHT,
    INK,
    LINE,
    LINE_HEIGHT,
    MUTED,
    SIZE,
    SKY,
    TITLE,
    VERMILLION,
    Tone,
    escape,
    safe,
    width_of,
)

__all__ = ["EDGE", "Box", "Point", "Svg", "clip", "round_step", "wrap"]

Point = tuple[float, float]
EDGE = 24
"""px between the card's border and what is on it."""


class Box(NamedTuple):
    """A rectangle in px: left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float

    def meets(self, other: Box, gap: float = 0.0) -> bool:
        """Whether the two overlap, or come nearer than `gap` px."""
        return (self.x0 < other.x1 + gap and other.x0 < self.x1 + gap
                and self.y0 < other.y1 + gap and other.y0 < self.y1 + gap)

    def inside(self, other: Box) -> bool:
        return self.x0 >= other.x0 and self.y0 >= other.y0 and self.x1 <= other.x1 and self.y1 <= other.y1


def clip(text: object, width: float, size: float = SIZE, bold: bool = False) -> str:
    """`text` as one safe line of at most `width` px; what is cut off leaves an ellipsis."""
    text = safe(text, 400)
    if width_of(text, size, bold) <= width:
        return text
    return text[:_fitting(text, width - width_of("…", size, bold), size, bold)].rstrip() + "…"


def wrap(text: object, width: float, size: float = SIZE, bold: bool = False, lines: int = 3) -> list[str]:
    """`text` in at most `lines` lines of `width` px, broken at spaces where that is possible."""
    words, done = safe(text, 2000).split(), []
    while words and len(done) < lines - 1:
        line = words.pop(0)
        while words and width_of(f"{line} {words[0]}", size, bold) <= width:
            line += " " + words.pop(0)
        if width_of(line, size, bold) > width:
            cut = max(1, _fitting(line, width, size, bold))
            words.insert(0, line[cut:])
            line = line[:cut]
        done.append(line)
    if any(words):
        done.append(clip(" ".join(words), width, size, bold))
    return done or [""]


def _fitting(text: str, room: float, size: float, bold: bool) -> int:
    """How many characters of `text` fit into `room` px."""
    total = 0.0
    for count, char in enumerate(text):
        total += width_of(char, size, bold)
        if total > room:
            return count
    return len(text)


class Svg:
    """A picture in the making, `width` px wide; its height is given when it is rendered.

    `title` and `desc` are read out by screen readers. Later calls draw over earlier ones.
    """

    def __init__(self, width: float, title: str, desc: str):
        self.width, self.title, self.desc = width, safe(title, 300), safe(desc, 1000)
        self.height = 0.0
        self.words: list[tuple[Box, str]] = []
        self.solids: list[Box] = []
        self._parts: list[str] = []

    # ---------------------------------------------------------------------------------------------- words

    def text(self, x: float, y: float, text: object, *, size: float = SIZE, anchor: str = "start", bold: bool = False,
             colour: str = INK, halo: bool = False, italic: bool = False) -> Box:
        """One line of words with its baseline at `y`. A `halo` keeps it readable on lines. Returns its box."""
        text = safe(text)
        wide = width_of(text, size, bold)
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        box = Box(left, y - 0.8 * size, left + wide, y + 0.24 * size)
        if text.strip():
            self.words.append((box, text))
            style = f' text-anchor="{anchor}"' if anchor != "start" else ""
            style += ' font-weight="bold"' if bold else ""
            style += ' font-style="italic"' if italic else ""
            if halo:
                style += (f' paint-order="stroke" stroke="{CARD}" stroke-width="4" stroke-linejoin="round"'
                          ' stroke-opacity="0.92"')
            self._parts.append(f'<text x="{num(x)}" y="{num(y)}" font-size="{num(size)}" fill="{colour}"{style}>'
                               f"{escape(text)}</text>")
        return box

    def paragraph(self, x: float, y: float, text: object, width: float, *, lines: int = 4, size: float = SIZE,
                  **style) -> float:
        """Words over several lines, the first with its baseline at `y`. Returns the baseline for what follows."""
        for line in wrap(text, width, size, style.get("bold", False), lines):
            self.text(x, y, line, size=size, **style)
            y += size * LINE_HEIGHT
        return y

    def heading(self, extra: str = "") -> float:
        """The visible title and, under it, one smaller sentence. Returns the y where the picture may begin."""
        y = self.paragraph(EDGE, EDGE + 13, self.title, self.width - 2 * EDGE, lines=3, size=TITLE, bold=True)
        if extra:
            y = self.paragraph(EDGE, y, extra, self.width - 2 * EDGE, lines=3, colour=MUTED)
        return y

    # ---------------------------------------------------------------------------------------------- shapes

    def rect(self, x: float, y: float, w: float, h: float, *, fill: str = "none", stroke: str = "none",
             line: float = 1.5, radius: float = 0, dash: str = "") -> None:
        style = f' rx="{num(radius)}"' if radius else ""
        style += f' stroke="{stroke}" stroke-width="{num(line)}"' if stroke != "none" else ""
        style += f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<rect x="{num(x)}" y="{num(y)}" width="{num(max(w, 0))}" height="{num(max(h, 0))}" '
                           f'fill="{fill}"{style}/>')

    def box(self, x: float, y: float, w: float, h: float, label: str, tone: Tone, *, sub: str = "", dash: str = "",
            hatch: bool = False, radius: float = 8, spare: float = 7) -> None:
        """A box with a name in it, and a smaller line under the name; `spare` px stay free on either side."""
        self.rect(x, y, w, h, fill=tone.tint, stroke="none" if hatch else tone.main, line=2, radius=radius, dash=dash)
        if hatch:
            self.hatch(x, y, w, h, tone, radius=radius)
        middle = y + h / 2 + (4.5 if not sub else -3.5)
        self.text(x + w / 2, middle, clip(label, w - 2 * spare, bold=True), anchor="middle", bold=True,
                  halo=hatch)
        if sub:
            self.text(x + w / 2, middle + 17, clip(sub, w - 2 * spare, 12), size=12, anchor="middle", colour=tone.text,
                      halo=hatch)

    def cylinder(self, x: float, y: float, w: float, h: float, label: str, tone: Tone) -> None:
        """A store of data: a read model."""
        rim = min(9.0, h / 5)
        side = (f"M{num(x)},{num(y + rim)} v{num(h - 2 * rim)} a{num(w / 2)},{num(rim)} 0 0 0 {num(w)},0 "
                f"v{num(2 * rim - h)}")
        self._parts.append(f'<path d="{side}" fill="{tone.tint}" stroke="{tone.main}" stroke-width="2"/>'
                           f'<ellipse cx="{num(x + w / 2)}" cy="{num(y + rim)}" rx="{num(w / 2)}" ry="{num(rim)}" '
                           f'fill="{tone.tint}" stroke="{tone.main}" stroke-width="2"/>')
        self.text(x + w / 2, y + h / 2 + rim / 2 + 4.5, clip(label, w - 12, bold=True), anchor="middle", bold=True)

    def cells(self, x: float, y: float, labels: list[str], tone: Tone, *, size: float = 24, hatched: int = 0) -> float:
        """A strip of cells, as a partition is; the last `hatched` wait to be read. Returns its right end."""
        for index, label in enumerate(labels):
            left = x + index * size
            self.rect(left, y, size, size, fill=tone.tint, stroke=tone.main)
            if index >= len(labels) - hatched:
                self.hatch(left, y, size, size, SKY)
            self.text(left + size / 2, y + size / 2 + 4.3, clip(label, size - 2, 12), size=12, anchor="middle",
                      halo=index >= len(labels) - hatched)
        return x + len(labels) * size

    def square(self, x: float, y: float, tone: Tone, size: float = 9) -> None:
        """The small square that stands for one event, its centre at x, y."""
        self.rect(x - size / 2, y - size / 2, size, size, fill=tone.main, radius=1.5)

    def hatch(self, x: float, y: float, w: float, h: float, tone: Tone, *, radius: float = 0) -> None:
        """An area that waits, or is unknown."""
        self.rect(x, y, w, h, fill=f"url(#hatch-{tone.main[1:]})", stroke=tone.main, radius=radius)

    def line(self, points: list[Point], colour: str = LINE, width: float = 1.5, dash: str = "") -> None:
        path = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{num(width)}" '
                           f'stroke-linecap="{"butt" if dash else "round"}" stroke-linejoin="round"{style}/>')

    def polygon(self, points: list[Point], fill: str, stroke: str = "none", line: float = 1) -> None:
        path = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        border = f' stroke="{stroke}" stroke-width="{num(line)}" stroke-linejoin="round"' if stroke != "none" else ""
        self._parts.append(f'<polygon points="{path}" fill="{fill}"{border}/>')

    def circle(self, x: float, y: float, r: float, fill: str, stroke: str = "none") -> None:
        border = f' stroke="{stroke}" stroke-width="1.5"' if stroke != "none" else ""
        self._parts.append(f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(r)}" fill="{fill}"{border}/>')

    # ---------------------------------------------------------------------------------------------- marks

    def arrow(self, start: Point, end: Point, colour: str = INK, *, width: float = 1.6, dash: str = "",
              form: str = "arrow", lit: bool = False) -> None:
        """A line from `start` to `end`. `form`: "arrow"; "cross" ends in a cross (dropped); "double" is a double
        line with two heads (duplicate); "open" ends in a ring (still under way); "hidden" fades out (its end is not
        shown). `lit` lays a light under it."""
        (x0, y0), (x1, y1) = start, end
        length = hypot(x1 - x0, y1 - y0) or 1.0
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        if lit:
            self.line([start, end], HIGHLIGHT, width + 8)

        def at(back: float, aside: float = 0.0) -> Point:
            return x1 - ux * back - uy * aside, y1 - uy * back + ux * aside

        if form == "double":
            for aside in (-2.2, 2.2):
                self.line([(x0 - uy * aside, y0 + ux * aside), at(14, aside)], colour, width, dash)
            for back in (0, 7.5):
                self.polygon([at(back), at(back + 9.5, 5), at(back + 9.5, -5)], colour, CARD, 0.8)
        elif form == "cross":
            self.line([start, at(6)], colour, width, dash)
            self.cross(x1, y1)
        elif form == "open":
            self.line([start, at(4)], colour, width, dash or "2 4")
            self.circle(x1, y1, 4, CARD, colour)
        elif form == "hidden":
            self.line([start, end], colour, width, "6 3 4 4 2 5 1 20")
        else:
            self.line([start, at(7)], colour, width, dash)
            self.polygon([at(0), at(9.5, 4.2), at(9.5, -4.2)], colour)

    def cross(self, x: float, y: float, size: float = 6) -> None:
        """The end of a dropped message."""
        self._solid(x, y, size)
        for colour, width in ((CARD, 6), (VERMILLION.main, 2.8)):
            self.line([(x - size, y - size), (x + size, y + size)], colour, width)
            self.line([(x - size, y + size), (x + size, y - size)], colour, width)

    def bolt(self, x: float, y: float, size: float = 14) -> None:
        """A crash."""
        self._solid(x, y, size * 0.8)
        shape = [(0.15, -1), (-0.55, 0.12), (-0.08, 0.12), (-0.2, 1), (0.58, -0.25), (0.1, -0.25), (0.45, -1)]
        self.polygon([(x + dx * size, y + dy * size) for dx, dy in shape], VERMILLION.main, CARD, 2)

    def badge(self, x: float, y: float, sign: str, tone: Tone, r: float = 7.5) -> None:
        """A small disc with a sign in it: "ok" a tick, "fail" a cross, else up to 3 letters."""
        self._solid(x, y, r)
        self.circle(x, y, r, tone.text, CARD)
        if sign == "ok":
            self.line([(x - 3.4, y + 0.3), (x - 1, y + 2.8), (x + 3.6, y - 2.6)], CARD, 2)
        elif sign == "fail":
            self.line([(x - 2.6, y - 2.6), (x + 2.6, y + 2.6)], CARD, 2)
            self.line([(x - 2.6, y + 2.6), (x + 2.6, y - 2.6)], CARD, 2)
        else:
            self._parts.append(f'<text x="{num(x)}" y="{num(y + 4)}" font-size="11.5" font-weight="bold" fill="{CARD}" '
                               f'text-anchor="middle">{escape(sign, 3)}</text>')

    def _solid(self, x: float, y: float, r: float) -> None:
        self.solids.append(Box(x - r, y - r, x + r, y + r))

    # ---------------------------------------------------------------------------------------------- the whole

    def overflow(self) -> list[str]:
        """The words that reach over the edge of the page."""
        page = Box(0, 0, self.width, self.height)
        return [text for box, text in self.words if not box.inside(page)]

    def collisions(self) -> list[tuple[str, str]]:
        """The pairs of words that lie on one another, and the words that lie on a mark (called "mark")."""
        found = []
        for index, (box, text) in enumerate(self.words):
            found += [(text, other) for place, other in self.words[index + 1:] if box.meets(place, -1)]
            found += [(text, "mark") for place in self.solids if box.meets(place, -1)]
        return found

    def render(self, height: float) -> str:
        """The finished picture, `height` px high, on a light card of its own."""
        self.height = height
        width, height = num(self.width), num(height)
        used = "".join(self._parts)
        patterns = "".join(
            f'<pattern id="hatch-{colour[1:]}" width="7" height="7" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="7" height="7" fill="{CARD}"/>'
            f'<rect width="2.6" height="7" fill="{colour}" fill-opacity="0.6"/></pattern>'
            for colour in sorted({part.split(")")[0] for part in used.split("url(#hatch-")[1:]})
            for colour in ["#" + colour])
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">'
                f"<title>{escape(self.title)}</title><desc>{escape(self.desc)}</desc>"
                + (f"<defs>{patterns}</defs>" if patterns else "")
                + f'<rect x="0.5" y="0.5" width="{num(self.width - 1)}" height="{num(self.height - 1)}" rx="10" '
                f'fill="{CARD}" stroke="{LINE}"/>' + used + "</svg>\n")


def num(value: float) -> str:
    """A coordinate: one decimal, no needless zero."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def round_step(span: float, most: int = 8) -> float:
    """1, 2 or 5 times a power of ten: the smallest such step that makes `span` in at most `most` steps."""
    power = 10.0 ** floor(log10(span / most)) if span > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if span <= power * factor * most * 1.000001)
