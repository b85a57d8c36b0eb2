"""The three briefs of lab11: what a design does under their load."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from evlab.course.capacity import (
    BRIEFS,
    MONEY,
    RECEIPTS,
    STOCK,
    about,
    apart,
    caught_up,
    fault_of,
    out_of_order,
    outage,
    owners_of,
    peak_of,
    play,
    try_it,
)
from evlab.errors import InvalidUse
from evlab.log.partitioner import partition


def design(brief=RECEIPTS, count=8, key="order", group="{}", **consumers):
    slow, quick = brief["takes"]
    return {"key": key, "partitions": count, "groups": {slow: group.format(slow), quick: group.format(quick)},
            "consumers": {slow: count, quick: 2, **consumers}}


def test_the_peak_of_a_day():
    assert peak_of({"a_day": 864_000, "peak": 5}) == 50
    assert (round(peak_of(RECEIPTS), 1), peak_of(STOCK), peak_of(MONEY)) == (69.4, 300, 80)


# ------------------------------------------------------------------------------------------------------- the load


@pytest.mark.parametrize("brief", BRIEFS.values(), ids=BRIEFS)
def test_a_load_is_the_same_again_however_much_of_it_was_asked_for(brief):
    for field in brief["fields"]:
        short = list(about(brief, field, 5, 40)[:40])
        assert about(brief, field, 5, 4_000)[:40] == short
    field = brief["fields"][1]
    assert about(brief, field, 5, 400)[:400] != about(brief, field, 6, 400)[:400]


def test_each_second_record_is_the_second_event_about_something():
    orders, types = (about(RECEIPTS, field, 1, 2_000)[:2_000] for field in ("order", "type"))
    again = [number for number in range(2_000) if types[number] == "second"]
    assert len(again) == 997 and all(orders[number] == orders[number - 7] for number in again)
    assert set(Counter(orders).values()) == {1, 2}
    assert about(RECEIPTS, "country", 1, 2_000)[again[0]] == about(RECEIPTS, "country", 1, 2_000)[again[0] - 7]


@pytest.mark.parametrize(("brief", "field"), [(STOCK, "item"), (MONEY, "account")])
def test_one_key_has_the_share_that_the_brief_says(brief, field):
    keys = Counter(about(brief, field, 2, 20_000)[:20_000])
    [(first, most), (_, next_most)] = keys.most_common(2)
    assert first == f"{field}-0" and abs(most / 20_000 - brief["best_seller"]) < 0.01 and next_most < most / 20


# ------------------------------------------------------------------------------------------------------- the play


def test_a_record_waits_for_its_consumer_and_an_outage_holds_all_up():
    reads = list(play(RECEIPTS, design(count=1), "mail", 0, rate=10, seconds=1, thin=1, down=(0.25, 0.7)))
    assert [(read.came, round(read.began, 2)) for read in reads] == [
        (0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.3, 0.7), (0.4, 0.74), (0.5, 0.78), (0.6, 0.82), (0.7, 0.86),
        (0.8, 0.9), (0.9, 0.94)]


def test_a_record_goes_to_the_partition_of_its_key():
    orders = about(RECEIPTS, "order", 3, 500)
    for read in play(RECEIPTS, design(), "mail", 3, rate=50, seconds=10, thin=1, down=(0, 0)):
        assert read.partition == partition(orders[read.number].encode(), 8)


def test_readers_of_one_group_share_the_partitions_and_readers_of_two_have_all():
    one = design(group="readers", mail=3)
    parts = [set(owners_of(one, reader)) for reader in RECEIPTS["takes"]]
    assert parts[0] | parts[1] == set(range(8)) and not parts[0] & parts[1]
    got = [{read.number for read in outage(RECEIPTS, one, reader, 0)} for reader in RECEIPTS["takes"]]
    assert not got[0] & got[1] and got[0] | got[1] == {read.number for read in outage(RECEIPTS, design(), "mail", 0)}
    assert all(set(owners_of(design(), reader)) == set(range(8)) for reader in RECEIPTS["takes"])


def test_seconds_to_catch_up_agree_with_the_arithmetic_of_even_keys():
    """Half the records have a key of their own, so keys are nearly even: outage × λ / (μ - λ), and some for the
    fullest partition."""
    rate = peak_of(RECEIPTS)
    for count in (8, 10, 16):
        plain = RECEIPTS["outage"] * rate / (count / RECEIPTS["takes"]["mail"] - rate)
        assert plain < caught_up(RECEIPTS, design(count=count), "mail", 0) < 1.6 * plain


def test_what_does_not_keep_up_never_catches_up():
    assert caught_up(RECEIPTS, design(count=2), "mail", 0) == math.inf
    assert caught_up(RECEIPTS, design(count=2), "analytics", 0) < RECEIPTS["catch_up"]


def test_a_best_seller_takes_longer_than_even_keys_and_more_partitions_help():
    hot, even, many = (caught_up(STOCK, design(STOCK, count, key), "shelf", 1)
                       for count, key in ((14, "item"), (14, "order"), (40, "item")))
    assert hot > STOCK["catch_up"] > even > many


# ------------------------------------------------------------------------------------------------------ its order


@pytest.mark.parametrize("key", ["order", "customer", "country"])
def test_a_key_that_an_order_has_all_its_life_keeps_its_order(key):
    assert not out_of_order(RECEIPTS, design(key=key), "mail", 1)
    assert apart(RECEIPTS, design(key=key), "order", 1) is None


@pytest.mark.parametrize("key", ["type", None])
def test_another_key_reads_a_later_event_first(key):
    for before, after in out_of_order(RECEIPTS, design(count=16, key=key), "mail", 1).values():
        assert before.began <= after.began and before.came > after.came and before.partition != after.partition
    assert out_of_order(RECEIPTS, design(count=16, key=key), "mail", 1)
    assert apart(RECEIPTS, design(count=16, key=key), "order", 1)


def test_one_consumer_reads_in_order_by_luck_and_that_is_seen():
    lucky = design(key=None, mail=1)
    assert not out_of_order(RECEIPTS, lucky, "mail", 1)
    thing, one, other = apart(RECEIPTS, lucky, "order", 1)
    assert thing.startswith("order-") and one != other
    assert apart(RECEIPTS, design(key=None, count=1), "order", 1) is None


# ------------------------------------------------------------------------------------------------------ a design


def test_a_design_in_a_table():
    table = try_it(RECEIPTS, design(mail=8))
    assert list(table.index) == ["mail", "analytics"]
    assert list(table.loc["mail"])[:2] == ["100 %", 0] and list(table["asked for, s"]) == [60, 60]
    shared = try_it(RECEIPTS, design(group="readers", key="country", count=3, mail=2, analytics=1))
    assert [int(share.removesuffix(" %")) for share in shared["got of all"]] == [35, 65]
    assert shared.loc["mail", "caught up after, s"] == math.inf


def test_a_whole_number_may_have_a_point():
    assert try_it(RECEIPTS, design(count=8.0, analytics=2.0)).equals(try_it(RECEIPTS, design()))


@pytest.mark.parametrize(("change", "says"), [
    ({"key": "order_id"}, "key has to be one of order, customer, country, type, or None, not 'order_id'"),
    ({"key": ["order"]}, "key has to be one of"),
    ({"partitions": "8"}, "partitions has to be a whole number of 1 or more, not '8'"),
    ({"partitions": 7.5}, "partitions has to be a whole number"),
    ({"partitions": True}, "partitions has to be a whole number"),
    ({"partitions": math.nan}, "partitions has to be a whole number"),
    ({"partitions": math.inf}, "partitions has to be a whole number"),
    ({"groups": {"mail": "mail"}}, "groups has to name a group for each of analytics, mail"),
    ({"groups": {"mail": "", "analytics": "a"}}, "groups has to name"),
    ({"consumers": {"mail": 8}}, "consumers has to be a whole number for each of analytics, mail"),
    ({"consumers": {"mail": 8, "analytics": 0}}, "consumers has to be"),
])
def test_what_is_no_design_is_refused_with_its_fault(change, says):
    assert says in fault_of(RECEIPTS, {**design(), **change})
    with pytest.raises(InvalidUse, match="first_try"):
        try_it(RECEIPTS, {**design(), **change})


def test_what_is_no_dict_or_lacks_something():
    assert "a design is a dict" in fault_of(RECEIPTS, None)
    assert fault_of(RECEIPTS, {"key": "order"}) == "the design has no 'partitions'"
    assert fault_of(RECEIPTS, design()) == ""
