"""What a picture of a router shows: its exchanges, its queues with the lines into them, and what died of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ExchangeShown", "Line", "QueueShown", "dead_letter_exchanges", "deaths", "exchanges_of", "named",
           "queues_of", "reader_words", "target_words"]


@dataclass
class Line:
    """A line into a queue. lit: None if nothing was asked. letter_of: the queue whose dead letters come here."""

    exchange: str
    label: str
    lit: bool | None = None
    letter_of: str = ""
    y: float = 0.0
    rows: int = 1
    """Lines of words that have room above it."""


@dataclass
class QueueShown:
    name: str
    counts: tuple[int, int]
    notes: list[str]
    readers: list[Any]
    target: str | None
    """The dead-letter exchange."""
    key: str | None
    reasons: str
    happened: bool
    lines: list[Line] = field(default_factory=list)
    top: float = 0.0
    high: float = 0.0

    @property
    def home(self) -> str | None:
        """The exchange of its first binding; None if only dead letters come here."""
        return next((line.exchange for line in self.lines if not line.letter_of), None)


@dataclass
class ExchangeShown:
    name: str
    type: str
    alternate: str | None
    y: float = 0.0


def deaths(router: Any) -> dict[str, Counter[str]]:
    """Queue -> reason -> how often a message that is in the router now died there: from their x-death headers."""
    found: dict[str, Counter[str]] = {}
    seen = {id(message): message for message in _messages(router)}
    for message in seen.values():
        for note in (message.headers or {}).get("x-death", ()):
            found.setdefault(note["queue"], Counter())[note["reason"]] += note["count"]
    return found


def _messages(router: Any) -> Iterable[Any]:
    for queue in router.broker.queues.values():
        yield from (item.message for item in queue.items())
    for channel in router.broker.channels:
        yield from (item.message for _, item in channel.taken())


def exchanges_of(router: Any) -> list[ExchangeShown]:
    """By name; those that only get what others could not place stand last."""
    targets = dead_letter_exchanges(router)
    rows = sorted(router.exchanges(), key=lambda one: (one.name in targets, one.name))
    return [ExchangeShown(one.name, one.type, one.alternate) for one in rows]


def dead_letter_exchanges(router: Any) -> set[str | None]:
    """The exchanges that get dead letters, or what another one could not place."""
    targets = {queue.settings.dead_letter_exchange for queue in router.broker.queues.values()}
    return targets | {one.alternate for one in router.exchanges()}


def queues_of(router: Any, found: list[ExchangeShown], wanted: list[Any], asked: bool) -> list[QueueShown]:
    died = deaths(router)
    queues = {name: _queue(name, queue, died.get(name, Counter()))
              for name, queue in sorted(router.broker.queues.items())}
    for one in found:
        for binding in router.broker.exchanges[one.name].bindings:
            queues[binding.queue].lines.append(Line(one.name, _label(one.type, binding),
                                                     binding in wanted if asked else None))
    for binding in wanted:
        if binding.exchange == "":
            queues[binding.queue].lines.append(Line("", binding.queue, True))
    for queue in queues.values():
        if queue.target == "" and queue.key in queues:
            queues[queue.key].lines.append(Line("", f"dead letters of {queue.name}", None, queue.name))
    for name, queue in queues.items():
        if not queue.lines:
            queue.lines.append(Line("", name, False if asked else None))
    return list(queues.values())


def _queue(name: str, queue: Any, died: Counter[str]) -> QueueShown:
    own = queue.settings
    notes = ["quorum"] if own.type == "quorum" else []
    notes += ["exclusive"] if own.exclusive else ["transient"] if not own.durable else []
    notes += [f"TTL {_time(own.ttl)}"] if own.ttl is not None else []
    notes += [f"at most {own.max_length:,} ({own.overflow})"] if own.max_length is not None else []
    notes += [f"priority to {own.max_priority}"] if own.max_priority is not None else []
    notes += [f"delivery limit {own.delivery_limit}"] if own.delivery_limit is not None else []
    possible = ["rejected"] + ["expired"] * (own.ttl is not None)
    possible += ["maxlen"] * (own.max_length is not None and own.overflow == "drop-head")
    possible += ["delivery_limit"] * (own.delivery_limit is not None)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(died.items()))
    readers = sorted(queue.consumers, key=lambda one: one.name)
    return QueueShown(name, (queue.ready, queue.unacked), notes, readers, own.dead_letter_exchange,
                  own.dead_letter_key, reasons or f"if {' or '.join(possible)}", bool(died))


def _time(ms: int) -> str:
    return f"{ms / 1000:,g} s" if ms >= 1000 else f"{ms} ms"


def _label(type: str, binding: Any) -> str:
    if type == "fanout":
        return "all"
    if type != "headers":
        return binding.key or '""'
    arguments = dict(binding.arguments or {})
    how = arguments.pop("x-match", "all")
    wants = ", ".join(name if value is None else f"{name}={value}" for name, value in arguments.items())
    return f"{how}: {wants or 'nothing asked'}"


def named(exchange: str) -> str:
    return exchange or "(default)"


def target_words(queue: QueueShown) -> str:
    if queue.target == "":
        return queue.key if queue.key is not None else "the queue that its key names"
    return queue.target + (f", as {queue.key}" if queue.key is not None else "")


def reader_words(reader: Any) -> str:
    if reader.acks == "auto":
        return "auto-ack"
    return f"{f'prefetch {reader.prefetch}' if reader.prefetch else 'no limit'}, has {reader.unacked}"
