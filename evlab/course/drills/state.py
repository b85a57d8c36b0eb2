"""What a learner has drilled: reviews and "make due" facts, and the memory of each card as a fold over them.

Four kinds of facts: "review" (a card was answered), "rating" (the learner rates the review before it otherwise),
"due" (a lab's hint fired, so its cards are due), "interview" (a report). Facts are only added. The id is the card's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.course.drills.cards import Deck
from evlab.course.drills.scheduler import Memory, Rating, chance_to_recall, made_due, reviewed
from evlab.course.facts import Fact, FactFile
from evlab.errors import InvalidUse

__all__ = ["DrillState", "TopicSummary", "make_due"]

LAST = 32503680000.0
"""The year 3000."""


class TopicSummary(NamedTuple):
    """How far a learner is in one topic."""

    topic: str
    title: str
    cards: int
    seen: int
    """Cards that were answered at least once."""
    due: int
    retention: float | None
    """The mean chance, 0 to 1, to recall a seen card now; None if none was seen."""


class DrillState(FactFile):
    """This user's drills.db, or the file `path`; see `FactFile` for what is kept and what damage does.

    A review is on disk when `review` returns. Facts of cards that the deck no longer has stay and do nothing.
    """

    name, holds = "drills", "drills"

    def __init__(self, path: str | os.PathLike | None = None):
        super().__init__(path)
        self._read_to = 0  # the number of the last fact in the fold
        self._latest: dict[str, Memory] = {}
        self._before: dict[str, Memory | None] = {}  # before the last review: a later rating takes its place

    def review(self, card_id: str, rating: Rating, *, answer: Any = None, seed: int = 0, right: bool | None = None,
               at: float | None = None) -> Fact:
        """Add the review of a card at the time `at` (now, if not given) and return it.

        `answer` is what was answered, `seed` what drew its numbers and mixed its options.
        """
        value = {"rating": int(_rating(rating)), "answer": answer, "seed": seed}
        return self.record("review", card_id, value, right, at)

    def rate(self, card_id: str, rating: Rating, at: float | None = None) -> None:
        """Rate the card's latest review otherwise: "it was hard", "I was right after all"."""
        self.record("rating", card_id, int(_rating(rating)), None, at)

    def make_due(self, card_ids: Iterable[str], because: str, at: float | None = None) -> None:
        """Make cards due now, seen or not: a lab's hint fired. `because` says why, and the learner reads it.

        A card that is due for the same reason already gets no second fact, and an id that is no card's does nothing.
        """
        if not isinstance(because, str) or not because.strip():
            raise InvalidUse(f"because={because!r} says no reason", next_step="say why, as in \"lab01.q2: SWALLOWED\"")
        ids = [one for one in dict.fromkeys(card_ids) if isinstance(one, str) and one and not self._waits(one, because)]
        self.record_all("due", dict.fromkeys(ids, because), at)

    def _waits(self, id: str, because: str) -> bool:
        """Whether that card was made due for that reason and not reviewed since. It loads no scheduler."""
        due, review = self.latest("due", id), self.latest("review", id)
        return due is not None and due.value == because and (review is None or review.at < due.at)

    def memories(self) -> dict[str, Memory]:
        """The memory of each card that was ever reviewed or made due, by id."""
        for number, fact in self.history(self._read_to):
            if number <= self._read_to:  # the file was begun anew
                self._latest.clear()
                self._before.clear()
            self._read_to = number
            if isinstance(fact.at, int | float) and 0 <= fact.at <= LAST:  # bits may flip where SQLite cannot see it
                self._fold(fact)
        return dict(self._latest)

    def _fold(self, fact: Fact) -> None:
        id, now, rating = fact.id, self._latest.get(fact.id), _read(fact)
        if fact.kind == "review" and rating:
            self._before[id], self._latest[id] = now, reviewed(now, rating, fact.at)
        elif fact.kind == "rating" and rating and id in self._before and now is not None:
            again = reviewed(self._before[id], rating, now.last)
            self._latest[id] = made_due(again, now.because, now.due) if now.because else again
        elif fact.kind == "due":
            self._latest[id] = made_due(now, str(fact.value), fact.at)

    def due(self, deck: Deck, now: float | None = None) -> list[str]:
        """The ids of the deck's cards that are due, the longest waiting first, then in course order."""
        now = time.time() if now is None else now
        memories = self.memories()
        waiting = [card.id for card in deck.cards if card.id in memories and memories[card.id].due <= now]
        return sorted(waiting, key=lambda id: memories[id].due)

    def summary(self, deck: Deck, now: float | None = None) -> list[TopicSummary]:
        """How far the learner is in each topic of the deck, in course order."""
        now = time.time() if now is None else now
        memories = self.memories()
        lines = []
        for topic in dict.fromkeys(card.topic for card in deck.cards):
            cards = [card.id for card in deck.cards if card.topic == topic]
            seen = [memories[id] for id in cards if id in memories and memories[id].reviews]
            due = sum(id in memories and memories[id].due <= now for id in cards)
            retention = sum(chance_to_recall(one, now) for one in seen) / len(seen) if seen else None
            lines.append(TopicSummary(topic, deck.titles[topic], len(cards), len(seen), due, retention))
        return lines


def make_due(card_ids: Iterable[str], because: str) -> None:
    """Make these cards due now for this user: `make_due(["ack-lost"], because="lab01.q2: SWALLOWED")`.

    For graders: it reads no deck, and ids that are no card's do nothing. Raises `InvalidUse` without a reason.
    """
    DrillState().make_due(card_ids, because)


def _rating(rating: Any) -> Rating:
    try:
        return Rating(rating)
    except ValueError as error:
        raise InvalidUse(f"{rating!r} is no rating", why="it is 1 again, 2 hard, 3 good or 4 easy",
                         next_step="give one of 1, 2, 3, 4") from error


def _read(fact: Fact) -> Rating | None:
    """The rating in a fact, or None in one that another version has written."""
    value = fact.value.get("rating") if isinstance(fact.value, dict) else fact.value
    return Rating(value) if value in (1, 2, 3, 4) and not isinstance(value, bool) else None
