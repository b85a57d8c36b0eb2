"""`hash` as each process of an answer has it."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import date, time
from typing import Any

from evlab.event import Event

__all__ = ["salted"]


def salted(salt: int) -> Callable[[Any], int]:
    """Python's `hash`, which gives a text another number in each process, so that nobody may keep it or send it.

    The judge's processes are told to have one salt, or no verdict would be the same twice. So each gets its own here.
    """
    def hash(value: Any) -> int:
        found = builtins.hash(value)
        return found ^ (salt >> 3) if _has_text(value) else found

    return hash


def _has_text(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(map(_has_text, value))
    return isinstance(value, str | bytes | date | time | Event)  # a date hashes its bytes, an event its id
