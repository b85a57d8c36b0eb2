"""What is said in the same words in a terminal and in a notebook."""

from __future__ import annotations

import time

from evlab.course.drills.scheduler import Rating
from evlab.course.drills.session import Told

__all__ = ["in_order", "left", "many", "other_ratings", "verdict", "when"]


def left(due: int, new: int, missed: int) -> str:
    """"2 due, 7 new": what is to come, or ""."""
    return ", ".join(f"{count} {name}" for count, name in ((due, "due"), (new, "new"), (missed, "missed")) if count)


def many(count: int, thing: str) -> str:
    """"1 card", "2 cards"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def other_ratings(told: Told) -> list[tuple[Rating, str, str]]:
    """The ratings that the learner may give instead: (rating, words, key)."""
    if told.grade.right:
        return [(Rating.HARD, "It was hard", "h"), (Rating.EASY, "It was easy", "e")]
    if told.shown.card.kind in ("cloze", "numeric") and told.given is not None:
        return [(Rating.GOOD, "I was right", "g")]
    return []


def when(due: float, now: float) -> str:
    """"in 10 minutes", "tomorrow", "in 14 days": how far off a time is, in words."""
    away = due - now
    if away <= 60:
        return "now"
    if away < 3600:
        return f"in {round(away / 60)} minutes"
    day, today = (time.mktime((*time.localtime(at)[:3], 12, 0, 0, 0, 0, -1)) for at in (due, now))
    days = round((day - today) / 86400)
    if days < 1:
        return f"at {time.strftime('%H:%M', time.localtime(due))}"
    return "tomorrow" if days == 1 else f"in {days} days"


def in_order(told: Told) -> list[tuple[str, str]]:
    """The items of an order card in the right order, each with "right", "wrong" or "", and what stood there instead."""
    items, given = told.shown.card.items, told.given
    if given is None:
        return [(text, "") for text in items]
    return [(text, "right") if given[place] == place else (f"{text} (you: {items[given[place]]})", "wrong")
            for place, text in enumerate(items)]


def verdict(told: Told) -> str:
    """How the answer was, in a sentence."""
    if told.given is None:
        return "Now you know."
    if told.shown.card.kind == "open":
        return f"{told.grade.score:.0%} of the points."
    if told.grade.right:
        return "Right."
    if any(told.grade.marks):
        return f"{sum(told.grade.marks)} of {len(told.grade.marks)} are right."
    return f"Not {told.given}." if told.shown.card.kind == "numeric" else "Not this one."
