"""A router's picture: who publishes where, which bindings match a key, what waits, who consumes, where dead letters go.

What is drawn is read from the router (routes_shown); routes_drawn draws it. Here is the picture as a whole, and what
it says in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure
from evlab.viz.routes_drawn import WIDTH, draw, place
from evlab.viz.routes_shown import (
    ExchangeShown,
    QueueShown,
    dead_letter_exchanges,
    deaths,
    exchanges_of,
    named,
    queues_of,
    reader_words,
    target_words,
)
from evlab.viz.svg import Svg
from evlab.viz.theme import safe, sentence

__all__ = ["deaths", "routes"]


def routes(router: Any, *, title: str, key: str | None = None, headers: dict[str, Any] | None = None,
           exchange: str | None = None, producers: Mapping[str, str] | Iterable[str] = ()) -> Figure:
    """Draw a `Router`: exchanges with their types, bindings with their keys, queues, consumers, dead letters.

    key, headers: a message; the bindings that want it are lit, with a tick. exchange: where it is published; without
    it, where the first producer publishes, or the first exchange by name. producers: name -> the exchange that it
    publishes to, or names alone. The reasons at a dead-letter arrow are in bold, with a number, if messages that are
    here now died so (`deaths`); else it says what could happen. Raises `InvalidUse` without a title, and `NotFound`.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture needs a title", why="it states the finding",
                         next_step='write title="order.placed goes to two queues"')
    asked = key is not None or headers is not None or exchange is not None
    found = exchanges_of(router)
    first = found[0].name if found else ""
    makers = dict(producers) if isinstance(producers, Mapping) else {
        str(name): first if exchange is None else exchange for name in producers}
    if asked and exchange is None:
        exchange = next(iter(makers.values()), first)
    wanted = router.explain(exchange, key or "", headers) if asked else []
    queues = queues_of(router, found, wanted, asked)
    if exchange == "" or "" in makers.values() or any(queue.home == "" for queue in queues):
        others = dead_letter_exchanges(router)
        found.insert(sum(one.name not in others for one in found), ExchangeShown("", "by queue name", None))
    said = _question(exchange, key, headers, wanted, queues) if asked else ""
    text = _words(title, said, makers, found, queues, asked)
    svg = Svg(WIDTH, title, said or title)
    low = place(found, queues, svg.heading(said) + 14)
    anchors = draw(svg, makers, found, queues, asked, exchange, {one.exchange for one in wanted})
    alt = f"{sentence(title)} {said or _summary(found, queues)}"
    return Figure(svg.render(low + 8), alt, text, anchors)



def _question(exchange: str, key: str | None, headers: dict[str, Any] | None, wanted: list[Any],
              queues: list[QueueShown]) -> str:
    what = repr(key)[1:-1] if key else "a message"
    what += f" with {', '.join(f'{name}={value}' for name, value in headers.items())}" if headers else ""
    names = {binding.queue for binding in wanted}
    reached = [queue.name for queue in queues if queue.name in names]
    to = f"{what} to {named(exchange)} "
    if not reached:
        return to + "is unroutable: no binding matches."
    through = next((f" through the alternate {one.exchange}" for one in wanted if one.exchange != exchange), "")
    rest = sum(line.lit is False for queue in queues for line in queue.lines if line.exchange == exchange)
    return f"{to}goes{through} to {_and(reached)}" + (f"; {rest} other{'s do' if rest != 1 else ' does'} not match."
                                                      if rest else ".")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _summary(found: list[ExchangeShown], queues: list[QueueShown]) -> str:
    depth = [f"{queue.name} has {queue.counts[0]:,} ready and {queue.counts[1]:,} unacked" for queue in queues
             if any(queue.counts)]
    count = f"{len(found)} exchange{'s' * (len(found) != 1)}, {len(queues)} queue{'s' * (len(queues) != 1)}"
    return f"{count}{': ' + ', '.join(depth) if depth else ''}."


def _words(title: str, said: str, makers: Mapping[str, str], found: list[ExchangeShown], queues: list[QueueShown],
           asked: bool) -> str:
    lines = [safe(title, 300)] + ([f"  {said}"] if said else [])
    lines += [f"  {safe(name, 60)} publishes to {safe(named(to), 60)}" for name, to in makers.items()]
    for one in found:
        more = f", what nothing wants goes to {one.alternate}" if one.alternate else ""
        lines.append(f"  exchange {safe(named(one.name), 60)} ({one.type}){safe(more, 80)}")
        for queue in queues:
            for line in queue.lines:
                if line.exchange == one.name and not line.letter_of:
                    sign = ("> " if line.lit else "  ") if asked else ""
                    lines.append(f"    {sign}{safe(line.label, 60)} → {safe(queue.name, 60)}")
    for queue in queues:
        notes = "".join(f", {note}" for note in queue.notes)
        lines.append(f"  queue {safe(queue.name, 60)}: {queue.counts[0]:,} ready, {queue.counts[1]:,} unacked{notes}")
        if queue.target is not None:
            lines.append(f"    dead letters ({queue.reasons}) → {safe(target_words(queue), 80)}")
        lines += [f"    consumer {safe(reader.name, 60)}: {reader_words(reader)}" for reader in queue.readers]
    return "\n".join(lines)
