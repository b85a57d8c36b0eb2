"""No false fail: a right answer passes with every seed, and on a machine that has other things to do."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest
from attack_cells import RIGHT

from evlab.course.judge import Answers, Judge, find_lab

MARK = "# answer: lab01.q1\n"


def busy(until: float) -> None:
    """Keep a core at work until that time."""
    while time.monotonic() < until:
        pass


@pytest.fixture
def loaded_machine():
    """Each core has two more processes to run than it can, for ten seconds at most."""
    spawning = multiprocessing.get_context("spawn")
    workers = [spawning.Process(target=busy, args=(time.monotonic() + 10,), daemon=True)
               for _ in range(2 * (os.cpu_count() or 1))]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    yield
    for worker in workers:
        worker.kill()
        worker.join()


def test_a_right_answer_passes_on_a_busy_machine(loaded_machine):
    with Judge(find_lab("lab01")) as judge:
        verdict, = judge.judge(Answers(cells={"lab01.q1": MARK + RIGHT}), ["lab01.q1"])
    assert verdict.passed, str(verdict)


def test_a_right_answer_passes_with_every_seed(amount):
    with Judge(find_lab("lab01")) as judge:
        for seed in range(amount(20, 400)):
            judge.seed = seed
            verdict, = judge.judge(Answers(cells={"lab01.q1": MARK + RIGHT}), ["lab01.q1"])
            assert verdict.passed, str(verdict)
