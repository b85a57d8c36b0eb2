"""A widget with one synced value, `view`: Python says what to draw, the browser reports what was pressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from evlab.widgets.card import being_saved

__all__ = ["STATIC", "Live", "Question"]

STATIC = Path(__file__).parent / "static"


class Live(anywidget.AnyWidget):
    """Shows `view` and hands each message of the browser to `heard`.

    With `EVLAB_SAVED=1` it opens no connection to a browser, so nothing of a widget gets into a saved notebook.
    """

    _css = STATIC / "evlab.css"
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, view: dict):
        super().__init__(view=view)
        self.on_msg(self._on_message)

    def open(self) -> None:
        """Connect to the browser, unless the notebook is being saved."""
        if not being_saved():
            super().open()

    def heard(self, action: str, value: Any, n: int | None) -> None:
        """Do what the browser reports: the control's name, its value, and the number of the message."""
        raise NotImplementedError

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and isinstance(message.get("action"), str):
            n = message.get("n")
            self.heard(message["action"], message.get("value"), n if isinstance(n, int) else None)


class Question(Live):
    """The card of a question. `answered(value)` is called with what the learner chose, and returns the new view."""

    _esm = STATIC / "question.js"

    def __init__(self, view: dict, answered: Callable[[Any], dict]):
        super().__init__(view)
        self._answered = answered

    def heard(self, action: str, value: Any, n: int | None) -> None:
        if action == "answer":
            self.view = {**self._answered(value), "n": n}
