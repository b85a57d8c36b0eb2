"""The plan of the day: its clock, when each order comes, what breaks, and what can be repaired. The seed decides."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from random import Random
from typing import NamedTuple

from evlab.course.data import load_orders
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.log.partitioner import partition

__all__ = ["BREAKS", "CLOSES", "FAULTS", "MENDS", "OPENS", "ORDERS_PARTITIONS", "REPAIRS", "Repairs", "Trouble",
           "arrivals", "at", "clock", "placed", "trouble_of", "usual_orders"]

FAULTS = ("hot key", "slow consumer", "poison record", "doubled payment")
"""What can break. Each alone has a sign of its own: see `Trouble`."""
ORDERS_PARTITIONS = 3
FIRST, LAST, IMPORTED, MINUTES = 918, 1517, 300, 20
"""The day's orders by their numbers in data/orders.jsonl; how many a partner adds, and within how many minutes."""


def at(clock: str) -> float:
    """The second at which it is "14:05". Second 0 of a World is 09:00."""
    try:
        hours, minutes = (int(part) for part in clock.split(":"))
    except (AttributeError, ValueError):
        raise InvalidUse(f"{clock!r:.40} is no time of day", next_step='write "14:05"') from None
    return (hours - 9) * 3600.0 + minutes * 60.0


def clock(seconds: float) -> str:
    """What the clock on the wall says at a second of the day, as "14:05"."""
    hours, minutes = divmod(int(seconds) // 60 + 9 * 60, 60)
    return f"{hours:02d}:{minutes:02d}"


OPENS, BREAKS, MENDS, CLOSES = at("13:30"), at("14:05"), at("15:30"), at("16:00")


class Trouble(NamedTuple):
    """Whom each fault strikes. A learner finds this out; a test may read it."""

    customer: str
    """Hot key: from 14:05 to 14:25 a partner imports 300 orders of this customer, and orders are keyed by customer."""
    slow: str
    """Slow consumer: this member of `payment` needs nine times as long from 14:05 on. Its heartbeats are in time."""
    poison: str
    """Poison record: this order gives its quantities as text."""
    killed: str
    """Doubled payment: this member of `payment` is killed four times, each time between the bank and its own note."""


class Repairs(NamedTuple):
    """What may be changed in the system. The defaults are how it broke; `REPAIRS` has a cure for each fault."""

    key: Callable[[dict], str] = lambda order: order["customer"]
    """Which key an order has in the log, and so which partition it is in."""
    well: Callable[[float], bool] = lambda seconds: True
    """Asked after each record, with the seconds that it took. If not, the process ends, and a new one starts elsewhere.
    """
    attempts: int | None = None
    """How often a record is tried before it becomes a dead letter; None: for ever."""
    mend: Callable[[dict], dict] | None = None
    """What is done at 15:30 to the data of each dead letter, before it is published again; None: nobody looks."""
    charge_id: Callable[[Event, str], str] = lambda event, fresh: fresh
    """The id of a charge. The bank takes each id once. `fresh` is a new one at each attempt."""


def _whole_quantities(order: dict) -> dict:
    return {**order, "items": {sku: int(pieces) for sku, pieces in order["items"].items()}}


REPAIRS = Repairs(key=lambda order: order["order_id"], well=lambda seconds: seconds < 30, attempts=3,
                  mend=_whole_quantities, charge_id=lambda event, fresh: event.data["order_id"])


def trouble_of(seed: int) -> Trouble:
    """Whom the faults strike on the day of this seed. The poison record is in another partition than the hot key."""
    chance = Random(f"{seed}/trouble")
    customer = chance.choice(["c-7", "c-13", "c-58", "c-101", "c-230", "c-404"])
    hot = partition(customer.encode(), ORDERS_PARTITIONS)
    others = [order["order_id"] for time, order in arrivals(seed)
              if BREAKS < time < BREAKS + 600 and partition(order["customer"].encode(), ORDERS_PARTITIONS) != hot]
    members = ["payment-1", "payment-2"]
    chance.shuffle(members)
    return Trouble(customer, members[0], chance.choice(others), members[1])


@lru_cache(maxsize=1)
def usual_orders() -> tuple[dict, ...]:
    """The day's orders, as far as the services need them: order_id, customer, cents, and items: {sku: pieces}."""
    return tuple({"order_id": order["order_id"], "customer": order["customer"]["id"], "cents": order["total_cents"],
                  "items": {item["sku"]: item["quantity"] for item in order["items"]}}
                 for order in load_orders(LAST)[FIRST - 1:])


def arrivals(seed: int) -> list[tuple[float, dict]]:
    """When each of the day's usual orders is placed."""
    chance = Random(f"{seed}/arrivals")
    return list(zip(sorted(chance.uniform(OPENS, CLOSES) for _ in usual_orders()), usual_orders(), strict=True))


def placed(seed: int, faults: Collection[str], trouble: Trouble) -> list[tuple[float, dict]]:
    """When each order of the day is placed, in order of time."""
    chance, found = Random(f"{seed}/import"), arrivals(seed)
    if "poison record" in faults:
        found = [(time, _as_text(order) if order["order_id"] == trouble.poison else order) for time, order in found]
    if "hot key" in faults:
        baskets = [order for order in usual_orders() if "AUD-01" not in order["items"]]
        found += [(chance.uniform(BREAKS, BREAKS + 60 * MINUTES),
                   {**chance.choice(baskets), "order_id": f"order-{2001 + number}", "customer": trouble.customer})
                  for number in range(IMPORTED)]
    return sorted(found, key=lambda one: one[0])


def _as_text(order: dict) -> dict:
    return {**order, "items": {sku: str(pieces) for sku, pieces in order["items"].items()}}
