"""GRADE-1: no false pass, no harm. Hostile answers, and what became of them, of the judge, and of this machine."""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import pytest
from attack_cells import BOMBS, CELLS, RIGHT, RIGHT_TRICKS, SILENT, SOURCES
from attack_deeds import OTHERWISE, REFUSED, deed

from evlab.course.judge import Answers, Jail, Judge, find_lab, processes
from evlab.course.judge.verdict import isolation

SECRET = uuid.uuid4().hex
COURSE = str(pathlib.Path(__file__).parents[3])
LINUX = sys.platform == "linux"
MARK = "# answer: lab01.q1\n"
IN_SPAWN = ("read: a file", "read: the judge's memory", "write: a new file", "write: delete", "kill: its parent",
            "process: fork", "process: a thread", "net: a socket", "system: sleep", "system: root again",
            "forge: an early return", "forge: a thousand returns", "forge: an early return, before it is asked",
            "forge: a line without an end", "patch: the actor", "patch: the builtins", "lie: always equal",
            "lie: attributes that exit", "lie: nested without end", "lie: a million", "end: os._exit",
            "end: a wild pointer", "end: its pipes closed", "bomb: a loop", "bomb: memory at once", "source: brackets")
"""What is tried in a fresh Python, too, which takes far longer to start."""

WITHOUT_SANDBOX = ("write: over a file", "write: append", "process: fork", "process: clone", "process: a shell",
                   "process: a thread", "system: more CPU", "forge: an early return", "patch: the actor",
                   "lie: always equal", "end: os._exit", "bomb: a loop", "bomb: memory at once")
"""What the limits alone refuse, and what no cage has to: the verdict is the judge's."""
AT_REST: set[int] = set()
"""The processes that the judges have while nothing is judged: a template."""
STRANGERS: set[int] = set()
"""Processes of other tests, which were there before: a browser, a server. They and their children are not ours."""

pytestmark = pytest.mark.usefixtures("short_budgets")


@pytest.fixture(scope="module")
def short_budgets():
    """The budgets of an attack, shorter than a learner's: the loops and the silent ones cost that much each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "CALL_SECONDS", 0.25)
        patch.setattr(processes, "PATIENCE", 2.0)
        patch.setattr(processes, "LOOK", 0.05)
        patch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}/{SECRET}")  # so that each process of ours can be known
        yield


@pytest.fixture(scope="module")
def ground():
    """A folder that anybody may read and write, with a canary in it: what stays as it was, the cage has kept."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evlab-attacks-"))
    folder.chmod(0o777)
    canary = folder / "canary.txt"
    canary.write_text(SECRET)
    canary.chmod(0o666)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def door():
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def judge():
    STRANGERS.update(ours())
    with Judge(find_lab("lab01"), jail=Jail("fork" if LINUX else "spawn")) as judge:
        assert_still_judges(judge)
        AT_REST.update(ours())
        yield judge
    assert ours() == set()


@pytest.fixture(scope="module")
def spawning_judge(judge):
    with Judge(find_lab("lab01"), jail=Jail("spawn")) as judge:
        yield judge
        assert_still_judges(judge)


@pytest.fixture(scope="module")
def bare_judge(judge):
    with Judge(find_lab("lab01"), jail=Jail("fork", lacks=("files", "calls"))) as bare:
        assert_still_judges(bare)
        AT_REST.update(ours())
        yield bare
    AT_REST.intersection_update(ours())


def ours() -> set[int]:
    """The processes that descend from this one, and those that carry our mark: what children have left behind."""
    parents, found = {}, set()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if SECRET.encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family - STRANGERS:
        family |= more
    return (found | family) - {os.getpid()} - STRANGERS


def attack(judge, source: str, question: str = "lab01.q1", **more):
    """The verdict on a hostile answer, once we know that it did no harm."""
    begun = time.monotonic()
    verdict, = judge.judge(Answers(cells={question: source}, **more), [question])
    assert time.monotonic() - begun < 100, "it hung"
    assert verdict.status != "broken", verdict.text
    if LINUX:
        assert ours() == AT_REST, "a process is left"
    assert SECRET not in str(verdict) and "FOUND" not in verdict.printed
    str(verdict).encode()
    assert not set(str(verdict)) & set("\x1b\x00\u202e\r"), "it paints over its verdict"
    return verdict


def assert_still_judges(judge):
    after, = judge.judge(Answers(cells={"lab01.q1": MARK + RIGHT}), ["lab01.q1"], history=1)
    assert after.earned == after.points == 2


def assert_refused(judge, name, ground, door):
    """A deed met an error of the cage's, and everything is where it was."""
    verdict = attack(judge, deed(REFUSED[name], CANARY=str(ground / "canary.txt"), FOLDER=str(ground), COURSE=COURSE,
                                 JUDGE=os.getpid(), PORT=door.getsockname()[1]))
    assert verdict.status == "failed" and verdict.hint == "NOT_CALLED", str(verdict)
    assert f"REFUSED {OTHERWISE.get(name, 'PermissionError')}" in verdict.printed, verdict.printed
    assert [path.name for path in ground.iterdir()] == ["canary.txt"]
    assert (ground / "canary.txt").read_text() == SECRET and (ground / "canary.txt").stat().st_mode & 0o777 == 0o666
    with pytest.raises(BlockingIOError):
        door.accept()


def assert_fails(judge, name):
    hints, source = (CELLS | BOMBS | SILENT | SOURCES)[name]
    verdict = attack(judge, source)
    assert verdict.status == "failed" and verdict.earned == 0
    assert verdict.hint in hints, (verdict.hint, verdict.text[:300])


@pytest.mark.skipif(not LINUX, reason="the cage is Linux's")
@pytest.mark.parametrize("name", REFUSED)
def test_the_cage_refuses(judge, ground, door, name):
    """GRADE-1. Reading, writing, killing, forking, the net, other system calls: each deed meets an error."""
    assert_refused(judge, name, ground, door)
    assert_still_judges(judge)


@pytest.mark.parametrize("name", CELLS | BOMBS | SILENT)
def test_nothing_passes_and_nothing_goes_on_without_end(judge, name, monkeypatch):
    """GRADE-1. Forged words, patched modules, values that lie, all ways to end, and what does not end by itself."""
    if name.endswith("calls"):  # their number ends these, and how fast they come depends on the machine
        monkeypatch.setattr(processes, "CALL_SECONDS", 10.0)
        monkeypatch.setattr(processes, "PATIENCE", 20.0)
    assert_fails(judge, name)
    assert_still_judges(judge)


@pytest.mark.parametrize("name", SOURCES)
def test_tricks_of_source(judge, name, recwarn):
    """GRADE-1. What is no Python, or Python that breaks a compiler, is a verdict like any other."""
    assert_fails(judge, name)
    assert not recwarn.list, "an answer's warnings are not the judge's"


@pytest.mark.parametrize("name", IN_SPAWN)
def test_a_fresh_python_is_as_safe(spawning_judge, ground, door, name):
    """GRADE-1. The same where actors are not forked; on Linux with the same cage."""
    if name in REFUSED:
        if not LINUX:
            pytest.skip("the cage is Linux's")
        assert_refused(spawning_judge, name, ground, door)
    else:
        assert_fails(spawning_judge, name)


@pytest.mark.parametrize("name", RIGHT_TRICKS)
def test_a_right_answer_with_a_harmless_trick_passes(judge, name):
    verdict = attack(judge, RIGHT_TRICKS[name])
    assert verdict.passed, str(verdict)


@pytest.mark.skipif(not LINUX, reason="elsewhere this is how it always is")
@pytest.mark.parametrize("name", WITHOUT_SANDBOX)
def test_limits_only_is_no_sandbox_and_still_no_false_pass(judge, bare_judge, ground, name):
    """GRADE-1. As on a system without Landlock and seccomp: answers may peep, and nothing else of the promise falls."""
    if name in REFUSED:
        verdict = attack(bare_judge, deed(REFUSED[name], CANARY=str(ground / "canary.txt"), JUDGE=os.getpid()))
        assert verdict.status == "failed" and ("REFUSED" in verdict.printed or name.startswith("write")), str(verdict)
        assert (ground / "canary.txt").read_text() == SECRET
    else:
        assert_fails(bare_judge, name)
    assert_still_judges(bare_judge)
    assert isolation(bare_judge.jail.held) == "limits only, not a sandbox"
    assert not {"files", "calls"} & set(bare_judge.jail.held)


@pytest.mark.skipif(not LINUX or os.geteuid() or not shutil.which("setpriv"), reason="root tries what others can do")
def test_the_same_for_a_user_who_is_not_root():
    """GRADE-1. This file's own attacks once more, by a judge without root's rights (but for reading this Python)."""
    home = tempfile.mkdtemp(prefix="evlab-attacks-")
    os.chmod(home, 0o777)
    tried = "file or delete or parent or fork or thread or equal or _exit or sandbox"
    run = subprocess.run(
        ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--inh-caps=+dac_read_search",
         "--ambient-caps=+dac_read_search", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__,
         "--basetemp", f"{home}/pytest", "-k", f"not spawn and not fresh and ({tried})"],
        capture_output=True, text=True, env=os.environ | {"TMPDIR": home, "HOME": home}, cwd=COURSE)
    shutil.rmtree(home)
    assert run.returncode == 0, run.stdout[-3000:]
    assert int(run.stdout.split(" passed")[0].split()[-1]) > 25


def test_both_ways_have_the_same_cage(judge, spawning_judge):
    for one in judge, spawning_judge:
        assert_still_judges(one)
    assert sorted(judge.jail.held) == sorted(spawning_judge.jail.held)
    if LINUX:
        assert {"limits", "memory"} <= set(judge.jail.held)
        assert isolation(judge.jail.held).startswith("sandbox") == ({"files", "calls"} <= set(judge.jail.held))
