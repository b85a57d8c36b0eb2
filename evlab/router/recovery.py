"""What the journal's entries are, how a broker is made of them, and which ones it takes to make the same broker again.

exchange  name type alternate            no exchange  name
queue     name settings                  no queue     name
bind      exchange queue key arguments   unbind       exchange queue key arguments
put       message [(queue, number, since, expires, redelivered, count), ...]
gone      queue number
back      queue number new_number count
closed    nothing: the journal was closed in good order

After a crash nobody knows what had been delivered, so all that is there counts as redelivered: it may have been.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from evlab.errors import EvlabError
from evlab.router.exchanges import Binding, Exchange
from evlab.router.journal import Entry, Journal, corrupt
from evlab.router.message import Message
from evlab.router.queues import Item, Queue
from evlab.router.settings import QueueSettings

if TYPE_CHECKING:
    from evlab.router.broker import Broker

__all__ = ["entries_of", "recover"]


def recover(broker: Broker, journal: Journal) -> None:
    """Fill a new broker with what the journal tells. Raises `CorruptJournal`."""
    items: dict[str, dict[int, Item]] = {}
    closed = False
    for position, entries in journal.load():
        for kind, *parts in entries:
            closed = kind == "closed"
            try:
                _PLAY[kind](broker, items, *parts)
            except (KeyError, TypeError, ValueError, EvlabError) as error:
                raise corrupt(position, f"its entry {kind!r:.40} does not fit what is there: {error}") from error
    for name, waiting in items.items():
        for item in waiting.values():
            item.redelivered = item.redelivered or not closed
        broker.queues[name].restore(waiting.values())
        broker.stored += len(waiting)
    for queue in broker.queues.values():
        broker.wake(queue)


def entries_of(broker: Broker) -> Iterator[Entry]:
    """The entries that make a broker as this one is."""
    durable = [exchange for exchange in broker.exchanges.values() if exchange.durable]
    for exchange in durable:
        yield "exchange", exchange.name, exchange.type, exchange.alternate
    for queue in broker.queues.values():
        if queue.durable:
            yield "queue", queue.name, queue.settings
    for exchange in durable:
        for binding in exchange.bindings:
            if broker.queues[binding.queue].durable:
                yield "bind", *binding
    for queue, item in broker.stored_items():
        place = queue.name, item.number, item.since, item.expires, item.redelivered, item.count
        yield "put", item.message, (place,)


def _exchange(broker: Broker, items: Any, name: str, type: str, alternate: str | None) -> None:
    broker.exchanges[name] = Exchange(name, type, alternate)


def _no_exchange(broker: Broker, items: Any, name: str) -> None:
    broker.exchanges.pop(name, None)


def _queue(broker: Broker, items: dict[str, dict[int, Item]], name: str, settings: dict[str, Any]) -> None:
    broker.queues[name] = Queue(name, msgspec.convert(settings, QueueSettings), broker)
    items[name] = {}


def _no_queue(broker: Broker, items: dict[str, dict[int, Item]], name: str) -> None:
    broker.queues.pop(name, None)
    items.pop(name, None)
    for exchange in broker.exchanges.values():
        for binding in exchange.bindings:
            if binding.queue == name:
                exchange.unbind(binding)


def _bind(broker: Broker, items: Any, *binding: Any) -> None:
    broker.exchanges[binding[0]].bind(Binding(*binding))


def _unbind(broker: Broker, items: Any, *binding: Any) -> None:
    broker.exchanges[binding[0]].unbind(Binding(*binding))


def _put(broker: Broker, items: dict[str, dict[int, Item]], message: list[Any], places: list[list[Any]]) -> None:
    one = Message(*message)
    for queue, number, since, expires, *more in places:
        items[queue][number] = Item(number, one, since, expires, *more, stored=True)


def _gone(broker: Broker, items: dict[str, dict[int, Item]], queue: str, number: int) -> None:
    items[queue].pop(number, None)


def _back(broker: Broker, items: dict[str, dict[int, Item]], queue: str, number: int, now: int, count: int) -> None:
    item = items[queue].pop(number)
    item.number, item.count = now, count
    items[queue][now] = item


_PLAY = {"exchange": _exchange, "no exchange": _no_exchange, "queue": _queue, "no queue": _no_queue, "bind": _bind,
         "unbind": _unbind, "put": _put, "gone": _gone, "back": _back, "closed": lambda broker, items: None}
