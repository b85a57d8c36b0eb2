"""evlab.event: what an event promises, what it refuses, and that hostile bytes get no further (EVT-1)."""

from __future__ import annotations

import collections
import copy
import dataclasses
import decimal
import enum
import json
import math
import os
import pickle
import random
import re
import sys
import threading
import timeit
import types
import typing
import uuid
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import conversion as sdk1
from cloudevents.v1.http import CloudEvent as CloudEvent1
from hypothesis import example, given, settings
from hypothesis import strategies as st

import evlab.event
from evlab.env import ambient
from evlab.errors import InvalidEvent
from evlab.event import MAX_BYTES, MAX_DEPTH, Event, in_conversation, made_of_proven
from evlab.sim.world import World
from evlab.wire import Metadata

NOON = datetime(2024, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
ORDER = {"orderId": "order-1042", "items": [{"sku": "mug", "price": 12.5}, {"sku": "tee", "price": 25}], "total": 37.5}


def order_placed(**fields) -> Event:
    return Event(**{"type": "OrderPlaced", "data": ORDER, "source": "shop", "key": "order-1042", "id": "evt-1",
                    "time": NOON} | fields)


def nested(levels: int, inner=1):
    for level in range(levels):
        inner = {"a": inner} if level % 2 else [inner]
    return inner


def refused(call, path: str) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        call()
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.why or caught.value.next_step
    return caught.value


# ------------------------------------------------------------------------------------------------ making events


def test_a_first_event_is_its_own_correlation_and_has_no_cause():
    event = Event(type="OrderPlaced")
    assert (event.data, event.source, event.version, event.key, event.kind) == ({}, "", 1, None, "domain")
    assert event.correlation_id == event.id
    assert event.causation_id is None
    assert event.time.tzinfo is UTC
    assert abs(datetime.now(UTC) - event.time) < timedelta(minutes=1)


def test_a_given_correlation_is_kept():
    assert order_placed(correlation_id="trace-9").correlation_id == "trace-9"


def test_a_caused_event_keeps_the_correlation_and_names_its_cause_and_its_key():
    first = order_placed(version=3, kind="integration")
    second = first.caused("PaymentTaken", {"amount": 37.5}, source="payment")
    third = second.caused("ParcelSent", key="parcel-7")
    assert (second.correlation_id, second.causation_id) == ("evt-1", "evt-1")
    assert (third.correlation_id, third.causation_id) == ("evt-1", second.id)
    assert (second.type, second.data, second.source) == ("PaymentTaken", {"amount": 37.5}, "payment")
    assert (second.key, second.version, second.kind) == (first.key, 1, "domain") and first.key
    assert (third.data, third.key, third.source) == ({}, "parcel-7", "")
    assert len({first.id, second.id, third.id}) == 3


@given(st.builds(dict, data=st.deferred(lambda: st.dictionaries(names, values, max_size=4)), source=st.deferred(
    lambda: names), key=st.none() | st.deferred(lambda: names)))
def test_what_is_made_of_proven_parts_is_what_the_public_way_would_make_of_them(fields):
    """`made_of_proven` and `in_conversation` look at nothing. So here is the proof that they need none."""
    proven = order_placed(**fields)
    made = made_of_proven(proven.type, proven.data, proven.source, proven.key, proven.correlation_id)
    public = order_placed(**fields, id=made.id, time=made.time, correlation_id="evt-1")
    assert made == public and made.to_json() == public.to_json() and made.time.tzinfo is UTC
    moved = in_conversation(made, "trace-9", proven.id)
    public = order_placed(**fields, id=made.id, time=made.time, correlation_id="trace-9", causation_id=proven.id)
    assert moved == public and moved.to_json() == public.to_json() == Event.from_json(moved.to_json()).to_json()


def test_the_rules_of_a_record_are_those_of_the_json_form():
    """Events are proven as a record and sent as JSON: what is good for one of the two has to be good for both."""
    hints = typing.get_type_hints(Event, include_extras=True)
    form = typing.get_type_hints(Metadata, include_extras=True)
    names = {"event_id": "id", "event_type": "type", "timestamp": "time"}
    assert {names.get(name, name): rule for name, rule in form.items()} == {
        name: rule for name, rule in hints.items() if name != "data"}


def test_positional_arguments_are_a_python_mistake():
    with pytest.raises(TypeError):
        Event("OrderPlaced", {})


@pytest.mark.parametrize(("fields", "path"), [
    ({"type": ""}, "$.metadata.eventType"),
    ({"type": None}, "$.metadata.eventType"),
    ({"type": 5}, "$.metadata.eventType"),
    ({"type": "x" * 256}, "$.metadata.eventType"),
    ({"type": "Order\ud800"}, "$.metadata.eventType"),
    ({"kind": "command"}, "$.metadata.kind"),
    ({"kind": None}, "$.metadata.kind"),
    ({"version": 0}, "$.metadata.version"),
    ({"version": True}, "$.metadata.version"),
    ({"version": 1.0}, "$.metadata.version"),
    ({"version": "1.0"}, "$.metadata.version"),
    ({"version": 2**31}, "$.metadata.version"),
    ({"time": datetime(2024, 1, 15)}, "$.metadata.timestamp"),
    ({"time": "2024-01-15T10:30:00Z"}, "$.metadata.timestamp"),
    ({"time": date(2024, 1, 15)}, "$.metadata.timestamp"),
    ({"time": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "$.metadata.timestamp"),
    ({"source": None}, "$.metadata.source"),
    ({"key": ""}, "$.metadata.key"),
    ({"key": 1042}, "$.metadata.key"),
    ({"id": ""}, "$.metadata.eventId"),
    ({"id": uuid.UUID(int=1)}, "$.metadata.eventId"),
    ({"id": b"evt"}, "$.metadata.eventId"),
    ({"correlation_id": ""}, "$.metadata.correlationId"),
    ({"causation_id": ""}, "$.metadata.causationId"),
])
def test_a_wrong_field_is_refused_where_the_event_is_made(fields, path):
    refused(lambda: order_placed(**fields), path)


def test_an_event_without_a_type_is_refused_by_name():
    refused(Event, "$.metadata.eventType")


@dataclasses.dataclass
class Money:
    cents: int


class Colour(enum.Enum):
    RED = "red"


CYCLE: dict = {}
CYCLE["a"] = [CYCLE]


@pytest.mark.parametrize(("data", "path"), [
    (None, "$.payload"),
    ([], "$.payload"),
    ("text", "$.payload"),
    (Money(5), "$.payload"),
    ({"items": [{"price": 1}, {"price": 2}, {"price": math.nan}]}, "$.payload.items[2].price"),
    ({"x": math.inf}, "$.payload.x"),
    ({"x": [1, {1, 2}]}, "$.payload.x[1]"),
    ({"x": frozenset()}, "$.payload.x"),
    ({"x": (1, 2)}, "$.payload.x"),
    ({"x": ()}, "$.payload.x"),
    ({"x": b"abc"}, "$.payload.x"),
    ({"x": decimal.Decimal("1.50")}, "$.payload.x"),
    ({"x": NOON}, "$.payload.x"),
    ({"x": date(2024, 1, 15)}, "$.payload.x"),
    ({"x": uuid.UUID(int=1)}, "$.payload.x"),
    ({"x": Money(5)}, "$.payload.x"),
    ({"x": Colour.RED}, "$.payload.x"),
    ({"x": object()}, "$.payload.x"),
    ({"x": collections.deque([1])}, "$.payload.x"),
    ({"x": {1: "one"}}, "$.payload.x"),
    ({"x": {None: "none"}}, "$.payload.x"),
    ({"two words": {1}}, "$.payload['two words']"),
    ({"x": "half \ud83d"}, "$.payload.x"),
    ({"x": {"half \ud83d": 1}}, "$.payload.x"),
    ({"x": 10**5000}, "$"),
    ({"x": "a" * MAX_BYTES}, "$"),
])
def test_data_that_json_would_change_or_refuse_are_refused_with_their_path(data, path):
    error = refused(lambda: order_placed(data=data), path)
    assert " at 0x" not in str(error)


def test_depth_is_limited_at_exactly_64_levels_when_made_and_when_read():
    deepest = order_placed(data={"a": nested(MAX_DEPTH - 2)})
    assert Event.from_json(deepest.to_json()) == deepest
    with pytest.raises(InvalidEvent, match="deeper than 64"):
        order_placed(data={"a": nested(MAX_DEPTH - 1)})
    with pytest.raises(InvalidEvent, match="deeper than 64"):
        order_placed(data=CYCLE)
    one_more = deepest.to_json().replace(b"[1]", b"[[1]]")
    with pytest.raises(InvalidEvent, match="deeper than 64"):
        Event.from_json(one_more)
    with pytest.raises(InvalidEvent, match="deeper than 64"):
        Event.from_json(order_placed(data={}).to_json().replace(b"{}}", b'{"a":' + b"[" * 63 + b"]" * 63 + b"}}"))


def test_wide_data_with_more_than_64_objects_are_fine():
    wide = order_placed(data={"items": [{"n": n, "of": []} for n in range(200)]})
    assert Event.from_json(wide.to_json()) == wide


def test_size_is_limited_at_exactly_one_mebibyte_when_made_and_when_read():
    room = MAX_BYTES - len(order_placed(data={"x": ""}).to_json())
    largest = order_placed(data={"x": "a" * room})
    assert len(largest.to_json()) == MAX_BYTES
    assert Event.from_json(largest.to_json()) == largest
    refused(lambda: order_placed(data={"x": "a" * (room + 1)}), "$")
    refused(lambda: Event.from_json(largest.to_json() + b" "), "$")


def test_data_given_to_an_event_are_copied_so_later_changes_do_not_reach_it():
    cart = {"items": [{"sku": "mug"}]}
    event = order_placed(data=cart)
    cart["items"][0]["sku"] = "tee"
    cart["more"] = True
    assert event.data == {"items": [{"sku": "mug"}]}
    assert Event(type="A").data is not Event(type="A").data


def test_subclasses_of_dict_become_plain_json():
    event = order_placed(data=collections.OrderedDict(a=collections.defaultdict(list, b=[1])))
    assert event.data == {"a": {"b": [1]}}
    assert type(event.data) is type(event.data["a"]) is dict


def test_fields_cannot_be_assigned():
    event = order_placed()
    for name in ("type", "data", "id", "correlation_id"):
        with pytest.raises(AttributeError):
            setattr(event, name, "other")


def test_events_are_equal_by_all_fields_and_can_stand_in_sets():
    assert order_placed() == order_placed()
    assert order_placed() != order_placed(version=2)
    assert len({order_placed(), order_placed(), order_placed(id="evt-2")}) == 2


def test_events_survive_copying_and_pickling():
    event = order_placed()
    for other in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert other == event
        assert other.to_json() == event.to_json()


def test_another_time_zone_is_converted_to_utc():
    event = order_placed(time=NOON.astimezone(timezone(timedelta(hours=5, minutes=45))))
    assert event.time == NOON
    assert event.time.tzinfo is UTC
    assert event == order_placed()


def test_the_label_is_type_and_key():
    assert str(order_placed()) == f"{order_placed()}" == "OrderPlaced order-1042"
    assert str(order_placed(key=None)) == "OrderPlaced"


@pytest.mark.parametrize(("type", "key"), [
    ("OrderPlaced", "order.placed"),
    ("Order", "order"),
    ("orderPlaced", "order.placed"),
    ("HTTPRequestFailed", "http.request.failed"),
    ("RequestHTTP", "request.http"),
    ("HTTP", "http"),
    ("Order2Placed", "order2.placed"),
    ("OrderV2Placed", "order.v2.placed"),
    ("S3BucketCreated", "s3.bucket.created"),
    ("ABTestStarted", "ab.test.started"),
    ("order.placed", "order.placed"),
    ("com.Shop.OrderPlaced", "com.Shop.OrderPlaced"),
    ("order_placed", "order_placed"),
])
def test_the_routing_key_is_the_words_of_the_type(type, key):
    assert Event(type=type).routing_key == key
    assert Event(type=type).routing_key == key  # from the cache


def test_the_cache_of_routing_keys_is_bounded():
    assert 0 < evlab.event._routing_key.cache_info().maxsize <= 10_000


# ------------------------------------------------------------------------------------------------ ids and times


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_makes_other_ids_in_the_same_millisecond(monkeypatch):
    monkeypatch.setattr(evlab.event, "time_ns", lambda: 2**60)
    monkeypatch.setattr(evlab.event, "_millisecond", 0)
    Event(type="OrderPlaced")
    reading, writing = os.pipe()
    child = os.fork()
    ids = [Event(type="OrderPlaced").id for _ in range(50)]
    if not child:
        os.write(writing, " ".join(ids).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read().split()
    assert len(set(theirs)) == 50 and not set(ids) & set(theirs)


def test_ids_are_uuids_of_version_7_that_carry_the_time():
    event = Event(type="A")
    made = uuid.UUID(event.id)
    assert (made.version, made.variant, str(made)) == (7, uuid.RFC_4122, event.id)
    assert abs((made.int >> 80) / 1000 - event.time.timestamp()) < 5


def test_ids_rise_strictly_even_when_the_clock_steps_back(monkeypatch):
    clock = iter([5_000, 5_000, 5_001, 4_000, 4_000, 5_001, 9_000])
    monkeypatch.setattr(evlab.event, "time_ns", lambda: 2**60 + next(clock) * 1_000_000)
    ids = [Event(type="A").id for _ in range(7)]
    assert ids == sorted(set(ids))


def test_ids_rise_strictly_within_each_of_many_threads_and_never_repeat():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    made = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda ids=ids: ids.extend(Event(type="A").id for _ in range(1000)))
               for ids in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(usual)
    assert all(ids == sorted(ids) for ids in made)
    assert len({one for ids in made for one in ids}) == 4000


def test_seeding_the_random_module_does_not_repeat_ids(monkeypatch):
    clock = iter([1, 2])
    monkeypatch.setattr(evlab.event, "time_ns", lambda: 2**61 + next(clock) * 1_000_000)
    random.seed(1)
    first = Event(type="A").id
    random.seed(1)
    assert Event(type="A").id[-12:] != first[-12:]


def test_ids_and_times_come_from_the_ambient_env(monkeypatch):
    env = types.SimpleNamespace(epoch=1_700_000_000.0, now=lambda: 12.25, new_id=lambda: "world-1")
    monkeypatch.setattr(ambient, "env", env)
    event = Event(type="A")
    assert event.id == event.correlation_id == "world-1"
    assert event.time == datetime.fromtimestamp(1_700_000_012.25, UTC)
    read = Event.from_json(b'{"type": "A"}')
    assert (read.id, read.time) == (event.id, event.time)


def test_reading_an_event_that_has_an_id_and_a_time_draws_nothing_from_the_env(monkeypatch):
    monkeypatch.setattr(ambient, "env", types.SimpleNamespace())
    text = order_placed().to_json()
    assert Event.from_json(text) == Event.from_json(text.replace(b":", b" : ").replace(b" : 00", b":00"))


def test_in_a_world_the_same_seed_makes_the_same_events():
    def scenario(seed):
        with World(seed=seed):
            return [Event(type="OrderPlaced"), Event(type="OrderPlaced")]

    assert scenario(7) == scenario(7)
    assert scenario(7)[0].id != scenario(8)[0].id
    assert scenario(7)[0].id < scenario(7)[1].id


# ------------------------------------------------------------------------------------------------ evlab's JSON


def test_the_json_form_has_all_metadata_in_a_fixed_order_beside_the_payload():
    assert order_placed(causation_id="evt-0", correlation_id="evt-0").to_json() == (
        b'{"metadata":{"eventId":"evt-1","eventType":"OrderPlaced","kind":"domain","version":1,'
        b'"timestamp":"2024-01-15T12:00:00.123456Z","correlationId":"evt-0","causationId":"evt-0","source":"shop",'
        b'"key":"order-1042"},"payload":{"orderId":"order-1042","items":[{"sku":"mug","price":12.5},'
        b'{"sku":"tee","price":25}],"total":37.5}}')
    metadata = json.loads(Event(type="A", id="i", time=NOON).to_json())["metadata"]
    assert metadata == {"eventId": "i", "eventType": "A", "kind": "domain", "version": 1, "correlationId": "i",
                        "timestamp": "2024-01-15T12:00:00.123456Z", "causationId": None, "source": "", "key": None}


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
scalars = (st.none() | st.booleans() | st.integers() | st.integers(-(10**60), 10**60) | names | st.just("")
           | st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
                      max_leaves=12)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
events = st.builds(
    Event, type=names, data=st.dictionaries(names | st.just(""), values, max_size=5), source=names | st.just(""),
    version=st.integers(1, 2**31 - 1), key=names | st.none(), id=names,
    kind=st.sampled_from(["domain", "integration", "notification"]), correlation_id=names,
    causation_id=names | st.none(),
    time=st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 30), timezones=zones))


@settings(max_examples=100, deadline=None)
@given(events)
def test_what_is_written_is_read_back_exactly(event):
    text = event.to_json()
    assert Event.from_json(text) == event
    assert Event.from_json(text.decode()) == event
    assert Event.from_json(bytearray(text)) == event
    assert Event.from_json(text).to_json() == text
    assert repr(Event.from_json(text)) == repr(event)  # 1 is not 1.0, True is not 1


@settings(max_examples=60, deadline=None)
@given(events, st.randoms(use_true_random=False))
def test_other_writers_of_the_same_json_are_read_as_the_same_event(event, chance):
    tree = json.loads(event.to_json())
    metadata = list(tree["metadata"].items()) + [("tenant", {"deep": [1.5]})]
    chance.shuffle(metadata)
    other = {"extra": None, "payload": tree["payload"], "metadata": dict(metadata)}
    for text in (json.dumps(other), json.dumps(other, indent=2, ensure_ascii=False)):
        assert Event.from_json(text) == Event.from_json(text.encode()) == event


@settings(max_examples=60, deadline=None)
@given(values)
@example({"a": 1e308})
@example(-0.0)
def test_the_standard_library_reads_the_same_values(value):
    event = order_placed(data={"value": value})
    assert repr(json.loads(event.to_json())["payload"]) == repr(event.data) == repr({"value": value})


def test_the_syllabus_events_are_read_as_they_stand():
    flat = Event.from_json("""{
      "eventId": "evt-123",
      "eventType": "OrderCreated",
      "timestamp": "2024-01-15T10:30:00Z",
      "source": "order-service",
      "data": {"orderId": "order-456", "userId": "user-789", "items": [], "total": 99.99}
    }""")
    assert flat == Event(type="OrderCreated", id="evt-123", time=datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
                         source="order-service",
                         data={"orderId": "order-456", "userId": "user-789", "items": [], "total": 99.99})
    full = Event.from_json("""{
      "metadata": {"eventId": "uuid", "eventType": "OrderCreated", "version": "1.0",
                   "timestamp": "2024-01-15T10:30:00Z", "correlationId": "trace-id", "source": "order-service"},
      "payload": {"any": {"json": ["object"]}}
    }""")
    assert (full.id, full.version, full.correlation_id, full.source) == ("uuid", 1, "trace-id", "order-service")
    assert full.data == {"any": {"json": ["object"]}}
    short = Event.from_json('{"type": "UserCreated", "data": {"name": "Alice", "email": "alice@mail.com"}}')
    assert (short.type, short.version, short.data["name"]) == ("UserCreated", 1, "Alice")
    assert short.id and short.correlation_id == short.id


@pytest.mark.parametrize(("written", "version"), [('"1.0"', 1), ('"2"', 2), ("3.0", 3), ('"12.0"', 12), ("7", 7),
                                                  ("null", 1), ("2147483647", 2**31 - 1), ('"2147483647"', 2**31 - 1)])
def test_versions_of_other_writers_become_whole_numbers(written, version):
    assert Event.from_json(f'{{"metadata": {{"eventType": "A", "version": {written}}}}}').version == version


def test_missing_and_null_fields_take_their_defaults():
    for text in ('{"metadata": {"eventType": "A"}}', '{"type": "A"}', '{"eventType": "A", "metadata": null}',
                 '{"metadata": {"eventType": "A", "eventId": null, "kind": null, "timestamp": null, "source": null,'
                 ' "correlationId": null, "causationId": null, "key": null}, "payload": null}'):
        event = Event.from_json(text)
        assert event == Event(type="A", id=event.id, time=event.time)
        assert Event.from_json(text).id != event.id


@pytest.mark.parametrize(("field", "attribute"), [("eventId", "id"), ("correlationId", "correlation_id"),
                                                  ("timestamp", "time"), ("source", "source"), ("kind", "kind")])
def test_one_null_in_our_own_form_takes_its_default_too(field, attribute):
    full = order_placed(correlation_id="trace-9", kind="notification")
    event = Event.from_json(re.sub(f'"{field}":"[^"]*"', f'"{field}":null', full.to_json().decode()))
    assert getattr(event, attribute) is not None
    assert getattr(event, attribute) != getattr(full, attribute)
    assert Event.from_json(event.to_json()) == event


def test_a_time_in_another_zone_is_read_as_utc():
    text = order_placed().to_json().replace(b"12:00:00.123456Z", b"13:30:00.123456+01:30")
    assert Event.from_json(text) == order_placed()
    assert Event.from_json(text).time.tzinfo is UTC
    assert Event.from_json(text).to_json() == order_placed().to_json()


def test_whole_numbers_of_any_size_are_kept_exactly():
    number = 2**64 + 1
    assert Event.from_json(order_placed(data={"n": [number, -number, 10**4000]}).to_json()).data["n"][0] == number
    assert Event.from_json('{"type": "A", "data": {"n": 18446744073709551617}}').data["n"] == number


PLAIN = order_placed().to_json()


@pytest.mark.parametrize(("text", "path"), [
    (b"", "$"),
    (b"null", "$"),
    (b"[]", "$"),
    (b'"OrderPlaced"', "$"),
    (b"{}", "$.eventType"),
    (b'{"metadata": {}}', "$.metadata.eventType"),
    (b'{"metadata": []}', "$.metadata"),
    (b'{"metadata": 5}', "$.metadata"),
    (b'{"type": 5}', "$.eventType"),
    (b'{"eventType": ""}', "$.eventType"),
    (b'{"type": "A", "data": []}', "$.data"),
    (b'{"metadata": {"eventType": "A"}, "payload": [1]}', "$.payload"),
    (b'{"metadata": {"eventType": "A", "version": "1.5"}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "version": "0.0"}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "version": 1.5}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "version": "9999999999"}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "version": [1]}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "version": false}}', "$.metadata.version"),
    (b'{"metadata": {"eventType": "A", "eventId": ""}}', "$.metadata.eventId"),
    (b'{"metadata": {"eventType": "A", "eventId": 123}}', "$.metadata.eventId"),
    (b'{"metadata": {"eventType": "A", "kind": "command"}}', "$.metadata.kind"),
    (b'{"eventType": "A", "kind": "x - at `$.lie`"}', "$.kind"),
    (b'{"eventType": "A", "timestamp": "yesterday"}', "$.timestamp"),
    (b'{"eventType": "A", "timestamp": "2024-01-15T10:30:00"}', "$.timestamp"),
    (b'{"eventType": "A", "timestamp": 1705314600}', "$.timestamp"),
    (b'{"metadata": {"eventType": "A", "timestamp": "0001-01-01T00:00:00+01:00"}}', "$.metadata.timestamp"),
    (PLAIN.replace(b"2024-01-15T12:00:00.123456Z", b"9999-12-31T23:59:59-01:00"), "$.metadata.timestamp"),
    # what is wrong with the JSON itself, in every place, also where the field is ignored
    (PLAIN.replace(b"37.5", b"NaN"), "$.payload.total"),
    (PLAIN.replace(b"37.5", b"-Infinity"), "$.payload.total"),
    (PLAIN.replace(b"37.5", b"1e999"), "$.payload.total"),
    (PLAIN.replace(b'"payload"', b'"extra":[0,1e999],"payload"'), "$.extra[1]"),
    (PLAIN.replace(b'"mug"', b'"\\ud83d"'), "$.payload.items[0].sku"),
    (PLAIN.replace(b'"sku":"mug"', b'"\\ud83d":"mug"'), "$.payload.items[0]"),
    (PLAIN.replace(b'"price":25', b'"price":25,"price":25'), "$.payload.items[1].price"),
    (PLAIN.replace(b'"price":25', b'"price":25,"pric\\u0065":26'), "$.payload.items[1].price"),
    (PLAIN.replace(b'"price":25', b'"price":25,"price" : 26'), "$.payload.items[1].price"),
    (PLAIN.replace(b'"eventId":"evt-1"', b'"eventId":"evt-1","eventId":"evt-1"'), "$.metadata.eventId"),
    (PLAIN.replace(b'"eventId":"evt-1"', b'"eventId":"evt-1","x":1,"x":2'), "$.metadata.x"),
    (PLAIN.replace(b'"metadata"', b'"payload":{},"metadata"'), "$.payload"),
    (PLAIN.replace(b'"metadata"', b'"":1,"":2,"metadata"'), "$['']"),
    (PLAIN.replace(b"mug", b"m\xffg"), "$"),
    (PLAIN.replace(b"mug", b"\xed\xa0\xbd"), "$"),
    (PLAIN.replace(b"mug", b"m\x00g"), "$"),
    (PLAIN.replace(b'"payload"', b'"\xff":1,"payload"'), "$"),
    (b"\xef\xbb\xbf" + PLAIN, "$"),
    (PLAIN.decode().encode("utf-16"), "$"),
    (PLAIN + b"x", "$"),
    (PLAIN + PLAIN, "$"),
    (PLAIN[:-1], "$"),
    (PLAIN.replace(b"37.5", b"9" * 5000), "$"),
    (PLAIN.replace(b"37.5", b"037"), "$"),
    (b"[" * 1_000_000, "$"),
    (b'{"a":' * 200_000, "$"),
    (b'{"type":"A","extra":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "$"),
    ("half \ud800", "$"),
    ("\ufeff{}", "$"),
    (None, "$"),
    (5, "$"),
    ({"type": "A"}, "$"),
    (memoryview(b"{]"), "$"),
])
def test_what_is_no_event_is_refused_with_the_path_of_the_fault(text, path):
    refused(lambda: Event.from_json(text), path)
    if isinstance(text, bytes) and text.isascii():
        refused(lambda: Event.from_json(text.decode()), path)


def test_colons_quotes_and_brackets_inside_strings_are_no_reason_to_refuse():
    for text in ('a":1,"a":2', "{[" * 100, '\\"', "\\u0000", "{\n\t}", "caf\u00e9 \U0001f600"):
        event = order_placed(data={text: [text, {text: text}]})
        assert Event.from_json(event.to_json()) == event
        assert Event.from_json(json.dumps(json.loads(event.to_json()))) == event


def test_an_event_is_written_as_it_was_made_even_if_somebody_changes_its_data():
    event = order_placed()
    for change in (1, object(), "\ud800"):
        event.data["x"] = change
        assert event.to_json() == PLAIN
        assert "x" not in event.to_cloudevent()["data"]


# ------------------------------------------------------------------------------------------------ CloudEvents

SDK = JSONFormat()


def test_the_cloudevent_has_the_attributes_of_the_specification():
    assert order_placed(causation_id="evt-0", correlation_id="evt-0", version=2).to_cloudevent() == {
        "specversion": "1.0", "id": "evt-1", "source": "shop", "type": "OrderPlaced", "subject": "order-1042",
        "time": "2024-01-15T12:00:00.123456Z", "datacontenttype": "application/json", "dataversion": 2,
        "eventkind": "domain", "correlationid": "evt-0", "causationid": "evt-0", "data": ORDER}
    bare = Event(type="A", source="shop").to_cloudevent()
    assert "subject" not in bare and "causationid" not in bare
    assert all(re.fullmatch("[a-z0-9]+", name) for name in bare)


def test_the_cloudevent_is_a_dict_of_its_own():
    event = order_placed()
    event.to_cloudevent()["data"]["items"].clear()
    assert event.data == ORDER


printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
portable = st.builds(
    Event, type=printable, data=st.dictionaries(names, values, max_size=5),
    source=st.sampled_from(["shop", "/shop/eu", "https://shop.example/orders?x=1#y", "urn:uuid:1", "a%20b"]),
    version=st.integers(1, 2**31 - 1), key=printable | st.none(), id=printable,
    kind=st.sampled_from(["domain", "integration", "notification"]), correlation_id=printable,
    causation_id=printable | st.none(),
    time=st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)))


@settings(max_examples=60, deadline=None)
@given(portable)
def test_the_official_sdk_reads_our_cloudevents_and_we_read_what_it_writes(event):
    ours = event.to_cloudevent()
    assert Event.from_cloudevent(ours) == event
    text = json.dumps(ours).encode()
    assert Event.from_cloudevent(text) == Event.from_cloudevent(text.decode()) == event

    theirs = from_structured(HTTPMessage({"content-type": SDK.get_content_type()}, text), SDK, CloudEvent)
    assert (theirs.get_id(), theirs.get_source(), theirs.get_type()) == (event.id, event.source, event.type)
    assert (theirs.get_subject(), theirs.get_time(), theirs.get_data()) == (event.key, event.time, event.data)
    assert theirs.get_extension("dataversion") == event.version
    assert theirs.get_extension("causationid") == event.causation_id
    assert Event.from_cloudevent(to_structured(theirs, SDK).body) == event


@settings(max_examples=30, deadline=None)
@given(portable)
def test_the_first_generation_of_the_sdk_agrees_too(event):
    theirs = sdk1.from_json(CloudEvent1, json.dumps(event.to_cloudevent()))
    assert (theirs["id"], theirs["subject"] if event.key else None, theirs.data) == (event.id, event.key, event.data)
    assert Event.from_cloudevent(sdk1.to_structured(theirs)[1]) == event


def test_a_minimal_cloudevent_made_by_the_sdk_is_read():
    theirs = CloudEvent({"type": "com.shop.OrderPlaced", "source": "/shop", "id": "A-1", "partitionkey": "7"}, {"n": 1})
    event = Event.from_cloudevent(to_structured(theirs, SDK).body)
    assert (event.id, event.type, event.source, event.data) == ("A-1", "com.shop.OrderPlaced", "/shop", {"n": 1})
    assert (event.version, event.kind, event.key) == (1, "domain", None)
    assert event.correlation_id == "A-1"
    assert event.time == theirs.get_time()


@pytest.mark.parametrize(("change", "path"), [
    ({"specversion": "0.3"}, "$.specversion"),
    ({"specversion": None}, "$.specversion"),
    ({"id": ""}, "$.id"),
    ({"id": None}, "$.id"),
    ({"id": 5}, "$.id"),
    ({"source": ""}, "$.source"),
    ({"type": ""}, "$.type"),
    ({"type": None}, "$.type"),
    ({"time": "noon"}, "$.time"),
    ({"time": NOON}, "$.time"),
    ({"subject": ""}, "$.subject"),
    ({"data": [1]}, "$.data"),
    ({"data": "text"}, "$.data"),
    ({"data": {"x": {1}}}, "$.data.x"),
    ({"data": {"x": math.nan}}, "$.data.x"),
    ({"data": CYCLE}, "$.data" + ".a[0]" * 31 + ".a"),
    ({"data_base64": "AAAA"}, "$.data_base64"),
    ({"datacontenttype": "text/xml"}, "$.datacontenttype"),
    ({"datacontenttype": 5}, "$.datacontenttype"),
    ({"dataversion": True}, "$.dataversion"),
    ({"dataversion": 10**5000}, "$.dataversion"),
    ({"eventkind": "x"}, "$.eventkind"),
    ({"correlationid": ""}, "$.correlationid"),
    ({"anything": {1, 2}}, "$.anything"),
    ({5: 1}, "$"),
])
def test_a_wrong_cloudevent_is_refused_with_the_path_in_its_own_form(change, path):
    cloudevent = order_placed().to_cloudevent() | change
    refused(lambda: Event.from_cloudevent(cloudevent), path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"id":1,"id":2}', b"\xff", 5, None, [], "\ud800"])
def test_what_is_no_cloudevent_is_refused(text):
    with pytest.raises(InvalidEvent):
        Event.from_cloudevent(text)


@pytest.mark.parametrize("content", ["application/json", "Application/JSON; charset=utf-8", "text/json", None,
                                     "application/vnd.shop.order+json"])
def test_every_json_content_type_is_read(content):
    assert Event.from_cloudevent(order_placed().to_cloudevent() | {"datacontenttype": content}) == order_placed()


def test_the_data_of_a_cloudevent_dict_are_copied():
    cloudevent = order_placed().to_cloudevent()
    event = Event.from_cloudevent(cloudevent)
    cloudevent["data"]["items"].clear()
    assert event.data == ORDER


@pytest.mark.parametrize(("fields", "path"), [({"source": ""}, "$.source"), ({"source": "my shop"}, "$.source"),
                                              ({"source": "b\u00fcro"}, "$.source"), ({"id": "a\nb"}, "$.id"),
                                              ({"key": "a\x00"}, "$.subject")])
def test_what_cloudevents_forbids_is_refused_on_the_way_out(fields, path):
    refused(order_placed(**fields).to_cloudevent, path)


# ------------------------------------------------------------------------------------------------ EVT-1


def lawful(text: bytes | str) -> str:
    """A second opinion, made of the standard library alone: "" or the reason why this is no lawful JSON object."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > 1024 * 1024:
        return "size"
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "utf-8"
    reasons = []

    def pairs(found):
        if len({name for name, _ in found}) != len(found):
            reasons.append("twice")
        return dict(found)

    try:
        tree = json.loads(decoded, object_pairs_hook=pairs, parse_constant=lambda _: reasons.append("constant"))
    except RecursionError:
        return "depth"
    except ValueError:
        return "syntax"
    level = [tree]
    for _ in range(MAX_DEPTH):
        inner = [item for one in level if isinstance(one, dict | list)
                 for item in (one.values() if isinstance(one, dict) else one)]
        for one in level:
            if isinstance(one, float) and not math.isfinite(one):
                reasons.append("infinite")
            for string in (one if isinstance(one, dict) else [one]):
                if isinstance(string, str) and re.search("[\ud800-\udfff]", string):
                    reasons.append("surrogate")
        level = inner
    if any(isinstance(one, dict | list) for one in level):
        reasons.append("depth")
    return reasons[0] if reasons else "" if isinstance(tree, dict) else "not an object"


TRICKY = {"text": "\u00e9 \" \\ \U0001f600 {[:,]}", "n": [1, -2, 3.25, 1e300, True, None, ""], "o": {}}
FORMS = [
    PLAIN,
    order_placed(data=TRICKY).to_json(),
    json.dumps(json.loads(PLAIN), indent=1).encode(),
    b'{"eventId":"evt-123","eventType":"OrderCreated","timestamp":"2024-01-15T10:30:00Z","source":"s","data":{"a":[1]}}',
    b'{"type":"UserCreated","data":{"name":"Alice","email":"alice@mail.com"}}',
    b'{"metadata":{"eventType":"A","version":"1.0","tenant":{"x":[1,2]}},"payload":{"a":{"b":{"c":[[]]}}}}',
    json.dumps(order_placed().to_cloudevent()).encode(),
    json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}).encode(),
]
POISON = [
    b"NaN", b"-Infinity", b"Infinity", b"1e999", b"-1e999", b"1E400", b"9" * 400, b"9" * 5000, b"-0", b"-", b"01",
    b"1.", b".5", b"0x1", b"nul", b"True", b"''", b'"', b'"\\', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\ud83d\\ude00"',
    b'"\\u00"', b'"\\x"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\xef\xbb\xbf",
    b"\x00", b"\n", b"\xe2\x80\xa8", b"//", b"/**/", b",", b",,", b":", b"{", b"}", b"[", b"]", b"{}", b"[]", b"[]]",
    b'{"a":1,"a":1}', b'{"":0,"":0}', b'{"__proto__":1}', b"[" * 70, b"[" * 60 + b"]" * 60, b"[" * 64 + b"]" * 64,
    b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 3000, b'"2024-02-30T00:00:00Z"', b'"0001-01-01T00:00:00+14:00"',
    b'"9999-12-31T23:59:59-14:00"', b'"2016-12-31T23:59:60Z"', b'"2024-01-15"', b'"1.0"', b'"0"', b"true", b"null",
    b'"' + b"x" * 300 + b'"', b'"\\u0000"', b'"metadata"', b'"eventType"', b'"`$.x`"',
]
PAIR = re.compile(rb'"(\w+)"\s*:\s*("[^"\\]*"|[\d.]+|null|true|\{\}|\[\])')
VALUE = re.compile(rb'(?<=[:,\[])\s*("[^"\\]*"|[\d.]+|null|true|\{\}|\[\])')


def hostile(chance: random.Random) -> bytes:
    """A valid text with one to three wounds, or a text that was never valid."""
    if chance.random() < 0.1:
        return b"".join(chance.choice(POISON) for _ in range(chance.randrange(1, 6)))
    text = chance.choice(FORMS)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at, other = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        wound = chance.randrange(9)
        if wound == 0 and text:  # flip a bit
            at = min(at, len(text) - 1)
            text = text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1:]
        elif wound == 1:  # cut a piece out
            text = text[:at] + text[min(other, at + chance.choice((1, 5, 50))):]
        elif wound == 2:  # repeat a piece
            text = text[:other] + text[at:other] + text[other:]
        elif wound == 3:  # put poison anywhere
            text = text[:at] + chance.choice(POISON) + text[at:]
        elif wound in (4, 5) and (found := list(VALUE.finditer(text))):  # poison in place of a value
            spot = chance.choice(found)
            text = text[:spot.start(1)] + chance.choice(POISON) + text[spot.end(1):]
        elif wound in (6, 7) and (found := list(PAIR.finditer(text))):  # a key twice, in one of its disguises
            pair = chance.choice(found)
            name = pair[1]
            if chance.random() < 0.3:
                name = b"\\u%04x" % name[0] + name[1:]
            value = pair[2] if chance.random() < 0.5 else chance.choice((b"1", b'"x"', b"null", b"{}"))
            colon = chance.choice((b":", b" :", b": ", b"\n:\t"))
            text = text[:pair.start()] + b'"' + name + b'"' + colon + value + b"," + text[pair.start():]
        else:  # two texts in one
            text = text[:at] + chance.choice(FORMS)[at:]
    return text


def test_evt_1_hostile_bytes_give_invalid_event_and_nothing_else(amount):
    """EVT-1: 10,000 hostile texts in each run, a million in `make soak`.

    Whatever comes in, from_json and from_cloudevent return an event or raise InvalidEvent with a path. And they never
    return an event for a text that a second, independent reader finds unlawful.
    """
    chance = random.Random("EVT-1")
    tally = collections.Counter()
    for number in range(amount(10_000, 1_000_000)):
        text = hostile(chance)
        if chance.random() < 0.2:
            text = text.decode("utf-8", "surrogateescape")
        reason = lawful(text)
        for read in (Event.from_json, Event.from_cloudevent):
            try:
                event = read(text)
            except InvalidEvent as error:
                tally["refused", reason] += 1
                assert error.path.startswith("$") and str(error).startswith(f"{error.path}: ")
                assert error.why or error.next_step
            else:
                tally["read", reason] += 1
                assert not reason, (number, reason, text)
                assert Event.from_json(event.to_json()) == event, (number, text)
    reasons = ("syntax", "utf-8", "twice", "constant", "infinite", "surrogate", "depth", "not an object", "")
    assert all(tally["refused", reason] > 20 for reason in reasons), tally
    assert tally["read", ""] > 1000, tally


def test_evt_1_every_single_flipped_bit_of_a_text_gives_an_event_or_invalid_event():
    """EVT-1, exhaustively for one small text: each bit, each cut, each byte doubled."""
    text = order_placed(data={"a": [1.5, "b"], "c": {"d": None}}).to_json()
    wounded = [text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1:] for at in range(len(text)) for bit in range(8)]
    wounded += [text[:at] for at in range(len(text))] + [text[:at] + text[at - 1:] for at in range(1, len(text))]
    for one in wounded:
        try:
            event = Event.from_json(one)
        except InvalidEvent:
            continue
        assert not lawful(one), one
        assert Event.from_json(event.to_json()) == event


# ------------------------------------------------------------------------------------------------ speed


def test_writing_and_reading_an_event_is_faster_than_the_standard_library_with_the_same_dict():
    event = order_placed()
    tree = json.loads(event.to_json())
    ours = min(timeit.repeat(lambda: Event.from_json(event.to_json()), number=200, repeat=20))
    theirs = min(timeit.repeat(lambda: json.loads(json.dumps(tree)), number=200, repeat=20))
    assert ours < theirs
