"""A saved notebook, opened up for those who look at it: its code, its prose, and all that its outputs show."""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Iterable
from functools import cached_property
from html.parser import HTMLParser

__all__ = ["Book", "Markup", "called", "join"]


class Book:
    """A notebook and its parts. `name` is its path in the course, such as "notebooks/01_events.ipynb".

    A `master` is a lab with its solutions. Its `folder` is labs, from where a learner follows its links.
    """

    def __init__(self, notebook: dict, name: str, *, size: int | None = None, known: Iterable[str] | None = None):
        self.notebook, self.name = notebook, name
        self.cells: list[dict] = notebook["cells"]
        self.size = size if size is not None else len(json.dumps(notebook, indent=1, ensure_ascii=False).encode())
        self.known = None if known is None else set(known)
        self.folder, _, self.stem = name.removesuffix(".ipynb").rpartition("/")
        self.master = self.folder.startswith("labs/authoring/")
        if self.master:
            self.folder = "labs"

    @cached_property
    def code(self) -> list[tuple[int, dict, str]]:
        """(number, cell, source) of each code cell."""
        return [(n, c, "".join(c["source"])) for n, c in enumerate(self.cells, 1) if c["cell_type"] == "code"]

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """(number, text) of each Markdown cell, without its fenced code."""
        return [(n, re.sub(r"(?ms)^(```|~~~).*?^\1[^\n]*$", "", "".join(c["source"])))
                for n, c in enumerate(self.cells, 1) if c["cell_type"] == "markdown"]

    @cached_property
    def calls(self) -> list[tuple[int, ast.AST]]:
        """(number of the cell, node) of all that the code holds. Magics and cells that don't parse are left out."""
        found = []
        for number, _, source in self.code:
            plain = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)
            try:
                found += [(number, node) for node in ast.walk(ast.parse(plain))]
            except (SyntaxError, ValueError):
                continue
        return found

    def questions(self, verb: str) -> list[str]:
        """The ids in the calls of `predict` or `quiz`, each once."""
        ids = []
        for _, node in self.calls:
            if isinstance(node, ast.Call) and called(node) == verb:
                named = node.args[:1] or [keyword.value for keyword in node.keywords if keyword.arg == "id"]
                ids += [value.value for value in named if isinstance(value, ast.Constant)]
        return list(dict.fromkeys(ids))

    @cached_property
    def outputs(self) -> list[tuple[int, dict]]:
        return [(number, output) for number, cell, _ in self.code for output in cell.get("outputs", [])]

    @cached_property
    def texts(self) -> list[tuple[int, str, str]]:
        """(cell, kind, text) of all that the outputs show: streams, errors and each text of their data."""
        found = []
        for number, output in self.outputs:
            if output["output_type"] == "stream":
                found.append((number, "stream", join(output["text"])))
            elif output["output_type"] == "error":
                whole = "\n".join([output.get("ename", ""), output.get("evalue", ""), *output.get("traceback", [])])
                found.append((number, "error", whole))
            for kind, value in output.get("data", {}).items():
                if not kind.startswith("image/p") and not kind.startswith("image/j"):
                    found.append((number, kind, join(value) if isinstance(value, str | list) else json.dumps(value)))
        return found

    @cached_property
    def markup(self) -> list[tuple[int, Markup]]:
        """(cell, tags) of each output that a browser reads as HTML, and of each SVG inside one."""
        return [(number, Markup(text)) for number, kind, text in self.texts
                if kind in ("text/html", "text/markdown", "image/svg+xml")]

    @cached_property
    def drawn(self) -> list[tuple[int, str, str]]:
        """(cell, kind, text) of the SVG pictures inside the outputs' HTML."""
        return [(number, "image/svg+xml", inner.text) for number, markup in self.markup for inner in markup.inner]


class Markup(HTMLParser):
    """The tags of a piece of HTML: (tag, attributes), those of SVG pictures in `data:` addresses included."""

    def __init__(self, text: str):
        super().__init__()
        self.text, self.tags, self.inner = text, [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        source = attributes.get("src", "")
        if source.startswith("data:image/svg+xml;base64,"):
            try:
                picture = base64.b64decode(source.partition(",")[2], validate=True).decode()
            except ValueError:
                self.tags.append(("script", {"broken": "picture"}))
                return
            self.inner.append(Markup(picture))

    @property
    def all_tags(self) -> list[tuple[str, dict]]:
        return self.tags + [tag for inner in self.inner for tag in inner.all_tags]


def called(node: ast.Call) -> str:
    """The name under which something is called: "predict" in `predict(...)` and in `course.predict(...)`."""
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def join(text: str | list[str]) -> str:
    """The text of a cell or an output, which a file may hold as a list of lines."""
    return text if isinstance(text, str) else "".join(text)
