"""The checks of lab11, the design: a brief's load is played against the learner's numbers, and what came of it shows
which promises were kept.

No answer is compared with a key. One play takes each record through its partition, its group and its reader, with a
real partitioner and a real assignor; loads are thinned, so one record stands for several. What is a broker's part
(copies, acks) is played on `evlab.log`. Where a promise is broken, the same load is played again with one number
mended, so that the hint names the number that broke it.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import Any

from evlab.course.capacity import (
    MONEY,
    RECEIPTS,
    STOCK,
    about,
    apart,
    caught_up,
    fault_of,
    is_count,
    out_of_order,
    outage,
    owners_of,
    peak_of,
    play,
)
from evlab.course.judge import Case, Lab
from evlab.errors import EvlabError
from evlab.later import Dead
from evlab.log import Log, Producer
from evlab.log.records import decode_batches
from evlab.sim import World
from evlab.sim.history import describe

lab = Lab("lab11", "The design")
START = 600
"""Seconds from the end of a long outage until the reader reads again."""


def note(case: Case, text: str) -> int:
    return case.history.add("note", text, node="design")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def turn(case: Case) -> int:
    """The number of this history in its check, from 0."""
    return case.world.seed % 1000


def load_of(case: Case) -> int:
    """The seed of the load in this history: that of the same number in each check, so it is made once."""
    return case.world.seed


# ------------------------------------------------------------------------------------- the form of a design


def design_of(case: Case, call: str, brief: dict, *more: str) -> dict:
    """The answer's design, once it has the form that was asked for."""
    got = case.call(call, brief, node="design")
    wanted = ["key", "partitions", "groups", "consumers", *more]
    if not isinstance(got, dict) or any(name not in got for name in wanted):
        case.blame("NO_DESIGN", f"`{call}` has to return a dict with {', '.join(wanted)}, and returned {describe(got)}")
    note(case, ", ".join(f"{name}: {describe(got[name])}" for name in wanted))
    checks = {
        **{f"{name} has to be a number above 0": is_number(got[name]) and got[name] > 0
           for name in more if name in ("retention_hours", "gigabytes", "promise")},
        **{f"{name} has to be a whole number of 1 or more": is_count(got[name])
           for name in more if name in ("replicas", "min_insync")},
        'acks has to be 0, 1 or "all"': "acks" not in more or (
            type(got["acks"]) in (int, str) and got["acks"] in (0, 1, "all"))}
    for says in (fault_of(brief, got), *(says for says, right in checks.items() if not right)):
        if says:
            case.blame("NO_DESIGN", says, *case.entries("note"))
    whole = {"partitions": int(got["partitions"]), **{name: int(got[name]) for name in ("replicas", "min_insync")
                                                      if name in more}}
    got = {**got, **whole, "consumers": {name: int(count) for name, count in got["consumers"].items()}}
    if got["partitions"] > brief["most_partitions"]:
        case.blame("TOO_MANY_PARTITIONS", f"{got['partitions']} partitions, and the brief has room for "
                                          f"{brief['most_partitions']}", *case.entries("note"))
    for name, count in got["consumers"].items():
        if count > got["partitions"]:
            case.blame("IDLE_CONSUMERS", f"{count} consumers of {name} for {got['partitions']} partitions: "
                                         f"{count - got['partitions']} of them never get one", *case.entries("note"))
    return got


# --------------------------------------------------------------------------------------- the promises of a topic


def all_read(case: Case, brief: dict, design: dict, seed: int) -> None:
    """Each reader gets every record."""
    for reader in brief["takes"]:
        if len(owners_of(design, reader)) < design["partitions"]:
            got = sum(1 for _ in outage(brief, design, reader, seed))
            other = next(name for name in brief["takes"] if name != reader)
            both = got + sum(1 for _ in outage(brief, design, other, seed))
            note(case, f"{reader} and {other} are one group, {design['groups'][reader]!r}")
            note(case, f"{reader} got {got:,} of {both:,} records, {other} the other {both - got:,}")
            case.blame("ONE_GROUP_FOR_TWO", f"{both - got:,} of {both:,} records never came to {reader}: "
                                            "their partitions belong to the other reader of its group",
                       *case.entries("note"))


def in_order(case: Case, brief: dict, design: dict, seed: int) -> None:
    """What a reader needs in order, it gets in order: in this load, and not by luck."""
    for reader, field in brief["in_order"].items():
        torn = out_of_order(brief, design, reader, seed)
        for thing, reads in torn.items():
            for read in reads:
                note(case, f"read at {read.began:.1f} s, from partition {read.partition}: the event of {thing} that "
                           f"came at {read.came:.1f} s")
            case.blame("KEY_BREAKS_ORDER", f"{reader} needs the events of one {field} in their order, and read two of "
                                           f"{thing} the other way round", *case.entries("note"))
        if not torn and (split := apart(brief, design, field, seed)):
            thing, one, other = split
            note(case, f"{thing}: one event in partition {one}, a later one in {other}")
            case.blame("KEY_BREAKS_ORDER", f"{reader} needs the events of one {field} in their order, and those of "
                                           f"{thing} are in two partitions: their order was luck",
                       *case.entries("note"))


def in_time(case: Case, brief: dict, design: dict, seed: int) -> float:
    """After the outage each reader has caught up in time, and that is the seconds that the slower one took; else the
    number that is to blame is named."""
    took = {reader: caught_up(brief, design, reader, seed) for reader in brief["takes"]}
    for reader, after in took.items():
        if after <= brief["catch_up"]:
            continue
        count, c = design["partitions"], 1 / brief["takes"][reader]
        told = "not in the time that was watched" if after == math.inf else f"{after:.0f} s"
        note(case, f"{reader}: {peak_of(brief):.0f} a second come in, {design['consumers'][reader]} consumers do "
                   f"{design['consumers'][reader] * c:.0f}")
        full = {**design, "consumers": {**design["consumers"], reader: count}}
        if design["consumers"][reader] < count and caught_up(brief, full, reader, seed) <= brief["catch_up"]:
            hint, why = "TOO_FEW_CONSUMERS", f"with {count} consumers, one for each partition, it would do"
        elif count * c <= peak_of(brief):
            hint, why = "TOO_FEW_PARTITIONS", (f"{count} partitions give {count} consumers work, and they do "
                                               f"{count * c:.0f} a second at most")
        elif count * c * brief["catch_up"] >= peak_of(brief) * (brief["outage"] + brief["catch_up"]):
            hint, why = "HOT_PARTITION", "spread evenly, the same numbers would do: one partition has too much"
            note(case, hottest(brief, full, reader, seed))
        else:
            hint, why = "NO_HEADROOM", (f"{count} consumers, one for each partition, keep up on a good day, and have "
                                        "too little to spare for what piled up")
        note(case, f"caught up after the outage: {told}; asked for: {brief['catch_up']} s")
        case.blame(hint, f"{reader} has not caught up {brief['catch_up']} s after the outage: {why}",
                   *case.entries("note"))
    return max(took.values())


def hottest(brief: dict, design: dict, reader: str, seed: int) -> str:
    """What the partition with the most records gets, and what its largest key has of it."""
    homes: Counter[int] = Counter()
    keys: Counter[tuple[int, str]] = Counter()
    for read in outage(brief, design, reader, seed):
        homes[read.partition] += 1
        if design["key"] is not None:
            keys[read.partition, about(brief, design["key"], seed, read.number + 1)[read.number]] += 1
    [(home, most)], rate = homes.most_common(1), peak_of(brief) / homes.total()
    inside = [(n, key) for (number, key), n in keys.items() if number == home]
    largest = "".join(f", {n * rate:.1f} of them {key}" for n, key in sorted(inside)[-1:])
    return (f"partition {home} gets {most * rate:.1f} a second{largest}; its consumer does "
            f"{1 / brief['takes'][reader]:.0f}; evenly it would be {peak_of(brief) / design['partitions']:.1f}")


def kept(case: Case, brief: dict, design: dict, seed: int) -> None:
    """In the longest outage nothing is deleted that was not read."""
    hours = brief["longest_hours"]
    rate, long = brief["a_day"] / 86_400, 3600 * hours
    for reader in brief["takes"]:
        reads = list(play(brief, design, reader, seed, rate=rate, seconds=1.3 * long, thin=rate * long / 2_000,
                          down=(60, 60 + long + START)))
        oldest = max(read.began - read.came for read in reads) / 3600
        gone = sum(read.began - read.came > design["retention_hours"] * 3600 for read in reads)
        if gone:
            note(case, f"{reader} was down for {hours} h and {START / 60:.0f} minutes; what it read first then was "
                       f"{oldest:.2f} h old, and a record is kept for {design['retention_hours']:g} h")
            case.blame("RETENTION_TOO_SHORT", f"{max(1, 100 * gone / len(reads)):.0f} % of the records were deleted "
                                              f"before {reader} had read them: kept for "
                                              f"{design['retention_hours']:g} h, and the outage took {hours} h and "
                                              "some minutes", *case.entries("note"))


def disk(case: Case, brief: dict, design: dict) -> None:
    """The disks that were ordered hold what is kept, on all brokers, and not twice as much."""
    copies, hours, ordered = brief.get("copies") or design["replicas"], design["retention_hours"], design["gigabytes"]
    one = brief["a_day"] * brief["bytes"] * hours / 24 / 1e9
    need = one * copies
    note(case, f"{brief['a_day']:,} records of {brief['bytes']} bytes a day, kept for {hours:g} h "
               f"on {copies} brokers: {need:,.1f} GB; ordered: {describe(ordered)} GB")
    if ordered < 0.98 * need:
        case.blame("FORGETS_THE_COPIES" if copies > 1 and 0.98 * one <= ordered < 2 * one else "DISK_TOO_SMALL",
                   f"{copies} copies of {hours:g} h are {need:,.1f} GB, and {ordered:,.1f} were ordered",
                   *case.entries("note"))
    if ordered > 2.5 * need:
        case.blame("DISK_TOO_LARGE", f"{need:,.1f} GB are needed, and {ordered:,.1f} were ordered",
                   *case.entries("note"))


# -------------------------------------------------------------------------------------------------- q1: an estimate

q1 = lab.question("q1", "How much, and how many", points=2, defines="estimate")
OUTAGES = ((120, 60), (60, 120), (120, 240), (300, 150), (300, 300))
"""Seconds down, and seconds to catch up."""
FAR_OFF = 15
"""A number that is so many times what is right, or a part of it, is in another unit."""


def brief_of(case: Case, number: int) -> dict:
    """A brief of its own: no number is that of the worked example, and the next brief differs in each."""
    chance, (outage, catch_up) = case.random, OUTAGES[number % len(OUTAGES)]
    return {"a_day": 86_400 * chance.randint(60, 90), "peak": chance.randint(5, 9),
            "bytes": (500, 800, 1_100)[number % 3] + 20 * chance.randint(0, 9),
            "takes": chance.choice((0.08, 0.09, 0.1, 0.12, 0.15)),
            "outage": outage, "catch_up": catch_up, "days": 4 + (3 * number + chance.randrange(3)) % 9,
            "copies": (3, 2, 4)[number % 3]}


def estimate_of(case: Case, brief: dict) -> dict:
    """What the answer makes of a brief."""
    got = case.call("estimate", dict(brief), node="design")
    if not isinstance(got, dict) or not {"gigabytes", "partitions"} <= set(got):
        case.blame("NO_ESTIMATE", f"`estimate` has to return a dict with gigabytes and partitions, and returned "
                                  f"{describe(got)}")
    note(case, f"{brief['a_day']:,} a day, peak {brief['peak']}, {brief['bytes']} bytes, {brief['takes'] * 1000:g} ms")
    note(case, f"outage {brief['outage']} s, caught up in {brief['catch_up']} s; {brief['days']} days on "
               f"{brief['copies']} brokers → {describe(got)}")
    for name, right in (("gigabytes", is_number(got["gigabytes"])), ("partitions", is_count(got["partitions"]))):
        if not right:
            case.blame("NO_ESTIMATE", f"{name} has to be a {'whole ' * (name == 'partitions')}number, and is "
                                      f"{describe(got[name])}", *case.entries("note"))
    return got


def paid_back(brief: dict, partitions: int) -> bool:
    """Is the debt of the outage paid in time, with a consumer for each partition?"""
    rate = peak_of(brief)
    left = rate * (brief["outage"] + brief["catch_up"]) - partitions / brief["takes"] * brief["catch_up"]
    return left <= 1e-6 * rate * brief["catch_up"]


def size_of(brief: dict) -> float:
    return brief["a_day"] * brief["bytes"] * brief["days"] * brief["copies"] / 1e9


def need_of(brief: dict) -> float:
    """Consumers, not yet rounded."""
    return peak_of(brief) * brief["takes"] * (1 + brief["outage"] / brief["catch_up"])


@q1.check("the estimate follows from the brief, and from nothing else", histories=1)
def of_the_brief(case: Case):
    briefs = [brief_of(case, number) for number in range(3)]
    first, *others, again = (estimate_of(case, brief) for brief in (*briefs, briefs[0]))
    for name, due in (("gigabytes", size_of), ("partitions", need_of)):
        if all(other[name] == first[name] for other in others) and max(map(due, briefs)) > min(map(due, briefs)) + 2:
            case.blame("NOT_OF_THE_BRIEF", f"three briefs that differ in everything, and {name} is "
                                           f"{describe(first[name])} for each", *case.entries("note"))
        if first[name] != again[name]:
            case.blame("NOT_OF_THE_BRIEF", f"the first brief once more: {name} was {describe(first[name])}, and is "
                                           f"{describe(again[name])} now", *case.entries("note"))


@q1.check("the disks hold the days that are kept, on every broker", histories=3)
def enough_disk(case: Case):
    brief = brief_of(case, turn(case))
    got, due = estimate_of(case, brief)["gigabytes"], size_of(brief)
    if abs(got - due) <= 0.02 * due or got in (round(due), math.ceil(due)):
        return
    copies = brief["copies"]
    guesses = {"of one copy": due / copies, "in gibibytes, of 2**30 bytes": due * 1e9 / 2**30,
               "of a single day": due / brief["days"], "as if the peak lasted all day": due * brief["peak"],
               "of one copy, for a single day": due / copies / brief["days"]}
    looks = next((f": that is the size {what}" for what, size in guesses.items() if abs(got - size) < 0.02 * size), "")
    hint = "FORGETS_THE_COPIES" if "one copy" in looks else \
        "WRONG_UNIT" if not looks and not due / FAR_OFF < got < due * FAR_OFF else "WRONG_SIZE"
    case.blame(hint, f"{due:.1f} GB are written in {brief['days']} days on {copies} brokers, and the estimate says "
                     f"{got:.4g}{looks}", *case.entries("note"))


@q1.check("with so many partitions the debt of an outage is paid in time, with fewer it is not", histories=5)
def enough_partitions(case: Case):
    brief = brief_of(case, turn(case))
    count, peak = int(estimate_of(case, brief)["partitions"]), peak_of(brief)
    plain, debt, times = peak * brief["takes"], brief["outage"] / brief["catch_up"], brief["peak"]
    exact = need_of(brief)
    due = math.ceil(exact - 1e-9)
    note(case, f"at the peak {peak:.0f} a second come in; after the outage {peak * brief['outage']:,.0f} wait; "
               f"{count} consumers do {count / brief['takes']:.0f} a second")
    if not paid_back(brief, count):
        guesses = {"ROUNDS_DOWN": (exact, due - 1), "FORGETS_THE_DEBT": (plain,),
                   "MEAN_NOT_PEAK": (exact / times, plain / times, plain + plain * debt / times),
                   "ONLY_THE_DEBT": (plain * debt, plain * debt / times, plain * max(1, debt))}
        hint = next((hint for hint, sizes in guesses.items()
                     if any(count in (max(1, math.floor(size)), math.ceil(size)) for size in sizes)),
                    "WRONG_UNIT" if count * FAR_OFF < exact else "DEBT_NOT_PAID")
        case.blame(hint, f"{count} partitions do {count / brief['takes']:.0f} a second; {peak:.0f} come in, and "
                         f"{peak * brief['outage']:,.0f} waited: {brief['catch_up']} s later that is not gone. {due} "
                         "would do", *case.entries("note"))
    whole = abs(exact - round(exact)) < 1e-6  # then 12.000000001 may have been rounded up
    if count > due + whole:
        case.blame("WRONG_UNIT" if count > FAR_OFF * due else "MORE_THAN_NEEDED",
                   f"{count} partitions, and {due} would do", *case.entries("note"))


# ------------------------------------------------------------------------------------------- q2 to q4: three briefs

q2 = lab.question("q2", "Receipts for a million orders", points=3, defines="receipts")
q3 = lab.question("q3", "Stock, with a best seller", points=3, defines="stock")
q4 = lab.question("q4", "Money, and what may break", points=4, defines="money")


@q2.check("each reader gets every event", histories=1)
def receipts_all(case: Case):
    all_read(case, RECEIPTS, design_of(case, "receipts", RECEIPTS), load_of(case))


@q2.check("mail gets the events of an order in their order", histories=1)
def receipts_order(case: Case):
    in_order(case, RECEIPTS, design_of(case, "receipts", RECEIPTS), load_of(case))


@q2.check("a minute after an outage of a minute both have caught up", histories=2)
def receipts_time(case: Case):
    in_time(case, RECEIPTS, design_of(case, "receipts", RECEIPTS), load_of(case))


MORE = ("retention_hours", "gigabytes")


@q3.check("each reader gets every event, and the shelf those of an item in their order", histories=1)
def stock_order(case: Case):
    design, seed = design_of(case, "stock", STOCK, *MORE), load_of(case)
    all_read(case, STOCK, design, seed)
    in_order(case, STOCK, design, seed)


@q3.check("four minutes after an outage of two both have caught up, the best seller's partition too", histories=2)
def stock_time(case: Case):
    in_time(case, STOCK, design_of(case, "stock", STOCK, *MORE), load_of(case))


@q3.check("a night without a reader loses nothing, and the disks hold it", histories=1)
def stock_kept(case: Case):
    design = design_of(case, "stock", STOCK, *MORE)
    kept(case, STOCK, design, load_of(case))
    disk(case, STOCK, design)


PLAN = (*MORE, "replicas", "min_insync", "acks", "promise")


@q4.check("each reader gets every event, the ledger those of an account in their order", histories=1)
def money_order(case: Case):
    design, seed = design_of(case, "money", MONEY, *PLAN), load_of(case)
    all_read(case, MONEY, design, seed)
    in_order(case, MONEY, design, seed)


@q4.check("a quarter of an hour after an outage both have caught up, and as promised", histories=2)
def money_promise(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    after = in_time(case, MONEY, design, load_of(case))
    note(case, f"promised: caught up {describe(design['promise'])} s after an outage of {MONEY['outage']} s; played: "
               f"{after:.0f} s")
    if after > design["promise"]:
        case.blame("PROMISE_BROKEN", f"it took {after:.0f} s, and {design['promise']:g} were promised",
                   *case.entries("note"))
    if design["promise"] > MONEY["catch_up"]:
        case.blame("PROMISE_TOO_WEAK", f"{design['promise']:g} s are promised, and the brief wants {MONEY['catch_up']}",
                   *case.entries("note"))


@q4.check("a weekend without the ledger loses nothing, and the disks hold it", histories=1)
def money_kept(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    kept(case, MONEY, design, load_of(case))
    if design["replicas"] <= MONEY["brokers"]:
        disk(case, MONEY, design)


@lru_cache(maxsize=60)
def a_broker_dies(replicas: int, min_insync: int, acks: Any) -> tuple[int, int]:
    """The followers are cut off for some seconds, ten records are sent, and then the leader's machine burns: how many
    were acked, and how many of these nobody has."""
    world, log = _cluster(replicas, min_insync)
    leader = log.metadata.partition("money", 0).leader
    for name in log.names:
        if name != leader:
            world.network.cut(name, leader)
            world.network.cut(leader, name)
    world.run(until=world.now() + 4)
    acked = _acked(world, log, acks)
    world.crash(leader)
    world.network.heal()
    world.run(until=world.now() + 12)
    try:
        data = log.replica("money", 0).partition.read(0)
    except (EvlabError, Dead):  # nobody has a copy
        return len(acked), len(acked)
    there = {record.value for batch in decode_batches(data) for record in batch.records}
    return len(acked), len(set(acked) - there)


@lru_cache(maxsize=60)
def with_one_less(replicas: int, min_insync: int, acks: Any) -> int:
    """One broker that holds a copy and does not lead is off. How many of ten records are acked?"""
    world, log = _cluster(replicas, min_insync)
    info = log.metadata.partition("money", 0)
    follower = next((name for name in info.replicas if name != info.leader), None)
    if follower is not None:
        world.crash(follower)
    world.run(until=world.now() + 8)
    return len(_acked(world, log, acks))


def _cluster(replicas: int, min_insync: int) -> tuple[World, Log]:
    world = World(seed=11)
    log = Log(env=world, brokers=MONEY["brokers"], max_lag=2)
    world.run(until=1)
    log.create_topic("money", 1, replication=replicas, min_insync_replicas=min_insync, unclean=True)
    world.run(until=2)
    return world, log


def _acked(world: World, log: Log, acks: Any) -> list[bytes]:
    producer = Producer(log.client("shop"), acks=acks, patience=5)
    sent = {b"payment-%d" % number: producer.send("money", b"payment-%d" % number) for number in range(10)}
    world.run(until=world.now() + 6)
    return [value for value, one in sent.items() if one.done and one.error is None]


@q4.check("no payment that was acked is lost with a broker, and one broker less stops nothing", histories=1)
def money_survives(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    replicas, least, acks = plan = design["replicas"], design["min_insync"], design["acks"]
    if replicas > MONEY["brokers"] or least > replicas:
        case.blame("MORE_COPIES_THAN_BROKERS", f"{replicas} copies, {least} of them in sync at least, on "
                                               f"{MONEY['brokers']} brokers: Kafka refuses that, or each write",
                   *case.entries("note"))
    acked, lost = a_broker_dies(*plan)
    note(case, f"the followers were behind, ten payments sent: {acked} acked; the leader burns: {lost} of them gone")
    if lost:
        case.blame("ACKED_AND_LOST", f"{lost} payments were acked and are on no disk: only the leader had them",
                   *case.entries("note"))
    taken = with_one_less(*plan)
    note(case, f"one broker off, ten payments sent: {taken} acked")
    if taken < 10:
        case.blame("ONE_BROKER_STOPS_ALL", f"with one broker off, {10 - taken} of 10 payments are refused: {least} of "
                                           f"{replicas} copies have to be in sync", *case.entries("note"))
