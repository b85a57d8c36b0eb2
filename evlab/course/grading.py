"""Grade a folder of submissions: find the files, judge those that changed, and give a row for every one of them.

submissions.py finds the files, grading_pool.py and grading_worker.py judge them, grading_state.py keeps what is done,
reports.py and report_html.py write it down. No file stops the others: what cannot be judged has a row that says why.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evlab.course.grading_pool import Pool, Task
from evlab.course.grading_state import StateFile, code_digest
from evlab.course.judge.labs import find_lab
from evlab.course.judge.verdict import isolation
from evlab.course.submissions import Submission, Unfit, find_submissions, read_submission

__all__ = ["Grades", "Row", "Stopped", "grade", "state_path"]

Tell = Callable[[int, int], None]
"""Called with the number of files that are done, and of all."""


class Stopped(KeyboardInterrupt):
    """Somebody pressed Ctrl-C: `done` of `total` files are kept in the state file."""

    def __init__(self, done: int, total: int):
        self.done, self.total = done, total
        super().__init__(f"{done} of {total}")


@dataclass
class Row:
    """One file and one lab. verdicts: as `Verdict.to_dict` gives them, by question; empty if nothing was judged, and
    then `note` says why. page: the name of what is written about the file, the same for each lab in it. figures: by
    question, a picture's svg, alt and text. failed: it was the judge that failed."""

    learner: str
    file: str
    page: str
    lab: str
    verdicts: dict[str, dict[str, Any]]
    maximum: float
    note: str = ""
    figures: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: bool = False

    @property
    def total(self) -> float:
        return sum(verdict["earned"] for verdict in self.verdicts.values())


@dataclass
class Grades:
    """The rows, sorted by path. labs: those that occur, each with its questions' points. isolation: what held while
    answers ran, in words. judged: files that were judged now; reused: those whose results were there already. A file
    that cannot be judged is in neither."""

    rows: list[Row]
    labs: dict[str, dict[str, float]]
    seed: int
    isolation: str
    judged: int
    reused: int

    @property
    def files(self) -> list[list[Row]]:
        """The rows, file by file."""
        return [list(rows) for _, rows in itertools.groupby(self.rows, lambda row: row.page)]

    @property
    def failed(self) -> list[Row]:
        """The rows in which the judge failed, or a check of the course."""
        return [row for row in self.rows
                if row.failed or any(verdict["status"] == "broken" for verdict in row.verdicts.values())]


def grade(path: str | os.PathLike, *, state: pathlib.Path, lab: str = "", seed: int = 0, jobs: int = 1,
          again: bool = False, figures: bool = False, without: set[pathlib.Path] = frozenset(),
          tell: Tell = lambda done, total: None, pool: Callable[[int], Pool] = Pool) -> Grades:
    """Judge every file under `path` and return the grades.

    lab: judge this lab alone; by default each one that a notebook has answers of. again: use nothing of what `state`
    holds. figures: draw the failing histories. without: paths that are no submissions. Files with equal bytes are
    judged once. Raises `NothingHandedIn`, `InvalidUse`, `StateInUse`, and `Stopped` on Ctrl-C.
    """
    if lab:
        find_lab(lab)
    submissions = find_submissions(path, without)
    code = code_digest(lab)
    results: dict[pathlib.Path, dict[str, Any]] = {}
    tasks: dict[str, Task] = {}
    same: dict[str, list[pathlib.Path]] = {}
    with StateFile(state) as kept:
        for submission in submissions:
            data = _read(submission)
            if isinstance(data, str):
                results[submission.path] = {"note": data}
                continue
            digest = hashlib.sha256(data).hexdigest()
            key = hashlib.sha256(f"{digest} {lab} {seed} {code}".encode()).hexdigest()
            known = None if again or key in tasks else kept.results.get(key)
            if known is not None and (not figures or known.get("drawn")):
                results[submission.path] = known
            else:
                same.setdefault(key, []).append(submission.path)
                tasks.setdefault(key, Task(submission.path, submission.path.name, digest, lab, seed, figures))
        reused = sum("labs" in result for result in results.values())
        _judge_all(tasks, same, results, kept, jobs, len(submissions), tell, pool)
    judged = sum("labs" in result for result in results.values()) - reused
    return _grades(submissions, results, lab, seed, judged=judged, reused=reused)


def state_path(out: pathlib.Path) -> pathlib.Path:
    """Where the results behind the grades in `out` are kept."""
    return out.with_name(f"{out.name}.state.jsonl")


def _read(submission: Submission) -> bytes | str:
    """The bytes of a file, or why they are not judged."""
    if submission.note:
        return submission.note
    try:
        return read_submission(submission.path)
    except Unfit as error:
        return error.note


def _judge_all(tasks: dict[str, Task], same: dict[str, list[pathlib.Path]], results: dict[pathlib.Path, dict],
               kept: StateFile, jobs: int, total: int, tell: Tell, pool: Callable[[int], Pool]) -> None:
    tell(len(results), total)
    keys = {task: key for key, task in tasks.items()}
    try:
        with pool(jobs) as workers:
            for task, result in workers.results(list(keys)):
                key = keys[task]
                if not _questionable(result):
                    kept.add(key, result | {"drawn": task.figures})
                for path in same[key]:
                    results[path] = result
                tell(len(results), total)
    except KeyboardInterrupt:
        raise Stopped(len(results), total) from None


def _questionable(result: dict) -> bool:
    """Did the judge fail, or a check of the course? Then it says nothing of the answer, and is tried again some day."""
    verdicts = [verdict for of_lab in result.get("labs", {}).values() for verdict in of_lab]
    return bool(result.get("failed")) or any(verdict["status"] == "broken" for verdict in verdicts)


def _grades(submissions: list[Submission], results: dict[pathlib.Path, dict], lab: str, seed: int, *, judged: int,
            reused: int) -> Grades:
    found = {name for result in results.values() for name in result.get("labs", ())}
    labs = {name: {id: question.points for id, question in find_lab(name).questions.items()}
            for name in sorted(found | ({lab} if lab else set()))}
    rows: list[Row] = []
    for submission in submissions:
        result = results[submission.path]
        only = lab or next(iter(labs), "") if len(labs) == 1 else ""  # one lab in all: the broken files are of it, too
        of_labs = result.get("labs") or {only: []}
        for name, verdicts in of_labs.items():
            by_question = {verdict["question"]: verdict for verdict in verdicts}
            drawn = {id: figure for id, figure in result.get("figures", {}).items() if id in by_question}
            broken = [id for id, verdict in by_question.items() if verdict["status"] == "broken"]
            note = result.get("note", "") or (f"a check of {', '.join(broken)} failed by itself" if broken else
                                              result.get("remarks", {}).get(name, ""))
            rows.append(Row(submission.learner, submission.file, submission.page, name, by_question,
                            sum(labs.get(name, {}).values()), note, drawn, bool(result.get("failed"))))
    every = [set(result["held"]) for result in results.values() if result.get("held") is not None]
    held = isolation(sorted(set.intersection(*every))) if every else "no answer was run"
    return Grades(rows, labs, seed, held, judged, reused)
