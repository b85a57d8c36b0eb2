"""The labs of the course, as their authors wrote them: checks, hints, and where they lie.

labs/authoring/lab01/ holds checks.py, which makes `lab`; hints.toml, one table for each mistake; the master notebook;
mutants/ and rights/. data/hints.toml holds the hints of mistakes that any answer can make.
"""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import tomllib
import traceback
from dataclasses import dataclass
from functools import cache

from evlab.course.data import CourseFileError, course_folder
from evlab.course.judge.question import Lab
from evlab.errors import InvalidUse

__all__ = ["Hint", "authoring_folder", "find_lab", "hints_of", "lab_names", "lab_of"]


@dataclass(frozen=True)
class Hint:
    """What there is to say about one mistake. advice: shown with the failing history. nudge, concept, nearly: the
    three levels of `hint(...)`. cards: drill cards that become due."""

    advice: str = ""
    nudge: str = ""
    concept: str = ""
    nearly: str = ""
    cards: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(text for text in (self.nudge, self.concept, self.nearly) if text)


def authoring_folder(course: pathlib.Path | None = None) -> pathlib.Path:
    return (course or course_folder()) / "labs" / "authoring"


def lab_names(course: pathlib.Path | None = None) -> list[str]:
    """The labs that exist, in order: ["lab01", ...]."""
    return sorted(path.parent.name for path in authoring_folder(course).glob("lab[0-9][0-9]/checks.py"))


def lab_of(question: str) -> str:
    """"lab01" for "lab01.q1". Raises `InvalidUse` for anything else."""
    lab, _, number = question.partition(".") if isinstance(question, str) else ("", "", "")
    if lab not in lab_names() or not number:
        raise InvalidUse(f"there is no question {question!r}", next_step="write it as the lab does, such as "
                         f'"{(lab_names() or ["lab01"])[0]}.q1"')
    return lab


def find_lab(name: str) -> Lab:
    """The lab with its questions. Raises `InvalidUse` if there is none, `CourseFileError` if its file is damaged."""
    if name not in lab_names():
        raise InvalidUse(f"there is no lab {name!r}", next_step=f"use one of {', '.join(lab_names()) or 'none'}")
    return load_lab(authoring_folder() / name / "checks.py")


@cache
def load_lab(path: pathlib.Path) -> Lab:
    """The `lab` that a checks.py makes."""
    module_name = f"evlab_checks_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        lab = module.lab
    except Exception as error:
        del sys.modules[module_name]
        lines = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == str(path)]
        where = f"line {lines[-1]}, " if lines else ""
        raise CourseFileError(f"labs/authoring/{path.parent.name}/checks.py cannot be used",
                              why=f"{where}{type(error).__name__}: {error}", path=path.name,
                              next_step="mend it, or take the file from the course again") from error
    return lab


def hints_of(lab: str) -> dict[str, Hint]:
    """The hints of a lab by code, those of every lab included."""
    return _read_hints(course_folder() / "data" / "hints.toml") | _read_hints(
        authoring_folder() / lab / "hints.toml")


@cache
def _read_hints(path: pathlib.Path) -> dict[str, Hint]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        return {code: _hint(code, table) for code, table in tables.items()}
    except (OSError, ValueError) as error:
        raise CourseFileError(f"{path.name} of {path.parent.name} cannot be read", why=str(error), path=path.name,
                              next_step="mend it, or take the file from the course again") from error


def _hint(code: str, table: object) -> Hint:
    """The hint of one table. Raises `ValueError` for a key that no hint has, and for a value that is no text."""
    if not isinstance(table, dict):
        raise ValueError(f"{code} is no table; a hint begins with [{code}]")
    for key, value in table.items():
        if key not in Hint.__dataclass_fields__:
            raise ValueError(f"[{code}] has the key {key!r}; a hint has {', '.join(Hint.__dataclass_fields__)}")
        texts = value if key == "cards" else [value]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"[{code}]: {key} is {'no list of ids' if key == 'cards' else 'no text'}")
    return Hint(**{**table, "cards": tuple(table.get("cards", ()))})
