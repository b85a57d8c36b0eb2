"""The base of every playground: a simulation in Python, and a browser that draws it and reports what was pressed.

There is one truth, and it is in Python. The browser holds no state of its own: it gets a `view` (what to draw) and
sends back `{"action": name, "value": ..., "n": counter}`. So a run is a seed and a list of actions, and the same
list gives the same state again, in a notebook, in a test, or on another machine.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, ClassVar, Self

from evlab.errors import EvlabError, InvalidUse
from evlab.viz.theme import safe
from evlab.widgets.card import being_saved, card, image, note, paragraph, table
from evlab.widgets.live import STATIC, Live
from evlab.widgets.view import Control, Note, Table

__all__ = ["ForeignRun", "Playground", "RunDiffers"]

_SHOWN = {"controls", "pictures", "texts", "table", "flights", "spots", "said"}
_MARKS = {"plain": "", "good": "\u2713 ", "bad": "\u2717 ", "wait": "\u2026 "}
_BOX = re.compile(r'<svg\b[^>]*\bviewBox="([^"]+)"')


class ForeignRun(EvlabError):
    """A run that was exported by another playground, by another version of it, or by nothing of the kind."""


class RunDiffers(EvlabError):
    """A replayed run ended in another state than the exported one: the playground is not deterministic."""


class Playground(Live):
    """A simulation that the learner steers. Subclasses give it a `name`, a `title` and four methods:

    - `start(seed)` builds the simulation anew;
    - `act(name, value)` does what a control asks, by the control's id;
    - `render()` returns what to show, a dict of any of: controls (list of `Control`), pictures (list of objects
      with svg, alt and text, such as `evlab.viz.figure.Figure`), texts (list of str or `Note`), table (`Table`),
      flights (list of `Flight`), spots (list of `Spot`), said (one sentence: what happened);
    - `digest()` returns a string that is equal when two states are equal.

    Guarantees: each action is recorded before it is done, so `export` and `replay` cover the failed ones too; an
    exception in `act` is shown to the learner and the playground goes on. Raise `version` when the same actions
    no longer lead to the same state.
    """

    _esm = STATIC / "playground.js"
    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    lead: ClassVar[str] = ""
    """One sentence: what to try first."""
    version: ClassVar[int] = 1

    def __init__(self, seed: int = 7):
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise InvalidUse(f"The seed {seed!r} is not a whole number.", why="A run is replayed from its seed.",
                             next_step="Give one, such as 7.")
        if not (self.name and self.title):
            raise InvalidUse(f"{type(self).__name__} has no name or no title.",
                             why="The name marks its exported runs; the title is what the learner reads.",
                             next_step="Set both in the class.")
        self.seed = seed
        self.actions: list[list] = []
        self.problem: BaseException | None = None
        self._controls: dict[str, Control] = {}
        self._shown: dict = {}
        self.start(seed)
        taken = [name for name in vars(self) if not name.startswith("_") and hasattr(Live, name)]
        if taken:
            raise InvalidUse(f"{type(self).__name__} sets self.{taken[0]}, a name that every widget needs for itself.",
                             next_step="Give the attribute another name.")
        self._render()
        super().__init__(view=self._look(None))

    def start(self, seed: int) -> None:
        """Build the simulation from `seed`, as if nothing had happened yet."""
        raise NotImplementedError

    def act(self, name: str, value: Any) -> None:
        """Do what the control `name` asks."""
        raise NotImplementedError

    def render(self) -> dict:
        """What to show now."""
        raise NotImplementedError

    def digest(self) -> str:
        """A string that is equal exactly when two states are equal."""
        raise NotImplementedError

    def do(self, name: str, value: Any = None) -> Self:
        """Do by code what a click does, and return the playground: `Bus().do("publish").do("crash", "email")`.

        Raises `InvalidUse` for a control that is not there, is blocked, or can't have that value; else what `act`
        raises.
        """
        self._apply(name, value)
        self.view = self._look(None)
        if self.problem is not None:
            raise self.problem
        return self

    def reset(self) -> Self:
        """Start again from the seed."""
        self._restart()
        self.view = self._look(None)
        return self

    def export(self) -> dict:
        """The run so far, as plain values for JSON: playground, version, seed, actions, digest."""
        return {"playground": self.name, "version": self.version, "seed": self.seed,
                "actions": [list(action) for action in self.actions], "digest": self.digest()}

    @classmethod
    def replay(cls, run: dict | str) -> Self:
        """A new playground in the state that `run` ended in. `run` is an exported dict, or its JSON.

        Raises `ForeignRun` for the run of another playground or version, `RunDiffers` when the state is another.
        """
        run = _parse(run)
        for field, own in (("playground", cls.name), ("version", cls.version)):
            if run.get(field) != own:
                raise ForeignRun(f"This run has {field} {run.get(field)!r}; {cls.__name__} has {own!r}.",
                                 next_step="Replay it with the playground and the version that made it.")
        if not isinstance(run.get("actions"), list):
            raise ForeignRun("This run has no list of actions.", next_step="Copy the whole run.")
        playground = cls(seed=run.get("seed"))
        for action in run["actions"]:
            if not (isinstance(action, list) and len(action) == 2 and isinstance(action[0], str)):
                raise ForeignRun(f"{str(action)[:60]} is not an action.", why="An action is [name, value].",
                                 next_step="Copy the whole run again.")
            count = len(playground.actions)
            playground._apply(*action)
            if len(playground.actions) == count:
                raise ForeignRun(f"The action {action[0]!r} can't be done at its place in this run.",
                                 why=str(playground.problem),
                                 next_step="Copy the whole run again.") from playground.problem
        if playground.digest() != run.get("digest"):
            raise RunDiffers("The replayed run ended in another state.",
                             why="The digests differ, so the actions or the digest were changed, or the playground "
                                 "draws on something beside its seed.",
                             expected=run.get("digest"), current=playground.digest())
        playground.problem = None
        playground.view = playground._look(None)
        return playground

    def heard(self, action: str, value: Any, n: int | None) -> None:
        """Do what was pressed and show the outcome; a failure is shown, never raised."""
        try:
            if action == "_export":
                # a raw string, since JSON's own backslashes must reach the parser
                call = f"{type(self).__name__}.replay(r'''...''')"
                self.send({"run": json.dumps(self.export()), "n": n, "call": call})
                return
            if action == "_reset":
                self._restart()
            else:
                self._apply(action, value)
            view = self._look(n)
        except Exception as error:  # in start, render or digest: there is no newer picture to show
            self.problem = error
            view = {**self.view, "n": n, "flights": [], "said": "", "problem": _explain(error)}
        self.view = view

    def _restart(self) -> None:
        self.actions, self.problem = [], None
        self.start(self.seed)
        self._render()

    def _apply(self, name: str, value: Any) -> None:
        """Do one action. What goes wrong is kept in `problem`; an action that is refused is not recorded."""
        self.problem = None
        try:
            control = self._controls.get(name) if isinstance(name, str) else None
            if control is None:
                raise InvalidUse(f"There is no control {str(name)[:60]!r} now.",
                                 next_step=f"Use one of: {', '.join(self._controls)}.")
            if control.blocked:
                raise InvalidUse(f"{control.label!r} can't be used now.", why=control.blocked,
                                 next_step="Use another control first.")
            value = control.accept(value)
        except InvalidUse as error:
            self.problem = error
            self._shown = {**self._shown, "flights": []}  # nothing happened, so nothing flies again
            return
        self.actions.append([name, value])
        try:
            self.act(name, value)
        except Exception as error:  # the learner sees it; a playground that dies teaches nothing
            self.problem = error
        try:
            self._render()
        except Exception as error:  # the picture of before stays
            self.problem = self.problem or error
            self._shown = {**self._shown, "flights": []}

    def _render(self) -> None:
        """Call `render()` and keep what it returns, once it is checked."""
        shown = self.render()
        unknown = set(shown) - _SHOWN
        if unknown:
            raise InvalidUse(f"render() returned {', '.join(sorted(unknown))}.",
                             next_step=f"Return some of {', '.join(sorted(_SHOWN))}.")
        controls = {control.id: control for control in shown.get("controls", [])}
        if len(controls) < len(shown.get("controls", [])):
            raise InvalidUse("render() returned two controls with one id.", why="act tells controls by their id.",
                             next_step="Give each an id of its own.")
        self._shown, self._controls = shown, controls

    def _look(self, n: int | None) -> dict:
        """The view: what the browser draws, as plain values."""
        shown = self._shown
        drawn: Table | None = shown.get("table")
        return _sendable({
            "n": n,
            "title": self.title,
            "lead": self.lead,
            "seed": self.seed,
            "count": len(self.actions),
            "controls": [control.to_view() for control in self._controls.values()],
            "pictures": [_picture(figure) for figure in shown.get("pictures", [])],
            "texts": [{"text": safe(line.text), "tone": line.tone} for line in map(_note, shown.get("texts", []))],
            "table": drawn and {"head": [safe(name) for name in drawn.head], "rows": _plain(drawn.rows),
                                "caption": safe(drawn.caption)},
            "flights": [flight.to_view() for flight in shown.get("flights", [])],
            "spots": [spot.to_view() for spot in shown.get("spots", [])],
            "said": self._said(shown),
            "problem": _explain(self.problem),
        })

    def _said(self, shown: dict) -> str:
        if self.problem:
            return ""  # what was said before is not what happened last
        return safe(shown.get("said") or ("" if self.actions else "Nothing has happened yet."))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seed={self.seed}) after {len(self.actions)} actions"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live widget with its static card; the static card alone when the notebook is being saved.

        The live entry must go then: a saved one points to a widget that no longer lives, and JupyterLab shows a
        trusted reader "model not found" in place of the card.
        """
        static = {"text/plain": self._as_text(), "text/html": self._as_html()}
        if being_saved():
            return static
        live, metadata = super()._repr_mimebundle_(**kwargs)
        return {**live, **static}, metadata

    def _as_html(self) -> str:
        view = self._shown
        parts = [paragraph(self.title, size=16, weight=600)]
        parts += [paragraph(view["said"], top=4)] if view.get("said") else []
        parts += [image(figure.svg, figure.alt) for figure in view.get("pictures", [])]
        for text in map(_note, view.get("texts", [])):
            parts.append(paragraph(_MARKS[text.tone] + text.text, top=6))
        if view.get("table"):
            parts.append(table(view["table"].head, view["table"].rows, view["table"].caption))
        parts.append(note("A static picture of the playground. Run this cell in JupyterLab to use it."))
        return card(*parts, label="Playground", width=940)

    def _as_text(self) -> str:
        view = self._shown
        lines = [f"Playground: {safe(self.title)}"]
        lines += [safe(view["said"])] if view.get("said") else []
        lines += [figure.text for figure in view.get("pictures", [])]
        lines += [_MARKS[text.tone] + safe(text.text) for text in map(_note, view.get("texts", []))]
        if view.get("table"):
            lines.append(_rows_as_text(view["table"]))
        return "\n".join(lines)


def _parse(run: dict | str) -> dict:
    if isinstance(run, str):
        try:
            run = json.loads(run)
        except ValueError as error:
            raise ForeignRun("This run is not JSON.", why=str(error), next_step="Copy the whole run.") from error
    if not isinstance(run, dict):
        raise ForeignRun(f"A run is a dict or its JSON, not {type(run).__name__}.",
                         next_step="Pass what export() returned.")
    return run


def _picture(figure: Any) -> dict:
    """A figure for the browser, which shows the SVG inside an `<img>`: no script in it can run there."""
    box = _BOX.search(figure.svg)
    if box is None or "http://www.w3.org/2000/svg" not in figure.svg:
        raise InvalidUse("A picture of a playground needs an SVG with a viewBox and the SVG namespace.",
                         why="The viewBox gives the coordinates of flights; an image without namespace stays empty.",
                         next_step="Give a Figure of evlab.viz.")
    return {"svg": figure.svg, "alt": figure.alt, "box": [float(part) for part in box[1].replace(",", " ").split()]}


def _note(text: str | Note) -> Note:
    return text if isinstance(text, Note) else Note(str(text))


def _plain(rows: list[list[Any]]) -> list[list[Any]]:
    def plain(cell: Any) -> Any:
        return cell if type(cell) in (int, float) and isfinite(cell) else safe(cell)

    return [[plain(cell) for cell in row] for row in rows]


def _sendable(value: Any) -> Any:
    """`value` with each lone surrogate replaced: text that UTF-8 can't carry would stop the whole view."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _sendable(part) for key, part in value.items()}
    return [_sendable(part) for part in value] if isinstance(value, list | tuple) else value


def _explain(problem: BaseException | None) -> str:
    if problem is None:
        return ""
    if isinstance(problem, EvlabError):
        step = problem.next_step[:1].upper() + problem.next_step[1:]
        return " ".join(_sentence(part) for part in (problem.what, problem.why, step) if part)
    return f"The last action failed with {_sentence(f'{type(problem).__name__}: {problem}')} You can go on, or reset."


def _sentence(text: str) -> str:
    text = safe(text)
    return text if text.endswith((".", "?")) else f"{text}."


def _rows_as_text(drawn: Table) -> str:
    rows = [[safe(cell) for cell in row] for row in (drawn.head, *drawn.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(drawn.head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([safe(drawn.caption), *lines] if drawn.caption else lines)
