"""What crosses the line: plain values come out as they went in, and a hostile line is refused in one way only."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlab import Event
from evlab.course.judge.protocol import (
    DEEPEST,
    LONGEST_LINE,
    MOST_BITS,
    Unspeakable,
    decode_line,
    encode_line,
    error_text,
    pack,
    readable,
    unpack,
)

WHOLE = st.integers(-(2**200), 2**200)
KEYS = st.none() | st.booleans() | WHOLE | st.text(max_size=5) | st.tuples(WHOLE, st.text(max_size=3))
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner) | st.frozensets(KEYS),
    max_leaves=20)


def there(value):
    """The value after its way over the line."""
    return unpack(decode_line(encode_line(["return", pack(value, refer)]))[1], list, raised)


def refer(value):
    return ["answer", 1]


def raised(name, text):
    return RuntimeError(f"{name}: {text}")


def same(one, other) -> bool:
    """Equal, and of the same types all through: True is not 1, and a list is no tuple."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    return one == other


@given(PLAIN)
def test_plain_values_come_out_as_they_went_in(value):
    assert same(there(value), value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 2**63, -(2**63) - 1, 2**(MOST_BITS - 1),
                                   {"$": "object", "v": [1]}, {"$": 1}, {1: {2: {3: []}}}, "\u202e\x00",
                                   Event(type="OrderPlaced", data={"a": 1})])
def test_what_json_cannot_hold(value):
    assert same(there(value), value)


def test_a_number_that_is_none_stays_none():
    assert math.isnan(there(math.nan))


def test_half_a_character_becomes_a_question_mark():
    assert there(["a\ud800", {"\udfff": 1}]) == ["a?", {"?": 1}]


class Liar:
    __class__ = str


class Text(str):
    def __str__(self):
        return "lie"

    def isascii(self):
        raise KeyError


class Number(int):
    def __index__(self):
        return 7


class Pairs(dict):
    def items(self):
        return [("lie", 1)]


class Items(list):
    def __iter__(self):
        return iter("lie")


def test_a_value_is_what_it_is_and_not_what_it_says():
    assert there([Text("true"), Number(3), Pairs(a=1), Items([2])]) == ["true", 3, {"a": 1}, [2]]
    assert [type(item) for item in there([Text("true"), Number(3), Pairs(a=1), Items([2])])] == [str, int, dict, list]
    assert pack(Liar(), refer) == {"$": "object", "v": ["answer", 1]}


def test_errors_are_told_by_name_and_text():
    class Sour(Exception):
        def __str__(self):
            raise ValueError

    assert str(there(KeyError("sku"))) == "KeyError: sku", "not with quotes around it"
    assert str(there(Sour(1, 2))) == "Sour: "
    assert len(error_text(ValueError("x" * 9999))) == 500


def nested(levels, wrap=lambda inner: [inner]):
    value = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {1: v}, lambda v: {"a": v}])
def test_depth_is_counted_alike_on_both_sides(wrap):
    """What one side may send, the other takes and may send back; one level more, and neither does."""
    assert there(nested(DEEPEST, wrap)) == nested(DEEPEST, wrap)
    with pytest.raises(Unspeakable, match="nested"):
        pack(nested(DEEPEST + 1, wrap), refer)
    with pytest.raises(Unspeakable, match="nested"):
        unpack(pack(nested(DEEPEST + 1, wrap), refer, -1), list, raised)


def test_what_is_too_large_is_refused():
    holds_itself: list = []
    holds_itself.append(holds_itself)
    for value in holds_itself, 2**MOST_BITS, -(10**9999):
        with pytest.raises(Unspeakable):
            pack(value, refer)
    with pytest.raises(Unspeakable):
        encode_line(["return", "x" * LONGEST_LINE])
    with pytest.raises(Unspeakable):
        unpack({"$": "int", "v": "0x" + "f" * 100_000}, list, raised)
    assert str(there(2**(MOST_BITS - 1))), "Python writes it"


def test_a_text_that_is_printed_steers_no_terminal():
    assert readable("a\x1b[2J\r\u202eb\n\tc\x85\u2066") == "a\\x1b[2J\\r\\u202eb\n\tc\\x85\\u2066"
    assert readable("order-1042: ü → 😀") == "order-1042: ü → 😀"


PIECES = [b'{"$":', b'"v":', b'"object"', b'"int"', b'"event"', b'"error"', b'"set"', b'"dict"', b'"tuple"', b'"float"',
          b'"bytes"', b"[", b"]", b"{", b"}", b",", b":", b'"', b"null", b"true", b"-1", b"1e999", b"1e308", b"9" * 400,
          b"\\u0000", b"\\ud800", b"\xff", b"\n", b" ", b'"0x"', b'"nan"', b'"return"', b"[" * 2000,
          b'["return",', b'"ask"']
TAGS = ["object", "int", "event", "error", "set", "dict", "tuple", "float", "bytes", "other", None, 1, [], {}]
LEAVES = [None, True, -1, 2**62, 1e308, "", "0x", "nan", "xyz", "00", "0xfff", '{"type": "A"}', "x" * 100, [], {}, [[]],
          ["answer", 1, "x", True, {}], ["port", 10**9], ["a"], ["a", "b"], [[1, 2]], [[[], 1]]]


def hostile(chance: random.Random) -> bytes:
    """A line: bytes without a sense, or well-formed values with tags in the wrong places."""
    if chance.random() < 0.3:
        return b"".join(chance.choices(PIECES, k=chance.randint(1, 12)))

    def value(depth):
        kind = chance.random()
        if depth > 4 or kind < 0.3:
            return chance.choice(LEAVES)
        if kind < 0.5:
            return [value(depth + 1) for _ in range(chance.randint(0, 3))]
        if kind < 0.6:
            return {chance.choice(["a", "$", "v"]): value(depth + 1) for _ in range(2)}
        return {"$": chance.choice(TAGS), "v": value(depth + 1)}

    return msgspec.json.encode(["return", value(0)])


def test_hostile_lines_raise_one_error_only(amount):
    """Whatever a line holds, what comes out of reading it is a plain value or `Unspeakable`."""
    taken = refused = 0
    for number in range(amount(10_000, 1_000_000)):
        line = hostile(random.Random(number))
        try:
            message = decode_line(line)
            str(unpack(message[1:], strict, raised))
            taken += 1
        except Unspeakable as error:
            str(error).encode()
            refused += 1
    assert taken > 1000 and refused > 1000


def strict(reference):
    kind, number, *_ = reference
    return [][number]
