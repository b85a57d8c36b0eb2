"""The forms of a timeline, each drawn the same way wherever it occurs, and the legend that names those in use."""

from __future__ import annotations

from evlab.viz.place import SQUARE, Spot
from evlab.viz.story import Arrow, Bar, Span, Story
from evlab.viz.svg import EDGE, Box, Point, Svg
from evlab.viz.theme import (
    CARD,
    GREEN,
    GREY,
    HIGHLIGHT,
    INK,
    LINE,
    LINE_HEIGHT,
    MUTED,
    ORANGE,
    SKY,
    SLATE,
    SMALL,
    VERMILLION,
    width_of,
)

__all__ = ["LOOP", "TONE_OF", "draw_arrow", "draw_bar", "draw_label", "draw_mark", "draw_span", "legend"]

TONE_OF = {"ok": GREEN, "fail": VERMILLION, "info": SKY, "": GREY}
"""The tone of an operation's outcome; "": it is not shown."""
LOOP = 20
"""How far, in px, a message from a node to itself hangs below its lane."""


def draw_arrow(svg: Svg, arrow: Arrow, start: Point, end: Point, lit: bool, width: float = 1.6) -> None:
    """A message: whole, dropped, doubled, late, or still under way."""
    colour = VERMILLION.main if arrow.form in ("cross", "double") else SKY.text if arrow.late else SLATE
    dash = "7 4" if arrow.late else "2 3" if arrow.begin is None else ""
    if arrow.source == arrow.target:
        low = start[1] + LOOP
        if arrow.form in ("cross", "open", "hidden"):
            svg.line([start, (start[0], low)], colour, width, dash)
            svg.arrow((start[0], low), end, colour, width=width, dash=dash, form=arrow.form, lit=lit)
        else:
            svg.line([start, (start[0], low), (end[0], low)], colour, width, dash)
            svg.arrow((end[0], low), end, colour, width=width, dash=dash, form=arrow.form, lit=lit)
        return
    svg.arrow(start, end, colour, width=width, dash=dash, form=arrow.form, lit=lit)


def draw_bar(svg: Svg, bar: Bar, box: Box, lit: bool, words: str) -> None:
    """An operation: its bar, its outcome's badge, and its words if they fit inside."""
    tone = SKY if bar.lag else TONE_OF[bar.outcome]
    hatched = bar.lag or bar.outcome == "info"
    w, h = box.x1 - box.x0, box.y1 - box.y0
    if lit:
        svg.rect(box.x0 - 4, box.y0 - 4, w + 8, h + 8, fill=HIGHLIGHT, radius=9)
    if bar.hidden:
        _open_bar(svg, *box)
        return
    svg.rect(*box[:2], w, h, fill=CARD if hatched else tone.tint, stroke=tone.main, line=1.8, radius=6)
    if hatched:
        svg.hatch(*box[:2], w, h, tone, radius=6)
    if words:
        svg.text(box.x0 + 8, box.y0 + h / 2 + 4.2, words, size=SMALL, halo=hatched)
    if w >= 15 and not bar.lag:
        sign = "?" if bar.outcome == "info" else bar.outcome
        svg.badge(box.x1 - (24 if bar.crashed and w > 34 else 10), box.y0 + h / 2, sign, tone, 7)


def _open_bar(svg: Svg, x0: float, y0: float, x1: float, y1: float) -> None:
    """The beginning of an operation whose end is not shown: a box without a right side."""
    middle = x0 + (x1 - x0) * 0.4
    svg.rect(x0, y0, x1 - x0, y1 - y0, fill=CARD)
    svg.line([(middle, y0), (x0, y0), (x0, y1), (middle, y1)], GREY.main, 1.8)
    for y in (y0, y1):
        svg.line([(middle + 3, y), (x1, y)], GREY.main, 1.8, "4 3")


def draw_span(svg: Svg, span: Span, box: Box) -> None:
    """A node that is paused; one that is down is a dashed lane, drawn with the lane."""
    if span.kind == "paused":
        svg.hatch(*box[:2], box.x1 - box.x0, box.y1 - box.y0, SKY)


def draw_mark(svg: Svg, kind: str, x: float, y: float, peer: float | None = None, lit: bool = False,
              size: float = 15) -> None:
    """A crash, a restart, a cut, a loss, a remark, on the lane at `y`; `peer` is the other lane of a link."""
    if lit:
        svg.circle(x, y, 17, HIGHLIGHT)
    if kind in ("crash", "kill"):
        svg.bolt(x, y, size)
    elif kind == "restart":
        svg.circle(x, y, 8, CARD, GREY.main)
        svg.polygon([(x - 2.6, y - 4.2), (x - 2.6, y + 4.2), (x + 4.6, y)], GREY.main)
    elif kind == "lost":
        svg.rect(x - 9, y - 7, 18, 14, fill="#AEB7C1", stroke=GREY.main, line=1.6, dash="3 2")
    elif kind in ("cut", "heal"):
        for place in (y, peer):
            if place is not None:
                _link_sign(svg, x, place, kind == "cut")
    elif kind == "note":
        svg.line([(x, y), (x, y - 9)], GREY.main, 1.4)
        svg.polygon([(x, y - 9), (x + 8, y - 6), (x, y - 3)], GREY.main)
        svg.circle(x, y, 2.4, GREY.main)
    else:
        svg.circle(x, y, 4, CARD, INK)


def _link_sign(svg: Svg, x: float, y: float, cut: bool) -> None:
    """A gap between two strokes where a link is cut; a ring where it is whole again."""
    if not cut:
        svg.circle(x, y, 5, CARD, GREY.main)
        svg.circle(x, y, 1.8, GREY.main)
        return
    svg.rect(x - 4, y - 6, 8, 12, fill=CARD)
    for left in (-3.5, 3.5):
        svg.line([(x + left - 2.5, y + 6.5), (x + left + 2.5, y - 6.5)], VERMILLION.main, 2.4)


def draw_label(svg: Svg, spot: Spot, lit: bool) -> None:
    """Words at the spot that was chosen for them."""
    box = spot.box
    if spot.leader:
        x, y = spot.leader
        svg.line([(x, y), (x, box.y1 if box.y1 < y else box.y0)], LINE, 1)
    if lit:
        svg.rect(box.x0 - 3, box.y0 - 1, box.x1 - box.x0 + 6, box.y1 - box.y0 + 2, fill="#FFF3C4", radius=4)
    squared = spot.lines[0].square
    align = "start" if squared else spot.align
    x = {"start": box.x0 + 2 + (SQUARE if squared else 0), "middle": (box.x0 + box.x1) / 2, "end": box.x1 - 2}[align]
    for index, line in enumerate(spot.lines):
        y = box.y0 + SMALL * (1.0 + LINE_HEIGHT * index) + 0.5
        if line.square:
            svg.square(x - 9, y - 4.3, ORANGE)
        svg.text(x, y, line.text, size=SMALL, colour=line.colour, bold=line.bold, anchor=align, halo=not lit)


def legend(svg: Svg, story: Story, y: float, lit: bool) -> float:
    """Name the forms that occur, and only those. Returns the y under the last row."""
    x, right = float(EDGE), svg.width - EDGE
    for name, sample in _used(story, lit):
        wide = 34 + width_of(name, SMALL) + 10
        if x + wide > right + 10 and x > EDGE:
            x, y = float(EDGE), y + 22
        sample(svg, x, y + 8)
        svg.text(x + 34, y + 12.2, name, size=SMALL, colour=MUTED)
        x += wide
    return y + 24 if x > EDGE else y


def _used(story: Story, lit: bool) -> list:
    kinds = {entry.kind for entry in story.entries}
    forms = {arrow.form for arrow in story.arrows}
    outcomes = {bar.outcome for bar in story.bars if not bar.lag}
    lag = any(bar.lag for bar in story.bars)
    spans = {span.kind for span in story.spans}
    late = any(arrow.late for arrow in story.arrows)
    stub = any(arrow.begin is None for arrow in story.arrows)

    def arrow(form, colour, dash=""):
        end = 20 if form == "cross" else 26
        return lambda svg, x, y: svg.arrow((x, y), (x + end, y), colour, form=form, dash=dash)

    def bar(outcome):
        def draw(svg, x, y):
            box = Box(x, y - 8, x + 26, y + 8)
            svg.rect(*box[:2], 26, 16, fill=TONE_OF[outcome].tint, stroke=TONE_OF[outcome].main, radius=5)
            if outcome == "info":
                svg.hatch(*box[:2], 26, 16, SKY, radius=5)
            svg.badge(x + 17, y, "?" if outcome == "info" else outcome, TONE_OF[outcome], 6.5)
        return draw

    def behind(svg, x, y):
        svg.rect(x, y - 8, 26, 16, fill=CARD, stroke=SKY.main, radius=5)
        svg.hatch(x, y - 8, 26, 16, SKY, radius=5)

    def mark(kind):
        return lambda svg, x, y: draw_mark(svg, kind, x + 13, y, size=11)

    def light(svg, x, y):
        svg.rect(x, y - 7, 26, 14, fill=HIGHLIGHT, radius=4)

    rows = [
        (any(arrow.is_event for arrow in story.arrows), "event", lambda svg, x, y: svg.square(x + 13, y, ORANGE)),
        ("arrow" in forms, "message", arrow("arrow", SLATE)),
        (late, "delayed", arrow("arrow", SKY.text, "7 4")),
        ("hidden" in forms, "end not shown", arrow("hidden", SLATE)),
        ("cross" in forms, "dropped", arrow("cross", VERMILLION.main)),
        ("double" in forms, "duplicate", arrow("double", VERMILLION.main)),
        ("open" in forms, "still under way", arrow("open", SLATE)),
        (stub, "sent earlier", arrow("arrow", SLATE, "2 3")),
        ("ok" in outcomes, "ok", bar("ok")), ("fail" in outcomes, "failed", bar("fail")),
        ("info" in outcomes, "outcome unknown", bar("info")),
        (lag, "behind", behind),
        ("" in outcomes, "begins", lambda svg, x, y: _open_bar(svg, x + 2, y - 8, x + 22, y + 8)),
        (kinds & {"crash", "kill"}, "crash", mark("crash")),
        ("down" in spans, "down", lambda svg, x, y: svg.line([(x, y), (x + 26, y)], "#9AA5B1", 1.6, "5 6")),
        ("restart" in kinds, "restart", mark("restart")),
        ("paused" in spans, "paused", lambda svg, x, y: svg.hatch(x, y - 7, 26, 14, SKY)),
        ("cut" in kinds, "link cut", mark("cut")), ("heal" in kinds, "link healed", mark("heal")),
        ("lost" in kinds, "unsynced data lost", mark("lost")), ("note" in kinds, "remark", mark("note")),
        (lit, "look here", light),
    ]
    return [(name, sample) for used, name, sample in rows if used]
