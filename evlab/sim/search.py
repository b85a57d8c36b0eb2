"""Search for the seed that breaks a scenario, then make its story as short as it can be.

A scenario is a function of a World. It sets up, runs, and returns the anomalies it found, usually what
`check(world.history)` says. `search` tries seed after seed. `shrink` takes faults away while the same anomaly stays
(Zeller's ddmin), which works because a fault's meaning depends on no other fault. What is left is cut back to the
entries that led to the anomaly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from evlab.env import Dead
from evlab.errors import EvlabError, InvalidUse, learner_lines
from evlab.sim.checkers import NEVER, Anomaly
from evlab.sim.faults import Fault, Faults, Plan
from evlab.sim.history import Entry, History, describe, steady
from evlab.sim.world import World

__all__ = ["Failure", "Scenario", "Trial", "search", "shrink", "story", "sweep"]

Scenario = Callable[[World], "list[Anomaly] | None"]

class Failure:
    """A run that went wrong, and all it takes to see it again.

    `anomaly` is the first one found; `plan` holds the faults that struck; `tried` counts the runs that it took.
    `smallest`: it has been shrunk, so each fault of the plan is needed.
    """

    def __init__(self, scenario: Scenario, seed: int, plan: Plan, anomaly: Anomaly, history: History, tried: int,
                 smallest: bool = False):
        self.scenario, self.seed, self.plan = scenario, seed, plan
        self.anomaly, self.history, self.tried, self.smallest = anomaly, history, tried, smallest

    @property
    def story(self) -> list[Entry]:
        """The entries that led to the anomaly, oldest first."""
        return story(self.history, self.anomaly, every_fault=self.smallest)

    def replay(self) -> Failure:
        """Run it again. Raises `InvalidUse` if the history differs: then the scenario asks something but its world."""
        world, anomalies = _trial(self.scenario, self.seed, self.plan)
        same = [anomaly for anomaly in anomalies if anomaly[:2] == self.anomaly[:2]]
        if world.history.digest() != self.history.digest() or not same:
            raise InvalidUse(f"the run of seed {self.seed} did not replay",
                             why="the scenario uses a clock, a random number or state that is not the world's",
                             next_step="take time and chance from the world, and make all state inside the scenario")
        return Failure(self.scenario, self.seed, self.plan, same[0], world.history, 1, self.smallest)

    def replay_line(self) -> str:
        """The line of code that makes the world of this failure."""
        return f"World({self.seed}, Plan([{', '.join(map(_fault_code, self.plan.faults))}]))"

    def explain(self) -> str:
        """What went wrong, the events that led to it, and how to see it again; as text."""
        lines = [f"{self.anomaly.name}: {self.anomaly.text}", ""]
        lines += _lines(self.story)
        lines += ["", f"{len(self.plan)} fault{'s' if len(self.plan) != 1 else ''}: "
                      + ("; ".join(map(str, self.plan.faults)) or "none, the order alone did it"),
                  f"Replay: {self.replay_line()}"]
        return "\n".join(lines)

    def draw(self, title: str = "", **options):
        """The same as a timeline, one lane a node."""
        from evlab.viz import timeline

        text = self.anomaly.text
        title = title or text[:1].upper() + text[1:]
        return timeline(self.story, title=title, highlight=self.anomaly.entries, **options)

    def __repr__(self) -> str:
        return f"Failure({self.anomaly.name}, seed {self.seed}, {len(self.plan)} faults, {len(self.story)} events)"


class Trial(NamedTuple):
    """One run of a sweep: the crashes it suffered, what came of it, and its world."""

    plan: Plan
    anomalies: list[Anomaly]
    world: World


def search(scenario: Scenario, seeds: Iterable[int] = range(1000),
           faults: Faults | Plan | None = None) -> Failure | None:
    """The first seed whose run shows an anomaly; None if none does. An error that the scenario raises is one, too.

    Raises `InvalidUse` for a scenario that cannot be called, and for seeds that cannot be counted through.
    """
    if not callable(scenario):
        raise InvalidUse(f"{scenario!r} is no scenario", next_step="pass a function of a World, without calling it")
    if not isinstance(seeds, Iterable):
        raise InvalidUse(f"seeds={seeds!r} names no seeds", next_step="give several, such as seeds=range(1000)")
    for tried, seed in enumerate(seeds, 1):
        world, anomalies = _trial(scenario, seed, faults)
        if anomalies:
            return Failure(scenario, seed, Plan(world.struck_by), anomalies[0], world.history, tried)
    return None


def shrink(failure: Failure) -> Failure:
    """The same anomaly with as few faults as possible: taking away any one of them makes it vanish."""
    best, runs = failure, 0

    def still_fails(faults: tuple[Fault, ...]) -> bool:
        nonlocal best, runs
        runs += 1
        world, anomalies = _trial(failure.scenario, failure.seed, Plan(faults))
        same = [anomaly for anomaly in anomalies if anomaly.name == failure.anomaly.name]
        if same:
            shortest = min(same, key=lambda anomaly: len(story(world.history, anomaly, every_fault=True)))
            best = Failure(failure.scenario, failure.seed, Plan(faults), shortest, world.history, runs, True)
        return bool(same)

    if not still_fails(failure.plan.faults):
        raise InvalidUse(f"seed {failure.seed} no longer shows {failure.anomaly.name}",
                         why="the scenario uses a clock, a random number or state that is not the world's",
                         next_step="call failure.replay() and look at what differs")
    _ddmin(failure.plan.faults, still_fails)
    if len(best.plan) > 1:  # with fewer faults there are fewer retries: what was the 9th message may now be the 4th
        any(still_fails((fault,)) for fault in islice(_alone(best.plan.faults), 200))
    return best


def sweep(scenario: Scenario, *, seed: int = 0, kind: str = "crash", down: float = 1.0,
          pairs: bool = False) -> Iterator[Trial]:
    """Crash at every point that the scenario passes, one run each; with `pairs`, at every two of them as well.

    The first Trial is the run without a crash. Exhaustive, so a clean sweep proves the scenario for this seed.
    """
    yield from _sweep(scenario, seed, kind, down, (), 2 if pairs else 1)


def _sweep(scenario, seed, kind, down, planned, depth) -> Iterator[Trial]:
    world, anomalies = _trial(scenario, seed, Plan(planned))
    yield Trial(Plan(planned), anomalies, world)
    if depth:
        for site, n in _passes(planned, world):
            yield from _sweep(scenario, seed, kind, down, (*planned, Fault(kind, site, n, down)), depth - 1)


def _passes(planned: tuple[Fault, ...], world: World) -> list[tuple[str, int]]:
    """The passes of points that may crash next. Of a site that crashed already, only later passes: the earlier ones
    were tried as the first crash."""
    done = {fault.site: fault.n for fault in planned}
    return [(site, n) for site, total in world.points.items() for n in range(done.get(site, 0) + 1, total + 1)]


def _trial(scenario: Scenario, seed: int, faults) -> tuple[World, list[Anomaly]]:
    world = World(seed, faults)
    try:
        anomalies = list(scenario(world) or ())
        if not all(isinstance(anomaly, Anomaly) for anomaly in anomalies):
            raise InvalidUse(f"the scenario returned {anomalies!r:.80}", why="a scenario returns a list of anomalies",
                             next_step="end it with `return check(world.history)`")
        return world, anomalies
    except (Exception, Dead) as error:
        where = "".join(f"{place}: {code}. " for place, code in learner_lines(error)[-1:])
        what = error.what if isinstance(error, EvlabError) else str(error)
        noted = [e.number for e in world.history if e.kind == "note" and e.what == f"raises {type(error).__name__}"]
        return world, [Anomaly("exception", f"{where}{type(error).__name__}: {steady(what)}", tuple(noted[-1:]))]


def _alone(faults: tuple[Fault, ...]) -> Iterator[Fault]:
    """Each fault by itself, at its message or pass and at each one before."""
    for fault in faults:
        for n in range(fault.n, 0, -1) if fault.at is None else (fault.n,):
            yield fault._replace(n=n)


def _ddmin(faults: tuple[Fault, ...], still_fails: Callable[[tuple[Fault, ...]], bool]) -> tuple[Fault, ...]:
    """Zeller and Hildebrandt's delta debugging: smaller and smaller pieces are left out while the failure stays."""
    if not faults or still_fails(()):
        return ()
    pieces = 2
    while len(faults) > 1:
        size = -(-len(faults) // pieces)
        for start in range(0, len(faults), size):
            rest = faults[:start] + faults[start + size:]
            if still_fails(rest):
                faults, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(pieces * 2, len(faults))
    return faults


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
    wanted = _with_causes(history, wanted, origin, about, value)
    return [history[number] for number in sorted(_endings(history, wanted, end))]


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


_BACK = {"crash": "restart", "kill": "restart", "cut": "heal", "pause": "resume"}


def _lines(entries: list[Entry]) -> list[str]:
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


def _fault_code(fault: Fault) -> str:
    tail = [repr(fault.seconds)] if fault.seconds or fault.at is not None else []
    if fault.at is not None:
        tail.append(f"at={fault.at!r}")
    return f"Fault({', '.join([repr(fault.kind), repr(fault.site), str(fault.n), *tail])})"
