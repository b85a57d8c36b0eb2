"""Events: facts that happened, named in the past tense, never changed.

An `Event` says what happened (`type`, `data`), about what (`key`), where and when (`source`, `time`), and because of
what (`correlation_id`, `causation_id`). Two JSON forms carry it: evlab's own, and CloudEvents.

One rule does most of the work: an event that exists can be written and read back exactly. `Event(...)` tries it, so
a set, a NaN or a time without its zone is refused in the line that made the mistake, not in a consumer an hour later.
That takes about 3 us, its id included. `to_json` takes 1 us, the first time, and `from_json` 2 us.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from time import time_ns
from typing import Any

import msgspec
from msgspec import Struct

from evlab.env import ambient, uuid7
from evlab.wire import (
    CLAIM_CHECK,
    ERRORS,
    FIELDS,
    MAX_BYTES,
    MAX_DEPTH,
    RULES,
    Document,
    EventType,
    Kind,
    Metadata,
    Moment,
    Name,
    Version,
    check,
    decode,
    encode,
    fault,
    limit_depth,
    parse,
    proven,
    shown,
    translated,
)

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Event", "in_conversation", "made_of_proven"]

_NOTHING: dict[str, Any] = {}


class _Proving(msgspec.StructMeta):
    """Makes `Event(...)` prove what it is given. What decodes a record that was proven before passes by here."""

    def __call__(cls, *, type: str = "", data: dict[str, Any] = _NOTHING, source: str = "", version: int = 1,
                 key: str | None = None, kind: str = "domain", id: str | None = None, time: datetime | None = None,
                 correlation_id: str | None = None, causation_id: str | None = None) -> Event:
        if id is None:
            id = _new_id()
        given = _bare(Event, type, data, source, version, key, kind, id, _now() if time is None else _in_utc(time),
                      id if correlation_id is None else correlation_id, causation_id)
        try:
            record = _write(given)
            event = _read(record)  # by the rules of its fields, and with data that nobody else holds
            if event == given and len(record) <= _LONGEST_RECORD:
                limit_depth(record, event.data, "$.payload", 1)
                event.__dict__["_record"] = record
                return event
        except ERRORS:
            pass
        return _event(*proven(_document(given)))  # its JSON text is proven, to find the path of the fault


class Event(Struct, frozen=True, array_like=True, dict=True, metaclass=_Proving):
    """One fact: `Event(type="OrderPlaced", data={"total": 49.9}, source="shop", key="order-1042")`.

    1. A wrong field raises `InvalidEvent`; its `path` is the place in the JSON form, as `$.payload.items[2].price`.
    2. `data` becomes a copy of what you gave: changing your own dict later does not change the event.
    3. No field can be assigned. Python cannot stop `event.data["x"] = 1`, so do not: other handlers in this process
       would see it.
    4. Two events are equal if all their fields are. Events can stand in sets, and be the keys of a dict.

    Inside a World, ids and times come from its seed and clock. Elsewhere they come from this machine; the ids are
    UUIDs of version 7, each larger than the one before it in this process, so they sort by age.
    """

    type: EventType = ""
    """What happened: OrderPlaced. Required, 1 to 255 characters; the default is there to be refused by name."""
    data: dict[str, Any] = {}
    """The facts, in JSON's own types. A tuple, a set or a date is refused: it would come back as something else."""
    source: str = ""
    """The name of the service that says so."""
    version: Version = 1
    """The version of the schema of `data`: 1, 2, ..."""
    key: Name | None = None
    """What the event is about. Events with one key keep their order in a partitioned log."""
    kind: Kind = "domain"
    """One of "domain" (inside one service), "integration" (a contract with others), "notification" (a nudge)."""
    id: Name = None
    """Any string that is not empty. The same id again is the same event, delivered again. Made if not given."""
    time: Moment = None
    """When it happened, in UTC, to the microsecond; other zones are converted. Made if not given."""
    correlation_id: Name = None
    """The conversation it belongs to. If not given, the event's own id: it is the first."""
    causation_id: Name | None = None
    """The id of the event that caused this one. None for a first event."""

    def caused(self, type: str, data: dict[str, Any] | None = None, **more) -> Event:
        """A new event that this one caused: the same correlation, and as causation this event's id.

        It is about the same `key`, unless you give another. `more` sets the other fields, such as `source`.
        """
        return Event(type=type, data={} if data is None else data, **{
            "key": self.key, "correlation_id": self.correlation_id, "causation_id": self.id, **more})

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

    def __reduce__(self) -> tuple:
        return Event.kept, (self.to_json(),)  # for pickle and copy.deepcopy

    def to_json(self) -> bytes:
        """`{"metadata": {"eventId", "eventType", "kind", "version", "timestamp", "correlationId", "causationId",
        "source", "key"}, "payload": {...}}`: always all of them, in this order, in UTF-8, without spaces.
        """
        kept = self.__dict__
        if "_text" not in kept:  # it is written as it was made, even if somebody has changed its data
            record = kept.pop("_record", None)
            kept["_text"] = encode(_document(self if record is None else _read(record)))
        return kept["_text"]

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
                document = decode(raw)
                # The decoder keeps the last of two equal keys and says nothing. But if writing the document again
                # gives the same bytes, it hid nothing. This proof takes 0.8 us; a look at every key, 15.
                if encode(document) == raw and document.metadata.timestamp.tzinfo is UTC:
                    limit_depth(raw, document.payload, "$.payload", 1)
                    return _event(raw, document)
        except ERRORS:
            pass  # what follows finds out why
        tree = parse(text)
        if tree.get("metadata") is not None:
            return _event(*_filled(tree["metadata"], tree.get("payload"), {}))
        return _event(*_filled({"eventType": tree.get("type")} | tree, tree.get("data"), _FLAT))

    @classmethod
    def kept(cls, text: bytes) -> Event:
        """Read back what `to_json` wrote, and a checksum has guarded since: in half the time, without any proof.

        For a store or a log of one's own. Raises an error of msgspec's, or a `ValueError`, for anything else.
        """
        return _event(text, decode(text))

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
                raise fault(f"$.{theirs}", f"is {shown(value)}", "in CloudEvents a source is a URI reference, and no "
                             "attribute holds control characters", 'give another: Event(..., source="shop")')
            if value is not None:
                cloudevent[theirs] = value
        return cloudevent | {"data": document["payload"]}

    @classmethod
    def from_cloudevent(cls, cloudevent: dict[str, Any] | bytes | str) -> Event:
        """Read a CloudEvent 1.0 whose data is a JSON object, or absent. As tolerant and as strict as `from_json`."""
        if isinstance(cloudevent, dict):
            check(cloudevent, "$")
        else:
            cloudevent = parse(cloudevent)
        if cloudevent.get("specversion") != "1.0":
            raise fault("$.specversion", f"is {shown(cloudevent.get('specversion'))}", next_step='write "1.0"')
        for name in "id", "source":
            if cloudevent.get(name) in (None, ""):
                raise fault(f"$.{name}", "is missing or empty", "a CloudEvent is told apart by source and id")
        content = cloudevent.get("datacontenttype") or "application/json"
        if not isinstance(content, str) or not _JSON_TYPE.fullmatch(content):
            raise fault("$.datacontenttype", f"is {shown(content)}", "data are read as JSON only", CLAIM_CHECK)
        if cloudevent.get("data_base64") is not None:
            raise fault("$.data_base64", "is given", "data are read as JSON only", CLAIM_CHECK)
        given = {ours: cloudevent.get(theirs) for ours, theirs in _CLOUDEVENT.items()}
        return _event(*_filled(given, cloudevent.get("data"), _CLOUDEVENT | {"payload": "data"}))


# ----------------------------------------------------------------------------------- to and from what is on the wire

_bare = msgspec.StructMeta.__call__
_write = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Event).decode
_DEFAULTS = {"kind": "domain", "version": 1, "causationId": None, "source": "", "key": None}
_FLAT = {name: name for name in FIELDS} | {"payload": "data"}
_CLOUDEVENT = {"eventId": "id", "source": "source", "eventType": "type", "timestamp": "time", "key": "subject",
               "version": "dataversion", "kind": "eventkind", "correlationId": "correlationid",
               "causationId": "causationid"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_URI = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # the characters that RFC 3986 allows in a URI reference
_JSON_TYPE = re.compile(r"\s*(application|text)/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_WHOLE = re.compile(r"([1-9][0-9]{0,9})(\.0)?")


def _document(event: Event) -> Document:
    return Document(Metadata(event.id, event.type, event.kind, event.version, event.time, event.correlation_id,
                               event.causation_id, event.source, event.key), event.data)


_ONE = _bare(Event, "A", {}, "", 1, None, "domain", "1", datetime(2024, 1, 15, tzinfo=UTC), "1", None)
_LONGEST_RECORD = MAX_BYTES - (len(encode(_document(_ONE))) - len(_write(_ONE)))  # the text has names in it, too


def made_of_proven(type: str, data: dict[str, Any], source: str, key: str | None, correlation_id: str) -> Event:
    """A new event of evlab's own, without a proof: for a program that makes thousands of parts that are proven already.

    That saves half of the time, and is right only if each part stood in an event before, or is a word or a
    number of evlab's own; a text that somebody wrote, such as the message of an error, has to be proven. `data` is not
    copied, so nobody may be able to change it later. MAX_BYTES and MAX_DEPTH are not looked at: what goes to others,
    and not into a store of one's own, has to be made by `Event(...)`.
    """
    return _bare(Event, type, data, source, 1, key, "domain", _new_id(), _now(), correlation_id, None)


def in_conversation(event: Event, correlation_id: str, causation_id: str | None) -> Event:
    """The same event with two other ids, which are those of events: so it is as proven as it was."""
    return _bare(Event, event.type, event.data, event.source, event.version, event.key, event.kind, event.id,
                 event.time, correlation_id, causation_id)


def _event(text: bytes, document: Document) -> Event:
    """The event of a document that is proven, with the text that proves it."""
    given = document.metadata
    event = _bare(Event, given.event_type, document.payload, given.source, given.version, given.key, given.kind,
                  given.event_id, given.timestamp, given.correlation_id, given.causation_id)
    event.__dict__["_text"] = text
    return event


def _filled(given: dict[str, Any], payload: Any, names: dict[str, str]) -> tuple[bytes, Document]:
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
        document = msgspec.convert({"metadata": given, "payload": {} if payload is None else payload}, Document)
    except ERRORS as error:
        raise translated(error, names) from error
    document.metadata.timestamp = _in_utc(document.metadata.timestamp)
    return proven(document)


# --------------------------------------------------------------------------------------- ids, times, routing keys

_WORD = re.compile(r"(?<=[^A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # the places where a new word begins
_lock = threading.Lock()
_millisecond = 0  # of the newest id
_newest: tuple[str, Callable[[], int]]  # its first digits, and what counts on: one tuple, as threads read it unlocked


def _new_id() -> str:
    """A draw for the first id of a millisecond; the others count on from there: 0.6 us, and one each would take 3."""
    if ambient.env is not None:
        return ambient.env.new_id()
    now = time_ns() // 1_000_000
    if now > _millisecond:  # else it is the same one, or the clock was set back
        _draw(now)
    first_digits, count = _newest
    return f"{first_digits}{count():012x}"


def _draw(now: int) -> None:
    """Begin to count anew, in the millisecond `now`."""
    global _millisecond, _newest
    with _lock:
        if now > _millisecond:
            first = uuid7(now, secrets.randbits(74))  # not random.random(): a seed would repeat the ids
            start = int(first[24:], 16) >> 1  # half of the 48 bits: room to count
            _newest, _millisecond = (first[:24], itertools.count(start).__next__), now


def _draw_anew() -> None:
    """A forked process knows the same newest id, and would count on as its parent does."""
    global _lock, _millisecond
    _lock, _millisecond = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw_anew)


def _now() -> datetime:
    env = ambient.env
    return datetime.now(UTC) if env is None else datetime.fromtimestamp(env.epoch + env.now(), UTC)


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise fault("$.metadata.timestamp", f"is {shown(moment)}, without a zone",
                     "the same clock time is another moment elsewhere", f"write {RULES['timestamp']}")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise fault("$.metadata.timestamp", "leaves the years 1 to 9999 in UTC", "datetime ends there") from error


@lru_cache(maxsize=1024)
def _routing_key(type: str) -> str:
    return type if "." in type else _WORD.sub(".", type).lower()
