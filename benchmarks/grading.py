"""How fast `evlab grade` is: a folder of made submissions to a lab, graded by the real command, twice.

    python benchmarks/grading.py [--submissions 1000] [--jobs 2] [--lab lab01] [--html] [--peers]

Of a hundred submissions 40 are the master's answers, 15 are right in another way, 35 are the lab's wrong answers in
turn, 6 are untouched, and 4 are no notebooks. Each file differs from every other, so no result serves twice. It fails
if a row is not what its kind deserves, or if a second run (with --again) gives other bytes.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace

import results

from evlab.course.judge.answers import Answers, read_answers
from evlab.course.judge.labs import authoring_folder, find_lab
from evlab.course.judge.question import Lab
from evlab.course.solutions import cut_solutions
from evlab.course.variants import Variant, read_variant

SHARES = {"right": 40, "another way": 15, "wrong": 35, "untouched": 6, "broken": 4}
BROKEN = (b"", b"\xff\xfe no letters %d", b'{"cells": [%d', b'{"cells": [], "metadata": {"learner": %d}}')


@dataclass
class Kind:
    """One kind of submission: its answers, or what it expects; question and hint are those of a wrong answer."""

    name: str
    answers: Answers | None
    question: str = ""
    hint: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--lab", default="lab01")
    parser.add_argument("--html", action="store_true", help="draw every failing history, too")
    parser.add_argument("--peers", action="store_true", help="otter-grader and nbgrader beside it")
    parser.add_argument("--save", action="store_true", help="into RESULTS.md")
    asked = parser.parse_args()
    lab = find_lab(asked.lab)
    with tempfile.TemporaryDirectory(prefix="evlab-grading-") as place:
        folder = pathlib.Path(place)
        expected = hand_in(folder / "in", lab, asked.submissions)
        seconds, first = graded(folder, asked, "first")
        told = [report(f"{asked.submissions} submissions, {asked.jobs} workers", seconds, asked.submissions)]
        wrong = surprises(first, expected, lab)
        again, second = graded(folder, asked, "first", "--again")
        told.append(report("the same with --again", again, asked.submissions))
        same = first == second
        told.append(report("the same, nothing changed", graded(folder, asked, "first")[0], asked.submissions))
    told.append(say(f"the two CSV files are {'byte-identical' if same else 'DIFFERENT'}; {len(first):,} bytes"))
    for line in wrong[:20]:
        print(f"NOT AS EXPECTED: {line}")
    told.append(say(f"rows that are not as their kind deserves: {len(wrong)}"))
    if asked.peers:
        import grading_peers

        told += grading_peers.main()
    if asked.save:
        results.save("Grading a class", f"Written by `python benchmarks/grading.py --submissions {asked.submissions}"
                     f"{' --peers' if asked.peers else ''} --save`. Of a hundred submissions 40 are right, 15 right in "
                     f"another way, 35 wrong,\n6 untouched and 4 broken files. {results.machine()}\n\n"
                     + "\n".join(f"- {line}" for line in told))
    return 0 if same and not wrong else 1


def report(what: str, seconds: float, number: int) -> str:
    return say(f"{what}: {seconds:.1f} s, {number / seconds:.1f} submissions/s")


def say(line: str) -> str:
    print(line, flush=True)
    return line


def graded(folder: pathlib.Path, asked: argparse.Namespace, name: str, *more: str) -> tuple[float, bytes]:
    """Grade folder/in with the real command: seconds, from start to end of the process, and the CSV."""
    out = folder / f"{name}.csv"
    html = ["--html", str(folder / "pages")] if asked.html else []
    command = [sys.executable, "-m", "evlab.course.cli", "grade", str(folder / "in"), "-j", str(asked.jobs), "--lab",
               asked.lab, "--out", str(out), *html, *more]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONHASHSEED": "random"})
    return time.perf_counter() - began, out.read_bytes()


# ---------------------------------------------------------------------------------------------- what is handed in


def hand_in(folder: pathlib.Path, lab: Lab, number: int) -> dict[str, Kind]:
    """Write `number` submissions; the kind of each, by its file's name."""
    folder.mkdir()
    by_kind = kinds(lab)
    made: dict[str, int] = dict.fromkeys(SHARES, 0)
    expected = {}
    for index in range(number):
        share = min(SHARES, key=lambda name: (made[name] + 1) / SHARES[name])
        kind = by_kind[share][made[share] % len(by_kind[share])]
        made[share] += 1
        name = f"learner {index:05}.ipynb"
        (folder / name).write_bytes(notebook(kind.answers, index) if kind.answers else broken(made[share], index))
        expected[name] = kind
    return expected


def kinds(lab: Lab) -> dict[str, list[Kind]]:
    folder = authoring_folder() / lab.name
    masters = [path for path in sorted(folder.glob("*.ipynb")) if not path.name.startswith(("_", "."))]
    if not masters:
        sys.exit(f"labs/authoring/{lab.name} holds no master notebook, and so no right answers")
    master = read_answers(masters[0], lab.name)
    others = [read(path, "right", master, lab) for path in sorted((folder / "rights").glob("*.py"))]
    mutants = [read(path, "mutant", master, lab) for path in sorted((folder / "mutants").glob("*.py"))]
    rewritten = replace(master, cells={id: f"# answer: {id}\n{ast.unparse(ast.parse(source))}\n"
                                       for id, source in master.cells.items()})
    untouched = replace(master, cells={id: cut_solutions(source).source for id, source in master.cells.items()})
    return {"right": [Kind("right", master)],
            "another way": [Kind(other.name, other.answers) for other in others] or [Kind("right", rewritten)],
            "wrong": [Kind(mutant.name, mutant.answers, mutant.question, mutant.hint) for mutant in mutants],
            "untouched": [Kind("untouched", untouched)], "broken": [Kind("broken", None)]}


def read(path: pathlib.Path, kind: str, master: Answers, lab: Lab) -> Variant:
    return read_variant(path.read_text("utf-8"), kind, f"{path.parent.name}/{path.name}", master, lab)


def notebook(answers: Answers, index: int) -> bytes:
    sources = [f"# learner {index}\n", *answers.helpers, *answers.cells.values()]
    cells = [{"id": f"c{n}", "cell_type": "code", "metadata": {}, "source": source, "outputs": [],
              "execution_count": None} for n, source in enumerate(sources)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def broken(turn: int, index: int) -> bytes:
    pattern = BROKEN[turn % len(BROKEN)]
    return pattern % index if b"%d" in pattern else pattern


def surprises(data: bytes, expected: dict[str, Kind], lab: Lab) -> list[str]:
    """The rows that are not what their kind deserves."""
    found = []
    most = sum(question.points for question in lab.questions.values())
    rows = {row["file"]: row for row in csv.DictReader(data.decode("utf-8-sig").splitlines())}
    for file, kind in expected.items():
        row, total = rows.get(file, {}), float(rows.get(file, {}).get("total", "nan"))
        if kind.question:
            number = kind.question.partition(".")[2]
            right = float(row[number]) == 0 and row[f"{number} hint"] == kind.hint
        elif kind.answers is None or kind.name == "untouched":
            right = total == 0
        else:
            right = total == most
        if not right:
            found.append(f"{file} ({kind.name}): {row}")
    return found


if __name__ == "__main__":
    sys.exit(main())
