"""What a notebook of the course may hold: one small function a rule, used when it is saved and in the tests.

A rule is given a `Book` and yields (cell, what is wrong): cells count from 1, and 0 is the notebook as a whole. Here is
what makes a notebook replay, safe to open and readable by everybody; evlab.course.teaching has what makes it teach.
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from evlab.course.book import Book, Markup, join
from evlab.course.teaching import TEACHING

__all__ = ["KERNELSPEC", "LANGUAGE", "LIMIT", "RULES", "Fault", "check"]

LIMIT = 600_000
"""Bytes of a saved notebook: a code-hosting page still shows it."""
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
"""The `language_info` of each notebook: without a version, so it is the same on each machine."""

_SHOWN_TYPES = {"text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/jpeg"}
_HIDDEN_TAGS = {"script", "iframe", "frame", "object", "embed", "applet", "link", "meta", "base", "form"}
_ADDRESS_ATTRIBUTES = {"src", "href", "xlink:href", "srcset", "poster", "action", "formaction", "data", "background"}
_REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//|^(?:https?|ftp|file|wss?):", re.I)
_ACTIVE = re.compile(r"^(?:javascript|vbscript|livescript|data:text/html|data:application)", re.I)
_STYLE_LOADS = re.compile(r"url\(\s*['\"]?(?!data:|#)|@import|expression\(|-moz-binding", re.I)
_ADDRESS = re.compile(r"\b(?:https?|ftp|wss?)://([\w.\[\]:-]*)", re.I)
_RESERVED = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|example\.(?:com|org|net))$|^127\.0\.0\.1$|^\[::1\]$")
_PATH = re.compile(r"(?<![\w/.:-])/(?:home|root|Users|private|tmp|var|opt|usr|mnt|srv|nix)/[\w.@+-]+"
                   r"|\b[A-Za-z]:\\+\w|file://|site-packages|\bipykernel_\d")
_MEMORY = re.compile(r"\bat 0x[0-9a-f]{4,}|\b0x[0-9a-f]{10,16}\b", re.I)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BARE = re.compile(r"<[^\n]*>|[\w.]+\([^\n]*\)")
_REDRAWING = {"clear_output", "update_display", "tqdm", "trange"}
_NBVAL_MARKS = re.compile(r"#\s*(?:NBVAL_|PYTEST_VALIDATE_)", re.I)


class Fault(NamedTuple):
    """A rule that a notebook breaks."""

    rule: str
    cell: int
    what: str

    def __str__(self) -> str:
        return f"{f'cell {self.cell}: ' if self.cell else ''}{self.what} [{self.rule}]"


RULES: dict[str, Callable[[Book], Iterator[tuple[int, str]]]] = dict(TEACHING)
"""Those of this module and those of evlab.course.teaching, by name."""


def _rule(function):
    RULES[function.__name__.lstrip("_").replace("_", "-")] = function
    return function


def check(book: Book, only: Iterable[str] | None = None) -> list[Fault]:
    """The faults of a notebook under all rules, or under those named."""
    return [Fault(name, cell, what) for name in (only or RULES) for cell, what in RULES[name](book)]


# -------------------------------------------------------------------------------------- it replays: BOOK-1


@_rule
def _counts(book: Book):
    """nbval silently skips a cell without a count, so each code cell has one: 1, 2, ... n. A lab has none: it is given
    out before anybody ran it, and its outputs would give answers away."""
    if book.folder == "labs" and not book.master:
        for number, cell, _ in book.code:
            if cell.get("execution_count") or cell.get("outputs"):
                yield number, "has a count or an output, in a lab that nobody ran; run `make labs`"
        return
    for expected, (number, cell, source) in enumerate(book.code, 1):
        if not source.strip():
            yield number, "is empty; remove it"
        if cell.get("execution_count") != expected:
            yield number, f"has execution count {cell.get('execution_count')}, not {expected}; run `make notebooks`"
        for output in cell.get("outputs", []):
            if output.get("execution_count", expected) != expected:
                yield number, f"has an output with count {output['execution_count']}, not {expected}"


@_rule
def _compared(book: Book):
    """Nothing is taken out of the comparison."""
    for number, cell, source in book.code:
        marks = [tag for tag in cell.get("metadata", {}).get("tags", []) if tag.lower().startswith("nbval")]
        if marks or _NBVAL_MARKS.search(source):
            yield number, "is taken out of the replay's comparison"


@_rule
def _redraws(book: Book):
    """What is redrawn or captured is not the same output at each run."""
    for number, node in book.calls:
        if isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", "")
            if name.split(".")[-1] in _REDRAWING:
                yield number, f"uses {name}"
        if isinstance(node, ast.keyword) and node.arg == "display_id":
            yield number, "uses display_id"
        if isinstance(node, ast.ImportFrom) and (node.module, "Output") in {("ipywidgets", a.name) for a in node.names}:
            yield number, "captures output with ipywidgets.Output"


@_rule
def _plain_python(book: Book):
    """Magics and shell commands depend on the machine, and measured times differ at each run."""
    for number, _, source in book.code:
        for line in source.splitlines():
            if re.match(r"\s*[%!]", line):
                yield number, f"holds {line.split()[0]!r}; cells are plain Python"
        if source.rstrip().endswith(";"):
            yield number, "ends with a semicolon, which hides a value in JupyterLab, not in the replay; write _ = ..."


@_rule
def _sets(book: Book):
    """A set prints in the order of its hashes."""
    for number, kind, text in book.texts:
        for line in text.splitlines() if kind in ("text/plain", "stream") else []:
            for literal in re.findall(r"(?:frozenset\()?(\{[^{}]+\})", line):
                try:
                    value = ast.literal_eval(literal)
                except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                    continue
                if isinstance(value, set) and len(value) > 1:
                    yield number, f"prints a set: {literal[:40]}; print sorted(...)"


@_rule
def _errors(book: Book):
    """An error is there on purpose, and says so with the tag raises-exception."""
    for number, cell, _ in book.code:
        failed = [o for o in cell.get("outputs", []) if o["output_type"] == "error"]
        tagged = "raises-exception" in cell.get("metadata", {}).get("tags", [])
        if failed and not tagged:
            yield number, f"fails without the tag raises-exception: {failed[0].get('ename')}: {failed[0].get('evalue')}"
        if tagged and not failed and cell.get("execution_count"):
            yield number, "has the tag raises-exception and does not fail"


@_rule
def _stderr(book: Book):
    """Warnings are not for a reader."""
    for number, output in book.outputs:
        if output["output_type"] == "stream" and output.get("name") == "stderr":
            yield number, f"writes to stderr: {join(output['text']).strip()[:120]}"


@_rule
def _memory_address(book: Book):
    for number, _, text in book.texts + book.drawn:
        if found := _MEMORY.search(text):
            yield number, f"shows a memory address: {found.group()}"


@_rule
def _machine_path(book: Book):
    """Colours may stand between the letters of a path, so they are taken out first."""
    here = {str(p) for p in (pathlib.Path.home(), pathlib.Path.cwd(), sys.prefix, tempfile.gettempdir(),
                             pathlib.Path(__file__).parents[2])}
    for number, _, text in book.texts + book.drawn + [(n, "", source) for n, _, source in book.code]:
        text = _ANSI.sub("", text)
        found = _PATH.search(text)
        own = next((path for path in here if len(path) > 4 and path + "/" in text.replace("\\", "/")), None)
        if found or own:
            yield number, f"shows a path of a machine: {found.group() if found else own}"


# ------------------------------------------------------------------------------- it is safe to open: BOOK-2


@_rule
def _widgets(book: Book):
    """A dead view shows "model not found", and saved state holds more than a reader should open."""
    if "widgets" in book.notebook.get("metadata", {}):
        yield 0, "holds widget state"
    for number, output in book.outputs:
        if any("widget" in kind for kind in output.get("data", {})):
            yield number, "holds a widget's view"


@_rule
def _types(book: Book):
    """Only what a page shows as text or picture. SVG goes into an <img>, which every reader sees."""
    for number, output in book.outputs:
        for kind in sorted(output.get("data", {}).keys() - _SHOWN_TYPES):
            if "widget" not in kind:
                yield number, f"has an output of type {kind}"


@_rule
def _scripts(book: Book):
    for number, markup in book.markup:
        for text in [markup.text, *(inner.text for inner in markup.inner)]:
            for tag in re.findall(r"<[\s/\0]*([a-z]+)", text, re.I):
                if tag.lower() in _HIDDEN_TAGS:
                    yield number, f"holds <{tag.lower()}>"
        for tag, attributes in markup.all_tags:
            if tag in _HIDDEN_TAGS and "broken" in attributes:
                yield number, "holds a picture that cannot be decoded"
            for name, value in attributes.items():
                if name.startswith("on") or name == "srcdoc":
                    yield number, f"holds {name}= in <{tag}>"
                if name in _ADDRESS_ATTRIBUTES and _ACTIVE.match(re.sub(r"[\s\0-\x20]", "", value)):
                    yield number, f"holds an active address in <{tag}>"


@_rule
def _inline_svg(book: Book):
    """A reader who does not trust the notebook sees neither <svg> nor <style> (pandas' <style scoped> is harmless)."""
    for number, markup in book.markup:
        for tag, attributes in markup.tags:
            if tag == "svg" or (tag == "style" and "scoped" not in attributes):
                yield number, f"holds <{tag}> in its HTML; a picture is an <img> with a data: address"


@_rule
def _remote(book: Book):
    """Nothing is fetched, and no address is shown but those reserved for examples."""
    for number, markup in book.markup:
        for tag, attributes in markup.all_tags:
            for name, value in attributes.items():
                if name in _ADDRESS_ATTRIBUTES and _REMOTE.match(re.sub(r"[\s\0-\x20]", "", value)):
                    yield number, f"<{tag}> fetches {value[:60]}"
                if name == "style" and _STYLE_LOADS.search(value):
                    yield number, f"<{tag}> fetches from its style"
        if re.search(r"<style[^>]*>[^<]*(?:@import|url\()", markup.text, re.I):
            yield number, "a style sheet fetches something"
    for number, _, text in book.texts:
        for host in _ADDRESS.findall(text):
            if not _RESERVED.search(re.sub(r":\d+$", "", host).lower()):
                yield number, f"shows a remote address: {host}"
    for number, text in book.prose:
        if re.search(r"!\[[^\]]*\]\(\s*<?(?:[a-z]+:)?//|<img[^>]*src\s*=\s*['\"]?(?:[a-z]+:)?//", text, re.I):
            yield number, "fetches a picture"


@_rule
def _size(book: Book):
    if book.size > LIMIT:
        yield 0, f"is {book.size // 1000} KB; the limit is {LIMIT // 1000} KB"


@_rule
def _metadata(book: Book):
    """No versions, no times, no trace of an editor: two machines save the same file."""
    metadata = book.notebook.get("metadata", {})
    if metadata.get("kernelspec") != KERNELSPEC or metadata.get("language_info") != LANGUAGE:
        yield 0, "has another kernel or language than the course's; run `make notebooks`"
    if extra := sorted(metadata.keys() - {"kernelspec", "language_info", "evlab", "widgets"}):
        yield 0, f"holds metadata {', '.join(extra)}"
    ids = [cell.get("id") for cell in book.cells]
    if None in ids or len(set(ids)) < len(ids):
        yield 0, "has cells without an id of their own"
    for number, cell in enumerate(book.cells, 1):
        known = {"tags", "jupyter", "nbgrader"} if book.folder == "labs" and not book.master else {"tags", "jupyter"}
        if extra := sorted(cell.get("metadata", {}).keys() - known):
            yield number, f"holds metadata {', '.join(extra)}"


# ------------------------------------------------------------------------------ it can be read by everybody


@_rule
def _alt_text(book: Book):
    for number, markup in book.markup:
        for tag, attributes in markup.tags:
            if tag == "img" and not attributes.get("alt", "").strip():
                yield number, "has a picture without alt text"
    for number, text in book.prose:
        if re.search(r"!\[\s*\]\(", text) or any(tag == "img" and not attributes.get("alt", "").strip()
                                                  for tag, attributes in Markup(text).tags):
            yield number, "has a picture without alt text"


@_rule
def _text_twin(book: Book):
    """A picture has its text beside it, for those who cannot see it, and for the comparison, which skips PNG."""
    for number, output in book.outputs:
        data = output.get("data", {})
        pictured = any(kind.startswith("image/") for kind in data) or "<img" in join(data.get("text/html", "")).lower()
        twin = join(data.get("text/plain", "")).strip()
        if pictured and (len(twin) < 20 or _BARE.fullmatch(twin)):
            yield number, f"has a picture whose text says no more than {twin[:40]!r}"
