"""`drill()` and `interview()` in a notebook, without a browser: what the card says at each step, live and saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from drill_deck import BAD, TAUGHT, write_course

from evlab.course import drill, interview
from evlab.course.drills import DrillState, Rating
from evlab.errors import InvalidUse


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVLAB_COURSE", str(write_course(tmp_path / "course")))
    monkeypatch.delenv("EVLAB_SAVED", raising=False)


@pytest.fixture
def saved(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")


@pytest.fixture
def live():
    """`live(card)`: its widget; `live(card).press(action, value)` does what the browser would, and returns the view."""

    def open_one(shown):
        shown._repr_mimebundle_()
        widget = shown._widget

        def press(action, value=None):
            widget._handle_custom_msg({"action": action, "value": value, "n": 7}, [])
            assert json.loads(json.dumps(widget.view)) == widget.view and widget.view["n"] == 7
            return widget.view

        widget.press = press
        return widget

    return open_one


def history():
    return [(fact.kind, fact.id) for _, fact in DrillState().history()]


def test_a_card_is_asked_told_rated_and_followed_by_the_next(live):
    card = live(drill())
    assert card.view["phase"] == "ask" and card.view["left"] == "6 new"
    assert not any(option["why"] or option["tone"] for option in card.view["options"]), "nothing is given away"
    right = [option["text"] for option in card.view["options"]].index("e2 alone")
    told = card.press("answer", right)
    assert (told["phase"], told["verdict"], told["good"]) == ("told", "Right.", True)
    assert ["Answer", "`e2` alone. A bus keeps no past."] in told["rows"]
    assert [button["key"] for button in told["buttons"]] == ["Enter", "h", "e", "p"]
    assert card.press("prove")["proof"]["printed"] == "seen: ['e2']"
    assert card.press("rate", int(Rating.EASY))["prompt"].startswith("A handler fails")
    assert history() == [("review", "late-subscriber"), ("rating", "late-subscriber")]


def test_no_answer_gives_the_answer_away_before_it_is_given(live):
    for id in TAUGHT:
        view = json.dumps(live(drill(cards=[id])).view)
        for secret in ("It was subscribed", '"ack"', "acknowledgement", "rate * wait", "names a failure"):
            assert secret not in view, id


def test_an_open_card_shows_its_rubric_after_the_answer_and_takes_the_ticks(live):
    card = live(drill(cards=["bus-or-call"]))
    assert card.view["rubric"] == []
    assert [point["text"] for point in card.press("answer", None)["rubric"]][0] == "names a number"
    told = card.press("answer", [0, 1])
    assert told["verdict"] == "80% of the points." and [point["tone"] for point in told["rubric"]] == [
        "right", "right", "wrong"]


def test_an_order_is_told_with_what_stood_there_instead(live):
    shown = drill(cards=["four-steps"])
    card = live(shown)
    given = [item["value"] for item in card.view["items"]]
    told = card.press("answer", given)
    placed = [item["text"] for item in told["items"]]
    assert len([text for text in placed if "(you: " in text]) >= 2 and placed[0].startswith("handle")


@pytest.mark.parametrize(("action", "value"), [
    ("answer", 99), ("answer", "1"), ("answer", [0]), ("answer", {"a": 1}), ("answer", True), ("rate", 4),
    ("next", None), ("prove", None), ("view", None), ("nonsense", 3), ("", None), ("_view", None)])
def test_what_no_card_sends_changes_nothing(live, action, value):
    card = live(drill())
    before = card.view["prompt"]
    view = card.press(action, value)
    assert view["phase"] == "ask" and view["prompt"] == before and history() == []
    assert view["warn"] is (action == "answer")


def test_a_number_that_is_none_is_told_and_the_card_waits(live):
    card = live(drill(cards=["backlog"]))
    view = card.press("answer", "many")
    assert view["warn"] and view["status"].startswith("'many' is not a number.") and view["step"] == 0
    assert card.press("unknown")["verdict"] == "Now you know."
    assert card.press("rate", 3)["phase"] == "told", "nobody was right without an answer"


def test_at_the_end_it_says_how_it_went_and_more_can_be_asked_for(live):
    card = live(drill(new=1))
    card.press("answer", [option["text"] for option in card.view["options"]].index("e2 alone"))
    end = card.press("next")
    assert (end["phase"], end["prompt"]) == ("done", "1 answered, 1 known.")
    assert "The next card comes in" in end["rows"][0][1]
    assert card.press("more")["prompt"].startswith("A handler fails")


def test_an_interview_goes_from_start_to_report(live):
    shown = interview(questions=2, minutes=10)
    card = live(shown)
    assert card.view["about"] == "1 question, 10:00" and card.view["until"] is None
    asked = card.press("start")
    assert asked["until"] > 0 and asked["rubric"] == []
    assert card.press("answer", None)["phase"] == "rubric"
    assert card.press("answer", "all")["warn"]
    told = card.press("answer", [2])
    assert told["verdict"] == "20% of the points." and told["until"] is None
    end = card.press("next")
    assert end["phase"] == "done" and ["Not said", "names a number"] in end["rows"]
    assert ["Revise", "notebook 01"] in end["rows"] and "# Mock interview" in repr(shown)
    assert history() == [("review", "bus-or-call"), ("interview", "seed-0")]


@pytest.mark.parametrize("wrong", [{"topic": "x"}, {"level": "x"}, {"cards": ["x"]}, {"new": -1}])
def test_what_the_deck_does_not_have_is_refused_with_the_next_step(wrong):
    with pytest.raises(InvalidUse) as refused:
        drill(**wrong)
    assert refused.value.next_step


def test_a_saved_notebook_shows_the_first_card_the_same_each_time_and_records_nothing(saved, tmp_path):
    first, again = drill()._repr_mimebundle_(), drill()._repr_mimebundle_()
    assert first == again and set(first) == {"text/plain", "text/html"}
    assert first["text/plain"] == repr(drill())
    assert "Email subscribes after" in first["text/plain"] and "Answer: `e2` alone." in first["text/plain"]
    assert "<script" not in first["text/html"] and "<img" not in first["text/html"] and "<details" in first["text/html"]
    assert history() == [] and not (tmp_path / "home").exists()


def test_a_saved_interview_says_what_it_asks_about_and_what_will_happen_but_not_the_question(saved, tmp_path):
    bundle = interview(questions=2, minutes=10)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"} and bundle["text/plain"] == repr(interview(2, 10))
    for shown in ("1 question, 10:00", "1. ", "staff, notebook 01: an open question with a rubric of 3 points",
                  "aloud or in writing", "press Start", "After each answer the rubric", "the notebooks to revise"):
        assert shown in bundle["text/plain"] and shown in bundle["text/html"], shown
    assert "  1. Publish & subscribe, staff" in bundle["text/plain"] and "Publish &amp; sub" in bundle["text/html"]
    for secret in ("Checkout", "names a number", "500 ms"):
        assert secret not in bundle["text/plain"] and secret not in bundle["text/html"], secret
    assert history() == [] and not (tmp_path / "home").exists()


@pytest.mark.parametrize("id", TAUGHT)
def test_each_kind_of_card_has_a_text_and_html_of_its_own_when_it_is_saved(saved, id):
    bundle = drill(cards=[id])._repr_mimebundle_()
    shown = {"late-subscriber": "e2 alone", "four-steps": "dead letter", "no-ack": "____", "backlog": "How many wait",
             "charged-twice": "ack lost", "bus-or-call": "Would you move it"}[id]
    assert shown in bundle["text/plain"] and shown in bundle["text/html"] and "{rate}" not in bundle["text/html"]
    assert "The proof" in bundle["text/html"] and BAD not in bundle["text/html"]


def test_a_card_asks_the_same_under_another_hash_seed(tmp_path):
    code = "from evlab.course import drill; print(drill(cards=['four-steps'])._view(), drill())"
    said = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env=os.environ | {"PYTHONHASHSEED": seed}).stdout for seed in "123"}
    assert len(said) == 1
