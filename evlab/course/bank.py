"""The questions of the notebooks, kept out of their cells: a question whose reasons stand above it is no question.

data/questions/NN.toml holds those of notebook NN. A table is a question, and its name the second half of the id:
`[receipts]` in 00.toml is "00.receipts". Its keys: ask; options, a table of choice = why it is right or wrong; unit,
for a number; sample, the guess that a saved notebook shows; finding, the title of the picture that compares the guess
with the truth; answer, for a quiz.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from evlab.course.data import CourseFileError, course_folder
from evlab.errors import InvalidUse

__all__ = ["find_question", "questions_of"]

KEYS = {"ask", "options", "unit", "sample", "finding", "answer"}


def find_question(id: str) -> dict[str, Any]:
    """The question with that id. Raises `InvalidUse` if there is none, `CourseFileError` if its file is damaged."""
    notebook, _, name = id.partition(".") if isinstance(id, str) else ("", "", "")
    questions = questions_of(notebook) if notebook.isdigit() and name else {}
    if name not in questions:
        raise InvalidUse(f"there is no question {id!r}", why="its text stands in data/questions, under its id",
                         next_step=f"use one of {', '.join(f'{notebook}.{known}' for known in questions) or 'none'}, "
                                   "or write the question into the call")
    return questions[name]


@cache
def questions_of(notebook: str) -> dict[str, dict[str, Any]]:
    """The questions of a notebook, "03", in the order of its file; {} if it has none."""
    path = f"data/questions/{notebook}.toml"
    try:
        questions = tomllib.loads((course_folder() / path).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _damaged(path, f"it cannot be read: {error}") from error
    for name, question in questions.items():
        if not isinstance(question, dict) or "ask" not in question or set(question) - KEYS:
            raise _damaged(path, f"[{name}] is no question")
    return questions


def _damaged(path: str, why: str) -> CourseFileError:
    return CourseFileError(f"{path} is damaged", why=why, path=path,
                           next_step=f"run `git checkout -- {path}` in the course's folder")
