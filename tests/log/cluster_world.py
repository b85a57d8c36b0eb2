"""One small run of a cluster in a World: a shop sends, a group reads, things break, and then all comes to rest.

What happened is told to the history in the words of `evlab.sim.check`, and looked at again in the brokers' own files.
"""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager, suppress
from itertools import pairwise
from random import Random

import msgspec

from evlab.errors import EvlabError
from evlab.log import Consumer, Log, Producer, controller
from evlab.log.coordinator import OFFSETS_TOPIC
from evlab.log.records import decode_batches, read_header
from evlab.sim import Faults, World, check

__all__ = ["SESSION", "STORM", "Run", "differing", "everything_in", "owners_of", "patience_of_the_controller",
           "quiet_collector"]

SESSION = 3.0
"""The consumers' session timeout, in seconds."""
STORM = Faults(drop=0.02, duplicate=0.02, delay=0.03, crash=0.001, kill=0.001, cuts=2, pauses=1, crashes=2, span=2.6,
               down=0.6, late=1.0, long=2.5)
ASSIGNORS = ("range", "roundrobin", "cooperative-sticky")


@contextmanager
def quiet_collector():
    """Thousands of small worlds, and the collector need not look each time at all that pytest keeps."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def patience_of_the_controller(seed: int):
    """In every other run it takes a broker for dead that is paused or cut off: then the old leader is alive."""
    before = controller.SESSION
    controller.SESSION = before if seed % 2 else 1.3
    try:
        yield
    finally:
        controller.SESSION = before


class Run:
    """A run of `seed`. `bug(run)` may change something before it begins."""

    def __init__(self, seed: int, faults: Faults | None = STORM, *, brokers: int | None = None, records: int = 24,
                 idempotent: bool | None = None, assignor: str | None = None, bug=None):
        chance = Random(f"run {seed}")
        brokers = chance.choice((1, 2, 3, 3)) if brokers is None else brokers
        self.idempotent = chance.random() < 0.7 if idempotent is None else idempotent
        self.assignor = assignor or chance.choice(ASSIGNORS)
        self.seed, self.records, self.chance = seed, records, chance
        self.world = world = World(seed, faults)
        self.log = Log(env=world, brokers=brokers, max_lag=1.5)
        self.replication = min(3, brokers)
        self.log.create_topic("orders", 2, replication=self.replication, min_insync_replicas=min(2, brokers),
                              index_interval=150)
        self.next = 0
        self.lives: dict[bytes, int] = {}
        """Value -> which life of the shop sent it."""
        self.open = 0
        """Sends of the shop's present life that have no outcome yet."""
        self.processed: list[tuple[float, str, int, int]] = []
        """(time, consumer, partition, offset)"""
        self.consumers: dict[str, Consumer] = {}
        self.groups: dict[int, object] = {}
        self.leaders: list[tuple[float, int, str | None, int, tuple[str, ...]]] = []
        """(time, partition, leader, epoch, in sync), whenever it changed."""
        self.behind: list[str] = []
        self.cuts = 0
        """How often a follower was seen to have cut off what its leader did not have."""
        self._ends: dict[tuple[int, str], int] = {}
        self._lives: dict[str, int] = {}
        self.refused = 0
        """Commits that were refused because the group had gone on."""
        if bug is not None:
            bug(self)
        world.spawn(self._watch())
        world.boot("shop", self._shop)
        for node in ("email-1", "email-2"):
            world.boot(node, lambda node=node: self._email(node))

    # ---------------------------------------------------------------------------------------------- the programs

    def _shop(self):
        history, life = self.world.history, self.world.node("shop").life
        producer = Producer(self.log.client("shop"), idempotent=self.idempotent, batch_records=3,
                            linger=self.chance.choice((0.0, 0.05)))
        self.open = 0
        while self.next < self.records:
            for _ in range(min(self.chance.choice((1, 1, 2, 4)), self.records - self.next)):
                value, key = b"v%d" % self.next, b"k%d" % (self.next % 5)
                self.next += 1
                self.open += 1
                self.lives[value] = life
                operation = history.invoke("send", value)
                producer.send("orders", value, key=key).then(
                    lambda sent, value=value, operation=operation: self._sent(life, value, operation, sent))
            yield self.chance.choice((0.02, 0.1, 0.4))

    def _sent(self, life, value, operation, sent):
        if sent.error is None:
            operation.ok((sent.value.partition, sent.value.offset, value))
        else:
            operation.info(str(sent.error))
        if life == self.world.node("shop").life:
            self.open -= 1

    def _email(self, node):
        history = self.world.history
        consumer = self.consumers[node] = Consumer(
            self.log.client(node), "email", "orders", assignor=self.assignor, session_timeout=SESSION,
            heartbeat_interval=1.0, on_assigned=lambda partitions: history.did("assign", partitions))
        history.did("assign", "a new life")
        while True:
            records = consumer.poll(max_records=5)
            if records:
                history.did("poll", [(record.partition, record.offset, record.value) for record in records])
            for record in records:
                yield 0.01
                self.processed.append((self.world.now(), node, record.partition, record.offset))
            if records:
                operation = history.invoke("commit", consumer.generation)
                try:
                    yield consumer.commit()
                    operation.ok()
                except EvlabError as error:
                    self.refused += 1
                    operation.fail(type(error).__name__)
            yield consumer.arrived

    def _watch(self):
        known = {}
        while True:
            with suppress(EvlabError):
                group = self.log.group("email")
                self.groups[id(group)] = group
            for number, info in enumerate(self.log.metadata.topics["orders"].partitions):
                self._look_at_copies(number, info)
                if known.get(number) != info:
                    known[number] = info
                    self.leaders.append((self.world.now(), number, info.leader, info.epoch, info.isr))
            yield 0.2

    def _look_at_copies(self, number, info):
        """Whoever may be chosen as leader has all that counts as safe."""
        copies = {name: self.log.brokers[name].replicas.get(("orders", number)) for name in self.replicas}
        for name, copy in copies.items():
            end = 0 if copy is None else copy.end
            self.cuts += end < self._ends.get((number, name), 0) and self.world.node(name).life == self._lives[name]
            self._ends[number, name], self._lives[name] = end, self.world.node(name).life
        marks = [copy.high_watermark for copy in copies.values() if copy and copy.leads and copy.epoch == info.epoch]
        self.behind += [f"{name} is in sync and has {copies[name].end} of {mark} in {number}" for mark in marks
                        for name in info.isr if copies[name] and copies[name].end < mark]

    # ------------------------------------------------------------------------------------------------- the course

    def go(self) -> Run:
        """Faults for a while, then none until all has come to rest, or the time for that is over."""
        with patience_of_the_controller(self.seed):
            world = self.world
            world.run(until=3.0, steps=200_000)
            world.calm()
            self.calm = world.now()
            while world.now() < self.calm + 3 * SESSION:
                world.run(until=world.now() + 0.2, steps=200_000)
                if self.at_rest():
                    break
        self.rested = world.now() - self.calm
        return self

    def at_rest(self) -> bool:
        """All is sent, read and committed, each partition has a living owner that knows of it, and all copies are in
        sync: before that, one may hold as many records as its leader, and others."""
        if self.next < self.records or self.open:
            return False
        try:
            rows = self.log.lag("email")
            synced = all(set(info.isr) == set(self.replicas) for info in self.log.metadata.topics["orders"].partitions)
            ends = [{self.log.replica("orders", number).high_watermark,
                     *(self.log.replica("orders", number, name).end for name in self.replicas)} for number in (0, 1)]
        except EvlabError:
            return False
        owned = sorted(key for consumer in self.consumers.values() for key in consumer.assignment)
        return (synced and owned == [("orders", 0), ("orders", 1)] and len(rows) == 2
                and all(row.member and not row.lag and (row.committed or 0) == row.end for row in rows)
                and all(len(one) == 1 for one in ends))

    @property
    def replicas(self):
        return self.log.names[:self.replication]

    # ------------------------------------------------------------------------------------------------- the checks

    def anomalies(self) -> list[str]:
        """All that went wrong, in words; [] if nothing did."""
        allow = () if self.idempotent else ("duplicate",)
        found = [f"{one.name}: {one.text}" for one in check(self.world.history, allow=allow)]
        if not self.at_rest():
            found.append(f"not at rest {self.rested:.1f} s after the faults")
            return found
        for number in (0, 1):
            leader = self.log.replica("orders", number)
            here = everything_in(leader)
            found += differing(self.log, "orders", number, self.replicas)
            if [offset for offset, _, _ in here] != list(range(len(here))):
                found.append(f"offsets are not dense: {[offset for offset, _, _ in here]}")
            found += self._order(number, here)
        return found + self.behind[:1] + self._commits() + self._owners()

    def _order(self, number, rows) -> list[str]:
        """Records of one key that one life of the shop sent stand in the order in which it sent them."""
        first: dict[bytes, int] = {}
        for offset, _, value in rows:
            first.setdefault(value, offset)
        lanes: dict[tuple, list[int]] = {}
        for value in sorted(first, key=lambda value: int(value[1:])):
            lanes.setdefault((int(value[1:]) % 5, self.lives[value]), []).append(first[value])
        return [f"order: key {key} of partition {number} stands at {offsets}"
                for key, offsets in lanes.items() if offsets != sorted(offsets)]

    def _commits(self) -> list[str]:
        """What the offsets' topic says was committed had been processed when it was."""
        done: dict[tuple[int, int], float] = {}
        for time, _, partition, offset in self.processed:
            done.setdefault((partition, offset), time)
        found = []
        replica = self.log.replica(OFFSETS_TOPIC, 0)
        for _, key, value in everything_in(replica):
            _, _, partition = msgspec.json.decode(key)
            offset, time = msgspec.json.decode(value)
            early = [before for before in range(offset)
                     if done.get((partition, before), 1e9) > time - self.world.epoch + 1e-5]
            if early:
                found.append(f"committed {offset} of {partition} before {early} was processed")
        return found

    def rare(self) -> dict[str, bool]:
        """Rare things, and whether this run had them."""
        history, replays = self.world.history, Counter((number, offset) for _, _, number, offset in self.processed)
        steps = [step for group in self.groups.values() for step in group.steps]
        sends = [(op, history[op.pair]) for op in history if op.kind == "ok" and op.what == "send"]
        busy = self._busy()
        chosen, sizes = {}, {}
        for time, number, leader, _, isr in self.leaders:
            chosen.setdefault(number, []).append((time, leader))
            sizes.setdefault(number, []).append(len(isr))
        changes = [(time, before) for line in chosen.values() for (_, before), (time, now) in pairwise(line)
                   if before != now]
        elections = [time for time, _ in changes]
        deaths = [(one.time, one.node) for one in history if one.kind in ("crash", "kill")]
        returns = [(one.time, one.node) for one in history if one.kind == "restart" and one.node in self.log.names]
        growth = [now - before for line in sizes.values() for before, now in pairwise(line)]
        return {
            "a rebalance while records are in work": any(
                step.what == "rebalancing" and start < step.time < end for step in steps for start, end in busy),
            "a commit that is refused": self.refused > 0,
            "a record that is processed twice": any(count > 1 for count in replays.values()),
            "a session that ends in silence": any(step.what == "expired" for step in steps),
            "a message that a one-way partition stops": any(one.value == "link cut" for one in history),
            "another leader while a record is on its way": any(
                invoked.time < time < done.time for done, invoked in sends for time in elections),
            "an election while the old leader is alive": any(
                leader and not any(node == leader and time - SESSION < dead <= time for dead, node in deaths)
                for time, leader in changes),
            "a broker that dies while it recovers": any(
                node == back and time < dead < time + 0.5 for time, back in returns for dead, node in deaths),
            "the replicas in sync become fewer": any(change < 0 for change in growth),
            "the replicas in sync become more": any(change > 0 for change in growth),
            "a follower cuts off what its leader has not": self.cuts > 0,
            "another coordinator": len({id(group) for group in self.groups.values() if group.steps}) > 1,
            "the controller is down": any(
                one.kind in ("crash", "kill") and one.node == "controller" for one in history),
            "a send whose outcome nobody knows": len(sends) < self.records,
        }

    def _busy(self) -> list[tuple[float, float]]:
        """When a consumer had records in its hands: from a poll to the end of the commit after it."""
        found, since = [], {}
        for one in self.world.history:
            if one.kind == "ok" and one.what == "poll":
                since[one.node] = one.time
            elif one.kind in ("ok", "fail") and one.what == "commit" and one.node in since:
                found.append((since.pop(one.node), one.time))
        return found

    def _owners(self) -> list[str]:
        return [f"{group.name}: {fault}" for group in self.groups.values() for fault in owners_of(group.steps)]


def owners_of(steps) -> list[str]:
    """Where the steps of a group give one partition to two members in one generation."""
    owners, found = {}, []
    for step in steps:
        if step.what == "assigned":
            for partition in step.partitions:
                before = owners.setdefault((step.generation, partition), step.member)
                if before != step.member:
                    found.append(f"{partition} of generation {step.generation}: {before} and {step.member}")
    return found


def differing(log: Log, topic: str, number: int, names) -> list[str]:
    """Which copies are not the leader's, byte for byte, epochs and all."""
    logs = {name: bytes_of(log.replica(topic, number, name).partition) for name in names}
    leaders = logs[log.replica(topic, number).me]
    return [f"replicas differ: {topic}-{number} on {name}" for name in names if logs[name] != leaders]


def bytes_of(partition) -> bytes:
    """All batches of one copy of a partition, as they stand in its files."""
    offset, found = partition.start, []
    while data := partition.read(offset):
        found.append(data)
        *_, last = headers_in(data)
        offset = last.next_offset
    return b"".join(found)


def headers_in(data: bytes):
    """The headers of the batches in `data`."""
    at = 0
    while at < len(data):
        header = read_header(data, at)
        yield header
        at += header.size


def everything_in(replica) -> list[tuple[int, bytes, bytes]]:
    """(offset, key, value) of all records of a copy, committed or not."""
    partition, offset, found = replica.partition, replica.partition.start, []
    while data := partition.read(offset):
        for batch in decode_batches(data):
            found += [(record.offset, record.key, record.value) for record in batch.records]
            offset = batch.last_offset + 1
    return found
