"""Where a learner stands, by topic: what is counted, what is drawn, what a saved notebook shows."""

from __future__ import annotations

import pytest

from evlab.course import revise
from evlab.course.drills import DrillState, Rating, load_deck
from evlab.course.drills.scheduler import chance_to_recall
from evlab.course.drills.standing import DAY, TopicStanding, draw, standings
from evlab.viz.svg import Svg

NOW = 1_700_000_000.0


@pytest.fixture
def state(tmp_path):
    return DrillState(tmp_path / "drills.db")


def of(found, title):
    return next(one for one in found if one.title == title)


def test_who_has_drilled_nothing_recalls_nothing_and_is_told_where_to_begin(state):
    deck = load_deck()
    found = standings(deck, state, NOW)
    assert {(one.seen, one.recalled, one.due) for one in found} == {(0, 0, 0)}
    assert sum(one.cards for one in found) <= len(deck.cards)
    figure = draw(found)
    assert figure.alt.startswith("You would recall 0 of ") and "from 01 Events on." in figure.alt
    assert "evise" not in figure.alt


def test_a_card_counts_by_its_chance_and_fades(state):
    deck = load_deck()
    card = deck.select("events")[0]
    state.review(card.id, Rating.GOOD, at=NOW)
    today, later = (of(standings(deck, state, NOW + days * DAY), deck.titles["events"]) for days in (0, 30))
    assert (today.seen, today.due, later.due) == (1, 0, 1)
    assert today.recalled == pytest.approx(1) and 0.2 < later.recalled < 0.9
    assert later.recalled == chance_to_recall(state.memories()[card.id], NOW + 30 * DAY)


def test_a_card_that_a_hint_made_due_is_due_and_was_not_asked(state):
    deck = load_deck()
    state.make_due([deck.select("events")[0].id], "lab01.q1: STOPS", at=NOW)
    one = of(standings(deck, state, NOW), deck.titles["events"])
    assert (one.seen, one.recalled, one.due) == (0, 0, 1)


def test_topics_stand_in_course_order_with_the_notebook_of_most_of_their_cards(state):
    found = standings(load_deck(), state, NOW)
    assert [one.notebook for one in found] == sorted(one.notebook for one in found)
    assert of(found, "Message routing").notebook == "15"


def test_the_picture_says_what_its_words_say_and_nothing_is_cut_or_covered(monkeypatch):
    drawn, render = [], Svg.render
    monkeypatch.setattr(Svg, "render", lambda svg, height: (drawn.append(svg), render(svg, height))[1])
    found = [TopicStanding("Events", "01", 10, 10, 9.6, 0), TopicStanding("Sagas", "20", 20, 5, 2.4, 4),
             TopicStanding("Concurrency, snapshots, forgetting", "05", 31, 0, 0.0, 0)]
    figure = draw(found)
    assert figure.alt.startswith("You would recall 12 of 61 cards.")
    assert "Revise first: 20 Sagas. Not begun: 1 topic, from 05 Concurrency, snapshots, forgetting on." in figure.text
    assert "  Sagas (20) | 20 | 5 | 2.4 | 4" in figure.text
    assert draw([TopicStanding("Events", "01", 10, 10, 9.6, 0)]).alt.endswith(
        "Nothing to revise: in each topic that you began, the chance is 90 % or more.")
    assert drawn and all(svg.overflow() == [] and svg.collisions() == [] for svg in drawn)


def test_a_saved_notebook_shows_a_sample_learner_who_is_the_same_each_time(monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    first, second = revise(), revise()
    assert first.text == second.text and first.text.startswith("The sample learner would recall")
    assert first.svg == second.svg


def test_a_day_to_come_may_be_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("EVLAB_SAVED", raising=False)
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path))
    card = load_deck().select("events")[0]
    DrillState().review(card.id, Rating.GOOD, at=NOW)
    assert revise(now=NOW).text.startswith("You would recall 1 of ")
    assert revise(now=NOW + 2000 * DAY).text.startswith("You would recall 0 of ")
