"""`evlab check`, `evlab hint` and `evlab grade`, as they are typed."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import types

import pytest
from grading_lab import GAP, NO_TELL, TELL, TWICE, YES, hand_in, make_course, notebook, twice

from evlab.course.cli import main

RIGHT = notebook(TWICE, TELL)


@pytest.fixture(scope="module", autouse=True)
def course(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVLAB_COURSE", str(make_course(tmp_path_factory.mktemp("course"))))
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def evlab(here, capfd):
    """`evlab(*arguments)`: exit code, stdout, stderr."""
    def run(*arguments):
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run


def is_one_line(code, out, err):
    return code == 2 and out == "" and err.startswith("evlab: ") and err.count("\n") == 1 and ";" in err


# ----------------------------------------------------------------------------------------------------------- check


def test_check_says_what_passed_and_ends_with_0(evlab, here):
    hand_in(here, {"right.ipynb": RIGHT})
    code, out, err = evlab("check", "right.ipynb")
    assert (code, err) == (0, "")
    assert "lab90.q1  Twice: passed, 1 of 1 points" in out and "\u2713 twice as much  (6 histories)" in out
    assert "3.5 of 3.5 points" in out
    assert "6 histories" not in evlab("check", "right.ipynb", "--history", "2")[1], "one history alone"


def test_check_shows_the_history_the_advice_and_a_command_that_replays_it(evlab, here):
    hand_in(here, {"my lab/wrong.ipynb": notebook(TWICE, TELL.replace("in handlers", "in handlers[:1]"))})
    code, out, _ = evlab("check", "my lab/wrong.ipynb", "--seed", "17")
    assert code == 1 and "\u2717 everybody is told, once" in out
    assert "Call everybody." in out and re.search(r"\d\.\d{3} s  \w+ \w+ handle order-1042", out)
    command = re.search(r"evlab (check 'my lab/wrong.ipynb' --question lab90.q2 --seed 17 --history (\d+))", out)
    said = re.search(r"\w+ was told 0 times", out).group()
    again = evlab("check", "my lab/wrong.ipynb", *command[1].split("ipynb' ")[1].split())
    assert again[0] == 1 and said in again[1] and command[0] in again[1]
    other = evlab("check", "my lab/wrong.ipynb", "--question", "lab90.q1")
    assert other[0] == 0 and "lab90.q2" not in other[1]


def test_check_judges_every_lab_of_every_file(evlab, here):
    hand_in(here, {"both.ipynb": notebook(TWICE, TELL, YES), "untouched.ipynb": notebook(GAP, NO_TELL)})
    code, out, _ = evlab("check", "untouched.ipynb", "both.ipynb")
    assert code == 1, "what passes later makes up for nothing"
    assert [line for line in out.splitlines() if ".ipynb, " in line] == ["untouched.ipynb, lab90", "both.ipynb, lab90",
                                                                         "both.ipynb, lab91"]
    assert "0 of 3.5 points" in out and "not answered" in out and "Fill the gap." in out


@pytest.mark.parametrize(("answer", "said"), [
    ("x = 1", "`# answer: lab90.q1`.\n"),
    (f"%%time\n{TWICE}", "; a cell holds that line further down, and it has to be the first"),
    (f"# mine\n\n  #answer:LAB90.Q1 \r\n{TWICE[19:]}", "; a cell holds that line further down"),
    (TWICE.replace("# answer: lab90.q1\n", ""), "; a cell without that line defines `twice`"),
    (f"# answer: lab90.q11\n{TWICE[19:]}", "`# answer: lab90.q1`.\n")])
def test_a_missing_cell_is_looked_for(evlab, here, answer, said):
    hand_in(here, {"a.ipynb": notebook(answer, TELL)})
    code, out, _ = evlab("check", "a.ipynb")
    assert code == 1 and "There is no cell that begins with" in out and said in out, out


def test_of_two_cells_for_one_question_the_last_counts_and_that_is_said_where_it_costs_points(evlab, here):
    hand_in(here, {"a.ipynb": notebook(TWICE, TELL, GAP), "b.ipynb": notebook(GAP, TWICE, TELL)})
    said = "2 cells begin with `# answer: lab90.q1`: the last one counts"
    code, out, _ = evlab("check", "a.ipynb")
    assert code == 1 and "q1  Twice: not answered" in out and said in out
    code, out, _ = evlab("check", "b.ipynb")
    assert code == 0 and "begin with" not in out
    for _ in ("judged", "known"):
        assert evlab("grade", ".")[0] == 0
        with open("grades.csv") as file:
            assert [(line["learner"], line["note"]) for line in csv.DictReader(file)] == [("a", said), ("b", "")]


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "FILE"), (["nowhere.ipynb"], "nowhere.ipynb is not judged"), (["empty.ipynb"], "is empty"),
    (["text.ipynb"], "is not a notebook"), (["."], "folder"), (["pipe"], "pipe"),
    (["none.ipynb"], "no answers of any lab"), (["right.ipynb", "empty.ipynb"], "is empty"),
    (["right.ipynb", "--question", "lab90.q9"], "no question"), (["right.ipynb", "--question", "q1"], "no question"),
    (["right.ipynb", "--seed", "-1"], "--seed"), (["right.ipynb", "--seed", "1000000"], "--seed"),
    (["right.ipynb", "--history", "1000"], "--history")])
def test_a_mistake_with_check_is_one_line(evlab, here, arguments, said):
    hand_in(here, {"right.ipynb": RIGHT, "empty.ipynb": "", "text.ipynb": "x", "none.ipynb": notebook("x = 1")})
    os.mkfifo(here / "pipe")
    found = evlab("check", *arguments)
    assert is_one_line(*found) and said in found[2], found


def test_what_an_answer_prints_is_text_and_no_markup(evlab, here):
    hand_in(here, {"a.ipynb": twice("print('[bold]loud[/bold] [/]')\nreturn 0")})
    assert "[bold]loud[/bold] [/]" in evlab("check", "a.ipynb")[1]


def test_a_terminal_without_the_letters_gets_question_marks(here):
    hand_in(here, {"right.ipynb": RIGHT})
    done = subprocess.run([sys.executable, "-m", "evlab.course.cli", "check", "right.ipynb"], capture_output=True,
                          env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and b"? twice as much" in done.stdout and not done.stderr


# ------------------------------------------------------------------------------------------------------------ hint


def test_hint_prints_the_levels_so_far(evlab, monkeypatch):
    asked = []

    def next_hint(question):
        asked.append(question)
        return ["Look closer.", "It is about [order]."]

    monkeypatch.setitem(sys.modules, "evlab.course.checking", types.SimpleNamespace(next_hint=next_hint))
    assert evlab("hint", "lab90.q1") == (0, "1. Look closer.\n2. It is about [order].\n", "")
    assert asked == ["lab90.q1"]
    monkeypatch.setitem(sys.modules, "evlab.course.checking", types.SimpleNamespace(next_hint=lambda question: []))
    code, out, _ = evlab("hint", "lab90.q1")
    assert code == 0 and "there is no hint for lab90.q1" in out and out.count("\n") == 1


# ----------------------------------------------------------------------------------------------------------- grade


def test_grade_writes_every_output_and_says_where(evlab, here):
    hand_in(here / "in", {"alice.ipynb": RIGHT, "bob.ipynb": twice("return 1"), "eve.ipynb": "{"})
    arguments = ["grade", "in", "-j", "2", "--out", "new/grades.csv", "--jsonl", "new/all.jsonl", "--html", "new/pages",
                 "--gradescope", "new/scope", "--lab", "lab90", "--seed", "3"]
    code, out, _ = evlab(*arguments)
    assert code == 0 and "isolation: " in out and "new/grades.csv" in out
    assert "evlab: 3 files; judged now: 2, known from before: 0, not judged: 1\n" in out
    assert "evlab: eve.ipynb is not judged: it is not a notebook (its JSON cannot be read" in out
    with open("new/grades.csv") as file:
        assert [(line["learner"], line["total"]) for line in csv.DictReader(file)] == [
            ("alice", "3.5"), ("bob", "2.5"), ("eve", "0")]
    told = [json.loads(line) for line in (here / "new/all.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in told] == [3, 3, 3] and told[1]["verdicts"][0]["seed"] // 1000 == 3
    assert len(list((here / "new/pages").iterdir())) == 4
    assert len(list((here / "new/scope").glob("*/results.json"))) == 3
    names = ("new/grades.csv", "new/all.jsonl")
    before = [(here / name).read_bytes() for name in names]
    code, out, _ = evlab(*arguments)
    assert code == 0 and "judged now: 0, known from before: 2, not judged: 1" in out
    assert [(here / name).read_bytes() for name in names] == before
    assert b"sandbox" not in before[0], "what the machine offers is no part of a grade"


def test_grading_the_folder_one_stands_in_leaves_its_own_outputs_out(evlab, here):
    hand_in(here, {"alice.ipynb": RIGHT})
    for _ in range(2):
        code, out, _ = evlab("grade", ".", "--jsonl", "all.jsonl", "--html", "pages", "--gradescope", "scope")
        assert code == 0 and "evlab: 1 file;" in out


def test_grade_ends_with_1_when_the_judge_failed(evlab, here):
    hand_in(here / "in", {"alice.ipynb": twice("return 'break the check'"), "bob.ipynb": RIGHT})
    code, out, _ = evlab("grade", "in", "-j", "1")
    assert code == 1 and "alice.ipynb: a check of lab90.q1 failed by itself" in out and "next step: run" in out


def test_the_terminal_names_some_that_were_not_judged_and_counts_the_others(evlab, here):
    hand_in(here / "in", {f"{number:02}.txt": "" for number in range(23)})
    code, out, _ = evlab("grade", "in", "-j", "1")
    assert code == 0 and "evlab: 19.txt is not judged: it is empty; hand in" in out and "20.txt" not in out
    assert "evlab: and 3 more; the column note of grades.csv says why" in out


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "PATH"), (["nowhere"], "nowhere cannot be read"), (["void"], "nothing is handed in"),
    (["in", "--lab", "lab99"], "no lab 'lab99'"), (["in", "-j", "-1"], "-j"), (["in", "--out", "void"], "void"),
    (["in", "--out", "in/a.ipynb/x.csv"], "cannot be written"), (["in", "--html", "in/a.ipynb"], "in/a.ipynb"),
    (["in", "--out", "x", "--jsonl", "./x"], "the same name"), (["in", "--out", "x", "--html", "x"], "the same name"),
    (["in", "--out", "x", "--jsonl", "x.state.jsonl"], "the same name")])
def test_a_mistake_with_grade_is_one_line(evlab, here, arguments, said):
    hand_in(here / "in", {"a.ipynb": RIGHT})
    (here / "void").mkdir()
    found = evlab("grade", *arguments)
    assert is_one_line(*found) and said in found[2], found


@pytest.mark.parametrize("option", ["--out", "--jsonl"])
def test_grades_never_take_the_place_of_a_notebook(evlab, here, option):
    hand_in(here, {"ann.ipynb": RIGHT, "bert.ipynb": RIGHT})
    before = (here / "ann.ipynb").read_bytes()
    found = evlab("grade", ".", option, "ann.ipynb")
    assert is_one_line(*found) and "ann.ipynb is a notebook" in found[2]
    assert (here / "ann.ipynb").read_bytes() == before and sorted(os.listdir(here)) == ["ann.ipynb", "bert.ipynb"]


@pytest.mark.parametrize("option", ["--html", "--gradescope"])
@pytest.mark.parametrize("folder", ["in", "in/.", "in/ann"])
def test_pages_never_stand_among_submissions(evlab, here, option, folder):
    hand_in(here / "in", {"ann/lab90.ipynb": RIGHT, "bert/lab90.ipynb": RIGHT})
    found = evlab("grade", "in", option, folder)
    assert is_one_line(*found) and "holds submissions" in found[2] and "name a folder of its own" in found[2]
    assert sorted(path.name for path in (here / "in").rglob("*")) == ["ann", "bert", "lab90.ipynb", "lab90.ipynb"]


def test_a_page_may_stand_beside_the_one_notebook_that_is_graded(evlab, here):
    hand_in(here, {"ann.ipynb": RIGHT})
    assert evlab("grade", "ann.ipynb", "--html", ".")[0] == 0 and (here / "index.html").exists()


@pytest.mark.parametrize("option", ["--out", "--jsonl", "--html", "--gradescope"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_place_that_may_not_be_written_is_told_before_anything_is_judged(evlab, here, monkeypatch, option, exists):
    hand_in(here / "in", {"ann.ipynb": RIGHT})
    (here / "closed" / "there").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK or "closed" not in str(path))  # root may
    place = "closed/there" if exists and option in ("--html", "--gradescope") else "closed/new"
    found = evlab("grade", "in", option, place)
    assert is_one_line(*found) and f"{place} cannot be written" in found[2] and "name another place" in found[2]
    assert sorted(os.listdir(here)) == ["closed", "in"], "nothing was judged"


def test_a_disk_that_is_full_keeps_what_is_judged_and_says_so(evlab, here, monkeypatch):
    from evlab.course import report_html

    def full(grades, place):
        raise OSError(28, "No space left on device", str(place))

    hand_in(here / "in", {"ann.ipynb": RIGHT})
    with monkeypatch.context() as patch:
        patch.setattr(report_html, "write_html", full)
        code, out, err = evlab("grade", "in", "--html", "pages")
    assert is_one_line(code, out, err) and "pages cannot be written: No space left" in err
    assert "what is judged is kept; make room, or name another place, and run the same command again" in err
    assert "judged now: 0, known from before: 1" in evlab("grade", "in", "--html", "pages")[1]


@pytest.mark.parametrize("arguments", [["grade", ""], ["grade", ".", "--out", ""], ["grade", ".", "--html", ""],
                                       ["grade", ".", "--jsonl", ""], ["check", ""]])
def test_an_empty_name_is_not_taken_for_the_current_folder(evlab, here, arguments):
    hand_in(here, {"ann.ipynb": RIGHT})
    found = evlab(*arguments)
    assert is_one_line(*found) and "it is empty" in found[2]
    assert os.listdir(here) == ["ann.ipynb"]


def test_far_from_a_terminal_a_line_says_how_far_it_is(evlab, here, monkeypatch):
    from evlab.course import judge_commands

    monkeypatch.setattr(judge_commands._Progress, "EVERY", 0.0)
    hand_in(here / "in", {"a.ipynb": RIGHT, "b.ipynb": "{"})
    assert evlab("grade", "in", "-j", "1")[2].splitlines() == [
        f"evlab: {done} of 2 files are judged" for done in range(3)]


def test_on_a_terminal_there_is_a_bar(here):
    pty = pytest.importorskip("pty")
    hand_in(here / "in", {"a.ipynb": RIGHT, "b.ipynb": "{"})
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", "grade", "in", "-j", "1"], stderr=theirs,
                               stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "xterm"})
    assert process.wait(timeout=30) == 0
    os.close(theirs)
    assert b"judging" in os.read(ours, 65536)
    os.close(ours)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(here):
    hand_in(here / "in", {"a.ipynb": RIGHT} | {
        f"b{n}.ipynb": twice(f"for _ in range(6_000_000): pass\nreturn 2 * number  # {n}") for n in range(4)})
    command = [sys.executable, "-m", "evlab.course.cli", "grade", "in", "-j", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = here / "grades.csv.state.jsonl"
    deadline = time.monotonic() + 60
    while not (state.exists() and state.read_bytes().count(b"\n") > 1) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    assert re.fullmatch(r"evlab: stopped; [1-4] of 5 files are judged and kept; next step: [^\n]+\n", err), err
    assert not (here / "grades.csv").exists() and state.read_bytes().endswith(b"\n")
