"""The JSON text of an event: its form, the rule of each field, and how a hostile text is refused by name.

`decode` is fast and forgiving, so what it reads is proven before anyone uses it: if writing the document again gives
the same bytes, the text hid nothing. A text that fails the proof is parsed again, slowly and strictly, to find the
path of its fault.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from evlab.errors import InvalidEvent

__all__ = ["CLAIM_CHECK", "ERRORS", "FIELDS", "MAX_BYTES", "MAX_DEPTH", "RULES", "Document", "EventType", "Kind",
           "Metadata", "Moment", "Name", "Version", "check", "decode", "encode", "fault", "limit_depth", "parse",
           "proven", "shown", "translated"]

MAX_BYTES = 1024 * 1024
"""The longest JSON text of an event, in bytes: about what Kafka takes by default (`max.message.bytes`)."""

MAX_DEPTH = 64
"""How many objects and arrays of an event's JSON may stand inside each other. The payload is the second of them."""


EventType = Annotated[str, Meta(min_length=1, max_length=255)]  # it must fit into an AMQP routing key
Kind = Literal["domain", "integration", "notification"]
Moment = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1)]
Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]  # a CloudEvents Integer has 32 bits


class Metadata(Struct, rename="camel", gc=False):  # gc=False: it lives for a microsecond, and in no cycle
    """What `to_json` writes, in this order, and the rule of each field."""

    event_id: Name
    event_type: EventType
    kind: Kind
    version: Version
    timestamp: Moment
    correlation_id: Name
    causation_id: Name | None
    source: str
    key: Name | None


class Document(Struct, gc=False):
    """The whole form: `{"metadata": {...}, "payload": {...}}`."""

    metadata: Metadata
    payload: dict[str, Any]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Document).decode
ERRORS = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(Metadata)}


def proven(document: Document) -> tuple[bytes, Document]:
    """The document's text, and what is read from it: an equal document, whose data nobody else holds."""
    try:
        text = encode(document)
        again = decode(text)
        equal = again == document
    except ERRORS as error:
        raise _blame(document, error) from error
    if not equal:
        raise _blame(document)
    limit_size(text)
    limit_depth(text, document.payload, "$.payload", 1)
    return text, again


def limit_size(text: bytes) -> None:
    if len(text) > MAX_BYTES:
        raise fault("$", f"is longer than {MAX_BYTES} bytes", "brokers refuse large messages", CLAIM_CHECK)


def limit_depth(text: bytes, value: Any, path: str, level: int) -> None:
    # JSON is never deeper than it has `{` and `[`. `replace` finds them in half the time of `count`: 0.2 us.
    if len(text) - len(text.replace(b"{", b"").replace(b"[", b"")) > MAX_DEPTH:
        check(value, path, level)


class _Twice(str):
    """In a parsed tree, stands for an object that has this key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    found = {}
    for name, value in pairs:
        if name in found:
            return _Twice(name)
        found[name] = value
    return found


_strict = json.JSONDecoder(object_pairs_hook=_object)


def parse(text: bytes | str) -> dict[str, Any]:
    """The JSON object in `text`, every part of it checked."""
    if not isinstance(text, bytes | bytearray | memoryview | str):
        raise fault("$", f"is {shown(text)}, not JSON text", next_step="give bytes or a str")
    try:
        raw = text.encode() if isinstance(text, str) else bytes(text)
        limit_size(raw)
        with suppress(*ERRORS):  # as in from_json: nothing is hidden if the same comes out, but for the spaces
            tree = msgspec.json.decode(raw)
            if type(tree) is dict and encode(tree) == msgspec.json.format(raw, indent=-1):
                limit_depth(raw, tree, "$", 0)
                return tree
        tree = _strict.decode(raw.decode())
    except RecursionError:
        raise fault("$", f"is deeper than {MAX_DEPTH} levels", _STACK) from None
    except ValueError as error:
        raise fault("$", f"is not JSON: {error}", next_step="compare it with Event(...).to_json()") from error
    check(tree, "$")
    if not isinstance(tree, dict):
        raise fault("$", f"is {shown(tree)}, not an object", next_step='the least is {"type": "OrderPlaced"}')
    return tree


# ------------------------------------------------------------------------------------------------ naming the fault

RULES = {"eventType": "1 to 255 characters that say what happened, in the past tense, such as OrderPlaced",
          "kind": '"domain", "integration" or "notification"',
          "version": "a whole number from 1 to 2147483647",
          "timestamp": "a time with its zone: datetime.now(UTC) in Python, 2024-01-15T10:30:00Z in JSON",
          "payload": "a JSON object; in Python a dict with strings as keys", "source": "a string",
          "$": "it as a string"}
_STACK = "most readers call themselves at each level, and run out of stack"
CLAIM_CHECK = "store the data elsewhere, and send its address in an event (a claim check)"
_INSTEAD = {"tuple": "a list", "set": "a sorted list", "datetime": "value.isoformat()", "Decimal": "str(value)",
            "UUID": "str(value)", "bytes": "value.hex()", "float64": "float(value)", "int64": "int(value)"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def check(value: Any, path: Any, depth: int = 0) -> None:
    """Raise `InvalidEvent` at the first part of `value` that JSON cannot hold. `path` is a text, or (path, step)."""
    kind = type(value)
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise fault(path, f"is deeper than {MAX_DEPTH} levels", _STACK)
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict):
                if type(step) is not str:
                    raise fault(path, f"has the key {shown(step)}", "the keys of a JSON object are strings")
                check(step, path)
            check(item, (path, step), depth + 1)
    elif kind is str:
        if not value.isascii() and _SURROGATE.search(value):
            raise fault(path, "holds half a surrogate pair", "UTF-8 cannot hold one")
    elif kind is float:
        if not math.isfinite(value):
            raise fault(path, f"is {value}", "JSON has no such number", "leave it out, or write None")
    elif kind is _Twice:
        raise fault((path, str(value)), "stands twice in one object", "readers disagree on which of them counts")
    elif kind not in (int, bool, type(None)):
        raise fault(path, f"is {shown(value)}", "JSON holds dict, list, str, int, float, bool and None",
                     f"write {_INSTEAD.get(kind.__name__, 'one of these')}")


def _blame(document: Document, error: Exception | None = None) -> InvalidEvent:
    """The error for a document that JSON refuses, or gives back changed."""
    metadata = {theirs: getattr(document.metadata, ours) for theirs, ours in FIELDS.items() if theirs != "timestamp"}
    check({"metadata": metadata, "payload": document.payload}, "$")
    return translated(error or "comes back from JSON as something else", {})


def translated(error: Exception | str, names: dict[str, str]) -> InvalidEvent:
    """msgspec says "what - at `path`"; here that becomes an `InvalidEvent`."""
    what, _, path = f"{error}".rpartition(" - at `")
    if not what:
        what, path = path, "$"
    path = path.rstrip("`")
    if what.startswith("Object missing required field `"):
        what, path = "is missing", f"{path}.{what.split('`')[1]}"
    name = path.rpartition(".")[2]
    return fault(f"$.{names[name]}" if name in names else path, what[:200],
                  next_step=f"write {RULES.get(name, 'a string that is not empty')}")


def fault(path: Any, what: str, why: str = "", next_step: str = "") -> InvalidEvent:
    steps = []
    while isinstance(path, tuple):
        path, step = path
        plain = isinstance(step, str) and step.isidentifier() and len(step) <= 40
        steps.append(f".{step}" if plain else f"[{shown(step)}]")
    path += "".join(reversed(steps))
    return InvalidEvent(f"{path}: {what}", why=why, next_step=next_step, path=path)


def shown(value: Any) -> str:
    """A value for a message, on one short line: a plain one itself, of others the type."""
    kind = type(value)
    if kind in (str, float, bool, type(None)) or kind is int and abs(value) < 1 << 64:
        return repr(value)[:60]
    return f"of type {kind.__name__}"
