"""otter-grader and nbgrader beside `evlab grade`: one submission with two answers, and five of them, by each command.

    python benchmarks/grading_peers.py [--keep FOLDER]

Each peer is installed from the package index into an environment of its own, which is thrown away (or kept in FOLDER).
The answers are the same two functions: deliver to everybody, and retry with waits. A peer runs the asserts that an
instructor would write for them; evlab looks for a failing history, 105 of them a submission.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

from evlab.course.data import course_folder

INSTALLING = 280
"""Seconds that one peer may take to install."""
ROUNDS, SEVERAL = 3, 5

DELIVER_ALL = """
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    return failures
"""
DELIVER = """
def deliver(event, handler, env, give_up, attempts=4, first=0.5):
    def attempt(number):
        try:
            handler(event)
        except Exception as error:
            if number == attempts:
                give_up(event, error)
            else:
                env.after(first * 2 ** (number - 1), lambda: attempt(number + 1))
    attempt(1)
"""
ASSERTS = ("""
seen = []
def fails(event):
    raise ValueError("no")
report = deliver_all("e", [("a", seen.append), ("b", fails), ("c", seen.append)])
assert seen == ["e", "e"]
assert [name for name, error in report] == ["b"]
""", """
class Env:
    def __init__(self):
        self.calls = []
    def after(self, delay, call):
        self.calls.append((delay, call))
env, given_up = Env(), []
def fails(event):
    raise OSError("no")
deliver("e", fails, env, lambda event, error: given_up.append(event), attempts=3, first=1)
waits = []
while env.calls:
    delay, call = env.calls.pop(0)
    waits.append(delay)
    call()
assert waits == [1, 2]
assert given_up == ["e"]
""")


def main(keep: pathlib.Path | None = None) -> list[str]:
    """Measure all three; the lines that tell of it."""
    with tempfile.TemporaryDirectory(prefix="evlab-peers-") as place:
        folder = pathlib.Path(place)
        told = [report("evlab grade", lambda number: evlab(folder, number))]
        for peer, run in (("otter-grader", otter), ("nbgrader", nbgrader)):
            programs = installed(peer, keep or folder)
            if programs is not None:
                told.append(report(peer, lambda number, run=run, programs=programs: run(folder, programs, number)))
    return told


def report(name: str, run) -> str:
    """The median over some rounds for one submission, and one round with several."""
    one = statistics.median(run(1) for _ in range(ROUNDS))
    line = f"{name}: {one:.2f} s for one submission of two questions, {run(SEVERAL):.2f} s for {SEVERAL}"
    print(line, flush=True)
    return line


def installed(peer: str, folder: pathlib.Path) -> pathlib.Path | None:
    """The folder of a peer's programs; None, with a line that says why, if it cannot be installed."""
    place = folder / f"venv-{peer}"
    programs = place / "bin"
    if not (programs / "pip").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=60, capture_output=True)
            subprocess.run([programs / "pip", "install", "-q", peer, "ipykernel"], check=True, timeout=INSTALLING,
                           capture_output=True, text=True)
        except (subprocess.SubprocessError, OSError) as error:
            said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
            print(f"{peer}: not measured, it does not install here ({' '.join(said)})", flush=True)
            return None
    return programs


def clock(command: list, folder: pathlib.Path, programs: pathlib.Path | None = None, **more: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "EVLAB"))} | more
    if programs is not None:
        environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', '')}"
    began = time.perf_counter()
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return seconds


def cell(number: int, source: str, **metadata) -> dict:
    return {"id": f"c{number}", "cell_type": "code", "metadata": metadata, "source": source.strip(), "outputs": [],
            "execution_count": None}


def write_notebook(path: pathlib.Path, cells: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def fresh(folder: pathlib.Path, name: str) -> pathlib.Path:
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir(parents=True)
    return folder / name


# ---------------------------------------------------------------------------------------------------- the contenders


def evlab(folder: pathlib.Path, number: int) -> float:
    """A course whose lab01 has the two questions alone."""
    here = fresh(folder, "evlab")
    lab = here / "course/labs/authoring/lab01"
    shutil.copytree(course_folder() / "labs/authoring/lab01", lab)
    shutil.copytree(course_folder() / "data", here / "course/data")
    (here / "course/notebooks").mkdir()
    with open(lab / "checks.py", "a") as checks:
        checks.write('\n\nfor _id in ("lab01.q2", "lab01.q4"):\n    del lab.questions[_id]\n')
    for index in range(number):
        write_notebook(here / f"in/learner {index}.ipynb", [
            cell(1, f"# answer: lab01.q1\n{DELIVER_ALL}\n# {index}"), cell(2, f"# answer: lab01.q3\n{DELIVER}")])
    seconds = clock([sys.executable, "-m", "evlab.course.cli", "grade", "in", "-j", "1"], here,
                    EVLAB_COURSE=str(here / "course"))
    totals = {line.split(",")[6] for line in (here / "grades.csv").read_text().splitlines()[1:]}
    if totals != {"5"}:
        raise SystemExit(f"evlab did not give full marks, but {totals}")
    return seconds


def otter(folder: pathlib.Path, programs: pathlib.Path, number: int) -> float:
    """`otter run`, once a submission: its batch mode needs Docker."""
    here = fresh(folder, "otter")
    (here / "tests").mkdir()
    for name, code in zip(("q1", "q2"), ASSERTS, strict=True):
        lines = [f"... {line}" if line.startswith(" ") else f">>> {line}" for line in code.strip().splitlines()]
        case = {"code": "\n".join(lines), "hidden": False, "locked": False}
        test = {"name": name, "points": 2, "suites": [{"cases": [case], "scored": True, "setup": "", "teardown": "",
                                                       "type": "doctest"}]}
        (here / "tests" / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
    clock([programs / "otter", "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment"], here, programs)
    seconds = 0.0
    for index in range(number):
        write_notebook(here / f"{index}/submission.ipynb", [
            cell(1, "import otter\ngrader = otter.Notebook()"), cell(2, DELIVER_ALL), cell(3, 'grader.check("q1")'),
            cell(4, DELIVER), cell(5, 'grader.check("q2")')])
        seconds += clock([programs / "otter", "run", "-a", "autograder.zip", "-o", str(index), "--no-logo",
                          f"{index}/submission.ipynb"], here, programs)
        tests = json.loads((here / f"{index}/results.json").read_text())["tests"]
        if sum(test.get("score", 0) for test in tests if "max_score" in test) != 4:
            raise SystemExit(f"otter did not give full marks: {tests}")
    return seconds


def nbgrader(folder: pathlib.Path, programs: pathlib.Path, number: int) -> float:
    """`nbgrader autograde`, once for all submissions."""
    here = fresh(folder, "nbgrader")
    (here / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'bench'\n")
    cells, mark = [], {"schema_version": 3, "task": False}
    for number_of, (answer, test) in enumerate(zip((DELIVER_ALL, DELIVER), ASSERTS, strict=True), 1):
        cells.append(cell(2 * number_of, answer, nbgrader=mark | {
            "grade": False, "solution": True, "locked": False, "grade_id": f"q{number_of}"}))
        cells.append(cell(2 * number_of + 1, textwrap.dedent(test), nbgrader=mark | {
            "grade": True, "solution": False, "locked": True, "points": 2, "grade_id": f"q{number_of}-test"}))
    write_notebook(here / "source/ps1/ps1.ipynb", cells)
    clock([programs / "nbgrader", "generate_assignment", "ps1"], here, programs)
    for index in range(number):
        write_notebook(here / f"submitted/learner{index}/ps1/ps1.ipynb", cells)
    seconds = clock([programs / "nbgrader", "autograde", "ps1"], here, programs)
    if len(list(here.glob("autograded/*/ps1/ps1.ipynb"))) != number:
        raise SystemExit("nbgrader did not grade every submission")
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path, help="where the peers' environments are kept")
    main(parser.parse_args().keep)
