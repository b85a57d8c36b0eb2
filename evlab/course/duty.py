"""A quarter past two in a small order system, with three of six faults in it: what whoever is on duty gets to see.

    evidence = evidence_of(seed=7)
    truth_of(7)     # {"hot key": "c-31", ...}: which faults the seed has chosen, and whom each strikes

Forty minutes from 14:00 on, simulated minute by minute: orders come in, a relay writes them to a log of four
partitions, two workers read two partitions each, and for each record take goods from the stock and charge a card. The
faults begin at 14:05. Each day also holds what looks like a fault and is none: a burst that is worked off, a charge
that was refunded and made again, orders that are too new to be in the log, goods of an order that is being handled.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from random import Random
from typing import Any

from evlab.errors import InvalidUse
from evlab.log.partitioner import partition

__all__ = ["FAULTS", "evidence_of", "truth_of"]

FAULTS = ("hot key", "slow worker", "poison record", "doubled payment", "lost event", "kept stock")
"""What can be wrong. The culprits: a customer, a worker, and four times an order."""
MINUTES, BREAKS, LOOK = 40, 5, 5
OWNERS = {0: "worker-1", 1: "worker-1", 2: "worker-2", 3: "worker-2"}
"""By partition."""
COMES, DOES, SLOWLY, HOT = 2, 5, 1, 7
"""A minute and a partition: orders that come, records that are done, done by a slow worker; and orders of a hot key."""


def truth_of(seed: int, faults: Collection[str] | None = None) -> dict[str, str]:
    """The faults of a day, each with its culprit. faults: these instead of the three that the seed chooses."""
    return dict(_day(seed, faults).truth)


def evidence_of(seed: int, faults: Collection[str] | None = None) -> dict[str, Any]:
    """What is to be seen at 14:40:

    lag: a dict for each partition every five minutes: minute, partition, committed, end, owner.
    records: by partition the records in the order of their offsets, each [order, customer].
    orders: by order its minute and its cents. ends: by order "paid", "declined" or "refused".
    ledger: the bank's lines, each [charge, order, cents]; a refund has cents below zero.
    reserved: the orders whose goods are taken from the stock and neither sold nor put back.
    log: what the workers wrote, each [minute, worker, text].
    Raises `InvalidUse` for a seed that is no int, and for a fault that is not known.
    """
    return _day(seed, faults).play()


def _day(seed: int, faults: Collection[str] | None) -> _Day:
    if type(seed) is not int:
        raise InvalidUse(f"the seed {seed!r:.40} is not an int", next_step="write evidence_of(seed=7)")
    unknown = [fault for fault in faults or () if fault not in FAULTS]
    if unknown:
        raise InvalidUse(f"there is no fault {unknown[0]!r:.40}", next_step=f"choose among {', '.join(FAULTS)}")
    return _made(seed, None if faults is None else tuple(faults))


@lru_cache(maxsize=4)
def _made(seed: int, faults: tuple[str, ...] | None) -> _Day:
    """The same day for its evidence and its truth."""
    return _Day(seed, faults)


class _Day:
    def __init__(self, seed: int, faults: tuple[str, ...] | None):
        self.chance = Random(f"{seed}/duty")
        chosen = self.chance.sample(FAULTS, 3)  # drawn in any case: what else is drawn does not depend on it
        self.faults = tuple(chosen if faults is None else faults)
        self.customers = [f"c-{number}" for number in self.chance.sample(range(1, 99), 60)]
        self.home = {name: partition(name.encode(), len(OWNERS)) for name in self.customers}
        self.slow = self.chance.choice(sorted(set(OWNERS.values())))
        well = [number for number, owner in OWNERS.items() if owner != self.slow]
        self.chance.shuffle(well)
        self.hot_partition, self.poison_partition = well
        self.burst_partition = self.chance.choice([number for number in OWNERS if number not in well])
        self.hot = self._customer_in(self.hot_partition)
        self._arrive()
        self.truth = {fault: culprit for fault, culprit in zip(FAULTS, (
            self.hot, self.slow, self.poison, self.doubled, self.lost, self.kept), strict=True) if fault in self.faults}

    def _customer_in(self, number: int) -> str:
        return next(name for name, home in self.home.items() if home == number)

    def _arrive(self) -> None:
        """All orders of the forty minutes, and whom the faults strike."""
        chance, first = self.chance, self.chance.randint(100, 800)
        burst = self._customer_in(self.burst_partition)
        self.placed: list[tuple[int, str, str, int]] = []
        living = {number: [name for name, home in self.home.items() if home == number] for number in OWNERS}
        for minute in range(MINUTES):
            came = []
            for number in OWNERS:
                came += [chance.choice(living[number]) for _ in range(COMES)]
            came += [burst] * 9 * (2 <= minute < 5) * ("slow worker" not in self.faults)
            came += [self.hot] * HOT * (minute >= BREAKS and "hot key" in self.faults)
            chance.shuffle(came)
            self.placed += [(minute, f"order-{first + len(self.placed) + one}", name, chance.randint(900, 9_000))
                            for one, name in enumerate(came)]
        where = {order: self.home[name] for _, order, name, _ in self.placed}
        early = [order for minute, order, name, _ in self.placed if 6 <= minute <= 12 and name != self.hot
                 and where[order] not in (self.hot_partition, self.poison_partition)]
        self.poison = next(order for minute, order, name, _ in self.placed
                           if minute >= 8 and where[order] == self.poison_partition)
        self.doubled, self.kept, self.lost, self.again = chance.sample(early[:12] if len(early) >= 12 else early, 4)

    def play(self) -> dict[str, Any]:
        """Minute by minute: the relay writes, the workers read, somebody looks."""
        self.records: dict[int, list] = {number: [] for number in OWNERS}
        self.committed = dict.fromkeys(OWNERS, 0)
        self.ends: dict[str, str] = {}
        self.ledger: list[list] = []
        self.reserved: list[str] = []
        self.log: list[list] = []
        self.cents = {order: cents for _, order, _, cents in self.placed}
        lag, coming = [], iter(self.placed)
        last = next(coming)
        for minute in range(1, MINUTES + 1):
            while last[0] == minute - 1 < MINUTES - 1:
                _, order, name, _ = last
                if not ("lost event" in self.faults and order == self.lost):
                    self.records[self.home[name]].append([order, name])
                last = next(coming)
            for number in OWNERS:
                self._work(minute, number)
            if minute % LOOK == 0:
                lag += [{"minute": minute, "partition": number, "committed": self.committed[number],
                         "end": len(self.records[number]), "owner": owner} for number, owner in OWNERS.items()]
        waiting = [self.records[number][self.committed[number]][0] for number in OWNERS
                   if self.committed[number] < len(self.records[number])]
        in_hand = [order for order in waiting if order != self.poison][:1] or [self.placed[-1][1]]
        return {"lag": lag, "records": self.records, "ends": self.ends, "ledger": self.ledger, "log": self.log,
                "orders": {order: {"minute": minute, "cents": cents} for minute, order, _, cents in self.placed},
                "reserved": sorted(self.reserved + in_hand)}

    def _work(self, minute: int, number: int) -> None:
        """What the owner of a partition gets done in a minute."""
        owner = OWNERS[number]
        slow = "slow worker" in self.faults and owner == self.slow and minute > BREAKS
        for _ in range(SLOWLY if slow else DOES):
            if self.committed[number] == len(self.records[number]):
                return
            order = self.records[number][self.committed[number]][0]
            if order == self.poison and "poison record" in self.faults:
                self.log.append([minute, owner, f"orders-{number}: ValueError: invalid quantity, trying again"])
                return
            self._handle(order, minute, owner)
            self.committed[number] += 1

    def _handle(self, order: str, minute: int, owner: str) -> None:
        number = int(order[6:])
        declined = number % 17 == 0 or order == self.kept
        if number % 23 == 0 and order not in (self.kept, self.doubled, self.again):
            self.ends[order] = "refused"
            return
        if declined and order not in (self.doubled, self.again):
            self.ends[order] = "declined"
            if order == self.kept and "kept stock" in self.faults:
                self.reserved.append(order)
            return
        self.ends[order] = "paid"
        self._charge(order, self.cents[order])
        if order == self.again:  # wrong card: refunded, and charged again
            self._charge(order, -self.cents[order])
            self._charge(order, self.cents[order])
        if order == self.doubled and "doubled payment" in self.faults:
            self.log.append([minute, owner, "started"])
            self._charge(order, self.cents[order])

    def _charge(self, order: str, cents: int) -> None:
        self.ledger.append([f"ch-{len(self.ledger) + 1}", order, cents])
