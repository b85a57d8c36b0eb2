"""SIM-3: what is found is made small enough to read."""

from __future__ import annotations

import time
from collections import Counter
from itertools import cycle

from keeper import STORM
from zoo import BUGS

from evlab.sim import Failure, Faults, search, shrink


def drawn(failure: Failure) -> int:
    """How many things a timeline of the story draws: an operation with its end is one, a message with its arrival,
    its loss, its delay or its copy is one, and each crash, restart, cut, pause, loss and note is one."""
    return len({entry.number if entry.pair is None else entry.pair for entry in failure.story})


def planted_failures(number: int, faults: Faults | None = None) -> list[Failure]:
    """Failures of the bugs that need a fault to show, each bug at other seeds until there are enough.

    faults: what goes wrong; by default what each bug is known to need.
    """
    found, next_seed = [], Counter()
    for animal in cycle([animal._replace(faults=faults or animal.faults) for animal in BUGS if animal.faults]):
        if len(found) == number:
            return found
        failure = search(animal, range(next_seed[animal.name], 2000), animal.faults)
        if failure is not None and failure.anomaly.name == animal.expected:
            found.append(failure)
        next_seed[animal.name] = failure.seed + 1 if failure is not None else 0


def shrunk(failures: list[Failure]) -> list[Failure]:
    """All of them shrunk, with a table of what became of them. The anomaly is the same, and it replays."""
    small, seconds = [], []
    for failure in failures:
        began = time.perf_counter()
        small.append(shrink(failure))
        seconds.append(time.perf_counter() - began)
        assert small[-1].anomaly.name == failure.anomaly.name
        assert small[-1].replay().history.digest() == small[-1].history.digest()

    def table(numbers):
        return ", ".join(f"{number}: {times}" for number, times in sorted(Counter(numbers).items()))

    print(f"\n{len(small)} failures; the slowest shrink took {max(seconds):.3f} s"
          f" ({small[seconds.index(max(seconds))].scenario.name})"
          f"\nfaults before  {table(len(one.plan) for one in failures)}"
          f"\nfaults after   {table(len(one.plan) for one in small)}"
          f"\ndrawn events   {table(map(drawn, small))}\nstory entries  {table(len(one.story) for one in small)}")
    return small


def stories(failures) -> str:
    return "\n\n".join(f"{one.scenario.name}: {len(one.plan)} faults, {drawn(one)} drawn\n{one.explain()}"
                       for one in failures)


def test_planted_failures_shrink_to_stories_that_can_be_read(amount):
    """SIM-3: the same anomaly, at most 3 faults in 95 % of them, at most 15 drawn events in all of them."""
    small = shrunk(planted_failures(amount(50, 200)))
    assert sum(len(one.plan) <= 3 for one in small) >= 0.95 * len(small)
    big = [one for one in small if drawn(one) > 15]
    assert not big, stories(big)


def test_out_of_a_storm_of_every_fault_the_few_that_matter_are_left(amount):
    """SIM-3, the hard way: up to 25 faults struck, and most of them had nothing to do with it."""
    failures = planted_failures(amount(50, 200), STORM)
    small = shrunk(failures)
    assert sum(len(one.plan) for one in failures) > 5 * len(failures)
    assert sum(len(one.plan) <= 3 for one in small) >= 0.95 * len(small)
    big = [one for one in small if drawn(one) > 15]
    assert len(big) <= 0.02 * len(small), stories(big)
