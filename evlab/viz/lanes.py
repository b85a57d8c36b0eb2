"""How a timeline is laid out: where lanes, moments, bars and arrows stand, and where their words find room.

The lanes are tried at several distances; the layout whose words fit best, and which is not needlessly high, is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evlab.sim.history import Entry, describe
from evlab.viz.forms import LOOP, TONE_OF, draw_arrow, draw_bar, draw_label, draw_mark, draw_span, legend
from evlab.viz.place import FREE, Line, Spot, along, around, choose, is_cut, lines_of
from evlab.viz.story import Arrow, Bar, Story, columns, lane_name, times
from evlab.viz.svg import EDGE, Box, Point, Svg, clip, round_step
from evlab.viz.theme import GREY, INK, MUTED, ROLES, SKY, SLATE, SMALL, TITLE, VERMILLION, safe, width_of

__all__ = ["GAPS", "Request", "lay_out"]

MOST_COLUMNS = 24
"""Up to here the moments are spaced evenly; beyond, to scale."""
MOST_LABELS = 90
GAPS = (70, 82, 96, 112, 134)
"""px between two lanes."""
HALFWAY = ("cross", "open", "hidden")
"""The forms of arrows that do not reach their lane."""
BAR, TRACK, MOST_TRACKS = 22, 27, 8


class Request(NamedTuple):
    """What is to be drawn, and how."""

    story: Story
    title: str
    alt: str
    lit: frozenset[int]
    roles: dict[str, str]
    width: float
    left_out: int


class Wish(NamedTuple):
    """A label that wants a spot: how much it matters (0 before 1), where it could stand, what it belongs to."""

    rank: int
    spots: list[Spot]
    line: tuple | None
    lit: bool


def lay_out(request: Request, gaps: Iterable[float]) -> str:
    """The picture, at the best of these distances between lanes."""
    pages = []
    for gap in gaps:
        pages.append(_Page(request, gap, min(gap * 0.7, 70), min(gap * 0.7, 64)))
        if pages[-1].easy:
            break
    return min(pages, key=lambda page: page.price).tight().draw()


class _Page:
    """One layout: `gap` px between lanes, `head` above the first, `foot` below the last. `price`: how bad it is."""

    def __init__(self, request: Request, gap: float, head: float, foot: float, like: _Page | None = None):
        self.request, self.story, self.lit = request, request.story, request.lit
        self.gap, self.head, self.foot = gap, head, foot
        self.place, self.instants = columns(self.story)
        self.span = self.instants[-1] - self.instants[0] if self.instants else 0
        self.ordered = len(self.instants) <= MOST_COLUMNS or self.span == 0
        self.unit, self.scale, self.decimals = times(self.story.entries)
        longest = max((width_of(lane_name(node), bold=True) for node in self.story.lanes), default=60)
        self.name_width = min(max(longest + 24, 76), 150)
        self.left = EDGE + self.name_width + 34
        steps = max(len(self.instants) - 1, 1)
        self.step = min((request.width - EDGE - 22 - self.left) / steps, 190)
        needed = max(self.left + self.step * (len(self.instants) - 1) + EDGE + 60, 620,
                     width_of(safe(request.title, 300), TITLE, True) + 2 * EDGE)
        self.width = min(request.width, needed) if self.ordered else request.width
        self.right = self.width - EDGE - 22
        self.svg = Svg(self.width, request.title, request.alt)
        self.top = self.svg.heading()
        self._stack_lanes()
        self._stand()
        if like is None:
            self._label()
        else:
            self._label_like(like)

    def tight(self) -> _Page:
        """The same page without the room that no label needs, above the first lane and below the last."""
        boxes = [spot.box for spot, _ in self.labels] + [box for _, box in self.bars]
        top = min([box.y0 for box in boxes] + [y - 22 for y in self.lane.values()], default=self.top)
        low = max([box.y1 for box in boxes] + [y + 22 for y in self.lane.values()], default=self.bottom - 6)
        return _Page(self.request, self.gap, self.head - (top - self.top), self.foot - (self.bottom - low - 6), self)

    # ------------------------------------------------------------------------------------------ geometry

    def _stack_lanes(self) -> None:
        y = self.top + self.head
        self.lane: dict[str, float] = {}
        self.depth: dict[str, float] = {}
        for node in self.story.lanes:
            self.lane[node] = y
            tracks = max((bar.track for bar in self.story.bars if bar.begin.node == node), default=0)
            self.depth[node] = min(tracks, MOST_TRACKS - 1) * TRACK
            y += self.depth[node] + self.gap
        self.bottom = y - self.gap + self.foot

    def x(self, number: int) -> float:
        column = self.place[number]
        if self.ordered:
            return self.left + self.step * column
        return self.left + (self.right - self.left) * (self.instants[column] - self.instants[0]) / self.span

    def _stand(self) -> None:
        """Where bars, arrows, marks and spans are."""
        story = self.story
        self.bars = [(bar, self._bar_box(bar)) for bar in story.bars]
        self.arrows = [(arrow, *self._path(arrow)) for arrow in story.arrows]
        self.marks = [(entry, self._mark_box(entry)) for entry in story.marks]
        self.spans = [(span, Box(self.x(span.begin), self.lane[span.node] - 8,
                                 self.right + 10 if span.end is None else self.x(span.end), self.lane[span.node] + 8))
                      for span in story.spans]

    def _bar_box(self, bar: Bar) -> Box:
        y = self.lane[bar.begin.node] + min(bar.track, MOST_TRACKS - 1) * TRACK
        more = 8 if self.ordered else 3
        after = 0 if bar.crashed else min(self.step * 0.5, 30) if bar.hidden and self.ordered else more
        end = self.right + 10 if bar.until is None else self.x(bar.until) + after
        return Box(self.x(bar.begin.number) - more, y - BAR / 2, end, y + BAR / 2)

    def _mark_box(self, entry: Entry) -> Box:
        x, y = self.x(entry.number), self.lane[entry.node]
        w, h = {"crash": (11, 15), "kill": (11, 15), "lost": (11, 9)}.get(entry.kind, (9, 9))
        return Box(x - w, y - h, x + w, y + h)

    def _path(self, arrow: Arrow) -> tuple[Point, Point]:
        down = self.lane[arrow.target] >= self.lane[arrow.source]
        reach = min(self.step * 0.6, 46)
        start = self.x(arrow.begin) if arrow.begin is not None else self.x(arrow.end) - reach
        far = arrow.end is not None and self.place[arrow.end] != self.place.get(arrow.begin)
        end = self.x(arrow.end) if far else min(start + reach, self.right + 14)
        loop = arrow.source == arrow.target
        y0, y1 = self._door(arrow.source, start, down), self._door(arrow.target, end, down if loop else not down)
        if loop:
            y0 = y1 = max(y0, y1)
        if loop and arrow.form in HALFWAY:
            y1 += LOOP
        elif arrow.form in HALFWAY:
            y1 = y0 + (y1 - y0) * (0.74 if far else 0.55)
        return (start, y0), (end, y1)

    def _door(self, node: str, x: float, down: bool) -> float:
        """Where a message leaves or reaches a lane at x: at the edge of a bar, or at the line."""
        boxes = [box for bar, box in self.bars if bar.begin.node == node and box.x0 <= x <= box.x1]
        if not boxes:
            return self.lane[node] + (3.5 if down else -3.5)
        return max(box.y1 for box in boxes) if down else min(box.y0 for box in boxes)

    # ------------------------------------------------------------------------------------------- labels

    def _label(self) -> None:
        """Find a spot for each label: what is solid stands in its way, what is thin costs."""
        story = self.story
        solids = [box for _, box in self.bars + self.marks]
        solids += [Box(self.left - 20, y - 3, self.right + 12, y + 3) for y in self.lane.values()]
        solids += [Box(EDGE, y - 17, EDGE + self.name_width + 4, y + 17) for y in self.lane.values()]
        solids += [Box(x - 9, self.lane[entry.peer] - 9, x + 9, self.lane[entry.peer] + 9) for entry in story.marks
                   if entry.kind in ("cut", "heal") and entry.peer in self.lane for x in [self.x(entry.number)]]
        solids += [Box(x - 8, y - 8, x + 8, y + 8) for a, _, (x, y) in self.arrows if a.form in HALFWAY]
        solids += [box for span, box in self.spans if span.kind == "paused"]
        lines = []
        for arrow, (x0, y0), (x1, y1) in self.arrows:
            loop = arrow.source == arrow.target
            lines.append((x0, y0 + LOOP, x1, y0 + LOOP) if loop else (x0, y0, x1, y1))
        wishes = sorted(self._wishes(lines), key=lambda wish: wish.rank)
        kept = wishes[:MOST_LABELS]
        page = Box(EDGE, self.top - 8, self.width - 8, self.bottom)
        limits = [9.0 if wish.rank and not self.ordered else FREE for wish in kept]
        links = [(self.x(e.number), self.lane[e.node], self.x(e.number), self.lane[e.peer]) for e in story.marks
                 if e.kind in ("cut", "heal") and e.peer in self.lane]
        spots, cost = choose([w.spots for w in kept], solids, lines + links, page, [w.line for w in kept], limits)
        self.labels = [(spot, wish.lit) for spot, wish in zip(spots, kept, strict=True) if spot]
        self.unlabelled = len(wishes) - len(self.labels)
        self.easy = cost <= 0.9 * len(kept)
        """Each word stands near what it names, crossed by nothing: more room would gain nothing."""
        self.price = cost + self.gap * len(self.lane) * 0.06

    def _label_like(self, page: _Page) -> None:
        """The labels of another page of the same lanes, moved along with them."""
        self.inside, self.unlabelled, move = page.inside, page.unlabelled, self.head - page.head
        self.labels = [(spot.moved(move), lit) for spot, lit in page.labels]

    def _wishes(self, lines: list[tuple]) -> Iterable[Wish]:
        self.inside = {}
        for bar, box in self.bars:
            lit = self._is_lit(bar.begin, bar.end)
            words = " · ".join(filter(None, bar.words()))
            if self._fits_inside(words, bar, box):
                self.inside[bar.begin.number] = words
            else:
                yield Wish(int(bar.outcome == "ok" and not lit), self._bar_spots(bar, box), None, lit)
        for (arrow, start, end), line in zip(self.arrows, lines, strict=True):
            lit = bool(self.lit.intersection(arrow.numbers))
            yield Wish(int(arrow.form == "arrow" and not lit), self._arrow_spots(arrow, start, end), line, lit)
        for entry, box in self.marks:
            spots = around(box, self._mark_lines(entry), **self._sides(entry.node))
            yield Wish(0, spots, None, self._is_lit(entry))
        words = {entry.number: f"paused {entry.what}".strip() for entry in self.story.entries}
        for span, box in self.spans:
            if span.kind == "paused":
                yield Wish(0, around(box, [lines_of([(words[span.begin], SKY.text, True, False)], 170)]), None,
                           span.begin in self.lit)

    def _fits_inside(self, words: str, bar: Bar, box: Box) -> bool:
        end = box.x0 + 8 + width_of(words, SMALL)
        if end > box.x1 - (36 if bar.crashed else 22) or bar.track >= MOST_TRACKS:
            return False
        text = Box(box.x0 + 8, box.y0, end, box.y1)
        others = [other for bar_, other in self.bars if bar_ is not bar] + [other for _, other in self.marks]
        return not any(text.meets(other, 2) for other in others)

    def _bar_spots(self, bar: Bar, box: Box) -> list[Spot]:
        asked, outcome = bar.words()
        whole, colour = width_of(f"{asked} · {outcome}", SMALL), TONE_OF[bar.outcome].text
        if not outcome:
            return around(box, [lines_of([(asked, INK, False, False)], wide) for wide in (170, 116, 84)],
                          **self._sides(bar.begin.node))
        parts = [(asked, INK, False, False), (outcome, colour, True, False)]
        shapes = [lines_of(parts, wide) for wide in (170, 116, 84)]
        if whole < max(112, box.x1 - box.x0 + 30):
            shapes.insert(0, lines_of([(f"{asked} · {outcome}", INK, False, False)], whole, 1))
        return around(box, shapes, **self._sides(bar.begin.node))

    def _arrow_spots(self, arrow: Arrow, start: Point, end: Point) -> list[Spot]:
        tone = VERMILLION if arrow.form in ("cross", "double") else SKY if arrow.late else GREY
        remark = arrow.remark if self.ordered else arrow.remark.split(":")[0]
        parts = [(safe(arrow.what, 200), INK, False, arrow.is_event), (remark, tone.text, True, False)]
        shapes = [lines_of(parts, wide, most) for wide, most in ((190, 1), (124, 2), (92, 3))]
        if is_cut(shapes[0]) and is_cut(shapes[1]):
            shapes[1:1] = [lines_of(parts, 150, 2), lines_of(parts, 250, 1)]
        shapes = [shape for shape in dict.fromkeys(shapes) if shape]
        corridors = abs(self.story.lanes.index(arrow.target) - self.story.lanes.index(arrow.source))
        if corridors == 0:
            return around(Box(start[0], start[1], end[0], start[1] + LOOP + 4), shapes, above=3)
        stops = [(lane + part) / corridors for part in (0.5, 0.36, 0.64, 0.24, 0.76) for lane in range(corridors)]
        spots = along(start, end, shapes, tuple(stops[:15]))
        if arrow.form in HALFWAY:
            x, y = end
            spots += around(Box(x - 7, y - 7, x + 7, y + 7), shapes, above=1.5, below=1.5, levels=2)
        return spots

    def _mark_lines(self, entry: Entry) -> list[tuple[Line, ...]]:
        bad, link = VERMILLION.text, f"{lane_name(entry.node)} → {lane_name(entry.peer or '')}"
        head, tail, colour = {
            "crash": ("crash", entry.what, bad), "kill": ("process killed", entry.what, bad),
            "restart": ("restart", entry.what, INK), "lost": (f"{describe(entry.value)} {entry.what} lost", "", bad),
            "cut": ("link cut", link, bad), "heal": ("link healed", link, INK), "note": ("", entry.what, INK),
        }.get(entry.kind, (entry.kind, entry.what, INK))
        parts = [(safe(head, 200), colour, True, False),
                 (safe(tail, 200), INK if entry.kind == "note" else MUTED, False, False)]
        return [shape for shape in dict.fromkeys(lines_of(parts, wide, 3) for wide in (160, 110, 80)) if shape]

    def _sides(self, node: str) -> dict[str, float]:
        """What it costs a label to stand above or below a lane: outside of the lanes it is in nobody's way."""
        first, last = node == self.story.lanes[0], node == self.story.lanes[-1]
        return {"above": 0.0 if first else 1.0 if last else 0.2, "below": 0.0 if last else 1.0 if first else 0.3}

    def _is_lit(self, *entries: Entry | None) -> bool:
        return any(entry is not None and entry.number in self.lit for entry in entries)

    # ------------------------------------------------------------------------------------------- drawing

    def draw(self) -> str:
        svg = self.svg
        for node, y in self.lane.items():
            svg.rect(EDGE, y - 17, self.right + 12 - EDGE, 34 + self.depth[node], fill="#F6F8FA", radius=17)
        for column in range(len(self.instants) if self.ordered else 0):
            x = self.left + self.step * column
            svg.line([(x, self.top), (x, self.bottom)], "#E9EDF1", 1)
        for node, y in self.lane.items():
            self._draw_lane(node, y)
        for span, box in self.spans:
            draw_span(svg, span, box)
        for entry, _ in self.marks:
            if entry.kind in ("cut", "heal") and entry.peer in self.lane:
                x, colour = self.x(entry.number), VERMILLION.main if entry.kind == "cut" else GREY.main
                svg.line([(x, self.lane[entry.node]), (x, self.lane[entry.peer])], colour, 1.4, "2 4")
        for arrow, start, end in self.arrows:
            lit = bool(self.lit.intersection(arrow.numbers))
            draw_arrow(svg, arrow, start, end, lit, 1.6 if self.ordered else 1.1)
        for bar, box in self.bars:
            draw_bar(svg, bar, box, self._is_lit(bar.begin, bar.end), self.inside.get(bar.begin.number, ""))
        for arrow, start, _ in self.arrows:
            if arrow.begin is not None and arrow.source != arrow.target:
                svg.circle(*start, 3.2, SLATE)
        for entry, _ in self.marks:
            peer = self.lane.get(entry.peer) if entry.kind in ("cut", "heal") else None
            draw_mark(svg, entry.kind, self.x(entry.number), self.lane[entry.node], peer, self._is_lit(entry))
        for spot, lit in self.labels:
            draw_label(svg, spot, lit)
        y = legend(svg, self.story, self._draw_axis(self.bottom) + 10, bool(self.lit))
        for note in self._notes():
            y = svg.paragraph(EDGE, y + 6, note, self.width - 2 * EDGE, size=SMALL, colour=MUTED, italic=True)
        return svg.render(y + 8)

    def _notes(self) -> Iterable[str]:
        if self.unlabelled:
            labels = "label does" if self.unlabelled == 1 else "labels do"
            yield f"{self.unlabelled} {labels} not fit; the words hold every entry."
        if self.request.left_out:
            yield (f"These are the first {len(self.story.entries)} entries; {self.request.left_out:,} more "
                   "are not drawn.")

    def _draw_lane(self, node: str, y: float) -> None:
        start = self.left - 34
        for span, box in self.spans:
            if span.node == node and span.kind == "down":
                self.svg.line([(start, y), (box.x0, y)], GREY.main, 1.6)
                self.svg.line([(box.x0, y), (box.x1, y)], "#9AA5B1", 1.6, "5 6")
                start = box.x1
        self.svg.line([(start, y), (self.right + 10, y)], GREY.main, 1.6)
        tone = ROLES.get(self.request.roles.get(node, ""), GREY._replace(tint="#FFFFFF"))
        self.svg.rect(EDGE, y - 17, self.name_width, 34, fill=tone.tint, stroke=tone.main, line=2, radius=8)
        name = clip(lane_name(node), self.name_width - 14, bold=True)
        self.svg.text(EDGE + self.name_width / 2, y + 4.5, name, anchor="middle", bold=True)

    def _draw_axis(self, y: float) -> float:
        """The axis of time. Returns the y under it."""
        svg, rows = self.svg, [-99.0, -99.0]
        svg.arrow((self.left - 34, y), (self.right + 14, y), GREY.main, width=1.2)
        if not self.instants:
            svg.text(self.left, y - 20, "nothing happened yet", colour=MUTED, italic=True)
            return y + 20
        for x0, x1, text in self._ticks():
            svg.line([(x0, y - 4), (x0, y + 4)] + ([(x1, y + 4), (x1, y - 4)] if x1 > x0 else []), GREY.main, 1.2)
            wide, x = width_of(text, SMALL), (x0 + x1) / 2
            row = next((i for i in (0, 1) if rows[i] + 6 < x - wide / 2 and x + wide / 2 < self.width - 6), None)
            if row is not None:
                svg.text(x, y + 19 + 15 * row, text, size=SMALL, anchor="middle", colour=MUTED)
                rows[row] = x + wide / 2
        even = len({round(b - a, 9) for a, b in zip(self.instants, self.instants[1:], strict=False)}) <= 1
        how = "to scale" if not self.ordered or even else "moments in order, evenly spaced: not to scale"
        y += 37 + (15 if rows[1] > 0 else 0)
        svg.text(self.right + 14, y, f"virtual time in {self.unit} · {how}", size=SMALL, anchor="end", colour=MUTED,
                 italic=True)
        return y + 6

    def _ticks(self) -> list[tuple[float, float, str]]:
        """Left end, right end and words of each mark on the axis; moments of one instant share one."""
        if not self.ordered:
            step = round_step(self.span * self.scale, 7)
            decimals = max(0, -int(f"{step:e}".split("e")[1]))
            first = -int(-self.instants[0] * self.scale // step)
            wide = (self.right - self.left) / self.span / self.scale
            at = [(tick * step, self.left + (tick * step - self.instants[0] * self.scale) * wide)
                  for tick in range(first, first + 9) if tick * step <= self.instants[-1] * self.scale * 1.000001]
            return [(x, x, f"{value:.{decimals}f}") for value, x in at]
        ticks: list[tuple[float, float, str]] = []
        for column, instant in enumerate(self.instants):
            x = self.left + self.step * column
            if ticks and self.instants[column - 1] == instant:
                ticks[-1] = (ticks[-1][0], x, ticks[-1][2])
            else:
                ticks.append((x, x, f"{instant * self.scale:.{self.decimals}f}"))
        return ticks
