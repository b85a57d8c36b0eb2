"""A message as it travels, and what its sender hears of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.router.errors import NoRoute, PreconditionFailed

__all__ = ["Confirm", "Headers", "Message", "check_headers", "check_message"]

Headers = dict[str, Any]
LONGEST_NAME = 255
"""Bytes of a key or a name: AMQP's short string."""


class Confirm(NamedTuple):
    """What a publish ends with once the router is responsible for the message."""

    returned: NoRoute | None = None
    """The answer to a mandatory message that found no queue. RabbitMQ sends it before its confirm."""


class Message(Struct, frozen=True, array_like=True, gc=False):
    """What was published. It never changes: a dead letter is a new message."""

    exchange: str
    key: str
    body: bytes
    headers: Headers | None = None
    priority: int | None = None
    expiration: str | None = None
    """Milliseconds, as a text: AMQP's form."""
    persistent: bool = True
    mandatory: bool = False

    def __str__(self) -> str:
        return f"{self.key or 'message'} to {self.exchange or 'the default exchange'}"


def check_message(exchange: str, key: str, body: bytes | Event, headers: Headers | None, priority: int | None,
                  expiration: str | int | None, persistent: bool, mandatory: bool) -> Message:
    """The message of these parts. Raises `InvalidUse`, and `PreconditionFailed` for an expiration that is none."""
    if type(body) is not bytes:
        if not isinstance(body, Event):
            raise InvalidUse(f"{body!r:.60} is no body", why="a message carries bytes",
                             next_step="give bytes or an Event; text.encode() makes bytes of a text")
        body = body.to_json()
    if type(exchange) is not str or type(key) is not str or len(key) > LONGEST_NAME:
        raise InvalidUse(f"{exchange!r:.60} and {key!r:.60} are no exchange and routing key",
                         next_step=f"give two texts, the key of {LONGEST_NAME} characters at most")
    if headers is not None:
        headers = check_headers(headers)
    if priority is not None and (type(priority) is not int or not 0 <= priority <= 255):
        raise InvalidUse(f"priority={priority!r:.40} is none", next_step="give 0 to 255, larger is sooner")
    if expiration is not None:
        expiration = str(expiration)
        if not (expiration.isdecimal() and expiration.isascii() and int(expiration) < 2**32):
            raise PreconditionFailed(f"invalid expiration {expiration!r:.40}", why="it is a number of milliseconds",
                                     next_step='give a text such as "5000"')
    return Message(exchange, key, body, headers, priority, expiration, persistent, mandatory)


def check_headers(headers: Any) -> Headers:
    """A copy of the headers (or the arguments of a binding). Raises `InvalidUse` for what AMQP's tables cannot hold."""
    if not isinstance(headers, dict):
        raise InvalidUse(f"{headers!r:.60} are no headers", next_step='give a dict, such as {"kind": "pdf"}')
    for name in headers:
        if type(name) is not str or len(name) > LONGEST_NAME:
            raise InvalidUse(f"{name!r:.60} cannot name a header", next_step="give a text")
    return {name: _checked(value, 1) for name, value in headers.items()}


def _checked(value: Any, depth: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, str, bytes, float) or kind is int and -(2**63) <= value < 2**63:
        return value
    if kind is list and depth < 32:
        return [_checked(one, depth + 1) for one in value]
    if kind is dict and depth < 32 and all(type(name) is str for name in value):
        return {name: _checked(one, depth + 1) for name, one in value.items()}
    raise InvalidUse(f"{value!r:.60} cannot stand in a header", why="AMQP has no form for it",
                     next_step="give None, a text, bytes, a number of 64 bits, or lists and dicts of these")
