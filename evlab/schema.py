"""Schemas that change while old events stay: what may change, and how an old event is read by new code.

An event that is stored is never rewritten, and consumers are deployed one by one. So at any time somebody reads a
form that they did not write. Two tools keep that working:
- `SchemaRegistry` looks at a new version before anybody uses it, and refuses one that a reader could not read. Its
  rules are those of Avro's schema resolution (`evlab.resolution`), its names for the directions those of Confluent's
  Schema Registry.
- `Upcasters` turn an old event into the newest form when it is read, for changes that no rule allows: a field that is
  split, renamed or counted in another unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from evlab.errors import EvlabError, InvalidEvent, InvalidUse, learner_lines
from evlab.event import Event
from evlab.resolution import Schema, Unreadable, check_schema, copied, faults, read_field

__all__ = ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE",
           "IncompatibleSchema", "Problem", "SchemaRegistry", "UpcastFailed", "Upcasters", "pairs_asked"]

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


def pairs_asked(compatibility: str, versions: Iterable[int]) -> list[tuple[int, int]]:
    """Who has to be able to read whom: the pairs (writer, reader) that a compatibility asks for among these versions,
    oldest first.

    The plain forms ask for neighbours alone, the transitive ones for every two. Raises `InvalidUse` for a name that is
    no compatibility.
    """
    _check_mode(compatibility)
    versions, pairs = list(versions), []
    for index, new in enumerate(versions):
        for old in versions[:index] if compatibility.endswith("TRANSITIVE") else versions[:index][-1:]:
            if compatibility.startswith(("BACKWARD", "FULL")):
                pairs.append((old, new))
            if compatibility.startswith(("FORWARD", "FULL")):
                pairs.append((new, old))
    return pairs


class SchemaRegistry:
    """The schemas of each event type, by version, and the rule for new ones.

    compatibility: BACKWARD (the default, as in Confluent's registry), FORWARD, FULL, their TRANSITIVE forms, or NONE.
    The plain forms compare with the newest version alone, the transitive ones with all.
    """

    def __init__(self, compatibility: str = BACKWARD):
        _check_mode(compatibility)
        self.compatibility = compatibility
        self._schemas: dict[str, dict[int, Schema]] = {}

    def register(self, type: str, version: int, schema: Schema) -> None:
        """Add a version. The same again changes nothing.

        Raises `IncompatibleSchema` if the compatibility forbids it, and `InvalidUse` for a version that is not the
        next, or a schema that is none.
        """
        _check_name(type, version)
        check_schema(schema)
        known = self._schemas.get(type, {})
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
        self._schemas[type] = {**known, version: copied(schema)}

    def problems(self, type: str, schema: Schema) -> list[Problem]:
        """What the compatibility has against this schema as the next version; [] if nothing."""
        _check_name(type)
        check_schema(schema)
        known = self._schemas.get(type, {})
        new = len(known) + 1
        schemas = {**known, new: schema}
        return [Problem(writer, reader, *fault) for writer, reader in pairs_asked(self.compatibility, schemas)
                if new in (writer, reader) for fault in faults(schemas[writer], schemas[reader])]

    def schema(self, type: str, version: int) -> Schema:
        """A copy of a schema that was registered. Raises `InvalidUse` for another."""
        return copied(self._known(type, version))

    def _known(self, type: str, version: int) -> Schema:
        _check_name(type, version)
        if version not in self._schemas.get(type, {}):
            raise InvalidUse(f"version {version} of {type} is not registered", next_step="register it first")
        return self._schemas[type][version]

    def versions(self, type: str) -> list[int]:
        """The versions of a type, oldest first."""
        return list(self._schemas.get(type, {}))

    def read(self, type: str, data: Mapping[str, Any], *, written: int, reader: int) -> dict[str, Any]:
        """Data of version `written` as code of version `reader` sees them: a tolerant reader.

        1. Fields that it does not know are left out; those that are missing take their default, the writer's if the
           writer knows the field; numbers are promoted.
        2. Of a union, the narrowest type that fits counts as the one that was written (JSON does not say), and the
           first of the reader's that takes it is the one that is read.
        3. `data` is not changed, and shares nothing with what is returned.
        Raises `IncompatibleSchema` for what cannot be read.
        """
        writers, readers = self._known(type, written), self._known(type, reader)
        if not isinstance(data, Mapping):
            raise InvalidUse(f"{data!r:.60} is no data of an event", next_step="give a dict, such as event.data")
        out = {}
        for name, field in readers.items():
            try:
                out[name] = read_field(name, field, writers, data)
            except Unreadable as error:
                raise _unreadable(type, written, reader, name, str(error)) from None
        return out

    def matrix(self, type: str) -> list[dict[str, Any]]:
        """Who can read whom: a row for each pair of versions, with `writer`, `reader`, `readable` and `why`."""
        known = self._schemas.get(type, {})
        rows = []
        for writer, written in known.items():
            for reader, read in known.items():
                found = faults(written, read)
                why = "; ".join(f"{field}: {rule}" for field, rule in found)
                rows.append({"writer": writer, "reader": reader, "readable": not found, "why": why})
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
        self._newest: dict[str, int] = {}

    def register(self, type: str, version: int, function: Callable[[dict], dict] | None = None):
        """`function(data)` makes data of version + 1 out of data of `version`. Also a decorator.

        Raises `InvalidUse` if there is one already: an event would be turned twice.
        """
        _check_name(type, version)
        if function is None:
            return lambda function: self.register(type, version, function)
        if not callable(function):
            raise InvalidUse(f"{function!r:.60} is no function", next_step="give one that takes data and returns data")
        if (type, version) in self._steps:
            raise InvalidUse(f"version {version} of {type} has an upcaster already",
                             next_step=f"chain: register the next for version {version + 1}")
        self._steps[type, version] = function
        self._newest[type] = max(self._newest.get(type, 1), version + 1)
        return function

    def upcast(self, event: Event) -> Event:
        """The event in its newest version; the event itself if there is nothing to do.

        Raises `UpcastFailed`, also for a version that has no upcaster while a later one has: it would be skipped.
        """
        while event.version < self._newest.get(event.type, 0):
            event = self._next(event)
        return event

    def _next(self, event: Event) -> Event:
        step = self._steps.get((event.type, event.version))
        if step is None:
            raise _no_upcast(event, "there is no upcaster for it, and later ones wait for it",
                             "register one; it returns `data` as they are if nothing has changed")
        try:
            data = step(Event.kept(event.to_json()).data)  # a copy: the stored event must not change
            return Event(type=event.type, data=data, source=event.source, version=event.version + 1, key=event.key,
                         kind=event.kind, id=event.id, time=event.time, correlation_id=event.correlation_id,
                         causation_id=event.causation_id)
        except InvalidEvent as error:
            raise _no_upcast(event, f"what it returns is no data of an event: {error.what}") from error
        except Exception as error:
            where = "".join(f", in {place}: {code}" for place, code in learner_lines(error)[-1:])
            raise _no_upcast(event, f"{type(error).__name__}: {error}{where}") from error


def _no_upcast(event: Event, why: str, cure: str = "mend the upcaster; the stored event is as it was") -> UpcastFailed:
    return UpcastFailed(f"{event.type} {event.id} cannot be turned from version {event.version} into "
                        f"{event.version + 1}", why=why, next_step=cure, type=event.type, version=event.version,
                        id=event.id)


def _unreadable(type: str, written: int, reader: int, field: str, rule: str) -> IncompatibleSchema:
    return IncompatibleSchema(
        f"code of version {reader} cannot read {type} version {written}: {field}", why=rule, type=type, field=field,
        rule=rule, problems=[Problem(written, reader, field, rule)],
        next_step="give the field a default in the reader's schema, or upcast the event")


def _check_mode(compatibility: str) -> None:
    if compatibility not in _MODES:
        raise InvalidUse(f"{compatibility!r} is no compatibility", next_step=f"give one of {', '.join(_MODES)}")


def _check_name(type: str, version: int = 1) -> None:
    if not isinstance(type, str) or not type:
        raise InvalidUse(f"{type!r:.60} is no type of an event", next_step='write "OrderPlaced"')
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidUse(f"{version!r:.60} is no version", why="versions are 1, 2, 3 and so on",
                         next_step="give a whole number from 1")
