"""BOOK-1: each saved notebook replays, output for output, with other hashes, another time zone and no network.

nbval runs every cell in a fresh kernel and compares text with text; of a plot it compares the words and the numbers,
not the pixels (sanitize.cfg). One run of it replays them all, two at a time.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from evlab.course.book import Book
from evlab.course.data import course_folder
from evlab.course.saving import kernel_environment, save
from evlab.course.workspace import saved_notebooks

HERE = pathlib.Path(__file__).parent
OFFLINE = HERE / "offline.py"
COURSE = course_folder()
SAVED = saved_notebooks(COURSE)
"""Of a lab the master is replayed; what learners get holds gaps, and no output to compare."""
SEED = os.environ.get("EVLAB_HASHSEED") or str(random.randrange(1, 2**32))
"""The PYTHONHASHSEED of this run. Name one in EVLAB_HASHSEED to repeat it."""


class Replayed(NamedTuple):
    """What became of one notebook."""

    cells: int
    """How many were run."""
    failed: list[str]
    """What nbval says of each cell that failed."""
    seconds: float


@pytest.fixture(scope="session")
def replay(tmp_path_factory):
    """`replay(*paths)`: run nbval once over the notebooks, `jobs` at a time. Returns `Replayed` by stem, and all that
    it printed."""
    scratch = tmp_path_factory.mktemp("replay")
    environment = kernel_environment(scratch, COURSE, PYTHONHASHSEED=SEED, TZ="Asia/Kathmandu",
                                     PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    def run(*paths: pathlib.Path, jobs: int = 0) -> tuple[dict[str, Replayed], str]:
        folder = tmp_path_factory.mktemp("book")
        (folder / "pytest.ini").write_text("[pytest]\n")
        shutil.copy(HERE / "homes.py", folder / "conftest.py")
        for path in paths:
            (folder / path.stem).mkdir()
            shutil.copy(path, folder / path.stem)
        done = subprocess.run(
            [sys.executable, str(OFFLINE), sys.executable, "-m", "pytest", "-p", "nbval.plugin", "--nbval",
             "--nbval-current-env", "--nbval-cell-timeout=120", f"--nbval-sanitize-with={HERE / 'sanitize.cfg'}",
             *(["-p", "xdist.plugin", "-n", str(jobs), "--dist", "loadfile"] if jobs else []),
             "-p", "no:cacheprovider", "-q", "--color=no", "-c", "pytest.ini", "--junitxml=seen.xml",
             *(f"{path.stem}/{path.name}" for path in paths)],
            cwd=folder, env=environment, capture_output=True, text=True)
        return read(folder / "seen.xml"), done.stdout + done.stderr

    return run


def read(report: pathlib.Path) -> dict[str, Replayed]:
    """nbval's report, by notebook. A notebook that it could not read is not there."""
    found: dict[str, Replayed] = {}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        stem = case.get("classname", "").partition(".")[0]
        cells, failed, seconds = found.get(stem, (0, [], 0.0))
        why = [f"{case.get('name')}: {part.text}" for part in case if part.tag in ("failure", "error", "skipped")]
        found[stem] = Replayed(cells + 1, failed + why, seconds + float(case.get("time", 0)))
    return found


@pytest.fixture(scope="session")
def replays(request, replay):
    """What became of each notebook that this run asks for."""
    wanted = [item.callspec.params["name"] for item in request.session.items
              if getattr(item, "originalname", "") == test_a_saved_notebook_replays.__name__]
    return replay(*(SAVED[name] for name in wanted), jobs=2)


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_notebook_replays(replays, name, measured):
    """BOOK-1."""
    seen, said = replays
    replayed = seen.get(SAVED[name].stem)
    again = f"To repeat: EVLAB_HASHSEED={SEED}"
    assert replayed, f"{said}\n{name} was not run. {again}"
    measured(f"{name} replayed in {replayed.seconds:.1f} s, PYTHONHASHSEED={SEED}")
    saved_as = re.sub(r".*?(lab\d\d|\d\d)_[^/]*$", r"\1", name)
    assert not replayed.failed, "\n".join([
        *replayed.failed, f"{name} does not replay (here code cells count from 0). If what it gives now is right, save "
        f"it: make notebooks NAMES={saved_as}. {again}"])
    assert replayed.cells == len(Book(json.loads(SAVED[name].read_text("utf-8")), name).code), said


def test_a_notebook_was_there_to_replay():
    assert SAVED, "notebooks/ holds no notebook: nothing was replayed"


NEW_HOME = """import os, pathlib
mark = pathlib.Path(os.environ["EVLAB_HOME"], "mark")
print("somebody was here:", mark.exists())
mark.parent.mkdir(parents=True, exist_ok=True)
mark.touch()"""
"""Each notebook has a home of its own, also of several in one run."""
SMALL = [
    ("print('two charges')", "stdout"),
    ("{'charges': 2}", "text/plain"),
    ("from IPython.display import HTML, display\ndisplay(HTML('<b>late</b>'), metadata={})", "text/html"),
    ("raise ValueError('the answer is old')", "evalue"),
    (NEW_HOME, "stdout"),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A notebook as `make notebooks` saves it, with one kind of output in each cell."""
    course = tmp_path_factory.mktemp("course")
    cells = [{"cell_type": "code", "metadata": {"tags": ["raises-exception"]} if kind == "evalue" else {},
              "source": source, "outputs": [], "execution_count": None} for source, kind in SMALL]
    (course / "notebooks").mkdir()
    path = course / "notebooks" / "00_small.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    (saved,) = save(course=course)
    assert saved.changed and not saved.failure
    return path


def alter(path: pathlib.Path, number: int, to: pathlib.Path) -> pathlib.Path:
    """A copy of the notebook in which one character of one output of code cell `number` is another."""
    notebook = json.loads(path.read_text("utf-8"))
    output = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][number]["outputs"][0]
    holder, key = output, "text" if output["output_type"] == "stream" else "evalue"
    if "data" in output:
        holder, key = output["data"], "text/html" if "text/html" in output["data"] else "text/plain"
    whole = "".join(holder[key])
    at = next(i for i, character in enumerate(whole) if character.isalnum() and i >= len(whole) // 2 - 1)
    holder[key] = whole[:at] + ("x" if whole[at] != "x" else "y") + whole[at + 1:]
    to.write_text(json.dumps(notebook))
    return to


def test_altering_one_saved_character_makes_the_replay_fail(small, replay, tmp_path):
    """BOOK-1: the comparison is strict for each kind of output."""
    altered = [alter(small, number, tmp_path / f"altered_{number}.ipynb") for number in range(len(SMALL))]
    seen, said = replay(small, *altered)
    failed = {(stem, one.partition(":")[0]) for stem, replayed in seen.items() for one in replayed.failed}
    assert failed == {(f"altered_{n}", f"Cell {n}") for n in range(len(SMALL))}, said
    assert [replayed.cells for replayed in seen.values()] == [len(SMALL)] * (1 + len(SMALL))


@pytest.mark.skipif(not SAVED, reason="no notebook yet")
def test_altering_one_character_of_a_real_notebook_makes_its_replay_fail(replay, tmp_path):
    """BOOK-1, on the smallest notebook of the course."""
    path = min(SAVED.values(), key=lambda path: path.stat().st_size)
    book = Book(json.loads(path.read_text("utf-8")), path.name)
    number = next(n for n, (_, cell, _) in enumerate(book.code) if cell["outputs"])
    seen, said = replay(alter(path, number, tmp_path / path.name))
    assert [one.partition(":")[0] for one in seen[path.stem].failed] == [f"Cell {number}"]
    assert "Cell outputs differ" in said


CONNECT = """
import os, socket
print(os.environ["EVLAB_OFFLINE"])
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5)
print("loopback works")
outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # connecting it sends nothing
try:
    outside.connect(("192.0.2.1", 9))  # an address kept for examples
    print("outside works")
except OSError:
    print("outside fails")
"""


@pytest.mark.parametrize("how", ["", "guard"])
def test_without_a_network_only_loopback_works(how):
    environment = {**os.environ, "EVLAB_OFFLINE": how}
    said = subprocess.run([sys.executable, str(OFFLINE), sys.executable, "-c", CONNECT], env=environment,
                          capture_output=True, text=True, check=True).stdout.split("\n")
    assert said[1:3] == ["loopback works", "outside fails"]
    assert said[0] in (("guard",) if how else ("namespace", "guard"))
