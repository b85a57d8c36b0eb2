"""How far the learner is in each notebook: what `evlab progress` prints."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from evlab.course.book import Book
from evlab.course.progress import Fact
from evlab.course.workspace import course_notebooks

__all__ = ["Standing", "standings"]


class Standing(NamedTuple):
    """One notebook and what was done in it. Each count is (asked by the notebook, answered, right); of checks, which
    only labs have, the third is how many have passed."""

    notebook: str
    guesses: tuple[int, int, int]
    quizzes: tuple[int, int, int]
    checks: tuple[int, int, int] = (0, 0, 0)


def standings(facts: Iterable[Fact], course: pathlib.Path | None = None) -> list[Standing]:
    """One line for each notebook of the course, in order, and one for answers to questions that it no longer asks."""
    answered = {(fact.kind, fact.id): fact for fact in facts if fact.kind in ("guess", "quiz", "check")}
    lines = []
    for name, path in course_notebooks(course).items():
        book = Book(json.loads(path.read_bytes()), name)
        checks = book.questions("check") if book.folder == "labs" else []
        lines.append(Standing(book.stem, _count(answered, "guess", book.questions("predict")),
                              _count(answered, "quiz", book.questions("quiz")), _count(answered, "check", checks)))
    old = [_count(answered, kind, [id for of, id in answered if of == kind]) for kind in ("guess", "quiz", "check")]
    if any(asked for asked, _, _ in old):
        lines.append(Standing("questions of an earlier version", *old))
    return lines


def _count(answered: dict[tuple[str, str], Fact], kind: str, ids: list[str]) -> tuple[int, int, int]:
    """(asked, answered, right), and what was counted is taken out of `answered`."""
    found = [fact for id in ids if (fact := answered.pop((kind, id), None))]
    return len(ids), len(found), sum(fact.right is True for fact in found)
