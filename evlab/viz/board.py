"""The wall of an event storming: notes in rows and columns, time from left to right, contexts over the columns.

On paper a policy is lilac and a read model green. Here both keep the colours that they have in all pictures of the
course, and each row says what its notes are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Box, Svg, clip
from evlab.viz.theme import (
    BLUE,
    CARD,
    GREEN,
    GREY,
    HIGHLIGHT,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    SLATE,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
    width_of,
)

__all__ = ["Wall", "wall"]

WIDTH, LABEL, COLUMN, NOTE = 900, 66, 98, 50
"""px: the picture, the room for the rows' names, a column's width, a note's height."""
GAP, EMPTY, BAND = 6, 20, 24
"""px: between notes, the height of a row without notes, the height of the contexts' band."""
YELLOW = Tone("#B8A800", "#FBF6C8", "#665C00")
"""An aggregate is yellow on every wall. Darker than Okabe and Ito's, so that its border is seen on white."""
ROWS = ("who", "command", "decides", "event", "seen in", "open")
TONES = {"person": Tone(SLATE, CARD, SLATE), "policy": GREEN, "command": BLUE, "aggregate": YELLOW, "system": GREY,
         "event": ORANGE, "read model": PURPLE, "question": VERMILLION}
ABOVE = {"policy": "whenever", "system": "outside"}
"""A small word over the text of a note, where two kinds share a row."""
RADIUS = {"person": 22, "policy": 10, "command": 10}


class Wall(Figure):
    """A picture of a board, with the box of each note (by its id) and of each column (by its number)."""

    def __init__(self, svg: str, alt: str, text: str, notes: dict[str, Box], columns: dict[int, Box]):
        super().__init__(svg, alt, text)
        self.notes, self.columns = notes, columns


def wall(board: Any, *, title: str, here: str = "", at: int = 0, marked: Iterable[str] = (),
         columns: int = 0) -> Wall:
    """Draw a board (see `evlab.widgets.storm.Board`).

    title: the finding, in a sentence. here: the id of the note that is chosen; it lies on a light, and so does the
    number of the column `at`. marked: the ids of notes with a rule broken; each gets a dashed border and a "!".
    columns: how many to draw at least.
    Raises `InvalidUse` for a title without words.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of a board needs a title", why="it states the finding",
                         next_step='write wall(board, title="Four contexts, and five events between them")')
    count = max([columns, 1, *(note.column for note in board.notes), *board.contexts])
    lines = [safe(title, 300)]
    for column in range(1, count + 1):
        lines.append(f"  {column} {board.context(column) or '(no context)'}: {_told(board, column, here, set(marked))}")
    alt = f"{sentence(title)} {_counts(board)}"
    svg = Svg(WIDTH, title, alt)
    notes, places, bottom = _draw(svg, board, count, here, at, set(marked))
    return Wall(svg.render(bottom), alt, "\n".join(lines), notes, places)


def _told(board: Any, column: int, here: str, marked: set[str]) -> str:
    said = []
    for row in ROWS:
        for note in board.cell(row, column):
            signs = " <-" * (note.id == here) + " (!)" * (note.id in marked)
            said.append(f"{ABOVE.get(note.kind) or note.kind} {safe(note.text)}{signs}")
    return "; ".join(said) or "empty"


def _counts(board: Any) -> str:
    kinds = {kind: len(board.of(kind)) for kind in TONES}
    told = [f"{number} {kind.replace('policy', 'policie') if number != 1 else kind}{'s' * (number != 1)}"
            for kind, number in kinds.items() if number]
    contexts = len(set(board.contexts.values()))
    told.append(f"{contexts} bounded context{'s' * (contexts != 1)}")
    return f"On the board: {', '.join(told)}."


def _draw(svg: Svg, board: Any, count: int, here: str, at: int, marked: set[str]) -> tuple[dict, dict, float]:
    top = svg.heading() + 2
    y, tops = top + BAND + 26, {}
    for row in ROWS:
        most = max(len(board.cell(row, column)) for column in range(1, count + 1))
        tops[row] = y
        y += most * (NOTE + GAP) + 6 if most else EMPTY
    places = {column: Box(_left(column), top, _left(column) + COLUMN, y) for column in range(1, count + 1)}
    for row, line in tops.items():
        if row != ROWS[0]:
            svg.line([(EDGE, line - 5), (_left(count + 1), line - 5)], LINE, 1)
        svg.text(EDGE - 8, line + 12, row, size=SMALL, colour=MUTED)
    _contexts(svg, board, count, top, y)
    notes = {}
    for column in range(1, count + 1):
        middle = _left(column) + COLUMN / 2
        if column == at:
            svg.rect(middle - 11, top + BAND + 2, 22, 18, fill=HIGHLIGHT, radius=8)
        svg.text(middle, top + BAND + 15, str(column), size=SMALL, anchor="middle", colour=MUTED, bold=column == at)
        for row, line in tops.items():
            for index, note in enumerate(board.cell(row, column)):
                box = Box(_left(column) + 3, line + index * (NOTE + GAP), _left(column) + COLUMN - 3,
                          line + index * (NOTE + GAP) + NOTE)
                notes[note.id] = box
                _note(svg, note, box, note.id == here, note.id in marked)
    return notes, places, y + 12


def _left(column: int) -> float:
    return EDGE - 8 + LABEL + (column - 1) * COLUMN


def _contexts(svg: Svg, board: Any, count: int, top: float, bottom: float) -> None:
    """One band over neighbouring columns of one context, with a line down where it ends."""
    start = 1
    for column in range(1, count + 1):
        if column < count and board.context(column + 1) == board.context(column):
            continue
        name, x, wide = board.context(start), _left(start), (column - start + 1) * COLUMN
        svg.rect(x + 2, top, wide - 4, BAND, fill=GREY.tint if name else CARD, stroke=GREY.main, line=1.2, radius=6,
                 dash="" if name else "4 3")
        svg.text(x + wide / 2, top + 16.5, clip(name or "no context", wide - 12, SMALL, bool(name)), size=SMALL,
                 anchor="middle", bold=bool(name), colour=GREY.text)
        if column < count:
            svg.line([(x + wide, top + 2), (x + wide, bottom)], GREY.main, 1.2, "2 4")
        start = column + 1


def _note(svg: Svg, note: Any, box: Box, here: bool, marked: bool) -> None:
    x, y, w, h = box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0
    tone = TONES[note.kind]
    if here:
        svg.rect(x - 3, y - 3, w + 6, h + 6, fill=HIGHLIGHT, radius=8)
    svg.rect(x, y, w, h, fill=tone.tint, stroke=VERMILLION.main if marked else tone.main, line=2 if marked else 1.6,
             radius=RADIUS.get(note.kind, 3), dash="5 3" if marked or note.kind in ("system", "question") else "")
    above = ABOVE.get(note.kind)
    lines = _lines(note.text, w - 10, 2 if above else 3)
    rows = [*([above] if above else []), *lines]
    first = y + h / 2 - (len(rows) - 1) * 7 + 4.3
    for index, line in enumerate(rows):
        small = bool(above) and index == 0
        svg.text(x + w / 2, first + index * 14, line, size=SMALL, anchor="middle", italic=small,
                 colour=MUTED if small else tone.text)
    if marked:
        svg.badge(box.x1 - 3, box.y0 - 1, "!", VERMILLION, 7)


def _lines(text: str, width: float, most: int) -> list[str]:
    """A text in lines that break at spaces and before capitals, so that OrderCancelled fits on a note."""
    parts, lines = re.findall(r"\s*(?:[A-Z]+(?![a-z])|\S[^A-Z\s]*)", safe(text, 80)) or [""], [""]
    for part in parts:
        if lines[-1] and width_of((lines[-1] + part).strip(), SMALL) > width and len(lines) < most:
            lines.append("")
        lines[-1] += part
    return [clip(line.strip(), width, SMALL) for line in lines]
