"""Interview drills: a deck of cards that code proves, spaced repetition, a mock interview.

A name is imported when it is first used, so `import evlab.course.drills` costs nothing.
"""

from __future__ import annotations

import importlib

_HOME_OF = {
    "Card": "cards",
    "Deck": "cards",
    "DeckError": "deck",
    "DrillState": "state",
    "Fault": "deck",
    "Interview": "interview",
    "Rating": "scheduler",
    "Session": "session",
    "lint": "deck",
    "load_deck": "deck",
    "make_due": "state",
    "prove": "proof",
    "uncovered": "deck",
    "write_anki": "anki",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evlab.course.drills' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evlab.course.drills.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
