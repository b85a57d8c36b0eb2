"""What is on the wall of an event storming, as plain values: notes in columns, and contexts over the columns.

Time goes from left to right. One column is one step: who wants it, the command, what decides on it, what happened,
and where it is seen. So no arrows are kept: the notes of a column belong together, and a policy names the event that
it waits for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Self

from evlab.errors import InvalidUse
from evlab.viz.theme import safe

__all__ = ["COLUMNS", "KINDS", "Board", "Crossing", "Sticky", "is_past", "name_of"]

KINDS = {"person": "who", "policy": "who", "command": "command", "aggregate": "decides", "system": "decides",
         "event": "event", "read model": "seen in", "question": "open"}
"""Each kind of note with its row, from the top of a column to its foot."""
COLUMNS, IN_CELL, LENGTH = 8, 2, 28
"""How many columns a board has, how many notes of a row one column holds, and how long a note's text may be."""
_IRREGULAR = """
    Become Begun Born Bought Bound Broken Brought Built Caught Chosen Cut Done Drawn Drunk Eaten Fallen Fed Fled
    Forgotten Fought Found Frozen Given Gone Grown Heard Held Hidden Hit Hurt Kept Known Laid Left Lent Lost Made Met
    Mistaken Overdrawn Paid Put Read Rebuilt Ridden Risen Run Said Seen Sent Set Shown Shut Sold Sought Spent Split
    Spoken Stolen Stuck Sunk Swept Taken Taught Thought Told Torn Understood Undone Withdrawn Woken Won Worn Written"""
_NO_VERBS = """
    Bed Breed Deed Embed Exceed Feed Greed Hundred Indeed Kindred Need Proceed Red Sacred Seed Shed Sled Speed Steed
    Weed"""
IRREGULAR, NO_VERBS = frozenset(_IRREGULAR.split()), frozenset(_NO_VERBS.split())
"""Past forms without -ed, and words in -ed that are none."""
SAYS_SO = frozenset(["Mark", "Set", "Confirm", "Report", "Record", "Note", "Declare"])
"""After these a command may end in a past form, as in MarkPaid."""


class Sticky(NamedTuple):
    """One note on the board."""

    id: str
    kind: str
    text: str
    """What is written on it. On a policy, the event that it waits for."""
    column: int
    """1 is the earliest."""

    @property
    def name(self) -> str:
        """The text as one name: notes with the same name mean the same thing."""
        return name_of(self.text)


class Crossing(NamedTuple):
    """An event that one context publishes and another one reacts to."""

    event: str
    source: str
    target: str
    command: str
    """What the event leads to there; "" while nobody knows."""


class Board:
    """Notes, and the bounded context of each column. `Board(notes, contexts)` from plain values, as in `to_data`."""

    def __init__(self, notes: Iterable[dict] = (), contexts: dict[int, str] | None = None):
        self.notes: list[Sticky] = []
        self.contexts: dict[int, str] = {}
        self._made = 0
        for one in notes:
            self.add(one["kind"], one["text"], one["column"])
        for column, name in (contexts or {}).items():
            self.name_context(int(column), name)

    # ------------------------------------------------------------------------------------------------- by hand

    def add(self, kind: str, text: str, column: int) -> str:
        """Put up a note; its id. Raises `InvalidUse` for an unknown kind or column, no text, and a full place."""
        if kind not in KINDS:
            raise InvalidUse(f"{kind!r} is no kind of note", next_step=f"use one of {', '.join(KINDS)}")
        note = Sticky(f"n{self._made + 1}", kind, _text(text), _column(column))
        self._room(note, column)
        self._made += 1
        self.notes.append(note)
        return note.id

    def move(self, id: str, column: int) -> None:
        """Move a note to another column. Raises `InvalidUse` for an unknown note or column, and for a full place."""
        note = self.note(id)
        if note.column != _column(column):
            self._room(note, column)
            self._replace(note._replace(column=column))

    def rename(self, id: str, text: str) -> None:
        """Write another text on a note. Raises `InvalidUse` for no text."""
        self._replace(self.note(id)._replace(text=_text(text)))

    def turn(self, id: str, kind: str) -> None:
        """Make it a note of another kind. Raises `InvalidUse` for an unknown note or kind, and for a full place."""
        if kind not in KINDS:
            raise InvalidUse(f"{kind!r} is no kind of note", next_step=f"use one of {', '.join(KINDS)}")
        note, turned = self.note(id), self.note(id)._replace(kind=kind)
        if KINDS[note.kind] != KINDS[kind]:
            self._room(turned, note.column)
        self._replace(turned)

    def remove(self, id: str) -> None:
        """Take a note off the board."""
        self.notes.remove(self.note(id))

    def swap(self, column: int, other: int) -> None:
        """Let two columns change places, with their notes and their contexts."""
        places = {_column(column): _column(other), other: column}
        self.notes = [note._replace(column=places.get(note.column, note.column)) for note in self.notes]
        self.contexts = {places.get(place, place): name for place, name in self.contexts.items()}

    def name_context(self, column: int, name: str) -> None:
        """Say which bounded context a column belongs to; "" takes it out."""
        name = safe(name, LENGTH).strip()
        self.contexts = {place: other for place, other in self.contexts.items() if place != _column(column)}
        if name:
            self.contexts[column] = name

    # ------------------------------------------------------------------------------------------------ look-ups

    def note(self, id: str) -> Sticky:
        """The note with this id. Raises `InvalidUse` if there is none."""
        found = next((note for note in self.notes if note.id == id), None)
        if found is None:
            raise InvalidUse(f"there is no note {str(id)[:20]!r} on the board",
                             next_step=f"there are {', '.join(one.id for one in self.notes) or 'none yet'}")
        return found

    def of(self, kind: str, column: int | None = None) -> list[Sticky]:
        """The notes of a kind, from left to right; with `column`, only those in it."""
        found = [note for note in self.notes if note.kind == kind and column in (None, note.column)]
        return sorted(found, key=lambda note: note.column)

    def cell(self, row: str, column: int) -> list[Sticky]:
        """The notes in one row of one column, in the order in which they were put up."""
        return [note for note in self.notes if KINDS[note.kind] == row and note.column == column]

    def used(self) -> list[int]:
        """The columns that hold a note, a question alone not counted."""
        return sorted({note.column for note in self.notes if note.kind != "question"})

    def context(self, column: int) -> str:
        """The bounded context of a column; "" if none is said."""
        return self.contexts.get(column, "")

    def causes(self, policy: Sticky) -> list[Sticky]:
        """The events on the board that a policy waits for."""
        return [event for event in self.of("event") if event.name == policy.name]

    def crossings(self) -> list[Crossing]:
        """Each event that leaves its context, with who reacts to it and how, from left to right."""
        found: dict[Crossing, None] = {}
        for policy in self.of("policy"):
            target = self.context(policy.column)
            commands = self.of("command", policy.column)
            for event in self.causes(policy):
                source = self.context(event.column)
                if source and target and source != target:
                    found[Crossing(event.name, source, target, commands[0].name if commands else "")] = None
        return sorted(found, key=lambda one: [event.name for event in self.of("event")].index(one.event))

    def to_data(self) -> dict[str, Any]:
        """The board as plain values for JSON; `Board(**data)` makes it again."""
        return {"notes": [{"kind": note.kind, "text": note.text, "column": note.column} for note in self.notes],
                "contexts": {str(column): self.contexts[column] for column in sorted(self.contexts)}}

    def copy(self) -> Self:
        """Another board with the same notes, under the same ids."""
        made = type(self)()
        made.notes, made.contexts, made._made = list(self.notes), dict(self.contexts), self._made
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Board) and self.to_data() == other.to_data()

    __hash__ = None  # it changes

    def __repr__(self) -> str:
        return f"Board({len(self.notes)} notes in {len({note.column for note in self.notes})} columns)"

    def _replace(self, note: Sticky) -> None:
        self.notes = [note if one.id == note.id else one for one in self.notes]

    def _room(self, note: Sticky, column: int) -> None:
        row = KINDS[note.kind]
        if len(self.cell(row, column)) >= IN_CELL:
            raise InvalidUse(f"Column {column} holds {IN_CELL} notes in the row {row!r} already",
                             why="One column is one step",
                             next_step="use another column, or swap columns to make room")


def name_of(text: str) -> str:
    """A text as one name in camel case: "order placed", "Order Placed" and "OrderPlaced" are OrderPlaced."""
    text = "".join(char if f"a{char}".isidentifier() else " " for char in text)  # a name of the skeleton, too
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[^\W_]+", text))
    return name if name.isidentifier() else f"The{name}"


def is_past(name: str, anywhere: bool = True) -> bool:
    """Does a name say what has happened: OrderPlaced, ParcelLeftHouse? A rule of thumb for English: a word in -ed, or
    one of the common irregular verbs. With `anywhere=False`, only the last word counts."""
    words = list(_words(name))
    return any(word in IRREGULAR or (word.endswith("ed") and len(word) > 3 and word not in NO_VERBS)
               for word in (words if anywhere else words[-1:]))


def sounds_past(command: str) -> bool:
    """Is this the name of an event, written on a command?"""
    return is_past(command, anywhere=False) and next(_words(command), "") not in SAYS_SO


def _words(name: str) -> Iterator[str]:
    for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+", name):
        yield word.capitalize()


def _text(text: str) -> str:
    made = safe(text, 200).strip()
    if not re.search(r"[^\W_]", made):
        raise InvalidUse("A note needs a text", why="Its name is what the others talk about",
                         next_step="Type what it is about")
    if len(made) > LENGTH:
        raise InvalidUse(f"{made[:40]!r} has {len(made)} letters, and a note takes {LENGTH}",
                         next_step="Say it in fewer")
    return made


def _column(column: Any) -> int:
    if type(column) is not int or not 1 <= column <= COLUMNS:
        raise InvalidUse(f"{column!r} is no column of the board", next_step=f"use 1 to {COLUMNS}")
    return column
