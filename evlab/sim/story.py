"""The story of an anomaly: of a long history, the entries that led to it, and their lines of text.

It begins where the value in question was first mentioned, follows causes back, and leaves out what is about others.
"""

from __future__ import annotations

import re

from evlab.sim.checkers import NEVER, Anomaly
from evlab.sim.history import Entry, History, describe

__all__ = ["line_of", "lines_of", "story"]


def story(history: History, anomaly: Anomaly, *, every_fault: bool = False) -> list[Entry]:
    """The entries that led to an anomaly: its proof, the faults on its way, and what caused each of them.

    The story begins where the value in question was first mentioned, and leaves out what is about other values.
    every_fault: tell of every fault in the history, as is right when each of them is needed for the anomaly.
    """
    if not len(history):
        return []
    proof = _proof(history, anomaly)
    value = None if anomaly.name in _ABOUT_AN_OFFSET or anomaly.value is None else describe(anomaly.value)
    origin = _origin(history, min(proof, default=0), value)
    begun = {origin, *(number for number in proof if history[number].kind == "invoke")}
    about = _descendants(history, begun, value)
    nodes = {history[number].node for number in (*about, *proof)}
    end = len(history) - 1 if anomaly.name in NEVER or not proof else max(proof)
    wanted = set(proof)
    for entry in history.entries[:end + 1]:
        if entry.kind in _NODE_FAULTS:
            tell = every_fault or (entry.number >= origin and entry.node in nodes)
        elif entry.kind in _MESSAGE_FAULTS:
            tell = entry.pair in about or (every_fault and (_is_fault(entry) or not proof))
        else:
            tell = entry.kind == "note" and entry.cause in about
        if tell:
            wanted.add(entry.number)
    if anomaly.name in NEVER and value is not None:
        told = [e.number for e in history.entries[origin:] if e.kind == "send" and _mentions(e.what, value)]
        wanted.update(told[:2] + told[-2:])
    wanted = _endings(history, _with_causes(history, wanted, origin, about, value), end)
    return [history[number] for number in sorted(wanted - _vain_retries(history, wanted, proof))]


_MESSAGE_FAULTS = frozenset(("drop", "duplicate", "delay"))
_NODE_FAULTS = frozenset(("crash", "kill", "cut", "pause", "lost"))
_ABOUT_AN_OFFSET = frozenset(("inconsistent-offsets", "nonmonotonic-poll", "poll-skip"))


def _proof(history: History, anomaly: Anomaly) -> set[int]:
    """The anomaly's entries, each end of an operation with its beginning."""
    proof = {number for number in anomaly.entries if 0 <= number < len(history)}
    return proof | {history[number].pair for number in proof} - {None}


def _origin(history: History, first_proof: int, value: str | None) -> int:
    """Where the value is first mentioned, by an operation or else by a message; the first proof if nowhere before."""
    if value is not None:
        before = history.entries[:first_proof]
        for entry in before:
            if entry.kind == "invoke" and describe(entry.value) == value:
                return entry.number
        for entry in before:
            if entry.kind == "send" and _mentions(entry.what, value):
                return entry.number
    return first_proof


def _descendants(history: History, begun: set[int], value: str | None) -> set[int]:
    """What these entries caused, but for operations on other values and what those caused."""
    about = set(begun)
    for entry in history.entries[min(begun, default=0) + 1:]:
        if entry.cause in about and not (entry.kind == "invoke" and describe(entry.value) != value):
            about.add(entry.number)
    return about


def _with_causes(history: History, wanted: set[int], origin: int, about: set[int], value: str | None) -> set[int]:
    """Add what led to these entries, back to the origin.

    What a process did earlier on behalf of other values is left out: the chain ends at an operation on another value,
    and at the second answer that the process waited for.
    """
    found, left = set(wanted), [(number, False) for number in sorted(wanted)]
    while left:
        number, answered = left.pop()
        entry = history[number]
        if entry.pair is not None and entry.pair not in found:
            found.add(entry.pair)
            left.append((entry.pair, answered))
        if entry.cause is None or entry.cause < origin or entry.cause in found:
            continue
        cause = history[entry.cause]
        if cause.number not in about:
            if cause.kind == "invoke" and cause.value is not None and describe(cause.value) != value:
                continue
            if _is_answer(history, cause):
                if answered:
                    continue
                answered = True
        found.add(cause.number)
        left.append((cause.number, answered))
    return found


def _is_answer(history: History, entry: Entry) -> bool:
    """Is this the arrival of a message that was caused by one from here?"""
    if entry.kind != "deliver":
        return False
    asked = history[entry.pair].cause
    return asked is not None and history[asked].kind == "deliver" and history[asked].peer == entry.node


def _is_fault(entry: Entry) -> bool:
    """Is this entry of a message a fault of its own, and not what came of a crash or a cut?"""
    return entry.kind != "drop" or entry.value == "lost on the way"


def _mentions(label: str, value: str) -> bool:
    """Does a message's label name the value, as a word of its own?"""
    return re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", label) is not None


def _endings(history: History, wanted: set[int], end: int) -> set[int]:
    """Add how each wanted message and operation ended, and when each node, link and pause of it came back."""
    more = {e.number for e in history if e.kind in ("ok", "fail", "info") and e.pair in wanted}
    awaited = set()
    for entry in history.entries[:end + 1]:
        where = entry.what if entry.kind in ("cut", "heal") else entry.node
        if entry.number in wanted and entry.kind in _BACK:
            awaited.add((_BACK[entry.kind], where))
        elif (entry.kind, where) in awaited:
            awaited.discard((entry.kind, where))
            more.add(entry.number)
        elif entry.kind in ("deliver", "drop") and entry.pair in wanted:
            more.add(entry.number)
    return wanted | more


def _vain_retries(history: History, wanted: set[int], proof: set[int]) -> set[int]:
    """Messages that were lost for the same reason as one like them before: the first one tells it all."""
    ends: dict[int, list[Entry]] = {}
    for number in sorted(wanted):
        if history[number].kind in ("deliver", "drop", "delay", "duplicate"):
            ends.setdefault(history[number].pair, []).append(history[number])
    known, vain = set(), set()
    for send, entries in sorted(ends.items()):
        same = (history[send].node, history[send].peer, history[send].what, entries[0].value)
        if len(entries) == 1 and entries[0].kind == "drop" and not _is_fault(entries[0]):
            if same in known and send not in proof:
                vain |= {send, entries[0].number}
            known.add(same)
    return vain


_BACK = {"crash": "restart", "kill": "restart", "cut": "heal", "pause": "resume"}


def lines_of(entries: list[Entry]) -> list[str]:
    """The entries as lines. An operation that took no time, and whose result says nothing new, is one line."""
    begun = {entry.number: entry for entry in entries if entry.kind == "invoke"}
    lines, at_once = [], set()
    for entry in entries:
        begin = begun.get(entry.pair)
        if entry.kind == "ok" and begin and entry.time == begin.time and entry.value in (None, begin.value):
            at_once.add(begin.number)
    for entry in entries:
        if entry.number in at_once:
            lines.append(line_of(entry).replace(" begins ", " does ", 1))
        elif entry.kind != "ok" or entry.pair not in at_once:
            lines.append(line_of(entry))
    return lines


def line_of(entry: Entry) -> str:
    """One entry as a line of text."""
    value = "" if entry.value is None or entry.value == entry.what else f" {describe(entry.value)}"
    text = {
        "send": f"{entry.node} sends {entry.what} to {entry.peer}",
        "deliver": f"{entry.node} gets {entry.what} from {entry.peer}",
        "drop": f"{entry.what} from {entry.node} to {entry.peer} is lost:{value}",
        "duplicate": f"{entry.what} from {entry.node} to {entry.peer} is doubled",
        "delay": f"{entry.what} from {entry.node} to {entry.peer} is late by{value} s",
        "crash": f"{entry.node} loses power {entry.what}".rstrip(),
        "kill": f"{entry.node} is killed {entry.what}".rstrip(),
        "restart": f"{entry.node} restarts, {entry.what}",
        "lost": f"{entry.node} loses{value} unsynced bytes",
        "cut": f"the link {entry.what} is cut",
        "heal": f"the link {entry.what} works again",
        "pause": f"{entry.node} freezes for {entry.what}",
        "resume": f"{entry.node} goes on",
        "note": f"{entry.node}: {entry.what}{value}",
        "invoke": f"{entry.node} begins {entry.what}{value}",
    }.get(entry.kind, f"{entry.node} {entry.what} {entry.kind}{value}")
    return f"{entry.time:9.3f} s  {text}"
