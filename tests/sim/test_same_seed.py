"""SIM-1: the same seed gives the same history, in this process and in every other."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

from keeper import Animal
from zoo import BUGS, RIGHT

from evlab.sim import Plan, World

HERE = pathlib.Path(__file__).parent


def run(animal: Animal, seed: int) -> World:
    world = World(seed, animal.faults)
    try:
        animal(world)
    except Exception as error:
        world.history.note(f"raised {type(error).__name__}")
    return world


def seeds_and_animals(runs: int):
    """`runs` pairs of a seed and a program, over all programs."""
    animals = [*BUGS, *RIGHT]
    return [(number, animals[number % len(animals)]) for number in range(runs)]


def digest_of_all(runs: int) -> str:
    """One digest of `runs` histories, and of what else a run leaves behind."""
    sha = hashlib.sha256()
    for seed, animal in seeds_and_animals(runs):
        world = run(animal, seed)
        left = (world.history.digest(), world.points, world.struck_by, world.now(), world.random("after").random())
        sha.update(repr(left).encode())
    return sha.hexdigest()


def test_a_thousand_seeds_give_the_same_history_in_every_process():
    """SIM-1: under PYTHONHASHSEED 0, 1 and random; this process is the fourth."""
    def in_a_process(hash_seed):
        code = "from test_same_seed import digest_of_all; print(digest_of_all(1000))"
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=HERE, env={**os.environ, "PYTHONHASHSEED": hash_seed})

    processes = [in_a_process(hash_seed) for hash_seed in ("0", "1", "random")]
    digests = {digest_of_all(1000)}
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        digests.add(out.strip())
    assert len(digests) == 1


def test_a_second_run_in_this_process_is_equal_also_as_a_plan():
    """SIM-1: nothing is left over from the first run, and the faults that struck are all that chance did."""
    for seed, animal in seeds_and_animals(200):
        world = run(animal, seed)
        assert run(animal, seed).history.digest() == world.history.digest(), animal.name
        replayed = run(animal._replace(faults=Plan(world.struck_by)), seed)
        assert replayed.history.digest() == world.history.digest(), animal.name


def test_another_seed_gives_another_history():
    """SIM-1 would hold for a world without any chance as well."""
    animal = next(animal for animal in RIGHT if animal.name == "effect_once")
    assert len({run(animal, seed).history.digest() for seed in range(100)}) == 100
