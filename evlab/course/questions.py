"""Questions in a notebook: `predict` takes a guess before the answer is run, `quiz` gives feedback at once.

A guess costs a minute and buys attention: the reader who has committed to "three charges" looks at the output, the
one who has not reads past it. So each guess is on disk before any cell can show the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from evlab.course.bank import find_question
from evlab.course.numbers import read_number
from evlab.course.progress import Progress, saved_mode
from evlab.errors import EvlabError, InvalidUse
from evlab.viz.compare import counted
from evlab.viz.theme import BLUE, LINE, MUTED, safe
from evlab.widgets.card import card, note, paragraph, words

__all__ = ["Prediction", "Quiz", "predict", "quiz"]

_answered: dict[str, Any] = {}
"""The answers that this kernel has shown, by question. A guess that was judged stays as it is until a restart."""


def predict(id: str, prompt: str | None = None, options: dict[str, str] | list[str] | None = None, *, unit: str = "",
            sample: Any = None, finding: str = "") -> Prediction:
    """Ask for a guess. Make it the last expression of a cell: `predict("02.fanout")`, whose text is in the course's
    question bank, or `predict("my.own", "How many ...?")`.

    `options` are the choices: a list, or a dict that says of each choice why it is right or wrong (shown after the
    answer). Without options the guess is a number, in `unit`. `sample` is the guess that a saved notebook shows, and
    `finding` the title under which the guess is compared with the truth.
    Raises `InvalidUse` for a question that nobody can answer.
    """
    if prompt is None:
        found = find_question(id)
        prompt, options, unit = found["ask"], found.get("options"), found.get("unit", "")
        sample, finding = found.get("sample"), found.get("finding", "")
    return Prediction(id, prompt, options, unit=unit, sample=sample, finding=finding)


def quiz(id: str, question: str | None = None, options: dict[str, str] | None = None, answer: str = "") -> Quiz:
    """Ask one question with a few choices: `quiz("01.tense")`, from the course's question bank, or one of your own.

    `options` says of each choice why it is right or wrong; `answer` is the right one. Raises `InvalidUse` for a
    question that nobody can answer.
    """
    if question is None:
        found = find_question(id)
        question, options, answer = found["ask"], found.get("options"), found.get("answer", "")
    return Quiz(id, question, options, answer)


class Prediction:
    """A question whose answer a later cell computes.

    `guess` is what the learner committed to, or None. In a saved notebook it is the author's sample, and `sample` is
    True. `id`, `prompt`, `options` (a dict, or None for a number), `unit` and `finding` are as given to `predict`. The
    guess can be changed until `judge`, which the comparison in the answer's cell calls. A guess of an earlier session
    is there again.
    """

    def __init__(self, id: str, prompt: str, options: dict[str, str] | list[str] | None = None, *, unit: str = "",
                 sample: Any = None, finding: str = ""):
        _check_words(id=id, prompt=prompt)
        self.id, self.prompt, self.unit, self.finding = id, prompt, unit, finding
        self.options = None if options is None else _check_options(id, options)
        if self.options is not None and unit:
            raise InvalidUse(f"The prediction {id!r} has options and a unit.", why="A unit belongs to a number.",
                             next_step="Leave one of them out.")
        shown = None if sample is None else self._accept(sample)
        self.sample = saved_mode() and shown is not None
        self.guess = shown if saved_mode() else self._earlier()
        self._warning = ""
        self._widget: Any = None

    def commit(self, guess: Any) -> None:
        """Record `guess`, as the card's button does. Raises `InvalidUse` when it is no possible answer, or comes too
        late: a first guess may come after the answer, and is judged at once, but none may change after it."""
        guess = self._accept(guess)
        if self.locked:
            raise InvalidUse("The answer has been run, so this guess stays.", why=f"It was {self._say(self.guess)}.",
                             next_step="Guess again at the next question.")
        if not saved_mode():
            Progress().record("guess", self.id, guess)
        self.guess = guess
        if self.id in _answered:
            self.judge(_answered[self.id])

    def judge(self, actual: Any) -> bool | None:
        """Compare the guess with the answer and record the outcome; None without a guess.

        A choice is right when it is `actual`. A number is right within 10 % of `actual`; when `actual` is an int up to
        10, a count, it must be exact. In a saved notebook the sample is judged, and nothing is recorded.
        """
        actual = self._accept(actual)
        right = None if self.guess is None else self._is_right(self.guess, actual)
        if saved_mode():
            return right
        _answered[self.id] = actual
        if right is not None:
            fact = Progress().latest("guess", self.id)
            if fact is None or (fact.value, fact.right) != (self.guess, right):
                Progress().record("guess", self.id, self.guess, right)
        self._warning = ""
        if self._widget is not None:
            self._widget.view = self._view()
        return right

    @property
    def locked(self) -> bool:
        """Whether the answer has been seen, so that a guess can't be changed any more."""
        return self.id in _answered and self.guess is not None

    def _answer(self, value: Any) -> dict:
        """Take a guess that came from the browser, and return what the card shows now."""
        try:
            self.commit(self._read(value))
            self._warning = ""
        except EvlabError as error:
            self._warning = error.what
        return self._view()

    def _read(self, value: Any) -> Any:
        """A guess as the browser sends it: always text."""
        if value is None or not str(value).strip():
            raise InvalidUse("Choose one first." if self.options else "Type a number first.",
                             next_step="Then press the button.")
        return value if self.options else read_number(str(value))

    def _accept(self, value: Any) -> Any:
        if self.options is not None:
            value = str(value)  # an answer counted as 3 is the option "3"
            if value not in self.options:
                raise InvalidUse(f"{value[:60]!r} is not an option of {self.id!r}.",
                                 next_step=f"Choose one of {', '.join(map(repr, self.options))}.")
            return value
        if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(value):
            raise InvalidUse(f"{str(value)[:60]!r} is not a number.", why=f"{self.id!r} asks for a number.",
                             next_step="Give one, such as 1500 or 2.5.")
        return int(value) if isinstance(value, Integral) else float(value)

    def _is_right(self, guess: Any, actual: Any) -> bool:
        if self.options is not None or (isinstance(actual, int) and abs(actual) <= 10):
            return guess == actual
        return abs(guess - actual) <= 0.1 * abs(actual)

    def _earlier(self) -> Any:
        fact = Progress().latest("guess", self.id)
        try:
            return None if fact is None else self._accept(fact.value)
        except InvalidUse:  # the course has changed its options since
            return None

    # ------------------------------------------------------------------------------------ how it looks

    def _status(self) -> str:
        if self._warning:
            return self._warning
        if self.id in _answered:
            if self.guess is None:
                return "The answer has been run already. You can still guess, and see at once if it is right."
            actual = _answered[self.id]
            near = "Near enough: it was" if self._is_right(self.guess, actual) else "It was"
            return f"You guessed {self._say(self.guess)}. " + (
                "That was right." if self.guess == actual else f"{near} {self._say(actual)}.")
        if self.guess is None:
            return "Commit first, then run on. You can change it until you run the answer."
        return f"Your guess is {self._say(self.guess)}. You can change it until you run the answer."

    def _say(self, value: Any) -> str:
        return str(value) if self.options is not None else counted(f"{value:,}", value, self.unit)

    def _view(self) -> dict:
        shown = self.locked
        options = []
        for name, why in (self.options or {}).items():
            tone = ""
            if shown:
                tone = "right" if name == _answered[self.id] else "wrong" if name == self.guess else ""
            options.append({"value": name, "text": name, "tone": tone, "why": why if tone else ""})
        return {"n": None, "kind": "number" if self.options is None else "options", "label": "Predict",
                "question": self.prompt, "options": options, "chosen": _text(self.guess), "unit": self.unit,
                "locked": shown, "status": self._status(), "warn": bool(self._warning),
                "commit": "Commit guess" if self.guess is None else "Change guess"}

    def _whose(self) -> str:
        return "sample guess" if self.sample else "your guess"

    def _as_html(self) -> str:
        shown, whose = self.guess, self._whose()
        parts = [paragraph(self.prompt, size=15, weight=600)]
        for name in self.options or {}:
            parts.append(_option(name, name == shown, whose))
        if self.options is None and shown is not None:
            parts.append(_option(self._say(shown), True, whose))
        if shown is None:
            parts.append(note("No guess yet."))
        return card(*parts, label="Predict")

    def _as_text(self) -> str:
        shown, whose = self.guess, self._whose()
        lines = [f"Predict: {self.prompt}"]
        for name in self.options or {}:
            lines.append(f"  ({'x' if name == shown else ' '}) {name}" + (f"  <- {whose}" if name == shown else ""))
        if self.options is None and shown is not None:
            lines.append(f"  {self._say(shown)}  <- {whose}")
        return _lines(lines)

    def __repr__(self) -> str:
        return self._as_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return _bundle(self)


class Quiz:
    """A question with a few choices, feedback at once for each, and as many tries as the learner likes.

    Each choice up to the right one is recorded; later ones are for reading the other feedback.
    """

    def __init__(self, id: str, question: str, options: dict[str, str], answer: str):
        _check_words(id=id, question=question)
        if not isinstance(options, dict):
            raise InvalidUse(f"The options of the quiz {id!r} are no dict.",
                             why="Each option needs its feedback.", next_step="Write {option: feedback, ...}.")
        self.id, self.question, self.options, self.answer = id, question, _check_options(id, options), answer
        if answer not in self.options:
            raise InvalidUse(f"The answer {answer!r:.60} of the quiz {id!r} is not among its options.",
                             next_step=f"Name one of {', '.join(self.options)}.")
        if not all(self.options.values()):
            raise InvalidUse(f"An option of the quiz {id!r} has no feedback.",
                             why="A choice without a reason teaches nothing.",
                             next_step="Say why it is right or wrong.")
        fact = None if saved_mode() else Progress().latest("quiz", id)
        self.tried: list[str] = [answer] if fact is not None and fact.right else []
        self._widget: Any = None

    def choose(self, option: str) -> bool:
        """Answer with `option` and record it, unless the right one was chosen before. Returns whether it is right."""
        if option not in self.options:
            raise InvalidUse(f"{str(option)[:60]!r} is not an option of {self.id!r}.",
                             next_step=f"Choose one of {', '.join(map(repr, self.options))}.")
        if self.answer not in self.tried and not saved_mode():
            Progress().record("quiz", self.id, option, option == self.answer)
        if option in self.tried:
            self.tried.remove(option)
        self.tried.append(option)
        return option == self.answer

    def _answer(self, value: Any) -> dict:
        if isinstance(value, str) and value in self.options:
            self.choose(value)
        return self._view()

    def _view(self) -> dict:
        options = []
        for name, why in self.options.items():
            tone = "" if name not in self.tried else "right" if name == self.answer else "wrong"
            options.append({"value": name, "text": name, "tone": tone, "why": why if tone else ""})
        status = "Choose one. You see at once why it holds or fails."
        if self.tried:
            last = self.tried[-1]
            mark = "Right." if last == self.answer else "Not this one."
            status = f"{mark} {self.options[last]}"
        return {"n": None, "kind": "quiz", "label": "Question", "question": self.question, "options": options,
                "chosen": None, "unit": "", "locked": False, "status": status, "warn": False, "commit": ""}

    def _as_html(self) -> str:
        parts = [paragraph(self.question, size=15, weight=600)]
        parts += [_option(name, False, "") for name in self.options]
        reasons = paragraph(f"{self.answer}: {self.options[self.answer]}", top=6)
        reasons += "".join(paragraph(f"Not \u201c{name}\u201d: {why}", top=6, size=13, colour=MUTED)
                           for name, why in self.options.items() if name != self.answer)
        parts.append(f'<details style="margin:12px 0 0"><summary style="cursor:pointer;color:{BLUE.text};'
                     f'font-weight:600">Answer</summary>{reasons}</details>')
        return card(*parts, label="Question")

    def _as_text(self) -> str:
        lines = [f"Question: {self.question}", *(f"  ( ) {name}" for name in self.options)]
        return _lines([*lines, f"Answer: {self.answer}. {self.options[self.answer]}"])

    def __repr__(self) -> str:
        return self._as_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return _bundle(self)


def _bundle(question: Prediction | Quiz) -> Any:
    """What Jupyter shows: the live card with the static one behind it; in a saved notebook the static one alone."""
    static = {"text/plain": question._as_text(), "text/html": question._as_html()}
    if saved_mode():
        return static
    from evlab.widgets.live import Question  # only here: ipywidgets takes 200 ms to import

    if question._widget is None:
        question._widget = Question(question._view(), question._answer)
    live, metadata = question._widget._repr_mimebundle_()
    return {**live, **static}, metadata


def _option(text: str, chosen: bool, whose: str) -> str:
    """One choice of a static card."""
    edge, fill = (BLUE.main, BLUE.tint) if chosen else (LINE, "#FFFFFF")
    mark = "\u25cf" if chosen else "\u25cb"
    tag = f' <span style="color:{BLUE.text};font-size:12px;font-weight:600">\u2190 {whose}</span>' if chosen else ""
    return (f'<p style="margin:7px 0 0;padding:7px 12px;border:1px solid {edge};border-radius:8px;'
            f'background:{fill}"><span style="color:{MUTED}">{mark}</span> {words(text)}{tag}</p>')


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(safe(part) for line in lines for part in line.split("\n"))


def _text(guess: Any) -> str | None:
    return None if guess is None else str(guess)


def _check_words(**named: Any) -> None:
    for name, text in named.items():
        if not isinstance(text, str) or not text.strip():
            raise InvalidUse(f"{name}={text!r} is not text.", next_step=f"Give the {name} as a string.")


def _check_options(id: str, options: Any) -> dict[str, str]:
    if not isinstance(options, dict | list | tuple):
        raise InvalidUse(f"The options of {id!r} are a {type(options).__name__}.",
                         next_step="Give a list of choices, or a dict of choice to reason.")
    whys = dict(options) if isinstance(options, dict) else {name: "" for name in options}
    if len(whys) != len(options) or len(whys) < 2:
        raise InvalidUse(f"{id!r} needs at least two different options.", next_step="Give them in a list or a dict.")
    for name, why in whys.items():
        if not isinstance(name, str) or not name.strip() or not isinstance(why, str):
            raise InvalidUse(f"The option {name!r:.60} of {id!r} is not text.",
                             next_step="Give every option as a string.")
    return whys
