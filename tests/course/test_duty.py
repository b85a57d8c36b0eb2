"""The days of lab12: three of six faults, each with its trace, and look-alikes that are none."""

from __future__ import annotations

from collections import Counter

import pytest

from evlab.course.duty import FAULTS, OWNERS, evidence_of, truth_of
from evlab.errors import InvalidUse
from evlab.log.partitioner import partition

SEEDS = range(12)


def lag(day, number, minute=40):
    [row] = [row for row in day["lag"] if (row["partition"], row["minute"]) == (number, minute)]
    return row["end"] - row["committed"]


def kept(day):
    sums = Counter()
    for _, order, cents in day["ledger"]:
        sums[order] += cents
    return sums


def written(day):
    return {order for records in day["records"].values() for order, _ in records}


def test_the_same_seed_gives_the_same_day_and_another_one_another():
    assert evidence_of(7) == evidence_of(7) != evidence_of(8)
    assert truth_of(7) == truth_of(7)


def test_each_seed_hides_three_and_over_many_seeds_each_of_the_six():
    truths = [truth_of(seed) for seed in range(60)]
    assert {len(truth) for truth in truths} == {3}
    assert {fault for truth in truths for fault in truth} == set(FAULTS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_without_faults_is_in_order_and_has_its_look_alikes(seed):
    day = evidence_of(seed, ())
    assert truth_of(seed, ()) == {}
    assert all(lag(day, number) == 0 for number in OWNERS)
    assert max(row["end"] - row["committed"] for row in day["lag"]) > 5, "a burst"
    due = {order: day["orders"][order]["cents"] * (end == "paid") for order, end in day["ends"].items()}
    assert {order: kept(day)[order] for order in due} == due
    assert any(cents < 0 for *_, cents in day["ledger"]), "a refund"
    new = day["orders"].keys() - written(day)
    assert new and {day["orders"][order]["minute"] for order in new} == {39}
    assert [order for order in day["reserved"] if order in day["ends"]] == [] != day["reserved"]
    assert not day["log"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_leaves_its_trace(fault, seed):
    day, culprit = evidence_of(seed, (fault,)), truth_of(seed, (fault,))[fault]
    behind = [number for number in OWNERS if lag(day, number) > 8]
    if fault == "hot key":
        assert behind == [partition(culprit.encode(), 4)] and lag(day, behind[0]) > 50
        assert Counter(name for _, name in day["records"][behind[0]]).most_common(1)[0][0] == culprit
    elif fault == "slow worker":
        assert {OWNERS[number] for number in behind} == {culprit} and len(behind) == 2
        assert all(row["committed"] for row in day["lag"] if row["minute"] == 40)
    elif fault == "poison record":
        [number] = behind
        row = day["lag"][-4 + number]
        assert day["records"][number][row["committed"]][0] == culprit and culprit not in day["ends"]
        assert len(day["log"]) > 20
    elif fault == "doubled payment":
        assert kept(day)[culprit] == 2 * day["orders"][culprit]["cents"] and not behind
    elif fault == "lost event":
        assert culprit not in written(day) and day["orders"][culprit]["minute"] < 39 and not behind
    else:
        assert culprit in day["reserved"] and day["ends"][culprit] == "declined" and not behind


def test_what_can_not_be_is_refused():
    with pytest.raises(InvalidUse, match="seed"):
        evidence_of("7")
    with pytest.raises(InvalidUse, match="no fault 'gremlins'"):
        truth_of(7, ["gremlins"])
