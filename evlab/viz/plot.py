"""A matplotlib figure as a notebook shows it: an image with its alternative text, and its numbers as a table.

Everything in this course that is drawn is also said. A plot goes out with the table that it was drawn from, so a
reader who can't see it, or a test that compares outputs, has the same facts.
"""

from __future__ import annotations

import base64
import io

from evlab.errors import InvalidUse
from evlab.viz.svg import wrap
from evlab.viz.theme import escape, safe

__all__ = ["Plot", "plot"]

DOTS = 200
"""Dots per inch of the saved picture: twice what is shown, so that it is sharp on a dense screen."""

HEADING, MARGINS, POINTS = 12.5, 14, 72
"""The size of a title and what is left free beside it, in points; points in an inch."""


class Plot:
    """A plot with its finding (`title`), its alternative text (`alt`) and its numbers (`table`, a DataFrame)."""

    def __init__(self, png: bytes, width: int, title: str, alt: str, table):
        self.png, self.width = png, width
        self.title, self.alt, self.table = safe(title, 300), safe(alt, 600), table

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        data = base64.b64encode(self.png).decode("ascii")
        image = (f'<img alt="{escape(f"{self.title}. {self.alt}", 900)}" width="{self.width}" '
                 f'style="max-width:100%;height:auto;display:block" src="data:image/png;base64,{data}">')
        rows = "\n".join(escape(line, 400) for line in self.table.to_string().split("\n"))
        words = ('<details style="margin:2px 0 0 2px"><summary style="font-size:12px;cursor:pointer">The numbers'
                 f'</summary><pre style="font-size:12px;line-height:1.45;overflow-x:auto">{rows}</pre></details>')
        return {"text/html": image + words, "text/plain": f"{self.title}\n\n{self.table.to_string()}"}

    def __repr__(self) -> str:
        return f"Plot({self.title!r})"


def plot(figure, *, title: str, alt: str, table) -> Plot:
    """Close a matplotlib figure and show it.

    title: the finding, drawn above the plot. alt: what is to be seen, in a sentence or two. table: a pandas DataFrame
    or Series with the numbers that matter. Raises `InvalidUse` if one of them is missing.
    """
    import matplotlib.pyplot as plt
    import pandas as pd

    if isinstance(table, pd.Series):
        table = table.to_frame()
    if not (title.strip() and alt.strip() and isinstance(table, pd.DataFrame) and len(table)):
        raise InvalidUse("a plot needs a title, an alt text and a table",
                         why="nothing in this course is a picture only",
                         next_step="call plot(figure, title=..., alt=..., table=frame)")
    lines = wrap(title, figure.get_size_inches()[0] * POINTS - MARGINS, HEADING, bold=True)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=HEADING, fontweight="bold")
    for axis in figure.axes:  # below the finding, the name of a panel is a label
        axis.set_title(axis.get_title(loc="left"), loc="left", fontsize=10, fontweight="normal", pad=5)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DOTS, metadata={"Software": None})
    width = round(figure.get_size_inches()[0] * 100)
    plt.close(figure)
    return Plot(picture.getvalue(), width, title, alt, table)
