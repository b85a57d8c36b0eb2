"""Grades an answer as far as a program can: the rest is the learner's, who ticks the points of a rubric."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evlab.course.drills.cards import Card
from evlab.course.drills.numeric import Variant, is_close
from evlab.course.drills.rules import GAP
from evlab.course.drills.scheduler import Rating
from evlab.course.numbers import read_number
from evlab.errors import InvalidUse

__all__ = ["Grade", "cloze_parts", "grade"]

GOOD, HARD = 0.9, 0.6
"""The scores from which an answer counts as good, and as hard."""


@dataclass(frozen=True)
class Grade:
    """What an answer is worth."""

    score: float
    """From 0 to 1."""
    marks: tuple[bool, ...] = ()
    """Right or wrong, of each place of an order card, gap of a cloze card, or point of a rubric."""

    @property
    def right(self) -> bool:
        """Whether the answer is good as it stands; of an open card, whether nearly every point was said."""
        return self.score >= GOOD

    @property
    def rating(self) -> Rating:
        """Again, Hard or Good. Easy is only the learner's to say."""
        return Rating.GOOD if self.right else Rating.HARD if self.score >= HARD else Rating.AGAIN


def grade(card: Card, answer: Any, variant: Variant | None = None) -> Grade:
    """Grade an answer; None, "I don't know", is worth nothing.

    The answer is: of a choice or trace card the number of the option, as the card lists them, from 0; of an order card
    the items' numbers in the order given; of a cloze card a text for each gap; of a numeric card a number or text; of
    an open card the numbers of the points that were said. Raises `InvalidUse` for anything else.
    """
    if answer is None:
        return Grade(0.0)
    return {"choice": _choice, "trace": _choice, "order": _order, "cloze": _cloze, "numeric": _numeric,
            "open": _open}[card.kind](card, answer, variant)


def cloze_parts(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """A cloze text as (words, what may stand in the gap after them); the last gap is ()."""
    pieces = GAP.split(text)
    gaps = [tuple(one.strip() for one in gap.split("|")) for gap in pieces[1::2]]
    return list(zip(pieces[0::2], [*gaps, ()], strict=True))


def _choice(card: Card, answer: Any, _variant: Variant | None) -> Grade:
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(card.options):
        raise InvalidUse("That is no option.", next_step=f"Choose 1 to {len(card.options)}.")
    return Grade(float(card.options[answer].right))


def _order(card: Card, answer: Any, _variant: Variant | None) -> Grade:
    count = len(card.items)
    if not isinstance(answer, Sequence) or isinstance(answer, str) or sorted(map(repr, answer)) != sorted(
            map(repr, range(count))):
        raise InvalidUse("That is no order of the items.", next_step=f"Place each of the {count} once.")
    marks = tuple(placed == number for number, placed in enumerate(answer))
    return Grade(float(all(marks)), marks)


def _cloze(card: Card, answer: Any, _variant: Variant | None) -> Grade:
    gaps = [allowed for _, allowed in cloze_parts(card.text)[:-1]]
    if not isinstance(answer, Sequence) or isinstance(answer, str) or len(answer) != len(gaps):
        raise InvalidUse(f"This card has {len(gaps)} gaps.", next_step="Give a text for each.")
    marks = tuple(_bare(str(given)) in map(_bare, allowed) for given, allowed in zip(answer, gaps, strict=True))
    return Grade(sum(marks) / len(marks), marks)


def _bare(text: str) -> str:
    """A text without what nobody means by it: case, quotes, hyphens for spaces, a full stop."""
    return re.sub(r"[\s_-]+", " ", text.strip(" \t\n`'\".,;:").casefold())


def _numeric(card: Card, answer: Any, variant: Variant | None) -> Grade:
    if variant is None or card.numeric is None:
        raise InvalidUse(f"The card {card.id!r} was graded without its numbers.",
                         next_step="Give the numbers that were shown with it.")
    text = str(answer).strip()
    given = answer if isinstance(answer, int | float) else read_number(
        text.removesuffix(card.numeric.unit).strip() if card.numeric.unit else text)
    return Grade(float(is_close(given, variant.answer, card.numeric.tolerance)))


def _open(card: Card, answer: Any, _variant: Variant | None) -> Grade:
    count = len(card.rubric)
    if not isinstance(answer, Sequence | set | frozenset) or isinstance(answer, str) or not all(
            isinstance(one, int) and not isinstance(one, bool) and 0 <= one < count for one in answer):
        raise InvalidUse("That is no list of points of the rubric.", next_step=f"Tick 1 to {count}.")
    marks = tuple(number in answer for number in range(count))
    return Grade(round(sum(point.weight for point, said in zip(card.rubric, marks, strict=True) if said), 6), marks)
