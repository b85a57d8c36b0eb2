"""Exchanges: a message comes in, and the bindings say to which queues it goes. An exchange keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from evlab.router.matching import headers_match, topic_matches

__all__ = ["TYPES", "Binding", "Exchange"]

CACHED = 4096
"""Routing keys whose queues are remembered. Keys come from outside, so their number must not fill the memory."""


class Binding(NamedTuple):
    """A queue's standing request to an exchange."""

    exchange: str
    queue: str
    key: str = ""
    arguments: dict[str, Any] | None = None
    """Of a headers exchange: see `headers_match`."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from others of its exchange. As a text, because 1, 1.0 and True are equal in Python."""
        return self.queue, self.key, repr(sorted((self.arguments or {}).items()))

    def __str__(self) -> str:
        wants = str(self.arguments) if self.arguments else self.key
        return f"{self.exchange or 'the default exchange'} → {self.queue}" + (f" ({wants})" if wants else "")


TYPES: dict[str, Callable[[Binding, str, Any], bool]] = {
    "direct": lambda binding, key, headers: binding.key == key,
    "fanout": lambda binding, key, headers: True,
    "topic": lambda binding, key, headers: topic_matches(binding.key, key),
    "headers": lambda binding, key, headers: headers_match(binding.arguments, headers),
}
"""Type of an exchange -> does a binding want a message with that key and those headers?"""


class Exchange:
    """An exchange of one of the `TYPES`. `alternate` names the one that gets what no binding wants."""

    __slots__ = ("_bindings", "_known", "_wants", "alternate", "durable", "name", "type")

    def __init__(self, name: str, type: str, alternate: str | None = None, durable: bool = True):
        self.name, self.type, self.alternate, self.durable = name, type, alternate, durable
        self._bindings: dict[tuple, Binding] = {}
        self._wants = TYPES[type]
        self._known: dict[str, tuple[str, ...]] = {}

    def bind(self, binding: Binding) -> bool:
        """Add a binding, at most once. False if it was there."""
        if binding.identity in self._bindings:
            return False
        self._bindings[binding.identity] = binding
        self._known.clear()
        return True

    def unbind(self, binding: Binding) -> bool:
        """Take a binding away. False if it was not there."""
        if self._bindings.pop(binding.identity, None) is None:
            return False
        self._known.clear()
        return True

    @property
    def bindings(self) -> list[Binding]:
        """Oldest first."""
        return list(self._bindings.values())

    def matching(self, key: str, headers: dict[str, Any] | None = None) -> list[Binding]:
        """The bindings that want such a message, oldest first."""
        return [binding for binding in self._bindings.values() if self._wants(binding, key, headers)]

    def queues(self, key: str, headers: dict[str, Any] | None = None) -> tuple[str, ...]:
        """The names of the queues that get it: each once, however many of its bindings match."""
        if self.type == "headers":
            return tuple(dict.fromkeys(binding.queue for binding in self.matching(key, headers)))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= CACHED:
                self._known.clear()
            found = self._known[key] = tuple(dict.fromkeys(binding.queue for binding in self.matching(key)))
        return found

    def __repr__(self) -> str:
        return f"Exchange({self.name!r}, {self.type}, {len(self._bindings)} bindings)"
