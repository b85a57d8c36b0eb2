"""The lag playground without a browser: what is steered changes the log, what is shown is what the log says."""

from __future__ import annotations

import math

import pytest

from evlab.errors import InvalidUse
from evlab.widgets import Lag
from evlab.widgets.lag_shop import GROUP, MOST, PARTITIONS, STATES


def lag_of(playground) -> int:
    return sum(row.lag or 0 for row in playground.shop.log.lag(GROUP))


def owners(playground) -> dict[int, str | None]:
    return {row.partition: row.member for row in playground.shop.log.lag(GROUP)}


def notes(playground) -> str:
    return "\n".join(note.text for note in playground.render()["texts"])


def waited(playground, seconds: int):
    for _ in range(seconds // 30):
        playground.do("wait-30")
    return playground


def test_it_begins_with_a_group_that_has_formed_and_keeps_up():
    playground = Lag()
    assert sorted(set(owners(playground).values())) == ["email-1", "email-2"] and len(owners(playground)) == PARTITIONS
    waited(playground, 60)
    assert lag_of(playground) < 2 * playground.shop.rate
    shown = playground.render()
    assert len(shown["pictures"]) == 1 and len(shown["table"].rows) == PARTITIONS and shown["said"]


def test_lag_grows_by_the_difference_of_the_rates_and_drains_in_the_time_that_was_foreseen():
    playground = waited(Lag().do("speed", 10).do("rate", 30), 30)
    before = lag_of(playground)
    waited(playground, 60)
    assert abs(lag_of(playground) - before - 60 * (30 - 20)) < 60
    playground.do("rate", 0)
    lag, (whole, longest) = lag_of(playground), playground.shop.drain()
    playground.do("wait-10").do("wait-10")
    whole, longest = playground.shop.drain()
    assert 0 < whole <= longest < math.inf
    playground.shop.world.run(until=playground.shop.world.now() + longest + 3)
    assert lag > 500 and lag_of(playground) == 0


def test_a_hot_key_sends_its_share_to_one_partition_and_more_consumers_do_not_help():
    playground = waited(Lag().do("rate", 40).do("skew", 60).do("add").do("add").do("add"), 60)
    arrivals = playground.shop.arrivals()
    hot = max(arrivals, key=arrivals.get)
    assert 0.6 < arrivals[hot] / sum(arrivals.values()) < 0.8
    first = {row.partition: row.lag for row in playground.shop.log.lag(GROUP)}
    waited(playground, 60)
    second = {row.partition: row.lag for row in playground.shop.log.lag(GROUP)}
    assert second[hot] - first[hot] > 400 and all(second[other] < 100 for other in second if other != hot)
    whole, longest = playground.shop.drain()
    assert whole < longest == math.inf, "by the sums it drains, and it never does"
    assert f"Partition {hot} holds" in playground.render()["pictures"][0].alt
    assert "No partition left for email-5" in notes(playground)


def test_a_killed_consumer_loses_its_partitions_when_its_session_ends():
    playground = Lag().do("state-email-2", "killed")
    assert "email-2" in owners(playground).values(), "nobody has noticed yet"
    playground.do("wait-10")
    assert set(owners(playground).values()) == {"email-1"}
    assert "email-2 was silent too long and is out" in notes(playground)
    playground.do("state-email-2", "ok").do("wait-10")
    assert set(owners(playground).values()) == {"email-1", "email-2.2"}


def test_a_paused_consumer_keeps_its_partitions_and_falls_behind():
    playground = Lag().do("state-email-2", "paused")
    before = owners(playground)
    waited(playground, 60)
    assert owners(playground) == before and "email-2" in before.values()
    behind = {row.partition: row.lag for row in playground.shop.log.lag(GROUP)}
    assert all((behind[number] > 200) == (name == "email-2") for number, name in before.items())
    playground.do("state-email-2", "ok")
    waited(playground, 300)
    assert lag_of(playground) < 100


def test_a_slow_consumer_does_a_quarter():
    playground = Lag().do("speed", 20).do("state-email-2", "slow")
    assert playground.shop.does("email-2") == 5 and playground.shop.does("email-1") == 20
    waited(playground, 60)
    behind = {row.member: row.lag for row in playground.shop.log.lag(GROUP) if row.lag}
    assert set(behind) == {"email-2"}


def test_one_that_is_added_gets_its_share_and_one_that_is_let_go_gives_it_back():
    playground = Lag().do("add")
    playground.do("wait-10")
    assert len(set(owners(playground).values())) == 3
    playground.do("leave").do("wait-10")
    assert set(owners(playground).values()) == {"email-1", "email-2"} and "email-3" not in playground._controls


def test_one_that_was_killed_is_not_let_go_and_the_last_one_stays():
    playground = Lag().do("state-email-2", "killed")
    with pytest.raises(InvalidUse, match="last one"):
        playground.do("leave")


def test_there_are_at_most_eight():
    playground = Lag()
    for _ in range(MOST - 2):
        playground.do("add")
    with pytest.raises(InvalidUse, match="most here"):
        playground.do("add")
    assert len(playground.shop.log.group(GROUP).members) == MOST


def test_each_change_is_an_event_in_the_picture_and_a_kill_is_a_crash():
    playground = Lag().do("rate", 40).do("add").do("state-email-1", "killed").do("wait-10")
    text = playground.render()["pictures"][0].text
    assert "λ = 40" in text and "email-3 added" in text and "email-1 killed" in text
    assert playground.events[-1][2:] == ("crash",)


def test_the_steps_of_the_last_click_are_told_and_older_ones_are_not():
    playground = Lag().do("add")
    assert "a rebalance begins" in notes(playground) and "email-3 has joined" in notes(playground)
    playground.do("wait-30").do("wait-30")
    assert "rebalance" not in notes(playground)


def test_the_table_is_what_the_log_says():
    playground = waited(Lag().do("rate", 50), 30)
    said = [(row.partition, row.member, row.committed, row.end, row.lag) for row in playground.shop.log.lag(GROUP)]
    assert [tuple(row[:5]) for row in playground.render()["table"].rows] == said


def test_what_was_seen_is_a_data_frame():
    frame = waited(Lag(), 30).frame()
    assert list(frame.columns) == ["time", "topic", "partition", "committed", "end", "lag", "time_lag", "member"]
    assert len(frame) == PARTITIONS * frame["time"].nunique() and frame["time"].is_monotonic_increasing


def test_each_state_can_be_chosen_and_no_other():
    playground = Lag()
    for state in STATES:
        playground.do("state-email-1", state)
    for name, value in (("state-email-1", "tired"), ("state-email-9", "ok"), ("rate", 61), ("skew", -10)):
        with pytest.raises(InvalidUse):
            playground.do(name, value)


def test_a_run_replays_to_the_same_state_and_settings_are_part_of_it():
    playground = Lag(seed=3).do("rate", 44).do("skew", 50).do("add").do("state-email-2", "killed").do("wait-30")
    playground.do("state-email-2", "slow").do("leave").do("wait-10")
    again = Lag.replay(playground.export())
    assert again.digest() == playground.digest() and again.frame().equals(playground.frame())
    assert Lag(seed=3).digest() != Lag(seed=4).digest()
    assert Lag().do("speed", 20).digest() != Lag().do("speed", 25).digest()


def test_it_is_told_in_words_where_no_widget_runs():
    text = Lag()._as_text()
    assert "The group at 6 s" in text and "partition  owner" in text and "μ = 30 in all" in text
