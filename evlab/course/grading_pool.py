"""The worker processes of `evlab grade`, seen from the parent: started, talked to, and started again when one dies.

One thread a worker in the parent; they take tasks from one list and put what came of them into one queue. Nothing
that a worker says is trusted to be a result before it has the form of one.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evlab.course.submissions import Unfit, read_submission

__all__ = ["JUDGE_FAILED", "Pool", "Task"]

SILENT = 120.0
"""Seconds without a word from a worker after which it is given up."""
LONGEST = 300.0
"""Seconds that one submission may take in all. A right answer takes one; one that never ends is noticed in a few."""
JUDGE_FAILED = "the judge failed on this file"


@dataclass(frozen=True)
class Task:
    """A file to judge. digest: the SHA-256 of the bytes that are to be judged; it may have changed since."""

    path: pathlib.Path
    name: str
    digest: str
    lab: str
    seed: int
    figures: bool


class _Died(Exception):
    """The worker has ended, said nonsense, or has been silent for too long."""


class _TooLong(Exception):
    """The worker was at its task for longer than `LONGEST`."""


class Pool:
    """`jobs` workers. A context manager: at its end no process of it is left."""

    def __init__(self, jobs: int):
        self.workers = [_Worker(number) for number in range(max(1, jobs))]
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Pool:
        threading.Thread(target=self._watch, name="evlab grade", daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._closed.set()
        for worker in self.workers:
            worker.close()
        for thread in self._threads:
            thread.join(10)

    def results(self, tasks: list[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Judge each task; the results as they come, in any order. A result has "labs" or "note"; with "failed" it says
        nothing of the answer, and is not to be kept."""
        waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Task, dict]] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        for worker in self.workers[:len(tasks)]:
            waiting.put(None)
            self._threads.append(threading.Thread(target=self._serve, args=(worker, waiting, done), daemon=True))
            self._threads[-1].start()
        for _ in tasks:
            yield done.get()

    def _serve(self, worker: _Worker, waiting: queue.SimpleQueue, done: queue.SimpleQueue) -> None:
        while (task := waiting.get()) is not None and not self._closed.is_set():
            try:
                result = _judge(worker, task)
            except Exception as error:  # whatever it is: the others go on
                result = {"note": f"{JUDGE_FAILED} ({type(error).__name__}: {error})", "failed": True}
            done.put((task, result))
        worker.end()

    def _watch(self) -> None:
        while not self._closed.wait(0.5):
            for worker in self.workers:
                worker.give_up_if_late()


def _judge(worker: _Worker, task: Task) -> dict[str, Any]:
    """One task by one worker; it gets a second try in a fresh process."""
    try:
        data = read_submission(task.path)
    except Unfit as error:
        return {"note": error.note, "failed": True}
    if hashlib.sha256(data).hexdigest() != task.digest:
        return {"note": "it was changed while it was being graded; grade again", "failed": True}
    message = {"name": task.name, "data": base64.b64encode(data).decode(), "lab": task.lab, "seed": task.seed,
               "figures": task.figures}
    for _ in range(2):
        try:
            return worker.judge(message)
        except _TooLong:
            worker.end()
            return {"note": f"its answers were stopped after {LONGEST:g} s", "failed": True}
        except _Died as error:
            why = str(error)
            worker.end()
    return {"note": f"{JUDGE_FAILED}, twice: {why}", "failed": True}


class _Worker:
    """One process, started when there is work for it, on a core of its own where the system allows that."""

    def __init__(self, number: int):
        self.number = number
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._began = self._heard = 0.0
        """When it was given its task, and when it last spoke; 0 while it has none."""

    @property
    def pid(self) -> int | None:
        process = self._process
        return process and process.pid

    def judge(self, message: dict) -> dict[str, Any]:
        """Raises `_Died` and `_TooLong`."""
        process = self._started()
        self._began = self._heard = time.monotonic()
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            while line := process.stdout.readline():
                self._heard = time.monotonic()
                said = json.loads(line)
                if "broke" in said:
                    raise _Died(said["broke"])
                if "labs" in said or "note" in said:
                    return said
        except (OSError, ValueError, TypeError) as error:
            if process.poll() is None:
                raise _Died(f"{type(error).__name__}: {error}") from error
        finally:
            began, self._began = self._began, 0.0
        if time.monotonic() - began > LONGEST:
            raise _TooLong
        raise _Died("its process was ended" if time.monotonic() - self._heard < SILENT else "it fell silent")

    def give_up_if_late(self) -> None:
        """Kill a process that has been silent, or at work, for too long; `judge` hears of it."""
        now, process = time.monotonic(), self._process
        if process and self._began and (now - self._heard > SILENT or now - self._began > LONGEST):
            process.kill()

    def end(self) -> None:
        """End the process and with it its answers' processes. The next task starts another."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()

    def close(self) -> None:
        """End it for good."""
        with self._lock:
            self._closed = True
        self.end()

    def _started(self) -> subprocess.Popen:
        with self._lock:
            if self._closed:
                raise _Died("the grading was stopped")
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "evlab.course.grading_worker", self._core()], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
                    env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"})
            return self._process

    def _core(self) -> str:
        try:
            cores = sorted(os.sched_getaffinity(0))
        except AttributeError:  # not Linux
            return ""
        return str(cores[self.number % len(cores)])
