"""What a check says, as a card and as text: the promises, the failing history drawn, the advice, the next step."""

from __future__ import annotations

import re

from evlab.course.judge.verdict import Verdict
from evlab.course.judge.verdict import histories as counted
from evlab.viz.theme import GREEN, INK, LINE, MUTED, VERMILLION, escape
from evlab.widgets.card import MONO, card, note, paragraph, words

__all__ = ["Feedback", "Shown", "running"]

HEADS = {"passed": "\u2713 Passed", "failed": "\u2717 Not yet", "not answered": "\u25cb Not answered yet",
         "missing": "\u25cb Nothing to check", "not reached": "\u25cb Not reached", "broken": "\u2717 The check broke"}
MARKS = {"passed": "\u2713", "failed": "\u2717"}


class Shown:
    """Something that a notebook shows as a card and prints as text. `shown`: it stands there already."""

    def __init__(self, html: str, text: str):
        self.html, self.text = html, text
        self.shown = False

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not self.shown:
            display({"text/html": self.html, "text/plain": self.text}, raw=True)
        self.shown = False  # named again in another cell, it is shown there

    def __repr__(self) -> str:
        return self.text


class Feedback(Shown):
    """The feedback to one question. `verdict` has the facts, `passed` the answer in one word."""

    def __init__(self, verdict: Verdict, isolation: str = "", remark: str = ""):
        self.verdict = verdict
        lines = [str(verdict), *([f"  {remark}"] if remark else []), f"  {next_step(verdict)}"]
        super().__init__(_html(verdict, isolation, remark), "\n\n".join(lines))

    @property
    def passed(self) -> bool:
        return self.verdict.passed


def next_step(verdict: Verdict) -> str:
    """What to do now, in one sentence."""
    question = verdict.question
    return {
        "passed": f'Next: go on below. solution("{question}") shows another way.',
        "failed": f'Next: change the cell, run it, check again. Stuck? hint("{question}")',
        "not answered": f'Next: fill the gap, run the cell, check again. Stuck? hint("{question}")',
        "missing": "Next: run the answer's cell, then check again.",
        "not reached": "Next: mend the earlier question first.",
        "broken": "Next: please report this to whoever gave you the course; your answer may be right.",
    }[verdict.status]


def running(question: str, done: int, total: int) -> dict[str, str]:
    """What stands there while a check runs, as a display bundle: a bar, and the same in words."""
    share = done / total if total else 0
    bar = (f'<div style="margin:8px 0 0;height:8px;border-radius:4px;background:{LINE}">'
           f'<div style="height:8px;border-radius:4px;width:{share:.0%};background:{GREEN.main}"></div></div>')
    text = f"Checking {question}: {done} of {total} histories"
    return {"text/html": card(paragraph(text), bar, label="Check"), "text/plain": text}


def _html(verdict: Verdict, isolation: str, remark: str) -> str:
    colour = GREEN.text if verdict.passed else VERMILLION.text if verdict.status in ("failed", "broken") else MUTED
    points = f"{verdict.earned:g} of {verdict.points:g} points"
    parts = [paragraph(f"{HEADS[verdict.status]}: {verdict.title}", size=16, weight=600, colour=colour),
             note(points)]
    parts += [_promise(check.promise, check.status, check.histories) for check in verdict.checks]
    if remark:
        parts.append(paragraph(remark, top=12))
    if verdict.text:
        parts.append(paragraph(verdict.sentence, size=15, weight=600, top=14))
    figure = verdict.figure()
    if figure is not None:
        parts.append(f'<div style="margin:10px 0 0">{figure.html}</div>')
    if verdict.advice:
        parts.append(paragraph(" ".join(verdict.advice.split()), top=12))
    if verdict.printed:
        parts.append(note("Your code printed:"))
        parts.append(f'<pre style="margin:4px 0 0;font-family:{MONO};font-size:12px;color:{INK};white-space:pre-wrap">'
                     f'{escape(verdict.printed[:1500], 1600)}</pre>')
    if verdict.replay and verdict.lines:
        parts.append(note(f"To see this history again: `{verdict.replay}`"))
    parts.append(paragraph(_code_marks(next_step(verdict)), top=12))
    if isolation:
        parts.append(note(f"Your code ran apart from this notebook ({isolation})."))
    return card(*parts, label=f"Check {verdict.question}", width=960)


def _promise(promise: str, status: str, histories: int) -> str:
    colour = {"passed": GREEN.text, "failed": VERMILLION.text}.get(status, MUTED)
    tail = {"passed": counted(histories), "failed": f"broken in history {histories}"}.get(status, status)
    mark = MARKS.get(status, "\u25cb")
    return (f'<p style="margin:6px 0 0;line-height:1.5"><span style="color:{colour};font-weight:600">{mark}'
            f'</span> {words(promise)} <span style="color:{MUTED};font-size:12px">{tail}</span></p>')


def _code_marks(text: str) -> str:
    """The calls in a sentence, set as code."""
    return re.sub(r'((?:hint|solution)\("[^"]*"\))', r"`\1`", text)

