"""Errors that teach: what they say, what they carry, and which lines they show."""

from __future__ import annotations

import ast
import copy
import json
import linecache
import pathlib
import pickle

import pytest

import evlab
from evlab import errors
from evlab.errors import EvlabError, InvalidUse, Timeout, Unreachable, learner_lines


def caught(call, *arguments) -> BaseException:
    with pytest.raises(BaseException) as found:
        call(*arguments)
    return found.value


def test_an_error_says_what_why_and_the_next_step():
    error = EvlabError("The order is gone.", why="Nobody kept it.", next_step="Keep it.")
    assert str(error) == "The order is gone.\n  Why: Nobody kept it.\n  Next step: Keep it."


def test_every_wrong_call_is_told_the_next_step():
    """Wherever evlab raises `InvalidUse`, it says what to do instead."""
    silent = []
    for path in sorted(pathlib.Path(evlab.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidUse" and not any(
                    keyword.arg == "next_step" for keyword in node.keywords):
                silent.append(f"{path.name}:{node.lineno}")
    assert silent == []


def test_what_alone_is_one_line():
    assert str(EvlabError("The order is gone.")) == "The order is gone."
    assert str(EvlabError("Gone.", next_step="Keep it.")) == "Gone.\n  Next step: Keep it."


def test_facts_are_attributes():
    error = Unreachable("nobody", node="email", port="x")
    assert (error.node, error.port, error.facts) == ("email", "x", {"node": "email", "port": "x"})


def test_only_a_timeout_is_worth_another_try():
    retriable = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)
                 and issubclass(getattr(errors, name), EvlabError) and getattr(errors, name).retriable}
    assert retriable == {"Timeout"}


def test_every_error_is_an_evlab_error():
    for name in errors.__all__:
        if not name.startswith("learner_"):
            assert issubclass(getattr(errors, name), EvlabError)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_can_be_copied_with_all_it_carries(again):
    error = again(Timeout("late", why="lost", next_step="ask again", node="email"))
    assert str(error) == "late\n  Why: lost\n  Next step: ask again" and error.node == "email"


def run_as(filename: str, source: str):
    """Run `source` as if it stood in `filename`, with its lines known as IPython knows a cell's."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), {})


def test_lines_of_a_cell_are_named_without_a_path():
    source = "from evlab import Bus\nbus = Bus()\nbus.publish(5)\n"
    error = caught(run_as, "/tmp/ipykernel_77/123456.py", source)
    assert isinstance(error, InvalidUse)
    assert learner_lines(error)[-1] == ("your cell, line 3", "bus.publish(5)")


def test_lines_of_evlab_and_of_libraries_are_left_out():
    error = caught(run_as, "/home/someone/shop.py", "import json\nfrom evlab.sim import World\njson.loads('{')\n")
    assert isinstance(error, json.JSONDecodeError)
    assert [line for line in learner_lines(error) if "test_errors" not in line[0]] == [
        ("shop.py, line 3", "json.loads('{')")]


def test_an_error_without_a_traceback_has_no_lines():
    assert learner_lines(ValueError("x")) == []


def test_ipython_is_shown_the_lines_and_the_three_sentences_but_no_path():
    error = caught(run_as, "/tmp/ipykernel_77/99.py", "from evlab.sim import World\nWorld(seed='x')\n")
    shown = error._render_traceback_()
    assert shown[-2:] == ["your cell, line 2: World(seed='x')", f"InvalidUse: {error}"]
    assert not any("/" in line for line in shown)


def test_the_line_of_a_wrong_yield_is_shown():
    source = ("from evlab.sim import World\nworld = World()\ndef work():\n    yield 'soon'\n"
              "world.spawn(work(), 'shop')\nworld.run()\n")
    error = caught(run_as, "/tmp/ipykernel_77/98.py", source)
    assert learner_lines(error)[-1] == ("your cell, line 4", "yield 'soon'")


def test_an_error_in_a_handler_shows_the_handlers_line_and_one_line_of_the_simulator():
    import traceback

    from evlab import World

    world = World(1)

    def handle(message):
        raise ValueError("the learner's own mistake")

    def shop():
        world.send("email", "order-1042")
        yield 1

    world.listen("email", handle)
    world.spawn(shop(), "shop")
    try:
        world.run()
    except ValueError as error:
        shown = [(frame.name, frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    assert [name for name, _ in shown] == [
        "test_an_error_in_a_handler_shows_the_handlers_line_and_one_line_of_the_simulator", "run", "handle"]
