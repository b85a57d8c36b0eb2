"""The two sides of a system: commands become events above, and read models are made from the events below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, several
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import BLUE, CARD, GREEN, GREY, MUTED, ORANGE, PURPLE, SKY, SLATE, SMALL, safe, sentence

__all__ = ["Reader", "cqrs"]

WIDTH, GAP, MOST = 880, 18, 4
TOP, RAIL, CYLINDER, QUERY = 78, 40, 62, 46
"""px: a box of the write side, the space in which the events go down, a read model, what asks it."""
CELLS = 6
"""How many of the newest events are drawn in the store."""


class Reader(NamedTuple):
    """What is made from the events: a read model with the question it answers, or a reactor with its effect."""

    name: str
    asks: str
    """The question, or what is done outside."""
    position: int
    """The position of the last event that it has read."""
    kind: str = "view"
    """"view" for a read model, "reactor" for effects on the outside."""


def cqrs(readers: Iterable[Reader | tuple], *, title: str, end: int, commands: str = "") -> Figure:
    """Draw the write side, the events, and one column for each reader.

    readers: 1 to 4 of `Reader`, or tuples with the same fields. title: the finding. end: the position of the store's
    newest event; a reader before it is drawn as behind. commands: their names, in small under the word.
    Raises `InvalidUse` for another number of readers, what is no reader, a position after `end`, or no title.
    """
    readers = [_reader(reader) for reader in several("readers", readers)]
    _check(readers, title, end)
    behind = [f"{reader.name} by {end - reader.position}" for reader in readers if reader.position < end]
    state = f"Behind: {', '.join(behind)}." if behind else "None is behind."
    alt = (f"{sentence(title)} Commands pass a command handler and become {_events(end)} in the event store. "
           f"From there {', '.join(reader.name for reader in readers)} {'is' if len(readers) == 1 else 'are'} made. "
           f"{state}")
    svg = Svg(WIDTH, title, alt)
    y = svg.heading() + 2
    store = _draw_write_side(svg, y, end, commands)
    _draw_read_side(svg, y + TOP + 38, readers, end, store)
    height = y + TOP + 38 + RAIL + 26 + CYLINDER + 30 + 26 + QUERY + 16
    return Figure(svg.render(height + EDGE), alt, _in_words(readers, title, end, commands))


def _reader(found: Reader | tuple) -> Reader:
    if not isinstance(found, tuple) or len(found) not in (3, 4):
        raise InvalidUse(f"{found!r:.60} is no reader", next_step='give (name, what it answers, its position)')
    return Reader(*found)


def _check(readers: list[Reader], title: str, end: int) -> None:
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture needs a title", why="it states the finding",
                         next_step='write title="The list is behind, and the sale goes on"')
    if not 1 <= len(readers) <= MOST:
        raise InvalidUse(f"{len(readers)} readers do not fit", next_step=f"give 1 to {MOST}")
    numbers = [end, *(reader.position for reader in readers)]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise InvalidUse("a position is a whole number of 0 or more", next_step="give store.position, and checkpoints")
    for reader in readers:
        if reader.kind not in ("view", "reactor"):
            raise InvalidUse(f"{reader.kind!r} is no kind of reader", next_step='use "view" or "reactor"')
        if reader.position > end:
            raise InvalidUse(f"{reader.name} is at event {reader.position}, and the store ends at {end}",
                             next_step="give a position up to the store's end")


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _draw_write_side(svg: Svg, y: float, end: int, commands: str) -> tuple[float, float]:
    """The upper band. Returns the point where the events leave the store."""
    svg.rect(EDGE, y, WIDTH - 2 * EDGE, TOP + 30, fill=CARD, stroke=BLUE.main, line=1.2, radius=10, dash="5 4")
    svg.text(EDGE + 14, y + 19, "write side", size=SMALL, bold=True, colour=BLUE.text)
    top, middle = y + 28, y + 28 + TOP / 2 - 6
    svg.box(EDGE + 14, top, 190, TOP - 12, "commands", BLUE, sub=commands, dash="4 3")
    svg.arrow((EDGE + 207, middle), (EDGE + 247, middle), SLATE)
    svg.box(EDGE + 250, top, 190, TOP - 12, "command handler", BLUE, sub="accepts or rejects")
    svg.arrow((EDGE + 443, middle), (EDGE + 503, middle), SLATE)
    svg.square(EDGE + 470, middle, ORANGE, 11)
    left, wide = EDGE + 506, WIDTH - 2 * EDGE - 506 - 14
    svg.rect(left, top, wide, TOP - 12, fill=GREY.tint, stroke=GREY.main, line=2, radius=8)
    svg.text(left + 12, top + 21, "event store", bold=True)
    svg.text(left + wide - 12, top + 21, _events(end), size=SMALL, anchor="end", colour=GREY.text)
    first, cell = max(1, end - CELLS + 1), 48
    for index, position in enumerate(range(first, end + 1)):
        svg.rect(left + 12 + index * cell, top + 32, cell, 24, fill=ORANGE.tint, stroke=ORANGE.main)
        svg.text(left + 12 + (index + 0.5) * cell, top + 48.5, clip(str(position), cell - 4, SMALL), size=SMALL,
                 anchor="middle")
    return left + wide / 2, top + TOP - 12


def _draw_read_side(svg: Svg, y: float, readers: list[Reader], end: int, store: tuple[float, float]) -> None:
    rail = y + RAIL - 18
    high = 26 + CYLINDER + 30 + 26 + QUERY + 16
    svg.rect(EDGE, y + RAIL, WIDTH - 2 * EDGE, high, fill=CARD, stroke=PURPLE.main, line=1.2, radius=10, dash="5 4")
    svg.text(EDGE + 14, y + RAIL + 19, "read side", size=SMALL, bold=True, colour=PURPLE.text)
    room = (WIDTH - 2 * EDGE - 28 - (MOST - 1) * GAP) / MOST
    wide = min(room * MOST / len(readers), 260) if len(readers) < MOST else room
    whole = len(readers) * wide + (len(readers) - 1) * GAP
    start = EDGE + 14 + (WIDTH - 2 * EDGE - 28 - whole) / 2
    centres = [start + index * (wide + GAP) + wide / 2 for index in range(len(readers))]
    ends = [store[0], *centres]
    svg.line([store, (store[0], rail)], SLATE, 1.6)
    svg.text(store[0] + 9, rail - 7, "events", size=SMALL, colour=ORANGE.text, halo=True)
    svg.line([(min(ends), rail), (max(ends), rail)], SLATE, 1.6)
    for centre, reader in zip(centres, readers, strict=True):
        _draw_reader(svg, centre, y + RAIL + 26, wide, reader, end, rail)


def _draw_reader(svg: Svg, x: float, y: float, wide: float, reader: Reader, end: int, rail: float) -> None:
    left, behind = x - wide / 2, end - reader.position
    view = reader.kind == "view"
    svg.arrow((x, rail), (x, y - 2), SLATE)
    svg.square(x, rail + 14, ORANGE, 11)
    if view:
        svg.cylinder(left, y, wide, CYLINDER, reader.name, PURPLE)
    else:
        svg.box(left, y, wide, CYLINDER, reader.name, GREEN, sub="reactor")
    low = y + CYLINDER
    words = f"{behind:,} behind, at {reader.position:,}" if behind else f"at event {reader.position:,}"
    if behind:
        svg.hatch(left + 4, low + 10, 14, 14, SKY)
    svg.text(left + (26 if behind else 4), low + 21, clip(words, wide - 30, SMALL), size=SMALL,
             colour=SKY.text if behind else MUTED, bold=bool(behind))
    query = low + 56
    if view:
        svg.arrow((x, query - 2), (x, low + 30), SLATE)
        svg.box(left, query, wide, QUERY, "query handler", PURPLE, sub=reader.asks)
    else:
        svg.arrow((x, low + 30), (x, query - 2), SLATE)
        svg.box(left, query, wide, QUERY, "outside", GREEN, sub=reader.asks, dash="4 3")


def _in_words(readers: list[Reader], title: str, end: int, commands: str) -> str:
    lines = [safe(title, 300), f"  write side: commands{f' ({safe(commands, 80)})' if commands else ''} -> command "
             f"handler -> event store, {_events(end)}", "  read side:"]
    for reader in readers:
        behind = end - reader.position
        kind = "read model" if reader.kind == "view" else "reactor"
        use = "query handler" if reader.kind == "view" else "outside"
        lines.append(f"    {safe(reader.name, 40):<14}  {kind:<10}  at event {reader.position:,}"
                     f"{f', {behind:,} behind' if behind else '':<12}  {use}: {safe(reader.asks, 80)}")
    return "\n".join(lines)
