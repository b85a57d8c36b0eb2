"""The processes of answers: what is left of them, what happens when the template dies, and what if nothing starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from attack_cells import RIGHT

from evlab.course.judge import AnswerBroke, AnswerRaised, Answers, Jail, Judge, find_lab, verdict
from evlab.course.judge.processes import JudgeDown
from evlab.errors import InvalidUse

LINUX = sys.platform == "linux"


def start(jail, source):
    actor = jail.actor([("q", source)])
    actor.reset(0)
    return actor


def finish(process):
    """What a conversation returns in which the judge's side never waits."""
    with pytest.raises(StopIteration) as stop:
        next(process)
    return stop.value.value


@pytest.fixture(params=["fork", "spawn"] if LINUX else ["spawn"])
def jail(request):
    with Jail(request.param) as jail:
        yield jail


def test_nothing_is_left_of_many_actors(jail):
    """No descriptor, no zombie, no thread, also of answers that do not compile or die."""
    def count():
        return (len(os.listdir("/proc/self/fd")), threading.active_count(), len(jail._actors)) if LINUX else ()

    start(jail, "x = 1").kill()
    jail._actors.clear()
    before = count()
    for number in range(60 if jail.how == "fork" else 6):
        try:
            actor = start(jail, ["x = 1", "x = = 1", "import os; os._exit(1)"][number % 3])
            actor.kill()
        except (AnswerRaised, AnswerBroke):
            pass
    jail._actors = [actor for actor in jail._actors if not actor.dead]
    assert count() == before


@pytest.mark.skipif(not LINUX, reason="fork is Linux's")
class TestTemplate:
    def test_one_that_has_died_is_replaced(self):
        with Jail("fork") as jail:
            first = start(jail, "x = 1")
            os.kill(jail._template._process.pid, signal.SIGKILL)
            jail._template._process.wait()
            with pytest.raises(AnswerBroke):
                first.reset(1)
            start(jail, "x = 1").reset(1)

    def test_one_that_was_interrupted_is_not_used_again(self, monkeypatch):
        with Jail("fork") as jail:
            first = start(jail, "def f(): return 1")
            template = jail._template
            link, fds = template._link, len(os.listdir("/proc/self/fd"))

            class Interrupted:
                def __getattr__(self, name):
                    return getattr(link, name)

                def recv(self, size):
                    raise KeyboardInterrupt

            template._link = Interrupted()
            with pytest.raises(KeyboardInterrupt):
                jail.actor([("q", "x = 1")])
            assert not template.alive() and len(os.listdir("/proc/self/fd")) < fds
            assert finish(start(jail, "def f(): return 2").call("f")) == 2
            first.kill()

    def test_the_core_is_given_back(self):
        cores = os.sched_getaffinity(0)
        with pytest.raises(ZeroDivisionError), Jail("fork") as jail:
            start(jail, "x = 1")
            assert len(os.sched_getaffinity(0)) == 1
            1 / 0  # noqa: B018
        assert os.sched_getaffinity(0) == cores

    def test_the_core_is_given_back_when_nothing_starts(self, monkeypatch):
        cores = os.sched_getaffinity(0)
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(JudgeDown, match="could not start"), Jail("fork") as jail:
            jail.actor([("q", "x = 1")])
        assert os.sched_getaffinity(0) == cores

    def test_actors_end_with_the_judge(self):
        code = ("import os, sys\nfrom evlab.course.judge import Jail\njail = Jail('fork')\n"
                "actor = jail.actor([('q', 'def loop():\\n    while True: pass')])\n"
                "actor.reset(0)\nimport threading\n"
                "print(actor._process.pid, jail._template._process.pid, flush=True)\n"
                "threading.Timer(0.3, os.kill, (os.getpid(), 9)).start()\nnext(actor.call('loop'))")
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
        assert len(said) == 2
        for _ in range(200):
            if not any(os.path.exists(f"/proc/{pid}") for pid in said):
                return
            threading.Event().wait(0.05)
        raise AssertionError("they live on")

    def test_it_starts_though_the_standard_descriptors_are_closed(self):
        code = ("import os, sys\nfrom evlab.course.judge import Jail\nout = os.dup(1)\nos.closerange(0, 3)\n"
                "with Jail('fork') as jail:\n    jail.actor([('q', 'x = 1')]).reset(0)\nos.write(out, b'well')")
        assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"well"


@pytest.mark.parametrize("how", ["thread", "FORK", "1"])
def test_an_unknown_way_is_refused(monkeypatch, how):
    monkeypatch.setenv("EVLAB_JUDGE", how)
    with pytest.raises(InvalidUse, match="EVLAB_JUDGE"):
        Jail()


def test_a_python_that_does_not_start_is_not_the_answers_fault(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(JudgeDown, match="could not start"), Jail("spawn") as jail:
        jail.actor([("q", "x = 1")])
    monkeypatch.setattr(sys, "executable", "/bin/false" if LINUX else sys.executable)
    for how in ("fork", "spawn") if LINUX else ():
        with pytest.raises(JudgeDown, match="start"), Jail(how) as jail:
            jail.actor([("q", "x = 1")])


def test_an_answer_that_is_slow_in_every_history_is_stopped(monkeypatch):
    """Never stuck in one call, and a hundred histories of it would take minutes."""
    monkeypatch.setattr(verdict, "QUESTION_SECONDS", 1.0)
    slow = "# answer: lab01.q1\nimport time\n" + RIGHT.replace(
        "    failures = []", "    until = time.process_time() + 0.3\n    while time.process_time() < until: pass\n"
        "    failures = []")
    assert "until" in slow
    with Judge(find_lab("lab01")) as judge:
        found, = judge.judge(Answers(cells={"lab01.q1": slow}), ["lab01.q1"])
        assert (found.status, found.hint) == ("failed", "STUCK") and "over all histories" in found.text
        found, = judge.judge(Answers(cells={"lab01.q1": "# answer: lab01.q1\n" + RIGHT}), ["lab01.q1"])
        assert found.passed, "the next answer has its own budget"
