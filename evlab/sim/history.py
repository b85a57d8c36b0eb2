"""What happened, in order: the one record that checkers read, searches shrink and pictures draw.

Each entry knows its cause, the entry that was being handled when it was made. Following causes back from a failure
gives the events that led to it, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["Entry", "History", "Operation", "describe", "steady"]


class Entry(NamedTuple):
    """One thing that happened in a World."""

    number: int
    """Its place in the history, from 0."""
    time: float
    """Virtual seconds since the world began."""
    node: str
    """Where it happened; "" for the world itself."""
    kind: str
    """An operation: invoke, ok, fail, info (unknown). A message: send, deliver, drop, duplicate, delay. A node:
    crash, restart, pause, resume, cut, heal. A disk: lost. A remark: note."""
    what: str
    """The operation's name or the message's label."""
    value: Any = None
    """The operation's argument or result; for a drop its reason; for a loss the number of bytes."""
    cause: int | None = None
    """The number of the entry that led to this one."""
    peer: str | None = None
    """The other node of a message."""
    pair: int | None = None
    """For ok, fail, info the number of the invoke; for deliver, drop, duplicate, delay that of the send."""


class Operation:
    """An operation that was invoked and has not ended yet. End it once: `ok`, `fail` (did not happen) or `info`
    (unknown: a timeout, a crash). One that never ends counts as unknown."""

    __slots__ = ("_history", "node", "number", "what")

    def __init__(self, history: History, number: int, node: str, what: str):
        self._history, self.number, self.node, self.what = history, number, node, what

    def ok(self, value=None) -> None:
        self._history.add("ok", self.what, value, pair=self.number, node=self.node)

    def fail(self, reason=None) -> None:
        self._history.add("fail", self.what, reason, pair=self.number, node=self.node)

    def info(self, reason=None) -> None:
        self._history.add("info", self.what, reason, pair=self.number, node=self.node)


class History:
    """The entries of one run, oldest first. Iterate it, index it by number, or ask for its operations.

    `now` and `here` tell the time and the node of what is being recorded; a World hands in its own. Without them
    (a history written by hand, for a checker's test) each entry is one second after the one before. `cause` is the
    entry being handled: whatever is recorded next was caused by it.
    """

    def __init__(self, now: Callable[[], float] | None = None, here: Callable[[], str] | None = None):
        self.entries: list[Entry] = []
        self.cause: int | None = None
        self._now = now or (lambda: float(len(self.entries)))
        self._here = here or (lambda: "")

    def add(self, kind: str, what: str, value=None, *, peer=None, pair=None, node=None, cause=None) -> int:
        """Record one entry and return its number."""
        number, here = len(self.entries), self._here()  # asked always: in a World it raises Dead in dead code
        self.entries.append(Entry(number, self._now(), here if node is None else node, kind, what, value,
                                  self.cause if cause is None else cause, peer, pair))
        return number

    def invoke(self, what: str, value=None, *, node: str | None = None) -> Operation:
        """Record that an operation begins, on the node that runs now unless `node` names another.

        What the node does next counts as caused by it; what is told in another node's name causes nothing here.
        """
        number = self.add("invoke", what, value, node=node)
        if node is None or node == self._here():
            self.cause = number
        return Operation(self, number, self.entries[number].node, what)

    def did(self, what: str, value=None, *, node: str | None = None) -> None:
        """An operation that took no time: invoked and ok at once."""
        self.invoke(what, value, node=node).ok(value)

    def note(self, text: str, value=None, *, node: str | None = None) -> None:
        """A remark that the timeline shows."""
        self.add("note", text, value, node=node)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Entry:
        return self.entries[number]

    def outcome(self, number: int) -> Entry | None:
        """How the operation invoked at `number` ended; None if it never did."""
        ends = ("ok", "fail", "info")
        return next((e for e in self.entries[number + 1:] if e.pair == number and e.kind in ends), None)

    def digest(self) -> str:
        """SHA-256 of the whole history: equal digests mean equal runs, in every process and on every machine."""
        sha = hashlib.sha256()
        for entry in self.entries:
            sha.update(json.dumps([*entry[:5], describe(entry.value), *entry[6:]]).encode("utf-8", "backslashreplace"))
        return sha.hexdigest()

    def frame(self):
        """The history as a pandas DataFrame, one row an entry."""
        import pandas

        rows = [entry._replace(value=describe(entry.value)) for entry in self.entries]
        return pandas.DataFrame(rows, columns=Entry._fields)

    def __repr__(self) -> str:
        return f"History({len(self.entries)} entries)"


def describe(value: Any) -> str:
    """A text for a value that is the same in each process: sets sorted, no memory addresses."""
    if isinstance(value, str):
        return steady(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{describe(k)}: {describe(v)}" for k, v in value.items()) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(describe, value))) + "}"
    if isinstance(value, list | tuple) and type(value).__str__ is object.__str__:  # else it has words of its own
        return "[" + ", ".join(map(describe, value)) + "]"
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    text = str(value)
    return type(value).__name__ if " at 0x" in text else text


def steady(text: str) -> str:
    """The text without addresses of this process's memory, which differ at each run."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text) if " at 0x" in text else text
