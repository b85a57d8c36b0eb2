"""Questions: a guess is on disk before the answer, feedback comes at once, and a saved notebook shows a sample."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.course import Progress, predict, quiz
from evlab.course.questions import Prediction
from evlab.errors import InvalidUse

FEW = settings(max_examples=60, deadline=None)
WHYS = {"once": "Nobody competes for the event.", "three times": "One call for each subscriber."}
_number = itertools.count()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path))
    monkeypatch.delenv("EVLAB_SAVED", raising=False)


@pytest.fixture
def id():
    """A question of its own for each test: what was answered is remembered for the life of a kernel."""
    return f"test.{next(_number)}"


@pytest.fixture
def saved(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")


# ------------------------------------------------------------------------------------------------ guesses

def test_a_guess_is_on_disk_as_soon_as_it_is_made(id):
    predict(id, "How often?", WHYS).commit("once")
    fact = Progress().latest("guess", id)
    assert (fact.value, fact.right) == ("once", None)


def test_a_guess_of_an_earlier_session_is_there_again(id):
    predict(id, "How many?").commit(12)
    assert predict(id, "How many?").guess == 12


def test_a_guess_that_is_no_option_any_more_is_forgotten(id):
    predict(id, "How often?", ["once", "never"]).commit("never")
    assert predict(id, "How often?", WHYS).guess is None


def test_a_guess_can_be_changed_until_the_answer(id):
    question = predict(id, "How often?", WHYS)
    question.commit("once")
    question.commit("three times")
    assert question.judge("three times") is True and question.locked
    with pytest.raises(InvalidUse, match="stays"):
        question.commit("once")
    assert question.guess == "three times"


def test_running_the_question_again_does_not_unlock_it(id):
    question = predict(id, "How often?", WHYS)
    question.commit("once")
    question.judge("three times")
    assert predict(id, "How often?", WHYS).locked


def test_judging_records_right_or_wrong_once(id):
    question = predict(id, "How often?", WHYS)
    question.commit("once")
    assert question.judge("three times") is False and question.judge("three times") is False
    assert Progress().latest("guess", id).right is False
    assert Progress().summary()["guess"] == (1, 0)


def test_an_answer_without_a_guess_is_no_verdict(id):
    question = predict(id, "How many?")
    assert question.judge(3) is None and Progress().latest("guess", id) is None
    assert not question.locked


def test_a_first_guess_after_the_answer_is_judged_at_once(id):
    question = predict(id, "How many?")
    question.judge(3)
    question.commit(3)
    assert Progress().latest("guess", id).right is True and question.locked


@pytest.mark.parametrize(("guess", "actual", "right"), [
    (3, 3, True), (4, 3, False), (10, 10, True), (9, 10, False), (10, 11, True), (9, 11, False), (90, 100, True),
    (110, 100, True), (89, 100, False), (0.95, 1.0, True), (0.89, 1.0, False), (-95, -100, True), (0, 0.0, True),
    (0, 0, True), (1, 0, False)])
def test_a_number_is_right_within_a_tenth_and_exact_up_to_ten(id, guess, actual, right):
    question = predict(id, "How many?")
    question.commit(guess)
    # 1.0 is a measured value and 10 a count, so only whole numbers up to 10 must be met exactly
    assert question.judge(actual) is right


@FEW
@given(st.floats(-1e12, 1e12, allow_nan=False), st.floats(-1e12, 1e12, allow_nan=False))
def test_any_two_numbers_can_be_judged(guess, actual):
    question = predict(f"test.{next(_number)}", "How many?")
    question.commit(guess)
    assert question.judge(actual) in (True, False)


def test_an_answer_counted_as_a_number_matches_an_option(id):
    question = predict(id, "How many?", ["1", "3"])
    question.commit("3")
    assert question.judge(3) is True


@pytest.mark.parametrize("actual", ["twice", None, "Once"])
def test_an_answer_that_is_no_option_is_the_authors_mistake(id, actual):
    with pytest.raises(InvalidUse, match="not an option"):
        predict(id, "How often?", WHYS).judge(actual)


@pytest.mark.parametrize("actual", ["3", None, float("nan"), float("inf"), True, [3]])
def test_an_answer_that_is_no_number_is_the_authors_mistake(id, actual):
    with pytest.raises(InvalidUse, match="not a number"):
        predict(id, "How many?").judge(actual)


def test_another_prediction_is_not_locked_by_this_answer(id):
    predict(id, "How many?").judge(1)
    other = predict(f"{id}.other", "How many?")
    other.commit(2)
    assert not other.locked


@pytest.mark.parametrize("make", [
    lambda: predict("", "x"), lambda: predict(3, "x"), lambda: predict("a", " "), lambda: predict("a", "x", []),
    lambda: predict("a", "x", ["one"]), lambda: predict("a", "x", ["one", "one"]), lambda: predict("a", "x", "yes"),
    lambda: predict("a", "x", {"one": 1, "two": 2}), lambda: predict("a", "x", ["1", "2"], unit="ms"),
    lambda: predict("a", "x", ["1", "2"], sample="3"), lambda: predict("a", "x", sample="many"),
    lambda: quiz("a", "x", ["1", "2"], "1"), lambda: quiz("a", "x", {"1": "y", "2": "z"}, "3"),
    lambda: quiz("a", "x", {"1": "y", "2": ""}, "1"), lambda: quiz("", "x", {"1": "y", "2": "z"}, "1")])
def test_a_question_that_nobody_can_answer_is_refused(make):
    with pytest.raises(InvalidUse):
        make()


# ------------------------------------------------------------------------------------------------ in a browser

def view_of(question):
    """The widget behind a question that was shown, as the browser has it."""
    bundle, _ = question._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    return question._widget


@pytest.mark.parametrize(("typed", "guess"), [
    ("12", 12), (" 1,200 ", 1200), ("1 200", 1200), ("0.5", 0.5), ("12%", 12), ("1e3", 1000), ("-3", -3)])
def test_a_number_is_read_as_people_type_it(id, typed, guess):
    question = predict(id, "How many?")
    view_of(question).heard("answer", typed, 1)
    assert question.guess == guess and Progress().latest("guess", id).value == guess


@pytest.mark.parametrize("typed", ["", None, "many", "nan", "inf", "1,2,3", "0x10", "<b>3</b>", "3" * 400])
def test_what_is_no_number_is_told_and_not_recorded(id, typed):
    question = predict(id, "How many?")
    widget = view_of(question)
    widget.heard("answer", typed, 1)
    assert question.guess is None and widget.view["warn"] and widget.view["status"]
    assert Progress().latest("guess", id) is None


def test_a_warning_goes_with_the_next_good_guess(id):
    widget = view_of(predict(id, "How often?", WHYS))
    widget.heard("answer", None, 1)
    assert widget.view["status"] == "Choose one first."
    widget.heard("answer", "once", 2)
    assert not widget.view["warn"] and "Your guess is once" in widget.view["status"]


def test_the_card_tells_no_reason_before_the_answer_and_all_that_matter_after_it(id):
    question = predict(id, "How often?", WHYS)
    widget = view_of(question)
    widget.heard("answer", "once", 1)
    assert [option["why"] for option in widget.view["options"]] == ["", ""]
    question.judge("three times")
    assert [(option["tone"], option["why"]) for option in widget.view["options"]] == [
        ("wrong", WHYS["once"]), ("right", WHYS["three times"])]
    assert widget.view["locked"] and widget.view["status"] == "You guessed once. It was three times."


@pytest.mark.parametrize("guess, said", [(150, "Near enough: it was 145 orders."), (145, "That was right."),
                                         (40, "It was 145 orders.")])
def test_the_card_of_a_number_says_the_true_one(id, guess, said):
    question = predict(id, "How many?", unit="orders")
    widget = view_of(question)
    widget.heard("answer", str(guess), 1)
    question.judge(145)
    assert widget.view["status"] == f"You guessed {guess} orders. {said}"


def test_the_browser_cannot_change_a_guess_after_the_answer(id):
    question = predict(id, "How often?", WHYS)
    widget = view_of(question)
    widget.heard("answer", "once", 1)
    question.judge("three times")
    widget.heard("answer", "three times", 2)
    assert question.guess == "once" and Progress().latest("guess", id).value == "once"


# ------------------------------------------------------------------------------------------------ quizzes

def test_each_choice_gives_its_reason_and_is_recorded_until_the_right_one(id):
    question = quiz(id, "How often?", WHYS, "three times")
    widget = view_of(question)
    widget.heard("answer", "once", 1)
    assert widget.view["status"] == f"Not this one. {WHYS['once']}"
    assert Progress().latest("quiz", id).right is False
    widget.heard("answer", "three times", 2)
    assert widget.view["status"] == f"Right. {WHYS['three times']}"
    widget.heard("answer", "once", 3)
    assert Progress().latest("quiz", id).right is True


def test_a_quiz_answered_before_shows_its_answer(id):
    quiz(id, "How often?", WHYS, "three times").choose("three times")
    assert quiz(id, "How often?", WHYS, "three times").tried == ["three times"]


def test_a_choice_that_is_not_there_changes_nothing(id):
    question = quiz(id, "How often?", WHYS, "three times")
    for value in ("twice", None, 3, ["once"]):
        view_of(question).heard("answer", value, 1)
    assert question.tried == [] and Progress().latest("quiz", id) is None
    with pytest.raises(InvalidUse):
        question.choose("twice")


# ------------------------------------------------------------------------------------------------ saved

def test_a_saved_prediction_shows_the_authors_sample(saved, id):
    question = predict(id, "How `often`?", WHYS, sample="once")
    bundle = question._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == "Predict: How `often`?\n  (x) once  <- sample guess\n  ( ) three times"
    assert "sample guess" in bundle["text/html"] and WHYS["once"] not in bundle["text/html"]
    assert (question.guess, question.sample) == ("once", True)


def test_a_saved_number_shows_the_sample_with_its_unit(saved, id):
    question = predict(id, "How many?", unit="events", sample=2400)
    assert repr(question) == "Predict: How many?\n  2,400 events  <- sample guess"


def test_a_saved_prediction_records_nothing_and_judges_the_sample(saved, id):
    question = predict(id, "How often?", WHYS, sample="once")
    assert question.judge("three times") is False
    question.commit("three times")
    assert Progress().latest("guess", id) is None


def test_the_guess_of_a_learner_never_gets_into_a_saved_notebook(id, monkeypatch):
    predict(id, "How often?", WHYS).commit("three times")
    monkeypatch.setenv("EVLAB_SAVED", "1")
    assert "(x) once" in repr(predict(id, "How often?", WHYS, sample="once"))


def test_a_live_prediction_has_no_sample(id):
    question = predict(id, "How often?", WHYS, sample="once")
    assert (question.guess, question.sample) == (None, False)


def test_a_saved_quiz_folds_its_answer_away(saved, id):
    bundle = quiz(id, "How often?", WHYS, "three times")._repr_mimebundle_()
    assert bundle["text/plain"] == ("Question: How often?\n  ( ) once\n  ( ) three times\n"
                                    "Answer: three times. One call for each subscriber.")
    before, _, after = bundle["text/html"].partition("<details")
    assert WHYS["three times"] not in before and WHYS["three times"] in after and WHYS["once"] in after


def test_hostile_words_reach_no_markup(saved, id):
    bad = '<script>alert("1")</script>\u202e'
    for question in (predict(id, bad, {bad: bad, "b": bad}, sample=bad), quiz(id, bad, {bad: bad, "b": bad}, bad)):
        bundle = question._repr_mimebundle_()
        assert "<script" not in bundle["text/html"] and "\u202e" not in bundle["text/html"] + bundle["text/plain"]


def test_questions_load_no_widget_library_until_they_are_shown():
    code = ("import sys; from evlab.course import predict; q = predict('a', 'b'); print('ipywidgets' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_prediction_is_what_predict_returns(id):
    question = predict(id, "How long?", unit="ms")
    assert isinstance(question, Prediction)
    assert (question.id, question.prompt, question.options, question.unit) == (id, "How long?", None, "ms")


def test_a_guess_of_one_is_said_in_the_singular(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    assert "1 receipt " in repr(predict("t.one", "How many?", unit="receipts", sample=1)) + " "
    assert "2 receipts" in repr(predict("t.two", "How many?", unit="receipts", sample=2))
