"""What makes a notebook teach: small rules like those of evlab.course.rules, which holds notebooks against both.

A rule is given a `Book` and yields (cell, what is wrong): cells count from 1, and 0 is the notebook as a whole.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Iterator

from evlab.course.book import Book, Markup, called, join
from evlab.course.solutions import BadMarks, cut_solutions
from evlab.course.wording import uncounted, voice

__all__ = ["CELL_LINES", "TEACHING"]

CELL_LINES = 18
"""Lines of code in a cell: about 15 is the aim."""
_NO_FINDING = {
    "the pain", "pain", "predict", "prediction", "build it", "build it by hand", "see it", "break it", "trade offs",
    "tradeoffs", "toy to real", "from toy to real", "introduction", "intro", "conclusion", "conclusions", "overview",
    "summary", "background", "motivation", "example", "examples", "setup", "imports", "notes", "definition", "results",
    "definitions", "what is it", "next steps", "problem", "the problem", "solution", "the solution"}
"""Headings that name a place in the notebook and say nothing of what it found."""

TEACHING: dict[str, Callable[[Book], Iterator[tuple[int, str]]]] = {}


def _rule(function):
    TEACHING[function.__name__.lstrip("_").replace("_", "-")] = function
    return function


@_rule
def _named_imports(book: Book):
    for number, node in book.calls:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield number, f"imports * from {node.module}; name what you use"


@_rule
def _short_cells(book: Book):
    """A solution in a master is as long as it has to be: the learner starts from the gap."""
    for number, _, source in book.code:
        if book.master:
            with contextlib.suppress(BadMarks):
                source = cut_solutions(source).source
        lines = sum(1 for line in source.splitlines() if line.strip())
        if lines > CELL_LINES:
            yield number, f"has {lines} lines of code; {CELL_LINES} is the limit"


@_rule
def _headings(book: Book):
    """One title, and headings that state a finding."""
    found = [(number, len(marks), words) for number, text in book.prose
             for marks, words in re.findall(r"(?m)^(#{1,6})\s+(.+)$", text)]
    titles = [number for number, level, _ in found if level == 1]
    if titles != [1]:
        yield 0, "needs one title (#), in its first cell" if not titles else f"has titles (#) in cells {titles}"
    for number, _, words in found:
        plain = re.sub(r"[^a-z ]", "", re.sub(r"[-_/]", " ", words.lower())).strip()
        if re.sub(r"^(?:part|step|section) ", "", plain) in _NO_FINDING:
            yield number, f"has the heading {words.strip()!r}; a heading states the finding"


@_rule
def _map(book: Book):
    """The map has title and minutes from the notebook's metadata, a reader from its first cell."""
    said = book.notebook.get("metadata", {}).get("evlab", {})
    first = join(book.cells[0]["source"]) if book.cells else ""
    title, minutes = re.match(r"# (.+)", first), re.search(r"(\d+) min", first)
    for name, found in (("title", title and title[1].strip()), ("minutes", minutes and int(minutes[1]))):
        if name in said and found != said[name]:
            yield 1, (f"has {name} {found!r}, and the map {said[name]!r}: change evlab.{name} in the notebook's "
                      "metadata, too, and the row in README.md")


@_rule
def _predictions(book: Book):
    number = re.match(r"\d\d", book.stem)
    if book.folder == "notebooks" and number and int(number.group()) >= 1:
        asked = sum(1 for _, node in book.calls if isinstance(node, ast.Call) and called(node) == "predict")
        if asked < 3:
            yield 0, f"asks for {asked} predictions; at least 3 are due"


@_rule
def _answered(book: Book):
    """A guess that nothing answers leaves a learner waiting."""
    given = [(number, name.id) for number, node in book.calls if isinstance(node, ast.Call)
             for part in [*node.args, *node.keywords] for name in ast.walk(part) if isinstance(name, ast.Name)]
    kept = {id(node.value): node.targets[0].id for _, node in book.calls
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    for number, node in book.calls:
        if isinstance(node, ast.Call) and called(node) == "predict" and book.folder == "notebooks":
            name = kept.get(id(node))
            if not any(cell > number and one == name for cell, one in given):
                yield number, (f"asks {ast.unparse(node)}, and no cell behind it answers; write guess = predict(...), "
                               "and later compare(guess, what it was)")


@_rule
def _voice(book: Book):
    for number, text in book.prose:
        for what in voice(text):
            yield number, f"holds {what}"


@_rule
def _counted(book: Book):
    """A number in prose is one that a cell has, or printed: else it stays when the code has changed. A lab is free to
    set a case; its numbers are checked by its questions."""
    shown = [source for _, _, source in book.code] + [text for _, _, text in book.texts + book.drawn]
    for cell, text in book.prose if book.folder == "notebooks" else []:
        for number in uncounted(text, shown):
            yield cell, (f"says {number}, which is in no cell and in no output; let a cell count it, or say `{number}` "
                         "if it is a name")


@_rule
def _links(book: Book):
    """The learner's copy holds notebooks/ and labs/ only, so a link leads nowhere else; `#A-heading` leads to a heading
    of this notebook. JupyterLab finds none that has a quotation mark in it. A heading of another notebook may change
    there, and nothing would say so here."""
    headings = {words.strip().replace(" ", "-") for _, text in book.prose
                for words in re.findall(r"(?m)^#{1,6}\s+(.+)$", text) if '"' not in words}
    for number, text in book.prose if book.known is not None else []:
        written = re.findall(r"\[[^\]]*\]\(\s*<?([^)>\s]+)|^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)", text, re.M)
        tags = [attributes.get(name, "") for _, attributes in Markup(text).tags for name in ("href", "src")]
        for target in filter(None, [*(first or second for first, second in written), *tags]):
            if target.startswith("#"):
                if target[1:] not in headings:
                    yield number, f"links to {target}, and no heading that can be linked to has that name"
                continue
            if re.match(r"[a-z]+:", target, re.I):
                continue
            if "#" in target:
                yield number, f"links to {target}, a heading of another notebook; link to the notebook"
                continue
            parts: list[str] = [book.folder]
            for part in target.split("/"):
                parts = parts[:-1] if part == ".." else parts if part in ("", ".") else [*parts, part]
            if "/".join(parts) not in book.known:
                yield number, f"links to {target}, which a learner's copy does not hold"


@_rule
def _no_solutions(book: Book):
    """Solutions stand in masters, between marks that fit together, and nowhere else."""
    for number, cell in enumerate(book.cells, 1):
        source = join(cell["source"])
        if book.master:
            try:
                cut_solutions(source)
            except BadMarks as error:
                yield number, str(error)
        elif re.search(r"#\s*(?:BEGIN|END) SOLUTION", source):
            yield number, "holds a solution"
