"""Drills in a notebook: `drill()` shows one card after the other, `interview()` asks against the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from evlab.course.drills.cards import Card
from evlab.course.drills.deck import load_deck
from evlab.course.drills.interview import Interview, Report, clock_text
from evlab.course.drills.proof import prove
from evlab.course.drills.sayings import left, other_ratings, when
from evlab.course.drills.scheduler import Rating
from evlab.course.drills.session import NEW_A_DAY, Session, Told, present
from evlab.course.drills.state import DrillState
from evlab.course.drills.views import (
    TASK,
    about,
    asked_view,
    card_html,
    card_text,
    proof_view,
    rubric_view,
    talk_about,
    talk_html,
    talk_text,
    told_rows,
)
from evlab.course.facts import saved_mode
from evlab.errors import EvlabError, InvalidUse

__all__ = ["Drill", "Talk", "drill", "interview"]

MORE = 5
"""New cards that the button of a finished drill adds."""
_NEXT = {"action": "next", "value": None, "label": "Next card", "key": "Enter", "look": "main"}
_UNKNOWN = {"action": "unknown", "value": None, "label": "I don't know", "key": "x", "look": "quiet"}
_PROVE = {"action": "prove", "value": None, "label": "Prove it", "key": "p", "look": "plain"}


def drill(topic: str | None = None, level: str | None = None, *, cards: Iterable[str] | None = None,
          new: int = NEW_A_DAY) -> Drill:
    """Drill interview questions: make it the last expression of a cell. What is due comes first, then new cards.

    `topic` and `level` choose, as in `drill(topic="pub-sub", level="mid")`; `cards` names cards by id and asks each
    of them once, due or not. `new` is how many new cards a day brings. Raises `InvalidUse` for what the deck does not
    have. A saved notebook shows the first card, and records nothing.
    """
    return Drill(Session(load_deck(), DrillState(), topic=topic, level=level, new=new, only=cards))


def interview(questions: int = 3, minutes: float = 30, *, topic: str | None = None, level: str | None = None,
              seed: int = 0) -> Talk:
    """A mock interview: open questions against the clock, a rubric after each, and a report of what to revise.

    `seed` chooses the questions. Make it the last expression of a cell; the clock starts when you press Start. Raises
    `InvalidUse` where there is nothing to ask. A saved notebook shows the time, the topic and level of each question
    and what will happen, and starts nothing.
    """
    return Talk(Interview(load_deck(), DrillState(), questions=questions, minutes=minutes, topic=topic, level=level,
                          seed=seed))


class _Shown:
    """What drill and interview have in common: a live card in a notebook, a static one in a saved one."""

    def __init__(self):
        self._step = 0  # counts what the card has shown: the browser builds it anew when this changes
        self._warning = ""
        self._widget: Any = None

    def _did(self, action: str, value: Any) -> dict:
        """Do what the browser reports, and return what the card shows now."""
        does: Callable[[Any], None] | None = getattr(self, f"_on_{action}", None)
        self._warning = ""
        if does is not None:
            try:
                does(value)
            except EvlabError as error:
                self._warning = f"{error.what} {error.next_step}".strip()
        return self._view()

    def _view(self) -> dict:
        raise NotImplementedError

    def _base(self, phase: str, **more: Any) -> dict:
        return {"n": None, "step": self._step, "phase": phase, "label": "", "about": "", "left": "", "until": None,
                "kind": "", "prompt": "", "trace": "", "note": "", "options": [], "items": [], "parts": [], "unit": "",
                "rubric": [], "verdict": "", "good": None, "rows": [], "proof": None, "buttons": [],
                "status": self._warning, "warn": bool(self._warning), **more}

    def _static(self) -> tuple[str, str]:
        """(text, HTML) of what is shown where no widget runs."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._static()[0]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        text, html = self._static()
        static = {"text/plain": text, "text/html": html}
        if saved_mode():
            return static
        from evlab.widgets.drill import DrillCard  # only here: ipywidgets takes 200 ms to import

        if self._widget is None:
            self._widget = DrillCard(self._view(), self._did)
        live, metadata = self._widget._repr_mimebundle_()
        return {**live, **static}, metadata


class Drill(_Shown):
    """A drill on one card of the notebook. `session` is the drill itself."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self._told: Told | None = None
        self._ticking = False
        self._proof: dict | None = None

    def _on_answer(self, value: Any) -> None:
        shown = self.session.shown
        if shown is None or self._told is not None:
            return
        if shown.card.kind == "open" and not self._ticking:
            self._ticking = True
        else:
            self._told = self.session.answer(value)
        self._step += 1

    def _on_unknown(self, _value: Any) -> None:
        if self.session.shown is not None and self._told is None:
            self._told = self.session.answer(None)
            self._step += 1

    def _on_rate(self, value: Any) -> None:
        if self._told is not None and value in [rating for rating, _, _ in other_ratings(self._told)]:
            self.session.rate(Rating(value))
            self._on_next(None)

    def _on_next(self, _value: Any) -> None:
        if self._told is not None:
            self._told, self._ticking, self._proof = None, False, None
            self._step += 1

    def _on_prove(self, _value: Any) -> None:
        if self._told is not None:
            shown = self._told.shown
            self._proof = proof_view(shown.card, prove(shown.card, shown.seed))

    def _on_more(self, _value: Any) -> None:
        self.session.new += MORE
        self._step += 1

    def _view(self) -> dict:
        if self._told is not None:
            return self._told_view(self._told)
        if (shown := self.session.next()) is None:
            return self._done_view()
        deck = self.session.deck
        view = self._base("rubric" if self._ticking else "ask", label="Drill", left=left(*self.session.left()),
                          **about(shown.card, deck, shown.new), **asked_view(shown))
        if self._ticking:
            view |= rubric_view(shown.card) | {"buttons": [
                {"action": "answer", "value": None, "label": "Done", "key": "Enter", "look": "main"}]}
        else:
            labels = {"open": "I have answered", "order": "Check the order"}
            main = [] if shown.card.options else [
                {"action": "answer", "value": None, "label": labels.get(shown.card.kind, "Check"), "key": "Enter",
                 "look": "main"}]
            view["buttons"] = [*main, _UNKNOWN]
        return view

    def _told_view(self, told: Told) -> dict:
        shown, now = told.shown, self.session.clock()
        view = self._base("told", label="Drill", left=left(*self.session.left()), proof=self._proof,
                          **about(shown.card, self.session.deck, shown.new), **asked_view(shown, told))
        rates = [{"action": "rate", "value": int(rating), "label": label, "key": key, "look": "plain"}
                 for rating, label, key in other_ratings(told)]
        return view | told_rows(told, now) | {"buttons": [_NEXT, *rates, _PROVE]}

    def _done_view(self) -> dict:
        answered, known = self.session.tally()
        said = f"{answered} answered, {known} known." if answered else "Nothing is due."
        due = self.session.next_due()
        rows = [["Comes next", f"The next card comes {when(due, self.session.clock())}."]] if due is not None else []
        return self._base("done", label="Drill", prompt=said, rows=rows, buttons=[
            {"action": "more", "value": None, "label": f"{MORE} new cards", "key": "Enter", "look": "plain"}])

    def _static(self) -> tuple[str, str]:
        if saved_mode():
            card = self.session.cards[0] if self.session.cards else None
            shown = present(card, 0) if card else None
        else:
            shown = self._told.shown if self._told else self.session.next()
        if shown is None:
            return "Drill: nothing is due.", card_html(None, self.session.deck)
        return card_text(shown, self.session.deck), card_html(shown, self.session.deck)


class Talk(_Shown):
    """A mock interview on one card of the notebook. `interview` is the interview itself; `report` its end, or None."""

    def __init__(self, interview: Interview):
        super().__init__()
        self.interview = interview
        self.report: Report | None = None
        self._phase = "start"
        self._card: Card | None = None
        self._score = 0.0

    def _on_start(self, _value: Any) -> None:
        if self._phase in ("start", "told"):
            self._card = self.interview.ask()
            self._phase = "ask" if self._card else "done"
            if self._card is None:
                self.report = self.interview.report()
            self._step += 1

    _on_next = _on_start

    def _on_answer(self, value: Any) -> None:
        if self._phase == "ask":
            self.interview.answered()
            self._phase = "rubric"
        elif self._phase == "rubric":
            if not isinstance(value, list):
                raise InvalidUse("Tick the points that you said.", next_step="Then press the button again.")
            self._score = self.interview.tick(value).score
            self._phase = "told"
        else:
            return
        self._step += 1

    def _view(self) -> dict:
        talk, phase, card = self.interview, self._phase, self._card
        if phase == "start":
            return self._base("start", label="Mock interview", about=talk_about(talk), prompt=TASK, buttons=[
                {"action": "start", "value": None, "label": "Start", "key": "Enter", "look": "main"}])
        if self.report is not None or card is None:
            return self._report_view()
        left = talk.seconds_left()
        view = self._base(phase, label="Mock interview", kind="open", prompt=card.prompt,
                          **about(card, talk.deck, False), left=f"{clock_text(left)} left" if phase != "ask" else "",
                          until=(time.time() + left) * 1000 if phase == "ask" else None)
        done = {"action": "answer", "value": None, "label": "I have answered", "key": "Enter", "look": "main"}
        if phase == "rubric":
            view |= rubric_view(card)
            done |= {"label": "Done"}
        if phase == "told":
            rows = [["Answer", card.answer]] + [["Asked next", text] for text in card.follow_ups]
            view |= {"rows": rows, "verdict": f"{self._score:.0%} of the points.", "good": None}
            done = {**_NEXT, "label": "Next question"}
        return view | {"buttons": [done]}

    def _report_view(self) -> dict:
        report = self.report or self.interview.report(keep=False)
        rows = [[name, f"{score:.0%}"] for name, score in report.topics().items()]
        rows += [["Not said", point] for one in report.answered for point in one.missed]
        books = ", ".join(report.notebooks())
        rows.append(["Revise", f"notebook {books}" if books else "nothing"])
        return self._base("done", label="Mock interview", rows=rows, prompt=(
            f"{report.score:.0%} in {clock_text(report.seconds)} of {clock_text(report.minutes * 60)}"))

    def _static(self) -> tuple[str, str]:
        if self.report is None:
            return talk_text(self.interview), talk_html(self.interview)
        from evlab.widgets.card import card, paragraph

        text = self.report.markdown()
        return text, card(paragraph(text), label="Mock interview")
