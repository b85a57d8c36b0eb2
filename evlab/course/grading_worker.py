"""A worker of `evlab grade`: one process, one core, one Judge; it takes a notebook a line and gives back its verdicts.

Lines are JSON, from the parent: {"name": ..., "data": base64, "lab": "lab01" or "", "seed": 0, "figures": true}. To
the parent, any number of {"at": [question, done, total]} and then one of
    {"labs": {"lab01": [verdict, ...]}, "figures": {"lab01.q1": {"svg", "alt", "text"}}, "held": [...],
     "remarks": {"lab01": "what the instructor should know of it"}}
    {"note": "why there is nothing to judge"}
    {"broke": "an error of the judge itself"}, after which the worker ends, and the parent starts another.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
import time
from typing import Any

from evlab.course.judge.answers import NotANotebook, cells_of, collect, last_counts, mark_of
from evlab.course.judge.labs import find_lab, lab_names
from evlab.course.judge.verdict import Judge, Verdict

__all__ = ["labs_in", "main"]

TELL_EVERY = 0.5
"""Seconds between two lines of progress."""


def labs_in(sources: list[str]) -> list[str]:
    """The labs of the course that these cells answer, in order."""
    marked = {name.partition(".")[0] for kind, name in map(mark_of, sources) if kind == "answer"}
    return [lab for lab in lab_names() if lab in marked]


class Worker:
    """The judges of this process, one a lab, made when first needed and kept: a judge has a warm template process."""

    def __init__(self, say):
        self.say = say
        self.judges: dict[tuple[str, int], Judge] = {}
        self._told = 0.0

    def work(self, task: dict) -> dict[str, Any]:
        try:
            sources = cells_of(base64.b64decode(task["data"]), task["name"])
        except NotANotebook as error:
            what = error.what.removeprefix(task["name"]).strip()
            return {"note": f"it {what}" + (f" ({error.why})" if error.why else "") + f"; {error.next_step}"}
        labs = labs_in(sources)
        if not labs or task["lab"] not in ("", *labs):
            return {"note": f"there are no answers of {task['lab'] or 'any lab'} in it; hand in the lab's notebook: an "
                            f"answer's cell begins with `# answer: {task['lab'] or 'lab01'}.q1`"}
        done: dict[str, list[Verdict]] = {}
        remarks: dict[str, str] = {}
        for lab in [task["lab"]] if task["lab"] else labs:
            judge = self.judges.get((lab, task["seed"]))
            if judge is None:
                judge = self.judges[lab, task["seed"]] = Judge(find_lab(lab), seed=task["seed"])
            answers = collect(sources, lab)
            done[lab] = judge.judge(answers, progress=self.tell)
            remarks[lab] = last_counts(answers, [verdict.question for verdict in done[lab] if not verdict.passed])
        verdicts = [verdict for every in done.values() for verdict in every]
        figures = {verdict.question: drawn for verdict in verdicts if task["figures"] and (drawn := draw(verdict))}
        jails = [judge.jail for judge in self.judges.values() if judge.jail.started]
        held = sorted({name for jail in jails for name in jail.held})
        return {"labs": {lab: [verdict.to_dict() for verdict in every] for lab, every in done.items()},
                "figures": figures, "remarks": remarks,
                "held": held if jails and any(verdict.checks for verdict in verdicts) else None}

    def tell(self, question: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= TELL_EVERY:
            self._told = now
            self.say({"at": [question, done, total]})

    def close(self) -> None:
        for judge in self.judges.values():
            judge.jail.close()


def draw(verdict: Verdict) -> dict[str, str] | None:
    """The failing history as a picture, with its words."""
    figure = verdict.figure()
    return figure and {"svg": figure.svg, "alt": figure.alt, "text": figure.text}


def main() -> None:
    """Serve until the parent hangs up, or says to stop."""
    lines, said = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a stray print is no line of this conversation
    with contextlib.suppress(AttributeError, OSError, IndexError, ValueError):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear

    def say(message: dict) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            data = data[said.write(data):]

    worker = Worker(say)
    try:
        for line in lines:
            say(worker.work(json.loads(line)))
    except Exception as error:
        with contextlib.suppress(OSError):
            say({"broke": f"{type(error).__name__}: {error}"[:500]})
    finally:
        worker.close()


if __name__ == "__main__":
    main()
