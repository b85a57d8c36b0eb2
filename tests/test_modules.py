"""What every module of evlab has and what none does: the style of CONTRIBUTING.md, as far as a machine sees it."""

from __future__ import annotations

import ast
import importlib
import pathlib
import typing

import pytest

import evlab

ROOT = pathlib.Path(evlab.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}

# Where a package is imported with the module; everywhere else it waits for the function that needs it.
HEAVY = {
    "anywidget": ("widgets/live.py",), "click": ("course/commands.py", "course/dev_commands.py",
                                                 "course/drill_commands.py", "course/judge_commands.py"),
    "confluent_kafka": ("engines/kafka",), "psycopg": ("engines/postgres",), "pika": ("engines/rabbitmq",),
    "nbformat": ("course/authoring.py",), "rich": ("course/drills/paint.py", "course/drills/terminal.py"),
    "IPython": (), "fsrs": (), "genanki": (), "ipywidgets": (), "matplotlib": (), "nbclient": (), "numpy": (),
    "pandas": (), "platformdirs": (), "pygments": (), "yaml": (), "zstandard": (),
}
# The patterns and the simulator, which know the outside by `Env` only; and the files that are that outside.
PURE = tuple(name for name in FILES if name.count("/") == 0 or name.startswith(("log/", "router/", "sim/")))
OUTSIDE = {
    "env.py": {"time.monotonic", "time.sleep", "time.time_ns", "random.Random", "secrets.randbits"},
    "files.py": {"open"}, "database.py": {"time.monotonic", "time.sleep"},  # it waits for another process's lock
    "event.py": {"datetime.now", "time.time_ns", "secrets.randbits"},  # an event may be made outside of any Env
    "log/partitioner.py": {"random.Random"},  # and so may a partitioner
}
FROM_OUTSIDE = {"open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
                "datetime.datetime.now", "uuid.uuid1", "uuid.uuid4", "os.urandom"}
WHOLE_MODULES = {"time", "random", "secrets"}


def top_level(tree: ast.Module) -> typing.Iterator[str]:
    """The packages that are imported together with the module."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def from_outside(tree: ast.Module) -> typing.Iterator[tuple[int, str]]:
    """(line, name) of each call that asks the machine for the time, for chance or for a file."""
    names = {}  # as they are written here, and what they are
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in WHOLE_MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in WHOLE_MODULES:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            name = f"{names.get(first, first)}{dot}{rest}"
            if name in FROM_OUTSIDE or first in names and not (name == "random.Random" and node.args):  # a seed is none
                yield node.lineno, name


def faults_of(name: str, source: str) -> list[str]:
    """What is wrong with the module `name`, such as "log/lag.py"."""
    tree = ast.parse(source)
    faults = [] if ast.get_docstring(tree) else ["has no docstring: its first line says what the module is"]
    named = any(isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__" for node in tree.body)
    if not named and name != "course/judge/child.py":  # which is not imported: it is the answer's own process
        faults.append('has no __all__: list its public names, as in __all__ = ["Inbox"]')
    for package in sorted(set(top_level(tree)) & HEAVY.keys()):
        if not name.startswith(HEAVY[package] or "-"):
            faults.append(f"imports {package} at its top: import it in the function that needs it, as `import evlab` "
                          "has to stay fast")
    if name in PURE:
        faults += [f"line {line} calls {called}: take the clock, files and chance from an Env, so that a World can "
                   "replay it" for line, called in from_outside(tree) if called not in OUTSIDE.get(name, ())]
    return faults


@pytest.mark.parametrize("name", FILES)
def test_a_module_keeps_the_style(name):
    faults = faults_of(name, FILES[name].read_text("utf-8"))
    assert not faults, "\n".join(f"evlab/{name} {fault}" for fault in faults)


@pytest.mark.parametrize("name", evlab.__all__)
def test_a_name_of_evlab_is_public_in_its_module_and_known_to_editors(name):
    """`evlab.__init__` lists it three times: in `_HOME`, under TYPE_CHECKING, and the module in its `__all__`."""
    home = importlib.import_module(evlab._MODULE_OF[name])
    assert name in home.__all__, f"{name} is not in __all__ of {home.__name__}"
    assert getattr(evlab, name) is getattr(home, name)
    shown = f"    from {home.__name__} import {name} as {name}\n"
    assert shown in FILES["__init__.py"].read_text("utf-8"), f"evlab/__init__.py: under TYPE_CHECKING add\n{shown}"


PLANTED = '"""A module."""\n\n__all__ = ["wait"]\n'


@pytest.mark.parametrize(("name", "source", "fault"), [
    ("debounce.py", "__all__ = []", "has no docstring"),
    ("debounce.py", '"""A module."""', "has no __all__"),
    ("debounce.py", f"{PLANTED}import pandas as pd", "imports pandas"),
    ("viz/debounce.py", f"{PLANTED}from matplotlib.figure import Figure", "imports matplotlib"),
    ("engines/debounce.py", f"{PLANTED}import pika", "imports pika"),
    *[(name, f"{PLANTED}import random, time\ndef wait():\n    return {call}", f"line 6 calls {call[:-2]}")
      for name in ("debounce.py", "log/debounce.py", "sim/debounce.py")
      for call in ("time.time()", "random.random()", "open()", "datetime.now()", "uuid.uuid4()", "print()")],
    ("debounce.py", f"{PLANTED}from time import time\ntime()", "calls time.time"),
    ("files.py", f"{PLANTED}import time\ntime.time()", "calls time.time"),
])
def test_a_planted_fault_is_found(name, source, fault, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PURE", (*PURE, "debounce.py", "log/debounce.py", "sim/debounce.py"))
    (found,) = faults_of(name, source)
    assert fault in found


def test_what_an_env_gives_is_no_fault():
    assert faults_of("bus.py", f"{PLANTED}def wait(env, rng):\n    return env.now(), rng.random(), env.open('x')") == []
    assert faults_of("bus.py", f"{PLANTED}import random\nrng = random.Random('a seed')\ntime = rng.time()") == []
    assert faults_of("files.py", f"{PLANTED}def read(path):\n    return open(path)") == []
    assert faults_of("engines/kafka_x.py", f"{PLANTED}import confluent_kafka\nimport time\ntime.monotonic()") == []
