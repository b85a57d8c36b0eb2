"""Declaring: exchanges, queues and bindings are made, changed and deleted by those who use them.

To declare what is there already is fine if it is the same, and PRECONDITION_FAILED if it differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evlab.errors import InvalidUse
from evlab.router.errors import AccessRefused, PreconditionFailed, Unsupported
from evlab.router.exchanges import TYPES, Binding, Exchange
from evlab.router.matching import X_MATCH
from evlab.router.message import LONGEST_NAME, check_headers
from evlab.router.queues import Queue
from evlab.router.settings import QueueSettings, check_name

if TYPE_CHECKING:
    from evlab.router.broker import Broker

__all__ = ["bind", "declare_exchange", "declare_queue", "delete_exchange", "delete_queue", "purge", "unbind"]


def declare_exchange(broker: Broker, name: str, type: str, *, alternate: str | None = None,
                     durable: bool = True) -> None:
    """See `Router.declare_exchange`."""
    if name == "":
        raise AccessRefused("the default exchange is there already", next_step="give it another name")
    check_name(name, "an exchange")
    if type not in TYPES:
        raise PreconditionFailed(f"there is no exchange type {type!r:.40}", next_step=f"give one of {', '.join(TYPES)}")
    if alternate is not None:
        check_name(alternate, "an alternate exchange")
    found = broker.exchanges.get(name)
    if found is None:
        broker.exchanges[name] = Exchange(name, type, alternate, durable)
        if durable:
            broker.note("exchange", name, type, alternate)
            broker.must_last()
    elif (found.type, found.alternate, found.durable) != (type, alternate, durable):
        raise PreconditionFailed(f"the exchange {name!r} is there, and differs", name=name,
                                 why=f"it is {found.type}, alternate {found.alternate}, durable {found.durable}",
                                 next_step="declare it as it is, or delete it first")


def declare_queue(broker: Broker, name: str, owner: object = None, **settings: Any) -> str:
    """See `Router.declare_queue`."""
    try:
        wanted = QueueSettings(**settings)
    except TypeError as error:
        raise InvalidUse(f"a queue has no such setting: {error}", next_step="see QueueSettings") from error
    if name == "":
        name = f"amq.gen-{broker.env.new_id(broker.node)}"
    elif name not in broker.queues:
        check_name(name, "a queue")
    found = broker.queues.get(name)
    if found is None:
        queue = broker.queues[name] = Queue(name, wanted, broker, owner if wanted.exclusive else None)
        if queue.durable:
            broker.note("queue", name, wanted)
            broker.must_last()
        return name
    broker.queue(name, owner)
    if found.settings != wanted:
        differ = [one for one in wanted.__struct_fields__ if getattr(wanted, one) != getattr(found.settings, one)]
        raise PreconditionFailed(f"the queue {name!r} is there, and differs: {', '.join(differ)}", name=name,
                                 why=f"it has {', '.join(f'{one}={getattr(found.settings, one)!r}' for one in differ)}",
                                 next_step="declare it as it is, or delete it first")
    return name


def bind(broker: Broker, queue: str, exchange: str, key: str = "", arguments: dict[str, Any] | None = None,
         owner: object = None) -> None:
    """See `Router.bind`."""
    source, target, binding = _binding(broker, queue, exchange, key, arguments, owner)
    if source.bind(binding) and source.durable and target.durable:
        broker.note("bind", *binding)
        broker.must_last()


def unbind(broker: Broker, queue: str, exchange: str, key: str = "", arguments: dict[str, Any] | None = None,
           owner: object = None) -> None:
    """See `Router.unbind`."""
    if exchange and not (exchange in broker.exchanges and queue in broker.queues):
        return
    source, target, binding = _binding(broker, queue, exchange, key, arguments, owner)
    if source.unbind(binding) and source.durable and target.durable:
        broker.note("unbind", *binding)
        broker.must_last()


def _binding(broker: Broker, queue: str, exchange: str, key: Any, arguments: Any,
             owner: object) -> tuple[Exchange, Queue, Binding]:
    if exchange == "":
        raise AccessRefused("the default exchange cannot be bound", why="every queue is bound to it by its own name",
                            next_step="declare an exchange and bind to that")
    source, target = broker.exchange(exchange), broker.queue(queue, owner)
    if type(key) is not str or len(key) > LONGEST_NAME:
        raise InvalidUse(f"{key!r:.60} is no binding key",
                         next_step=f"give a text of {LONGEST_NAME} characters at most")
    if arguments is not None:
        arguments = check_headers(arguments)
        if source.type == "headers" and arguments.get("x-match", "all") not in X_MATCH:
            raise PreconditionFailed(f"invalid x-match: {arguments['x-match']!r:.40}",
                                     next_step=f"give one of {', '.join(X_MATCH)}")
    return source, target, Binding(exchange, queue, key, arguments or None)


def delete_queue(broker: Broker, name: str, *, if_unused: bool = False, if_empty: bool = False,
                 owner: object = None) -> int:
    """See `Router.delete_queue`."""
    if name not in broker.queues:
        return 0
    queue = broker.queue(name, owner)
    if (if_unused or if_empty) and queue.settings.type == "quorum":
        raise Unsupported(f"a quorum queue is not deleted with if_unused or if_empty: {name!r}", name=name,
                          why="it does not look at its consumers and messages before (RabbitMQ: issue 10543)",
                          next_step="look at its depth yourself, and delete it without them")
    if if_unused and queue.consumers or if_empty and queue.ready:
        raise PreconditionFailed(f"the queue {name!r} is {'in use' if if_unused and queue.consumers else 'not empty'}",
                                 name=name, next_step="wait, or delete it without if_unused and if_empty")
    ready, queue.deleted = queue.ready, True
    consumers = list(queue.consumers)
    for consumer in consumers:
        broker.forget_consumer(consumer)
    for exchange in broker.exchanges.values():
        for binding in exchange.bindings:
            if binding.queue == name:
                exchange.unbind(binding)
    del broker.queues[name]
    broker.timed.pop(queue, None)
    for item in queue.take_all():
        broker.stored -= item.stored
    if queue.durable:
        broker.note("no queue", name)
        broker.must_last()
    for consumer in consumers:
        consumer.on_cancelled()
    return ready


def delete_exchange(broker: Broker, name: str, *, if_unused: bool = False) -> None:
    """See `Router.delete_exchange`."""
    if name == "":
        raise AccessRefused("the default exchange cannot be deleted", next_step="leave it")
    exchange = broker.exchanges.get(name)
    if exchange is None:
        return
    if if_unused and exchange.bindings:
        raise PreconditionFailed(f"the exchange {name!r} is in use", name=name, next_step="unbind its queues first")
    del broker.exchanges[name]
    if exchange.durable:
        broker.note("no exchange", name)
        broker.must_last()


def purge(broker: Broker, name: str, owner: object = None) -> int:
    """See `Router.purge`."""
    queue = broker.queue(name, owner)
    items = queue.take_all()
    for item in items:
        broker.forget(queue, item)
    return len(items)
