"""The card of a drill or an interview: Python says what stands on it, the browser says what was pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evlab.widgets.live import STATIC, Live

__all__ = ["DrillCard"]


class DrillCard(Live):
    """Shows a view of `evlab.course.drills.notebook`. `did(action, value)` is called with what the learner did, and
    returns the new view."""

    _esm = STATIC / "drill.js"

    def __init__(self, view: dict, did: Callable[[str, Any], dict]):
        super().__init__(view)
        self._did = did

    def heard(self, action: str, value: Any, n: int | None) -> None:
        self.view = {**self._did(action, value), "n": n}
