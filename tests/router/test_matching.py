"""Which bindings want a message: the rules of topic and headers exchanges, against slow and obvious ones."""

from __future__ import annotations

import re
from itertools import combinations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidPattern, InvalidUse
from evlab.router import Router, headers_match, topic_matches
from evlab.router.exchanges import CACHED, TYPES, Binding, Exchange

WORDS = st.lists(st.sampled_from(["a", "b", "", "ab"]), max_size=5)
PATTERNS = st.lists(st.sampled_from(["a", "b", "", "ab", "*", "#"]), max_size=5)


def obviously_matches(pattern: list[str], words: list[str]) -> bool:
    """The definition: # is replaced by each number of *, and then the words are compared one by one."""
    if "#" in pattern:
        at = pattern.index("#")
        return any(obviously_matches(pattern[:at] + ["*"] * n + pattern[at + 1:], words)
                   for n in range(len(words) + 1))
    return len(pattern) == len(words) and all(a in ("*", b) for a, b in zip(pattern, words, strict=True))


def words_of(text: str) -> list[str]:
    return text.split(".") if text else []


@settings(max_examples=200)
@given(PATTERNS, WORDS)
def test_topic_keys(pattern, words):
    pattern, key = ".".join(pattern), ".".join(words)
    assert topic_matches(pattern, key) is obviously_matches(words_of(pattern), words_of(key))


def test_every_short_pattern_against_every_short_key():
    """Up to four words each: 120 keys and 780 patterns."""
    keys = [list(words) for size in range(5) for words in product(["a", "b", ""], repeat=size) if words != ("",)]
    patterns = [list(words) for size in range(5) for words in product(["a", "b", "", "*", "#"], repeat=size)
                if words != ("",)]
    for pattern in patterns:
        for words in keys:
            text, key = ".".join(pattern), ".".join(words)
            assert topic_matches(text, key) is obviously_matches(pattern, words), (text, key)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=5), WORDS)
def test_without_hash_a_pattern_is_a_regular_expression(pattern, words):
    expression = r"\.".join("[^.]*" if word == "*" else word for word in pattern)
    key = ".".join(words)
    assert topic_matches(".".join(pattern), key) is bool(words and re.fullmatch(expression, key) and key)\
        or key == "" and pattern == ["*"]


VALUES = st.sampled_from([None, 0, 1, True, False, 1.0, "1", "a", b"a", [1], [True], ["a"], [b"a"], {"a": 1},
                          {"a": True}, {"a": 1, "b": [2]}, {"b": [2], "a": 1}])
NAMES = st.sampled_from(["a", "b", "c", "x-a", "x-b"])
TABLES = st.dictionaries(NAMES, VALUES, max_size=4)


def obviously_fits(how, arguments, headers) -> bool:
    """By counting: how many arguments count, and how many of them fit."""
    arguments, headers = ({name: one.encode() if isinstance(one, str) else one for name, one in table.items()}
                          for table in (arguments, headers))
    counted = [name for name in arguments if how.endswith("x") or name[:2] != "x-"]
    fit = 0
    for name in counted:
        if name in headers and (arguments[name] is None or repr(arguments[name]) == repr(headers[name])):
            fit += 1
    return fit == len(counted) if how in ("all", "all-with-x") else fit > 0


@settings(max_examples=200)
@given(st.sampled_from(["all", "any", "all-with-x", "any-with-x", None]), TABLES, TABLES)
def test_headers(how, arguments, headers):
    asked = dict(arguments) if how is None else {"x-match": how, **arguments}
    assert headers_match(asked, headers) is obviously_fits(how or "all", arguments, headers)


def test_many_headers():
    """The same for 20,000 drawn at random, without looking for the smallest."""
    chance = Random(7)
    values, names = [None, 0, 1, True, False, 1.0, "1", b"1", [1], [1.0]], ["a", "b", "c", "x-a", "x-b"]
    for _ in range(20_000):
        arguments, headers = ({name: chance.choice(values) for name in names if chance.random() < 0.4}
                              for _ in range(2))
        how = chance.choice(["all", "any", "all-with-x", "any-with-x"])
        assert headers_match({"x-match": how, **arguments}, headers) is obviously_fits(how, arguments, headers)


@pytest.mark.parametrize("a, b", [*combinations([1, True, 1.0, "1", [1], [True], ["1"], [b"1"], {"a": 1, "b": 2},
                                                 {"b": 2, "a": 1}], 2)])
def test_types_count(a, b):
    assert headers_match({"n": a}, {"n": a}) and not headers_match({"n": a}, {"n": b})


@pytest.mark.parametrize("arguments, headers, fits", [
    (None, None, True), ({}, {"a": 1}, True), ({"x-match": "any"}, {"a": 1}, False), ({"a": None}, {"a": None}, True),
    ({"a": None}, {}, False), ({"x-match": "all", "x-a": 1}, {}, True),
    ({"x-match": "all-with-x", "x-a": 1}, {}, False),
])
def test_the_edges_of_headers(arguments, headers, fits):
    assert headers_match(arguments, headers) is fits


# ------------------------------------------------------------------------------------------------- the exchanges


@settings(max_examples=60)
@given(st.sampled_from(["direct", "fanout", "topic"]),
       st.lists(st.tuples(st.sampled_from("pqr"), PATTERNS), max_size=6), st.lists(WORDS, max_size=6))
def test_an_exchange_remembers_right(type, bindings, keys):
    """Asked again and again, while bindings come and go."""
    exchange, made = Exchange("x", type), []
    for queue, pattern in [*bindings, *bindings[::2]]:
        binding = Binding("x", queue, ".".join(pattern))
        if binding in made:
            made.remove(binding)
            assert exchange.unbind(binding) and not exchange.unbind(binding)
        else:
            made.append(binding)
            assert exchange.bind(binding) and not exchange.bind(binding)
        for words in [*keys, *keys]:
            key = ".".join(words)
            wanted = [one for one in made if TYPES[type](one, key, None)]
            assert exchange.matching(key) == wanted and exchange.bindings == made
            assert list(exchange.queues(key)) == list(dict.fromkeys(one.queue for one in wanted))


def test_keys_from_outside_do_not_fill_the_memory():
    exchange = Exchange("x", "topic")
    exchange.bind(Binding("x", "q", "#"))
    for number in range(CACHED + 10):
        assert exchange.queues(f"key-{number}") == ("q",)
    assert len(exchange._known) <= CACHED


def test_bindings_that_python_takes_for_equal_are_two():
    exchange = Exchange("x", "headers")
    for value in (1, True, 1.0):
        assert exchange.bind(Binding("x", "q", "", {"n": value}))
    assert exchange.unbind(Binding("x", "q", "", {"n": True}))
    assert [type(one.arguments["n"]) for one in exchange.bindings] == [int, float]


# -------------------------------------------------------------------------------------------------------- explain


def test_explain_says_which_bindings_match_and_sends_nothing():
    router = Router()
    router.declare_exchange("rest", "fanout")
    router.declare_exchange("orders", "topic", alternate="rest")
    router.declare_exchange("files", "headers")
    for queue in ("email", "billing", "others"):
        router.declare_queue(queue)
    for queue, exchange, key in (("email", "orders", "order.*"), ("billing", "orders", "*.placed"),
                                 ("email", "orders", "#"), ("others", "rest", "")):
        router.bind(queue, exchange, key)
    assert [str(one) for one in router.explain("orders", "order.placed")] == [
        "orders → email (order.*)", "orders → billing (*.placed)", "orders → email (#)"]
    router.unbind("email", "orders", "#")
    assert router.explain("orders", "x") == [Binding("rest", "others")]
    assert router.explain("", "email") == [Binding("", "email", "email")] and router.explain("", "none") == []
    router.bind("others", "files", arguments={"kind": "pdf"})
    assert [one.queue for one in router.explain("files", "", {"kind": "pdf"})] == ["others"]
    assert router.explain("files", "", {"kind": "txt"}) == []
    assert all(row.ready == 0 for row in router.queues())


def test_alternates_in_a_circle_come_to_an_end():
    router = Router()
    router.declare_exchange("a", "direct", alternate="b")
    router.declare_exchange("b", "direct", alternate="a")
    assert router.publish("a", "key", b"1", mandatory=True).value.returned is not None
    router.declare_exchange("c", "direct", alternate="never declared")
    assert router.publish("c", "key", b"1", mandatory=True).value.returned is not None


@pytest.mark.parametrize("ask", [
    lambda: headers_match(5, {}), lambda: headers_match({}, [("to", "eu")]), lambda: headers_match({"x-match": 5}, {}),
    lambda: headers_match({"x-match": "some"}, {}), lambda: topic_matches(5, "order"), lambda: topic_matches("#", None),
    lambda: topic_matches("#", b"order"), lambda: explained(5), lambda: Router().channel().cancel(5),
])
def test_what_cannot_match_is_told(ask):
    with pytest.raises((InvalidUse, InvalidPattern)) as caught:
        ask()
    assert caught.value.next_step


def explained(key):
    router = Router()
    router.declare_exchange("orders", "topic")
    router.declare_queue("email")
    router.bind("email", "orders", "#")
    return router.explain("orders", key)
