"""The staleness playground without a browser: what each cure shows, what is counted, and that a run replays."""

from __future__ import annotations

import functools
import math
from random import Random

import pytest

from evlab.errors import InvalidUse
from evlab.widgets import Staleness
from evlab.widgets.late_list import CURES, CUSTOMERS, RELOADS, SLOW, Run, Settings, delay

PLACED = 95
"""Customers whose order is not refused: every twentieth wants what is out of stock."""


@functools.cache
def counts(cure: str, **settings) -> Run:
    return Run(7, Settings(cure=cure, **settings))


def shows(run: Run) -> set[str]:
    return {page.shows for pages in run.pages.values() for page in pages}


def test_every_customer_who_is_not_refused_reloads_twice():
    for cure in CURES:
        run = counts(cure)
        assert len(run.pages) == PLACED and {len(pages) for pages in run.pages.values()} == {RELOADS}


def test_accepting_shows_what_the_read_model_has_so_each_stale_answer_is_a_page_that_denies_the_order():
    run = counts("accept")
    assert run.stale == run.count("missing") == run.wrong > 20
    assert run.queries == RELOADS * PLACED and run.slow == 0


def test_processing_gets_the_same_stale_answers_and_denies_nothing():
    run, accepted = counts("processing"), counts("accept")
    assert run.stale == accepted.stale == run.count("processing") and run.wrong == 0


def test_an_optimistic_page_is_wrong_for_those_alone_who_are_refused():
    run = counts("optimistic")
    assert shows(run) == {"there"} and run.stale > 20
    assert run.taken_back == [f"customer-{number}" for number in (20, 40, 60, 80, 100)] and run.wrong == 5
    assert counts("accept").taken_back == []


def test_polling_asks_until_it_has_the_order_and_pays_in_queries_and_time():
    run = counts("polling", spread=50, mean=400)
    assert shows(run) == {"there"} and run.wrong == 0
    assert run.queries == RELOADS * PLACED + run.stale and run.slow > 0


def test_polling_gives_up_after_a_second_and_says_processing():
    run = counts("polling", mean=2000, spread=0)
    assert run.count("processing") > 0 and run.stale >= 10 * run.count("processing")


def test_waiting_for_the_position_never_gets_a_stale_answer_whichever_copy_it_asks():
    run = counts("position", copies=4)
    assert run.stale == 0 and run.wrong == 0
    assert run.queries == RELOADS * PLACED and run.slow > 0


def test_a_position_that_is_not_reached_in_a_second_is_said_and_not_denied():
    run = counts("position", mean=2000, spread=0)
    assert run.stale == 0 and run.count("processing") > 0 and run.count("missing") == 0
    assert {round(page.waited, 1) for pages in run.pages.values() for page in pages if page.shows == "processing"} \
        == {1.0}


def test_an_order_vanishes_between_copies_unless_they_are_sticky():
    several, sticky = counts("accept", copies=4), counts("sticky", copies=4)
    assert several.count("gone") > 0 and sticky.count("gone") == 0
    assert sticky.count("missing") > 20, "a sticky copy may still be behind"
    assert counts("accept").count("gone") == 0, "one copy does not go back"


def test_no_status_helps_when_the_next_copy_has_not_heard_of_the_order():
    assert counts("processing", copies=4).count("gone") > 0


def test_a_delay_that_is_always_the_same_is_stale_for_none_or_for_most():
    assert counts("accept", spread=0, mean=200, reload=300).stale == 0
    assert counts("accept", spread=0, mean=900, reload=200).count("missing") > 0.75 * RELOADS * PLACED


def test_the_share_of_stale_first_reloads_is_the_formula():
    stale = placed = 0
    for seed in range(8):
        run = Run(seed, Settings(mean=300, reload=200))
        stale, placed = stale + run.first_stale, placed + len(run.pages)
    expected = math.exp(-220 / 300)
    assert abs(stale / placed - expected) < 4 * math.sqrt(expected * (1 - expected) / placed)


def test_the_delay_has_the_mean_and_the_spread_that_were_set():
    for spread in (50, 100, 200):
        chance = Random(spread)
        drawn = [delay(chance, Settings(mean=200, spread=spread)) for _ in range(4000)]
        mean = sum(drawn) / len(drawn)
        assert abs(mean - 0.2) < 0.2 * spread / 100 * 4 / math.sqrt(len(drawn))
        deviation = math.sqrt(sum((one - mean) ** 2 for one in drawn) / len(drawn))
        assert 0.8 < deviation / (0.2 * spread / 100) < 1.25
    assert delay(Random(1), Settings(mean=200, spread=0)) == 0.2 and delay(Random(1), Settings(mean=0)) == 0.0


@pytest.mark.parametrize(("cure", "settings", "finding"), [
    ("accept", {}, "does not find it"), ("accept", {"copies": 4}, "at the next reload it was gone"),
    ("optimistic", {}, "then it was taken back"), ("polling", {}, "ms for a page"),
    ("position", {}, "ms for a page"), ("processing", {}, "nothing is denied"), ("accept", {"mean": 0}, "each time")])
def test_the_picture_shows_the_customer_to_whom_it_happened(cure, settings, finding):
    run = counts(cure, **settings)
    picture = run.picture()
    assert finding in picture.alt and run.someone() in picture.text
    assert "catch up" in picture.text or run.someone() in run.taken_back


def test_a_slow_page_is_one_that_took_longer_than_the_limit():
    run = counts("polling")
    waits = [page.waited for pages in run.pages.values() for page in pages]
    assert 0 < run.slow == sum(wait > SLOW for wait in waits) < len(waits)


# ------------------------------------------------------------------------------------------------- the playground


def test_a_run_is_told_drawn_and_counted():
    playground = Staleness().do("run")
    shown = playground.render()
    assert f"{PLACED} of {CUSTOMERS} orders were placed" in shown["said"]
    assert len(shown["pictures"]) == 1 and len(shown["table"].rows) == 1
    assert any("The formula" in note.text for note in shown["texts"])
    playground.do("cure", "position").do("run")
    rows = [dict(zip(shown["table"].head, row, strict=True)) for row in playground.render()["table"].rows]
    assert [row["cure"] for row in rows] == ["accept", "wait for the position"]
    assert rows[0]["looked wrong"] > 0 == rows[1]["looked wrong"] and rows[1]["slow pages"] > 0


def test_two_cures_meet_the_same_delays_and_other_customers_meet_others():
    playground = Staleness().do("run").do("cure", "processing").do("run").do("others").do("run")
    stale = [row[6] for row in playground.rows]
    assert stale[0] == stale[1] != stale[2]


@pytest.mark.parametrize(("control", "value"), [
    ("cure", "sticky"), ("rate", 50), ("mean", 2000), ("spread", 200), ("reload", 0), ("copies", 4)])
def test_each_control_says_what_it_will_do_and_changes_the_next_run(control, value):
    playground = Staleness().do("copies", 2).do("run").do(control, value)
    assert playground.render()["said"].startswith("From the next run on: ")
    assert next(one for one in playground.render()["controls"] if one.id == control).value == value
    playground.do("run")
    assert playground.digests[0] != playground.digests[1]


def test_a_value_that_no_control_has_is_refused():
    with pytest.raises(InvalidUse):
        Staleness().do("cure", "hope")
    with pytest.raises(InvalidUse):
        Staleness().do("copies", 0)


def test_the_table_keeps_the_last_six_runs():
    playground = Staleness()
    for copies in (1, 2, 3, 4, 1, 2, 3):
        playground.do("copies", copies).do("run")
    assert [row[4] for row in playground.render()["table"].rows] == [2, 3, 4, 1, 2, 3]


def test_a_run_replays_to_the_same_state():
    playground = Staleness(seed=3).do("copies", 3).do("run").do("others").do("cure", "polling").do("rate", 20).do("run")
    again = Staleness.replay(playground.export())
    assert again.digest() == playground.digest() and again.rows == playground.rows
    assert Staleness(seed=3).do("copies", 3).digest() != Staleness(seed=3).digest(), "settings are part of the state"
