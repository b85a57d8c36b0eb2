"""When a card comes again: FSRS, which models how memory fades, by the package py-fsrs.

A card comes when the chance to recall it has fallen to 90 %. Its memory (stability in days, difficulty 1 to 10) is a
fold over its reviews, so no schedule is stored and none can be out of date. Nothing is random: the same reviews give
the same days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Any

__all__ = ["Memory", "Rating", "chance_to_recall", "made_due", "reviewed"]

RETENTION = 0.9
MISSED = timedelta(minutes=10)
"""A missed card comes again after this time; a card that was known goes straight to days."""


class Rating(IntEnum):
    """How well a card was recalled, in FSRS's words and numbers."""

    AGAIN = 1
    HARD = 2
    GOOD = 3
    EASY = 4


@dataclass(frozen=True)
class Memory:
    """What is known of one card: nothing yet, or what its reviews add up to. Times are seconds since 1970 UTC."""

    due: float
    reviews: int = 0
    last: float = 0.0
    """When it was last reviewed."""
    rating: Rating | None = None
    """The last one."""
    first: float = 0.0
    """When it was first reviewed."""
    because: str = ""
    """Why it was made due since its last review; "" if it was not."""
    card: Any = None
    """FSRS's own card; None before the first review."""


def reviewed(memory: Memory | None, rating: Rating, at: float) -> Memory:
    """The memory after one more review. A clock that went back counts as one that stood still."""
    import fsrs

    before = memory or Memory(due=at)
    at = max(at, before.last)
    card = before.card or fsrs.Card(card_id=1, due=_time(at))  # without an id it sleeps 1 ms to make one
    card, _ = _scheduler().review_card(card, fsrs.Rating(int(rating)), _time(at))
    return Memory(card.due.timestamp(), before.reviews + 1, at, rating, before.first or at, "", card)


def made_due(memory: Memory | None, because: str, at: float) -> Memory:
    """The memory of a card that something outside has made due: now, if it was not due before."""
    if memory is None:
        return Memory(due=at, because=because)
    return replace(memory, due=min(memory.due, at), because=because)


def chance_to_recall(memory: Memory | None, now: float) -> float:
    """The estimate, from 0 to 1, that the card is recalled at `now`; 0 for a card that was never seen."""
    if memory is None or memory.card is None:
        return 0.0
    return _scheduler().get_card_retrievability(memory.card, _time(now))


@cache
def _scheduler() -> Any:
    import fsrs

    return fsrs.Scheduler(desired_retention=RETENTION, learning_steps=(MISSED,), relearning_steps=(MISSED,),
                          enable_fuzzing=False)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
