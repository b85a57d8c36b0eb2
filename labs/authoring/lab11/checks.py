"""The checks of lab11, the design: a brief's load is played against the learner's numbers, and what came of it shows
which promises were kept.

No answer is compared with a key. One play takes each record through its partition, its group and its reader, with a
real partitioner and a real assignor; loads are thinned, so one record stands for several. What is a broker's part
(copies, acks) is played on `evlab.log`. Where a promise is broken, the same load is played again with one number
mended, so that the hint names the number that broke it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from evlab.course.judge import Case, Lab
from evlab.errors import EvlabError
from evlab.later import Dead
from evlab.log import Log, Producer
from evlab.log.assignors import assign_range
from evlab.log.partitioner import partition
from evlab.log.records import decode_batches
from evlab.sim import World
from evlab.sim.history import describe

lab = Lab("lab11", "The design")

RECEIPTS = {
    "name": "receipts", "a_day": 1_000_000, "peak": 6, "bytes": 400,
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
THIN = {"receipts": 4, "stock": 20, "money": 20}
"""How many records one stands for."""


def note(case: Case, text: str) -> int:
    return case.history.add("note", text, node="design")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


# ------------------------------------------------------------------------------------------------ the simulation


class Read(NamedTuple):
    """One record as a reader got it."""

    number: int
    came: float
    began: float
    member: str


def names_of(brief: dict, count: int, seed: int) -> list[dict[str, str]]:
    """What the records are about, in the order in which they come. Of orders and payments each second record is the
    second one about an earlier one."""
    chance, made = Random(f"{brief['name']}/{seed}"), []
    for number in range(count):
        if number % 2 and number > 6:
            made.append({**made[number - 7], "type": "second"})
        else:
            made.append({field: _named(field, number, brief, chance) for field in brief["fields"]})
    return made


def _named(field: str, number: int, brief: dict, chance: Random) -> str:
    if field in ("order", "payment"):
        return f"{field}-{number}"
    if field in ("country", "warehouse"):
        return f"{field}-{chance.choices(range(6), (45, 20, 15, 10, 6, 4))[0]}"
    if field == "type":
        return "first"
    best = field in brief["in_order"].values() and chance.random() < brief.get("best_seller", 0)
    return f"{field}-0" if best else f"{field}-{chance.randrange(1, 5_000)}"


@lru_cache(maxsize=300_000)
def home(key: str, count: int) -> int:
    return partition(key.encode(), count)


def owners_of(design: dict, reader: str) -> list[tuple[str, str] | None]:
    """Who owns each partition in the group of this reader, as (reader, member)."""
    group = design["groups"][reader]
    members = {f"{name}-{number:03}": name for name, own in design["groups"].items() if own == group
               for number in range(design["consumers"][name])}
    shares = assign_range({"topic": design["partitions"]}, {member: ["topic"] for member in members})
    owners: list[tuple[str, str] | None] = [None] * design["partitions"]
    for member, share in shares.items():
        for _, number in share:
            owners[number] = members[member], member
    return owners


def play(brief: dict, design: dict, reader: str, seed: int, *, rate: float, seconds: float, thin: float,
         down: tuple[float, float]) -> list[Read]:
    """The records that `reader` got, in the order in which it began them. It stands still while it is `down`.

    A record comes every thin / rate seconds, and takes thin times as long as a real one.
    """
    chance, owners, free, reads = Random(f"no key/{seed}"), owners_of(design, reader), {}, []
    key, count = design["key"], design["partitions"]
    for number, about in enumerate(_names(brief["name"], int(rate * seconds / thin), seed)):
        who, member = owners[chance.randrange(count) if key is None else home(about[key], count)] or ("", "")
        if who == reader:
            came = number * thin / rate
            began = max(came, free.get(member, 0.0))
            began = down[1] if down[0] <= began < down[1] else began
            free[member] = began + thin * brief["takes"][reader]
            reads.append(Read(number, came, began, member))
    return sorted(reads, key=lambda read: (read.began, read.number))


@lru_cache(maxsize=60)
def _names(name: str, count: int, seed: int) -> list[dict[str, str]]:
    brief = {"receipts": RECEIPTS, "stock": STOCK, "money": MONEY}[name]
    return names_of(brief, count, seed)


def peak_of(brief: dict) -> float:
    return brief["a_day"] / 86_400 * brief["peak"]


def outage(brief: dict, design: dict, reader: str, seed: int, times: float = 3) -> list[Read]:
    """The brief's outage at the peak, half a minute after the beginning, and `times` the time to catch up."""
    return play(brief, design, reader, seed, rate=peak_of(brief), thin=THIN[brief["name"]],
                seconds=30 + brief["outage"] + times * brief["catch_up"], down=(30, 30 + brief["outage"]))


def caught_up(brief: dict, design: dict, reader: str, seed: int) -> float:
    """Seconds from the end of the outage until the last consumer has nothing left that waited: each at the first record
    that it begins as soon as it comes. inf if that is not seen."""
    up, idle = 30 + brief["outage"], {}
    for read in outage(brief, design, reader, seed):
        idle.setdefault(read.member, math.inf)
        if read.came >= up and read.began == read.came:
            idle[read.member] = min(idle[read.member], read.came - up)
    return max(idle.values(), default=0.0)


# ------------------------------------------------------------------------------------- the form of a design


def design_of(case: Case, call: str, brief: dict, *more: str) -> dict:
    """The answer's design, once it has the form that was asked for."""
    got = case.call(call, {key: value for key, value in brief.items() if key != "name"}, node="design")
    wanted = ["key", "partitions", "groups", "consumers", *more]
    if not isinstance(got, dict) or any(name not in got for name in wanted):
        case.blame("NO_DESIGN", f"`{call}` has to return a dict with {', '.join(wanted)}, and returned {describe(got)}")
    note(case, ", ".join(f"{name}: {describe(got[name])}" for name in wanted))
    readers = set(brief["takes"])
    checks = {
        f"key has to be one of {', '.join(brief['fields'])}, or None":
            got["key"] is None or got["key"] in brief["fields"],
        "partitions has to be a whole number of 1 or more": is_count(got["partitions"]),
        f"groups has to name a group for each of {', '.join(sorted(readers))}":
            isinstance(got["groups"], dict) and set(got["groups"]) == readers
            and all(isinstance(name, str) and name for name in got["groups"].values()),
        f"consumers has to be a whole number for each of {', '.join(sorted(readers))}":
            isinstance(got["consumers"], dict) and set(got["consumers"]) == readers
            and all(map(is_count, got["consumers"].values())),
        **{f"{name} has to be a number above 0": is_number(got[name]) and got[name] > 0
           for name in more if name in ("retention_hours", "gigabytes", "promise")},
        **{f"{name} has to be a whole number of 1 or more": is_count(got[name])
           for name in more if name in ("replicas", "min_insync")},
        'acks has to be 0, 1 or "all"': "acks" not in more or (
            type(got["acks"]) in (int, str) and got["acks"] in (0, 1, "all"))}
    for says, right in checks.items():
        if not right:
            case.blame("NO_DESIGN", says, *case.entries("note"))
    if got["partitions"] > brief["most_partitions"]:
        case.blame("TOO_MANY_PARTITIONS", f"{got['partitions']} partitions, and the brief has room for "
                                          f"{brief['most_partitions']}", *case.entries("note"))
    for name, count in got["consumers"].items():
        if count > got["partitions"]:
            case.blame("IDLE_CONSUMERS", f"{count} consumers of {name} for {got['partitions']} partitions: "
                                         f"{count - got['partitions']} of them never get one", *case.entries("note"))
    return got


# --------------------------------------------------------------------------------------- the promises of a topic


def all_read(case: Case, brief: dict, design: dict) -> None:
    """Each reader gets every record."""
    seed, total = case.world.seed % 1000, None
    for reader in brief["takes"]:
        reads = outage(brief, design, reader, seed, times=1)
        total = int(peak_of(brief) * (30 + brief["outage"] + brief["catch_up"]) / THIN[brief["name"]])
        if len(reads) < total:
            note(case, f"{reader} got {len(reads):,} of {total:,} records")
            case.blame("ONE_GROUP_FOR_TWO", f"{total - len(reads):,} of {total:,} records never came to {reader}: "
                                            "their partitions belong to the other reader of its group",
                       *case.entries("note"))


def in_order(case: Case, brief: dict, design: dict) -> None:
    """What a reader needs in order, it gets in order."""
    seed = case.world.seed % 1000
    for reader, field in brief["in_order"].items():
        reads = outage(brief, design, reader, seed, times=1)
        about = _names(brief["name"], max(read.number for read in reads) + 1, seed) if reads else []
        last: dict[str, Read] = {}
        for read in reads:
            thing = about[read.number][field]
            before = last.setdefault(thing, read)
            if before.number > read.number:
                note(case, f"{before.came:7.1f} s  {thing} came, and was read at {before.began:.1f} s")
                note(case, f"{read.came:7.1f} s  {thing} came, and was read at {read.began:.1f} s")
                case.blame("KEY_BREAKS_ORDER", f"{reader} needs the events of one {field} in their order, and read two "
                                               f"of {thing} the other way round", *case.entries("note"))
            last[thing] = read


def in_time(case: Case, brief: dict, design: dict) -> None:
    """After the outage each reader has caught up in time; else the number that is to blame is named."""
    seed = case.world.seed % 1000
    for reader in brief["takes"]:
        after = caught_up(brief, design, reader, seed)
        if after <= brief["catch_up"]:
            continue
        count = design["partitions"]
        told = "not in the time that was watched" if after == math.inf else f"{after:.0f} s"
        note(case, f"{reader}: {peak_of(brief):.0f} a second come in, {design['consumers'][reader]} consumers do "
                   f"{design['consumers'][reader] / brief['takes'][reader]:.0f}")
        note(case, f"caught up after the outage: {told}; asked for: {brief['catch_up']} s")
        full = {**design, "consumers": {**design["consumers"], reader: count}}
        even = {**full, "key": None}
        if design["consumers"][reader] < count and caught_up(brief, full, reader, seed) <= brief["catch_up"]:
            hint, why = "TOO_FEW_CONSUMERS", f"with {count} consumers, one for each partition, it would do"
        elif count / brief["takes"][reader] <= peak_of(brief):
            hint, why = "TOO_FEW_PARTITIONS", (f"{count} partitions give {count} consumers work, and they do "
                                               f"{count / brief['takes'][reader]:.0f} a second at most")
        elif caught_up(brief, even, reader, seed) <= brief["catch_up"] * 1.05:
            hint, why = "HOT_PARTITION", "spread evenly, the same numbers would do: one partition has too much"
        else:
            hint, why = "NO_HEADROOM", "it keeps up on a good day, and has too little to spare for what piled up"
        case.blame(hint, f"{reader} has not caught up {brief['catch_up']} s after the outage: {why}",
                   *case.entries("note"))


def kept(case: Case, brief: dict, design: dict) -> None:
    """In the longest outage nothing is deleted that was not read."""
    seed, hours = case.world.seed % 1000, brief["longest_hours"]
    rate, long = brief["a_day"] / 86_400, 3600 * hours
    for reader in brief["takes"]:
        reads = play(brief, design, reader, seed, rate=rate, seconds=1.3 * long, thin=rate * long / 4_000,
                     down=(60, 60 + long))
        limit = design["retention_hours"] * 3600
        gone = sum(read.began - read.came > limit for read in reads)
        if gone:
            oldest = max(read.began - read.came for read in reads) / 3600
            note(case, f"{reader} was down for {hours} h; what it read first then was {oldest:.1f} h old")
            case.blame("RETENTION_TOO_SHORT", f"{100 * gone / len(reads):.0f} % of the records were deleted before "
                                              f"{reader} had read them: kept for {design['retention_hours']:g} h, and "
                                              f"the outage took {hours} h", *case.entries("note"))


def disk(case: Case, brief: dict, design: dict) -> None:
    """The disks that were ordered hold what is kept, on all brokers, and not twice as much."""
    copies = brief.get("copies") or design["replicas"]
    one = brief["a_day"] * brief["bytes"] * design["retention_hours"] / 24 / 1e9
    need = one * copies
    note(case, f"{brief['a_day']:,} records of {brief['bytes']} bytes a day, kept for {design['retention_hours']:g} h "
               f"on {copies} brokers: {need:.1f} GB; ordered: {describe(design['gigabytes'])} GB")
    if design["gigabytes"] < 0.98 * need:
        case.blame("FORGETS_THE_COPIES" if abs(design["gigabytes"] - one) < 0.1 * one and copies > 1
                   else "DISK_TOO_SMALL", f"{need:.1f} GB are written, and {design['gigabytes']:.1f} were ordered",
                   *case.entries("note"))
    if design["gigabytes"] > 2.5 * need:
        case.blame("DISK_TOO_LARGE", f"{need:.1f} GB are needed, and {design['gigabytes']:.1f} were ordered",
                   *case.entries("note"))


# -------------------------------------------------------------------------------------------------- q1: an estimate

q1 = lab.question("q1", "How much, and how many", points=2, defines="estimate")


def estimate_of(case: Case) -> tuple[dict, dict]:
    """A brief of its own, and what the answer makes of it."""
    chance = case.random
    outage, catch_up = chance.choice(((60, 60), (60, 120), (120, 60), (120, 240), (300, 300), (300, 150)))
    brief = {"a_day": 86_400 * chance.randint(30, 80), "peak": chance.randint(4, 9),
             "bytes": chance.randint(2, 12) * 100, "takes": chance.choice((0.045, 0.05, 0.07, 0.08, 0.1, 0.12)),
             "outage": outage, "catch_up": catch_up, "days": chance.randint(2, 9), "copies": 3}
    got = case.call("estimate", dict(brief), node="design")
    if not isinstance(got, dict) or not {"gigabytes", "partitions"} <= set(got):
        case.blame("NO_ESTIMATE", f"`estimate` has to return a dict with gigabytes and partitions, and returned "
                                  f"{describe(got)}")
    note(case, f"{brief['a_day']:,} a day, peak {brief['peak']}, {brief['bytes']} bytes, {brief['takes'] * 1000:g} ms")
    note(case, f"outage {brief['outage']} s, caught up in {brief['catch_up']} s; {brief['days']} days on "
               f"{brief['copies']} brokers → {describe(got)}")
    if not is_number(got["gigabytes"]) or not is_count(got["partitions"]):
        case.blame("NO_ESTIMATE", "gigabytes has to be a number, and partitions a whole number of 1 or more",
                   *case.entries("note"))
    return brief, got


def paid_back(brief: dict, partitions: int, rate: float) -> bool:
    """Second by second: is the debt of the outage paid in time, with a consumer for each partition?"""
    waiting = rate * brief["outage"]
    for _ in range(brief["catch_up"]):
        waiting += rate - partitions / brief["takes"]
    return waiting <= 1e-6 * rate


@q1.check("the disks hold the days that are kept, on every broker", histories=3)
def enough_disk(case: Case):
    brief, got = estimate_of(case)
    one = brief["a_day"] * brief["bytes"] * brief["days"] / 1e9
    if abs(got["gigabytes"] - 3 * one) > 0.02 * 3 * one:
        hint = "FORGETS_THE_COPIES" if abs(got["gigabytes"] - one) < 0.02 * one else "WRONG_SIZE"
        case.blame(hint, f"{3 * one:.1f} GB are written in {brief['days']} days, and the estimate says "
                         f"{got['gigabytes']:.4g}", *case.entries("note"))


@q1.check("with so many partitions the debt of an outage is paid in time, with fewer it is not", histories=4)
def enough_partitions(case: Case):
    brief, got = estimate_of(case)
    mean, count = brief["a_day"] / 86_400, got["partitions"]
    peak, c = mean * brief["peak"], 1 / brief["takes"]
    plain = peak * brief["takes"]
    exact = plain * (1 + brief["outage"] / brief["catch_up"])
    if not paid_back(brief, count, peak):
        due = next(n for n in range(count, 100_000) if paid_back(brief, n, peak))
        hint = "ROUNDS_DOWN" if count in (math.floor(exact), round(exact)) else \
            "FORGETS_THE_DEBT" if math.floor(plain) <= count <= math.ceil(plain) else "MEAN_NOT_PEAK"
        case.blame(hint, f"{count} partitions do {count * c:.0f} a second; {peak:.0f} come in, and "
                         f"{peak * brief['outage']:,.0f} waited: {brief['catch_up']} s later that is not gone. {due} "
                         "would do",
                   *case.entries("note"))
    whole = abs(exact - round(exact)) < 1e-6  # then 12.000000001 may have been rounded up
    if count > 1 and paid_back(brief, count - 1 - whole, peak):
        case.blame("MORE_THAN_NEEDED", f"{count} partitions, and {count - 1} would do", *case.entries("note"))


# ------------------------------------------------------------------------------------------- q2 to q4: three briefs

q2 = lab.question("q2", "Receipts for a million orders", points=3, defines="receipts")
q3 = lab.question("q3", "Stock, with a best seller", points=3, defines="stock")
q4 = lab.question("q4", "Money, and what may break", points=4, defines="money")


@q2.check("each reader gets every event", histories=1)
def receipts_all(case: Case):
    all_read(case, RECEIPTS, design_of(case, "receipts", RECEIPTS))


@q2.check("mail gets the events of an order in their order", histories=1)
def receipts_order(case: Case):
    in_order(case, RECEIPTS, design_of(case, "receipts", RECEIPTS))


@q2.check("a minute after an outage of a minute both have caught up", histories=2)
def receipts_time(case: Case):
    in_time(case, RECEIPTS, design_of(case, "receipts", RECEIPTS))


MORE = ("retention_hours", "gigabytes")


@q3.check("each reader gets every event, and the shelf those of an item in their order", histories=1)
def stock_order(case: Case):
    design = design_of(case, "stock", STOCK, *MORE)
    all_read(case, STOCK, design)
    in_order(case, STOCK, design)


@q3.check("four minutes after an outage of two both have caught up, the best seller's partition too", histories=2)
def stock_time(case: Case):
    in_time(case, STOCK, design_of(case, "stock", STOCK, *MORE))


@q3.check("a night without a reader loses nothing, and the disks hold it", histories=1)
def stock_kept(case: Case):
    design = design_of(case, "stock", STOCK, *MORE)
    kept(case, STOCK, design)
    disk(case, STOCK, design)


PLAN = (*MORE, "replicas", "min_insync", "acks", "promise")


@q4.check("each reader gets every event, the ledger those of an account in their order, and both in time", histories=1)
def money_topic(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    all_read(case, MONEY, design)
    in_order(case, MONEY, design)
    in_time(case, MONEY, design)


@q4.check("a weekend without the ledger loses nothing, and the disks hold it", histories=1)
def money_kept(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    kept(case, MONEY, design)
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


@q4.check("the promise is kept, and is worth something", histories=2)
def money_promise(case: Case):
    design = design_of(case, "money", MONEY, *PLAN)
    after = max(caught_up(MONEY, design, reader, case.world.seed % 1000) for reader in MONEY["takes"])
    note(case, f"promised: caught up {describe(design['promise'])} s after an outage of {MONEY['outage']} s; played: "
               f"{after:.0f} s")
    if after > design["promise"]:
        case.blame("PROMISE_BROKEN", f"it took {after:.0f} s, and {design['promise']:g} were promised",
                   *case.entries("note"))
    if design["promise"] > MONEY["catch_up"]:
        case.blame("PROMISE_TOO_WEAK", f"{design['promise']:g} s are promised, and the brief wants {MONEY['catch_up']}",
                   *case.entries("note"))
