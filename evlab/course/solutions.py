"""The marks around a solution in a lab's master, and what a learner finds in its place.

    ### BEGIN SOLUTION
    failures.append((name, error))
    ### END SOLUTION

The marks are nbgrader's. A block becomes a gap at its own indentation: a comment, and `raise NotImplementedError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["GAP", "BadMarks", "Cut", "cut_solutions"]

GAP = ("# your code here", "raise NotImplementedError")
"""The lines that stand where a solution was."""

_MARK = re.compile(r"([ \t]*)### (BEGIN|END) SOLUTION[ \t]*")
_NEARLY = re.compile(r"#+[ \t]*(?:BEGIN|END)[ \t]*(?:OF[ \t]+)?(?:THE[ \t]+)?SOLUTIONS?\b", re.IGNORECASE)


class BadMarks(ValueError):
    """The marks of a cell do not fit together; the text says which, and in which line of the cell."""


@dataclass(frozen=True)
class Cut:
    """A cell without its solutions: `source` is what is left, `blocks` the lines of each solution."""

    source: str
    blocks: tuple[tuple[str, ...], ...]


def cut_solutions(source: str) -> Cut:
    """Cut each solution out of a cell's source. Raises `BadMarks` for marks open, nested, empty or misspelled."""
    left: list[str] = []
    blocks: list[tuple[str, ...]] = []
    block: list[str] | None = None
    began, indent = 0, ""
    for number, line in enumerate(source.split("\n"), 1):
        mark = _MARK.fullmatch(line)
        if mark is None:
            if _NEARLY.search(line):
                raise BadMarks(f"line {number} is nearly a mark: {line.strip()[:60]!r}")
            (left if block is None else block).append(line)
        elif mark[2] == "BEGIN":
            if block is not None:
                raise BadMarks(f"line {number} begins a solution inside the one that began in line {began}")
            block, began, indent = [], number, mark[1]
        else:
            if block is None:
                raise BadMarks(f"line {number} ends a solution that never began")
            if not any(line.strip() and not line.strip().startswith("#") for line in block):
                raise BadMarks(f"the solution that begins in line {began} is empty")
            blocks.append(tuple(block))
            left += [indent + gap for gap in GAP]
            block = None
    if block is not None:
        raise BadMarks(f"the solution that begins in line {began} never ends")
    return Cut("\n".join(left), tuple(blocks))
