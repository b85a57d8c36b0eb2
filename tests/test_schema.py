"""Schemas: Avro's rules against a slow and obvious reading of every example event, and upcasters that run once.

The oracle knows nothing of `evlab.resolution`: it holds Avro's table of promotions as pairs, writes an example event
for each type of each field, and reads it field by field as the specification says (Avro 1.12, Schema Resolution).
"""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evlab import Event, EventStore, SchemaRegistry, Upcasters
from evlab.errors import InvalidUse
from evlab.schema import (
    BACKWARD,
    BACKWARD_TRANSITIVE,
    FORWARD,
    FORWARD_TRANSITIVE,
    FULL,
    FULL_TRANSITIVE,
    NONE,
    IncompatibleSchema,
    Problem,
    UpcastFailed,
    pairs_asked,
)

MANY = settings(max_examples=150, deadline=None)
EXAMPLES = {
    "int": [0, 7, -2**31, 2**31 - 1], "long": [2**31, -2**31 - 1, 2**63 - 1, -2**63], "float": [0.5, -1.25],
    "double": [1e300, -1e39], "string": ["", "Alice"], "boolean": [True, False], "null": [None],
    "array": [[], [{"sku": "CUP-01"}]], "map": [{}, {"city": "Leeds"}]}
"""Values that are of this type, and of no narrower one."""
READ_AS = {("int", "long"), ("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"),
           ("float", "double")} | {(one, one) for one in EXAMPLES}
"""Avro's table: what is written as the first can be read as the second."""
WIDTH = ["int", "long", "float", "double"]
MODES = [NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL, FULL_TRANSITIVE]


# ------------------------------------------------------------------------------------------------ the slow oracle

def types_of(field) -> list[str]:
    return field["type"] if isinstance(field["type"], list) else [field["type"]]


def examples(schema) -> list[dict]:
    """Events of a schema: each type of each field occurs, each value too, and what may be left out is left out."""
    events = [{}]
    for name, field in schema.items():
        values = [value for one in types_of(field) for value in EXAMPLES[one]]
        longer = []
        for index in range(max(len(events), len(values))):
            longer.append({**events[index % len(events)], name: values[index % len(values)]})
        if "default" in field:
            longer.append(events[0])
        events = longer
    return events


def type_of(value) -> str:
    return next(one for one, values in EXAMPLES.items() if any(value is each or (
        type(value) is type(each) and value == each) for each in values))


class CannotRead(Exception):
    pass


def slow_read(data: dict, writer: dict, reader: dict) -> dict:
    """Read by the book: no promotion, default or alias is decided by anything but the tables above."""
    out = {}
    for name, field in reader.items():
        names = [one for one in [name, *field.get("aliases", [])] if one in writer]
        if names:
            value = data[names[0]] if names[0] in data else writer[names[0]]["default"]
            taken = [one for one in types_of(field) if (type_of(value), one) in READ_AS]
        elif "default" in field:
            value = field["default"]
            taken = [one for one in types_of(field) if (type_of(value), one) in READ_AS]
        else:
            raise CannotRead(name)
        if not taken:
            raise CannotRead(name)
        out[name] = float(value) if taken[0] in ("float", "double") else value
    return out


def slow_readable(writer: dict, reader: dict) -> bool:
    try:
        for data in examples(writer):
            slow_read(data, writer, reader)
    except CannotRead:
        return False
    return True


TYPES = st.one_of(st.sampled_from(list(EXAMPLES)),
                  st.lists(st.sampled_from(list(EXAMPLES)), min_size=1, max_size=3, unique=True))


@st.composite
def fields(draw):
    field = {"type": draw(TYPES)}
    if draw(st.booleans()):
        field["default"] = draw(st.sampled_from(EXAMPLES[types_of(field)[0]]))
    return field


SCHEMAS = st.dictionaries(st.sampled_from(["name", "email", "points"]), fields(), max_size=3)


@st.composite
def renamed(draw):
    """A schema in which a field may have been called otherwise before."""
    schema = draw(SCHEMAS)
    for name, old in (("full_name", "name"), ("mail", "email")):
        if old not in schema and draw(st.booleans()):
            schema[name] = {**draw(fields()), "aliases": [old]}
    return schema


def registry_of(*schemas, mode: str = NONE) -> SchemaRegistry:
    registry = SchemaRegistry(mode)
    for version, schema in enumerate(schemas, 1):
        registry.register("UserCreated", version, schema)
    return registry


def same(one, other) -> bool:
    """Equal, and of the same types all the way down: 5 is not 5.0 here."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# --------------------------------------------------------------------------------------------- the rules of reading

@pytest.mark.parametrize("written", EXAMPLES)
@pytest.mark.parametrize("read", EXAMPLES)
def test_each_type_is_read_as_avro_s_table_says(written, read):
    registry = registry_of({"x": {"type": written}}, {"x": {"type": read}})
    row = next(row for row in registry.matrix("UserCreated") if (row["writer"], row["reader"]) == (1, 2))
    assert row["readable"] is ((written, read) in READ_AS)
    for value in EXAMPLES[written]:
        if row["readable"]:
            got = registry.read("UserCreated", {"x": value}, written=1, reader=2)
            assert same(got, {"x": float(value) if read in ("float", "double") else value})
        else:
            with pytest.raises(IncompatibleSchema) as caught:
                registry.read("UserCreated", {"x": value}, written=1, reader=2)
            assert caught.value.field == "x" and caught.value.rule in row["why"]


@MANY
@given(renamed(), renamed())
def test_a_pair_is_green_exactly_if_every_example_event_can_be_read(writer, reader):
    registry = registry_of(writer, reader)
    for row in registry.matrix("UserCreated"):
        schemas = [writer, reader]
        refused = 0
        for data in examples(schemas[row["writer"] - 1]):
            try:
                registry.read("UserCreated", data, written=row["writer"], reader=row["reader"])
            except IncompatibleSchema:
                refused += 1
        assert row["readable"] is (refused == 0)
        assert row["readable"] is slow_readable(schemas[row["writer"] - 1], schemas[row["reader"] - 1])
        assert bool(row["why"]) is not row["readable"]


@MANY
@given(renamed(), renamed())
def test_what_is_read_is_what_the_specification_says(writer, reader):
    registry = registry_of(writer, reader)
    for data in examples(writer):
        try:
            expected = slow_read(data, writer, reader)
        except CannotRead as error:
            with pytest.raises(IncompatibleSchema) as caught:
                registry.read("UserCreated", data, written=1, reader=2)
            assert caught.value.field == str(error)
        else:
            assert same(registry.read("UserCreated", data, written=1, reader=2), expected)


@given(renamed())
def test_every_version_reads_its_own_events(schema):
    row, = registry_of(schema).matrix("UserCreated")
    assert row["readable"] and row["why"] == ""


def test_a_field_that_the_reader_does_not_know_is_left_out():
    registry = registry_of({"name": {"type": "string"}, "email": {"type": "string"}}, {"name": {"type": "string"}})
    data = {"name": "Alice", "email": "alice@mail.com", "nobody knows": 1}
    assert registry.read("UserCreated", data, written=1, reader=2) == {"name": "Alice"}


def test_a_missing_field_takes_the_writers_default_if_the_writer_knows_it_else_the_readers():
    registry = registry_of({"name": {"type": "string"}}, {"name": {"type": "string"}, "plan": {
        "type": "string", "default": "free"}}, {"name": {"type": "string"}, "plan": {"type": "string", "default": "?"}})
    plans = [registry.read("UserCreated", {"name": "Alice"}, written=written, reader=3)["plan"] for written in (1, 2)]
    assert plans == ["?", "free"]


def test_data_that_break_their_own_schema_are_not_guessed_at():
    registry = registry_of({"name": {"type": "string"}, "points": {"type": "int"}})
    for data in ({"name": 3, "points": 1}, {"name": "a", "points": 2**31}, {"name": "a", "points": True}):
        with pytest.raises(IncompatibleSchema, match="not written by that version"):
            registry.read("UserCreated", data, written=1, reader=1)
    with pytest.raises(IncompatibleSchema, match="it is not there"):
        registry.read("UserCreated", {"name": "a"}, written=1, reader=1)


@pytest.mark.parametrize("value", [10**400, -10**400, float("inf"), float("nan")])
def test_a_number_beyond_a_double_is_none(value):
    registry = registry_of({"x": {"type": "double"}})
    with pytest.raises(IncompatibleSchema):
        registry.read("UserCreated", {"x": value}, written=1, reader=1)


@pytest.mark.parametrize(("written", "read", "value", "expected"), [
    (["null", "string"], ["string", "null"], None, None),
    (["null", "string"], ["string", "null"], "Alice", "Alice"),
    ("int", ["string", "double", "long"], 5, 5.0),  # the first that takes it, not the best
    ("int", ["string", "long", "double"], 5, 5),
    (["double", "int"], ["int", "double"], 5, 5),  # the narrowest counts as written
    (["int", "double"], ["double"], 5, 5.0)])
def test_of_unions_the_first_type_that_takes_the_written_one_is_read(written, read, value, expected):
    registry = registry_of({"x": {"type": written}}, {"x": {"type": read}})
    assert same(registry.read("UserCreated", {"x": value}, written=1, reader=2), {"x": expected})


def test_a_union_of_the_writers_needs_a_reader_for_each_of_its_types():
    registry = registry_of({"email": {"type": ["null", "string"]}}, {"email": {"type": "string"}})
    assert registry.read("UserCreated", {"email": "a@b.org"}, written=1, reader=2) == {"email": "a@b.org"}
    with pytest.raises(IncompatibleSchema, match="written as null, and the reader takes string"):
        registry.read("UserCreated", {"email": None}, written=1, reader=2)
    readable = {(row["writer"], row["reader"]): row["readable"] for row in registry.matrix("UserCreated")}
    assert readable[1, 2] is False and readable[2, 1] is True


def test_an_alias_finds_the_old_name_and_only_for_readers_that_have_it():
    registry = registry_of({"name": {"type": "string"}}, {"full_name": {"type": "string", "aliases": ["name"]}})
    assert registry.read("UserCreated", {"name": "Alice"}, written=1, reader=2) == {"full_name": "Alice"}
    with pytest.raises(IncompatibleSchema) as caught:
        registry.read("UserCreated", {"full_name": "Alice"}, written=2, reader=1)
    assert caught.value.field == "name"


def test_the_own_name_goes_before_an_alias():
    registry = registry_of({"old": {"type": "string"}, "new": {"type": "string"}},
                           {"new": {"type": "string", "aliases": ["old"]}})
    assert registry.read("UserCreated", {"old": "o", "new": "n"}, written=1, reader=2) == {"new": "n"}


def test_reading_changes_nothing_and_shares_nothing():
    schema = {"tags": {"type": "array", "default": []}, "home": {"type": "map"}}
    registry = registry_of(schema)
    data = {"home": {"cities": ["Leeds"]}}
    before = copy.deepcopy(data)
    got = registry.read("UserCreated", data, written=1, reader=1)
    got["tags"].append("vip")
    got["home"]["cities"].append("Berlin")
    assert data == before
    assert registry.read("UserCreated", data, written=1, reader=1) == {"tags": [], "home": {"cities": ["Leeds"]}}


# ------------------------------------------------------------------------------------------------ the registry

def test_the_syllabus_s_added_email_needs_a_default_to_be_backward_compatible():
    registry = SchemaRegistry()
    registry.register("UserCreated", 1, {"name": {"type": "string"}})
    wanted = {"name": {"type": "string"}, "email": {"type": "string"}}
    with pytest.raises(IncompatibleSchema) as caught:
        registry.register("UserCreated", 2, wanted)
    error = caught.value
    assert (error.field, error.type, error.version) == ("email", "UserCreated", 2)
    assert error.problems == [Problem(1, 2, "email", error.rule)] and "no default" in error.rule
    assert str(error).startswith("version 2 of UserCreated is not BACKWARD: email") and error.retriable is False
    assert registry.versions("UserCreated") == [1], "what was refused is not there"
    registry.register("UserCreated", 2, wanted | {"email": {"type": "string", "default": ""}})
    alice = Event.from_json('{"type": "UserCreated", "data": {"name": "Alice"}}')
    assert registry.read("UserCreated", alice.data, written=1, reader=2) == {"name": "Alice", "email": ""}


@pytest.mark.parametrize(("mode", "pairs"), [
    (NONE, []), (BACKWARD, [(1, 2), (2, 3)]), (FORWARD, [(2, 1), (3, 2)]), (FULL, [(1, 2), (2, 1), (2, 3), (3, 2)]),
    (BACKWARD_TRANSITIVE, [(1, 2), (1, 3), (2, 3)]), (FORWARD_TRANSITIVE, [(2, 1), (3, 1), (3, 2)]),
    (FULL_TRANSITIVE, [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)])])
def test_each_compatibility_asks_for_its_pairs(mode, pairs):
    assert pairs_asked(mode, [1, 2, 3]) == pairs and pairs_asked(mode, []) == pairs_asked(mode, [1]) == []


@MANY
@given(st.sampled_from(MODES), st.lists(SCHEMAS, min_size=3, max_size=3))
def test_a_version_is_accepted_exactly_if_each_pair_that_is_asked_for_can_be_read(mode, schemas):
    registry, accepted = SchemaRegistry(mode), []
    for schema in schemas:
        version = len(accepted) + 1
        tried = [*accepted, schema]
        readable = all(slow_readable(tried[writer - 1], tried[reader - 1])
                       for writer, reader in pairs_asked(mode, range(1, version + 1)))
        problems = registry.problems("UserCreated", schema)
        try:
            registry.register("UserCreated", version, schema)
            accepted.append(schema)
        except IncompatibleSchema as error:
            assert not readable and error.problems == problems
        else:
            assert readable and problems == []
    assert registry.versions("UserCreated") == list(range(1, len(accepted) + 1))
    assert [registry.schema("UserCreated", v) for v in registry.versions("UserCreated")] == accepted


def test_each_step_may_be_backward_and_the_whole_way_is_not():
    steps = [{"name": {"type": "string"}}, {"name": {"type": "string"}, "email": {"type": "string", "default": ""}},
             {"name": {"type": "string"}, "email": {"type": "string"}}]
    registry = registry_of(*steps, mode=BACKWARD)
    with pytest.raises(IncompatibleSchema):
        registry.read("UserCreated", {"name": "Alice"}, written=1, reader=3)
    with pytest.raises(IncompatibleSchema) as caught:
        registry_of(*steps, mode=BACKWARD_TRANSITIVE)
    assert [(p.writer, p.reader, p.field) for p in caught.value.problems] == [(1, 3, "email")]


def test_all_problems_are_named_not_only_the_first():
    registry = registry_of({"a": {"type": "int"}, "b": {"type": "int"}}, mode=FULL)
    found = registry.problems("UserCreated", {"a": {"type": "string"}, "c": {"type": ["int", "null"]}})
    assert [(p.writer, p.reader, p.field) for p in found] == [(1, 2, "a"), (1, 2, "c"), (2, 1, "a"), (2, 1, "b")]


def test_a_compatibility_that_is_raised_later_looks_at_new_versions_only():
    registry = registry_of({"a": {"type": "int"}}, {"b": {"type": "int"}})
    registry.compatibility = BACKWARD_TRANSITIVE
    found = registry.problems("UserCreated", {"b": {"type": "int"}})
    assert [(p.writer, p.reader, p.field) for p in found] == [(1, 3, "b")]


def test_the_same_version_again_changes_nothing_and_another_is_refused():
    registry = registry_of({"name": {"type": "string"}})
    registry.register("UserCreated", 1, {"name": {"type": "string"}})
    with pytest.raises(InvalidUse, match="version 1 of UserCreated is another already"):
        registry.register("UserCreated", 1, {"name": {"type": "int"}})
    assert registry.schema("UserCreated", 1) == {"name": {"type": "string"}}


@pytest.mark.parametrize(("known", "version"), [(0, 2), (0, 3), (1, 3), (2, 9)])
def test_a_version_that_does_not_follow_is_refused(known, version):
    registry = registry_of(*[{"name": {"type": "string"}}] * known)
    with pytest.raises(InvalidUse, match=f"version {version} of UserCreated does not follow version {known}"):
        registry.register("UserCreated", version, {"name": {"type": "string"}})
    assert registry.versions("UserCreated") == list(range(1, known + 1))


def test_types_do_not_mix():
    registry = registry_of({"name": {"type": "string"}})
    registry.register("OrderPlaced", 1, {"total": {"type": "long"}})
    assert registry.versions("OrderPlaced") == [1] and registry.matrix("Unknown") == []


def test_a_schema_is_kept_as_it_was_given():
    schema = {"tags": {"type": ["array", "null"], "default": ["new"]}}
    registry = registry_of(schema)
    schema["tags"]["type"].remove("null")
    schema["tags"]["default"].append("changed")
    registry.schema("UserCreated", 1)["tags"]["default"].append("changed")
    assert registry.schema("UserCreated", 1) == {"tags": {"type": ["array", "null"], "default": ["new"]}}


@pytest.mark.parametrize("schema", [
    None, [], "name", {"name": "string"}, {"name": {}}, {"name": {"type": "text"}}, {"name": {"type": []}},
    {"name": {"type": None}}, {"name": {"type": ["string", ["int"]]}}, {"name": {"type": {"type": "array"}}},
    {"name": {"type": ["int", "int"]}}, {1: {"type": "int"}}, {"name": {"type": "string", "doc": "whose"}},
    {"name": {"type": "string", 3: 4}}, {"name": {"type": "string", "default": None}},
    {"name": {"type": "int", "default": True}}, {"name": {"type": "int", "default": 2**31}},
    {"name": {"type": "double", "default": math.nan}}, {"name": {"type": "double", "default": 10**400}},
    {"name": {"type": "array", "default": [{1}]}}, {"name": {"type": "array", "default": [math.inf]}},
    {"name": {"type": "map", "default": {1: 2}}}, {"name": {"type": "array", "default": [(1, 2)]}},
    {"name": {"type": "string", "aliases": "old"}}, {"name": {"type": "string", "aliases": [3]}},
    {"name": {"type": "string", "aliases": ["name"]}}, {"name": {"type": "string", "aliases": None}},
    {"name": {"type": "string"}, "full_name": {"type": "string", "aliases": ["name"]}},
    {"a": {"type": "string", "aliases": ["old"]}, "b": {"type": "string", "aliases": ["old"]}}])
def test_what_is_no_schema_is_refused_and_nothing_is_registered(schema):
    registry = SchemaRegistry()
    for call in (lambda: registry.register("UserCreated", 1, schema), lambda: registry.problems("UserCreated", schema)):
        with pytest.raises(InvalidUse):
            call()
    assert registry.versions("UserCreated") == []


@pytest.mark.parametrize("call", [
    lambda r: SchemaRegistry("SIDEWAYS"), lambda r: SchemaRegistry(None), lambda r: SchemaRegistry([]),
    lambda r: pairs_asked("backward", [1, 2]), lambda r: r.register("", 1, {}), lambda r: r.register(None, 1, {}),
    lambda r: r.register("UserCreated", "2", {}), lambda r: r.register("UserCreated", True, {}),
    lambda r: r.register("UserCreated", 0, {}), lambda r: r.register("UserCreated", 2.0, {}),
    lambda r: r.register("UserCreated", [], {}), lambda r: r.schema("UserCreated", 2), lambda r: r.schema([], 1),
    lambda r: r.problems(["UserCreated"], {}), lambda r: r.read("UserCreated", {}, written=1, reader=2),
    lambda r: r.read("UserCreated", {}, written=2, reader=1), lambda r: r.read("Unknown", {}, written=1, reader=1),
    lambda r: r.read("UserCreated", ["name"], written=1, reader=1),
    lambda r: r.read("UserCreated", None, written=1, reader=1)])
def test_a_call_that_makes_no_sense_is_told_so(call):
    with pytest.raises(InvalidUse):
        call(registry_of({"name": {"type": "string"}}))


# ------------------------------------------------------------------------------------------------ upcasters

def old_order(version: int = 1, **data) -> Event:
    return Event(type="OrderPlaced", version=version, source="shop", key="order-1042", kind="integration",
                 correlation_id="trace-7", causation_id="cmd-1", data=data or {"total": 49.9, "items": [{"n": 1}]})


def in_steps(*versions: int, calls: list) -> Upcasters:
    """Upcasters that write down which of them was called with what."""
    upcasters = Upcasters()
    for version in versions:
        upcasters.register("OrderPlaced", version, lambda data, version=version: (
            calls.append(version) or {**data, "seen": [*data.get("seen", []), version]}))
    return upcasters


@given(st.integers(1, 6), st.integers(1, 7), st.randoms())
def test_an_event_takes_each_step_to_the_newest_version_once_and_in_order(steps, version, chance):
    calls, order = [], list(range(1, steps + 1))
    chance.shuffle(order)
    upcasters, event = in_steps(*order, calls=calls), old_order(version, total=1)
    got = upcasters.upcast(event)
    wanted = list(range(version, steps + 1))
    assert got.version == max(version, steps + 1) and calls == wanted and got.data.get("seen", []) == wanted
    assert upcasters.upcast(got) is got and calls == wanted, "what was upcast is not upcast again"


def test_an_upcast_event_keeps_everything_but_its_version_and_data():
    upcasters = Upcasters()
    upcasters.register("OrderPlaced", 1, lambda data: {"total_cents": round(data["total"] * 100)})
    event = old_order()
    got = upcasters.upcast(event)
    assert got.version == 2 and got.data == {"total_cents": 4990}
    for name in ("type", "source", "key", "kind", "id", "time", "correlation_id", "causation_id"):
        assert getattr(got, name) == getattr(event, name), name
    assert Event.from_json(got.to_json()) == got


def test_the_stored_event_stays_as_it_was_whatever_an_upcaster_does_to_its_data():
    upcasters = Upcasters()

    @upcasters.register("OrderPlaced", 1)
    def rude(data):
        data["items"][0]["n"] = 99
        data["items"].append("more")
        del data["total"]
        return data

    event = old_order()
    text, data = event.to_json(), copy.deepcopy(event.data)
    assert upcasters.upcast(event).data == {"items": [{"n": 99}, "more"]}
    assert event.data == data and event.to_json() == text and event.version == 1


def test_two_events_share_nothing_when_an_upcaster_returns_the_same_object():
    upcasters, shared = Upcasters(), {"lines": []}
    upcasters.register("OrderPlaced", 1, lambda data: shared)
    upcasters.register("OrderPlaced", 2, lambda data: data["lines"].append(1) or data)
    first, second = upcasters.upcast(old_order()), upcasters.upcast(old_order())
    assert first.data == second.data == {"lines": [1]} and shared == {"lines": []}


def test_what_has_nothing_to_do_comes_back_as_the_very_same_event():
    upcasters = in_steps(1, 2, calls=[])
    newest, newer, other = old_order(3), old_order(9), Event(type="OrderCancelled", data={})
    assert upcasters.upcast(newest) is newest and upcasters.upcast(newer) is newer and upcasters.upcast(other) is other
    assert Upcasters().upcast(newest) is newest


@pytest.mark.parametrize(("function", "reason"), [
    (lambda data: data["name"], "KeyError: 'name'"), (lambda data: None, "no data of an event"),
    (lambda data: ["total"], "no data of an event"), (lambda data: {"seen": {1}}, "no data of an event"),
    (lambda data: {"total": math.nan}, "no data of an event"), (lambda data: {1: 2}, "no data of an event"),
    (lambda: {}, "TypeError")])
@pytest.mark.parametrize("failing", [1, 2])
def test_an_upcaster_that_fails_is_named_with_its_version(function, reason, failing):
    calls = []
    upcasters = in_steps(*({1, 2, 3} - {failing}), calls=calls)
    upcasters.register("OrderPlaced", failing, function)
    event = old_order()
    text = event.to_json()
    with pytest.raises(UpcastFailed) as caught:
        upcasters.upcast(event)
    error = caught.value
    assert (error.type, error.version, error.id) == ("OrderPlaced", failing, event.id)
    assert reason in error.why and error.__cause__ is not None and f"from version {failing} into" in str(error)
    assert calls == list(range(1, failing)), "no later step runs on what a failed one left"
    assert event.to_json() == text


def test_the_line_of_the_upcaster_that_failed_is_shown():
    upcasters = Upcasters()

    @upcasters.register("OrderPlaced", 1)
    def split(data):
        first, last = data["name"].split(" ")
        return {"first": first, "last": last}

    with pytest.raises(UpcastFailed, match=r'in test_schema.py, line \d+: first, last = data\["name"\].split'):
        upcasters.upcast(old_order(name="Cher"))


@pytest.mark.parametrize("version", [1, 2])
def test_a_gap_in_the_chain_is_an_error_and_not_half_an_upcast(version):
    upcasters = in_steps(1, 3, calls=[])
    with pytest.raises(UpcastFailed, match="no upcaster") as caught:
        upcasters.upcast(old_order(version))
    assert caught.value.version == 2


def test_the_decorator_returns_the_function():
    def step(data):
        return data

    upcasters = Upcasters()
    assert upcasters.register("OrderPlaced", 1)(step) is step and upcasters.register("OrderPlaced", 2, step) is step
    with pytest.raises(InvalidUse, match="already"):
        upcasters.register("OrderPlaced", 1, step)


@pytest.mark.parametrize("arguments", [
    ("", 1, dict), (None, 1, dict), ("OrderPlaced", 0, dict), ("OrderPlaced", "1", dict), ("OrderPlaced", True, dict),
    ("OrderPlaced", [], dict), ("OrderPlaced", 1, "no function"), ("OrderPlaced", 0)])
def test_an_upcaster_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(InvalidUse):
        Upcasters().register(*arguments)


# ------------------------------------------------------------------------------------- upcasters and the store

def test_the_store_upcasts_on_every_way_of_reading_and_rewrites_nothing(tmp_path):
    path, calls = tmp_path / "shop.db", []
    EventStore(path).append("order-1042", [old_order(1), old_order(2), old_order(3)])
    plain = EventStore(path)
    rows = plain.db.rows("SELECT * FROM events ORDER BY position")
    store = EventStore(path, upcasters=in_steps(1, 2, calls=calls))
    for recorded in (store.read("order-1042"), store.read_all(), store.subscribe()):
        assert [one.event.version for one in recorded] == [3, 3, 3]
    assert calls == [1, 2, 2] * 3
    assert plain.db.rows("SELECT * FROM events ORDER BY position") == rows
    assert [one.event.version for one in plain.read("order-1042")] == [1, 2, 3]


def test_a_failing_upcaster_stops_the_reader_and_harms_no_event(tmp_path):
    upcasters = Upcasters()
    upcasters.register("OrderPlaced", 1, lambda data: {"first": data["name"]})
    store = EventStore(tmp_path / "shop.db", upcasters=upcasters)
    store.append("order-1042", [old_order(1)])
    with pytest.raises(UpcastFailed):
        list(store.read("order-1042"))
    assert [one.event.data["total"] for one in EventStore(store.path).read("order-1042")] == [49.9]


@MANY
@given(SCHEMAS, SCHEMAS)
def test_an_upcaster_makes_readable_what_the_rules_refuse(old, new):
    """The two tools fit: what no rule allows, an upcaster that writes the new form makes readable."""
    assume(not slow_readable(old, new))
    registry, upcasters = registry_of(old, new), Upcasters()
    upcasters.register("UserCreated", 1, lambda data: examples(new)[0])
    for data in examples(old):
        got = upcasters.upcast(Event(type="UserCreated", data=data))
        assert registry.read("UserCreated", got.data, written=got.version, reader=2) is not None
