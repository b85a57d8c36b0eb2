"""Schemas that change while old events stay: what may change, and how an old event is read by new code.

An event that is stored is never rewritten, and consumers are deployed one by one. So at any time somebody reads a
form that he did not write. Two tools keep that working:
- `SchemaRegistry` looks at a new version before anybody uses it, and refuses one that a reader could not read. Its
  rules are those of Avro's schema resolution, its names for the directions those of Confluent's Schema Registry.
- `Upcasters` turn an old event into the newest form when it is read, for changes that no rule allows: a field that is
  split, renamed or counted in another unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evlab.errors import EvlabError, InvalidEvent, InvalidUse
from evlab.event import Event

__all__ = ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE",
           "IncompatibleSchema", "Problem", "SchemaRegistry", "UpcastFailed", "Upcasters"]

NONE = "NONE"
"""Every version is accepted."""
BACKWARD = "BACKWARD"
"""Code with the new schema reads events of the version before: deploy consumers first."""
BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
"""Code with the new schema reads events of every earlier version: what a store of events needs."""
FORWARD = "FORWARD"
"""Code with the version before reads events of the new one: deploy producers first."""
FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
FULL = "FULL"
"""BACKWARD and FORWARD: deploy in any order."""
FULL_TRANSITIVE = "FULL_TRANSITIVE"
_MODES = (NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL, FULL_TRANSITIVE)

_TYPES = {"int": int, "long": int, "float": float, "double": float, "string": str, "boolean": bool, "null": type(None),
          "array": list, "map": dict}
_PROMOTIONS = {"int": ("long", "float", "double"), "long": ("float", "double"), "float": ("double",)}
"""What a number may be read as (Avro 1.11, Schema Resolution)."""
_MISSING = object()

Schema = Mapping[str, Mapping[str, Any]]
"""The fields of an event's data, by name: `{"total": {"type": "double"}, "note": {"type": "string", "default": ""}}`.

A type is one of int, long, float, double, string, boolean, null, array, map, or a list of them (a union). A field with
a `default` may be left out. `aliases` lists what the field was called before.
"""


class Problem(NamedTuple):
    """One reason why a reader could not read what a writer writes."""

    writer: int
    """The version in which the event is written."""
    reader: int
    """The version of the code that reads it."""
    field: str
    rule: str
    """The rule that is broken, in words."""


class IncompatibleSchema(EvlabError):
    """A version that somebody could not read, or an event that this reader cannot. `problems` has all reasons; `field`
    and `rule` are those of the first."""


class SchemaRegistry:
    """The schemas of each event type, by version, and the rule for new ones.

    compatibility: BACKWARD (the default, as in Confluent's registry), FORWARD, FULL, their TRANSITIVE forms, or NONE.
    The plain forms compare with the newest version alone, the transitive ones with all.
    """

    def __init__(self, compatibility: str = BACKWARD):
        if compatibility not in _MODES:
            raise InvalidUse(f"{compatibility!r} is no compatibility", next_step=f"give one of {', '.join(_MODES)}")
        self.compatibility = compatibility
        self._schemas: dict[str, dict[int, Schema]] = {}

    def register(self, type: str, version: int, schema: Schema) -> None:
        """Add a version. The same again changes nothing.

        Raises `IncompatibleSchema` if the compatibility forbids it, and `InvalidUse` for a version that is not the
        next, or a schema that is none.
        """
        known = self._schemas.setdefault(type, {})
        _check_schema(schema)
        if version in known:
            if known[version] == schema:
                return
            raise InvalidUse(f"version {version} of {type} is another already",
                             why="events are stored in it, and nobody can ask them",
                             next_step=f"register it as version {max(known) + 1}")
        if version != len(known) + 1:
            raise InvalidUse(f"version {version} of {type} does not follow version {len(known)}",
                             next_step=f"register version {len(known) + 1}")
        if problems := self.problems(type, schema):
            first = problems[0]
            raise IncompatibleSchema(
                f"version {version} of {type} is not {self.compatibility}: {first.field}", problems=problems,
                field=first.field, rule=first.rule, type=type, version=version,
                why=f"code of version {first.reader} could not read version {first.writer}: {first.rule}",
                next_step="give the field a default, keep the old one, or make it a new event type")
        known[version] = {name: dict(field) for name, field in schema.items()}

    def problems(self, type: str, schema: Schema) -> list[Problem]:
        """What the compatibility has against this schema as the next version; [] if nothing."""
        _check_schema(schema)
        known = self._schemas.get(type, {})
        mode, new, found = self.compatibility, len(known) + 1, []
        compared = list(known) if mode.endswith("TRANSITIVE") else list(known)[-1:]
        for old in compared:
            if mode.startswith(("BACKWARD", "FULL")):
                found += [Problem(old, new, *fault) for fault in _faults(known[old], schema)]
            if mode.startswith(("FORWARD", "FULL")):
                found += [Problem(new, old, *fault) for fault in _faults(schema, known[old])]
        return found

    def schema(self, type: str, version: int) -> Schema:
        """A schema that was registered. Raises `InvalidUse` for another."""
        if version not in self._schemas.get(type, {}):
            raise InvalidUse(f"version {version} of {type} is not registered", next_step="register it first")
        return self._schemas[type][version]

    def versions(self, type: str) -> list[int]:
        """The versions of a type, oldest first."""
        return list(self._schemas.get(type, {}))

    def read(self, type: str, data: Mapping[str, Any], *, written: int, reader: int) -> dict[str, Any]:
        """Data of version `written` as code of version `reader` sees them: a tolerant reader.

        Fields that it does not know are left out; those that are missing take their default; numbers are promoted.
        Raises `IncompatibleSchema` for what cannot be read. `data` is not changed.
        """
        writers, readers = self.schema(type, written), self.schema(type, reader)
        out = {}
        for name, field in readers.items():
            source = _source(name, field, writers)
            value = data.get(source, _MISSING) if source is not None else _MISSING
            if value is _MISSING and source is not None:
                value = writers[source].get("default", _MISSING)
            if value is _MISSING:
                value = field.get("default", _MISSING)
            if value is _MISSING:
                raise _unreadable(type, written, reader, name, "the reader needs it, it is not there, and there is no "
                                                               "default")
            out[name] = _as(value, field["type"])
            if out[name] is _MISSING:
                raise _unreadable(type, written, reader, name, f"{value!r:.60} is no {_shown(field['type'])}")
        return out

    def matrix(self, type: str) -> list[dict[str, Any]]:
        """Who can read whom: a row for each pair of versions, with `writer`, `reader`, `readable` and `why`."""
        known = self._schemas.get(type, {})
        rows = []
        for writer, written in known.items():
            for reader, read in known.items():
                faults = _faults(written, read)
                why = "; ".join(f"{field}: {rule}" for field, rule in faults)
                rows.append({"writer": writer, "reader": reader, "readable": not faults, "why": why})
        return rows


class UpcastFailed(EvlabError):
    """An upcaster raised, or returned something that is no data of an event. `type`, `version`, `id`."""


class Upcasters:
    """Functions that turn the data of one version into those of the next, chained by version.

        upcasters = Upcasters()

        @upcasters.register("OrderPlaced", 1)
        def total_in_cents(data):
            return {**data, "total_cents": round(data["total"] * 100)}

    The event keeps its id, time and all else; it is a copy, and the stored one stays as it was.
    """

    def __init__(self):
        self._steps: dict[tuple[str, int], Callable[[dict], dict]] = {}

    def register(self, type: str, version: int, function: Callable[[dict], dict] | None = None):
        """`function(data)` makes data of version + 1 out of data of `version`. Also a decorator.

        Raises `InvalidUse` if there is one already: an event would be turned twice.
        """
        if function is None:
            return lambda function: self.register(type, version, function)
        if (type, version) in self._steps:
            raise InvalidUse(f"version {version} of {type} has an upcaster already",
                             next_step=f"chain: register the next for version {version + 1}")
        self._steps[type, version] = function
        return function

    def upcast(self, event: Event) -> Event:
        """The event in its newest version; the event itself if there is nothing to do. Raises `UpcastFailed`."""
        if (event.type, event.version) not in self._steps:
            return event
        version, data = event.version, Event.kept(event.to_json()).data  # a copy: the stored event must not change
        try:
            while step := self._steps.get((event.type, version)):
                data, version = step(data), version + 1
            return Event(type=event.type, data=data, source=event.source, version=version, key=event.key,
                         kind=event.kind, id=event.id, time=event.time, correlation_id=event.correlation_id,
                         causation_id=event.causation_id)
        except InvalidEvent as error:
            raise _no_upcast(event, version, f"the data it returns are no JSON: {error.what}") from error
        except Exception as error:
            raise _no_upcast(event, version, f"{type(error).__name__}: {error}") from error


def _no_upcast(event: Event, version: int, why: str) -> UpcastFailed:
    return UpcastFailed(f"{event.type} {event.id} cannot be turned from version {version} into {version + 1}", why=why,
                        next_step="mend the upcaster; the stored event is as it was", type=event.type, version=version,
                        id=event.id)


# ------------------------------------------------------------------------------------- the rules of schema resolution


def _faults(written: Schema, read: Schema) -> list[tuple[str, str]]:
    """Why a reader with schema `read` cannot read what a writer with schema `written` writes: (field, rule)."""
    found = []
    for name, field in read.items():
        source = _source(name, field, written)
        if source is None:
            if "default" not in field:
                found.append((name, "the reader needs it, the writer does not write it, and there is no default"))
            continue
        for one in _union(written[source]["type"]):
            if not any(_readable(one, other) for other in _union(field["type"])):
                found.append((name, f"written as {one}, and the reader takes {_shown(field['type'])}"))
    return found


def _source(name: str, field: Mapping[str, Any], written: Schema) -> str | None:
    """The writer's name of a reader's field: its own, or that of an alias."""
    return next((one for one in (name, *field.get("aliases", ())) if one in written), None)


def _readable(written: str, read: str) -> bool:
    return written == read or read in _PROMOTIONS.get(written, ())


def _union(type: str | list[str]) -> list[str]:
    return [type] if isinstance(type, str) else list(type)


def _as(value: Any, type: str | list[str]) -> Any:
    """The value as one of these types, or _MISSING if it is of none."""
    for one in _union(type):
        kind = _TYPES[one]
        if isinstance(value, kind) and not (kind in (int, float) and isinstance(value, bool)):
            return value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    return _MISSING


def _shown(type: str | list[str]) -> str:
    return " or ".join(_union(type))


def _unreadable(type: str, written: int, reader: int, field: str, rule: str) -> IncompatibleSchema:
    return IncompatibleSchema(
        f"code of version {reader} cannot read {type} version {written}: {field}", why=rule, type=type, field=field,
        rule=rule, problems=[Problem(written, reader, field, rule)],
        next_step="give the field a default in the reader's schema, or upcast the event")


def _check_schema(schema: Schema) -> None:
    if not isinstance(schema, Mapping):
        raise InvalidUse(f"{schema!r:.60} is no schema", next_step='write {"total": {"type": "double"}}')
    for name, field in schema.items():
        kinds = field.get("type") if isinstance(field, Mapping) else None
        wrong = [one for one in _union(kinds or []) if one not in _TYPES] if isinstance(kinds, str | list) else [kinds]
        if not isinstance(name, str) or wrong or not kinds:
            raise InvalidUse(f"the field {name!r} has no type that the registry knows",
                             next_step=f'write {{"type": ...}} with one or a list of {", ".join(_TYPES)}')
        if extra := set(field) - {"type", "default", "aliases"}:
            raise InvalidUse(f"the field {name!r} says {sorted(extra)[0]!r}, which means nothing here",
                             next_step="a field has a type, and may have a default and aliases")
        if "default" in field and _as(field["default"], kinds) is _MISSING:
            raise InvalidUse(f"the default of {name!r}, {field['default']!r:.40}, is no {_shown(kinds)}",
                             next_step="give a default of the field's own type")
