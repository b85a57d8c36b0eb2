"""A picture as a notebook shows it: an image with its alternative text, and the same in words."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.theme import escape, safe

__all__ = ["Figure", "drawable", "several"]


def several(name: str, values: Any, *attributes: str) -> list:
    """The values that an argument holds, each with these attributes. Raises `InvalidUse` for what holds none."""
    if not isinstance(values, Iterable):
        raise InvalidUse(f"{name}={values!r:.60} is no list", next_step=f"give {name} as a list, or leave it out")
    return [drawable(name, value, *attributes) for value in values]


def drawable(name: str, thing: Any, *attributes: str) -> Any:
    """The thing itself. Raises `InvalidUse` if it has not what a picture shows of it."""
    for attribute in attributes:
        if not hasattr(thing, attribute):
            raise InvalidUse(f"{name}: {thing!r:.60} cannot be drawn", why=f"it has no .{attribute}",
                             next_step="look at the docstring for what to give")
    return thing


class Figure:
    """A picture (`svg`), its finding in one or two sentences (`alt`), and its whole content in words (`text`).

    In a notebook it goes out as an `<img>` with the picture inside its address: the one form that a reader sees
    whether the notebook is trusted or not, and that reads on a dark theme too. Printed, it is `text`. `anchors` says
    where named things stand in it, for what is drawn on top.
    """

    def __init__(self, svg: str, alt: str, text: str, anchors: dict[str, tuple[float, float]] | None = None):
        for name, value in (("svg", svg), ("alt", alt), ("text", text)):
            if not isinstance(value, str) or not value.strip():
                raise InvalidUse(f"a figure needs its {name}, got {value!r:.80}",
                                 why="nothing in this course is a picture only",
                                 next_step="say in words what it shows")
        self.svg, self.alt = svg, safe(alt, 600)
        self.anchors = anchors or {}
        self.text = "\n".join(safe(line, 400) for line in text.split("\n"))

    @property
    def html(self) -> str:
        """The picture as HTML, with nothing to load from elsewhere, and the words folded away under it."""
        width = re.search(r'<svg [^>]*?width="([\d.]+)"', self.svg)
        data = base64.b64encode(self.svg.encode("utf-8", "replace")).decode("ascii")
        words = "\n".join(escape(line, 400) for line in self.text.split("\n"))
        return (f'<img alt="{escape(self.alt, 600)}" width="{width[1] if width else 900}" '
                f'style="max-width:100%;height:auto;display:block" src="data:image/svg+xml;base64,{data}">'
                '<details style="margin:2px 0 0 2px"><summary style="font-size:12px;cursor:pointer">The same in words'
                f'</summary><pre style="font-size:12px;line-height:1.45;overflow-x:auto">{words}</pre></details>')

    def save(self, path: str | os.PathLike) -> Path:
        """Write the picture to `path`, which ends in .svg. Returns the path. Raises `InvalidUse` for another ending."""
        path = Path(path)
        if path.suffix != ".svg":
            raise InvalidUse(f"{path.name} does not end in .svg", why="the picture is an SVG",
                             next_step=f"save it as {path.stem}.svg")
        path.write_text(self.svg, encoding="utf-8", errors="replace")
        return path

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Figure({self.alt!r})"
