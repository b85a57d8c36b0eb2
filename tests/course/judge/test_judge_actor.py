"""Conversations with an answer: calls, calls back, two at once, endings, and what is left of them."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from evlab import World
from evlab.course.judge import AnswerBroke, AnswerRaised, Jail, Object, Port, processes
from evlab.course.judge.actor import MOST_ASKS, Foreign
from evlab.env import Later
from evlab.errors import InvalidUse

LINUX = sys.platform == "linux"


@pytest.fixture(scope="module", params=["fork", "spawn"] if LINUX else ["spawn"])
def jail(request):
    with Jail(request.param) as jail:
        yield jail


def start(jail, source):
    actor = jail.actor([("q", source)])
    actor.reset(0)
    return actor


def finish(process):
    """What a conversation returns in which the judge's side never waits."""
    with pytest.raises(StopIteration) as stop:
        next(process)
    return stop.value.value


def test_values_cross_in_both_directions(jail):
    actor = start(jail, "def back(*args, **named): return args, named")
    assert finish(actor.call("back", 1, [2.5, ("x", None)], {1: b"2"}, name={3})) == (
        (1, [2.5, ("x", None)], {1: b"2"}), {"name": {3}})


def test_objects_stay_where_they_are(jail):
    actor = start(jail, """
class Bus:
    def __init__(self, size): self.size, self.letters, self.lock, self.odd = size, [("a", 1)], object(), {1: 2}
    def grow(self, by): self.size += by; return self
def is_bus(thing): return type(thing) is Bus
""")
    bus = finish(actor.call("Bus", 3))
    assert isinstance(bus, Object) and bus.type == "Bus" and not bus.callable
    assert bus.fields == {"size": 3, "letters": [("a", 1)]}
    again = finish(actor.method(bus, "grow", by=2))
    assert again.number == bus.number and actor.get(bus, "size") == 5
    assert finish(actor.call("is_bus", bus)) is True
    with pytest.raises(AnswerRaised, match="AttributeError"):
        actor.get(bus, "nothing")


def test_objects_that_hold_each_other_are_told_once(jail):
    """A list of nodes that know each other: each level told anew would take for ever."""
    actor = start(jail, """
class Node:
    def __init__(self): self.peers = []
def ring():
    nodes = [Node() for _ in range(30)]
    for node in nodes: node.peers = nodes
    return nodes
""")
    nodes = finish(actor.call("ring"))
    assert len(nodes) == 30 and [peer.fields for peer in nodes[0].fields["peers"]] == [{}] * 30


def test_an_object_does_not_go_to_another_process(jail):
    source = "class A: pass\ndef take(thing): return type(thing).__name__"
    one, two = start(jail, source), start(jail, source)
    thing = finish(one.call("A"))
    finish(two.call("A"))  # which has the same number there
    with pytest.raises(AnswerRaised, match="cannot go to another process"):
        next(two.call("take", thing))
    assert finish(one.call("take", thing)) == "A"


def test_errors_are_told_with_their_line(jail):
    actor = start(jail, "def bad(x):\n    y = x\n    return 1 / y\ndef call(f): f()\n")
    with pytest.raises(AnswerRaised) as raised:
        next(actor.call("bad", 0))
    error = raised.value
    assert (error.type, error.label, error.number, error.line, error.foreign) == (
        "ZeroDivisionError", "q", 3, "return 1 / y", False)
    with pytest.raises(AnswerRaised, match="NameError"):
        next(actor.call("missing"))
    with pytest.raises(AnswerRaised, match="SyntaxError") as raised:
        jail.actor([("first", "x = 1"), ("second", "x = 1\ny = = 2")])
    assert (raised.value.label, raised.value.number) == ("second", 2)


@pytest.mark.parametrize("name, words", [
    ("numpy", "cannot import numpy: it has Python's own library, and nothing else"),
    ("pandas.core", "cannot import pandas: it has"), ("nosuch", "cannot import nosuch: it has"),
    ("evlab.store", "cannot import evlab.store: it is what you are asked to build")])
def test_what_an_answer_may_not_import_is_refused_in_words_without_a_path(jail, name, words):
    with pytest.raises(AnswerRaised) as raised:
        start(jail, f"import {name}")
    assert raised.value.type == "ImportError" and words in raised.value.text and "/" not in raised.value.text


def test_all_of_pythons_own_library_may_be_imported(jail):
    actor = start(jail, "import colorsys, ast, xml.sax.saxutils as s, json.scanner, _strptime, zlib\n"
                        "def work(x): return s.escape(x)")
    assert finish(actor.call("work", "<")) == "&lt;"


@pytest.mark.parametrize("error, seen", [
    (KeyError("sku"), ("KeyError", "sku")), (OSError("disk full"), ("OSError", "disk full")),
    (KeyboardInterrupt("Ctrl-C"), ("KeyboardInterrupt", "Ctrl-C")), (Foreign("KeyError", "x"), ("KeyError", "x")),
    (InvalidUse("no", why="w"), ("InvalidUse", "no")), (type("Own", (Exception,), {})("x"), ("RuntimeError", "x"))])
def test_an_error_of_the_judges_side_goes_through_the_answer(jail, error, seen):
    def fails():
        raise error

    actor = start(jail, "def call(f): f()\ndef catch(f):\n    try: f()\n    except BaseException as e: return e\n"
                        "class Lie(Exception): __from_judge__ = True\ndef lie(f): raise Lie('forged')\n")
    with pytest.raises(AnswerRaised) as raised:
        next(actor.call("call", Port("f", fails)))
    assert (raised.value.type, raised.value.text) == seen
    assert raised.value.foreign is not isinstance(error, InvalidUse)
    assert finish(actor.call("catch", Port("f", fails))) == Foreign(*seen)
    with pytest.raises(AnswerRaised) as raised:
        next(actor.call("lie", Port("f", fails)))
    assert not raised.value.foreign, "the judge knows what it has raised"


@pytest.mark.parametrize("code", ["f()", "f(1, 2)", "f(x=1)", "f.other(1)", "f.__ask__(0, 'other', (1,), {})",
                                  "f.__ask__(7, '', (1,), {})", "f.__ask__(-1, '', (1,), {})"])
def test_a_wrong_call_is_the_answers_own_error(jail, code):
    actor = start(jail, f"def call(f): {code}")
    with pytest.raises(AnswerRaised) as raised:
        next(actor.call("call", Port("f", lambda one: None)))
    assert not raised.value.foreign and "lambda" not in raised.value.text


def test_a_real_ctrl_c_is_the_learners(jail):
    def interrupted():
        raise KeyboardInterrupt

    actor = start(jail, "def call(f):\n    try: f()\n    except BaseException: pass")
    with pytest.raises(KeyboardInterrupt):
        next(actor.call("call", Port("f", interrupted)))
    assert actor.dead


def test_what_ends_a_history_passes_by_the_answer(jail):
    from evlab.course.judge.question import Blame, Mistake

    def blames():
        raise Blame(Mistake("lost", "it is lost", ()))

    actor = start(jail, "def call(f):\n    try: f()\n    except Exception: return 'swallowed'")
    with pytest.raises(Blame):
        next(actor.call("call", Port("f", blames)))


def test_calls_back_are_served_inside_the_call(jail):
    actor = start(jail, """
log = []
def outer(f): log.append("in"); f("a"); log.append("out"); return log
def inner(x): log.append(x)
""")

    def handler(x):
        yield from actor.call("inner", x)

    assert finish(actor.call("outer", Port("f", handler))) == ["in", "a", "out"]


def test_a_second_call_waits_until_the_first_has_ended(jail):
    world = World(seed=1)
    actor = start(jail, """
log = []
def work(name, pause): log.append(name); pause(); log.append(name)
def told(): return log
""")

    def pause():
        yield 5.0

    for name in "ab":
        world.spawn(actor.call("work", name, Port("pause", pause)), "n")
    world.run()
    assert world.now() == 10.0 and finish(actor.call("told")) in (list("aabb"), list("bbaa"))


def test_two_actors_interleave_at_each_call(jail):
    world = World(seed=1)
    seen = []
    source = "def work(name, step):\n    for n in range(3): step(name, n)\n    return name"
    actors = {name: start(jail, source) for name in "ab"}

    def step(name, n):
        seen.append((name, n, world.now()))
        yield 1.0 if name == "a" else 1.5

    done = [world.spawn(actor.call("work", name, Port("step", step)), name) for name, actor in actors.items()]
    world.run()
    assert [later.value for later in done] == ["a", "b"]
    assert [entry[2] for entry in seen if entry[0] == "a"] == [0.0, 1.0, 2.0]
    assert [entry[2] for entry in seen if entry[0] == "b"] == [0.0, 1.5, 3.0]


def test_a_later_is_waited_for(jail):
    world, later = World(seed=1), Later()
    actor = start(jail, "def work(f):\n    try: return f()\n    except Exception as e: return e")
    done = world.spawn(actor.call("work", Port("f", lambda: later)), "n")
    world.after(3.0, lambda: later.fail(OSError("gone")))
    world.run()
    assert done.value == Foreign("OSError", "gone")


def test_a_conversation_that_is_given_up_ends_the_actor(jail):
    actor = start(jail, "def work(f): f()")

    def waits():
        yield 1.0

    process = actor.call("work", Port("f", waits))
    assert next(process) == 1.0 and actor.busy
    process.close()
    assert actor.dead
    with pytest.raises(AnswerBroke, match="ended"):
        next(actor.call("work", 1))
    other = start(jail, "def work(f): f()")
    process = other.call("work", Port("f", waits))
    next(process)
    with pytest.raises(AnswerBroke):
        other.reset(1)
    assert other.dead


@pytest.mark.parametrize("how, source", [
    ("died", "def work(f):\n    import os; os._exit(1)"),
    ("asks", "def work(f):\n    while True: f()"),
    ("stuck", "def work(f):\n    while True: pass"),
    ("stuck", "def work(f):\n    for _ in range(10): [f() for _ in range(9)]; sum(range(12_000_000))"),
    ("flood", "def work(f):\n    while True: f('x' * 600_000)"),
    ("flood", "def work(f):\n    import os\n    for d in range(3, 16):\n        try: os.write(d, b'x' * 800_000)\n"
              "        except OSError: pass"),
    ("nonsense", "def work(f):\n    import os\n    for d in range(3, 16):\n        try: os.write(d, b'[1]\\n')\n"
                 "        except OSError: pass"),
])
def test_each_way_to_break_has_its_name(jail, monkeypatch, how, source):
    monkeypatch.setattr(processes, "LOOK", 0.05)
    monkeypatch.setattr(processes, "HISTORY_SECONDS", 0.5)
    actor = start(jail, source)
    with pytest.raises(AnswerBroke) as broke:
        next(actor.call("work", Port("f", lambda *args: None)))
    assert broke.value.how == how and actor.dead
    if how == "asks":
        assert actor.asks == MOST_ASKS + 1


def test_a_process_that_does_not_read_does_not_stop_the_judge(jail, monkeypatch):
    """The pipe is full, and the judge's write has nobody to take it."""
    monkeypatch.setattr(processes, "LOOK", 0.05)
    actor = start(jail, "def work(f): return 1")
    os.kill(actor._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(processes, "PATIENCE", 0.5)
    with pytest.raises(AnswerBroke) as broke:
        next(actor.call("work", "x" * 600_000))
    assert broke.value.how == "stuck"


def test_a_warning_names_a_line_of_the_answer_and_no_file_of_the_judge(jail):
    actor = start(jail, """import warnings

async def later(): ...

def forgets():
    later()
    warnings.warn("look out")
""")
    with pytest.raises(AnswerRaised):
        finish(actor.call("later"))
    assert actor.printed() == "RuntimeWarning: coroutine 'later' was never awaited\n"
    actor.reset(0)
    finish(actor.call("forgets"))
    assert actor.printed() == ("<answer q>:6: RuntimeWarning: coroutine 'later' was never awaited\n"
                               "<answer q>:7: UserWarning: look out\n")


def test_what_is_printed_is_kept_and_bounded(jail):
    actor = start(jail, "print('hello')\ndef work():\n    while True:\n        print('x' * 999)\n        yield\n"
                        "def much():\n    for _ in range(99): print('y' * 999)")
    finish(actor.call("much"))
    assert actor.printed().startswith("hello\n") and len(actor.printed()) == 4000
    actor.reset(1)
    assert actor.printed() == "hello\n"
