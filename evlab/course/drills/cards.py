"""What a drill card is: one decision, its answer, and the code that proves the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evlab.errors import InvalidUse

__all__ = ["KINDS", "LEVELS", "Card", "Deck", "Numeric", "Option", "PlanItem", "Point", "Proof"]

LEVELS = ("junior", "mid", "senior", "staff")
KINDS = ("choice", "order", "cloze", "numeric", "trace", "open")


@dataclass(frozen=True)
class Option:
    """One choice of a card, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Point:
    """One thing that a good open answer says, and its share of the score. The weights of a card sum to 1."""

    text: str
    weight: float


@dataclass(frozen=True)
class Numeric:
    """A question with other numbers at each review."""

    draw: Mapping[str, tuple[float, float, float]]
    """Each name with its lowest value, its highest, and the step between two values."""
    answer: str
    """The formula: plain arithmetic over the names."""
    unit: str
    tolerance: float
    """How far off an answer may be, as a share of the right one; 0 is exact."""


@dataclass(frozen=True)
class Proof:
    """Code that makes the card's situation, what is true after it, and what the misconception would have made true."""

    code: str
    holds: str
    fails: str


@dataclass(frozen=True)
class Card:
    """One decision to drill. Which of `options`, `items`, `text`, `numeric`, `trace` and `rubric` is set depends on
    `kind`; the others are empty."""

    id: str
    """Permanent: reviews of years ago name it."""
    topic: str
    level: str
    kind: str
    notebook: str
    """Where it is taught, as in "02"."""
    prompt: str
    answer: str
    """At most 60 words, as one would say it."""
    pitfalls: tuple[str, ...]
    follow_ups: tuple[str, ...]
    proof: Proof
    options: tuple[Option, ...] = ()
    items: tuple[str, ...] = ()
    """In the right order."""
    text: str = ""
    """Of a cloze card: the sentence, its gaps in braces, as in "no {ack|acknowledgement}"."""
    numeric: Numeric | None = None
    trace: str = ""
    rubric: tuple[Point, ...] = ()
    syllabus: tuple[str, ...] = ()
    """The items of the plan that this card covers."""


@dataclass(frozen=True)
class PlanItem:
    """A talking point, interview question or takeaway that the course promises to drill."""

    id: str
    text: str
    notebook: str
    breaks: str = ""
    """Of a talking point: the follow-up question that breaks the slogan."""


@dataclass(frozen=True)
class Deck:
    """All cards in course order: by notebook, then from junior to staff, then as their files list them."""

    cards: tuple[Card, ...]
    titles: Mapping[str, str]
    """Each topic with the words that a person reads."""
    plan: tuple[PlanItem, ...] = ()
    _by_id: dict[str, Card] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self):
        self._by_id.update((card.id, card) for card in self.cards)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def card(self, id: str) -> Card:
        """The card with that id. Raises `InvalidUse` if there is none."""
        if id not in self._by_id:
            raise InvalidUse(f"there is no card {id!r}", next_step="see `evlab drill --stats` for the topics")
        return self._by_id[id]

    def select(self, topic: str | None = None, level: str | None = None) -> tuple[Card, ...]:
        """The cards of a topic, of a level, of both or of all, in course order. Raises `InvalidUse` for a topic or
        level that the deck does not have."""
        for name, value, known in (("topic", topic, list(self.titles)), ("level", level, list(LEVELS))):
            if value is not None and value not in known:
                raise InvalidUse(f"there is no {name} {str(value)[:40]!r}", next_step=f"use one of: {', '.join(known)}")
        return tuple(card for card in self.cards if topic in (None, card.topic) and level in (None, card.level))
