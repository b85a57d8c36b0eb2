"""What the judge and an answer say to each other: one JSON line a message, and plain values in it.

The judge calls the answer, the answer calls what the judge gave it (a handler, an env, a store), and every value is
taken apart here into what JSON holds and put together again on the other side. Objects never cross the line: of an
object on one side the other gets a number. So nothing that an answer sends can run in the judge, or compare as it
likes.

Messages, as arrays. Judge to answer: reset, call, value (the answer to an ask), error. Answer to judge: return, raise,
ask, ready.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from evlab.event import Event

__all__ = ["DEEPEST", "LONGEST_LINE", "Unspeakable", "decode_line", "encode_line", "error_text", "pack", "readable",
           "unpack"]

DEEPEST = 40
"""How deeply a value may be nested."""
LONGEST_LINE = 700_000
"""Bytes of one message. The code of an answer fits, with each of its 100,000 characters escaped."""
LARGEST_PLAIN = 2**63
"""Whole numbers from here on travel as text."""
MOST_BITS = 14_000
"""Bits of a whole number: 4,214 digits. Python writes no more than 4,300 without a protest."""


class Unspeakable(ValueError):
    """A value or a line that breaks this protocol."""


def pack(value: Any, refer: Callable[[Any], list], depth: int = 0) -> Any:
    """`value` as plain JSON values. What JSON cannot hold is tagged; any other object becomes `refer(object)`.

    It goes by the true type of a value, whatever its class says, and by the methods of the plain types themselves.
    Raises `Unspeakable` for a value nested more than `DEEPEST` levels (one that holds itself, for instance), and for
    a number of more than `MOST_BITS`.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _clean(value)
    if value is None or kind is bool:
        return value
    if depth > DEEPEST:
        raise Unspeakable(f"the value is nested more than {DEEPEST} levels deep; does it hold itself?")
    if issubclass(kind, str):
        return _clean(str.__str__(value))
    if issubclass(kind, int):
        number = int.__index__(value)
        if -LARGEST_PLAIN <= number < LARGEST_PLAIN:
            return number
        return {"$": "int", "v": hex(_short(number))}
    if issubclass(kind, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else {"$": "float", "v": repr(number)}
    if issubclass(kind, list):
        return [pack(item, refer, depth + 1) for item in list.__iter__(value)]
    if issubclass(kind, dict):
        pairs = [(key, pack(item, refer, depth + 1)) for key, item in dict.items(value)]
        if all(type(key) is str and key != "$" for key, _ in pairs):
            return {_clean(key): item for key, item in pairs}
        return {"$": "dict", "v": [[pack(key, refer, depth + 1), item] for key, item in pairs]}
    if issubclass(kind, tuple):
        return {"$": "tuple", "v": [pack(item, refer, depth + 1) for item in tuple.__iter__(value)]}
    if issubclass(kind, set | frozenset):
        items = [pack(item, refer, depth + 1) for item in kind.__iter__(value)]
        return {"$": "set", "v": sorted(items, key=repr)}
    if issubclass(kind, bytes | bytearray):
        return {"$": "bytes", "v": bytes(value).hex()}
    if issubclass(kind, Event):
        return {"$": "event", "v": value.to_json().decode()}
    if issubclass(kind, BaseException):
        return {"$": "error", "v": [error_type(value), error_text(value)]}
    return {"$": "object", "v": refer(value)}


def unpack(value: Any, resolve: Callable[[list], Any], error: Callable[[str, str], Any], depth: int = 0) -> Any:
    """The value that `pack` took apart. `resolve` makes something of a reference, `error` of a type's name and a text.

    Raises `Unspeakable` for what `pack` never makes, and for nothing else.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if depth > DEEPEST:
        raise Unspeakable(f"a value nested more than {DEEPEST} levels deep")
    if kind is list:
        return [unpack(item, resolve, error, depth + 1) for item in value]
    if kind is int:
        return _short(value)
    if kind is float:
        return value
    tag = value.get("$")
    if tag is None:
        return {key: unpack(item, resolve, error, depth + 1) for key, item in value.items()}
    inner = value.get("v")
    try:
        if tag == "dict":
            return {unpack(key, resolve, error, depth + 1): unpack(item, resolve, error, depth + 1)
                    for key, item in inner}
        if tag in ("tuple", "set"):
            items = [unpack(item, resolve, error, depth + 1) for item in inner]
            return tuple(items) if tag == "tuple" else frozenset(items)
        if tag == "int":
            return _short(int(inner, 16))
        if tag == "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[inner]
        if tag == "bytes":
            return bytes.fromhex(inner)
        if tag == "event":
            return Event.from_json(inner)
        if tag == "error":
            name, text = inner
            return error(str(name), str(text))
        if tag == "object":
            return resolve(inner)
    except Unspeakable:
        raise
    except Exception as fault:
        raise Unspeakable(f"a damaged value: {str(fault)[:200]}") from fault
    raise Unspeakable(f"an unknown kind of value: {str(tag)[:40]}")


def error_type(error: BaseException) -> str:
    """The name of an error's type; for one that came over the line, the name it had there."""
    return getattr(error, "type", "") if type(error).__name__ == "Foreign" else type(error).__name__


def error_text(error: BaseException) -> str:
    """What an error says, in one short text; its class may have a broken `__str__`.

    Of a KeyError the key itself: its `str` puts quotes around it, once more on each side of the line.
    """
    try:
        said = getattr(error, "what", "")
        if not said and len(error.args) == 1 and isinstance(error.args[0], str):
            said = error.args[0]
        return _clean(str(said or error)[:500])
    except Exception:
        return ""


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def readable(text: str) -> str:
    """A text of the answer, safe to print: what would steer a terminal, or turn the reading direction, is spelled
    out. So no answer can paint over its verdict."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def encode_line(message: list) -> bytes:
    """One message as a line. Raises `Unspeakable` for one that is too long."""
    line = msgspec.json.encode(message) + b"\n"
    if len(line) > LONGEST_LINE:
        raise Unspeakable(f"a message of {len(line):,} bytes; the limit is {LONGEST_LINE:,}")
    return line


def decode_line(line: bytes) -> list:
    """The message in a line. Raises `Unspeakable` for anything but a JSON array that begins with a word."""
    try:
        message = msgspec.json.decode(line)
    except (ValueError, RecursionError) as fault:  # msgspec's own errors are ValueErrors
        raise Unspeakable(f"a line that is no message: {fault}") from fault
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise Unspeakable("a line that is no message")
    return message


def _short(number: int) -> int:
    if number.bit_length() > MOST_BITS:
        raise Unspeakable("a whole number of more than 4,000 digits")
    return number


def _clean(text: str) -> str:
    """The text, with lone surrogates replaced: they have no place in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
