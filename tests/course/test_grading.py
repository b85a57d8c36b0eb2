"""A folder of submissions in, a row for every file out, whatever they hold and whatever interrupts it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest
from grading_lab import GAP, NO_TELL, TELL, TWICE, YES, hand_in, make_course, notebook, twice

from evlab.course import grading_pool
from evlab.course.grading import Stopped, grade
from evlab.course.grading_pool import Pool
from evlab.course.grading_state import StateFile, StateInUse, code_digest
from evlab.course.reports import csv_bytes, jsonl_bytes
from evlab.course.submissions import NothingHandedIn, find_submissions
from evlab.errors import InvalidUse

RIGHT = notebook(TWICE, TELL)
ALL, Q2, NONE = (1, 2.5), (0, 2.5), (0, 0)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = make_course(tmp_path_factory.mktemp("course"))
        patch.setenv("EVLAB_COURSE", str(folder))
        yield folder


# file: content, the points of q1 and q2, hint of q1, what its note must hold
MIXED = {
    "right.ipynb": (RIGHT, ALL, "", ""),
    "right/twice over/by_adding.ipynb": (twice("return number + number"), ALL, "", ""),
    "right/with_a_helper.ipynb": (notebook("# helper: lab90\ndef add(a, b): return a + b",
                                           "# answer: lab90.q1\ndef twice(n): return add(n, n)", TELL), ALL, "", ""),
    "right/byte_order_mark.ipynb": (b"\xef\xbb\xbf" + RIGHT.encode(), ALL, "", ""),
    "right/UPPER.IPYNB": (RIGHT + " ", ALL, "", ""),
    "right/prints_a_lot.ipynb": (twice("print('x' * 10**6)\nreturn 2 * number"), ALL, "", ""),
    "wrong/three_times.ipynb": (twice("return 3 * number"), Q2, "NOT_TWICE", ""),
    "wrong/squares.ipynb": (twice("return number ** 2"), Q2, "NOT_TWICE", ""),
    "wrong/nothing.ipynb": (twice("pass"), Q2, "NOT_TWICE", ""),
    "wrong/untouched.ipynb": (notebook(GAP, NO_TELL), NONE, "NOT_ANSWERED", ""),
    "wrong/half_done.ipynb": (notebook(TWICE), (1, 0), "", ""),
    "wrong/tells_nobody.ipynb": (notebook(TWICE, "# answer: lab90.q2\ndef tell(e, handlers): return None"), (1, 0), "",
                                 ""),
    "wrong/raises.ipynb": (twice("return number / 0"), Q2, "RAISES", ""),
    "wrong/no_python.ipynb": (notebook("# answer: lab90.q1\ndef twice(:", TELL), Q2, "SYNTAX", ""),
    "wrong/nul.ipynb": (notebook("# answer: lab90.q1\nx = '\0'\ndef twice(n): return 2 * n", TELL), Q2, "SYNTAX", ""),
    "wrong/another_name.ipynb": (notebook("# answer: lab90.q1\ndef double(n): return 2 * n", TELL), Q2, "NOT_DEFINED",
                                 ""),
    "attacks/loop.ipynb": (twice("while True: pass"), Q2, "STUCK", ""),
    "attacks/exit.ipynb": (twice("os._exit(0)"), Q2, "EXITS", ""),
    "attacks/sys_exit.ipynb": (twice("sys.exit(0)"), Q2, "EXITS", ""),
    "attacks/flood.ipynb": (twice("return 'x' * 50_000_000"), Q2, None, ""),
    "attacks/recursion.ipynb": (twice("return twice(number)"), Q2, "RECURSION", ""),
    "attacks/kills.ipynb": (twice("os.kill(os.getppid(), 9)\nreturn 3"), Q2, None, ""),
    "attacks/says_passed.ipynb": (twice("os.write(1, b'{\"labs\": {}}\\n')\nreturn 3"), Q2, "NOT_TWICE", ""),
    "broken/empty.ipynb": ("", NONE, "", "it is empty"),
    "broken/blank.ipynb": (" \n\t", NONE, "", "it is empty"),
    "broken/not_utf8.ipynb": (b"\xff\xfe\x00", NONE, "", "not UTF-8"),
    "broken/not_json.ipynb": ("print('hello')", NONE, "", "not a notebook"),
    "broken/list.ipynb": ("[1, 2]", NONE, "", "not a notebook"),
    "broken/no_cells.ipynb": ('{"nbformat": 4}', NONE, "", "not a notebook"),
    "broken/cells_are_numbers.ipynb": ('{"cells": [1]}', NONE, "", "not a notebook"),
    "broken/source_is_a_number.ipynb": ('{"cells": [{"cell_type": "code", "source": 5}]}', NONE, "", "not a notebook"),
    "broken/deep.ipynb": ("[" * 100_000, NONE, "", "not a notebook"),
    "broken/big_number.ipynb": ("9" * 10_000, NONE, "", "not a notebook"),
    "broken/cut_off.ipynb": (RIGHT[:-20], NONE, "", "not a notebook"),
    "broken/too_large.ipynb": (b" " * 5_000_001, NONE, "", "larger than 5 MB"),
    "broken/other_notebook.ipynb": (notebook("x = 1"), NONE, "", "no answers of lab90"),
    "broken/answers.py": ("def twice(n): return 2 * n", NONE, "", "not a notebook"),
    "broken/all.zip": (b"PK\x03\x04\xff", NONE, "", "it is a zip archive; unpack it"),
    "broken/of_2014.ipynb": ('{"metadata": {}, "nbformat": 3, "worksheets": [{"cells": []}]}', NONE, "",
                             "old format (Jupyter has not written it since 2015); open it in JupyterLab"),
    "names/=1+1.ipynb": (RIGHT + "\n", ALL, "", ""),
}
LEFT_OUT = {".hidden.ipynb": RIGHT, "right/.ipynb_checkpoints/right-checkpoint.ipynb": RIGHT, "__MACOSX/x.ipynb": RIGHT,
            "right/timestamp.txt": "2026-01-01", "wrong/Thumbs.db": "x"}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = hand_in(tmp_path_factory.mktemp("handed in"),
                     {name: content for name, (content, *_) in MIXED.items()} | LEFT_OUT)
    (folder / "no file/folder.ipynb").mkdir(parents=True)
    (folder / "no file/in_a_circle.ipynb").symlink_to("in_a_circle.ipynb")
    (folder / "no file/of_a_friend.ipynb").symlink_to(folder / "right.ipynb")
    (folder / "no file/all_of_a_friend").symlink_to(folder / "right")
    os.mkfifo(folder / "no file/pipe.ipynb")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as server, contextlib.chdir(folder / "no file"):
        server.bind("socket.ipynb")
    return folder


@pytest.fixture(scope="module")
def graded(course, mixed, tmp_path_factory):
    return grade(mixed, state=tmp_path_factory.mktemp("state") / "state", lab="lab90", jobs=2, figures=True)


def row_of(grades, file):
    (row,) = [row for row in grades.rows if row.file == file]
    return row


@pytest.mark.parametrize("file", MIXED)
def test_every_row_is_right(graded, file):
    _, earned, hint, note = MIXED[file]
    row = row_of(graded, file)
    assert row.total == sum(earned) and row.maximum == 3.5 and row.lab == "lab90"
    if row.verdicts:
        assert tuple(verdict["earned"] for verdict in row.verdicts.values()) == earned
        assert hint is None or row.verdicts["lab90.q1"]["hint"] == hint
    assert (note in row.note and not row.verdicts) if note else (not row.note and row.verdicts)
    assert not note or "; " in row.note, "it says what to do"


@pytest.mark.parametrize(("file", "note"), [
    ("no file/folder.ipynb", "it is a folder"), ("no file/in_a_circle.ipynb", "symbolic link"),
    ("no file/of_a_friend.ipynb", "symbolic link"), ("no file/all_of_a_friend", "symbolic link"),
    ("no file/pipe.ipynb", "it is a pipe"), ("no file/socket.ipynb", "it is a socket")])
def test_what_is_no_file_has_a_row_that_says_so(graded, file, note):
    row = row_of(graded, file)
    assert note in row.note and row.total == 0 and not row.failed
    assert "; " in row.note, "it says what to do"


def test_nothing_else_has_a_row_and_the_rows_are_sorted(graded):
    files = [row.file for row in graded.rows]
    assert len(files) == len(MIXED) + 6 and files == sorted(files)
    assert row_of(graded, "right/UPPER.IPYNB").learner == "right/UPPER"
    assert row_of(graded, "broken/answers.py").learner == "broken/answers.py"


def test_a_failing_history_comes_with_its_picture(graded):
    row = row_of(graded, "wrong/tells_nobody.ipynb")
    assert row.verdicts["lab90.q2"]["hint"] == "NOT_TOLD"
    told = [row for row in graded.rows if row.figures]
    assert all(figure["svg"].startswith("<svg") and figure["alt"] and figure["text"]
               for row in told for figure in row.figures.values())


def test_the_isolation_is_what_held_in_every_process(graded, course, tmp_path):
    assert graded.isolation.startswith(("sandbox: ", "limits only"))
    folder = hand_in(tmp_path / "in", {"a.ipynb": notebook("# answer: lab90.q9\nx = 1")})
    nothing = grade(folder, state=tmp_path / "state")
    assert nothing.isolation == "no answer was run"
    assert [verdict["hint"] for verdict in nothing.rows[0].verdicts.values()] == ["MISSING", "MISSING"]


def test_an_answer_that_never_ran_says_nothing_of_the_isolation(course, tmp_path):
    """Half a character is no code, and no process is started for it. That must not look as if the cage had failed."""
    folder = hand_in(tmp_path / "in", {"a.ipynb": notebook("# answer: lab90.q1\ntwice = '\ud800'")})
    graded = grade(folder, state=tmp_path / "state")
    assert graded.isolation == "no answer was run" and graded.rows[0].verdicts["lab90.q1"]["status"] == "failed"
    hand_in(tmp_path / "in", {"b.ipynb": RIGHT})
    assert grade(folder, state=tmp_path / "state").isolation.startswith(("sandbox: ", "limits only"))


def test_processes_that_held_less_decide_what_is_said(course, tmp_path):
    """The parts that held in all of them: here those of two results from before, of machines that differ."""
    folder = hand_in(tmp_path / "in", {"a.ipynb": RIGHT, "b.ipynb": RIGHT + " "})
    grade(folder, state=tmp_path / "state")
    lines = [json.loads(line) for line in (tmp_path / "state").read_bytes().splitlines()]
    for line, held in zip(lines, (["limits", "files", "calls", "user"], ["limits", "calls"]), strict=True):
        line["result"]["held"] = held
    (tmp_path / "state").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert grade(folder, state=tmp_path / "state").isolation == "limits only, not a sandbox"


def test_the_grades_are_the_same_bytes_for_any_number_of_workers(graded, course, mixed, tmp_path):
    alone = grade(mixed, state=tmp_path / "state", lab="lab90", jobs=1, figures=True)
    assert csv_bytes(alone) == csv_bytes(graded)
    assert jsonl_bytes(alone) == jsonl_bytes(graded)
    assert alone.rows == graded.rows


# --------------------------------------------------------------------------------------------------- what is a lab


def test_labs_are_found_from_the_marks_and_a_file_may_hold_several(course, tmp_path):
    folder = hand_in(tmp_path / "in", {"both.ipynb": notebook(TWICE, TELL, YES), "one.ipynb": notebook(YES),
                                       "none.ipynb": notebook("# answer: lab77.q1\nx = 1"), "broken.ipynb": "{"})
    grades = grade(folder, state=tmp_path / "state")
    assert [(row.file, row.lab, row.total, row.maximum) for row in grades.rows] == [
        ("both.ipynb", "lab90", 3.5, 3.5), ("both.ipynb", "lab91", 2, 2), ("broken.ipynb", "", 0, 0),
        ("none.ipynb", "", 0, 0), ("one.ipynb", "lab91", 2, 2)]
    hand_in(folder, {"another.ipynb": notebook(TWICE, TELL)})
    only = grade(folder, state=tmp_path / "state", lab="lab91")
    assert row_of(only, "another.ipynb").note == (
        "there are no answers of lab91 in it; hand in the lab's notebook: an answer's cell begins with "
        "`# answer: lab91.q1`")
    assert [(row.file, row.total, row.maximum) for row in only.rows] == [
        ("another.ipynb", 0, 2), ("both.ipynb", 2, 2), ("broken.ipynb", 0, 2), ("none.ipynb", 0, 2),
        ("one.ipynb", 2, 2)]


def test_a_single_file_is_graded_under_its_own_name(course, tmp_path):
    hand_in(tmp_path, {"deep/alice.ipynb": RIGHT})
    (row,) = grade(tmp_path / "deep/alice.ipynb", state=tmp_path / "state").rows
    assert (row.learner, row.file, row.total) == ("alice", "alice.ipynb", 3.5)


def test_what_cannot_be_graded_at_all_is_a_mistake(course, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "void/.git").mkdir(parents=True)
    for path in ("nowhere", "pipe", "void"):
        with pytest.raises(NothingHandedIn):
            grade(tmp_path / path, state=tmp_path / "state")
    with pytest.raises(InvalidUse):
        grade(tmp_path, state=tmp_path / "state", lab="lab99")


def test_the_outputs_of_an_earlier_run_are_no_submissions(course, tmp_path):
    folder = hand_in(tmp_path / "in", {"a.ipynb": RIGHT, "grades.csv": "x", "pages/index.html": "x"})
    found = find_submissions(folder, without={(folder / "grades.csv").resolve(), (folder / "pages").resolve()})
    assert [submission.file for submission in found] == ["a.ipynb"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the rights of files")
def test_what_may_not_be_read_has_a_row(course, tmp_path, monkeypatch):
    folder = hand_in(tmp_path / "in", {"mine.ipynb": RIGHT, "closed/inside.ipynb": RIGHT, "open.ipynb": RIGHT})
    (folder / "mine.ipynb").chmod(0)
    (folder / "closed").chmod(0)
    if os.geteuid() == 0:  # root may read everything: refuse in its place
        real_open, real_scan = os.open, os.scandir

        def refuse(real, name):
            def refused(path, *rest, **more):
                if os.path.basename(path) == name:
                    raise PermissionError(13, "Permission denied", str(path))
                return real(path, *rest, **more)
            return refused

        monkeypatch.setattr(os, "open", refuse(real_open, "mine.ipynb"))
        monkeypatch.setattr(os, "scandir", refuse(real_scan, "closed"))
    rows = {row.file: row for row in grade(folder, state=tmp_path / "state", lab="lab90").rows}
    (folder / "closed").chmod(0o700)
    assert set(rows) == {"mine.ipynb", "closed", "open.ipynb"}
    assert "Permission denied" in rows["mine.ipynb"].note and "Permission denied" in rows["closed"].note
    assert rows["open.ipynb"].total == 3.5


@pytest.mark.parametrize("name", [b"\xff\xfe.ipynb", b"line\nbreak.ipynb", "\u202egpj.ipynb".encode(),
                                  b"<script>alert(1)<b>.ipynb", b".ipynb.ipynb", "\u540d\u524d.ipynb".encode()])
def test_a_hostile_name_is_shown_as_harmless_text(tmp_path, name):
    path = os.fsencode(tmp_path) + b"/x" + name
    with open(path, "w"):
        pass
    (found,) = find_submissions(tmp_path)
    assert found.learner.isprintable() and found.learner.encode() and os.fsencode(found.path) == path
    assert set(found.page) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("name", ["M\u00fcller, J\u00f6rg", "Mu\u0308ller, Jo\u0308rg"])
def test_a_page_has_its_learners_name_without_the_accents(tmp_path, name):
    hand_in(tmp_path, {f"{name}/Stra\u00dfe.ipynb": "{}"})
    (found,) = find_submissions(tmp_path)
    assert found.page.startswith("muller-jorg-strasse-") and found.learner == f"{name}/Stra\u00dfe"


# -------------------------------------------------------------------------------------------- again, and going on


class Counting(Pool):
    """A pool that notes what it was asked to judge."""

    asked: list[str] = []

    def results(self, tasks):
        Counting.asked += [task.name for task in tasks]
        return super().results(tasks)


@pytest.fixture
def count(course, tmp_path):
    """`count(**options)`: the names that one grading of `in` judged, and its grades."""
    def run(**options):
        Counting.asked = []
        grades = grade(tmp_path / "in", state=tmp_path / "state", pool=Counting, **options)
        return sorted(Counting.asked), grades

    return run


def test_nothing_is_judged_twice(count, tmp_path):
    hand_in(tmp_path / "in", {"a.ipynb": RIGHT, "b.ipynb": twice("return 0"), "copy_of_a.ipynb": RIGHT, "c.ipynb": "{"})
    asked, first = count()
    assert asked == ["a.ipynb", "b.ipynb", "c.ipynb"] and row_of(first, "copy_of_a.ipynb").total == 3.5
    asked, second = count()
    assert asked == [] and second.rows == first.rows and second.isolation == first.isolation
    hand_in(tmp_path / "in", {"b.ipynb": twice("return 2 * number"), "d.ipynb": RIGHT})
    asked, third = count()
    assert asked == ["b.ipynb"] and [row.total for row in third.rows] == [3.5, 3.5, 0, 3.5, 3.5]
    assert count(seed=1)[0] == ["a.ipynb", "b.ipynb", "c.ipynb"], "another seed is another question"
    assert count(again=True)[0] == ["a.ipynb", "b.ipynb", "c.ipynb"]


def test_pictures_are_drawn_when_they_are_first_asked_for(count, tmp_path):
    wrong = notebook(TWICE, TELL + "        handler(event)\n")
    hand_in(tmp_path / "in", {"a.ipynb": wrong})
    assert not count()[1].rows[0].figures
    asked, grades = count(figures=True)
    assert asked == ["a.ipynb"] and grades.rows[0].figures["lab90.q2"]["svg"]
    asked, grades = count(figures=True)
    assert asked == [] and grades.rows[0].figures["lab90.q2"]["svg"]
    assert count()[0] == []


def test_who_changes_a_check_or_a_hint_gets_new_grades(course, monkeypatch, tmp_path):
    other = make_course(tmp_path / "other")
    digests = [code_digest("lab90")]
    monkeypatch.setenv("EVLAB_COURSE", str(other))
    assert code_digest("lab90") == digests[0]
    for file in ("labs/authoring/lab90/checks.py", "labs/authoring/lab90/hints.toml", "data/hints.toml"):
        (other / file).write_text((other / file).read_text() + "\n# changed\n")
        digests.append(code_digest("lab90"))
    (other / "labs/authoring/lab91/checks.py").write_text("changed")
    digests.append(code_digest("lab90"))
    assert len(set(digests[:4])) == 4 and digests[3] == digests[4]


def test_every_module_that_a_check_uses_is_in_the_digest():
    """In a process of its own, with the labs of the course and not those of these tests."""
    program = """
import pathlib, sys
from evlab.course.grading_state import code_files
from evlab.course.judge.labs import find_lab, lab_names
from evlab.course.judge.verdict import Judge

labs = [find_lab(name) for name in lab_names()]
used = {pathlib.Path(module.__file__) for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "evlab" and getattr(module, "__file__", None)}
print(len(labs), sorted(path.name for path in used - set(code_files(""))))
"""
    environment = {name: value for name, value in os.environ.items() if name != "EVLAB_COURSE"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "12 []\n"


def test_a_state_file_cut_anywhere_in_its_last_line_loses_that_line_alone(tmp_path):
    path = tmp_path / "state"
    with StateFile(path) as kept:
        for number in range(3):
            kept.add(f"key {number}", {"note": f"n\u00f6te {number}"})
    whole = path.read_bytes()
    two = whole[:whole[:-1].rindex(b"\n") + 1]
    for end in range(len(two), len(whole)):
        path.write_bytes(whole[:end])
        with StateFile(path) as kept:
            assert list(kept.results) == ["key 0", "key 1"], end
            kept.add("key 2", {"note": "again"})
        with StateFile(path) as kept:
            assert kept.results["key 2"] == {"note": "again"} and len(kept.results) == 3
    for damaged in (b"\0" * 40 + b"\n", b'{"key": "key 1"}\n', b"[]\n", b"\xff\n", b'{"key": "key 1", "result": 5}\n'):
        path.write_bytes(two + damaged + whole[len(two):])
        with StateFile(path) as kept:
            assert list(kept.results) == ["key 0", "key 1", "key 2"]
            assert kept.results["key 1"] == {"note": "n\u00f6te 1"}


def test_a_result_is_in_the_file_as_soon_as_it_is_added(tmp_path):
    with StateFile(tmp_path / "state") as kept:
        kept.add("key", {"note": "x"})
        assert json.loads((tmp_path / "state").read_bytes()) == {"key": "key", "result": {"note": "x"}}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_state_file_on_a_full_disk_keeps_what_was_there(tmp_path):
    path = tmp_path / "state"
    with StateFile(path) as kept:
        kept.add("key 0", {"note": "x"})
    with StateFile(path) as kept:
        kept._file.close()
        kept._file = open("/dev/full", "ab")  # noqa: SIM115 - closed by close
        with pytest.raises(StateInUse, match="make room") as told:
            kept.add("key 1", {"note": "y"})
        assert "state cannot be written: No space left on device; what is in it is kept" in str(told.value)
    with StateFile(path) as kept:
        assert list(kept.results) == ["key 0"]


def test_two_gradings_do_not_share_a_state_file(tmp_path):
    with StateFile(tmp_path / "state"), pytest.raises(StateInUse):
        StateFile(tmp_path / "state")
    with pytest.raises(StateInUse):
        StateFile(tmp_path)


def test_ctrl_c_keeps_what_is_done_and_ends_every_process(count, tmp_path, course):
    hand_in(tmp_path / "in", {f"{n}.ipynb": twice(f"return 2 * number  # {n}") for n in range(6)})
    before = set(children())

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Stopped) as stopped:
        count(jobs=2, tell=stop)
    assert (stopped.value.done, stopped.value.total) == (3, 6)
    assert set(children()) == before
    asked, grades = count(jobs=2)
    assert len(asked) == 3 and [row.total for row in grades.rows] == [3.5] * 6


# ------------------------------------------------------------------------------------------------ workers that die


def children() -> list[int]:
    """The processes that this one has started and that still run."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                found.append(int(status.parent.name))
    return found


def test_a_file_that_kills_its_worker_has_a_row_and_the_others_are_judged(count, course, tmp_path):
    hand_in(tmp_path / "in", {"a.ipynb": twice("return 2 * number"), "b.ipynb": twice("return 'kill the judge'"),
                              "c.ipynb": RIGHT, "d.ipynb": twice("return 'kill the judge once'")})
    grades = count()[1]
    assert [row.total for row in grades.rows] == [3.5, 0, 3.5, 2.5]
    assert row_of(grades, "d.ipynb").verdicts["lab90.q1"]["hint"] == "NOT_TWICE", "the second try is judged"
    assert "the judge failed on this file" in row_of(grades, "b.ipynb").note
    assert [row.file for row in grades.failed] == ["b.ipynb"]
    assert count()[0] == ["b.ipynb"], "it is no result, so it is tried again"


def test_a_worker_killed_from_outside_in_the_middle_changes_no_grade(course, tmp_path):
    hand_in(tmp_path / "in", {"slow.ipynb": twice("for _ in range(4_000_000): pass\nreturn 2 * number"),
                              "b.ipynb": RIGHT})
    pools = []

    def pool(jobs):
        pools.append(Pool(jobs))
        return pools[0]

    killed = []

    def kill():
        while not killed:
            worker = pools and pools[0].workers[0]
            if worker and worker.pid and worker._began and time.monotonic() - worker._began > 0.4:
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    grades = grade(tmp_path / "in", state=tmp_path / "state", pool=pool)
    thread.join()
    assert killed and [row.total for row in grades.rows] == [3.5, 3.5] and not grades.failed


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system that pins processes")
def test_each_worker_has_a_core_of_its_own(course, tmp_path):
    hand_in(tmp_path / "in", {f"{n}.ipynb": twice(f"return 2 * number  # {n}") for n in range(6)})
    cores: dict[int, set[int]] = {}

    class Looking(Pool):
        def results(self, tasks):
            for found in super().results(tasks):
                for worker in self.workers:
                    with contextlib.suppress(OSError, TypeError):
                        cores[worker.number] = os.sched_getaffinity(worker.pid)
                yield found

    grade(tmp_path / "in", state=tmp_path / "state", jobs=2, pool=Looking)
    assert set(map(len, cores.values())) == {1}
    assert len(os.sched_getaffinity(0)) == 1 or cores[0] != cores[1]


def test_answers_that_take_for_ever_without_ever_being_stuck_are_stopped(count, tmp_path, monkeypatch):
    slow = "import time\nend = time.process_time() + 0.8\nwhile time.process_time() < end: pass\nreturn 2 * number"
    hand_in(tmp_path / "in", {"slow.ipynb": twice(slow), "b.ipynb": RIGHT})
    monkeypatch.setattr(grading_pool, "LONGEST", 4.0)
    grades = count()[1]
    assert row_of(grades, "slow.ipynb").note == "its answers were stopped after 4 s"
    assert row_of(grades, "b.ipynb").total == 3.5 and [row.file for row in grades.failed] == ["slow.ipynb"]


def test_a_worker_that_says_nothing_any_more_is_given_up(count, tmp_path, monkeypatch):
    hand_in(tmp_path / "in", {"slow.ipynb": twice("while True: pass"), "b.ipynb": RIGHT})
    monkeypatch.setattr(grading_pool, "SILENT", 0.9)
    assert "twice: it fell silent" in row_of(count()[1], "slow.ipynb").note


def test_a_check_that_fails_by_itself_is_no_mistake_of_the_learner(count, tmp_path):
    hand_in(tmp_path / "in", {"a.ipynb": twice("return 'break the check'")})
    grades = count()[1]
    assert count()[0] == ["a.ipynb"], "it is tried again once the check is mended"
    assert grades.rows[0].note == "a check of lab90.q1 failed by itself" and grades.failed == grades.rows


def test_a_file_that_changes_while_it_waits_is_not_judged_as_what_it_was(course, tmp_path):
    hand_in(tmp_path / "in", {"a.ipynb": RIGHT})

    class Late(Pool):
        def results(self, tasks):
            (tmp_path / "in/a.ipynb").write_text(twice("return 0"))
            return super().results(tasks)

    grades = grade(tmp_path / "in", state=tmp_path / "state", lab="lab90", pool=Late)
    assert "was changed" in grades.rows[0].note and grades.failed
    assert stat.S_ISREG((tmp_path / "state").stat().st_mode) and not (tmp_path / "state").read_bytes()
