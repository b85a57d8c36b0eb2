"""BOOK-1: each saved notebook replays, output for output, with other hashes, another time zone and no network.

nbval runs every cell in a fresh kernel and compares text with text; of a plot it compares the words and the numbers,
not the pixels (sanitize.cfg). Two notebooks replay at a time.
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
import time
from concurrent.futures import ThreadPoolExecutor

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


@pytest.fixture(scope="session")
def replay(tmp_path_factory):
    """`replay(*paths)`: run nbval over the notebooks and return (its exit code, what it printed, seconds)."""
    scratch = tmp_path_factory.mktemp("replay")
    environment = kernel_environment(scratch, COURSE, PYTHONHASHSEED=SEED, TZ="Asia/Kathmandu")

    def run(*paths: pathlib.Path) -> tuple[int, str, float]:
        folder = tmp_path_factory.mktemp("book")
        (folder / "pytest.ini").write_text("[pytest]\n")
        for path in paths:
            shutil.copy(path, folder)
        own = {"EVLAB_HOME": str(folder / "home"), "IPYTHONDIR": str(folder / "ipython")}
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(OFFLINE), sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env",
             "--nbval-cell-timeout=120", f"--nbval-sanitize-with={HERE / 'sanitize.cfg'}",
             "-p", "no:cacheprovider", "-q", "--color=no", "-c", "pytest.ini",
             *(path.name for path in paths)],
            cwd=folder, env=environment | own, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - began

    return run


@pytest.fixture(scope="session")
def replays(request, replay):
    """A future for each notebook that this run asks for. All of them are under way, two at a time."""
    wanted = [item.callspec.params["name"] for item in request.session.items
              if getattr(item, "originalname", "") == test_a_saved_notebook_replays.__name__]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(replay, SAVED[name]) for name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_notebook_replays(replays, name, measured):
    """BOOK-1."""
    code, said, seconds = replays[name].result()
    measured(f"{name} replayed in {seconds:.1f} s, PYTHONHASHSEED={SEED}")
    assert code == 0, f"{said}\n{name} does not replay. To repeat: EVLAB_HASHSEED={SEED}"


def test_a_notebook_was_there_to_replay():
    assert SAVED, "notebooks/ holds no notebook: nothing was replayed"


SMALL = [
    ("print('two charges')", "stdout"),
    ("{'charges': 2}", "text/plain"),
    ("from IPython.display import HTML, display\ndisplay(HTML('<b>late</b>'), metadata={})", "text/html"),
    ("raise ValueError('the answer is old')", "evalue"),
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
    code, said, _ = replay(small, *altered)
    failed = set(re.findall(r"(?m)^FAILED \S*?(\w+)\.ipynb::.*Cell (\d)", said))
    assert code == 1
    assert failed == {(f"altered_{n}", str(n)) for n in range(len(SMALL))}, said


@pytest.mark.skipif(not SAVED, reason="no notebook yet")
def test_altering_one_character_of_a_real_notebook_makes_its_replay_fail(replay, tmp_path):
    """BOOK-1, on the smallest notebook of the course."""
    path = min(SAVED.values(), key=lambda path: path.stat().st_size)
    book = Book(json.loads(path.read_text("utf-8")), path.name)
    number = next(n for n, (_, cell, _) in enumerate(book.code) if cell["outputs"])
    code, said, _ = replay(alter(path, number, tmp_path / path.name))
    assert code == 1 and "Cell outputs differ" in said


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
