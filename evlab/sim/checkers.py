"""Checkers: read a history, name what went wrong. The names are Jepsen's.

A checker accuses only on evidence. An operation that ended `info`, or never ended, may have happened or not, and both
are fine. One that ended `fail` should not have happened, but an attempt it was, so its value is not unexpected. A value
that was sent by two operations may come twice.

Two vocabularies are understood, and `check` looks for both:

queue   `send` value                       and `receive` value, by each receiving node (as in Jepsen's total-queue)
log     `send` ok (partition, offset, value)  and `poll` ok [(partition, offset, value), ...] (as in Jepsen's kafka),
        with `assign` where a consumer is given partitions anew or seeks
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.sim.history import Entry, History, describe

__all__ = ["ANOMALIES", "Anomaly", "check"]

ANOMALIES = {
    "lost": "acked to the sender, never received",
    "unexpected": "received, never sent",
    "duplicate": "one value, received twice or at two offsets",
    "lost-write": "acked, never polled, though a later offset was",
    "unseen": "acked, never polled by anyone",
    "inconsistent-offsets": "two values at one offset",
    "nonmonotonic-poll": "a consumer went back to an earlier offset",
    "poll-skip": "a consumer passed over an offset that holds a record",
    "exception": "the scenario raised an error",
}

NEVER = frozenset(("lost", "lost-write", "unseen"))
"""Anomalies of something that did not happen: only the end of the history proves them."""


class Anomaly(NamedTuple):
    """Something that the history proves went wrong."""

    name: str
    """One of `ANOMALIES`, or a name of your own that your own scenario gives."""
    text: str
    """The accusation in one sentence, with its facts."""
    entries: tuple[int, ...] = ()
    """The numbers of the history's entries that prove it."""
    value: Any = None
    """The value it is about."""


class _Op(NamedTuple):
    invoke: Entry
    end: Entry | None

    @property
    def acked(self) -> bool:
        return self.end is not None and self.end.kind == "ok"

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.invoke.number,) if self.end is None else (self.invoke.number, self.end.number)


def check(history: History, *, allow: Iterable[str] = (), receivers: Iterable[str] | None = None) -> list[Anomaly]:
    """The anomalies of a history, in the order in which they can be seen; [] if there are none.

    allow: names that the promised guarantee permits: "duplicate" under at least once, "lost" under at most once.
    receivers: the nodes that must each receive every acked value; by default those that received any. If nobody did,
    every acked value is lost.
    Raises `InvalidUse` for a name that no checker knows.
    """
    if not isinstance(history, History):
        raise InvalidUse(f"{history!r:.60} is no history", why="this `check` reads what happened in a World",
                         next_step="write check(world.history); to check an answer of a lab: from evlab.course import "
                         "check")
    allow = set(allow)
    if allow - ANOMALIES.keys():
        raise InvalidUse(f"no checker knows {', '.join(sorted(allow - ANOMALIES.keys()))}",
                         next_step=f"the names are {', '.join(ANOMALIES)}")
    operations = _operations(history)
    found = [*_queue(operations, receivers), *_log(operations)]
    found.sort(key=lambda anomaly: (anomaly.name in NEVER, max(anomaly.entries)))
    return [anomaly for anomaly in found if anomaly.name not in allow]


def _operations(history: History) -> dict[str, list[_Op]]:
    ends = {e.pair: e for e in reversed(history.entries) if e.kind in ("ok", "fail", "info") and e.pair is not None}
    found: dict[str, list[_Op]] = {}
    for entry in history:
        if entry.kind == "invoke":
            found.setdefault(entry.what, []).append(_Op(entry, ends.get(entry.number)))
    return found


def _key(value):
    """A value as a dictionary key; unhashable ones by their description."""
    try:
        hash(value)
    except TypeError:
        return describe(value)
    return value


def _queue(operations: dict[str, list[_Op]], receivers) -> list[Anomaly]:
    received: dict[str, dict[Any, list[_Op]]] = {name: {} for name in receivers or ()}
    for op in operations.get("receive", ()):
        if op.end is None or op.end.kind != "fail":
            received.setdefault(op.invoke.node, {}).setdefault(_key(op.invoke.value), []).append(op)
    attempts: dict[Any, list[_Op]] = {}
    for op in operations.get("send", ()):
        attempts.setdefault(_key(op.invoke.value), []).append(op)
    acked = {key: op for key, ops in attempts.items() if (op := next((op for op in ops if op.acked), None))}
    if not received and "poll" not in operations:
        return [Anomaly("lost", f"{describe(key)} was acked to {op.invoke.node or 'the sender'}, and nobody ever "
                                f"received it", op.numbers, key) for key, op in acked.items() if _place(op) is None]
    found = []
    for node, values in received.items():
        for key, op in acked.items():
            if key not in values:
                found.append(Anomaly("lost", f"{describe(key)} was acked to {op.invoke.node or 'the sender'}, "
                                             f"and {node} never received it", op.numbers, key))
        for key, ops in values.items():
            done = [op for op in ops if op.acked]
            if key not in attempts:
                found.append(Anomaly("unexpected", f"{node} received {describe(key)}, which nobody sent",
                                     ops[0].numbers, key))
            elif len(done) > len(attempts[key]):
                proof = (attempts[key][0], *done[:len(attempts[key]) + 1])
                found.append(Anomaly("duplicate", f"{node} received {describe(key)} {_times(len(done))}",
                                     tuple(op.invoke.number for op in proof), key))
    return found


def _place(op: _Op) -> tuple | None:
    """Where an acked send says that its value stands: (partition, offset, value), or None."""
    return op.end.value if op.acked and isinstance(op.end.value, tuple) and len(op.end.value) == 3 else None


def _log(operations: dict[str, list[_Op]]) -> list[Anomaly]:
    """Polls against acked sends, partition by partition."""
    if "poll" not in operations:
        return []
    at: dict[tuple, dict[Any, int]] = {}  # (partition, offset) -> value -> the entry that showed it
    where: dict[Any, dict[tuple, int]] = {}  # value -> (partition, offset) -> entry
    sends = {}
    for op in operations.get("send", ()):
        if _place(op):
            partition, offset, value = _place(op)
            sends[partition, offset] = op
            at.setdefault((partition, offset), {}).setdefault(_key(value), op.end.number)
            where.setdefault(_key(value), {})[partition, offset] = op.end.number
    attempts = Counter(_key(op.invoke.value) for op in operations.get("send", ()))
    polled, highest, found = set(), {}, []
    for op in operations["poll"]:
        for partition, offset, value in (op.end.value or ()) if op.acked else ():
            at.setdefault((partition, offset), {}).setdefault(_key(value), op.end.number)
            where.setdefault(_key(value), {}).setdefault((partition, offset), op.end.number)
            polled.add((partition, offset))
            highest[partition] = max(highest.get(partition, -1), offset)
            if _key(value) not in attempts:
                found.append(Anomaly("unexpected", f"{op.invoke.node} polled {describe(value)}, which nobody sent",
                                     op.numbers, value))
    for (partition, offset), values in at.items():
        if len(values) > 1:
            found.append(Anomaly("inconsistent-offsets", f"offset {offset} of {partition} holds "
                                 f"{' and '.join(map(describe, values))}", tuple(values.values()), offset))
    for value, places in where.items():
        if len(places) > max(1, attempts[value]):
            found.append(Anomaly("duplicate", f"{describe(value)} stands at {_times(len(places), 'offset')}",
                                 tuple(places.values()), value))
    for (partition, offset), op in sends.items():
        if (partition, offset) not in polled:
            later = highest.get(partition, -1) > offset
            found.append(Anomaly("lost-write" if later else "unseen",
                                 f"{describe(op.invoke.value)} was acked at offset {offset} of {partition} and never "
                                 f"polled" + (f", though offset {highest[partition]} was" if later else ""),
                                 op.numbers, op.invoke.value))
    return found + _order_of_polls(operations, at)


def _order_of_polls(operations: dict[str, list[_Op]], at: dict) -> list[Anomaly]:
    """Within one assignment a consumer's offsets go up, and pass over nothing that is there."""
    known: dict[Any, list[int]] = {}
    for partition, offset in at:
        known.setdefault(partition, []).append(offset)
    for offsets in known.values():
        offsets.sort()
    found, last = [], {}
    both = [*operations["poll"], *operations.get("assign", ())]
    for op in sorted(both, key=lambda op: op.invoke.number):
        node = op.invoke.node
        if op.invoke.what == "assign":
            last = {k: v for k, v in last.items() if k[0] != node}
            continue
        for partition, offset, _ in (op.end.value or ()) if op.acked else ():
            before, entry = last.get((node, partition), (None, None))
            if before is not None and offset <= before:
                text = f"{node} polled offset {offset} of {partition} after {before}"
                found.append(Anomaly("nonmonotonic-poll", text, (entry, op.end.number), offset))
            elif before is not None:
                missed = [o for o in known[partition] if before < o < offset]
                if missed:
                    found.append(Anomaly("poll-skip", f"{node} went from offset {before} of {partition} to {offset}, "
                                         f"past {', '.join(map(str, missed))}", (entry, op.end.number), offset))
            last[node, partition] = (offset, op.end.number)
    return found


def _times(number: int, noun: str = "") -> str:
    if noun:
        return f"{number} {noun}s"
    return "twice" if number == 2 else f"{number} times"
