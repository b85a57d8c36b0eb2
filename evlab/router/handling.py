"""What a consumer gets, and how its handler is run: the same beside the router and on another node."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

from evlab.env import Env, Later
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.router.errors import ChannelClosed, ConnectionLost
from evlab.router.message import Headers, Message

if TYPE_CHECKING:
    from evlab.router.queues import Item, Queue

__all__ = ["ACKS", "Consumer", "Delivery", "Handler", "Settles", "check_consume", "check_tag", "handle"]

ACKS = ("end", "manual", "auto")


class Settles(Protocol):
    """What a delivery needs of its channel."""

    def ack(self, tag: int, multiple: bool = False) -> Later: ...
    def nack(self, tag: int, multiple: bool = False, requeue: bool = True) -> Later: ...
    def reject(self, tag: int, requeue: bool = True) -> Later: ...


class Delivery:
    """A message in the hands of a consumer, until it says how it went: `ack`, `nack` or `reject`.

    `with delivery:` acks when the block ends, and rejects, without requeue, when it raises. `tag` is its number in the
    channel. `redelivered`: may somebody have had it before? `count`: how often it came back, in a quorum queue.
    """

    __slots__ = ("channel", "count", "message", "queue", "redelivered", "settled", "tag")

    def __init__(self, channel: Settles, tag: int, queue: str, message: Message, redelivered: bool,
                 count: int | None, settled: bool):
        self.channel, self.tag, self.queue, self.message = channel, tag, queue, message
        self.redelivered, self.count, self.settled = redelivered, count, settled

    @property
    def body(self) -> bytes:
        return self.message.body

    @property
    def event(self) -> Event:
        """The event in its body. Raises `InvalidEvent` if there is none."""
        return Event.from_json(self.message.body)

    @property
    def key(self) -> str:
        return self.message.key

    @property
    def exchange(self) -> str:
        return self.message.exchange

    @property
    def priority(self) -> int | None:
        return self.message.priority

    @property
    def headers(self) -> Headers:
        """The message's headers, with x-death of a dead letter and x-delivery-count of a quorum queue."""
        counted = {} if self.count is None else {"x-delivery-count": self.count}
        return {**(self.message.headers or {}), **counted}

    def ack(self, multiple: bool = False) -> Later:
        """It is done. multiple: and so is all with a lower tag. Twice closes the channel: PRECONDITION_FAILED."""
        self.settled = True
        return self.channel.ack(self.tag, multiple)

    def nack(self, requeue: bool = True, multiple: bool = False) -> Later:
        """It is not done: back to its place in the queue, or dead."""
        self.settled = True
        return self.channel.nack(self.tag, multiple, requeue)

    def reject(self, requeue: bool = True) -> Later:
        """The same for this one alone."""
        self.settled = True
        return self.channel.reject(self.tag, requeue)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _) -> None:
        if not self.settled and (kind is None or isinstance(error, Exception)):
            self.ack() if kind is None else self.reject(requeue=False)

    def __repr__(self) -> str:
        again = ", redelivered" if self.redelivered else ""
        return f"Delivery({self.tag}, {self.key!r} from {self.queue!r}, {len(self.body):,} bytes{again})"


Handler = Callable[[Delivery], Any]


class Consumer:
    """A consumer of a queue. `errors` has the last 100 that its handler raised; each such message was rejected."""

    __slots__ = ("acks", "cancelled", "channel", "errors", "handler", "name", "on_cancelled", "prefetch", "queue",
                 "unacked")

    def __init__(self, name: str, channel: Any, queue: Queue | str, handler: Handler, acks: str, prefetch: int):
        self.name, self.channel, self.queue, self.handler = name, channel, queue, handler
        self.acks, self.prefetch = acks, prefetch
        self.unacked = 0
        self.cancelled = False
        """Has it ended? By `cancel`, with its channel, or because its queue was deleted."""
        self.on_cancelled: Callable[[], Any] = lambda: None
        """Called when the queue was deleted."""
        self.errors: deque[Exception] = deque(maxlen=100)

    @property
    def free(self) -> bool:
        """May it have one more? With auto-ack nothing is unacked, so there is no limit."""
        return not self.prefetch or self.unacked < self.prefetch

    def take(self, item: Item) -> None:
        """Have a message of the queue delivered."""
        self.channel.deliver_to(self, item)

    def cancel(self) -> Later:
        """Get nothing more. What it has stays unacked until it is settled or the channel closes."""
        return self.channel.cancel(self)

    def __repr__(self) -> str:
        return f"Consumer({self.name!r}, prefetch {self.prefetch}, {self.unacked} unacked)"


def handle(env: Env, node: str | None, consumer: Consumer, delivery: Delivery) -> None:
    """Give a delivery to a handler. A generator runs on `node`, and its end is the handler's end.

    acks="end": acked then, if the handler has not settled it; rejected without requeue if it raised.
    """
    try:
        result = consumer.handler(delivery)
    except Exception as error:
        _failed(consumer, delivery, error)
        return
    if isinstance(result, GeneratorType):
        result = env.spawn(result, node)
    if isinstance(result, Later):
        result.then(lambda done: _ended(consumer, delivery) if done.error is None else
                    _failed(consumer, delivery, done.error))
    else:
        _ended(consumer, delivery)


def _ended(consumer: Consumer, delivery: Delivery) -> None:
    if consumer.acks == "end" and not delivery.settled:
        _settle(delivery.ack)


def _failed(consumer: Consumer, delivery: Delivery, error: BaseException) -> None:
    if isinstance(error, Exception):
        consumer.errors.append(error)
    if consumer.acks == "end" and not delivery.settled:
        _settle(lambda: delivery.reject(requeue=False))


def _settle(call: Callable[[], Later]) -> None:
    """The channel may be gone while the handler worked: then the message is back in its queue."""
    with suppress(ChannelClosed, ConnectionLost):
        call()


def check_consume(handler: Any, acks: Any, prefetch: Any) -> None:
    """Raise `InvalidUse` for what no consumer can be made of."""
    if not callable(handler):
        raise InvalidUse(f"the handler {handler!r:.60} cannot be called", why="it gets each delivery",
                         next_step="pass a function of one argument, without calling it yourself")
    if acks not in ACKS:
        raise InvalidUse(f"acks={acks!r:.40} is not known", next_step='give "end", "manual" or "auto"')
    if type(prefetch) is not int or not 0 <= prefetch < 2**16:
        raise InvalidUse(f"prefetch={prefetch!r:.40} is none", next_step="give 0 (no limit) to 65,535")


def check_tag(tag: Any) -> None:
    """Raise `InvalidUse` for what is no delivery tag."""
    if type(tag) is not int or tag < 0:
        raise InvalidUse(f"{tag!r:.40} is no delivery tag", next_step="give delivery.tag")
