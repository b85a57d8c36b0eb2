"""The world behind the lag playground: orders come in, a group of consumers sends receipts, and somebody looks.

It is a real `Log` in a real `World`. What the playground shows is what `log.lag` and `log.rebalances` say.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from evlab.log import Consumer, Log, Producer
from evlab.log.lag import LagRow, drain_time
from evlab.sim.world import World

__all__ = ["GROUP", "MOST", "PARTITIONS", "STATES", "Member", "Shop"]

GROUP, TOPIC, PARTITIONS, MOST = "email", "orders", 4, 8
"""The group, its topic, how many partitions that has, and how many consumers there may be."""
STATES = {"ok": "works", "slow": "slow, a quarter", "paused": "paused", "killed": "killed"}
BEGIN = 6
"""Seconds until the group has formed, and the learner comes in."""
LOOK = 2
"""Seconds between two looks at the lag: the 60 ends that the time lag is told from reach two minutes back."""
RECENT = 10
"""Seconds over which the arrival rate of a partition is measured."""
IDLE = 0.25
"""Seconds after which a consumer that got nothing polls again."""


@dataclass
class Member:
    """One consumer, as the learner steers it."""

    state: str = "ok"
    leaving: bool = False
    lives: int = 0


class Shop:
    """Orders at `rate` a second, of which `skew` percent have one key, and consumers that do `speed` a second each."""

    def __init__(self, seed: int, consumers: int = 2):
        self.world = World(seed)
        self.log = Log(env=self.world)
        self.log.create_topic(TOPIC, PARTITIONS)
        self.rate, self.skew, self.speed = 24, 0, 15
        self.crew: dict[str, Member] = {}
        self.samples: list[tuple[float, LagRow]] = []
        for _ in range(consumers):
            self.add()
        self.world.spawn(self._orders(), "shop")
        self.world.spawn(self._look())
        self.world.run(until=BEGIN)

    # ------------------------------------------------------------------------------------------ what is steered

    def add(self) -> str:
        """One consumer more; its name."""
        name = f"email-{len(self.crew) + 1}"
        self.crew[name] = Member()
        self.world.node(name, boot=lambda: self._receipts(name))
        return name

    def let_go(self) -> str:
        """The newest consumer that is not killed leaves in good order; its name."""
        name = [name for name in self.running if self.crew[name].state != "killed"][-1]
        self.crew[name].leaving = True
        return name

    def set_state(self, name: str, state: str) -> None:
        """Let a consumer work, be slow, pause, or die; a dead one that is to work again starts anew."""
        before, self.crew[name].state = self.crew[name].state, state
        if state == before:
            return
        if state == "killed":
            self.world.crash(name)
        elif before == "killed":
            self.world.restart(name)

    # ------------------------------------------------------------------------------------------- the processes

    def _orders(self) -> Generator:
        producer, chance, number, due = Producer(self.log.client("shop")), self.world.random("keys"), 0, 0.0
        while True:
            due += self.rate
            while due >= 1:
                number, due = number + 1, due - 1
                hot = chance.random() * 100 < self.skew
                producer.send(TOPIC, f"order-{number}".encode(), key="marketplace" if hot else f"order-{number}")
            yield 1

    def _receipts(self, name: str) -> Generator:
        member = self.crew[name]
        member.lives += 1
        consumer = Consumer(self.log.client(name), GROUP, TOPIC,
                            name=name if member.lives == 1 else f"{name}.{member.lives}")
        while not member.leaving:
            if member.state == "paused":
                consumer.pause()  # what is ours by now, too
            elif consumer.reader.paused:
                consumer.resume()
            records = consumer.poll(max_records=max(1, self.speed // 2))
            if records:
                yield len(records) / self.does(name, paused_too=True)
                consumer.commit()
            else:
                yield IDLE
        consumer.close()

    def _look(self) -> Generator:
        while True:
            yield LOOK
            self.samples += [(self.world.now(), row) for row in self.log.lag(GROUP)]

    # --------------------------------------------------------------------------------------------- what is seen

    @property
    def running(self) -> list[str]:
        """The consumers that have not been let go."""
        return [name for name, member in self.crew.items() if not member.leaving]

    def does(self, name: str, paused_too: bool = False) -> float:
        """How many records a second a consumer can do as it is now."""
        state = self.crew[name].state
        if state == "killed" or (state == "paused" and not paused_too):
            return 0.0
        return self.speed / 4 if state == "slow" else float(self.speed)

    def arrivals(self) -> dict[int, float]:
        """What has come in per second lately, by partition."""
        since = self.world.now() - RECENT - LOOK
        ends: dict[int, list[tuple[float, int]]] = {}
        for time, row in self.samples:
            if time >= since:
                ends.setdefault(row.partition, []).append((time, row.end))
        return {number: (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0]) if len(seen) > 1 else 0.0
                for number, seen in ends.items()}

    def drain(self) -> tuple[float, float]:
        """Seconds until the lag is gone: by the sums of all, and by the one consumer that needs longest."""
        rows, arrivals = self.log.lag(GROUP), self.arrivals()
        lags: dict[str, float] = {}
        rates: dict[str, float] = {}
        for row in rows:
            name = (row.member or "").split(".")[0]
            lags[name] = lags.get(name, 0) + (row.lag or 0)
            rates[name] = rates.get(name, 0) + arrivals.get(row.partition, 0.0)
        able = {name: self.does(name) if name in self.crew else 0.0 for name in lags}
        whole = drain_time(sum(lags.values()), sum(rates.values()), sum(self.does(name) for name in self.running))
        return whole, max((drain_time(lags[name], rates[name], able[name]) for name in lags), default=0.0)

    def frame(self) -> Any:
        """All looks as a pandas DataFrame: time (s) and the columns of `log.lag_frame`."""
        import pandas

        return pandas.DataFrame([(time, *row) for time, row in self.samples], columns=["time", *LagRow._fields])


def in_words(seconds: float) -> str:
    """A drain time as one says it."""
    return "never" if math.isinf(seconds) else f"{seconds:,.0f} s"
