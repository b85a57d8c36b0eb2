"""What AMQP calls it: a queue's settings as arguments, messages as properties, and RabbitMQ's answers as the router's
own errors."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pika
from pika.exceptions import ConnectionClosedByBroker

from evlab.engines import EngineUnreachable, NotOnThisEngine
from evlab.errors import InvalidUse
from evlab.router.errors import (
    AccessRefused,
    ConnectionLost,
    NotFound,
    PreconditionFailed,
    ResourceLocked,
    RouterError,
    Unsupported,
)
from evlab.router.message import Message

__all__ = ["ServerLost", "answer", "lost", "message_of", "properties_of", "queue_arguments"]

ARGUMENTS = {"type": "x-queue-type", "max_length": "x-max-length", "overflow": "x-overflow", "ttl": "x-message-ttl",
             "dead_letter_exchange": "x-dead-letter-exchange", "dead_letter_key": "x-dead-letter-routing-key",
             "max_priority": "x-max-priority", "delivery_limit": "x-delivery-limit"}
"""A field of `QueueSettings` -> the optional argument of RabbitMQ."""
COUNT = "x-delivery-count"
NEXT_STEPS = {403: "give it another name", 404: "declare it first", 540: "do without",
              405: "declare it without exclusive, or use the connection that declared it",
              406: "look at what RabbitMQ says, and declare or settle it as it is"}
ERRORS = {one.code: one for one in (AccessRefused, NotFound, ResourceLocked, PreconditionFailed, Unsupported)}


class ServerLost(EngineUnreachable, ConnectionLost):
    """RabbitMQ is down, or the way to it. Of what was under way, the outcome is UNKNOWN. `address`."""


def queue_arguments(settings: dict[str, Any]) -> tuple[bool, bool, dict[str, Any]]:
    """durable, exclusive and the arguments of a queue. Whether they go together, RabbitMQ decides."""
    more = dict(settings)
    durable, exclusive = more.pop("durable", True), more.pop("exclusive", False)
    if unknown := set(more) - set(ARGUMENTS):
        raise InvalidUse(f"a queue has no such setting: {sorted(unknown)[0]!r:.40}", next_step="see QueueSettings")
    for name, value in (("durable", durable), ("exclusive", exclusive)):
        if type(value) is not bool:
            raise PreconditionFailed(f"invalid {name}: {value!r:.40}", next_step="give True or False")
    if more.get("type") == "stream":
        raise NotOnThisEngine("a stream has no verbs here", capability="streams", why="it is read by offsets, as a log "
                              "is, and the router's verbs have none", next_step='take "classic" or "quorum"')
    for name, value in more.items():
        if not isinstance(value, int | str | None):
            raise PreconditionFailed(f"invalid {name}: {value!r:.40}", next_step="see QueueSettings")
    settings = {"type": "classic"} | {name: value for name, value in more.items() if value is not None}
    if settings.get("overflow") == "drop-head":
        del settings["overflow"]  # to RabbitMQ, a default that is said and one that is not differ
    return durable, exclusive, {ARGUMENTS[name]: value for name, value in settings.items()}


def properties_of(message: Message, number: str | None) -> pika.BasicProperties:
    """The properties of a message. number: which publish it was, by which RabbitMQ's return of it is known again."""
    return pika.BasicProperties(headers=message.headers, priority=message.priority, expiration=message.expiration,
                                delivery_mode=2 if message.persistent else 1, message_id=number)


def message_of(exchange: str, key: str, properties: pika.BasicProperties, body: bytes) -> tuple[Message, int | None]:
    """The message that came, and how often a quorum queue has had it back (None: it is of another type)."""
    headers = None if properties.headers is None else plain(properties.headers)
    count = headers.pop(COUNT, None) if headers else None
    return Message(exchange, key, body, headers, properties.priority, properties.expiration,
                   properties.delivery_mode == 2), count


def plain(value: Any) -> Any:
    """A value of a header as evlab has it: whole seconds for a time, and int for what pika calls `long`."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return int(value.timestamp())
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Refused(RouterError):
    """An answer that the router has no error for."""

    def __init__(self, code: int, reply: str, what: str, **more: Any):
        self.code, self.reply = code, reply
        super().__init__(what, **more)


def answer(code: int, text: str, closed: str = "channel") -> RouterError:
    """RabbitMQ's reply code and text as an error of the router."""
    reply, _, what = text.partition(" - ")
    named = re.search(r"(?:queue|exchange) '([^']*)'", text)
    facts = {"name": named[1]} if named else {}
    more = {"why": f"RabbitMQ answers so, and has closed the {closed}",
            "next_step": NEXT_STEPS.get(code, "see RabbitMQ's log"), **facts}
    return ERRORS[code](what, **more) if code in ERRORS else Refused(code, reply, what or text, **more)


def lost(address: str, reason: object) -> EngineUnreachable | RouterError:
    """Why a connection is no more, as an error."""
    if isinstance(reason, ConnectionClosedByBroker) and 500 <= reason.reply_code < 541 and reason.reply_code != 504:
        return answer(reason.reply_code, reason.reply_text, "connection")
    said = re.search(r"'([^']+)'", repr(reason))  # pika wraps the sentence that counts in others
    return ServerLost(f"no connection to RabbitMQ at {address}", address=address, why=said[1] if said else str(reason),
                      next_step="see whether it runs (make brokers), and what the URL says; of what was under way find "
                      "out whether it happened")
