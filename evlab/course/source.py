"""`show`: the real source of a function, method or class, coloured, on a card in the notebook."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.theme import BLUE, CARD, GREEN, INK, LINE, MUTED, PURPLE, VERMILLION, escape
from evlab.widgets.card import MONO, card

__all__ = ["Source", "show"]

_LONG = 100
"""Characters. A longer line is wrapped where the card is too narrow for it; a shorter one scrolls."""


def show(thing: Any, *, doc: bool = False) -> Source:
    """The source of a function, method, property or class, as it runs. `doc=True` keeps its docstrings.

    Raises `InvalidUse` for what has no Python source: a value, a built-in, a class defined in the notebook itself.
    """
    target = _target(thing)
    try:
        source = textwrap.dedent(inspect.getsource(target))
    except (OSError, TypeError) as error:
        raise InvalidUse(f"{getattr(target, '__qualname__', type(thing).__name__)} has no source to show.",
                         why="It is built in, or its source is not in a file.",
                         next_step="Show a function, method or class of a module.") from error
    return Source(source if doc else _without_docstrings(source), f"{_file(target)} · {target.__qualname__}")


class Source:
    """A piece of source. `text` is the code, `where` its file inside the package and its name."""

    def __init__(self, text: str, where: str):
        self.text, self.where = text.rstrip() + "\n", where

    def __repr__(self) -> str:
        return f"# {self.where}\n{self.text}".rstrip()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        where = (f'<p style="margin:0 0 8px;padding:0 0 8px;border-bottom:1px solid {LINE};color:{MUTED};'
                 f'font-size:12px;font-family:{MONO}">{escape(self.where)}</p>')
        code = (f'<pre style="margin:0;padding:0;border:0;background:{CARD};color:{INK};font-family:{MONO};'
                f'font-size:12.5px;line-height:1.5;overflow-x:auto;white-space:pre">{_wrapped(self.text)}</pre>')
        return {"text/html": card(where, code, width=960), "text/plain": repr(self)}


def _target(thing: Any) -> Any:
    """What bears the source: the function behind a method, a property or a decorator."""
    if isinstance(thing, property):
        thing = thing.fget
    if isinstance(thing, functools.cached_property):
        thing = thing.func
    thing = inspect.unwrap(getattr(thing, "__func__", thing))
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        raise InvalidUse(f"{str(thing)[:60]!r} is a {type(thing).__name__}.",
                         why="show takes a function, a method, a property or a class.",
                         next_step="Write its name without calling it: show(Bus.publish).")
    return thing


def _file(target: Any) -> str:
    """The file as seen from outside its package, such as evlab/bus.py. Never a path of this machine."""
    file = Path(inspect.getsourcefile(target) or "")
    top = sys.modules.get(target.__module__.partition(".")[0])
    home = getattr(top, "__file__", None)
    if target.__module__ == "__main__" or home is None:
        return "this notebook"
    root = Path(home).parent.parent if Path(home).name == "__init__.py" else Path(home).parent
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def _without_docstrings(source: str) -> str:
    """`source` without the docstrings of its functions and classes. A body that was one becomes `...`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside a larger expression: there is no docstring to drop
        return source
    lines = source.splitlines()
    drop: set[int] = set()
    replace: dict[int, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if ast.get_docstring(node, clean=False) is None:
            continue
        string = node.body[0]
        rows = range(string.lineno - 1, string.end_lineno)
        before, after = lines[rows[0]][:string.col_offset], lines[rows[-1]].encode()[string.end_col_offset:]
        if before.strip() or after.strip():  # `def f(): "x"`: the line holds more than the docstring
            continue
        drop.update(rows)
        if len(node.body) == 1:
            replace[rows[0]] = before + "..."
        elif rows[-1] + 1 < len(lines) and not lines[rows[-1] + 1].strip():
            drop.add(rows[-1] + 1)
    return "\n".join(replace.get(row, line) for row, line in enumerate(lines) if row not in drop or row in replace)


def _wrapped(text: str) -> str:
    """`text` coloured, its long lines as blocks that wrap and hang: what does not fit stands eight columns further in.

    A block ends the line before it and its own, so no newline stands beside it but that of an empty line. Jupyter
    breaks the words in a `pre` anywhere; a block doesn't.
    """
    html, joint = "", ""
    for line, coloured in zip(text.rstrip("\n").split("\n"), _coloured(text).split("\n"), strict=True):
        if len(line) > _LONG:
            hang = 0.6 * (len(line) - len(line.lstrip()) + 8)  # a column is 0.6 em wide
            html += (f'<div style="white-space:pre-wrap;word-break:normal;padding-left:{hang:.1f}em;'
                     f'text-indent:-{hang:.1f}em">{coloured}</div>')
            joint = ""
        else:
            html += joint + (coloured or "\n")
            joint = "\n" if coloured else ""
    return html


def _coloured(text: str) -> str:
    from pygments import highlight  # only here: it takes 60 ms to import
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(text, PythonLexer(), HtmlFormatter(noclasses=True, nowrap=True, style=_style())).rstrip("\n")


@functools.cache
def _style() -> Any:
    from pygments.style import Style
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    class Light(Style):
        """The course's inks, each with a contrast of 4.5 or more on white."""

        background_color = CARD
        styles = {Comment: f"italic {MUTED}", Keyword: f"bold {BLUE.text}", Operator.Word: f"bold {BLUE.text}",
                  String: GREEN.text, Number: VERMILLION.text, Name.Decorator: PURPLE.text,
                  Name.Function: f"bold {INK}", Name.Class: f"bold {INK}", Name.Builtin.Pseudo: PURPLE.text}

    return Light
