"""data/orders.jsonl: made by its script, and everything that the notebooks rely on is in it.

`problems(orders)` says what is wrong with a week of orders. The tests show that the real week has no problem, and
that each kind of damage is found.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from evlab.sim import World

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "data" / "make_orders.py"
FILE = ROOT / "data" / "orders.jsonl"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
FLASH = datetime(2026, 1, 9, 18, tzinfo=UTC)
FIELDS = ["order_id", "placed_at", "customer", "items", "shipping_cents", "discount_cents", "total_cents", "currency",
          "channel", "payment", "discount_code", "cancelled_at", "cancel_reason", "shipped_at"]
OPTIONAL = ["discount_code", "cancelled_at", "cancel_reason", "shipped_at"]
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
EU = ["FR", "NL", "PL", "SE", "ES", "IT", "PT", "IE"]


@pytest.fixture(scope="module")
def week() -> list[dict]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def script(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True,
                          env=os.environ | environment, timeout=60)


@functools.cache
def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def goods(order: dict) -> int:
    return sum(item["quantity"] * item["unit_cents"] for item in order["items"])


def problems(orders: list[dict]) -> list[str]:
    """What is wrong with these orders, in words; empty if nothing is."""
    incomplete = [order for order in orders if any(name not in order for name in FIELDS if name not in OPTIONAL)]
    if incomplete:
        return [f"{order.get('order_id')}: a field is missing" for order in incomplete]
    return [f"{order['order_id']}: {rule}" for order in orders for rule, kept in rules_of_one(order).items() if not kept
            ] + [rule for rule, kept in rules_of_all(orders).items() if not kept]


def rules_of_one(order: dict) -> dict[str, bool]:
    return {
        "fields in their order": list(order) == [name for name in FIELDS if name in order],
        "1 to 6 different items": 1 <= len({item["sku"] for item in order["items"]}) == len(order["items"]) <= 6,
        "quantities from 1": all(item["quantity"] >= 1 for item in order["items"]),
        "money is whole cents": all(type(n) is int and n >= 0 for n in moneys(order)),
        "total = goods - discount + shipping":
            order["total_cents"] == goods(order) - order["discount_cents"] + order["shipping_cents"],
        "shipping by country, free from 75.00": order["shipping_cents"] == shipping(order),
        "a discount has a code": (order["discount_cents"] > 0) == ("discount_code" in order),
        "the discount is what the code says": order["discount_cents"] == discount(order),
        "times are UTC in whole seconds": all(INSTANT.fullmatch(text) for text in times(order)),
        "within the week": START <= when(order["placed_at"]) < START + timedelta(days=7),
        "nothing happens before the order": all(when(t) > when(order["placed_at"]) for t in times(order)[1:]),
        "cancelled with a reason": ("cancelled_at" in order) == ("cancel_reason" in order),
        "never cancelled and shipped": not ("cancelled_at" in order and "shipped_at" in order),
        "shipped only if paid": not ("shipped_at" in order and len(order["payment"].get("failed", [])) == 3),
        "attempts in order": times_of_failures(order) == sorted(times_of_failures(order)),
        "a mailbox that belongs to nobody": re.fullmatch(r"[a-z.\d-]+@example\.(com|org)", order["customer"]["email"]),
        "known channel": order["channel"] in ("web", "app", "phone"),
        "known method": order["payment"]["method"] in ("card", "wallet", "bank_transfer", "invoice"),
        "euro": order["currency"] == "EUR",
    }


def moneys(order: dict) -> list:
    named = [order[name] for name in ("shipping_cents", "discount_cents", "total_cents")]
    return named + [item["unit_cents"] for item in order["items"]]


def times_of_failures(order: dict) -> list[str]:
    return [attempt["at"] for attempt in order["payment"].get("failed", [])]


def times(order: dict) -> list[str]:
    later = [order[name] for name in ("cancelled_at", "shipped_at") if name in order]
    return [order["placed_at"], *times_of_failures(order), *later]


def shipping(order: dict) -> int:
    country = order["customer"]["country"]
    if goods(order) - order["discount_cents"] >= 7_500:
        return 0
    return 490 if country == "DE" else 790 if country in EU else 1490


def discount(order: dict) -> int:
    speakers = sum(i["quantity"] * i["unit_cents"] for i in order["items"] if i["sku"] == "AUD-01")
    by_code = {"FLASH30": speakers * 30 // 100, "WELCOME10": goods(order) * 10 // 100, "NEWYEAR5": 500, None: 0}
    return by_code[order.get("discount_code")]


def rules_of_all(orders: list[dict]) -> dict[str, bool]:
    placed = [order["placed_at"] for order in orders]
    customers = Counter(order["customer"]["id"] for order in orders)
    flash = [o for o in orders if FLASH <= when(o["placed_at"]) < FLASH + timedelta(minutes=12)
             and "AUD-01" in [item["sku"] for item in o["items"]]]
    lunch = [o for o in orders if when(o["placed_at"]).weekday() < 5 and "11:10" <= o["placed_at"][11:16] < "12:00"]
    after = [o for o in orders if when(o["placed_at"]).weekday() < 5 and "12:10" <= o["placed_at"][11:16] < "13:00"]
    night = [o for o in orders if o["placed_at"][11:13] in ("01", "02", "03", "04")]
    cancelled = [o for o in orders if "cancelled_at" in o]
    prices = {(i["sku"], i["name"], i["unit_cents"]) for o in orders for i in o["items"]}
    people = {json.dumps(o["customer"]) for o in orders}
    welcomed = [o["customer"]["id"] for o in orders if o.get("discount_code") == "WELCOME10" and not is_second(o)]
    failures = [len(times_of_failures(order)) for order in orders]
    reasons = Counter(order.get("cancel_reason") for order in cancelled)
    return {
        "numbered without a gap": [o["order_id"] for o in orders] == [f"order-{n}" for n in range(1, len(orders) + 1)],
        "about 2,000 orders": 1_900 <= len(orders) <= 2_100,
        "oldest first": placed == sorted(placed),
        "some orders share a second": len(set(placed)) < len(placed),
        "one price a product": len(prices) == len({sku for sku, _, _ in prices}) == 40,
        "one address a customer": len(people) == len(customers) == len({json.loads(p)["email"] for p in people}),
        "a flash sale: many orders of one product": len(flash) >= 150,
        "from many customers": len({o["customer"]["id"] for o in flash}) >= 120,
        "a rush at lunch": len(lunch) >= 1.5 * len(after),
        "quiet nights": len(night) <= len(orders) * 0.03,
        "one business customer with about 4 %": 0.03 <= customers["c-7"] / len(orders) <= 0.05,
        "hot customers": sum(n for c, n in customers.items() if n >= 10 and c != "c-7") >= 70,
        "nobody else is hot": len([n for n in customers.values() if n >= 10]) == 6,
        "about 4 % cancelled": 0.03 <= len(cancelled) / len(orders) <= 0.05,
        "for several reasons": len(reasons) >= 5,
        "no order is sent twice without a first": not [o for o in orders if is_second(o) and not first_of(o, orders)],
        "some are sent twice": 5 <= len([o for o in orders if is_second(o)]) <= 15,
        "some payments are tried again": 20 <= len([n for n in failures if 1 <= n <= 2]) <= 100,
        "some payments fail for good": 5 <= reasons["payment_failed"] <= 30,
        "some are shipped": 0.3 <= len([o for o in orders if "shipped_at" in o]) / len(orders) <= 0.8,
        "a welcome once a customer": len(welcomed) == len(set(welcomed)),
        "three channels": sorted(n >= 40 for n in Counter(o["channel"] for o in orders).values()) == [True] * 3,
        "many countries": len({o["customer"]["country"] for o in orders}) >= 10,
    }


def is_second(order: dict) -> bool:
    return order.get("cancel_reason") == "ordered_twice"


def first_of(second: dict, orders: list[dict]) -> list[dict]:
    """The order that `second` repeats: same customer and items, at most 90 seconds before."""
    span = timedelta(seconds=90)
    return [o for o in orders if o["customer"] == second["customer"] and o["items"] == second["items"]
            and o["total_cents"] == second["total_cents"]
            and timedelta() < when(second["placed_at"]) - when(o["placed_at"]) <= span]


# ---------------------------------------------------------------------------------------------- the file as it is


def test_the_committed_file_is_what_the_script_makes():
    checked = script("--check")
    assert (checked.returncode, checked.stdout) == (0, "orders.jsonl: as the script makes it\n"), checked.stderr


def test_the_bytes_do_not_depend_on_hash_order_locale_or_time_zone(tmp_path):
    made = []
    for number, environment in enumerate([{"PYTHONHASHSEED": "0", "TZ": "Asia/Tokyo"},
                                          {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONUTF8": "0"}]):
        path = tmp_path / f"{number}.jsonl"
        assert script("--file", str(path), **environment).returncode == 0
        made.append(path.read_bytes())
    assert made[0] == made[1] == FILE.read_bytes().replace(b"\r\n", b"\n")


def test_the_week_keeps_every_rule(week):
    assert problems(week) == []


def test_the_file_is_small_compact_and_readable_as_text():
    text = FILE.read_bytes().replace(b"\r\n", b"\n")
    assert len(text) < 900_000
    assert text.endswith(b"}\n")
    for line in text.decode().splitlines():
        assert line == json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"))


def test_order_1042_is_ordinary_and_easy_to_remember(week):
    order = week[1041]
    assert order["order_id"] == "order-1042"
    assert order["total_cents"] == 4_200 == 2 * 980 + 1_750 + 490
    assert {item["name"]: item["quantity"] for item in order["items"]} == {"Stoneware mug": 2, "Coffee dripper": 1}
    assert order["customer"]["name"] == "Amina Diallo"
    assert "cancelled_at" not in order and "discount_code" not in order and "failed" not in order["payment"]


def test_the_week_begins_when_the_clock_of_a_world_says_0(week):
    assert World(seed=1).epoch == START.timestamp()
    assert when(week[0]["placed_at"]) >= START


def test_the_readme_counts_what_is_there(week):
    text = (FILE.parent / "README.md").read_text(encoding="utf-8")
    seconds = Counter(order["placed_at"] for order in week)
    flash = [order for order in week if order.get("discount_code") == "FLASH30"]
    for claim in (f"{len(week):,} orders of an invented", f"{len(flash)} orders in twelve minutes",
                  f"{sum(n for n in seconds.values() if n > 1)} orders share their second", f"`order-{len(week)}`"):
        assert claim in text


def test_names_come_from_many_languages(week):
    letters = {letter for order in week for letter in order["customer"]["name"]}
    assert {"ß", "ö", "é", "ł", "ñ", "ğ", "Å", "ō", "'"} <= letters


# ---------------------------------------------------------------------------------------------- damage is found


def find(week: list[dict], wanted) -> dict:
    return next(order for order in week if wanted(order))


def drop(name):
    return lambda week: find(week, lambda o: name in o).pop(name)


def put(name, value, wanted=lambda order: True):
    return lambda week: find(week, wanted).update({name: value})


def shorten(keep):
    def damage(week):
        week[:] = [order for order in week if keep(order)]
        for number, order in enumerate(week, 1):
            order["order_id"] = f"order-{number}"
    return damage


def swap(week):
    week[10], week[900] = week[900], week[10]


def everybody_is_one(week):
    for order in week:
        order["customer"] = week[0]["customer"]


def move_the_flash_sale(week):
    for order in week:
        if order.get("discount_code") == "FLASH30":
            order["placed_at"] = "2026-01-09T19:30:00Z"
    week.sort(key=lambda order: order["placed_at"])


DAMAGES = {
    "a total one cent off": (put("total_cents", 1), "total = goods - discount + shipping"),
    "money as a float": (lambda w: w[5].update(total_cents=float(w[5]["total_cents"])), "money is whole cents"),
    "free shipping for one": (
        lambda w: (o := find(w, lambda o: o["shipping_cents"])).update(
            shipping_cents=0, total_cents=o["total_cents"] - o["shipping_cents"]), "shipping by country"),
    "a code that nobody typed": (
        lambda w: find(w, lambda o: o["discount_cents"]).pop("discount_code"), "a discount has a code"),
    "a field is gone": (drop("currency"), "a field is missing"),
    "another currency": (put("currency", "USD"), "euro"),
    "two orders change places": (swap, "oldest first"),
    "an order number twice": (put("order_id", "order-2"), "numbered without a gap"),
    "a local time": (put("placed_at", "2026-01-05T10:03:32+01:00"), "times are UTC"),
    "an order of next year": (put("placed_at", "2027-01-05T10:03:32Z"), "within the week"),
    "no reason": (drop("cancel_reason"), "cancelled with a reason"),
    "shipped before it was placed": (put("shipped_at", "2026-01-05T09:00:00Z", lambda o: "shipped_at" in o),
                                     "nothing happens before the order"),
    "cancelled, yet shipped": (put("shipped_at", "2026-01-12T08:00:00Z", lambda o: "cancelled_at" in o),
                               "never cancelled and shipped"),
    "a real mail provider": (lambda w: w[3]["customer"].update(email="someone@gmail.com"), "a mailbox"),
    "a price that changed": (lambda w: w[-1]["items"][0].update(unit_cents=1), "one price a product"),
    "seven of nothing": (lambda w: w[0]["items"][0].update(quantity=0), "quantities from 1"),
    "nobody cancels": (shorten(lambda o: "cancelled_at" not in o), "about 4 % cancelled"),
    "no flash sale": (move_the_flash_sale, "a flash sale"),
    "a flash sale of one customer": (everybody_is_one, "from many customers"),
    "no business customer": (shorten(lambda o: o["customer"]["id"] != "c-7"), "one business customer"),
    "no second tries": (shorten(lambda o: "failed" not in o["payment"]), "some payments are tried again"),
    "no lunch": (shorten(lambda o: not "11:10" <= o["placed_at"][11:16] < "12:00"), "a rush at lunch"),
    "a second order without its first": (
        lambda w: find(w, is_second)["items"][0].update(sku="OFF-99"), "no order is sent twice without a first"),
    "fields in another order": (lambda w: w[0].update(channel=w[0].pop("channel")), "fields in their order"),
    "one item on two lines": (lambda w: w[0]["items"].append(w[0]["items"][0]), "1 to 6 different items"),
    "too much off": (lambda w: (o := find(w, lambda o: o["discount_cents"])).update(
        discount_cents=o["discount_cents"] + 1, total_cents=o["total_cents"] - 1), "the discount is what the code"),
    "shipped, never paid": (lambda w: find(w, lambda o: len(times_of_failures(o)) == 3).update(
        shipped_at="2026-01-12T08:00:00Z"), "shipped only if paid"),
    "attempts in another order": (lambda w: find(w, lambda o: len(times_of_failures(o)) == 3)["payment"]["failed"]
                                  .reverse(), "attempts in order"),
    "an order by fax": (put("channel", "fax"), "known channel"),
    "paid in kind": (lambda w: w[0]["payment"].update(method="eggs"), "known method"),
    "no ties": (lambda w: w.__setitem__(slice(None), list({o["placed_at"]: o for o in w}.values())),
                "some orders share a second"),
    "two addresses": (lambda w: w[0]["customer"].update(city="Elsewhere"), "one address a customer"),
    "busy nights": (lambda w: [o.update(placed_at="2026-01-06T02:00:00Z") for o in w[:100]], "quiet nights"),
    "no regulars": (shorten(lambda o: o["customer"]["id"] not in ("c-13", "c-58")), "hot customers"),
    "one regular more": (lambda w: [o.update(customer=w[0]["customer"]) for o in w[60:72]], "nobody else is hot"),
    "one reason for all": (lambda w: [o.update(cancel_reason="changed_mind") for o in w if "cancelled_at" in o],
                           "for several reasons"),
    "no second clicks": (shorten(lambda o: not is_second(o)), "some are sent twice"),
    "no payment fails": (shorten(lambda o: o.get("cancel_reason") != "payment_failed"), "some payments fail for good"),
    "nothing leaves": (lambda w: [o.pop("shipped_at", None) for o in w], "some are shipped"),
    "welcome, again and again": (
        lambda w: [o.update(discount_code="WELCOME10") for o in w if o["customer"]["id"] == "c-13"], "a welcome once"),
    "nobody phones": (lambda w: [o.update(channel="web") for o in w if o["channel"] == "phone"], "three channels"),
    "one country": (shorten(lambda o: o["customer"]["country"] == "DE"), "many countries"),
    "half a file": (lambda w: w.__delitem__(slice(1_000, None)), "about 2,000 orders"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(week, damage):
    hurt, rule = DAMAGES[damage]
    damaged = json.loads(json.dumps(week))
    hurt(damaged)
    assert [found for found in problems(damaged) if rule in found], f"nothing about {rule!r}"


def test_every_rule_is_broken_by_some_damage(week):
    rules = {*rules_of_one(week[0]), *rules_of_all(week)}
    assert sorted(rule for rule in rules if not any(rule.startswith(r) for _, r in DAMAGES.values())) == []


@pytest.mark.parametrize("tamper", [
    lambda text: text.replace(b'"total_cents":4200', b'"total_cents":4201', 1),
    lambda text: text + b"\n",
    lambda text: text[: len(text) // 2],
    lambda text: b"",
])
def test_check_sees_a_file_that_was_changed_by_hand(tmp_path, tamper):
    path = tmp_path / "orders.jsonl"
    path.write_bytes(tamper(FILE.read_bytes()))
    checked = script("--check", "--file", str(path))
    assert checked.returncode == 1 and "differs from what the script makes, first in line" in checked.stdout


def test_check_accepts_the_line_ends_of_windows_and_names_a_missing_file(tmp_path):
    path = tmp_path / "orders.jsonl"
    missing = script("--check", "--file", str(path))
    assert missing.returncode == 2 and "orders.jsonl" in missing.stdout and not missing.stderr
    path.write_bytes(FILE.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert script("--check", "--file", str(path)).returncode == 0
