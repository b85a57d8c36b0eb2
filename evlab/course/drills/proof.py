"""Runs the code that proves a card's answer, and its false twin."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any, NamedTuple

from evlab.course.drills.cards import Card
from evlab.course.drills.numeric import variant

__all__ = ["Proved", "prove"]


class Proved(NamedTuple):
    """What became of a proof."""

    printed: str
    """What the code printed."""
    holds: Any
    """The value of the card's answer after the code; True proves it. None if the code did not get there."""
    fails: Any
    """The value of the false twin; it must be False."""
    error: str
    """Where and why the code stopped, or ""."""
    seconds: float
    """Processor time."""

    @property
    def ok(self) -> bool:
        """Whether the answer is proven: `holds` is True itself and `fails` is False itself, not merely like them."""
        return not self.error and self.holds is True and self.fails is False

    def __str__(self) -> str:
        if self.error:
            return f"the proof stopped: {self.error}"
        return f"holds is {self.holds!r}, fails is {self.fails!r}" + (
            "" if self.ok else "; they should be True and False")


def prove(card: Card, seed: int = 0) -> Proved:
    """Run the card's proof in a fresh namespace of this process. Never raises for what the code does.

    The code of a numeric card finds its drawn names and `answer` defined; `seed` draws them.
    """
    names: dict[str, Any] = {"__name__": "proof", "__builtins__": __builtins__}
    if card.numeric is not None:
        drawn = variant(card.numeric, seed)
        names |= drawn.values
        names["answer"] = drawn.answer
    said, started, found, error = io.StringIO(), time.process_time(), {}, ""
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(card.proof.code, f"<proof of {card.id}>", "exec", dont_inherit=True), names)
            for name in ("holds", "fails"):
                text = getattr(card.proof, name).strip()
                found[name] = eval(compile(text, f"<{name} of {card.id}>", "eval", dont_inherit=True), names)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # a World's Dead and a SystemExit are no Exception
            error = _where(card, problem)
    return Proved(said.getvalue(), found.get("holds"), found.get("fails"), error, time.process_time() - started)


def _where(card: Card, problem: BaseException) -> str:
    """"line 3, `bus.publish(e)`: InvalidUse: ...": the last line of the proof on the way to the error."""
    place, step = "", problem.__traceback__
    while step is not None:
        name, number = step.tb_frame.f_code.co_filename, step.tb_lineno
        if name == f"<proof of {card.id}>":
            lines = card.proof.code.splitlines()
            place = f"line {number}, `{lines[number - 1].strip()}`: " if number <= len(lines) else ""
        elif name in (f"<holds of {card.id}>", f"<fails of {card.id}>"):
            place = f"{name[1:6]}: "
        step = step.tb_next
    return f"{place}{type(problem).__name__}: {' '.join(str(problem).split())}"
