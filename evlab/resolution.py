"""Which events a reader can read that were written with another schema: Avro's rules of schema resolution.

Of a record, Avro 1.12 says (Specification, Schema Resolution):
1. Fields are matched by name, or by an alias of the reader's. Their order does not matter.
2. A field that the writer has and the reader has not is ignored.
3. A field that the reader has and the writer has not takes the reader's default; without a default that is an error.
4. A type can be read as itself, and a number as a larger kind of number.
5. Of unions, the first of the reader's types that takes the type which was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from evlab.errors import InvalidUse

__all__ = ["Schema", "Unreadable", "check_schema", "copied", "faults", "read_field"]

_TYPES = {"int": int, "long": int, "float": float, "double": float, "string": str, "boolean": bool, "null": type(None),
          "array": list, "map": dict}
_PROMOTIONS = {"int": ("long", "float", "double"), "long": ("float", "double"), "float": ("double",)}
"""What a number may be read as (Avro 1.12, Schema Resolution)."""
_LARGEST = {"int": 2**31 - 1, "long": 2**63 - 1, "float": 3.4028234663852886e38, "double": 1.7976931348623157e308}
"""An int has 32 bits, a long 64; a float 32, a double 64 (Avro 1.12, Primitive Types)."""
_MISSING = object()

Schema = Mapping[str, Mapping[str, Any]]
"""The fields of an event's data, by name: `{"total": {"type": "double"}, "note": {"type": "string", "default": ""}}`.

A type is one of int, long, float, double, string, boolean, null, array, map, or a list of them (a union). What an array
or a map holds is not looked at. A field with a `default` may be left out by the writer and then means that default;
Avro writes it all the same. `aliases` lists what the field was called before.
"""


_NOT_WRITTEN = "the reader needs it, the writer does not write it, and there is no default"


class Unreadable(Exception):
    """A field cannot be read; the message is the rule that is broken, in words."""


def faults(written: Schema, read: Schema) -> list[tuple[str, str]]:
    """Why a reader with schema `read` cannot read what a writer with schema `written` writes: (field, rule)."""
    found = []
    for name, field in read.items():
        source = _source(name, field, written)
        if source is None:
            if "default" not in field:
                found.append((name, _NOT_WRITTEN))
            continue
        for one in _union(written[source]["type"]):
            if not any(_readable(one, other) for other in _union(field["type"])):
                found.append((name, f"written as {one}, and the reader takes {_shown(field['type'])}"))
    return found


def read_field(name: str, field: Mapping[str, Any], writers: Schema, data: Mapping[str, Any]) -> Any:
    """A field of the reader's, out of data that were written with the schema `writers`. Raises `Unreadable`."""
    source = _source(name, field, writers)
    if source is not None:
        value = data.get(source, writers[source].get("default", _MISSING))
        if value is not _MISSING:
            return _resolved(value, writers[source]["type"], field["type"])
    if "default" not in field:
        raise Unreadable(_NOT_WRITTEN if source is None else "the reader needs it, it is not there, and there is no "
                                                             "default")
    return _as(field["default"], _branch(field["default"], field["type"]))


def _resolved(value: Any, written: str | list[str], read: str | list[str]) -> Any:
    """A value that was written as one of the types `written`, as the reader takes it."""
    branch = _branch(value, _narrowest_first(written))
    if branch is None:
        raise Unreadable(f"{value!r:.60} is no {_shown(written)}, so it was not written by that version")
    taken = next((one for one in _union(read) if _readable(branch, one)), None)
    if taken is None:
        raise Unreadable(f"written as {branch}, and the reader takes {_shown(read)}")
    return _as(value, taken)


def _source(name: str, field: Mapping[str, Any], written: Schema) -> str | None:
    """The writer's name of a reader's field: its own, or that of an alias."""
    return next((one for one in (name, *field.get("aliases", ())) if one in written), None)


def _readable(written: str, read: str) -> bool:
    return written == read or read in _PROMOTIONS.get(written, ())


def _union(type: str | list[str]) -> list[str]:
    return [type] if isinstance(type, str) else list(type)


def _narrowest_first(type: str | list[str]) -> list[str]:
    """A union with int before long, and so on. Avro writes down which of the types it wrote; JSON does not."""
    return [one for one in _TYPES if one in _union(type)]


def _branch(value: Any, type: str | list[str]) -> str | None:
    """The first of the types that a value is of."""
    return next((one for one in _union(type) if _is(value, one)), None)


def _is(value: Any, type: str) -> bool:
    """Whether a value is of a type. 5 is a double, too: JSON has one kind of number."""
    if isinstance(value, bool):
        return type == "boolean"
    if type in _LARGEST:
        kind = int if type in ("int", "long") else int | float
        return isinstance(value, kind) and -_LARGEST[type] - (kind is int) <= value <= _LARGEST[type]
    return isinstance(value, _TYPES[type])


def _as(value: Any, type: str) -> Any:
    """The value as that type, sharing nothing with what was given."""
    return float(value) if _TYPES[type] is float else deepcopy(value)


def _shown(type: str | list[str]) -> str:
    return " or ".join(_union(type))


def copied(schema: Schema) -> Schema:
    """A schema that shares nothing with the one given."""
    return {name: deepcopy(dict(field)) for name, field in schema.items()}


# -------------------------------------------------------------------------------------------------- what is refused


def check_schema(schema: Schema) -> None:
    """Raises `InvalidUse` for what is no schema, and for one that could be read in two ways."""
    if not isinstance(schema, Mapping):
        raise InvalidUse(f"{schema!r:.60} is no schema", next_step='write {"total": {"type": "double"}}')
    names = list(schema)
    for name, field in schema.items():
        if not isinstance(name, str) or not isinstance(field, Mapping) or not _is_type(field.get("type")):
            raise InvalidUse(f"the field {name!r:.60} has no type that the registry knows",
                             why="a type is a name, or a list of different names",
                             next_step=f'write {{"type": ...}} with {", ".join(_TYPES)}')
        if extra := [key for key in field if key not in ("type", "default", "aliases")]:
            raise InvalidUse(f"the field {name!r} says {extra[0]!r:.60}, which means nothing here",
                             next_step="a field has a type, and may have a default and aliases")
        if "default" in field:
            _check_default(name, field["default"], field["type"])
        names += _aliases(name, field.get("aliases", []))
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidUse(f"{twice!r} names two fields, one of them by an alias",
                         why="nobody could say which of the two is meant", next_step="drop the alias")


def _is_type(type: Any) -> bool:
    kinds = [type] if isinstance(type, str) else type
    return (isinstance(kinds, list) and bool(kinds) and all(isinstance(one, str) and one in _TYPES for one in kinds)
            and len(set(kinds)) == len(kinds))


def _check_default(name: str, default: Any, type: str | list[str]) -> None:
    if _branch(default, type) is None:
        raise InvalidUse(f"the default of {name!r}, {default!r:.40}, is no {_shown(type)}",
                         next_step="give a default of the field's own type")
    try:
        text = json.dumps(default, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidUse(f"the default of {name!r} holds more than JSON can", why=str(error),
                         next_step="use dicts, lists, strings and numbers") from error
    if json.loads(text) != default:
        raise InvalidUse(f"the default of {name!r} comes back from JSON as something else",
                         next_step="use dicts with strings as keys, lists, strings and numbers")


def _aliases(name: str, aliases: Any) -> list[str]:
    if not isinstance(aliases, list | tuple) or not all(isinstance(alias, str) for alias in aliases):
        raise InvalidUse(f"the aliases of {name!r}, {aliases!r:.60}, are no list of names",
                         next_step='write "aliases": ["name"]')
    return list(aliases)
