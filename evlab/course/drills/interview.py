"""A mock interview: open cards against the clock, a rubric to tick after each, and a report of what to revise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from evlab.course.drills.cards import Card, Deck
from evlab.course.drills.grading import grade
from evlab.course.drills.numeric import mixed, review_seed
from evlab.course.drills.sayings import many
from evlab.course.drills.session import taught
from evlab.course.drills.state import DrillState
from evlab.errors import InvalidUse

__all__ = ["Answered", "Interview", "Report"]


@dataclass(frozen=True)
class Answered:
    """One question of an interview, after the rubric."""

    card: str
    topic: str
    """As a person reads it."""
    level: str
    notebook: str
    prompt: str
    score: float
    """0 to 1."""
    missed: tuple[str, ...]
    """The points of the rubric that were not said."""
    seconds: float
    """From the question to the end of the answer."""
    reached: bool = True
    """False if the time was up before it was asked."""


@dataclass(frozen=True)
class Report:
    """What an interview showed."""

    answered: tuple[Answered, ...]
    minutes: float
    """The time that was given."""
    seconds: float
    """The time that was used, rubrics not counted."""
    seed: int

    @property
    def score(self) -> float:
        """0 to 1: the mean over all questions; one that was not reached is worth nothing."""
        return sum(one.score for one in self.answered) / len(self.answered)

    def topics(self) -> dict[str, float]:
        """The mean score of each topic, the weakest first."""
        names = dict.fromkeys(one.topic for one in self.answered)
        scores = {name: [one.score for one in self.answered if one.topic == name] for name in names}
        return dict(sorted(((name, sum(all_) / len(all_)) for name, all_ in scores.items()), key=lambda one: one[1]))

    def notebooks(self) -> list[str]:
        """The notebooks to revise, as in "02": those of questions with a missed point, the most missed first."""
        lost: dict[str, float] = {}
        for one in self.answered:
            if one.score < 1:
                lost[one.notebook] = lost.get(one.notebook, 0) + 1 - one.score
        return sorted(lost, key=lambda name: (-lost[name], name))

    def markdown(self) -> str:
        """The report as a Markdown page."""
        lines = ["# Mock interview", "", f"Score: {self.score:.0%} over {many(len(self.answered), 'question')}, "
                 f"{clock_text(self.seconds)} of {clock_text(self.minutes * 60)} used (seed {self.seed}).", "",
                 "| topic | score |", "|---|---:|"]
        lines += [f"| {_cell(name)} | {score:.0%} |" for name, score in self.topics().items()]
        for number, one in enumerate(self.answered, 1):
            time_used = clock_text(one.seconds) if one.reached else "not reached"
            lines += ["", f"## {number}. {_cell(one.topic)}, {one.level}: {one.score:.0%}, {time_used}", "",
                      *[f"> {line}" for line in one.prompt.split("\n")], ""]
            lines += [f"- missed: {point}" for point in one.missed] or ["- every point was said"]
        books = self.notebooks()
        lines += ["", f"Revise: {', '.join(f'notebook {name}' for name in books)}." if books else "Nothing to revise."]
        return "\n".join(lines) + "\n"


class Interview:
    """Asks `questions` open cards in `minutes`. `seed` chooses the cards: spread over topics, none twice.

    `clock` gives seconds since 1970 UTC; time runs while a question is answered and stands still while a rubric is
    ticked. The call order is: `ask()`, `answered()`, `tick(points)`, and again until `ask()` is None; then `report()`.
    Raises `InvalidUse` where the deck has no open card to ask.
    """

    def __init__(self, deck: Deck, state: DrillState, *, questions: int = 3, minutes: float = 30,
                 topic: str | None = None, level: str | None = None, seed: int = 0,
                 clock: Callable[[], float] = time.time):
        if isinstance(questions, bool) or not isinstance(questions, int) or questions < 1:
            raise InvalidUse(f"questions={questions!r} is not a number of questions", next_step="give 1 or more")
        if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= 600:
            raise InvalidUse(f"minutes={minutes!r} is no time for an interview", next_step="give 1 to 600")
        there = taught(deck)
        open_cards = [card for card in deck.select(topic, level) if card.kind == "open" and card.id in there]
        if not open_cards:
            raise InvalidUse("there is no open card to ask", why="an interview asks open cards of the notebooks that "
                             "exist", next_step="leave out --topic or --level, or drill without --interview")
        self.deck, self.state, self.clock, self.minutes, self.seed = deck, state, clock, minutes, seed
        self.cards = _spread(open_cards, questions, seed)
        self._done: list[Answered] = []
        self._used = 0.0
        self._began: float | None = None
        self._took: float | None = None

    def ask(self) -> Card | None:
        """The question to answer now; its clock starts. None when all are asked or the time is up."""
        if len(self._done) == len(self.cards) or self.seconds_left() <= 0:
            return None
        if self._began is None:
            self._began = self.clock()
        return self.cards[len(self._done)]

    def answered(self) -> Card:
        """The answer is over; its clock stops. Returns the card, whose rubric is to be ticked now."""
        if self._began is None:
            raise InvalidUse("No question is open.", next_step="Call ask() first.")
        if self._took is None:
            self._took = max(0.0, self.clock() - self._began)
            self._used += self._took
        return self.cards[len(self._done)]

    def tick(self, points: Iterable[int]) -> Answered:
        """Take the points of the rubric that were said, by number from 0. The review is on disk when this returns."""
        card, points = self.answered(), sorted(set(points))
        found = grade(card, points)
        memory = self.state.memories().get(card.id)
        self.state.review(card.id, found.rating, answer=points, right=found.right, at=self.clock(),
                          seed=review_seed(card.id, memory.reviews if memory else 0))
        one = self._answered(card, found.score, [not mark for mark in found.marks], self._took or 0.0)
        self._done.append(one)
        self._began = self._took = None
        return one

    def seconds_left(self) -> float:
        """What is left of the time; below 0 while an answer runs over."""
        running = self.clock() - self._began if self._began is not None and self._took is None else 0.0
        return self.minutes * 60 - self._used - max(0.0, running)

    def report(self, keep: bool = True) -> Report:
        """The report so far; questions that were not asked count as not reached. `keep` records it."""
        rest = [self._answered(card, 0.0, [True] * len(card.rubric), 0.0, False)
                for card in self.cards[len(self._done):]]
        report = Report((*self._done, *rest), self.minutes, self._used, self.seed)
        if keep:
            self.state.record("interview", f"seed-{self.seed}", asdict(report), at=self.clock())
        return report

    def _answered(self, card: Card, score: float, missing: list[bool], seconds: float,
                  reached: bool = True) -> Answered:
        missed = tuple(point.text for point, away in zip(card.rubric, missing, strict=True) if away)
        return Answered(card.id, self.deck.titles[card.topic], card.level, card.notebook, card.prompt, score, missed,
                        seconds, reached)


def clock_text(seconds: float) -> str:
    """605 seconds as 10:05, rounded up as a clock that counts down shows it."""
    whole = math.ceil(seconds - 0.001)
    return f"{'-' if whole < 0 else ''}{abs(whole) // 60}:{abs(whole) % 60:02}"


def _spread(cards: list[Card], count: int, seed: int) -> list[Card]:
    """`count` cards in a seeded order, one of each topic before a second of any."""
    rounds: dict[str, int] = {}
    ranked = []
    for card in mixed(cards, seed):
        rounds[card.topic] = rounds.get(card.topic, 0) + 1
        ranked.append((rounds[card.topic], len(ranked), card))
    return [card for _, _, card in sorted(ranked, key=lambda one: one[:2])][:count]


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")
