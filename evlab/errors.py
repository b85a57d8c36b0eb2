"""Errors that teach: each says what happened, why, and what to do next.

Every error that evlab raises for a user's mistake is an `EvlabError`. It carries its facts as attributes, so a
program can act on them, and `retriable`, which answers one question: may the same call succeed later, unchanged?
"""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Iterator
from types import TracebackType

__all__ = ["EvlabError", "InvalidEvent", "InvalidPattern", "InvalidUse", "Timeout", "Unreachable", "WouldBlock",
           "WrongExpectedVersion", "learner_lines", "learner_traceback"]

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class EvlabError(Exception):
    """The root of evlab's errors: what happened, why, and the next step.

    `what`, `why` and `next_step` are plain sentences. Further keyword arguments are the facts of the case; each
    becomes an attribute.
    """

    retriable = False

    def __init__(self, what: str, *, why: str = "", next_step: str = "", **facts):
        self.what, self.why, self.next_step = what, why, next_step
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        if self.next_step:
            parts.append(f"Next step: {self.next_step}")
        return "\n  ".join(parts)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the learner's own lines, then the three sentences. No path of a machine."""
        return [f"{where}: {code}" for where, code in learner_lines(self)] + [f"{type(self).__name__}: {self}"]


class InvalidEvent(EvlabError):
    """An event, or bytes that should be one, break a rule. `path` names the field, as in `$.metadata.eventId`."""


class InvalidPattern(EvlabError):
    """A subscription pattern that can match nothing, or is not a string."""


class InvalidUse(EvlabError):
    """A call with an argument that its docstring rules out."""


class Timeout(EvlabError):
    """No answer came in time. The outcome is UNKNOWN: the request, or only its answer, may be lost."""

    retriable = True


class Unreachable(EvlabError):
    """Nobody can answer at that address, and nobody ever could: the name is wrong, or nothing listens there."""


class WouldBlock(EvlabError):
    """A call asked to wait on the real clock while a simulation runs, where time moves only between yields."""


class WrongExpectedVersion(EvlabError):
    """Somebody else has appended since you read. `stream`, `expected` and `current` (its version now, 0 for none).

    The store raises it, and evlab.store exports it. It stands here so that code which only catches it needs no store.
    """

    retriable = False


def learner_traceback(error: BaseException) -> TracebackType | None:
    """The traceback of `error` without evlab's own frames: raised with it, an error shows the learner's lines first.

    The whole traceback comes back if no frame of the learner's is in it: then the fault is evlab's.
    """
    every = list(_frames(error.__traceback__))
    frames = [frame for frame in every if not frame.tb_frame.f_code.co_filename.startswith(_HERE)]
    shorter = None
    for frame in reversed(frames):
        shorter = TracebackType(shorter, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return shorter or error.__traceback__


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def learner_lines(error: BaseException) -> list[tuple[str, str]]:
    """The lines of `error`'s traceback that are the learner's own, oldest first.

    Returns pairs (where, code). A notebook cell is called "your cell, line 3"; a file by its bare name. Lines of
    evlab and of installed libraries are left out, so what remains is what the learner can change.
    """
    lines = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        if path.startswith(_HERE) or path.startswith("<frozen") or f"{os.sep}lib{os.sep}python" in path:
            continue
        cell = "ipykernel" in path or path.startswith("<ipython-input")
        where = "your cell" if cell else os.path.basename(path)
        lines.append((f"{where}, line {number}", linecache.getline(path, number).strip()))
    return lines
