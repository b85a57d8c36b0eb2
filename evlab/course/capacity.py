"""Three briefs of the shop, and what comes of a design under their load, before anybody has built it.

    try_it(RECEIPTS, {"key": "order", "partitions": 8, "groups": {"mail": "mail", "analytics": "analytics"},
                      "consumers": {"mail": 8, "analytics": 1}})

`play` takes each record to the partition of its key and to the owner of that in the reader's group, as Kafka's
murmur2 partitioner and range assignor do. There it waits until the consumer is free, and takes its time. Loads are
thinned: one record stands for `thin` real ones, and takes as long as these do together.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.log.assignors import assign_range
from evlab.log.partitioner import partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BRIEFS", "MONEY", "RECEIPTS", "STOCK", "Read", "about", "apart", "caught_up", "fault_of", "is_count",
           "out_of_order", "outage", "owners_of", "peak_of", "play", "try_it"]

RECEIPTS = {
    "name": "receipts", "a_day": 1_000_000, "peak": 6, "bytes": 400, "days": 7, "copies": 3,
    "takes": {"mail": 0.040, "analytics": 0.002}, "in_order": {"mail": "order"},
    "fields": ["order", "customer", "country", "type"],
    "outage": 60, "catch_up": 60, "most_partitions": 16}
STOCK = {
    "name": "stock", "a_day": 4_320_000, "peak": 6, "bytes": 250, "copies": 3,
    "takes": {"shelf": 0.025, "search": 0.004}, "in_order": {"shelf": "item"}, "best_seller": 0.04,
    "fields": ["order", "item", "warehouse", "type"],
    "outage": 120, "catch_up": 240, "longest_hours": 12, "most_partitions": 48}
MONEY = {
    "name": "money", "a_day": 1_728_000, "peak": 4, "bytes": 600, "brokers": 3,
    "takes": {"ledger": 0.050, "fraud": 0.010}, "in_order": {"ledger": "account"}, "best_seller": 0.05,
    "fields": ["payment", "account", "country", "type"],
    "outage": 600, "catch_up": 900, "longest_hours": 60, "most_partitions": 32}
BRIEFS = {brief["name"]: brief for brief in (RECEIPTS, STOCK, MONEY)}
THIN = {"receipts": 4, "stock": 8, "money": 8}
"""How many records one stands for."""
QUIET = 30
"""Seconds at the peak before the outage begins."""


class Read(NamedTuple):
    """One record as a reader got it; the times are seconds from the beginning."""

    number: int
    partition: int
    came: float
    began: float
    member: str


def peak_of(brief: dict) -> float:
    """Records a second in the busiest hour."""
    return brief["a_day"] / 86_400 * brief["peak"]


# ------------------------------------------------------------------------------------------------------- the load


def about(brief: dict, field: str, seed: int, count: int) -> list[str]:
    """That field of the first `count` records, or of more. Each second record is the second event about the same
    thing as one before it."""
    chance, made = _drawn(brief["name"], field, seed)
    while len(made) < count:
        number = len(made)
        again = number % 2 == 1 and number > 6
        made.append("second" if again and field == "type" else made[number - 7] if again
                    else _named(field, number, brief, chance))
    return made


@lru_cache(maxsize=32)
def _drawn(name: str, field: str, seed: int) -> tuple[Random, list[str]]:
    return Random(f"{name}/{field}/{seed}"), []


def _named(field: str, number: int, brief: dict, chance: Random) -> str:
    if field in ("order", "payment"):
        return f"{field}-{number}"
    if field in ("country", "warehouse"):
        return f"{field}-{bisect((45, 65, 80, 90, 96), 100 * chance.random())}"
    if field == "type":
        return "first"
    best = field in brief["in_order"].values() and chance.random() < brief.get("best_seller", 0)
    return f"{field}-0" if best else f"{field}-{1 + int(4_999 * chance.random())}"


@lru_cache(maxsize=300_000)
def _home(key: str, count: int) -> int:
    return partition(key.encode(), count)


# ------------------------------------------------------------------------------------------------------- the play


def play(brief: dict, design: dict, reader: str, seed: int, *, rate: float, seconds: float, thin: float,
         down: tuple[float, float]) -> Iterator[Read]:
    """The records that `reader` gets, in the order in which they came. It stands still while it is `down`.

    A record comes every thin / rate seconds. What belongs to another reader of the same group is not among them.
    """
    owners, takes = owners_of(design, reader), thin * brief["takes"][reader]
    free: dict[str, float] = {}
    for number, home in enumerate(homes_of(brief, design, seed, int(rate * seconds / thin))):
        member = owners.get(home)
        if member is not None:
            came = number * thin / rate
            began = max(came, free.get(member, 0.0))
            if down[0] <= began < down[1]:
                began = down[1]
            free[member] = began + takes
            yield Read(number, home, came, began, member)


def homes_of(brief: dict, design: dict, seed: int, total: int) -> Iterator[int]:
    """The partitions of the first `total` records. Without a key that is chance."""
    key, count, chance = design["key"], int(design["partitions"]), Random(f"no key/{seed}")
    for number in range(total):
        if key is None:
            yield int(count * chance.random())
        else:
            if number % 500 == 0:  # a play may end early: what it does not look at is not made
                keys = about(brief, key, seed, min(total, number + 500))
            yield _home(keys[number], count)


def owners_of(design: dict, reader: str) -> dict[int, str]:
    """By partition the member of this reader that owns it; those that other readers of its group own are missing."""
    group = design["groups"][reader]
    members = {f"{name}-{number:03}": name for name, own in design["groups"].items() if own == group
               for number in range(int(design["consumers"][name]))}
    shares = assign_range({"topic": int(design["partitions"])}, {member: ["topic"] for member in members})
    return {number: member for member, share in shares.items() if members[member] == reader for _, number in share}


def outage(brief: dict, design: dict, reader: str, seed: int, times: float = 1) -> Iterator[Read]:
    """The brief's outage at the peak, and `times` the time to catch up."""
    return play(brief, design, reader, seed, rate=peak_of(brief), thin=THIN[brief["name"]],
                seconds=QUIET + brief["outage"] + times * brief["catch_up"], down=(QUIET, QUIET + brief["outage"]))


def caught_up(brief: dict, design: dict, reader: str, seed: int) -> float:
    """Seconds from the end of the outage until the last consumer has nothing left that waited: each at the first record
    that it begins as soon as it comes. inf if that is not within three times the time to catch up."""
    up, owners = QUIET + brief["outage"], set(owners_of(design, reader).values())
    idle: dict[str, float] = {}
    for read in outage(brief, design, reader, seed, times=3):
        if idle.setdefault(read.member, math.inf) == math.inf and read.began == read.came >= up:
            idle[read.member] = read.came - up
            owners.discard(read.member)
            if not owners:
                break
    return max(idle.values(), default=0.0)


def out_of_order(brief: dict, design: dict, reader: str, seed: int) -> dict[str, tuple[Read, Read]]:
    """By thing that the reader needs in order: the first two records that it read the other way round."""
    reads = sorted(outage(brief, design, reader, seed), key=lambda read: (read.began, read.number))
    things = about(brief, brief["in_order"][reader], seed, max((read.number for read in reads), default=0) + 1)
    last: dict[str, Read] = {}
    torn: dict[str, tuple[Read, Read]] = {}
    for read in reads:
        before = last.setdefault(things[read.number], read)
        if before.number > read.number:
            torn.setdefault(things[read.number], (before, read))
        else:
            last[things[read.number]] = read
    return torn


def apart(brief: dict, design: dict, field: str, seed: int) -> tuple[str, int, int] | None:
    """The first thing with events in two partitions, and these; None if each has its own. Even where nothing is read
    out of order, that is luck then."""
    total = int(peak_of(brief) * (QUIET + brief["outage"]) / THIN[brief["name"]])
    first: dict[str, int] = {}
    for thing, home in zip(about(brief, field, seed, total), homes_of(brief, design, seed, total), strict=False):
        if first.setdefault(thing, home) != home:
            return thing, first[thing], home
    return None


# ------------------------------------------------------------------------------------------------------ a design


def fault_of(brief: dict, design: Any) -> str:
    """What is wrong with the form of a design, in words; "" if nothing is."""
    wanted, readers = ["key", "partitions", "groups", "consumers"], set(brief["takes"])
    if not isinstance(design, dict):
        return f"a design is a dict with {', '.join(wanted)}, not {design!r:.40}"
    for name in wanted:
        if name not in design:
            return f"the design has no {name!r}"
    if design["key"] is not None and design["key"] not in brief["fields"]:
        return f"key has to be one of {', '.join(brief['fields'])}, or None, not {design['key']!r:.40}"
    if not is_count(design["partitions"]):
        return f"partitions has to be a whole number of 1 or more, not {design['partitions']!r:.40}"
    groups, consumers = design["groups"], design["consumers"]
    if not isinstance(groups, dict) or set(groups) != readers or not all(
            isinstance(name, str) and name for name in groups.values()):
        return f"groups has to name a group for each of {', '.join(sorted(readers))}, and is {groups!r:.60}"
    if not isinstance(consumers, dict) or set(consumers) != readers or not all(map(is_count, consumers.values())):
        return f"consumers has to be a whole number for each of {', '.join(sorted(readers))}, and is {consumers!r:.60}"
    return ""


def is_count(value: Any) -> bool:
    """A whole number of 1 or more; 8.0 is one, too."""
    return type(value) in (int, float) and value >= 1 and value == value // 1


def try_it(brief: dict, design: dict, seed: int = 9_000) -> pd.DataFrame:
    """What comes of a design in the brief's outage, by reader: the share that it got, how many of the things that it
    needs in order were not, and the seconds until it had caught up. Raises `InvalidUse` if it is no design."""
    if fault := fault_of(brief, design):
        raise InvalidUse(fault, next_step="compare the design with first_try, key by key")
    import pandas as pd

    total = int(peak_of(brief) * (QUIET + brief["outage"] + brief["catch_up"]) / THIN[brief["name"]])
    rows = {}
    for reader in brief["takes"]:
        whole = len(owners_of(design, reader)) == design["partitions"]
        got = total if whole else sum(1 for _ in outage(brief, design, reader, seed))
        torn = len(out_of_order(brief, design, reader, seed)) if reader in brief["in_order"] else "-"
        rows[reader] = [f"{100 * got / total:.0f} %", torn, round(caught_up(brief, design, reader, seed), 0),
                        brief["catch_up"]]
    return pd.DataFrame(rows, ["got of all", "out of order", "caught up after, s", "asked for, s"]).T
