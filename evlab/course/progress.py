"""What a learner has done: guesses, quizzes, checks and visits, as facts in one SQLite file per user.

What you see ("right so far") is the latest fact of each question.
"""

from __future__ import annotations

from typing import NamedTuple

from evlab.course.facts import Fact, FactFile, home_folder, saved_mode

__all__ = ["Fact", "Progress", "Tally", "home_folder", "saved_mode"]


class Tally(NamedTuple):
    """How many questions of one kind have an answer, and how many of their latest answers are right."""

    made: int
    right: int


class Progress(FactFile):
    """The learner's facts, in `path`, or in this user's own progress.db; see `FactFile` for what is kept."""

    name, holds = "progress", "progress"

    def summary(self) -> dict[str, Tally]:
        """How much of each kind is done: {"guess": Tally(made=12, right=7), ...}. A kind without facts is absent."""
        tallies: dict[str, Tally] = {}
        for fact in self.facts():
            made, right = tallies.get(fact.kind, (0, 0))
            tallies[fact.kind] = Tally(made + 1, right + (fact.right is True))
        return tallies
