"""`evlab drill` as a learner types it: through a pipe, on a terminal with single keys, and by mistake."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from drill_deck import TAUGHT, cards, write_course, write_topic

from evlab.course.drills import DrillState, load_deck
from evlab.course.drills.session import present


@pytest.fixture
def course(tmp_path):
    return write_course(tmp_path / "course")


@pytest.fixture
def environment(course, tmp_path):
    return os.environ | {"EVLAB_COURSE": str(course), "EVLAB_HOME": str(tmp_path / "home"), "COLUMNS": "100",
                         "TERM": "xterm-256color"}


@pytest.fixture
def evlab(environment):
    """`evlab(*arguments, typed=...)` in a process of its own, with what is typed on its standard input."""

    def run(*arguments, typed="", **more):
        return subprocess.run([sys.executable, "-m", "evlab.course.cli", "drill", *arguments], capture_output=True,
                              text=True, input=typed, env=environment | more, timeout=120)

    return run


def kept(tmp_path):
    """The reviews on disk as (card, rating)."""
    state = DrillState(tmp_path / "home" / "drills.db")
    return [(fact.id, fact.value["rating"]) for _, fact in state.history() if fact.kind == "review"]


def flat(text):
    """What stands on the screen, without frames and line breaks."""
    return " ".join(re.sub(r"[\u2500-\u257f]", " ", text).split())


def is_one_line(process):
    return (process.returncode == 2 and process.stdout == "" and process.stderr.startswith("evlab: ")
            and process.stderr.count("\n") == 1 and ";" in process.stderr)


# ------------------------------------------------------------------------------------------- through a pipe


def test_every_kind_of_card_is_answered_through_a_pipe(evlab, tmp_path):
    typed = "\n".join([
        "1", "p", "",              # a choice, its proof, the next card
        "1234", "",                # an order
        "ack", "delivers again", "e",
        "many", "1,000", "",       # no number, then a number
        "x", "",                   # a trace: I don't know
        "", "12", "", "q"]) + "\n"  # open: said aloud, two points, done
    done = evlab("--new", "6", typed=typed)
    assert done.returncode == 0 and done.stderr == ""
    said = flat(done.stdout)
    assert "Publish & subscribe junior \u00b7 notebook 01 \u00b7 new" in said
    assert "seen: ['e2']" in said and "is True" in said and "the misconception" in said
    assert "'many' is not a number." in said and "Now you know." in said and "80% of the points." in said
    assert "Rated easy: it comes again in" in said and "<script>" in said, "markup is shown as text"
    assert "6 answered, " in said and "known." in said
    assert [id for id, _ in kept(tmp_path)] == TAUGHT
    assert dict(kept(tmp_path))["no-ack"] == 3 and dict(kept(tmp_path))["charged-twice"] == 1


@pytest.mark.parametrize("typed", ["", "q\n", "?\nq\n", "x\n", "x\nq\n", "7\nz\n\u00b2\nq\n"])
def test_the_drill_ends_well_wherever_the_input_ends(evlab, tmp_path, typed):
    done = evlab(typed=typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(kept(tmp_path)) == ("x" in typed)
    assert ("Backspace" in done.stdout) == ("?" in typed)


def test_what_was_missed_comes_again_and_then_nothing_is_due(evlab):
    done = evlab("--new", "1", typed="x\n\nx\n\nq\n")
    assert flat(done.stdout).count("Email subscribes after") == 3 and "2 answered, 0 known." in flat(done.stdout)
    assert "1 missed" in done.stdout and "The next card comes in 10 minutes." in flat(done.stdout)
    nothing = evlab("--new", "0")
    assert "Nothing is due" in nothing.stdout and "--all" in nothing.stdout


def test_all_ignores_the_schedule_and_a_seed_mixes_otherwise(evlab):
    first = evlab("--all", "--level", "junior").stdout
    assert first == evlab("--all", "--level", "junior").stdout
    assert len({evlab("--all", "--level", "junior", "--seed", str(seed)).stdout for seed in range(3)}) > 1


def test_the_stats_tell_cards_seen_due_and_recall(evlab):
    evlab(typed="x\nq\n")
    rows = [[cell.strip() for cell in line.split("\u2502")[1:-1]] for line in evlab("--stats").stdout.splitlines()]
    assert ["Publish & subscribe", "7", "1", "0", "100%"] in rows


def test_an_interview_is_printed_and_saved(evlab, tmp_path):
    report = tmp_path / "report.md"
    done = evlab("--interview", "--questions", "1", "--report", str(report), typed="\n13\n\n\n")
    said = flat(done.stdout)
    assert "Question 1 of 1 30:00 left" in said and "[x] 1 names a number" in said
    assert re.search("70%, in 0:0[01]", said)
    assert "How would you give it the past?" in said and "Revise notebook 01." in said
    assert "- missed: names a failure" in report.read_text()
    assert kept(tmp_path) == [("bus-or-call", 2)]


def test_a_report_that_cannot_be_written_is_said_before_the_interview(evlab, tmp_path):
    """And not after half an hour of answers."""
    (tmp_path / "file").write_text("of somebody's")
    done = evlab("--interview", "--report", str(tmp_path / "file" / "report.md"), typed="\n")
    assert is_one_line(done) and "cannot be written" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the input here")
def test_a_closed_input_is_an_empty_one(environment):
    done = subprocess.run(["sh", "-c", '"$0" -m evlab.course.cli drill <&-', sys.executable], env=environment,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_deck_goes_to_anki(evlab, tmp_path):
    done = evlab("--anki", str(tmp_path / "d.apkg"), "--topic", "pub-sub")
    assert done.stdout.startswith("evlab: 7 cards written to ") and (tmp_path / "d.apkg").read_bytes()[:2] == b"PK"


def test_a_good_deck_passes_lint_but_for_the_plan_and_a_broken_one_is_listed_whole(evlab, course):
    done = evlab("--lint")
    assert done.returncode == 1 and done.stdout.startswith("plan.yaml: talking-point-1: notebook 01 is there")
    entries = cards()
    entries[0]["syllabus"] = ["takeaway-1", "talking-point-1"]
    write_topic(course, entries)
    done = evlab("--lint")
    assert (done.returncode, done.stdout) == (0, "evlab: 7 cards in 1 file keep every rule\n")
    entries[1]["level"] = entries[2]["kind"] = "x"
    write_topic(course, entries)
    done = evlab("--lint")
    assert done.returncode == 1 and "four-steps: level 'x'" in done.stdout and "no-ack: kind 'x'" in done.stdout


def test_proofs_are_run_and_one_that_fails_is_named(evlab, course):
    done = evlab("--proofs")
    assert (done.returncode, done.stdout) == (0, "7 proofs hold, 0 do not\n")
    entries = cards("no-ack", "four-steps")
    entries[0]["proof"]["holds"] = "seen == []"
    write_topic(course, entries)
    done = evlab("--proofs")
    assert done.returncode == 1 and "1 proof holds, 1 does not" in done.stdout
    assert "pub-sub.yaml: four-steps: holds is False" in done.stdout.replace("\n", " ")


# ---------------------------------------------------------------------------------------------- by mistake


@pytest.mark.parametrize("arguments", [
    ["--topic", "x"], ["--level", "x"], ["--new", "-1"], ["--new", "x"], ["--seed", "-1"], ["extra"], ["--nothing"],
    ["--anki", "no/such/\0folder"], ["--lint", "--stats"], ["--anki", "a", "--proofs"], ["--report", "r.md"],
    ["--anki", ""], ["--interview", "--report", ""],
    ["--interview", "--level", "junior"], ["--interview", "--minutes", "0"], ["--interview", "--questions", "0"]])
def test_a_mistake_is_one_line_with_the_next_step(evlab, arguments):
    if "\0" in "".join(arguments):
        arguments = ["--anki", "/dev/null/deck.apkg"]
    process = evlab(*arguments)
    assert is_one_line(process), process


def test_a_broken_deck_or_none_is_one_line(evlab, course, tmp_path):
    (course / "data/drills/pub-sub.yaml").write_text("topic: [")
    for arguments in ([], ["--stats"], ["--interview"], ["--proofs"], ["--anki", str(tmp_path / "d.apkg")]):
        process = evlab(*arguments)
        assert is_one_line(process) and "pub-sub.yaml" in process.stderr
    (course / "data/drills/pub-sub.yaml").unlink()
    assert is_one_line(evlab())
    assert is_one_line(evlab(EVLAB_COURSE=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("package", ["yaml", "fsrs", "rich", "genanki"])
def test_without_a_package_it_says_how_to_install(environment, package):
    code = (f"import sys\nsys.modules[{package!r}] = None\nfrom evlab.course.cli import main\n"
            f"sys.exit(main(['drill'] + (['--anki', 'x.apkg'] if {package!r} == 'genanki' else [])))")
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, input="x\n")
    assert process.returncode == 2 and f"the package {package}" in process.stderr and "make lab" in process.stderr


def test_it_starts_without_what_is_slow_to_load(environment, measured):
    """A drill of five minutes begins at once. Each of these alone takes longer to import than all that it needs."""
    before = os.times()
    drill = subprocess.run([sys.executable, "-X", "importtime", "-m", "evlab.course.cli", "drill"], input="q\n",
                           text=True, env=environment, capture_output=True, check=True)
    after = os.times()
    took = after.children_user + after.children_system - before.children_user - before.children_system
    measured(f"evlab drill, from its start to the first card and its end: {took:.2f} s of processor time")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in drill.stderr.splitlines()}
    assert "evlab" in loaded
    assert not loaded & {"pandas", "numpy", "matplotlib", "IPython", "ipywidgets", "nbformat", "jupyter_client",
                         "jupyterlab", "nbclient", "nbconvert", "hypothesis", "genanki"}


# ------------------------------------------------------------------------------------------- on a terminal


@pytest.fixture
def terminal(environment):
    """`terminal(*arguments)`: a drill on a terminal of its own. `.press(keys, until)` types and waits for words."""
    pty = pytest.importorskip("pty")
    open_ones = []

    class Terminal:
        def __init__(self, *arguments):
            self.seen = ""
            master, slave = pty.openpty()
            self.master = master
            self.process = subprocess.Popen([sys.executable, "-m", "evlab.course.cli", "drill", *arguments],
                                            stdin=slave, stdout=slave, stderr=slave, env=environment,
                                            start_new_session=True)
            os.close(slave)
            open_ones.append(self)

        def press(self, keys, until):
            start = len(self.seen)
            os.write(self.master, keys.encode())
            self.wait(until, start)

        def wait(self, until, start=0):
            deadline = time.monotonic() + 30
            while until not in flat(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen[start:])):
                assert time.monotonic() < deadline, self.seen[-3000:]
                if select.select([self.master], [], [], 1)[0]:
                    self.seen += os.read(self.master, 4096).decode(errors="replace")

        def end(self):
            deadline = time.monotonic() + 30
            while True:
                assert time.monotonic() < deadline, f"it does not end: {self.seen[-3000:]}"
                try:
                    if select.select([self.master], [], [], 1)[0]:
                        self.seen += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    break
            return self.process.wait(timeout=30)

    yield Terminal
    for one in open_ones:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


def test_single_keys_answer_without_enter(terminal, tmp_path, course):
    drill = terminal()
    drill.wait("q quit")
    drill.press("\x1b[1~", "q quit")  # the key Home is no answer, though a 1 is in it
    drill.press("x", "Now you know.")
    drill.press("p", "the misconception")
    drill.press("\r", "A handler fails three times")
    drill.press("13", "Your order: 1 3")
    drill.press("\x7f", "Your order: 1")
    drill.press("234", "Comes again")
    drill.press("\r", "Fill in what the bus does")
    drill.press("ack\r", "gap 2:")
    drill.press("delivers again\r", "Right.")
    drill.press("q", "3 answered")
    assert drill.end() == 0
    assert [id for id, _ in kept(tmp_path)] == TAUGHT[:3]
    placed = DrillState(tmp_path / "home" / "drills.db").latest("review", "four-steps").value
    card = load_deck(course / "data" / "drills").card("four-steps")
    assert tuple(placed["answer"]) == present(card, placed["seed"]).order


def test_ctrl_c_loses_nothing_and_shows_no_traceback(terminal, tmp_path):
    drill = terminal()
    drill.wait("q quit")
    drill.press("x", "Now you know.")
    os.killpg(drill.process.pid, signal.SIGINT)
    assert drill.end() == 130 and "Traceback" not in drill.seen
    assert kept(tmp_path) == [("late-subscriber", 1)]
