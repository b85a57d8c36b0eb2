"""The playground of notebook 06: three versions of an event's schema, and who can read whom.

Nothing in it is decided by comparing schemas. For each version it writes example events, hands each one to the code
of each version, and paints the cell by what came back.
"""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import Any, ClassVar

from evlab.event import Event
from evlab.schema import (
    BACKWARD,
    BACKWARD_TRANSITIVE,
    FORWARD,
    FORWARD_TRANSITIVE,
    FULL,
    FULL_TRANSITIVE,
    NONE,
    IncompatibleSchema,
    SchemaRegistry,
    pairs_asked,
)
from evlab.sim.world import World
from evlab.viz.compatibility import compatibility
from evlab.widgets.base import Playground
from evlab.widgets.view import Button, Flight, Note, Select, Table, Toggle

__all__ = ["CompatibilityMatrix"]

TYPE = "UserCreated"
VERSIONS = (1, 2, 3)
FIELDS = ("name", "email", "points")
ABSENT = "not there"
TYPES = {"string": "string", "null or string": ["null", "string"], "int": "int", "long": "long", "double": "double"}
DEFAULTS = {"string": "", "null or string": None, "int": 0, "long": 0, "double": 0.0}
EXAMPLES = {"name": "Alice", "email": "alice@mail.com", "points": "many", "int": 7, "long": 3_000_000_000,
            "double": 0.5}
"""What an example event holds: a string by the field's name, a number by its type."""
MODES = {mode: mode for mode in (NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL,
                                 FULL_TRANSITIVE)}
FIRST = {"NONE": "NONE asks for nothing: you find out in production.",
         "BACKWARD": "BACKWARD: new code reads old events. Deploy consumers first.",
         "FORWARD": "FORWARD: old code reads new events. Deploy producers first, and consumers when the last old "
                    "event is gone.",
         "FULL": "FULL: both ways. Deploy in any order."}
STARTS = {
    "required": ("Email, no default", [{"name": "string"}, {"name": "string", "email": "string"},
                                       {"name": "string", "email": "string", "points": "int"}]),
    "default": ("Email, with default", [{"name": "string"}, {"name": "string", "email": "string ="},
                                        {"name": "string", "email": "string =", "points": "int ="}]),
    "steps": ("Default, then none", [{"name": "string"}, {"name": "string", "email": "string ="},
                                     {"name": "string", "email": "string"}]),
    "wider": ("Int, long, double", [{"name": "string", "points": kind} for kind in ("int", "long", "double")]),
    "drop": ("Email dropped", [{"name": "string", "email": "string"}, {"name": "string"}, {"name": "string"}]),
}
"""Where to start from: a label, and each version's fields; " =" means with a default."""


class CompatibilityMatrix(Playground):
    """Three versions of UserCreated, each field with a type and perhaps a default; a cell for each writer and reader.

    Its controls: `type-v2-email` and `default-v2-email` change a field, `mode` the compatibility, `read-v1-v2` hands
    an event of v1 to code of v2, and `start-steps` lays out an example.
    """

    name: ClassVar[str] = "compatibility"
    title: ClassVar[str] = "Three versions of UserCreated: who can read whom?"
    lead: ClassVar[str] = "Give v2's email a default, and watch the red cells. Point at a read button to see its rule."

    def start(self, seed: int) -> None:
        with World(seed):
            self.event = Event(type=TYPE, source="accounts", key="user-1", data={})
        self.mode = BACKWARD
        self.picked: tuple[int, int] | None = None
        self.said = ""
        self._lay_out("required")

    def _lay_out(self, name: str) -> None:
        self.kinds = {version: dict.fromkeys(FIELDS, ABSENT) for version in VERSIONS}
        self.optional = {version: dict.fromkeys(FIELDS, False) for version in VERSIONS}
        for version, fields in zip(VERSIONS, STARTS[name][1], strict=True):
            for field, kind in fields.items():
                self.kinds[version][field] = kind.removesuffix(" =")
                self.optional[version][field] = kind.endswith(" =")
        self._register()

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        verb, *rest = name.split("-")
        if verb != "read":
            self.picked = None
        if verb == "start":
            self._lay_out(rest[0])
            self.said = f"{STARTS[rest[0]][0]}: {self._counted()}"
        elif verb == "mode":
            self.mode = value
            self.said = f"{value} asks for {_many(len(pairs_asked(value, VERSIONS)), 'cell')}."
        elif verb == "read":
            self.picked = int(rest[0][1:]), int(rest[1][1:])
            self.said = self._read_aloud(*self.picked)
        else:
            self._change(verb, int(rest[0][1:]), rest[1], value)

    def _change(self, verb: str, version: int, field: str, value: Any) -> None:
        if verb == "type":
            self.kinds[version][field] = value
            if value == ABSENT:
                self.optional[version][field] = False
        else:
            self.optional[version][field] = value
        self._register()
        self.said = f"v{version}, {field}: {self._field_in_words(version, field)}. {self._counted()}"

    def _field_in_words(self, version: int, field: str) -> str:
        kind = self.kinds[version][field]
        return kind if kind == ABSENT else f"{kind}, {'with a' if self.optional[version][field] else 'no'} default"

    def _counted(self) -> str:
        red = sum(not row["readable"] for row in self._rows())
        return f"{_many(red, 'cell')} of 9 {'is' if red == 1 else 'are'} red."

    # ------------------------------------------------------------------------------------------- really reading

    def schema(self, version: int) -> dict[str, dict]:
        """The schema of a version, as it stands now."""
        return {field: {"type": TYPES[kind]} | ({"default": DEFAULTS[kind]} if self.optional[version][field] else {})
                for field, kind in self.kinds[version].items() if kind != ABSENT}

    def examples(self, version: int) -> list[dict]:
        """Data of events as a producer of that version may write them: each type, and with what may be left out."""
        columns = [[(field, value) for value in self._values(version, field)]
                   for field in FIELDS if self.kinds[version][field] != ABSENT]
        whole = [dict(pair or columns[index][0] for index, pair in enumerate(row)) for row in zip_longest(*columns)]
        short = {field: value for field, value in (whole or [{}])[0].items() if not self.optional[version][field]}
        return [*whole, short] if short not in whole else whole

    def _values(self, version: int, field: str) -> list:
        kind = self.kinds[version][field]
        return [EXAMPLES[field] if one == "string" else None if one == "null" else EXAMPLES[one]
                for one in reversed(_types(kind))]

    def _register(self) -> None:
        """Read by these schemas from now on. The registry asks for nothing, so it takes them all."""
        self.registry = SchemaRegistry(NONE)
        for version in VERSIONS:
            self.registry.register(TYPE, version, self.schema(version))

    def _read(self, writer: int, reader: int) -> list[tuple[dict, dict | IncompatibleSchema]]:
        """Each example event of the writer, with what the reader makes of it."""
        outcomes: list = []
        for data in self.examples(writer):
            event = Event(type=TYPE, source=self.event.source, key=self.event.key, id=self.event.id,
                          time=self.event.time, version=writer, data=data)
            try:
                got = self.registry.read(TYPE, event.data, written=event.version, reader=reader)
                outcomes.append((event.data, got))
            except IncompatibleSchema as error:
                outcomes.append((event.data, error))
        return outcomes

    def _rows(self) -> list[dict]:
        rules = {(row["writer"], row["reader"]): row["why"] for row in self.registry.matrix(TYPE)}
        rows = []
        for writer in VERSIONS:
            for reader in VERSIONS:
                failed = [error for _, error in self._read(writer, reader) if isinstance(error, IncompatibleSchema)]
                rows.append({"writer": writer, "reader": reader, "readable": not failed,
                             "why": rules[writer, reader] if failed else ""})
        return rows

    def _read_aloud(self, writer: int, reader: int) -> str:
        outcomes = self._read(writer, reader)
        errors = [error for _, error in outcomes if isinstance(error, IncompatibleSchema)]
        if not errors:
            return f"Code of v{reader} reads the event of v{writer}."
        if len(errors) < len(outcomes):
            return f"Code of v{reader} reads some events of v{writer}, and fails on others. {_rule(errors[0])}"
        return f"Code of v{reader} cannot read the event of v{writer}. {_rule(errors[0])}"

    def _registered(self) -> list[Note]:
        """What a registry with this compatibility says, version by version."""
        registry, notes = SchemaRegistry(self.mode), []
        for version in VERSIONS:
            try:
                registry.register(TYPE, version, self.schema(version))
            except IncompatibleSchema as error:
                first = error.problems[0]
                notes.append(Note(f"v{version} is refused: code of v{first.reader} could not read "
                                  f"v{first.writer}.", "bad"))
                if version < VERSIONS[-1]:
                    notes.append(Note(f"v{version + 1} waits until v{version} is mended.", "wait"))
                return notes
        return [Note(f"A registry with {self.mode} takes all three versions.", "good")]

    def _meaning(self) -> str:
        plain = self.mode.removesuffix("_TRANSITIVE")
        more = "" if plain == self.mode else " TRANSITIVE: and not the version before alone, every earlier one."
        return FIRST[plain] + more

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        rows = self._rows()
        asked = pairs_asked(self.mode, VERSIONS)
        cells = {(row["writer"], row["reader"]): row for row in rows}
        picture = compatibility(rows, title=self._finding(cells, asked), asked=asked, picked=self.picked,
                                schemas={version: self.schema(version) for version in VERSIONS})
        notes = [*self._registered(), Note(self._meaning())]
        shown = {"controls": self._controls_now(cells), "pictures": [picture], "texts": notes, "said": self.said}
        if self.picked:
            writer, reader = self.picked
            shown["table"] = Table([f"event of v{writer}", f"as code of v{reader} sees it"],
                                   [[_json(data), _outcome(got)] for data, got in self._read(writer, reader)],
                                   "What was read")
            shown["flights"] = [Flight(picture.anchors[f"v{writer}"], picture.anchors[f"v{writer}-v{reader}"], 0, 600,
                                       lost=not cells[self.picked]["readable"])]
        return shown

    def _finding(self, cells: dict, asked: list[tuple[int, int]]) -> str:
        red = [pair for pair in asked if not cells[pair]["readable"]]
        if red:
            writer, reader = red[0]
            return f"Not {self.mode}: code of v{reader} cannot read v{writer}"
        if not asked:
            return f"NONE asks for no cell; {sum(not row['readable'] for row in cells.values())} of 9 are red"
        return f"{self.mode} is kept: all {len(asked)} cells that it asks for are green"

    def _controls_now(self, cells: dict) -> list:
        controls: list = [Button(f"start-{name}", label, group="Start from", help="Lay out this example.")
                          for name, (label, _) in STARTS.items()]
        controls.append(Select("mode", "must be", group="Compatibility", options=MODES, value=self.mode,
                               help="Which cells have to be green before a version is let in: those with a frame."))
        for version in VERSIONS:
            for field in FIELDS:
                controls += self._field_controls(version, field)
        for (writer, reader), row in cells.items():
            green = row["readable"]
            said = f"Code of v{reader} {'reads' if green else 'cannot read'} v{writer}. {row['why']}".strip()
            controls.append(Button(f"read-v{writer}-v{reader}", f"{'✓' if green else '✗'} v{reader}", help=said,
                                   group=f"Read v{writer}'s event with code of", look="plain" if green else "harm"))
        return controls

    def _field_controls(self, version: int, field: str) -> list:
        kind, group = self.kinds[version][field], f"Schema of v{version}"
        return [Select(f"type-v{version}-{field}", field, group=group, options=[ABSENT, *TYPES], value=kind,
                       help=f"What events of v{version} hold as {field}."),
                Toggle(f"default-v{version}-{field}", "default", group=group, value=self.optional[version][field],
                       blocked="A field that is not there has no default." if kind == ABSENT else "",
                       help=f"Whether the {field} of v{version} has a default.")]

    def digest(self) -> str:
        return json.dumps([self.kinds, self.optional, self.mode, self.picked, self.event.id])


def _types(kind: str) -> list[str]:
    found = TYPES[kind]
    return found if isinstance(found, list) else [found]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _rule(error: IncompatibleSchema) -> str:
    return f"{error.field}: {error.rule}."


def _json(data: dict) -> str:
    return json.dumps(data, ensure_ascii=False)


def _outcome(got: dict | IncompatibleSchema) -> str:
    return f"error. {_rule(got)}" if isinstance(got, IncompatibleSchema) else _json(got)
