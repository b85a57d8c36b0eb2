"""SIM-4: the checkers see bugs, and do not accuse. The programs stand in zoo.py."""

from __future__ import annotations

from collections import Counter

import pytest
from zoo import BUGS, RIGHT

from evlab import World
from evlab.sim import Faults, search
from evlab.sim.checkers import ANOMALIES

WEATHERS = [
    Faults(drop=0.06, duplicate=0.04, delay=0.06, crash=0.02, kill=0.02, cuts=1, pauses=1, crashes=1, span=3.0,
           down=0.5, late=1.5, long=1.5),
    Faults(drop=0.3), Faults(duplicate=0.3, late=3.0), Faults(delay=0.3, late=3.0), Faults(crash=0.1, down=0.3),
    Faults(kill=0.1, down=0.3), Faults(cuts=4, span=4.0, long=2.0), Faults(pauses=4, span=4.0, long=2.0),
    Faults(crashes=4, span=4.0, down=0.2),
]
"""All at once, and each alone but often."""


def test_there_are_enough_of_them():
    """SIM-4: 40 bugs at least, of every name, and 10 programs that are right."""
    assert len(BUGS) >= 40 and len(RIGHT) >= 10
    assert len({animal.name for animal in (*BUGS, *RIGHT)}) == len(BUGS) + len(RIGHT)
    assert {animal.expected for animal in BUGS} == set(ANOMALIES)


@pytest.mark.parametrize("animal", BUGS, ids=lambda animal: animal.name)
def test_a_planted_bug_is_found_by_its_name(animal):
    """SIM-4: within 1,000 seeds, and as the first anomaly that the program's own promise does not permit."""
    failure = search(animal, range(1000), animal.faults)
    assert failure is not None, f"{animal.name} was never caught"
    assert failure.anomaly.name == animal.expected, failure.explain()


@pytest.mark.parametrize("animal", RIGHT, ids=lambda animal: animal.name)
def test_a_program_that_is_right_is_never_accused(animal, amount):
    """SIM-4: under every fault, all at once or one kind alone, the verdict is clean once the faults are over."""
    seeds, struck, outcomes = amount(300, 7000), Counter(), Counter()
    for seed in range(seeds):
        world = World(seed, WEATHERS[seed % len(WEATHERS)])
        anomalies = animal(world)
        assert anomalies == [], f"World({seed}, {world.faults}): {anomalies}"
        struck.update(fault.kind for fault in world.struck_by)
        outcomes.update(entry.kind for entry in world.history if entry.what in ("send", "receive"))
    assert set(struck) | {"kill"} == {"drop", "duplicate", "delay", "crash", "kill", "cut", "pause"}, "all struck"
    assert outcomes["ok"] > 2 * seeds, "and the program did its work nevertheless"
