"""Dead letters: what leaves a queue without being acked gets a note of how it died, and is published once more.

The reasons are RabbitMQ's: rejected (nacked without requeue), expired, maxlen, delivery_limit. The notes stand in the
header x-death, newest first, one for each (queue, reason), with a count (RabbitMQ: Dead Letter Exchanges). What else
a note says, when and from where it came, is that of the first time.
"""

from __future__ import annotations

from typing import Any

from evlab.router.message import Message

__all__ = ["REASONS", "dead_letter", "is_cycle"]

REASONS = ("rejected", "expired", "maxlen", "delivery_limit")


def dead_letter(message: Message, queue: str, reason: str, time: float, exchange: str, key: str | None) -> Message:
    """The message that goes to the dead-letter exchange. time: seconds since 1970.

    It keeps its routing key unless `key` is given. Its own expiration is taken off, or it would die again where it is
    looked at; x-death remembers it as original-expiration.
    """
    headers = dict(message.headers or {})
    known = headers.get("x-death")
    deaths = [one for one in known if isinstance(one, dict)] if isinstance(known, list) else []
    same = next((one for one in deaths if one.get("queue") == queue and one.get("reason") == reason), None)
    note: dict[str, Any] = {"count": 1, "reason": reason, "queue": queue, "time": int(time),
                            "exchange": message.exchange, "routing-keys": [message.key]}
    if message.expiration is not None:
        note["original-expiration"] = message.expiration
    if same is not None:
        note = {**same, "count": _count(same) + 1}
    if known is None:
        headers |= {"x-first-death-reason": reason, "x-first-death-queue": queue,
                    "x-first-death-exchange": message.exchange}
    headers["x-death"] = [note, *(one for one in deaths if one is not same)]
    return Message(exchange, message.key if key is None else key, message.body, headers, message.priority, None,
                   message.persistent)


def _count(note: dict[str, Any]) -> int:
    count = note.get("count")
    return count if isinstance(count, int) else 0


def is_cycle(queue: str, message: Message) -> bool:
    """Has this dead letter been in `queue` before, without anybody rejecting it since? Then it is dropped.

    It would go round for ever (RabbitMQ: rabbit_dead_letter:is_cycle). One rejection in the round makes it a retry
    that somebody wants.
    """
    for death in (message.headers or {}).get("x-death", ()):
        if death.get("reason") == "rejected":
            return False
        if death.get("queue") == queue:
            return True
    return False
