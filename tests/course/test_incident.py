"""The day of the incident: one seed, one day; each fault has a sign of its own; with all repairs the day is sound."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

import pytest

from evlab.course.incident import FAULTS, REPAIRS, Audit, Day, Repairs, at, clock, open_day
from evlab.course.incident_plan import arrivals, placed, trouble_of
from evlab.errors import InvalidUse
from evlab.log.partitioner import partition

ALL = REPAIRS._asdict()
SEEDS = range(60 if os.environ.get("EVLAB_SOAK") == "1" else 5)


@cache
def day(*faults: str, seed: int = 3, until: str = "14:45", without: str = "", repaired: bool = False) -> Day:
    repairs = {name: cure for name, cure in ALL.items() if repaired and name != without}
    return open_day(seed, faults, **repairs).run(until)


def lags(found: Day, group: str) -> dict[str, int]:
    return {f"{row.topic}-{row.partition}": row.lag for row in found.log.lag(group)}


def worst(found: Day, group: str) -> dict[str, int]:
    looks = found.samples[found.samples.group == group]
    return {f"{topic}-{number}": int(lag) for (topic, number), lag in
            looks.groupby(["topic", "partition"])["lag"].max().items()}


def told(found: Day) -> list:
    return [found.rows, found.lines, found.bank.ledger, [event.to_json() for event in found.events], found.audit()]


def twice(found: Day) -> set[str]:
    return {id for id, times in Counter(charge.order_id for charge in found.bank.ledger).items() if times > 1}


def owner_of(found: Day, topic: str, number: int, group: str) -> str:
    return next(row.member for row in found.log.lag(group) if (row.topic, row.partition) == (topic, number))


# ------------------------------------------------------------------------------------------------ the day as a whole


def test_the_same_seed_gives_the_same_day():
    again = open_day(3, FAULTS).run("14:20").run("14:45")
    assert told(again) == told(day(*FAULTS))


def test_another_seed_gives_another_day():
    other = day(*FAULTS, seed=4)
    assert told(other) != told(day(*FAULTS)) and other.trouble != day(*FAULTS).trouble


def test_until_five_past_two_the_faults_change_nothing():
    assert told(open_day(3, FAULTS).run("14:04")) == told(open_day(3, ()).run("14:04"))


def test_each_fault_strikes_somebody_else_on_another_seed():
    troubles = [trouble_of(seed) for seed in range(30)]
    assert all(len(set(column)) > 1 for column in zip(*troubles, strict=True))
    assert all(trouble.slow != trouble.killed for trouble in troubles)


def test_the_poison_record_is_never_in_the_partition_of_the_hot_key():
    for seed in range(30):
        trouble = trouble_of(seed)
        [order] = [order for _, order in arrivals(seed) if order["order_id"] == trouble.poison]
        assert partition(order["customer"].encode(), 3) != partition(trouble.customer.encode(), 3)


def test_only_an_import_adds_orders_and_only_the_poison_record_changes_one():
    plain, trouble = placed(3, (), trouble_of(3)), trouble_of(3)
    assert placed(3, ("slow consumer", "doubled payment"), trouble) == plain
    [changed] = [order for one, (_, order) in zip(plain, placed(3, ("poison record",), trouble), strict=True)
                 if one[1] != order]
    assert changed["order_id"] == trouble.poison
    imported = [order for _, order in placed(3, ("hot key",), trouble) if order not in [one for _, one in plain]]
    assert len(imported) == 300 and {order["customer"] for order in imported} == {trouble.customer}


def test_a_day_without_faults_is_sound_and_nobody_waits():
    found = day(until="17:00")
    assert found.audit().sound and not found.late() and not found.dead_letters
    audit = found.audit()
    assert audit.placed == 600 == audit.captured + audit.declined + audit.out_of_stock
    assert audit.declined > 0 < audit.out_of_stock  # both ways of saying no are on the way


# -------------------------------------------------------------------------------------- each fault has its own sign


def test_a_hot_key_fills_one_partition_of_orders_and_its_owner_works_it_off():
    found = day("hot key")
    hot = partition(found.trouble.customer.encode(), 3)
    high = worst(found, "inventory")
    assert high[f"orders-{hot}"] > 100 > 5 * max(high[f"orders-{number}"] for number in range(3) if number != hot)
    assert max(worst(found, "payment").values()) < 20 and not twice(found)
    later = day("hot key", until="17:00")
    assert later.audit().sound and len(later.late()) > 100 and not any(lags(later, "inventory").values())


def test_a_slow_consumer_holds_back_what_it_owns_and_its_offset_moves():
    found = day("slow consumer", until="15:30")
    behind = [number for number in (0, 1) if lags(found, "payment")[f"reserved-{number}"] > 20]
    assert [owner_of(found, "reserved", number, "payment") for number in behind] == [found.trouble.slow]
    looks = found.samples.query("group == 'payment' and time > @at('14:10')", local_dict={"at": at})
    assert looks[looks.partition == behind[0]].committed.nunique() > 3
    assert max(worst(found, "inventory").values()) < 20 and not twice(found) and not found.lines


def test_a_poison_record_stands_and_everything_behind_it_waits():
    found = day("poison record", until="15:30")
    stopped = [name for name, verdict in found.health("inventory", "15:30").items() if verdict == "STOP"]
    [order] = [order for _, order in arrivals(3) if order["order_id"] == found.trouble.poison]
    assert stopped == [f"orders-{partition(order['customer'].encode(), 3)}"]
    assert {verdict for name, verdict in found.health("payment", "15:30").items()} == {"OK"}
    assert all("TypeError" in what and stopped[0] in what for _, _, what in found.lines) and len(found.lines) > 50
    assert lags(found, "inventory")[stopped[0]] > 50 and not twice(found)


def test_a_doubled_payment_is_seen_at_the_bank_and_nowhere_else():
    found = day("doubled payment")
    assert twice(found) and found.audit().charged_twice == len(twice(found)) and found.audit().cents_too_much > 0
    for order in twice(found):
        assert [(link.event.type, link.times) for link in found.trace(order)] == [
            ("OrderPlaced", 1), ("StockReserved", 1), ("PaymentCaptured", 1)]
    assert max(worst(found, "payment").values()) < 20 and max(worst(found, "inventory").values()) < 20
    assert Counter(what.split(",")[0].split(":")[0] for _, _, what in found.lines) == {"killed": 4, "started": 4}


# ----------------------------------------------------------------------------------------------------- the repairs


@pytest.mark.parametrize("seed", SEEDS)
def test_with_all_repairs_money_and_stock_agree_whatever_strikes(seed):
    found = day(*FAULTS, seed=seed, until="17:00", repaired=True)
    assert found.audit().sound and not found.dead_letters
    assert found.late() in ([], [found.trouble.poison])  # it is mended at half past three
    assert len(found.placed) == 900


@pytest.mark.parametrize("without, broken", [
    ("charge_id", lambda audit, found: audit.charged_twice > 0 < audit.cents_too_much and audit.open == 0),
    ("attempts", lambda audit, found: audit.open > 100 and audit.charged_twice == 0),
    ("mend", lambda audit, found: audit.open == 1 == len(found.dead_letters) and audit.cents_too_much == 0),
    ("well", lambda audit, found: audit.open > 0 < audit.pieces_off and audit.charged_twice == 0),
    ("key", lambda audit, found: audit.sound and len(found.late()) > 100)])
def test_each_repair_is_needed(without, broken):
    found = day(*FAULTS, until="17:00", repaired=True, without=without)
    assert broken(found.audit(), found)


def test_a_dead_letter_says_whose_it_is_where_it_stood_and_why():
    [dead] = day(*FAULTS, until="17:00", repaired=True, without="mend").dead_letters
    found = day(*FAULTS, until="17:00", repaired=True, without="mend")
    assert (dead.group, dead.topic, dead.event.data["order_id"]) == ("inventory", "orders", found.trouble.poison)
    assert "str" in dead.error and found.log.replica("orders", dead.partition).partition.end > dead.offset


def test_the_probe_moves_the_slow_member_once():
    found = day("slow consumer", repaired=True)
    assert [who for _, who, what in found.lines if what.startswith("not well")] == [found.trouble.slow]


# ------------------------------------------------------------------------------------------------ the audit itself


@pytest.mark.parametrize("harm, field, value", [
    (lambda found: found.bank.charge("own id", next(iter(found.placed)), 700, 0.0), "cents_too_much", 700),
    (lambda found: found.inventory.execute("UPDATE stock SET pieces = pieces - 2 WHERE sku = 'COF-01'"), "pieces_off",
     2),
    (lambda found: found.payment.execute("DELETE FROM payments WHERE rowid = 1"), "open", 1),
    (lambda found: found.placed.update({"order-9999": (0.0, {"items": {}})}), "open", 1)])
def test_the_audit_finds_what_is_not_as_it_should_be(harm, field, value):
    found = open_day(3, ()).run("14:00")
    before = found.audit()
    harm(found)
    assert getattr(found.audit(), field) - getattr(before, field) == value and not found.audit().sound


def test_only_four_zeros_are_sound():
    assert Audit(1, 1, 0, 0, 0, 0, 0, 0).sound
    assert not any(Audit(1, 1, 0, 0, *(number == one for number in range(4))).sound for one in range(4))


# ----------------------------------------------------------------------------------------------------- what is asked


def test_the_clock_and_the_second_are_the_same_time():
    assert (at("09:00"), at("14:05"), clock(at("14:05")), clock(18_359.9)) == (0, 18_300, "14:05", "14:05")
    for wrong in ("", "14", "14:05:00", "two", None):
        with pytest.raises(InvalidUse, match="time of day"):
            at(wrong)


def test_an_unknown_fault_or_repair_is_refused_by_name():
    with pytest.raises(InvalidUse, match="hot keys"):
        open_day(1, ["hot keys"])
    with pytest.raises(InvalidUse, match="retries"):
        open_day(1, retries=3)


def test_the_defaults_are_the_system_that_broke():
    order = {"order_id": "order-1", "customer": "c-7"}
    plain = Repairs()
    assert (plain.key(order), REPAIRS.key(order)) == ("c-7", "order-1")
    assert plain.attempts is None and plain.mend is None and plain.well(1e9) and not REPAIRS.well(31)
