"""Many answers judged with many seeds, in a few processes: what a proof of a lab spends its time on.

A worker imports the judge and little else: nbformat alone would cost each of them more than a second.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from evlab.course.judge.answers import Answers
from evlab.course.judge.jail import Jail
from evlab.course.judge.labs import find_lab
from evlab.course.judge.verdict import Judge

__all__ = ["Seen", "Trial", "judges", "run_trials"]


class Seen(NamedTuple):
    """One verdict, as far as a proof looks at it."""

    status: str
    hint: str = ""
    promise: str = ""
    """The check that failed."""
    text: str = ""


class Trial(NamedTuple):
    """Answers to be judged: `questions` of a lab, with each of some seeds."""

    name: str
    lab: str
    answers: Answers
    questions: list[str]
    seeds: list[int]


Verdicts = dict[int, dict[str, Seen]]
"""By seed, then by question."""


def judges(jobs: int) -> ProcessPoolExecutor:
    """`jobs` workers, each with a jail of its own, on a core of its own. A context manager."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, _begin, (context.Value("i", 0),))


def run_trials(trials: list[Trial], jobs: int, pool: ProcessPoolExecutor | None = None
               ) -> Iterator[tuple[Trial, Verdicts, float]]:
    """Each trial with its verdicts and the seconds it took, as they end, `jobs` at a time.

    pool: `judges` that go on afterwards, for a caller who has trials of several labs; otherwise some are started here.
    """
    if jobs == 1 and pool is None:
        with Jail() as jail:
            for trial in trials:
                yield trial, *_judge(trial, jail)
        return
    with contextlib.nullcontext(pool) if pool else judges(jobs) as workers:
        working = {workers.submit(_judge, trial): trial for trial in trials}
        try:
            for ended in as_completed(working):
                yield working[ended], *ended.result()
        except BaseException:
            for future in working:
                future.cancel()
            raise


_jail: Jail | None = None


def _begin(counter) -> None:
    """Make this worker ready: Ctrl-C is the parent's affair."""
    global _jail
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    _jail = Jail()


def _judge(trial: Trial, jail: Jail | None = None) -> tuple[Verdicts, float]:
    began, found = time.monotonic(), {}
    for seed in trial.seeds:
        judge = Judge(find_lab(trial.lab), seed=seed, jail=jail or _jail)
        found[seed] = {
            verdict.question: Seen(verdict.status, verdict.hint,
                                   next((check.promise for check in verdict.checks if check.status == "failed"), ""),
                                   verdict.text)
            for verdict in judge.judge(trial.answers, only=trial.questions)}
    return found, time.monotonic() - began
