"""What a learner has run: the latest version of each answer in this kernel, and the cells that go along with it.

IPython tells of each cell before it runs it. The cell's own text is kept, because what stands in the notebook's file
may be older, and the kernel's input history is empty where a notebook is replayed.
"""

from __future__ import annotations

from typing import Any

from evlab.course.judge.answers import Answers, collect, defined_names, mark_of

__all__ = ["attempts_of", "forget", "listen", "newer_definition"]

MOST_CELLS = 2000
"""Cells that are remembered; the oldest are forgotten first."""

_cells: dict[str, str] = {}
"""Source by cell: a cell that is run again replaces what it said before."""
_listening: set[int] = set()


def listen(shell: Any = None) -> bool:
    """Begin to remember what this kernel runs. False outside of IPython. Calling it again changes nothing."""
    if shell is None:
        try:
            from IPython import get_ipython
        except ModuleNotFoundError:
            return False
        shell = get_ipython()
    if shell is None:
        return False
    if id(shell) not in _listening:
        _listening.add(id(shell))
        shell.events.register("pre_run_cell", _on_cell)
        running = shell.user_ns.get("In", [""])[-1]  # the cell that has called us is under way already
        if isinstance(running, str) and running.strip():
            _cells[f"text {running}"] = running
    return True


def attempts_of(lab: str) -> Answers:
    """The latest answers to `lab` that were run in this kernel."""
    return collect(list(_cells.values()), lab)


def newer_definition(question: str, names: tuple[str, ...]) -> str:
    """One of `names` that a cell without the answer's mark has defined since the answer was run; "" if none has."""
    later, since = False, set()
    for source in _cells.values():
        if mark_of(source) == ("answer", question):
            later, since = True, set()
        elif later and mark_of(source)[0] == "":
            since |= defined_names(source)
    return next((name for name in names if name in since), "")


def forget(question: str) -> str:
    """Forget the attempts at a question, and return the latest; "" if there was none."""
    found = [key for key, source in _cells.items() if mark_of(source) == ("answer", question)]
    return [_cells.pop(key) for key in found][-1] if found else ""


def _on_cell(info: Any) -> None:
    source = getattr(info, "raw_cell", None)
    if not isinstance(source, str) or not source.strip():
        return
    kind, name = mark_of(source)
    key = f"{kind} {name}" if kind == "answer" else str(getattr(info, "cell_id", None) or f"text {source}")
    _cells.pop(key, None)  # the latest stands last
    _cells[key] = source
    while len(_cells) > MOST_CELLS:
        del _cells[next(iter(_cells))]
