"""SIM-3: what is found is made small enough to read."""

from __future__ import annotations

import time
from collections import Counter
from itertools import cycle

from zoo import BUGS

from evlab.sim import Failure, search, shrink


def drawn(failure: Failure) -> int:
    """How many things a timeline of the story draws: an operation with its end is one, a message with its arrival,
    its loss, its delay or its copy is one, and each crash, restart, cut, pause, loss and note is one."""
    return len({entry.number if entry.pair is None else entry.pair for entry in failure.story})


def planted_failures(number: int) -> list[Failure]:
    """Failures of the bugs that need a fault to show, each bug at other seeds until there are enough."""
    found, next_seed = [], Counter()
    for animal in cycle([animal for animal in BUGS if animal.faults is not None]):
        if len(found) == number:
            return found
        failure = search(animal, range(next_seed[animal.name], 2000), animal.faults)
        if failure is not None and failure.anomaly.name == animal.expected:
            found.append(failure)
        next_seed[animal.name] = failure.seed + 1 if failure is not None else 0


def test_planted_failures_shrink_to_stories_that_can_be_read(amount):
    """SIM-3: the same anomaly, at most 3 faults in 95 % of them, at most 15 drawn events in all of them."""
    failures, small, seconds = planted_failures(amount(50, 200)), [], []
    for failure in failures:
        began = time.perf_counter()
        small.append(shrink(failure))
        seconds.append(time.perf_counter() - began)
    slowest = small[seconds.index(max(seconds))]
    faults, events = Counter(len(one.plan) for one in small), Counter(drawn(one) for one in small)
    print(f"\n{len(small)} failures; slowest shrink {max(seconds):.3f} s ({slowest.scenario.name})"
          f"\nfaults before: {sorted(Counter(len(one.plan) for one in failures).items())}"
          f"\nfaults after:  {sorted(faults.items())}\ndrawn events:  {sorted(events.items())}"
          f"\nstory entries: {sorted(Counter(len(one.story) for one in small).items())}")
    for before, after in zip(failures, small, strict=True):
        assert after.anomaly.name == before.anomaly.name
        assert after.replay().history.digest() == after.history.digest()
    assert sum(len(one.plan) <= 3 for one in small) >= 0.95 * len(small), faults
    big = [one for one in small if drawn(one) > 15]
    assert not big, "\n\n".join(f"{one.scenario.name}\n{one.explain()}" for one in big)
