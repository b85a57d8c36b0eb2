"""One drill session: which card comes next, what is shown of it, what an answer is worth. It knows no screen.

    session = Session(load_deck(), DrillState())
    while shown := session.next():
        told = session.answer(...)      # on disk when it returns
        session.rate(Rating.EASY)       # if the learner wants another rating
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evlab.course.drills.cards import Card, Deck, Option
from evlab.course.drills.grading import Grade, grade
from evlab.course.drills.numeric import Variant, fill, mixed, review_seed, variant
from evlab.course.drills.scheduler import MISSED, Memory, Rating
from evlab.course.drills.state import DrillState
from evlab.course.workspace import course_notebooks
from evlab.errors import InvalidUse

__all__ = ["Session", "Shown", "Told", "present", "taught"]

NEW_A_DAY = 10


@dataclass(frozen=True)
class Shown:
    """A card as it is asked: its numbers drawn, its options or items mixed."""

    card: Card
    seed: int
    prompt: str
    order: tuple[int, ...]
    """What stands at each place: `order[0]` is the number, in the card, of the first option or item shown."""
    variant: Variant | None
    new: bool
    """Whether it was never answered before."""
    because: str
    """Why it is due, if a lab's hint made it so."""

    @property
    def options(self) -> list[Option]:
        """The options in the order shown."""
        return [self.card.options[number] for number in self.order] if self.card.options else []

    @property
    def items(self) -> list[str]:
        """The items in the order shown."""
        return [self.card.items[number] for number in self.order] if self.card.items else []

    def fill(self, text: str) -> str:
        """A text of the card with the drawn numbers in it."""
        if self.variant is None:
            return text
        return fill(text, {**self.variant.values, "answer": self.variant.answer})


@dataclass(frozen=True)
class Told:
    """What the learner is told after the answer."""

    shown: Shown
    given: Any
    """The answer, in the card's own numbers; None for "I don't know"."""
    grade: Grade
    answer: str
    pitfalls: tuple[str, ...]
    follow_ups: tuple[str, ...]
    due: float
    """When the card comes again, in seconds since 1970 UTC."""
    rating: Rating


def present(card: Card, seed: int, *, new: bool = False, because: str = "") -> Shown:
    """The card as this seed shows it. The same seed shows the same."""
    drawn = variant(card.numeric, seed) if card.numeric else None
    count = len(card.options) or len(card.items)
    order = tuple(range(count))
    if card.items:
        order = tuple(mixed(order, seed))  # never in the right order
    elif card.options:
        order = tuple(mixed(range(count + 1), seed))  # an option may stay where it was
        order = tuple(number for number in order if number < count)
    prompt = fill(card.prompt, drawn.values) if drawn else card.prompt
    return Shown(card, seed, prompt, order, drawn, new, because)


def taught(deck: Deck) -> set[str]:
    """The ids of the cards whose notebook is in the course."""
    there = {name.rpartition("/")[2][:2] for name in course_notebooks() if name.startswith("notebooks/")}
    return {card.id for card in deck.cards if card.notebook in there}


class Session:
    """Cards for one learner, one after the other.

    First what is due, the longest waiting first; then new cards in course order, at most `new` a day; then once more
    what was missed in this session, until it is known. Only cards whose notebook exists. `every` asks for each card
    once, due or not; so does `only`, for the cards that it names. `seed` varies numbers and order; two reviews of one
    card differ anyway. `clock` gives seconds since 1970 UTC.
    """

    def __init__(self, deck: Deck, state: DrillState, *, topic: str | None = None, level: str | None = None,
                 new: int = NEW_A_DAY, every: bool = False, only: Iterable[str] | None = None, seed: int = 0,
                 clock: Callable[[], float] = time.time):
        if isinstance(new, bool) or not isinstance(new, int) or new < 0:
            raise InvalidUse(f"new={new!r} is not a number of cards", next_step="give 0 or more")
        there = taught(deck)
        self.deck, self.state, self.clock = deck, state, clock
        self.cards = [card for card in deck.select(topic, level) if card.id in there]
        if only is not None:
            self.cards, every = [deck.card(id) for id in only], True
        self.new, self.every, self.seed = new, every, seed
        self.done: list[Told] = []
        self.shown: Shown | None = None
        """The card that waits for an answer, or None."""
        self._passed: set[str] = set()

    def next(self) -> Shown | None:
        """The card to answer now, or None when there is none. Asked again before an answer, it is the same card."""
        if self.shown is None:
            memories = self.state.memories()
            if (card := self._choose(memories)) is not None:
                memory = memories.get(card.id)
                reviews = memory.reviews if memory else 0
                self.shown = present(card, review_seed(card.id, reviews, self.seed), new=not reviews,
                                     because=memory.because if memory else "")
        return self.shown

    def answer(self, given: Any) -> Told:
        """Grade an answer to the card shown and record it: it is on disk when this returns.

        The answer is None for "I don't know"; of a choice or trace card the place, from 0, of the option as shown; of
        an order card the places, as shown, in the order given; otherwise as `grade` takes it. Raises `InvalidUse` for
        what is no answer; then nothing is recorded and the card still waits.
        """
        if (shown := self.shown) is None:
            raise InvalidUse("No card is waiting for an answer.", next_step="Call next() first.")
        given = self._in_cards_numbers(shown, given)
        found = grade(shown.card, given, shown.variant)
        now = self.clock()
        kept = given if given is None or isinstance(given, str | int | float) else list(given)
        self.state.review(shown.card.id, found.rating, answer=kept, seed=shown.seed, right=found.right, at=now)
        self.shown = None
        self._passed.add(shown.card.id)
        self.done.append(self._told(shown, kept, found, found.rating))
        return self.done[-1]

    def rate(self, rating: Rating) -> Told:
        """Rate the last answer otherwise, as the learner felt it: a right one hard or easy, a wrong one good where
        only the spelling was wrong. Returns what is told now. Raises `InvalidUse` before the first answer."""
        if not self.done:
            raise InvalidUse("No card was answered yet.", next_step="Answer one first.")
        last = self.done[-1]
        self.state.rate(last.shown.card.id, rating, self.clock())
        self.done[-1] = self._told(last.shown, last.given, last.grade, Rating(rating))
        return self.done[-1]

    def left(self) -> tuple[int, int, int]:
        """How many cards are to come: due, new, and missed in this session."""
        memories = self.state.memories()
        due, new, missed = self._waiting(memories)
        return len(due), len(new), len(missed)

    def tally(self) -> tuple[int, int]:
        """(answered, right or better) in this session."""
        return len(self.done), sum(told.rating >= Rating.GOOD for told in self.done)

    def next_due(self) -> float | None:
        """When the next card of this session's topic and level comes, in seconds since 1970 UTC; None if none will."""
        mine = {card.id for card in self.cards}
        return min((memory.due for id, memory in self.state.memories().items() if id in mine), default=None)

    # ------------------------------------------------------------------------------------------------

    def _choose(self, memories: dict[str, Memory]) -> Card | None:
        return next((card for cards in self._waiting(memories) for card in cards), None)

    def _waiting(self, memories: dict[str, Memory]) -> tuple[list[Card], list[Card], list[Card]]:
        now = self.clock()
        if self.every:
            return [card for card in self.cards if card.id not in self._passed], [], []
        known = [(memories[card.id].due, place, card) for place, card in enumerate(self.cards) if card.id in memories]
        due = [card for at, _, card in sorted(known, key=lambda one: one[:2]) if at <= now]
        new = [card for card in self.cards if card.id not in memories]
        missed = [card for at, _, card in sorted(known, key=lambda one: one[:2])
                  if now < at <= now + 1.5 * MISSED.total_seconds() and card.id in self._passed
                  and memories[card.id].rating == Rating.AGAIN]
        return due, new[:max(0, self.new - self._begun(memories, now))], missed

    def _begun(self, memories: dict[str, Memory], now: float) -> int:
        """How many cards were new today, by the calendar of this machine."""
        days = Counter(datetime.fromtimestamp(one.first).date() for one in memories.values() if one.reviews)
        return days[datetime.fromtimestamp(now).date()]

    def _in_cards_numbers(self, shown: Shown, given: Any) -> Any:
        """An answer given by places on the screen, in the card's own numbers."""
        def number(place: Any) -> int:
            if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(shown.order):
                raise InvalidUse(f"{str(place)[:20]!r} is no place on this card.",
                                 next_step=f"Choose 1 to {len(shown.order)}.")
            return shown.order[place]

        if given is None or not shown.order:
            return given
        if shown.card.options:
            return number(given)
        if isinstance(given, str) or not isinstance(given, list | tuple):
            raise InvalidUse("That is no order of the items.", next_step=f"Place each of the {len(shown.order)} once.")
        return [number(place) for place in given]

    def _told(self, shown: Shown, given: Any, found: Grade, rating: Rating) -> Told:
        memory = self.state.memories().get(shown.card.id)
        return Told(shown, given, found, shown.fill(shown.card.answer), tuple(map(shown.fill, shown.card.pitfalls)),
                    tuple(map(shown.fill, shown.card.follow_ups)), memory.due if memory else self.clock(), rating)
