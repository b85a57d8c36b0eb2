"""The answers in a notebook: which cells they are, and what they are missing.

An answer cell begins with the line `# answer: lab01.q1`, a helper cell with `# helper: lab01`; helpers go along with
every answer of their lab. Nothing of a notebook is run here.
"""

from __future__ import annotations

import ast
import builtins
import json
import pathlib
import re
import symtable
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from evlab.errors import EvlabError

__all__ = ["Answers", "NotANotebook", "cells_of", "collect", "defined_names", "last_counts", "mark_of", "misplaced",
           "missing_names", "read_answers"]

MARK = re.compile(r"(?i)\A\s*#[ \t]*(answer|helper)[ \t]*:[ \t]*([A-Za-z0-9_.-]+)[ \t]*\r?(?:\n|\Z)")
LONGEST_SOURCE = 100_000
"""Characters of an answer that are looked at: parsing ten megabytes would take the judge a minute."""
LARGEST = 5_000_000
"""Bytes of a notebook that is read."""


class NotANotebook(EvlabError):
    """A submission that cannot be read: empty, not UTF-8, not JSON, not a notebook, too large."""


@dataclass
class Answers:
    """The answers of one lab: sources by question, the helpers in order, and the notebook's other code. copies: how
    many cells there are for each question that has more than one."""

    cells: dict[str, str] = field(default_factory=dict)
    helpers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    copies: dict[str, int] = field(default_factory=dict)


def mark_of(source: str) -> tuple[str, str]:
    """("answer", "lab01.q1"), ("helper", "lab01") or ("", "") for a cell's source."""
    found = MARK.match(source)
    return (found[1].lower(), found[2].lower()) if found else ("", "")


def read_answers(path: str | pathlib.Path, lab: str) -> Answers:
    """The answers of `lab` in a notebook file. Of two cells for one question the last counts, as it would when run.

    Raises `NotANotebook` for a file that cannot be read as one.
    """
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise NotANotebook(f"{path.name} is larger than {LARGEST // 1_000_000} MB", next_step="clear its outputs")
        data = path.read_bytes()
    except OSError as error:
        raise NotANotebook(f"{path.name} cannot be read: {error.strerror or error}",
                           next_step="look at its name and who may read it") from error
    return collect(cells_of(data, path.name), lab)


def cells_of(data: bytes, name: str) -> list[str]:
    """The sources of a notebook's code cells. Raises `NotANotebook`."""
    hand_in = "hand in the file that JupyterLab has saved, its name ends in .ipynb"
    if not data.strip():
        raise NotANotebook(f"{name} is empty", next_step=hand_in)
    if data.startswith(b"PK\x03\x04"):
        raise NotANotebook(f"{name} is a zip archive", next_step="unpack it; what lies in it can be judged")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotANotebook(f"{name} is not UTF-8 text", why=f"byte {error.start} is no letter",
                           next_step=hand_in) from error
    try:
        notebook = json.loads(text)
        if isinstance(notebook, dict) and "cells" not in notebook and "worksheets" in notebook:
            raise NotANotebook(f"{name} is a notebook of an old format", why="Jupyter has not written it since 2015",
                               next_step="open it in JupyterLab, save it, and hand in the file that it has saved")
        cells = notebook["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, RecursionError) as error:
        raise NotANotebook(f"{name} is not a notebook", why=f"its JSON cannot be read: {str(error)[:80]}",
                           next_step=hand_in) from error
    except (KeyError, TypeError) as error:
        raise NotANotebook(f"{name} is not a notebook", why="it is JSON, but has no list of cells",
                           next_step=hand_in) from error


def collect(sources: list[str], lab: str) -> Answers:
    """The answers of `lab` among the sources of code cells."""
    answers = Answers()
    for source in sources:
        kind, name = mark_of(source)
        if kind == "answer" and name.partition(".")[0] == lab:
            if name in answers.cells:
                answers.copies[name] = answers.copies.get(name, 1) + 1
            answers.cells[name] = source
        elif kind == "helper" and name == lab:
            answers.helpers.append(source)
        else:
            answers.others.append(source)
    return answers


def misplaced(answers: Answers, question: str, defines: tuple[str, ...]) -> str:
    """What is known of a question's missing cell: its mark stands in a wrong place, or a cell without one defines what
    it has to define. "" if nothing is."""
    mark = re.compile(rf"(?im)^[ \t]*#[ \t]*answer[ \t]*:[ \t]*{re.escape(question)}[ \t]*\r?$")
    if any(mark.search(source) for source in answers.others):
        return "a cell holds that line further down, and it has to be the first"
    for name in defines:
        if any(name in defined_names(source) for source in answers.others):
            return f"a cell without that line defines `{name}`"
    return ""


def last_counts(answers: Answers, questions: Iterable[str]) -> str:
    """What to say of those of the questions that more than one cell answers; "" if there is none."""
    twice = [f"{answers.copies[id]} cells begin with `# answer: {id}`" for id in questions if id in answers.copies]
    return f"{', '.join(twice)}: the last one counts" if twice else ""


def defined_names(source: str) -> frozenset[str]:
    """The names that a cell defines at its outermost level; nothing for code that does not parse."""
    return _names(source)[0]


def missing_names(source: str, known: set[str]) -> list[str]:
    """Names that a cell uses from outside and that nobody defines: not it, not `known`, not Python itself."""
    defined, used = _names(source)
    have = defined | known | set(dir(builtins)) | {"__name__", "__file__", "__doc__", "__annotations__"}
    return [name for name in used if name not in have]


@lru_cache(maxsize=64)
def _names(source: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names that a cell defines, and those that it uses and that are not local to a part of it."""
    try:
        table = _table(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(), ()
    defined = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used: dict[str, None] = {}
    tables = [table]
    while tables:
        current = tables.pop(0)
        for symbol in current.get_symbols():
            outside = symbol.is_global() if current is not table else not symbol.is_assigned()
            if symbol.is_referenced() and outside and not symbol.is_imported():
                used[symbol.get_name()] = None
        tables += current.get_children()
    return frozenset(defined | _declared_global(table)), tuple(used)


def _table(source: str) -> symtable.SymbolTable:
    """The names of a cell that parses. What Python warns of in it is no matter here."""
    if len(source) > LONGEST_SOURCE:
        raise ValueError("too long to be parsed in the judge")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(source)
        return symtable.symtable(source, "cell", "exec")


def _declared_global(table: symtable.SymbolTable) -> set[str]:
    names, tables = set(), list(table.get_children())
    while tables:
        current = tables.pop()
        names |= {symbol.get_name() for symbol in current.get_symbols()
                  if symbol.is_declared_global() and symbol.is_assigned()}
        tables += current.get_children()
    return names
