"""Who publishes, who subscribes to what, and how each subscriber fares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, several
from evlab.viz.routes import routes
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import BLUE, GREEN, GREY, MUTED, ORANGE, SKY, SLATE, SMALL, VERMILLION, safe, sentence

__all__ = ["Subscriber", "Topology", "topology"]

STATES = ("ok", "failing", "crashed", "slow")


class Subscriber(NamedTuple):
    """One subscriber of a bus: how it is called, what it wants, how it fares."""

    name: str
    pattern: str = "#"
    state: str = "ok"
    """ok, failing, crashed or slow."""
    delivered: int | None = None
    waiting: int = 0
    dead: int = 0
    """How many of its deliveries are dead letters."""


@dataclass
class Topology:
    """What `topology` draws, in plain words. A subscriber may be a `Subscriber` or a tuple with the same fields."""

    producers: list[str] = field(default_factory=list)
    bus: str = "bus"
    subscribers: list[Any] = field(default_factory=list)


def topology(bus: Any, *, title: str, lit: Iterable[str] = (), key: str | None = None,
             producers: Mapping[str, str] | Iterable[str] | None = None, headers: dict[str, Any] | None = None,
             exchange: str | None = None) -> Figure:
    """Draw a bus with its producers and subscribers; or a router, see `evlab.viz.routes`.

    bus: a `Topology`, or a bus with `.subscriptions` (each with `.name` and `.pattern`; `.state`, `.delivered`,
    `.waiting` and `.dead` are shown if they are there). lit: names of subscribers, and of the producer, whose arrows
    are lit. key: the routing key of the event that goes that way, shown on the arrow. producers: names, if the bus
    does not know them. Raises `InvalidUse` for something that is neither, an unknown state, or an unknown lit name.
    """
    if hasattr(bus, "bindings") and hasattr(bus, "explain"):
        return routes(bus, title=title, key=key, headers=headers, exchange=exchange, producers=producers or ())
    key = key or ""
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture needs a title", why="it states the finding",
                         next_step='write title="Email is down, and the order still goes through"')
    name, sources, readers = _plain(bus, producers)
    lit = [lit] if isinstance(lit, str) else several("lit", lit)
    known = [*sources, *(reader.name for reader in readers)]
    strangers = [who for who in lit if who not in known]
    if strangers:
        raise InvalidUse(f"{strangers[0]!r} neither publishes nor subscribes here", why="only an arrow can be lit",
                         next_step=f"use one of {', '.join(known) or 'none'}")
    words = [_reader_words(reader, reader.name in lit) for reader in readers]
    text = "\n".join([safe(title, 300), f"  producers: {', '.join(safe(s, 60) for s in sources) or 'none'}",
                      f"  {safe(name, 60)}: {len(readers)} subscriber{'' if len(readers) == 1 else 's'}", *words])
    told = [f"{reader.name} is {reader.state}" for reader in readers if reader.state != "ok"]
    reached = [reader.name for reader in readers if reader.name in lit]
    told += [f"an event{' ' + key if key else ''} goes to {', '.join(reached)}"] if reached else []
    alt = f"{sentence(title)} {', '.join(sources) or 'No one'} publish{'es' if len(sources) == 1 else ''} to " \
          f"{name}; {len(readers)} subscribe{'s' if len(readers) == 1 else ''}{': ' + ', '.join(told) if told else ''}."
    counted = any(reader.delivered is not None or reader.waiting or reader.dead for reader in readers)
    svg = Svg(900 if counted else 780, title, alt)
    top = svg.heading() + 8
    row = 78
    height = max(len(readers) * row, len(sources) * 62, row) - 14
    _draw_producers(svg, sources, top, height, sources if lit and len(sources) == 1 else lit)
    _draw_bus(svg, name, top, height)
    offset = (height + 14 - len(readers) * row) / 2
    for index, reader in enumerate(readers):
        _draw_reader(svg, reader, top + offset + index * row, reader.name in lit, key)
    if not readers:
        svg.text(540, top + height / 2 + 4, "nobody subscribes: events are gone", colour=MUTED, italic=True)
    step = height / max(len(sources), 1)
    anchors = {source: (EDGE + 150, top + step * (index + 0.5)) for index, source in enumerate(sources)}
    anchors |= {reader.name: (540, top + offset + index * row + 32) for index, reader in enumerate(readers)}
    anchors[name] = (312, top + height / 2)
    return Figure(svg.render(top + height + EDGE), alt, text, anchors)


def _plain(bus: Any, producers: Iterable[str] | None) -> tuple[str, list[str], list[Subscriber]]:
    """Name, producers and subscribers of a `Topology` or of anything with `.subscriptions`."""
    if isinstance(bus, Topology):
        found, name, sources = bus.subscribers, bus.bus, bus.producers
    elif hasattr(bus, "subscriptions"):
        found, name, sources = list(bus.subscriptions), getattr(bus, "name", "bus"), getattr(bus, "producers", ())
    else:
        raise InvalidUse(f"{type(bus).__name__} is no bus", why="it has no .subscriptions",
                         next_step='give a Bus, or Topology(["shop"], "bus", [("email", "order.*")])')
    sources = [str(source) for source in (sources if producers is None else several("producers", producers))]
    return str(name or "bus"), sources, [_reader(each) for each in found]


def _reader(found: Any) -> Subscriber:
    if isinstance(found, str):
        found = (found,)
    if isinstance(found, tuple):
        reader = Subscriber(*found)
    else:
        known = {name: getattr(found, name) for name in Subscriber._fields[2:] if hasattr(found, name)}
        reader = Subscriber(str(found.name), str(found.pattern), **known)
    if reader.state not in STATES:
        raise InvalidUse(f"{reader.state!r} is no state of a subscriber", next_step=f"use one of {', '.join(STATES)}")
    return reader


def _reader_words(reader: Subscriber, lit: bool) -> str:
    counts = [] if reader.delivered is None else [f"{reader.delivered} delivered"]
    counts += [f"{reader.waiting} waiting"] if reader.waiting else []
    counts += [f"{reader.dead} dead letter{'s' * (reader.dead != 1)}"] if reader.dead else []
    return (f"{'>' if lit else ' '}   {safe(reader.name, 40):<16}  {safe(reader.pattern, 40):<16}  {reader.state:<8}  "
            f"{', '.join(counts)}").rstrip()


def _draw_producers(svg: Svg, sources: list[str], top: float, height: float, lit: list[str]) -> None:
    step = height / max(len(sources), 1)
    for index, source in enumerate(sources):
        y = top + step * (index + 0.5)
        svg.box(EDGE, y - 22, 150, 44, source, BLUE)
        svg.arrow((EDGE + 153, y), (266, y), SLATE, lit=source in lit)
        svg.square(220, y, ORANGE, 12)
    if not sources:
        svg.text(EDGE, top + height / 2 + 4, "no producer yet", colour=MUTED, italic=True)


def _draw_bus(svg: Svg, name: str, top: float, height: float) -> None:
    svg.rect(270, top, 84, height, fill=GREY.tint, stroke=GREY.main, line=2, radius=8)
    svg.text(312, top + height / 2 + 4.5, clip(name, 72, 14, True), size=14, anchor="middle", bold=True)


def _draw_reader(svg: Svg, reader: Subscriber, top: float, lit: bool, key: str) -> None:
    y, x, wide = top + 32, 540, 172
    down = reader.state == "crashed"
    waits = min(reader.waiting, 7)
    if waits:
        svg.arrow((357, y), (x - 12 - 14 * waits, y), SLATE, lit=lit)
        for index in range(waits):
            svg.square(x - 14 - 14 * index, y, ORANGE, 11)
    elif down:
        svg.arrow((357, y), (x - 15, y), VERMILLION.main, form="cross", lit=lit)
    else:
        svg.arrow((357, y), (x - 3, y), SLATE, lit=lit)
    svg.text(366, y - (12 if lit else 8), clip(reader.pattern, 160, bold=True), bold=True, colour=GREY.text)
    if lit:
        svg.square(374, y, ORANGE, 12)
        svg.text(366, y + 22, clip(key, 160, SMALL), size=SMALL, colour=ORANGE.text)
    words = {"ok": "", "failing": "failing", "crashed": "crashed", "slow": "slow"}[reader.state]
    tone = GREEN._replace(main=GREY.main, tint="#FFFFFF") if down else GREEN
    svg.box(x, top + 6, wide, 52, reader.name, tone, dash="6 4" if down else "", sub=words and " ",
            spare=20 if words else 7)
    if reader.state == "slow":
        svg.hatch(x + 10, top + 36, wide - 20, 16, SKY, radius=4)
    if words:
        colour = SKY.text if reader.state == "slow" else VERMILLION.text
        svg.text(x + wide / 2, top + 48.5, words, size=SMALL, anchor="middle", bold=True, colour=colour,
                 halo=reader.state == "slow")
    if down:
        svg.bolt(x + wide - 4, top + 10, 15)
    elif reader.state == "failing":
        svg.badge(x + wide - 4, top + 8, "fail", VERMILLION, 9)
    _draw_counts(svg, reader, x + wide + 16, top)


def _draw_counts(svg: Svg, reader: Subscriber, x: float, top: float) -> None:
    """Small signs with numbers, to the right of a subscriber."""
    rows = [(reader.delivered, "ok", GREEN, "delivered", reader.delivered is not None),
            (reader.waiting, "wait", SKY, "waiting", reader.waiting > 0),
            (reader.dead, "fail", VERMILLION, "dead letter" + "s" * (reader.dead != 1), reader.dead > 0)]
    rows = [row for row in rows if row[4]]
    y = top + 36 - 10 * (len(rows) - 1)
    for amount, sign, tone, word, _ in rows:
        if sign == "wait":
            svg.hatch(x - 6, y - 10, 12, 12, tone)
        else:
            svg.badge(x, y - 4, sign, tone, 6.5)
        text = f"{amount:,} {word}"
        svg.text(x + 13, y, clip(text, svg.width - 12 - x - 13, SMALL, True), size=SMALL, colour=tone.text, bold=True)
        y += 20
