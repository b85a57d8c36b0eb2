"""The history: its entries, its causes, its digest, and how values are told."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from evlab import World
from evlab.sim import History
from evlab.sim.history import describe


def test_a_history_by_hand_has_numbers_and_seconds():
    history = History()
    history.did("send", 1, node="shop")
    history.note("thinking", node="email")
    assert [(e.number, e.time, e.node, e.kind, e.what, e.value) for e in history] == [
        (0, 0.0, "shop", "invoke", "send", 1), (1, 1.0, "shop", "ok", "send", 1),
        (2, 2.0, "email", "note", "thinking", None)]
    assert len(history) == 3 and history[2].what == "thinking" and repr(history) == "History(3 entries)"


@pytest.mark.parametrize("end", ["ok", "fail", "info"])
def test_an_operation_ends_on_the_node_that_began_it(end):
    history = History()
    op = history.invoke("send", 1, node="shop")
    assert history.outcome(op.number) is None
    getattr(op, end)("why")
    outcome = history.outcome(op.number)
    assert (outcome.kind, outcome.node, outcome.what, outcome.value, outcome.pair) == (end, "shop", "send", "why", 0)


def test_what_follows_an_operation_is_caused_by_it():
    history = History()
    op = history.invoke("send", 1)
    history.note("inside")
    op.ok()
    other = history.invoke("send", 2)
    assert [e.cause for e in history] == [None, 0, 0, 0] and other.number == 3


def test_what_is_told_in_another_nodes_name_causes_nothing_here():
    world = World()

    def worker():
        yield 0
        world.history.did("receive", 1, node="workers")
        world.note("goes on")
        world.history.did("receive", 2)
        world.note("caused by that")

    world.spawn(worker(), "worker-1")
    world.run()
    causes = {entry.what: entry.cause for entry in world.history}
    assert causes["goes on"] is None and world.history[causes["caused by that"]].value == 2


def test_digests_tell_histories_apart():
    def made(*entries, node="shop"):
        history = History()
        for entry in entries:
            history.did(*entry, node=node)
        return history.digest()

    assert made(("send", 1)) == made(("send", 1))
    others = [made(("send", 1)), made(("send", 2)), made(("sent", 1)), made(("send", 1), node="web"), made(),
              made(("send", 1), ("send", 1)), made(("send", [1])), made(("send", "\ud800"))]
    assert len(set(others)) == len(others)


@dataclass
class Order:
    number: int


class Thing:
    pass


@pytest.mark.parametrize("value, text", [
    ("text", "text"), (1, "1"), (1.5, "1.5"), (None, "None"), (True, "True"), (b"x", "b'x'"),
    ((1, "a"), "[1, a]"), ([1, [2]], "[1, [2]]"), ({"b": 1, "a": {2}}, "{b: 1, a: {2}}"),
    ({"c", "a", "b"}, "{a, b, c}"), (frozenset([3, 20]), "{20, 3}"), (set(), "{}"),
    (Order(7), "Order(number=7)"), (Thing(), "Thing"), ([Thing()], "[Thing]"),
    ("<Thing object at 0x7f3a>", "<Thing object>"), (KeyError("x"), "'x'"),
    (ValueError(f"bad {Thing()!r}"), "ValueError"),
])
def test_values_are_told_the_same_in_each_process(value, text):
    assert describe(value) == text


def test_a_frame_has_a_row_an_entry():
    history = History()
    history.did("send", {"b", "a"}, node="shop")
    frame = history.frame()
    assert list(frame.columns) == ["number", "time", "node", "kind", "what", "value", "cause", "peer", "pair"]
    assert list(frame.value) == ["{a, b}", "{a, b}"] and list(frame.kind) == ["invoke", "ok"]


def test_the_frame_of_an_empty_history_has_its_columns():
    assert list(World().history.frame().columns)[:3] == ["number", "time", "node"]


PROGRAM = """
from evlab.sim import World, Faults
world = World(5, Faults(drop=0.2))
def handle(message):
    world.history.did("receive", {"tags": {"new", "paid", "gift", "late"}, "of": frozenset("abcdef")})
    raise KeyError({"x", "y", "z"} and object())
def shop():
    for number in range(20):
        try:
            yield world.ask("email", ("order", number), timeout=0.1)
        except Exception:
            pass
world.listen("email", handle)
world.spawn(shop(), "shop")
world.run()
print(world.history.digest())
"""


def test_the_digest_is_the_same_whatever_the_hash_seed():
    def digest(hash_seed):
        done = subprocess.run([sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONHASHSEED": hash_seed},
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert digest("0") == digest("1") == digest("random")
