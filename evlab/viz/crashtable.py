"""Where a crash falls, and what becomes of the effect: a row for each design, a column for what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, drawable
from evlab.viz.svg import EDGE, Box, Svg, clip, wrap
from evlab.viz.theme import CARD, GREEN, MUTED, SKY, SLATE, SMALL, VERMILLION, Tone, safe, sentence, width_of

__all__ = ["OUTCOMES", "crash_table"]

WIDTH, LEFT, GAP, WIDEST = 900, 212, 8, 116
"""px: how wide the picture is at most, where the cells begin, what lies between two, and how wide one is at most."""
HIGH, HEAD_LINES = 46, 3
"""px: a row; and the most lines of a column's head."""
MOST_ROWS, MOST_COLUMNS = 12, 8
OUTCOMES = {"once": "the effect happened once", "lost": "it never happened", "twice": "it happened more than once",
            "unknown": "nobody knows, and it is listed"}
"""What a cell may say, and what that means."""
KINDS = ("crash", "drop", "duplicate", "")
"""What may stand over a column: a bolt, a dropped message, a doubled one, or nothing."""
NO_POINT = "this design has no such point"


def crash_table(results: Mapping[str, Mapping[str, str]], columns: Mapping[str, str], *, title: str,
                notes: Mapping[str, str] | None = None) -> Figure:
    """Draw what became of one effect, for each design and each thing that went wrong.

    results: design -> column -> "once", "lost", "twice" or "unknown"; a column that is left out was never reached.
    columns: in their order, name -> "crash" (a bolt stands over it), "drop", "duplicate" or "".
    notes: design -> a smaller line under its name. A design that is "once" in all its columns has a tick.
    Raises `InvalidUse` for a title without words, too many rows or columns, or a word that it does not know.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a crash table needs a title", why="it states the finding",
                         next_step='write title="Only the inbox is once at every point"')
    for name, given in (("results", results), ("columns", columns)):
        drawable(name, given, "items")
    if not 1 <= len(results) <= MOST_ROWS or not 1 <= len(columns) <= MOST_COLUMNS:
        raise InvalidUse(f"{len(results)} designs and {len(columns)} columns make no table that fits on a card",
                         next_step=f"give 1 to {MOST_ROWS} designs and 1 to {MOST_COLUMNS} columns")
    for name, kind in columns.items():
        if kind not in KINDS:
            raise InvalidUse(f"{kind!r:.40} is nothing that goes wrong at {name!r:.40}",
                             next_step='give "crash", "drop", "duplicate" or ""')
    for design, row in results.items():
        for column, outcome in row.items():
            if column not in columns or outcome not in OUTCOMES:
                raise InvalidUse(f"{design!r:.40} has {outcome!r:.40} in {column!r:.40}",
                                 why=f"a cell is one of {', '.join(OUTCOMES)}, in one of the columns given",
                                 next_step="look at results and columns")
    notes = notes or {}
    alt = sentence(title) + "".join(f" {safe(name, 60)}: {_summary(row)}." for name, row in results.items())
    return Figure(_draw(results, columns, title, notes, alt), alt, _words(results, columns, title, notes))


def _whole(row: Mapping[str, str]) -> bool:
    """Is it once wherever it was tried?"""
    return bool(row) and set(row.values()) == {"once"}


def _summary(row: Mapping[str, str]) -> str:
    if _whole(row):
        return "once in every column"
    said = [f"{outcome} at {', '.join(safe(name, 60) for name, value in row.items() if value == outcome)}"
            for outcome in ("lost", "twice", "unknown") if outcome in row.values()]
    return "; ".join(said) or "not tried"


def _words(results: Mapping, columns: Mapping[str, str], title: str, notes: Mapping[str, str]) -> str:
    lines = [safe(title, 300)]
    heads = [safe(name, 60) for name in columns]
    wide = [max(len(head), max(map(len, OUTCOMES))) + 2 for head in heads]
    names = [safe(name, 60) for name in results]
    left = max(map(len, names)) + 4
    bolts = [("⚡" if kind == "crash" else "").ljust(size) for kind, size in zip(columns.values(), wide, strict=True)]
    if "crash" in columns.values():
        lines.append((" " * left + "".join(bolts)).rstrip())
    lines.append((" " * left + "".join(head.ljust(size) for head, size in zip(heads, wide, strict=True))).rstrip())
    for name, row in zip(names, results.values(), strict=True):
        cells = [row.get(column, "–").ljust(size) for column, size in zip(columns, wide, strict=True)]
        lines.append((f"{'✓' if _whole(row) else ' '} {name}".ljust(left) + "".join(cells)).rstrip())
    lines += [f"  {safe(design, 60)}: {safe(notes[design], 120)}" for design in results if design in notes]
    lines.append(f"  {', '.join(f'{word}: {meaning}' for word, meaning in _used(results))}")
    if _gaps(results, columns):
        lines.append(f"  –: {NO_POINT}")
    return "\n".join(lines)


def _used(results: Mapping) -> list[tuple[str, str]]:
    """The outcomes that occur, with their meaning."""
    found = {outcome for row in results.values() for outcome in row.values()}
    return [(word, meaning) for word, meaning in OUTCOMES.items() if word in found]


def _gaps(results: Mapping, columns: Mapping[str, str]) -> bool:
    return any(column not in row for row in results.values() for column in columns)


# ------------------------------------------------------------------------------------------------ the picture


def _draw(results: Mapping, columns: Mapping[str, str], title: str, notes: Mapping[str, str], alt: str) -> str:
    wide = min(WIDEST, (WIDTH - LEFT - EDGE + GAP) / len(columns) - GAP)
    svg = Svg(max(LEFT + len(columns) * (wide + GAP) - GAP + EDGE, 640), title, alt)
    y = svg.heading() + 6
    heads = [wrap(name, wide + GAP - 4, SMALL, lines=HEAD_LINES) for name in columns]
    for index, (lines, kind) in enumerate(zip(heads, columns.values(), strict=True)):
        _draw_head(svg, LEFT + index * (wide + GAP) + wide / 2, y, lines, kind)
    y += 30 + 15 * max(map(len, heads))
    for design, row in results.items():
        _draw_name(svg, y, design, notes.get(design, ""), _whole(row))
        for index, column in enumerate(columns):
            x = LEFT + index * (wide + GAP)
            _draw_cell(svg, Box(x, y, x + wide, y + HIGH), row.get(column))
        y += HIGH + GAP
    return svg.render(_legend(svg, results, _gaps(results, columns), y + 14))


def _draw_head(svg: Svg, middle: float, y: float, lines: list[str], kind: str) -> None:
    if kind == "crash":
        svg.bolt(middle, y + 6, 11)
    elif kind == "drop":
        svg.arrow((middle - 15, y + 6), (middle + 12, y + 6), VERMILLION.main, form="cross")
    elif kind == "duplicate":
        svg.arrow((middle - 18, y + 6), (middle + 18, y + 6), VERMILLION.main, form="double")
    for line, words in enumerate(lines):
        svg.text(middle, y + 32 + 15 * line, words, size=SMALL, anchor="middle", colour=SLATE)


def _draw_name(svg: Svg, y: float, design: str, note: str, whole: bool) -> None:
    middle, room = y + HIGH / 2, LEFT - EDGE - 34
    if whole:
        svg.badge(EDGE + 8, middle - (8 if note else 0), "ok", GREEN, 7)
    svg.text(EDGE + 24, middle + (-3.5 if note else 4.5), clip(design, room, bold=True), bold=True)
    if note:
        svg.text(EDGE + 24, middle + 13, clip(note, room, SMALL), size=SMALL, colour=MUTED)


def _draw_cell(svg: Svg, box: Box, outcome: str | None) -> None:
    if outcome is None:
        svg.text((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 + 4.5, "–", anchor="middle", colour=MUTED)
        return
    _form(svg, box, outcome)
    words = clip(outcome, box.x1 - box.x0 - 24, SMALL, bold=True)
    left = box.x0 + (box.x1 - box.x0 - width_of(words, SMALL, bold=True) - 20) / 2
    middle = (box.y0 + box.y1) / 2
    svg.badge(left + 7, middle, {"once": "ok", "lost": "fail", "twice": "2", "unknown": "?"}[outcome], _tone(outcome))
    svg.text(left + 20, middle + 4.2, words, size=SMALL, bold=True, colour=_tone(outcome).text,
             halo=outcome == "unknown")


def _tone(outcome: str) -> Tone:
    return {"once": GREEN, "unknown": SKY}.get(outcome, VERMILLION)


def _form(svg: Svg, box: Box, outcome: str) -> None:
    """A whole box, an empty dashed one, two boxes on one another, a hatched one: the form says it without colour."""
    x, y, wide, high, tone = box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0, _tone(outcome)
    if outcome == "lost":
        svg.rect(x, y, wide, high, fill=CARD, stroke=tone.main, line=1.8, radius=6, dash="5 4")
    elif outcome == "twice":
        svg.rect(x + 5, y, wide - 5, high - 5, fill=tone.tint, stroke=tone.main, line=1.8, radius=6)
        svg.rect(x, y + 5, wide - 5, high - 5, fill=tone.tint, stroke=tone.main, line=1.8, radius=6)
    elif outcome == "unknown":
        svg.hatch(x, y, wide, high, tone, radius=6)
    else:
        svg.rect(x, y, wide, high, fill=tone.tint, stroke=tone.main, line=1.4, radius=6)


def _legend(svg: Svg, results: Mapping, gaps: bool, y: float) -> float:
    """Name the forms that occur, and only those. Returns the height of the picture."""
    x, right = float(EDGE), svg.width - EDGE
    rows = [(outcome, f"{outcome}: {meaning}") for outcome, meaning in _used(results)]
    rows += [("", f"–: {NO_POINT}")] if gaps else []
    for outcome, words in rows:
        wide = (34 if outcome else 0) + width_of(words, SMALL) + 16
        if x + wide > right + 16 and x > EDGE:
            x, y = float(EDGE), y + 24
        if outcome:
            _form(svg, Box(x, y - 9, x + 26, y + 9), outcome)
        svg.text(x + (34 if outcome else 0), y + 4.2, words, size=SMALL, colour=MUTED)
        x += wide
    return y + 28
