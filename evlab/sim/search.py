"""Search for the seed that breaks a scenario, then make its story as short as it can be.

A scenario is a function of a World. It sets up, runs, and returns the anomalies it found, usually what
`check(world.history)` says. `search` tries seed after seed. `shrink` takes faults away while the same anomaly stays
(Zeller's ddmin), which works because a fault's meaning depends on no other fault. What is left is cut back to the
entries that led to the anomaly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from evlab.env import Dead
from evlab.errors import EvlabError, InvalidUse, learner_lines
from evlab.sim.checkers import Anomaly
from evlab.sim.faults import Fault, Faults, Plan
from evlab.sim.history import Entry, History, steady
from evlab.sim.story import lines_of, story
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
        lines += lines_of(self.story)
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
    _check_scenario(scenario)
    if not isinstance(seeds, Iterable):
        raise InvalidUse(f"seeds={seeds!r} names no seeds", next_step="give several, such as seeds=range(1000)")
    for tried, seed in enumerate(seeds, 1):
        world, anomalies = _trial(scenario, seed, faults)
        if anomalies:
            return Failure(scenario, seed, Plan(world.struck_by), anomalies[0], world.history, tried)
    return None


def shrink(failure: Failure) -> Failure:
    """The same anomaly with as few faults as possible: taking away any one of them makes it vanish.

    Raises `InvalidUse` for what is no failure, such as the None of a search that found nothing.
    """
    if not isinstance(failure, Failure):
        raise InvalidUse(f"{failure!r:.60} is no failure", why="search gives None if none of its seeds fails",
                         next_step="look at what search returned first, or give it more seeds or more faults")
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
    _check_scenario(scenario)
    yield from _sweep(scenario, seed, kind, down, (), 2 if pairs else 1)


def _check_scenario(scenario: Scenario) -> None:
    if not callable(scenario):
        raise InvalidUse(f"{scenario!r:.60} is no scenario", next_step="pass a function of a World, without calling it")


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


def _fault_code(fault: Fault) -> str:
    tail = [repr(fault.seconds)] if fault.seconds or fault.at is not None else []
    if fault.at is not None:
        tail.append(f"at={fault.at!r}")
    return f"Fault({', '.join([repr(fault.kind), repr(fault.site), str(fault.n), *tail])})"
