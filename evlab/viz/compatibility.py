"""Which version of the code reads which version of an event: a matrix of writers and readers, red and green."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, several
from evlab.viz.svg import EDGE, Box, Svg, clip, wrap
from evlab.viz.theme import (
    BLUE,
    CARD,
    GREEN,
    HIGHLIGHT,
    LINE,
    MUTED,
    ORANGE,
    SMALL,
    VERMILLION,
    safe,
    sentence,
)

__all__ = ["compatibility"]

LEFT, GAP, WIDEST, WIDTH = 226, 8, 206, 892
"""px: where the cells begin, what lies between two, how wide one is at most, and how wide the picture is at most."""
HIGH, LINE_STEP, HEAD = 88, 16, 42
"""px: a row with up to three lines of a rule, each line more, and the heads of the columns."""
MOST = 4
"""Versions that fit on a card."""

Pair = tuple[int, int]


def compatibility(rows: Iterable[Mapping[str, Any]], *, title: str, asked: Iterable[Pair] = (),
                  picked: Pair | None = None, schemas: Mapping[int, Mapping[str, Mapping[str, Any]]] | None = None,
                  ) -> Figure:
    """Draw who can read whom.

    rows: what `SchemaRegistry.matrix` returns, one for each pair, with `writer`, `reader`, `readable` and `why`.
    asked: the pairs (writer, reader) that a compatibility asks for, see `evlab.schema.pairs_asked`; they have a frame.
    picked: one pair to light up. schemas: the fields of each version, shown beside it. The figure's anchors are the
    versions, as in "v1", and the cells, as in "v1-v2" for code of v2 that reads v1. Raises `InvalidUse` for no rows,
    more than 4 versions, or a pair that is not in the rows.
    """
    cells = {(row["writer"], row["reader"]): row for row in several("rows", rows, "keys")}
    versions = sorted({writer for writer, _ in cells})
    asked = list(asked)
    if not versions or len(versions) > MOST or len(cells) != len(versions) ** 2:
        raise InvalidUse(f"{len(cells)} rows make no matrix that fits on a card",
                         why=f"it has a row for each pair of 1 to {MOST} versions",
                         next_step='give registry.matrix("UserCreated")')
    if strangers := [pair for pair in [*asked, *([picked] if picked else [])] if pair not in cells]:
        raise InvalidUse(f"{strangers[0]!r} is no pair of versions here", next_step="give (writer, reader)")
    red = [pair for pair, row in sorted(cells.items()) if not row["readable"]]
    text = _words(title, cells, versions, asked, picked, schemas or {})
    alt = f"{sentence(title)} {_counted(len(cells) - len(red), len(cells))}" + "".join(
        f"; code of v{reader} cannot read v{writer}" for writer, reader in red) + "."
    svg, anchors = _draw(title, alt, cells, versions, asked, picked, schemas or {})
    return Figure(svg, alt, text, anchors)


def _counted(green: int, total: int) -> str:
    return f"{green} of {total} pairs can be read"


def _field(name: str, field: Mapping[str, Any]) -> str:
    kind = field["type"] if isinstance(field["type"], str) else " or ".join(field["type"])
    return f"{name}: {kind}" + (f" = {_value(field['default'])}" if "default" in field else "")


def _value(default: Any) -> str:
    return "null" if default is None else f'"{default}"' if isinstance(default, str) else str(default)


def _words(title: str, cells: dict, versions: list[int], asked: list[Pair], picked: Pair | None,
           schemas: Mapping) -> str:
    wide = 12
    lines = [safe(title, 300), " " * 16 + "".join(f"read by v{reader}".ljust(wide) for reader in versions).rstrip()]
    for writer in versions:
        marks = []
        for reader in versions:
            mark = "yes" if cells[writer, reader]["readable"] else "NO"
            mark += " *" if (writer, reader) in asked else ""
            marks.append(f"{'>' if (writer, reader) == picked else ''}{mark}".ljust(wide))
        lines.append(f"  written by v{writer}".ljust(16) + "".join(marks).rstrip())
    if asked:
        lines.append("  * the compatibility asks for this pair")
    lines += [f"  v{version}: {', '.join(_field(*one) for one in schemas[version].items()) or 'no fields'}"
              for version in versions if version in schemas]
    lines += [f"  v{writer}, read by v{reader}: {safe(row['why'], 300)}"
              for (writer, reader), row in sorted(cells.items()) if not row["readable"]]
    return "\n".join(lines)


def _draw(title: str, alt: str, cells: dict, versions: list[int], asked: list[Pair], picked: Pair | None,
          schemas: Mapping) -> tuple[str, dict]:
    cell = min(WIDEST, (WIDTH - LEFT - EDGE + GAP) / len(versions) - GAP)
    svg = Svg(max(LEFT + len(versions) * (cell + GAP) - GAP + EDGE, 460), title, alt)
    rules = {pair: _rule_lines(row, cell) for pair, row in cells.items()}
    high = HIGH + LINE_STEP * max(0, max(map(len, rules.values())) - 3)
    y = svg.heading() + 4
    anchors = {}
    for column, reader in enumerate(versions):
        svg.box(LEFT + column * (cell + GAP) + cell / 2 - 69, y, 138, 30, f"code of v{reader}", GREEN)
    top = y + HEAD
    for line, writer in enumerate(versions):
        place = top + line * (high + GAP)
        _draw_version(svg, place, writer, schemas.get(writer, {}))
        anchors[f"v{writer}"] = (EDGE + 6, place + 17)
        for column, reader in enumerate(versions):
            x = LEFT + column * (cell + GAP)
            box = Box(x, place, x + cell, place + high)
            pair = writer, reader
            _draw_cell(svg, box, cells[pair]["readable"], rules[pair], pair in asked, pair == picked)
            anchors[f"v{writer}-v{reader}"] = (box.x1 - 16, place + 19)  # where no word stands
    y = top + len(versions) * (high + GAP) + 12
    if asked:
        svg.rect(EDGE, y - 10, 18, 13, fill=CARD, stroke=BLUE.main, line=2.6, radius=3)
        svg.text(EDGE + 26, y + 1, "this pair has to be green", size=SMALL, colour=MUTED)
        y += 16
    return svg.render(y + 4), anchors


def _draw_version(svg: Svg, y: float, version: int, fields: Mapping) -> None:
    svg.square(EDGE + 6, y + 17, ORANGE, 13)
    svg.text(EDGE + 20, y + 22, f"event of v{version}", bold=True)
    shown = [_field(*one) for one in fields.items()]
    if len(shown) > 3:
        shown = [*shown[:2], f"and {len(shown) - 2} more"]
    for line, words in enumerate(shown):
        svg.text(EDGE, y + 43 + 17 * line, clip(words, LEFT - EDGE - 12, SMALL), size=SMALL, colour=ORANGE.text)


def _rule_lines(row: Mapping[str, Any], wide: float) -> list[str]:
    """Why a pair cannot be read, as lines that fit into its cell; fields that break one rule share it."""
    fields: dict[str, list[str]] = {}
    for fault in [] if row["readable"] else row["why"].split("; "):
        field, _, rule = fault.partition(": ")
        fields.setdefault(rule, []).append(field)
    why = "; ".join(f"{', '.join(names)}: {rule}".strip(": ") for rule, names in fields.items())
    return wrap(why, wide - 24, SMALL, lines=4) if why else []


def _draw_cell(svg: Svg, box: Box, readable: bool, rule: list[str], asked: bool, picked: bool) -> None:
    tone = GREEN if readable else VERMILLION
    wide, high = box.x1 - box.x0, box.y1 - box.y0
    if picked:
        svg.rect(box.x0 - 4, box.y0 - 4, wide + 8, high + 8, fill=HIGHLIGHT, radius=10)
    svg.rect(box.x0, box.y0, wide, high, fill=tone.tint, stroke=BLUE.main if asked else LINE,
             line=2.6 if asked else 1.2, radius=7)
    svg.badge(box.x0 + 19, box.y0 + 19, "ok" if readable else "fail", tone, 8)
    svg.text(box.x0 + 34, box.y0 + 24, "reads it" if readable else "cannot read it", bold=True,
             colour=tone.text)
    for line, words in enumerate(rule):
        svg.text(box.x0 + 12, box.y0 + 43 + LINE_STEP * line, words, size=SMALL)
