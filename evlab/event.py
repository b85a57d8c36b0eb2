"""Events: facts that happened, named in the past tense, never changed.

An `Event` says what happened (`type`, `data`), about what (`key`), where and when (`source`, `time`), and because of
what (`correlation_id`, `causation_id`). Two JSON forms carry it: evlab's own, and CloudEvents.

One rule does most of the work: an event that exists can be written and read back exactly. `Event(...)` tries it, so
a set, a NaN or a time without its zone is refused in the line that made the mistake, not in a consumer an hour later.
That takes about 4 us, and a new id 2 us more. The text is kept, so `to_json` costs nothing; `from_json` takes 3 us.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from time import time_ns
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from evlab.env import ambient, uuid7
from evlab.errors import InvalidEvent

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Event"]

MAX_BYTES = 1024 * 1024
"""The longest JSON text of an event, in bytes: about what Kafka takes by default (`max.message.bytes`)."""

MAX_DEPTH = 64
"""How many objects and arrays of an event's JSON may stand inside each other. The payload is the second of them."""


class Event(Struct, frozen=True, kw_only=True, dict=True):  # dict: a place to keep the text
    """One fact: `Event(type="OrderPlaced", data={"total": 49.9}, source="shop", key="order-1042")`.

    1. A wrong field raises `InvalidEvent`; its `path` is the place in the JSON form, as `$.payload.items[2].price`.
    2. `data` becomes a copy of what you gave: changing your own dict later does not change the event.
    3. No field can be assigned. Python cannot stop `event.data["x"] = 1`, so do not: other handlers in this process
       would see it, while `to_json` goes on writing the event as it was made.
    4. Two events are equal if all their fields are. Events can stand in sets, and be the keys of a dict.

    Inside a World, ids and times come from its seed and clock. Elsewhere they come from this machine; the ids are
    UUIDs of version 7, each larger than the one before it in this process, so they sort by age.
    """

    type: str = ""
    """What happened: OrderPlaced. Required, 1 to 255 characters; the default is there to be refused by name."""
    data: dict[str, Any] = {}
    """The facts, in JSON's own types. A tuple, a set or a date is refused: it would come back as something else."""
    source: str = ""
    """The name of the service that says so."""
    version: int = 1
    """The version of the schema of `data`: 1, 2, ..."""
    key: str | None = None
    """What the event is about. Events with one key keep their order in a partitioned log."""
    kind: str = "domain"
    """One of "domain" (inside one service), "integration" (a contract with others), "notification" (a nudge)."""
    id: str = None
    """Any string that is not empty. The same id again is the same event, delivered again. Made if not given."""
    time: datetime = None
    """When it happened, in UTC, to the microsecond; other zones are converted. Made if not given."""
    correlation_id: str = None
    """The conversation it belongs to. If not given, the event's own id: it is the first."""
    causation_id: str | None = None
    """The id of the event that caused this one. None for a first event."""

    def __post_init__(self):
        if type(self.data) is _Document:  # what was read is proven already
            _set(self, "data", self.data.payload)
            return
        if self.id is None:
            _set(self, "id", _new_id())
        if self.correlation_id is None:
            _set(self, "correlation_id", self.id)
        _set(self, "time", _now() if self.time is None else _in_utc(self.time))
        text, document = _proven(_document(self))
        _set(self, "time", document.metadata.timestamp)
        _set(self, "data", document.payload)
        self.__dict__["_text"] = text

    def caused(self, type: str, data: dict[str, Any] | None = None, **more) -> Event:
        """A new event that this one caused: the same correlation, and as causation this event's id.

        Nothing else is taken over; `more` sets the other fields, such as `source` and `key`.
        """
        return Event(type=type, data={} if data is None else data, correlation_id=self.correlation_id,
                     causation_id=self.id, **more)

    @property
    def routing_key(self) -> str:
        """What the bus and the router match on: the words of `type`, in small letters, joined by dots.

        A word begins at a capital (A to Z) that does not follow a capital, or that a small letter follows. So
        OrderPlaced is order.placed, HTTPRequestFailed is http.request.failed, Order2Placed is order2.placed. All
        other characters stay, and a type that has a dot in it stays as it is.
        """
        return _routing_key(self.type)

    def __str__(self) -> str:
        """The label in pictures: "OrderPlaced order-1042", or the type alone if there is no key."""
        return self.type if self.key is None else f"{self.type} {self.key}"

    def __hash__(self) -> int:
        return hash(self.id)

    def to_json(self) -> bytes:
        """`{"metadata": {"eventId", "eventType", "kind", "version", "timestamp", "correlationId", "causationId",
        "source", "key"}, "payload": {...}}`: always all of them, in this order, in UTF-8, without spaces.
        """
        return self.__dict__.get("_text") or _encode(_document(self))  # copy.copy does not take the text along

    @classmethod
    def from_json(cls, text: bytes | str) -> Event:
        """Read an event. Whatever is wrong with `text`: `InvalidEvent`, with the `path` of the fault.

        1. A tolerant reader: unknown fields are ignored; a missing or null field takes its default. A missing id or
           time is made here, so the same text read twice is then two events.
        2. Also read: the flat form {"eventId", "eventType", "timestamp", "source", "data"}, the short form
           {"type", "data"}, the version "1.0" as 1, and a time in any zone.
        3. Refused, in ignored fields too: a key that stands twice in one object, NaN, Infinity, a number too large
           for a float (1e999), half a surrogate pair, bytes that are not UTF-8, a byte order mark, text after the
           end, more than MAX_DEPTH levels, more than MAX_BYTES bytes.
        4. A whole number is kept exactly, up to Python's limit of 4300 digits. Others round it (JavaScript beyond 53
           bits) or refuse it (SQLite beyond 64): send such a number as a string.
        """
        try:
            raw = text.encode() if type(text) is str else text
            if type(raw) is bytes and len(raw) <= MAX_BYTES:
                document = _decode(raw)
                # The decoder keeps the last of two equal keys and says nothing. But if writing the document again
                # gives the same bytes, it hid nothing. This proof takes 0.8 us; a look at every key, 15.
                if _encode(document) == raw and document.metadata.timestamp.tzinfo is UTC:
                    _limit_depth(raw, document.payload, "$.payload", 1)
                    return _event(raw, document)
        except _ERRORS:
            pass  # what follows finds out why
        tree = _parse(text)
        if tree.get("metadata") is not None:
            return _event(*_filled(tree["metadata"], tree.get("payload"), {}))
        return _event(*_filled({"eventType": tree.get("type")} | tree, tree.get("data"), _FLAT))

    def to_cloudevent(self) -> dict[str, Any]:
        """CloudEvents 1.0, JSON format, structured mode: a dict of its own, ready for `json.dumps`.

        `key` is the subject; version, kind, correlation and causation are the extension attributes dataversion,
        eventkind, correlationid and causationid. `InvalidEvent` where CloudEvents asks for more than evlab: the
        source is a URI reference (`shop`, `/shop/eu`, `https://...`), and no attribute holds a control character.
        """
        document = msgspec.json.decode(self.to_json())
        cloudevent = {"specversion": "1.0", "datacontenttype": "application/json"}
        for ours, theirs in _CLOUDEVENT.items():
            value = document["metadata"].get(ours)
            if theirs == "source" and not _URI.fullmatch(value) or _CONTROL.search(str(value)):
                raise _fault(f"$.{theirs}", f"is {_shown(value)}", "in CloudEvents a source is a URI reference, and no "
                             "attribute holds control characters", 'give another: Event(..., source="shop")')
            if value is not None:
                cloudevent[theirs] = value
        return cloudevent | {"data": document["payload"]}

    @classmethod
    def from_cloudevent(cls, cloudevent: dict[str, Any] | bytes | str) -> Event:
        """Read a CloudEvent 1.0 whose data is a JSON object, or absent. As tolerant and as strict as `from_json`."""
        if isinstance(cloudevent, dict):
            _check(cloudevent, "$")
        else:
            cloudevent = _parse(cloudevent)
        if cloudevent.get("specversion") != "1.0":
            raise _fault("$.specversion", f"is {_shown(cloudevent.get('specversion'))}", next_step='write "1.0"')
        for name in "id", "source":
            if cloudevent.get(name) in (None, ""):
                raise _fault(f"$.{name}", "is missing or empty", "a CloudEvent is told apart by source and id")
        content = cloudevent.get("datacontenttype") or "application/json"
        if not isinstance(content, str) or not _JSON_TYPE.fullmatch(content):
            raise _fault("$.datacontenttype", f"is {_shown(content)}", "data are read as JSON only", _CLAIM_CHECK)
        if cloudevent.get("data_base64") is not None:
            raise _fault("$.data_base64", "is given", "data are read as JSON only", _CLAIM_CHECK)
        given = {ours: cloudevent.get(theirs) for ours, theirs in _CLOUDEVENT.items()}
        return _event(*_filled(given, cloudevent.get("data"), _CLOUDEVENT | {"payload": "data"}))


# ------------------------------------------------------------------------------------------------- the JSON form


class _Metadata(Struct, rename="camel", gc=False):  # gc=False: it lives for a microsecond, and in no cycle
    """What `to_json` writes, in this order, and the rule of each field."""

    event_id: Annotated[str, Meta(min_length=1)]
    event_type: Annotated[str, Meta(min_length=1, max_length=255)]  # it must fit into an AMQP routing key
    kind: Literal["domain", "integration", "notification"]
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]  # a CloudEvents Integer has 32 bits
    timestamp: Annotated[datetime, Meta(tz=True)]
    correlation_id: Annotated[str, Meta(min_length=1)]
    causation_id: Annotated[str, Meta(min_length=1)] | None
    source: str
    key: Annotated[str, Meta(min_length=1)] | None


class _Document(Struct, gc=False):
    metadata: _Metadata
    payload: dict[str, Any]


_set = msgspec.structs.force_setattr
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Document).decode
_ERRORS = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(_Metadata)}
_DEFAULTS = {"kind": "domain", "version": 1, "causationId": None, "source": "", "key": None}
_FLAT = {name: name for name in _FIELDS} | {"payload": "data"}
_CLOUDEVENT = {"eventId": "id", "source": "source", "eventType": "type", "timestamp": "time", "key": "subject",
               "version": "dataversion", "kind": "eventkind", "correlationId": "correlationid",
               "causationId": "causationid"}


def _document(event: Event) -> _Document:
    return _Document(_Metadata(event.id, event.type, event.kind, event.version, event.time, event.correlation_id,
                               event.causation_id, event.source, event.key), event.data)


def _event(text: bytes, document: _Document) -> Event:
    """The event of a document that is proven, with the text that proves it."""
    given = document.metadata
    event = Event(type=given.event_type, data=document, source=given.source, version=given.version, key=given.key,
                  kind=given.kind, id=given.event_id, time=given.timestamp, correlation_id=given.correlation_id,
                  causation_id=given.causation_id)
    event.__dict__["_text"] = text
    return event


def _proven(document: _Document) -> tuple[bytes, _Document]:
    """The document's text, and what is read from it: an equal document, whose data nobody else holds."""
    try:
        text = _encode(document)
        again = _decode(text)
        equal = again == document
    except _ERRORS as error:
        raise _blame(document, error) from error
    if not equal:
        raise _blame(document)
    _limit_size(text)
    _limit_depth(text, document.payload, "$.payload", 1)
    return text, again


def _filled(given: dict[str, Any], payload: Any, names: dict[str, str]) -> tuple[bytes, _Document]:
    """What others wrote, its gaps filled, and proven. `names`: what they call our fields, for the errors."""
    if isinstance(given, dict):
        given = _DEFAULTS | {name: value for name, value in given.items() if value is not None}
        if "eventId" not in given:
            given["eventId"] = _new_id()
        if "timestamp" not in given:
            given["timestamp"] = _now()
        version = given["version"]
        if isinstance(version, str | float) and (whole := _WHOLE.fullmatch(str(version))):
            given["version"] = int(whole[1])
        given.setdefault("correlationId", given["eventId"])
    try:
        document = msgspec.convert({"metadata": given, "payload": {} if payload is None else payload}, _Document)
    except _ERRORS as error:
        raise _translated(error, names) from error
    document.metadata.timestamp = _in_utc(document.metadata.timestamp)
    return _proven(document)


def _limit_size(text: bytes) -> None:
    if len(text) > MAX_BYTES:
        raise _fault("$", f"is longer than {MAX_BYTES} bytes", "brokers refuse large messages", _CLAIM_CHECK)


def _limit_depth(text: bytes, value: Any, path: str, level: int) -> None:
    # JSON is never deeper than it has `{` and `[`. `replace` finds them in half the time of `count`: 0.2 us.
    if len(text) - len(text.replace(b"{", b"").replace(b"[", b"")) > MAX_DEPTH:
        _check(value, path, level)


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


def _parse(text: bytes | str) -> dict[str, Any]:
    """The JSON object in `text`, every part of it checked."""
    if not isinstance(text, bytes | bytearray | memoryview | str):
        raise _fault("$", f"is {_shown(text)}, not JSON text", next_step="give bytes or a str")
    try:
        raw = text.encode() if isinstance(text, str) else bytes(text)
        _limit_size(raw)
        with suppress(*_ERRORS):  # as in from_json: nothing is hidden if the same comes out, but for the spaces
            tree = msgspec.json.decode(raw)
            if type(tree) is dict and _encode(tree) == msgspec.json.format(raw, indent=-1):
                _limit_depth(raw, tree, "$", 0)
                return tree
        tree = _strict.decode(raw.decode())
    except RecursionError:
        raise _fault("$", f"is deeper than {MAX_DEPTH} levels", _STACK) from None
    except ValueError as error:
        raise _fault("$", f"is not JSON: {error}", next_step="compare it with Event(...).to_json()") from error
    _check(tree, "$")
    if not isinstance(tree, dict):
        raise _fault("$", f"is {_shown(tree)}, not an object", next_step='the least is {"type": "OrderPlaced"}')
    return tree


# ------------------------------------------------------------------------------------------------ naming the fault

_RULES = {"eventType": "1 to 255 characters that say what happened, in the past tense, such as OrderPlaced",
          "kind": '"domain", "integration" or "notification"',
          "version": "a whole number from 1 to 2147483647",
          "timestamp": "a time with its zone: datetime.now(UTC) in Python, 2024-01-15T10:30:00Z in JSON",
          "payload": "a JSON object; in Python a dict with strings as keys", "source": "a string",
          "$": "it as a string"}
_STACK = "most readers call themselves at each level, and run out of stack"
_CLAIM_CHECK = "store the data elsewhere, and send its address in an event (a claim check)"
_INSTEAD = {"tuple": "a list", "set": "a sorted list", "datetime": "value.isoformat()", "Decimal": "str(value)",
            "UUID": "str(value)", "bytes": "value.hex()", "float64": "float(value)", "int64": "int(value)"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_URI = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # the characters that RFC 3986 allows in a URI reference
_JSON_TYPE = re.compile(r"\s*(application|text)/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_WHOLE = re.compile(r"([1-9][0-9]{0,9})(\.0)?")
_WORD = re.compile(r"(?<=[^A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # the places where a new word begins


def _check(value: Any, path: Any, depth: int = 0) -> None:
    """Raise `InvalidEvent` at the first part of `value` that JSON cannot hold. `path` is a text, or (path, step)."""
    kind = type(value)
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise _fault(path, f"is deeper than {MAX_DEPTH} levels", _STACK)
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict):
                if type(step) is not str:
                    raise _fault(path, f"has the key {_shown(step)}", "the keys of a JSON object are strings")
                _check(step, path)
            _check(item, (path, step), depth + 1)
    elif kind is str:
        if not value.isascii() and _SURROGATE.search(value):
            raise _fault(path, "holds half a surrogate pair", "UTF-8 cannot hold one")
    elif kind is float:
        if not math.isfinite(value):
            raise _fault(path, f"is {value}", "JSON has no such number", "leave it out, or write None")
    elif kind is _Twice:
        raise _fault((path, str(value)), "stands twice in one object", "readers disagree on which of them counts")
    elif kind not in (int, bool, type(None)):
        raise _fault(path, f"is {_shown(value)}", "JSON holds dict, list, str, int, float, bool and None",
                     f"write {_INSTEAD.get(kind.__name__, 'one of these')}")


def _blame(document: _Document, error: Exception | None = None) -> InvalidEvent:
    """The error for a document that JSON refuses, or gives back changed."""
    metadata = {theirs: getattr(document.metadata, ours) for theirs, ours in _FIELDS.items() if theirs != "timestamp"}
    _check({"metadata": metadata, "payload": document.payload}, "$")
    return _translated(error or "comes back from JSON as something else", {})


def _translated(error: Exception | str, names: dict[str, str]) -> InvalidEvent:
    """msgspec says "what - at `path`"; here that becomes an `InvalidEvent`."""
    what, _, path = f"{error}".rpartition(" - at `")
    if not what:
        what, path = path, "$"
    path = path.rstrip("`")
    if what.startswith("Object missing required field `"):
        what, path = "is missing", f"{path}.{what.split('`')[1]}"
    name = path.rpartition(".")[2]
    return _fault(f"$.{names[name]}" if name in names else path, what[:200],
                  next_step=f"write {_RULES.get(name, 'a string that is not empty')}")


def _fault(path: Any, what: str, why: str = "", next_step: str = "") -> InvalidEvent:
    steps = []
    while isinstance(path, tuple):
        path, step = path
        plain = isinstance(step, str) and step.isidentifier() and len(step) <= 40
        steps.append(f".{step}" if plain else f"[{_shown(step)}]")
    path += "".join(reversed(steps))
    return InvalidEvent(f"{path}: {what}", why=why, next_step=next_step, path=path)


def _shown(value: Any) -> str:
    """A value for a message, on one short line: a plain one itself, of others the type."""
    kind = type(value)
    if kind in (str, float, bool, type(None)) or kind is int and abs(value) < 1 << 64:
        return repr(value)[:60]
    return f"of type {kind.__name__}"


# --------------------------------------------------------------------------------------- ids, times, routing keys

_lock = threading.Lock()
_last = 0


def _new_id() -> str:
    if ambient.env is not None:
        return ambient.env.new_id()
    global _last
    chance = secrets.randbits(74)  # not random.random(): a seed, or a fork, would repeat the ids
    with _lock:
        _last = max(_last + 1 + (chance >> 42), (time_ns() // 1_000_000) << 74 | chance)
        return uuid7(_last >> 74, _last)


def _now() -> datetime:
    env = ambient.env
    return datetime.now(UTC) if env is None else datetime.fromtimestamp(env.epoch + env.now(), UTC)


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise _fault("$.metadata.timestamp", f"is {_shown(moment)}, without a zone",
                     "the same clock time is another moment elsewhere", f"write {_RULES['timestamp']}")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise _fault("$.metadata.timestamp", "leaves the years 1 to 9999 in UTC", "datetime ends there") from error


@lru_cache(maxsize=1024)
def _routing_key(type: str) -> str:
    return type if "." in type else _WORD.sub(".", type).lower()
