"""The grades as files: a CSV for people, JSON lines for programs, results.json for Gradescope.

The same grades give the same bytes, on any machine and for any number of workers: no file holds a date or a duration.
Each file is written whole or not at all.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from evlab.course.grading import Grades, Row
from evlab.course.workspace import write_atomically
from evlab.viz.theme import safe

__all__ = ["csv_bytes", "gradescope_results", "jsonl_bytes", "points", "write_csv", "write_gradescope", "write_jsonl"]

_FORMULA = re.compile(r"[\s\0-\x20]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection), wide forms included."""


def points(value: float) -> str:
    """2 or 2.5: points as people write them."""
    return f"{value:g}"


# ------------------------------------------------------------------------------------------------------------- CSV


def csv_bytes(grades: Grades) -> bytes:
    """One line a file and lab: learner, file, lab, the points of each question, total, maximum, each question's status
    and hint, note.

    UTF-8. A byte order mark leads only if there is a letter beyond ASCII: without it Excel spoils that letter, with it
    some programs spoil the first column's name, so it is there only where it is needed. A cell that a spreadsheet
    would take for a formula begins with an apostrophe; one that holds a separator of any country's is quoted.
    """
    questions = [id for of_lab in grades.labs.values() for id in of_lab]
    short = len(grades.labs) <= 1
    names = [id.partition(".")[2] if short else id for id in questions]
    lines = [["learner", "file", "lab", *names, "total", "maximum", *(f"{name} status" for name in names),
              *(f"{name} hint" for name in names), "note"]]
    lines += [_csv_line(row, grades, questions) for row in grades.rows]
    text = "".join(",".join(map(_cell, line)) + "\n" for line in lines)
    return text.encode("ascii") if text.isascii() else text.encode("utf-8-sig", "replace")


def _csv_line(row: Row, grades: Grades, questions: list[str]) -> list[str | float]:
    own = grades.labs.get(row.lab, {})
    verdicts = [row.verdicts.get(id, {}) for id in questions]
    earned = [verdict.get("earned", 0.0 if id in own else "") for id, verdict in zip(questions, verdicts, strict=True)]
    status = [verdict.get("status", "not judged" if id in own else "")
              for id, verdict in zip(questions, verdicts, strict=True)]
    return [row.learner, row.file, row.lab, *earned, row.total, row.maximum if own else "", *status,
            *(verdict.get("hint", "") for verdict in verdicts), row.note]


def _cell(value: str | float) -> str:
    if isinstance(value, int | float):
        return points(value)
    if _FORMULA.match(value):
        value = "'" + value
    return '"' + value.replace('"', '""') + '"' if re.search(r'[,;|"\t\r\n]|^\s|\s$', value) else value


def write_csv(grades: Grades, path: pathlib.Path) -> None:
    write_atomically(path, csv_bytes(grades))


# ------------------------------------------------------------------------------------------------------ JSON lines


def jsonl_bytes(grades: Grades) -> bytes:
    """One line a file and lab, with the whole verdicts."""
    lines = [json.dumps({
        "learner": row.learner, "file": row.file, "lab": row.lab, "seed": grades.seed, "total": row.total,
        "maximum": row.maximum, "note": row.note, "isolation": grades.isolation,
        "verdicts": list(row.verdicts.values())}) for row in grades.rows]
    return "".join(line + "\n" for line in lines).encode()


def write_jsonl(grades: Grades, path: pathlib.Path) -> None:
    write_atomically(path, jsonl_bytes(grades))


# ------------------------------------------------------------------------------------------------------ Gradescope


def gradescope_results(rows: list[Row], grades: Grades) -> dict[str, Any]:
    """One file's rows in the form that Gradescope's autograders write: results.json, a test a question."""
    tests = []
    for row in rows:
        for id, most in grades.labs.get(row.lab, {}).items():
            verdict = row.verdicts.get(id)
            passed = verdict is not None and verdict["status"] == "passed"
            tests.append({
                "name": f"{id} {verdict['title']}" if verdict else id, "number": id,
                "score": verdict["earned"] if verdict else 0, "max_score": most,
                "status": "passed" if passed else "failed", "output": _output(verdict, row),
                "output_format": "text", "visibility": "visible"})
    note = next((row.note for row in rows if row.note), "")
    return {"score": sum(row.total for row in rows), "visibility": "visible", "stdout_visibility": "hidden",
            "output": note or f"Judged with seed {grades.seed}.", "output_format": "text", "tests": tests}


def _output(verdict: dict[str, Any] | None, row: Row) -> str:
    if verdict is None:
        return f"Not judged: {row.note}"
    parts = [f"{verdict['status']}" + (f": {verdict['text']}" if verdict["text"] else ""),
             "\n".join(f"{status}: {promise}" for promise, status, _ in verdict["checks"]),
             "\n".join(verdict["lines"]), verdict["advice"].strip()]
    return "\n\n".join("\n".join(safe(line, 500) for line in part.split("\n")) for part in parts if part)


def write_gradescope(grades: Grades, folder: pathlib.Path) -> None:
    """FOLDER/results.json, where Gradescope looks; and of several files FOLDER/NAME/results.json for each.

    Gradescope gives one learner's upload, which may hold more than the notebook: the one file that is judged counts. Of
    two it would be a guess, so then no points are given, and the learner is told to hand in one.
    """
    files = grades.files
    results = [gradescope_results(rows, grades) for rows in files]
    judged = [number for number, rows in enumerate(files) if any(row.verdicts for row in rows)]
    whole = results[judged[0] if judged else 0]
    if len(files) > 1:
        for rows, result in zip(files, results, strict=True):
            _write_results(folder / rows[0].page, result)
        if len(judged) > 1:
            said = f"Not judged: {len(judged)} files hold answers; hand in one of them."
            whole = whole | {"score": 0, "tests": [], "output": said}
        else:
            others = [f"Not judged: {row.file}: {row.note}" for row in grades.rows if not row.verdicts]
            whole = whole | {"output": "\n".join([whole["output"], *others] if judged else others)}
    _write_results(folder, whole)


def _write_results(folder: pathlib.Path, result: dict[str, Any]) -> None:
    write_atomically(folder / "results.json", json.dumps(result, indent=1).encode() + b"\n")
