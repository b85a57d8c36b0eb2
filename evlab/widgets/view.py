"""What a playground shows and asks: controls, notes, a table, events in flight, places to press. Plain values.

A playground's `render()` returns these; `evlab.widgets.base` sends them to the browser and checks with `accept`
every value that comes back.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, asdict, dataclass, field
from typing import Any

from evlab.errors import InvalidUse
from evlab.viz.theme import safe

__all__ = ["Button", "Control", "Flight", "Note", "Select", "Slider", "Spot", "Table", "Text", "Toggle"]

_ID = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Control:
    """Something the learner can press, move or fill in. `id` is the name that `act` receives.

    `help` is one sentence about what it does. Controls with the same `group` stand together. `blocked` says why the
    control can't be used now; it stays in reach of the keyboard, and pressing it says the reason.
    """

    id: str
    label: str
    _: KW_ONLY
    help: str = ""
    group: str = ""
    blocked: str = ""

    def __post_init__(self):
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise InvalidUse(f"{self.id!r} can't be the id of a control.",
                             why="An id starts with a small letter and holds small letters, digits, - and _.",
                             next_step='Give one such as "publish".')
        if not self.label:
            raise InvalidUse(f"The control {self.id!r} has no label.", why="A label is what the learner reads.",
                             next_step="Give it one.")

    def accept(self, value: Any) -> Any:
        """The value as `act` gets it. Raises `InvalidUse` for one that this control can't send."""
        raise NotImplementedError

    def to_view(self) -> dict:
        """The control as the browser gets it."""
        return {"kind": type(self).__name__.lower(), **asdict(self)}

    def _refuse(self, value: Any, allowed: str) -> InvalidUse:
        return InvalidUse(f"{self.label!r} can't be {str(value)[:60]!r}.", next_step=f"Give {allowed}.",
                          control=self.id)


@dataclass(frozen=True)
class Button(Control):
    """Does one thing; its value is always None. `look`: main (the usual next step), plain, or harm (it breaks
    something)."""

    _: KW_ONLY
    look: str = "plain"

    def __post_init__(self):
        super().__post_init__()
        if self.look not in ("main", "plain", "harm"):
            raise InvalidUse(f"A button can't look {self.look!r}.", next_step="Give main, plain or harm.")

    def accept(self, value: Any) -> None:
        if value is not None:
            raise self._refuse(value, "no value")


@dataclass(frozen=True)
class Toggle(Control):
    """On or off."""

    _: KW_ONLY
    value: bool = False

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._refuse(value, "True or False")
        return value


@dataclass(frozen=True)
class Select(Control):
    """One of some choices. `options` is a list, or a dict of value to label."""

    _: KW_ONLY
    options: list[str] | dict[str, str]
    value: str

    def __post_init__(self):
        super().__post_init__()
        if self.value not in self.options:
            raise self._refuse(self.value, "one of " + ", ".join(self.options))

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise self._refuse(value, "one of " + ", ".join(self.options))
        return value

    def to_view(self) -> dict:
        labels = self.options if isinstance(self.options, dict) else {name: name for name in self.options}
        return {**super().to_view(), "options": [[name, label] for name, label in labels.items()]}


@dataclass(frozen=True)
class Slider(Control):
    """A number from `low` to `high` in steps of `step`. `live` sends values while the slider moves, else only
    where it comes to rest. `unit` is shown behind the number."""

    _: KW_ONLY
    low: float
    high: float
    value: float
    step: float = 1
    unit: str = ""
    live: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not (self.low < self.high and self.step > 0 and self.low <= self.value <= self.high):
            raise InvalidUse(f"The slider {self.id!r} goes from {self.low} to {self.high} in steps of {self.step} "
                             f"and stands at {self.value}.",
                             next_step="Give low below high, step above 0, and a value between low and high.")

    def accept(self, value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            raise self._refuse(value, f"a number from {self.low} to {self.high}")
        # A browser sends 0.30000000000000004; a run that is replayed needs 0.3 from every sender.
        exact = min(self.low + round((value - self.low) / self.step) * self.step, self.high)
        return round(exact) if float(self.low).is_integer() and float(self.step).is_integer() else round(exact, 9)


@dataclass(frozen=True)
class Text(Control):
    """A line of text of at most `limit` characters, sent when the learner presses Enter or leaves the field."""

    _: KW_ONLY
    value: str = ""
    placeholder: str = ""
    limit: int = 200

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.limit:
            raise self._refuse(value, f"text of at most {self.limit} characters")
        return safe(value, self.limit)


@dataclass(frozen=True)
class Note:
    """A line of text beside the pictures. `tone`: plain, good, bad or wait; each has a mark as well as a colour."""

    text: str
    tone: str = "plain"

    def __post_init__(self):
        if self.tone not in ("plain", "good", "bad", "wait"):
            raise InvalidUse(f"A note can't have the tone {self.tone!r}.", next_step="Give plain, good, bad or wait.")


@dataclass(frozen=True)
class Table:
    """Rows of plain values under the names in `head`."""

    head: list[str]
    rows: list[list[Any]]
    caption: str = ""

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.head):
                raise InvalidUse(f"A table with {len(self.head)} columns has a row of {len(row)}.",
                                 next_step="Give each row a value for each column.", row=row)


@dataclass(frozen=True)
class Flight:
    """An event that flies over a picture, from `start` to `end` (points in the picture's own coordinates).

    It leaves `after` milliseconds after the redraw and flies for `length` milliseconds. `lost` ends it with a
    cross. `picture` is the number of the picture, from 0. Where the reader asked for less motion, the way is
    drawn as a line and nothing moves.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    after: int = 0
    length: int = 600
    label: str = ""
    lost: bool = False
    colour: str = "#E69F00"
    picture: int = 0

    def to_view(self) -> dict:
        """The flight as the browser gets it."""
        return {"from": list(self.start), "to": list(self.end), "start": self.after, "length": self.length,
                "colour": self.colour, "label": self.label, "end": "lost" if self.lost else "ok",
                "picture": self.picture}


@dataclass(frozen=True)
class Spot:
    """A place in a picture that can be pressed, dragged and dropped on; `start` and `size` in the picture's own
    coordinates. What a spot does is a press of a control, (id, value), so a run replays without any picture.

    press: done by a click, or by Enter when the spot has the focus; None for a place that can only be dropped on.
    A spot without a label is for the mouse alone; some control does the same for the keyboard.
    drop: done when another spot is dragged here, after that one's own press. keys: the presses of a key, by its name
    in the browser, as in {"ArrowLeft": [("column", 2)]}. label: what a screen reader says.
    """

    id: str
    start: tuple[float, float]
    size: tuple[float, float]
    label: str
    _: KW_ONLY
    press: tuple[str, Any] | None = None
    drop: tuple[str, Any] | None = None
    keys: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    picture: int = 0

    def to_view(self) -> dict:
        """The spot as the browser gets it."""
        return {"id": self.id, "start": list(self.start), "size": list(self.size), "label": safe(self.label),
                "press": self.press and list(self.press), "drop": self.drop and list(self.drop),
                "keys": {key: [list(one) for one in presses] for key, presses in self.keys.items()},
                "picture": self.picture}
