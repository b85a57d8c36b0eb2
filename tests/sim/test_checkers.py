"""The checkers on histories written by hand: each name once accused, once excused.

SIM-4: an operation whose outcome nobody knows accuses nobody.
"""

from __future__ import annotations

import pytest

from evlab.errors import InvalidUse
from evlab.sim import Anomaly, History, World, check
from evlab.sim.checkers import ANOMALIES, NEVER


def sent(history, value, end="ok", result=None, node="shop"):
    op = history.invoke("send", value, node=node)
    if end:
        getattr(op, end)(result)
    return op.number


def received(history, value, end="ok", node="email"):
    op = history.invoke("receive", value, node=node)
    if end:
        getattr(op, end)()
    return op.number


def polled(history, *records, end="ok", node="billing"):
    op = history.invoke("poll", node=node)
    if end:
        getattr(op, end)(list(records))
    return op.number


def assigned(history, node="billing"):
    history.did("assign", "p0", node=node)


def appended(history, offset, value, partition="p0", node="shop"):
    return sent(history, value, result=(partition, offset, value), node=node)


def names(history, **options):
    return [anomaly.name for anomaly in check(history, **options)]


# ----------------------------------------------------------------------------------------------------- queue


def test_nothing_happened_and_nothing_is_wrong():
    assert check(History()) == []


def test_what_is_sent_and_received_is_fine():
    history = History()
    for value in (1, "two", (3,)):
        sent(history, value)
        received(history, value)
    assert check(history) == []


def test_an_acked_value_that_is_not_received_is_lost():
    history = History()
    number = sent(history, "a")
    sent(history, "b")
    received(history, "b")
    (lost,) = check(history)
    assert lost == Anomaly("lost", "a was acked to shop, and email never received it", (number, number + 1), "a")


@pytest.mark.parametrize("end", ["fail", "info", None])
def test_a_value_that_was_not_acked_may_be_missing(end):
    history = History()
    sent(history, "a", end)
    sent(history, "b")
    received(history, "b")
    assert check(history) == []


@pytest.mark.parametrize("end", ["ok", "fail", "info", None])
def test_a_value_that_was_attempted_may_be_received_before_or_after(end):
    history = History()
    received(history, "early")
    sent(history, "early", end)
    sent(history, "late", end)
    received(history, "late")
    assert check(history) == []


def test_if_nobody_received_anything_everything_is_lost():
    history = History()
    sent(history, "a")
    sent(history, "b", "info")
    sent(history, "c")
    assert names(history) == ["lost", "lost"]
    assert "nobody ever received it" in check(history)[0].text


def test_each_receiver_must_get_each_value():
    history = History()
    for value in "ab":
        sent(history, value)
        received(history, value)
    received(history, "a", node="billing")
    (lost,) = check(history)
    assert (lost.name, lost.value) == ("lost", "b") and "billing" in lost.text


def test_receivers_can_be_named_also_those_that_received_nothing():
    history = History()
    sent(history, "a")
    received(history, "a")
    assert names(history) == []
    assert names(history, receivers=["email", "billing"]) == ["lost"]


def test_a_receiver_that_may_have_received_is_not_accused():
    for end in ("info", None):
        history = History()
        sent(history, "a")
        received(history, "a", end)
        assert check(history) == []


def test_a_failed_receipt_is_none():
    history = History()
    sent(history, "a")
    received(history, "a", "fail")
    sent(history, "b")
    received(history, "b")
    assert names(history) == ["lost"]


def test_a_value_that_nobody_sent_is_unexpected():
    history = History()
    sent(history, "a")
    received(history, "a")
    number = received(history, "x")
    (unexpected,) = check(history)
    assert (unexpected.name, unexpected.value) == ("unexpected", "x") and unexpected.entries[0] == number


def test_one_value_received_twice_is_a_duplicate():
    history = History()
    send = sent(history, "a")
    first, second = received(history, "a"), received(history, "a")
    third = received(history, "a")
    (duplicate,) = check(history)
    assert duplicate == Anomaly("duplicate", "email received a 3 times", (send, first, second), "a")
    assert third not in duplicate.entries, "two receipts prove it"


def test_two_receivers_of_one_value_are_no_duplicate():
    history = History()
    sent(history, "a")
    received(history, "a")
    received(history, "a", node="billing")
    assert check(history) == []


@pytest.mark.parametrize("end", ["fail", "info", None])
def test_a_receipt_that_may_not_have_happened_makes_no_duplicate(end):
    history = History()
    sent(history, "a")
    received(history, "a", end)
    received(history, "a")
    received(history, "a", end)
    assert check(history) == []


def test_a_value_that_two_operations_sent_may_come_twice_and_not_three_times():
    history = History()
    sent(history, "a", "info")
    sent(history, "a")
    received(history, "a")
    received(history, "a")
    assert check(history) == []
    received(history, "a")
    assert names(history) == ["duplicate"]


@pytest.mark.parametrize("ends", [("ok", "info"), ("info", "ok")])
def test_a_value_that_one_of_two_operations_got_acked_must_come(ends):
    history = History()
    for end in ends:
        sent(history, "a", end)
    sent(history, "b")
    received(history, "b")
    assert names(history) == ["lost"]


def test_values_that_cannot_be_keys_are_told_apart_by_their_text():
    history = History()
    sent(history, {"order": 1})
    sent(history, {"order": 2})
    received(history, {"order": 1})
    received(history, {"order": 1})
    assert sorted(names(history)) == ["duplicate", "lost"]


# ------------------------------------------------------------------------------------------------------- log


def test_what_is_appended_and_polled_is_fine():
    history = History()
    assigned(history)
    for offset, value in enumerate("abc"):
        appended(history, offset, value)
    polled(history, ("p0", 0, "a"), ("p0", 1, "b"))
    polled(history)
    polled(history, ("p0", 2, "c"))
    assert check(history) == []


def test_an_acked_record_behind_which_others_were_polled_is_a_lost_write():
    history = History()
    lost = appended(history, 0, "a")
    appended(history, 1, "b")
    polled(history, ("p0", 1, "b"))
    (anomaly,) = check(history)
    assert (anomaly.name, anomaly.value, anomaly.entries) == ("lost-write", "a", (lost, lost + 1))


def test_an_acked_record_that_nobody_came_to_is_unseen():
    history = History()
    appended(history, 0, "a")
    appended(history, 1, "b")
    polled(history, ("p0", 0, "a"))
    assert names(history) == ["unseen"]


@pytest.mark.parametrize("end", ["fail", "info", None])
def test_a_record_that_was_not_acked_may_be_missing(end):
    history = History()
    sent(history, "a", end)
    appended(history, 1, "b")
    polled(history, ("p0", 1, "b"))
    assert check(history) == []


@pytest.mark.parametrize("end", ["fail", "info", None])
def test_a_poll_that_did_not_end_well_shows_nothing(end):
    history = History()
    appended(history, 0, "a")
    polled(history, ("p0", 0, "x"), ("p0", 7, "y"), end=end)
    polled(history, ("p0", 0, "a"))
    assert check(history) == []


def test_other_partitions_do_not_count_as_later():
    history = History()
    appended(history, 0, "a", "p0")
    appended(history, 5, "b", "p1")
    polled(history, ("p1", 5, "b"))
    assert names(history) == ["unseen"]


def test_two_values_at_one_offset_are_inconsistent():
    history = History()
    appended(history, 0, "a")
    sent(history, "b", "info")
    polled(history, ("p0", 0, "b"))
    (anomaly,) = check(history)
    assert (anomaly.name, anomaly.value) == ("inconsistent-offsets", 0) and "a and b" in anomaly.text


def test_two_consumers_that_see_one_offset_differently_are_inconsistent():
    history = History()
    for value in "ab":
        sent(history, value, "info")
    polled(history, ("p0", 0, "a"))
    polled(history, ("p0", 0, "b"), node="email")
    assert names(history) == ["inconsistent-offsets"]


def test_one_value_at_two_offsets_is_a_duplicate():
    history = History()
    appended(history, 0, "a")
    polled(history, ("p0", 0, "a"), ("p0", 1, "a"))
    assert names(history) == ["duplicate"]


def test_a_record_that_two_operations_sent_may_stand_twice():
    history = History()
    sent(history, "a", "info")
    appended(history, 1, "a")
    polled(history, ("p0", 0, "a"), ("p0", 1, "a"))
    assert check(history) == []


def test_a_record_that_nobody_sent_is_unexpected():
    history = History()
    polled(history, ("p0", 0, "x"))
    assert names(history) == ["unexpected"]


@pytest.mark.parametrize("end", ["ok", "fail", "info", None])
def test_a_record_that_was_attempted_is_not_unexpected(end):
    history = History()
    sent(history, "a", end)
    polled(history, ("p0", 0, "a"))
    assert check(history) == []


def abc(history):
    for offset, value in enumerate("abc"):
        appended(history, offset, value)


@pytest.mark.parametrize("polls", [[(0, "a"), (1, "b"), (0, "a"), (1, "b"), (2, "c")],
                                   [(0, "a"), (1, "b"), (1, "b"), (2, "c")]])
def test_going_back_is_a_nonmonotonic_poll(polls):
    for in_one in (True, False):
        history = History()
        abc(history)
        records = [("p0", *record) for record in polls]
        for poll in [records] if in_one else [[record] for record in records]:
            polled(history, *poll)
        assert names(history) == ["nonmonotonic-poll"]


@pytest.mark.parametrize("in_one", [True, False])
def test_passing_over_a_record_is_a_poll_skip(in_one):
    history = History()
    abc(history)
    polled(history, ("p0", 0, "a"), ("p0", 1, "b"), ("p0", 2, "c"), node="other")
    records = [("p0", 0, "a"), ("p0", 2, "c")]
    for poll in [records] if in_one else [[record] for record in records]:
        polled(history, *poll)
    (anomaly,) = check(history)
    assert (anomaly.name, anomaly.value) == ("poll-skip", 2) and "past 1" in anomaly.text


def test_a_hole_in_the_offsets_is_no_skip():
    history = History()
    appended(history, 0, "a")
    appended(history, 2, "c")  # offset 1 is a transaction marker, or was compacted away
    polled(history, ("p0", 0, "a"), ("p0", 2, "c"))
    assert check(history) == []


@pytest.mark.parametrize("polls", [[(0, "a"), (1, "b"), "assign", (0, "a"), (1, "b"), (2, "c")],
                                   [(0, "a"), "assign", (2, "c")],
                                   [(2, "c"), "assign", (0, "a")]])
def test_after_an_assignment_a_consumer_may_go_back_or_forth(polls):
    history = History()
    abc(history)
    polled(history, *[("p0", offset, value) for offset, value in enumerate("abc")], node="other")
    for poll in polls:
        assigned(history) if poll == "assign" else polled(history, ("p0", *poll))
    assert check(history) == []


def test_the_assignment_of_one_consumer_excuses_no_other():
    history = History()
    abc(history)
    polled(history, ("p0", 0, "a"), ("p0", 1, "b"), ("p0", 2, "c"))
    assigned(history, "other")
    polled(history, ("p0", 0, "a"))
    assert names(history) == ["nonmonotonic-poll"]


def test_two_consumers_do_not_disturb_each_other():
    history = History()
    abc(history)
    for offset, value in enumerate("abc"):
        for node in ("billing", "other"):
            polled(history, ("p0", offset, value), node=node)
    assert check(history) == []


# ----------------------------------------------------------------------------------------------------- check


def test_anomalies_come_in_the_order_in_which_they_can_be_seen():
    history = History()
    sent(history, "lost")
    sent(history, "twice")
    received(history, "twice")
    received(history, "from nowhere")
    received(history, "twice")
    assert names(history) == ["unexpected", "duplicate", "lost"]


def test_what_the_guarantee_permits_is_no_anomaly():
    history = History()
    sent(history, "a")
    sent(history, "b")
    received(history, "b")
    received(history, "b")
    assert names(history, allow=["duplicate"]) == ["lost"]
    assert names(history, allow=("lost",)) == ["duplicate"]
    assert names(history, allow={"lost", "duplicate"}) == []


def test_a_name_that_no_checker_knows_is_a_typo():
    with pytest.raises(InvalidUse, match="duplicates") as caught:
        check(History(), allow=["duplicates"])
    assert "nonmonotonic-poll" in caught.value.next_step


@pytest.mark.parametrize("history", [None, [], "lab01.q1", World(1), 5])
def test_what_is_no_history_is_told(history):
    with pytest.raises(InvalidUse, match="is no history") as caught:
        check(history)
    assert "world.history" in caught.value.next_step


def test_every_accusation_is_in_the_vocabulary():
    assert NEVER.issubset(ANOMALIES)
    assert all(ANOMALIES.values())


def test_other_operations_and_other_entries_are_no_concern_of_the_checkers():
    history = History()
    history.did("reserve", 1, node="shop")
    history.note("x")
    history.add("crash", "", node="shop")
    assert check(history) == []
