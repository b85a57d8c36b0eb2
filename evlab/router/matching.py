"""Which bindings want a message: by the words of its key (topic exchange), or by its headers (headers exchange).

The rule for keys is the bus's own, `topic_matches`: `*` is exactly one word, `#` is zero or more.
"""

from __future__ import annotations

from typing import Any

from evlab.errors import InvalidUse
from evlab.patterns import topic_matches

__all__ = ["X_MATCH", "headers_match", "topic_matches"]

X_MATCH = ("all", "any", "all-with-x", "any-with-x")


def headers_match(arguments: dict[str, Any] | None, headers: dict[str, Any] | None) -> bool:
    """Do a message's headers fit the arguments of a binding? (RabbitMQ: rabbit_exchange_type_headers.)

    1. "x-match" says how: "all" (the default) or "any" of the arguments must fit.
    2. An argument without a value (None) asks only that the header exists. Otherwise type and value are equal:
       1, 1.0 and True are three things, and so are two tables whose names stand in another order. A text and its
       bytes are one, but not inside of a list or a table.
    3. Arguments that begin with "x-" do not count, unless x-match is "all-with-x" or "any-with-x".
    4. Without arguments that count, "all" fits everything and "any" nothing.
    """
    arguments, headers = arguments or {}, headers or {}
    if not isinstance(arguments, dict) or not isinstance(headers, dict):
        raise InvalidUse("arguments and headers are dicts", next_step='write headers_match({"to": "eu"}, headers)')
    how = arguments.get("x-match", "all")
    if how not in X_MATCH:
        raise InvalidUse(f"x-match={how!r:.40} is not known", next_step=f"give one of {', '.join(X_MATCH)}")
    counted = [(name, value) for name, value in arguments.items()
               if name != "x-match" and (how.endswith("-with-x") or not name.startswith("x-"))]
    fits = (name in headers and (value is None or _same(value, headers[name])) for name, value in counted)
    return all(fits) if how.startswith("all") else any(fits)


def _same(a: Any, b: Any) -> bool:
    return _alike(_bytes(a), _bytes(b))


def _bytes(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and _alike(list(a.values()), list(b.values()))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    return type(a) is type(b) and a == b
