"""The playground of notebook 21: an event storming on a wall. Notes are put up, moved along the time and named; rules
say what is missing; and the board goes out as data, or as Python that runs.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, Self

from evlab.viz.board import Wall, wall
from evlab.widgets.base import Playground
from evlab.widgets.missing import missing
from evlab.widgets.skeleton import skeleton
from evlab.widgets.storm import COLUMNS, KINDS, LENGTH, Board, Sticky
from evlab.widgets.view import Button, Note, Select, Slider, Spot, Table, Text

__all__ = ["DONE", "PAGE", "EventStorming"]

SHOWN, KEPT = 5, 100
"""How many of the missing things are told in words (all are marked on the board), and how many steps can be taken back.
"""


def _notes(*columns: tuple[tuple[str, str], ...]) -> list[dict]:
    return [{"kind": kind, "text": text, "column": number}
            for number, notes in enumerate(columns, 1) for kind, text in notes]


PAGE = Board(_notes(
    (("person", "customer"), ("command", "PlaceOrder"), ("aggregate", "Order"), ("event", "OrderPlaced"),
     ("read model", "My orders")),
    (("event", "ReceiptSent"),),
    (("policy", "OrderPlaced"), ("command", "ReserveStock"), ("event", "StockReserved"), ("question", "Sold out?")),
    (("policy", "StockReserved"), ("event", "ChargeCard")),
    (("command", "ShipParcel"), ("aggregate", "Parcel"), ("event", "ParcelShipped")),
    (("policy", "CardDeclined"), ("command", "ReleaseStock"), ("aggregate", "Stock item"), ("event", "StockReleased"))))
"""What hangs on the wall after ten minutes with the page of shop talk: notes, and holes."""
DONE = Board(_notes(
    (("person", "customer"), ("command", "PlaceOrder"), ("aggregate", "Order"), ("event", "OrderPlaced"),
     ("read model", "My orders")),
    (("policy", "OrderPlaced"), ("command", "ReserveStock"), ("aggregate", "Stock item"), ("event", "StockReserved"),
     ("event", "StockRefused")),
    (("policy", "StockReserved"), ("command", "ChargeCard"), ("aggregate", "Payment"), ("event", "CardCharged"),
     ("event", "CardDeclined")),
    (("policy", "CardCharged"), ("command", "ShipParcel"), ("aggregate", "Parcel"), ("event", "ParcelShipped"),
     ("read model", "Parcels today")),
    (("policy", "CardCharged"), ("command", "SendReceipt"), ("system", "mail server"), ("event", "ReceiptSent")),
    (("policy", "CardDeclined"), ("command", "ReleaseStock"), ("aggregate", "Stock item"), ("event", "StockReleased")),
    (("policy", "StockRefused"), ("policy", "StockReleased"), ("command", "CancelOrder"), ("aggregate", "Order"),
     ("event", "OrderCancelled"), ("read model", "My orders"), ("question", "Returns?")),
    (("policy", "ParcelShipped"), ("command", "CompleteOrder"), ("aggregate", "Order"), ("event", "OrderCompleted"),
     ("read model", "My orders"))),
    {1: "ordering", 2: "inventory", 3: "payment", 4: "shipping", 5: "mail", 6: "inventory", 7: "ordering",
     8: "ordering"})
"""One board that keeps all rules."""
BOARDS = {"page": "from the page of talk", "done": "as one team left it", "empty": "an empty wall"}
CHANGED = {"page, changed": "from the page of talk, changed", "done, changed": "as one team left it, changed",
           "empty, changed": "your own notes"}
"""What is on the wall after somebody has been at it, by what was there before."""


class EventStorming(Playground):
    """Notes on a wall. `EventStorming().board` is the `Board`; `EventStorming.of(board)` opens one of your own."""

    name: ClassVar[str] = "event-storming"
    title: ClassVar[str] = "Events, what causes them, and what they cause"
    version: ClassVar[int] = 2
    lead: ClassVar[str] = ("Choose a note with the mouse, or with Tab and Enter. Drag it, or move it with the arrow "
                           "keys. Every note with a ! breaks a rule; choose it to read which. Press an empty place to "
                           "put new notes there.")

    def start(self, seed: int) -> None:
        self.board = PAGE.copy()
        self.wall, self.chosen, self.place = "page", self.board.notes[0].id, 1
        self.kind, self.said = "event", ""
        self.past: list[tuple] = []
        """What can be taken back: board, chosen note, place and wall of before, and what was done."""

    @classmethod
    def of(cls, board: Board) -> Self:
        """A playground whose wall holds this board. The run that leads there is recorded, so it can be replayed."""
        made = cls().do("wall", "empty")
        for note in board.notes:
            made.do("place", note.column).do("kind", note.kind).do("add", note.text)
        for column, name in sorted(board.contexts.items()):
            made.do("place", column).do("context", name)
        return made

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        before = self.board.copy(), self.chosen, self.place, self.wall
        getattr(self, f"_do_{name}")(value)
        if name != "undo" and self.board != before[0]:
            self.past = [*self.past[1 - KEPT:], (*before, self.said)]

    @property
    def note(self) -> Sticky | None:
        """The chosen note; None on an empty wall, and while the chosen place holds none."""
        return next((note for note in self.board.notes if note.id == self.chosen), None)

    @property
    def column(self) -> int:
        return self.note.column if self.note else self.place

    def _do_note(self, value: str) -> None:
        self.place, self.chosen = self.column, value
        self.said = f"{_called(self.note)}, in column {self.column}." if self.note else "No note is chosen."

    def _do_kind(self, value: str) -> None:
        self.kind = value
        self.said = f"The next new note is for: {value}."

    def _do_add(self, value: str) -> None:
        if not value.strip():
            return
        self.chosen = self.board.add(self.kind, value, self.column)
        self.said = f"{_called(self.note)} is up, in column {self.column}."

    def _do_column(self, value: int) -> None:
        self.board.move(self.chosen, value)
        self.place = value
        self.said = f"{_called(self.note)} is in column {value} now."

    def _do_place(self, value: int) -> None:
        if self.column != value:
            self.chosen = ""
        self.place = value
        self.said = f"New notes go into column {value}."

    def _do_turn(self, value: str) -> None:
        before = _called(self.note)
        self.board.turn(self.chosen, value)
        self.said = f"{before} is for {value} now."

    def _do_text(self, value: str) -> None:
        before = _called(self.note)
        self.board.rename(self.chosen, value)
        self.said = f"{before} is {self.note.text!r} now."

    def _do_remove(self, _: None) -> None:
        self.said = f"{_called(self.note)} is off the board."
        self.place = self.column
        self.board.remove(self.chosen)
        self.chosen = ""

    def _do_earlier(self, _: None) -> None:
        self._swap(self.column - 1)

    def _do_later(self, _: None) -> None:
        self._swap(self.column + 1)

    def _swap(self, other: int) -> None:
        self.said = f"Columns {self.column} and {other} have changed places."
        self.board.swap(self.column, other)
        self.place = other

    def _do_context(self, value: str) -> None:
        self.board.name_context(self.column, value)
        here = self.board.context(self.column)
        self.said = f"Column {self.column} belongs to {here or 'no context'}."

    def _do_wall(self, value: str) -> None:
        if value in BOARDS:
            self.wall = value
            self.board = _board(value)
            self.chosen, self.place = self.board.notes[0].id if self.board.notes else "", 1
        self.said = f"On the wall: {(BOARDS | CHANGED)[self._on_the_wall()]}."

    def _on_the_wall(self) -> str:
        """Which of the known walls this is, or else what became of which."""
        known = next((wall for wall in BOARDS if self.board == _board(wall)), None)
        return known or f"{self.wall}, changed"

    def _do_undo(self, _: None) -> None:
        self.board, self.chosen, self.place, self.wall, done = self.past[-1]
        self.past = self.past[:-1]
        self.said = f"Taken back: {done}"

    # -------------------------------------------------------------------------------------------- what goes out

    def export(self, form: str = "run") -> Any:
        """What is on the wall. form: "run" for the run so far, to be replayed; "data" for the board as plain values
        for JSON (`Board(**data)` reads it); "skeleton" for a Python module on evlab."""
        if form == "data":
            return self.board.to_data()
        return skeleton(self.board) if form == "skeleton" else super().export()

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        found = missing(self.board)
        picture = wall(self.board, title=self._finding(len(found)), here=self.chosen, columns=COLUMNS,
                       at=self.column, marked=[one.note for one in found])
        found.sort(key=lambda one: one.note != self.chosen)  # what is wrong with the chosen note comes first
        notes = [Note(f"Column {one.column}: {one.says} {one.cure[:1].upper()}{one.cure[1:]}.", "bad")
                 for one in found[:SHOWN]]
        if len(found) > SHOWN:
            notes.append(Note(f"... and {len(found) - SHOWN} more.", "bad"))
        if self.board.notes and not found:
            notes.append(Note("No rule finds anything missing. Whether it is your business, only people can say.",
                              "good"))
        notes += [Note(f"Open: {one.text}", "wait") for one in self.board.of("question")]
        return {"controls": self._controls_now(), "pictures": [picture], "texts": notes, "table": self._table(),
                "spots": self._spots(picture), "said": self.said}

    def _finding(self, count: int) -> str:
        if not self.board.notes:
            return "An empty wall"
        if count:
            return f"{len(self.board.notes)} notes, and {count} thing{'s' * (count != 1)} missing"
        crossing = len({one.event for one in self.board.crossings()})
        contexts = len(set(self.board.contexts.values()))
        return f"Nothing is missing: {contexts} contexts, and {crossing} events go from one to another"

    def _table(self) -> Table | None:
        rows = [[one.event, one.source, one.target, one.command or "?"] for one in self.board.crossings()]
        if not rows:
            return None
        return Table(["event", "published by", "read by", "which then does"], rows, "What goes from context to context")

    def _controls_now(self) -> list:
        note, column = self.note, self.column
        none = "" if note else "Choose a note first."
        options = {"": "none"} | {one.id: f"{one.column} {one.kind}: {one.text}"
                                  for one in sorted(self.board.notes, key=lambda one: one.column)}
        here = self._on_the_wall()
        walls = BOARDS if here in BOARDS else {here: CHANGED[here], **BOARDS}
        one, other, new = "The chosen note", "The column", "A new note"
        return [
            Select("note", "note", group=one, options=options, value=self.chosen),
            Slider("column", "column", group=one, low=1, high=COLUMNS, value=column, live=True, blocked=none,
                   help="Left is earlier. The arrow keys move the note too, here and on the board."),
            Text("text", "text", group=one, value=note.text if note else "", limit=LENGTH, blocked=none,
                 help="On a policy: the event that it waits for."),
            Select("turn", "is for", group=one, options=list(KINDS), value=note.kind if note else self.kind,
                   blocked=none),
            Button("remove", "Take it off", group=one, look="harm", blocked=none),
            Text("context", "bounded context", group=other, value=self.board.context(column), limit=LENGTH,
                 placeholder="no context", help="Columns with one name are one context, wherever they stand."),
            Button("earlier", "\u2190 earlier", group=other, blocked="It is the first." if column == 1 else "",
                   help="The column changes places with the one before."),
            Button("later", "later \u2192", group=other, blocked="It is the last." if column == COLUMNS else ""),
            Slider("place", "in column", group=new, low=1, high=COLUMNS, value=column),
            Select("kind", "kind", group=new, options=list(KINDS), value=self.kind),
            Text("add", "text, then Enter", group=new, value="", limit=LENGTH, placeholder="OrderPlaced"),
            Button("undo", "Undo", group="The wall", blocked="" if self.past else "Nothing to take back."),
            Select("wall", "show", group="The wall", options=walls, value=here,
                   help="What is on the wall now goes; Undo brings it back."),
        ]

    def _spots(self, picture: Wall) -> list[Spot]:
        spots = [Spot(f"column-{number}", box[:2], (box.x1 - box.x0, box.y1 - box.y0), "", press=("place", number),
                      drop=("column", number))
                 for number, box in picture.columns.items()]
        for note in sorted(self.board.notes, key=lambda note: note.column):
            box, choose = picture.notes[note.id], [("note", note.id)] * (note.id != self.chosen)
            keys = {key: [*choose, ("column", to)] for key, to in (("ArrowLeft", note.column - 1),
                                                                   ("ArrowRight", note.column + 1))
                    if 1 <= to <= COLUMNS}
            if note.id == self.chosen:
                keys["Delete"] = [("remove", None)]
            spots.append(Spot(note.id, box[:2], (box.x1 - box.x0, box.y1 - box.y0),
                              f"{note.kind} {note.text}, column {note.column}", press=("note", note.id),
                              drop=("column", note.column), keys=keys))
        return spots

    def digest(self) -> str:
        state = [self.board.to_data(), [note.id for note in self.board.notes], self.chosen, self.place, self.kind,
                 self.wall, [(board.to_data(), *rest) for board, *rest in self.past]]
        return hashlib.blake2b(json.dumps(state).encode(), digest_size=16).hexdigest()


def _board(wall: str) -> Board:
    return {"page": PAGE, "done": DONE, "empty": Board()}[wall].copy()


def _called(note: Sticky) -> str:
    return f"The {note.kind} {note.text!r}"
