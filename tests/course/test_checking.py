"""check, hint, solution and reset as a learner calls them, in an IPython of the test's own."""

from __future__ import annotations

import pathlib
import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from evlab.course import Progress, attempts, check, hint, reset, solution
from evlab.course.checking import NotPassed, next_hint, solution_of
from evlab.course.drills.state import DrillState
from evlab.course.judge.labs import authoring_folder, find_lab, hints_of
from evlab.errors import InvalidUse

MUTANTS = authoring_folder() / "lab01" / "mutants"
RIGHT = "# answer: lab01.q1\n" + solution_of("lab01.q1")


def mutant(name: str) -> str:
    """The answer's cell in a mutant's file."""
    text = (MUTANTS / f"{name}.py").read_text("utf-8")
    return text[text.index("# answer:"):]


@pytest.fixture
def cell(monkeypatch, tmp_path):
    """`cell(source)` runs a cell in a notebook of its own; progress and drills are in an empty home."""
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "home"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    monkeypatch.setattr(attempts, "_cells", {})
    monkeypatch.setattr(attempts, "_listening", set())
    attempts.listen()

    def run(source: str):
        done = shell.run_cell(source)
        return done.result if done.success else None

    yield run
    InteractiveShell.clear_instance()


def test_the_latest_version_that_was_run_is_judged(cell):
    cell(mutant("q1_no_try"))
    assert not check("lab01.q1").passed
    cell(RIGHT)
    assert check("lab01.q1").passed
    cell(mutant("q1_pass"))
    assert check("lab01.q1").verdict.hint == "SWALLOWED"


def test_a_failing_check_shows_promises_history_advice_replay_and_the_next_step(cell):
    cell(mutant("q1_no_try"))
    feedback = check("lab01.q1")
    for part in ("one failure stops nobody", "came out of deliver_all", 'check("lab01.q1", seed=0)',
                 'hint("lab01.q1")'):
        assert part in feedback.text
    assert "handle fail" in feedback.text, "the history stands there as text"
    assert 'src="data:image/svg+xml;base64,' in feedback.html and 'alt="' in feedback.html, "and as a picture"
    assert "<script" not in feedback.html and "not reached" in feedback.html


def test_the_replay_line_shows_the_same_history_again(cell):
    cell(mutant("q2_newest_first"))
    cell(RIGHT)
    first = check("lab01.q2")
    again = check("lab01.q2", seed=first.verdict.seed)
    assert first.verdict.seed > 0 and again.verdict.lines == first.verdict.lines
    assert again.verdict.hint == first.verdict.hint == "OUT_OF_ORDER"


def test_a_replay_is_no_attempt_and_changes_no_progress(cell):
    cell(RIGHT)
    check("lab01.q1")
    cell(mutant("q1_no_try"))
    check("lab01.q1", seed=0)
    assert Progress().latest("check", "lab01.q1").right is True


def test_nothing_run_is_said_and_not_judged(cell):
    feedback = check("lab01.q1")
    assert feedback.verdict.status == "missing" and "# answer: lab01.q1" in feedback.text


def test_an_untouched_gap_is_not_answered(cell):
    cell("# answer: lab01.q1\ndef deliver_all(event, subscribers):\n    raise NotImplementedError")
    assert check("lab01.q1").verdict.status == "not answered"


def test_a_name_from_another_cell_is_named_and_a_helper_cell_goes_along(cell):
    answer = RIGHT.replace("failures = []", "failures = nothing()")
    cell("def nothing():\n    return []")
    cell(answer)
    missing = check("lab01.q1")
    assert missing.verdict.hint == "ELSEWHERE" and "`nothing`" in missing.text and "# helper: lab01" in missing.text
    cell("# helper: lab01\ndef nothing():\n    return []")
    assert check("lab01.q1").passed


def test_a_question_that_builds_on_a_failing_one_is_not_reached(cell):
    cell(mutant("q1_no_try"))
    cell("# answer: lab01.q2\n" + solution_of("lab01.q2"))
    assert check("lab01.q2").verdict.status == "not reached"
    cell(RIGHT)
    assert check("lab01.q2").passed


def test_a_check_is_remembered_and_its_cards_become_due(cell):
    cell(mutant("q1_no_try"))
    check("lab01.q1")
    fact = Progress().latest("check", "lab01.q1")
    assert (fact.value["hint"], fact.right) == ("STOPS_AT_FAILURE", False)
    due = {card for card, memory in DrillState().memories().items() if "STOPS_AT_FAILURE" in memory.because}
    assert due == set(hints_of("lab01")["STOPS_AT_FAILURE"].cards) != set()


def test_a_hint_says_more_each_time_and_begins_anew_with_another_mistake(cell):
    assert "run check" in hint("lab01.q1").text
    cell(mutant("q1_no_try"))
    check("lab01.q1")
    levels = [next_hint("lab01.q1") for _ in range(4)]
    assert [len(level) for level in levels] == [1, 2, 3, 3]
    assert levels[2] == list(hints_of("lab01")["STOPS_AT_FAILURE"].levels)
    cell(mutant("q1_pass"))
    check("lab01.q1")
    assert next_hint("lab01.q1") == [hints_of("lab01")["SWALLOWED"].nudge]
    cell(RIGHT)
    check("lab01.q1")
    assert next_hint("lab01.q1") == [] and "passes" in hint("lab01.q1").text


def test_a_solution_is_shown_after_a_pass_or_a_giving_up_which_is_remembered(cell):
    cell(mutant("q1_no_try"))
    check("lab01.q1")
    assert "except Exception" not in solution("lab01.q1").text
    assert "except Exception" in solution("lab01.q1", give_up=True).text
    assert Progress().latest("solution", "lab01.q1").value == "given up"
    cell(RIGHT)
    check("lab01.q1")
    shown = solution("lab01.q1")
    assert "except Exception" in shown.text and "SOLUTION" not in shown.text
    assert Progress().latest("solution", "lab01.q1").value == "passed"


def test_a_reset_gives_the_gap_back_and_keeps_what_was_there(cell, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("evlab.course.workspace.workspace_folder", lambda course=None: tmp_path)
    cell(RIGHT)
    reset("lab01.q1")
    kept = re.search(r"workspace/kept/(\S+)", capsys.readouterr().out)[1]
    assert (tmp_path / "kept" / kept).read_text("utf-8") == RIGHT
    assert check("lab01.q1").verdict.status == "missing"


@pytest.mark.parametrize("question", ["lab01.q9", "q1", "", "lab99.q1", None, 7])
@pytest.mark.parametrize("verb", [check, hint, solution, reset])
def test_a_question_that_does_not_exist_is_a_plain_error(cell, verb, question):
    with pytest.raises(InvalidUse) as caught:
        verb(question)
    assert caught.value.next_step


@pytest.mark.parametrize("seed", [-1, 10**9, True, "7", 1.5])
def test_a_seed_that_is_none_is_a_plain_error(cell, seed):
    with pytest.raises(InvalidUse):
        check("lab01.q1", seed=seed)


def test_outside_of_a_notebook_check_names_the_command():
    InteractiveShell.clear_instance()
    with pytest.raises(InvalidUse, match="notebook") as caught:
        check("lab01.q1")
    assert "evlab check" in caught.value.next_step


def test_under_nbgrader_a_wrong_answer_is_an_error(cell, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    cell(mutant("q1_no_try"))
    with pytest.raises(NotPassed):
        check("lab01.q1")
    cell(RIGHT)
    assert check("lab01.q1").passed


def test_in_a_saved_notebook_nothing_is_redrawn_and_no_machine_is_named(cell, monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    cell(mutant("q1_no_try"))
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **named: shown.append(named))
    feedback = check("lab01.q1")
    assert shown == [] and "sandbox" not in feedback.html
    feedback._ipython_display_()
    assert shown == [{"raw": True}]


def test_feedback_is_shown_once_where_it_was_drawn_and_again_where_it_is_named(cell, monkeypatch):
    cell(RIGHT)
    feedback = check("lab01.q1")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **named: shown.append(args))
    feedback._ipython_display_()
    assert shown == []
    feedback._ipython_display_()
    assert len(shown) == 1


def test_every_question_of_every_lab_has_a_solution_in_its_master():
    for path in pathlib.Path(authoring_folder()).glob("lab*/checks.py"):
        for question in find_lab(path.parent.name).questions:
            assert solution_of(question)
