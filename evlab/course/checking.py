"""`check`, `hint`, `solution` and `reset`: what a learner calls in a lab's notebook.

`check` judges the latest version of an answer that this kernel has run. `hint` says a little more each time. `solution`
is for afterwards, or for who gives up, and that is remembered. Each of them leaves a fact in the learner's progress.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from evlab.course import attempts
from evlab.course.feedback import Feedback, Shown, running
from evlab.course.judge.answers import mark_of
from evlab.course.judge.labs import Hint, authoring_folder, find_lab, hints_of, lab_of
from evlab.course.judge.question import Lab
from evlab.course.judge.verdict import Judge, isolation
from evlab.course.progress import Progress, saved_mode
from evlab.errors import EvlabError, InvalidUse
from evlab.viz.theme import escape
from evlab.widgets.card import MONO, card, note, paragraph

__all__ = ["NotPassed", "check", "hint", "next_hint", "reset", "solution"]

LEVELS = ("A nudge", "The idea behind it", "Nearly the answer")

attempts.listen()


class NotPassed(EvlabError):
    """Raised by `check` where nbgrader runs the notebook, which takes an error for "no points"."""


def check(question: str, *, seed: int | None = None) -> Feedback:
    """Judge the latest version of your answer to `question`, such as "lab01.q1".

    The answer's cell has to be run first. seed: show the history of that number again, as the feedback says.
    Returns the feedback, which the notebook shows as a card. Raises `InvalidUse` for a question that does not exist,
    and outside of a notebook.
    """
    lab = _lab_with(question)
    if not attempts.listen():
        raise InvalidUse("check works in a notebook, on the cells that it has run",
                         next_step=f"save it, and in a terminal run `evlab check labs/{lab.name}*.ipynb`")
    base, history = (0, None) if seed is None else _split(seed)
    with _progress_shown(question) as tell, Judge(lab, seed=base) as judge:
        verdict = judge.judge(attempts.attempts_of(lab.name), [question], history=history, progress=tell)[0]
        held = "" if saved_mode() else isolation(judge.jail.held) if judge.jail.held else ""
    if verdict.status == "missing":
        verdict.text = f"no cell that begins with `# answer: {question}` has been run since this kernel started"
    stale = attempts.newer_definition(question, lab.questions[question].defines)
    remark = (f"You have since run a cell that defines `{stale}` and does not begin with `# answer: {question}`. "
              "This is about the older one.") if stale else ""
    feedback = Feedback(verdict, held, remark)
    if seed is None and not saved_mode() and verdict.status != "broken":
        Progress().record("check", question, {"status": verdict.status, "hint": verdict.hint}, right=verdict.passed)
        if verdict.status == "failed":
            _make_due(verdict.cards, f"{question}: {verdict.hint}")
    if tell.handle is not None:
        tell.handle.update({"text/html": feedback.html, "text/plain": feedback.text}, raw=True)
        feedback.shown = True
    if os.environ.get("NBGRADER_EXECUTION") and not verdict.passed:
        raise NotPassed(f"{question} does not pass: {verdict.text or verdict.status}", next_step="see the card above")
    return feedback


def hint(question: str) -> Shown:
    """A hint for what the last check of `question` found wrong: a nudge, then the idea, then nearly the answer."""
    levels = next_hint(question)
    status, _, passed = _last_check(question)
    parts, lines = [], []
    for name, text in zip(LEVELS, levels, strict=False):
        parts += [note(name), paragraph(text)]
        lines.append(f"{name}: {text}")
    left = len(LEVELS) - len(levels)
    tail = f'Call hint("{question}") again for more.' if left and lines else ""
    if not lines:
        tail = f'Nothing to hint at: run check("{question}") first, and a hint fits what it finds.'
        if passed:
            tail = "This one passes. There is nothing to hint at."
        elif status in ("missing", "not reached"):
            tail = f'Nothing to hint at: the last check found it {status}. Run the cells it needs, then check again.'
    return Shown(card(*parts, note(tail) if tail else "", label=f"Hint {question}"), "\n".join([*lines, tail]).strip())


def next_hint(question: str) -> list[str]:
    """The levels of the hint that you have asked for by now, one more than before; [] if there is nothing to hint at.

    Raises `InvalidUse` for a question that does not exist.
    """
    _lab_with(question)
    _, code, passed = _last_check(question)
    found = hints_of(lab_of(question)).get(code, Hint())
    if passed or not found.levels:
        return []
    fact = Progress().latest("hint", question)
    asked = fact.value["level"] if fact is not None and fact.value.get("code") == code else 0
    level = min(asked + 1, len(found.levels))
    Progress().record("hint", question, {"code": code, "level": level})
    _make_due(found.cards, f"{question}: {code}")
    return list(found.levels[:level])


def solution(question: str, *, give_up: bool = False) -> Shown:
    """The course's own answer to `question`, once yours passes. give_up: now, and it is remembered that you asked."""
    _lab_with(question)
    passed = _last_check(question).passed
    if not passed and not give_up and not saved_mode():
        text = (f'Not yet: `check("{question}")` has to pass first. If you would rather read on, '
                f'`solution("{question}", give_up=True)` shows it, and your progress says so.')
        return Shown(card(paragraph(text), label=f"Solution {question}"), text.replace("`", ""))
    source = solution_of(question)
    Progress().record("solution", question, "passed" if passed else "given up")
    page = (f'<pre style="margin:8px 0 0;font-family:{MONO};font-size:13px;line-height:1.45;overflow-x:auto">'
            f'{chr(10).join(escape(line, 400) for line in source.splitlines())}</pre>')
    tail = "One way of several. Yours passes as well." if passed else "Close this, and write it once from memory."
    return Shown(card(page, note(tail), label=f"Solution {question}"), f"{source}\n\n{tail}")


def reset(question: str) -> None:
    """Begin a question afresh: a new cell with the gap appears below. Your version is kept in workspace/kept/."""
    from IPython import get_ipython

    from evlab.course.workspace import course_notebooks, workspace_folder, write_atomically

    lab = _lab_with(question).name
    given = next(source for name, path in course_notebooks().items() if name.startswith(f"labs/{lab}")
                 for source in _code_cells(path) if mark_of(source) == ("answer", question))
    yours = attempts.forget(question)
    if yours:
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        kept = workspace_folder() / "kept" / f"{question}.{stamp}.py"
        write_atomically(kept, yours.encode())
        print(f"your version is kept as workspace/kept/{kept.name}")
    shell = get_ipython()
    if shell is not None:
        shell.set_next_input(given)


def solution_of(question: str) -> str:
    """The master's answer to a question, without the marks around it. Raises `InvalidUse` if there is none."""
    for path in sorted((authoring_folder() / lab_of(question)).glob("*.ipynb")):
        for source in _code_cells(path):
            if mark_of(source) == ("answer", question):
                lines = source.splitlines()[1:]
                return "\n".join(line for line in lines if line.strip() not in ("### BEGIN SOLUTION",
                                                                                "### END SOLUTION")).strip("\n")
    raise InvalidUse(f"there is no question {question!r}", next_step="write it as the lab does")


# ---------------------------------------------------------------------------------------------------------- the rest


def _lab_with(question: str) -> Lab:
    """The lab of that question. Raises `InvalidUse` if there is no such question."""
    lab = find_lab(lab_of(question))
    if question not in lab.questions:
        raise InvalidUse(f"there is no question {question!r}", next_step=f"use one of {', '.join(lab.questions)}")
    return lab


class _Tell:
    """Keeps what a reader sees up to date while a check runs, ten times a second at most."""

    def __init__(self, handle=None):
        self.handle, self._last = handle, time.monotonic()

    def __call__(self, question: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self.handle is not None and now - self._last > 0.1:
            self._last = now
            self.handle.update(running(question, done, total), raw=True)


@contextlib.contextmanager
def _progress_shown(question: str) -> Iterator[_Tell]:
    """A place in the output that says at once that the check runs. In a saved notebook nothing is redrawn."""
    if saved_mode():
        yield _Tell()
        return
    from IPython.display import display

    handle = display(running(question, 0, 0), raw=True, display_id=True)
    try:
        yield _Tell(handle)
    except BaseException:
        if handle is not None:
            handle.update({"text/plain": "The check was stopped."}, raw=True)
        raise


def _split(seed: int) -> tuple[int, int]:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 10**9:
        raise InvalidUse(f"seed={seed!r} is no seed", next_step="give the number that the feedback names")
    return divmod(seed, 1000)


class _LastCheck(NamedTuple):
    status: str = ""
    hint: str = ""
    passed: bool = False


def _last_check(question: str) -> _LastCheck:
    """What the last check of that question found."""
    fact = Progress().latest("check", question)
    if fact is None or not isinstance(fact.value, dict):
        return _LastCheck()
    return _LastCheck(str(fact.value.get("status", "")), str(fact.value.get("hint", "")), fact.right is True)


def _make_due(cards: tuple[str, ...], because: str) -> None:
    from evlab.course.drills import make_due

    make_due(cards, because)


def _code_cells(path) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
