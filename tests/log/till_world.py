"""A run of a cluster with transactions: tills read orders and write payments, exactly once, while things break.

The shop sends orders one by one. The bank sends some in transactions, of which it aborts a part. Two tills, one group,
make a payment of each order: they read what is committed, and the payment and "I have read so far" are one transaction.
Sometimes a third till begins under the name of the first, which is a zombie from then on. The audit reads all that is
committed, too. Values are unique, so each effect can be counted.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random

from cluster_world import ASSIGNORS, SESSION, STORM, differing, patience_of_the_controller

from evlab.errors import EvlabError
from evlab.log import Consumer, Log, Producer
from evlab.log.group import Fenced, UnknownMember
from evlab.log.producers import InvalidProducerEpoch
from evlab.log.records import decode_batches, read_marker
from evlab.log.transactions import TRANSACTIONS_TOPIC
from evlab.sim import Faults, World

__all__ = ["PLACES", "Tills", "committed_in"]

PLACES = [("orders", 0), ("orders", 1), ("payments", 0), ("payments", 1)]


class Tills:
    """A run of `seed`. `bug(run)` may change something before it begins."""

    def __init__(self, seed: int, faults: Faults | None = STORM, *, brokers: int | None = None, bug=None):
        self.seed, self.chance = seed, Random(f"tills {seed}")
        brokers = self.chance.choice((1, 3, 3)) if brokers is None else brokers
        self.world = world = World(seed, faults)
        self.log = Log(env=world, brokers=brokers, max_lag=1.5)
        self.names = self.log.names
        for topic in ("orders", "payments"):
            self.log.create_topic(topic, 2, replication=brokers, min_insync_replicas=min(2, brokers),
                                  index_interval=150)
        self.assignor = self.chance.choice(ASSIGNORS)
        self.orders, self.deals = 8, 5
        """How many orders the shop sends, and how many transactions the bank makes."""
        self.sent: dict[bytes, bool] = {}
        """Order of the shop -> was it acked?"""
        self.deal: list[tuple[list[bytes], str]] = []
        """Each transaction of the bank: its orders, and what it knows of the end: committed, aborted or unknown."""
        self.begun: list[tuple[str, str, int]] = []
        """(transactional id, node, life), in the order in which they began."""
        self.fenced: list[tuple[str, str, int]] = []
        self.consumers: dict[str, Consumer] = {}
        self.busy: set[str] = set()
        """Nodes with something under way."""
        self.seen: dict[tuple[str, int], dict[int, bytes]] = {place: {} for place in PLACES}
        self.wrong: list[str] = []
        self.reached: Counter[str] = Counter()
        if bug is not None:
            bug(self)
        world.boot("shop", self._shop)
        world.boot("bank", self._bank)
        for node in ("till-1", "till-2"):
            world.boot(node, lambda node=node: self._till(node, node))
        world.boot("audit", self._audit)
        if self.chance.random() < 0.6:
            world.spawn(self._another_till(self.chance.uniform(0.8, 2.4)))
        world.spawn(self._watch())

    # ---------------------------------------------------------------------------------------------- the programs

    def _shop(self):
        self.busy.add("shop")
        producer = Producer(self.log.client("shop"), batch_records=2)
        while len(self.sent) < self.orders:
            value = b"s%d" % len(self.sent)
            self.sent[value] = False
            producer.send("orders", value, key=b"k%d" % (len(self.sent) % 5)).then(
                lambda done, value=value: self.sent.update({value: done.error is None}))
            yield self.chance.choice((0.05, 0.2, 0.4))
        yield producer.flush()
        self.busy.discard("shop")

    def _bank(self):
        self.busy.add("bank")
        while True:
            producer = Producer(self.log.client("bank"), transactional_id="bank", batch_records=2)
            try:
                yield from self._end_what_is_open(producer, "bank", "bank")
                while len(self.deal) < self.deals:
                    yield from self._deal(producer)
                    yield self.chance.choice((0.05, 0.3))
                break
            except InvalidProducerEpoch:
                self._was_fenced("bank", "bank")
        self.busy.discard("bank")

    def _deal(self, producer):
        number = len(self.deal)
        orders = [b"b%d.%d" % (number, one) for one in range(self.chance.choice((1, 2, 3)))]
        wish = self.chance.random() < 0.6
        self.deal.append((orders, "unknown"))
        yield producer.begin()
        for order in orders:
            producer.send("orders", order, key=order)
            yield self.chance.choice((0.0, 0.03))
        if wish:
            with suppress(InvalidProducerEpoch):
                try:
                    yield producer.commit()
                    self.deal[number] = orders, "committed"
                    return
                except InvalidProducerEpoch:
                    raise
                except EvlabError:
                    self.reached["a transaction that cannot be committed"] += 1
        yield producer.abort()
        self.deal[number] = orders, "aborted"

    def _another_till(self, delay):
        yield delay
        self.world.boot("twin", lambda: self._till("twin", "till-1"))

    def _till(self, node, name):
        while True:
            client = self.log.client(node)
            consumer = self.consumers[node] = Consumer(
                client, "till", "orders", assignor=self.assignor, isolation="read_committed",
                session_timeout=SESSION, heartbeat_interval=1.0)
            producer = Producer(client, transactional_id=name, batch_records=2)
            self.busy.add(node)
            try:
                yield from self._end_what_is_open(producer, name, node)
                self.busy.discard(node)
                while True:
                    records = consumer.poll(max_records=self.chance.choice((1, 3)))
                    if records:
                        self.busy.add(node)
                        yield from self._pay(consumer, producer, records)
                        self.busy.discard(node)
                    else:
                        yield consumer.arrived
            except InvalidProducerEpoch:
                self.busy.discard(node)
                self.consumers.pop(node).close()
                if self._was_fenced(name, node):
                    return

    def _pay(self, consumer, producer, records):
        """Make the payments, and note that these orders are done, together; or do it again."""
        yield producer.begin()
        try:
            for order in records:
                producer.send("payments", b"p" + order.value, key=order.key)
            yield self.chance.choice((0.0, 0.02, 0.1))
            yield producer.send_offsets(consumer)
            self.world.point("paid")
            yield producer.commit()
        except InvalidProducerEpoch:
            raise
        except EvlabError as error:
            cause = error.__cause__ or error
            if isinstance(cause, Fenced | UnknownMember):
                self.reached["a commit of offsets that is refused"] += 1
            yield producer.abort()
            committed = yield consumer.committed()
            for place in consumer.assignment:
                consumer.seek(*place, committed.get(place, 0))

    def _end_what_is_open(self, producer, name, node):
        """What Kafka calls initTransactions: an earlier life may have left a transaction open."""
        self.begun.append((name, node, self.world.node(node).life))
        yield producer.begin()
        yield producer.abort()

    def _was_fenced(self, name, node) -> bool:
        """Has another one begun under this name since? If not, a request of our own was doubled on its way."""
        me = name, node, self.world.node(node).life
        self.fenced.append(me)
        at = max(number for number, one in enumerate(self.begun) if one == me)
        by_another = any(one[0] == name for one in self.begun[at + 1:])
        self.reached["a zombie is fenced" if by_another else "a doubled request fences its own sender"] += 1
        return by_another

    def _audit(self):
        consumer = self.consumers["audit"] = Consumer(
            self.log.client("audit"), "audit", ("orders", "payments"), isolation="read_committed",
            session_timeout=SESSION, heartbeat_interval=1.0)
        while True:
            for record in consumer.poll():
                before = self.seen[record.topic, record.partition].setdefault(record.offset, record.value)
                if before != record.value:
                    self.wrong.append(f"two values at {record.topic}-{record.partition}@{record.offset}: "
                                      f"{before!r} and {record.value!r}")
            yield consumer.arrived

    def _watch(self):
        """Look now and then for rare things that no client can see."""
        coordinators, open_ones = set(), {}
        while True:
            info = self.log.metadata.topics[TRANSACTIONS_TOPIC].partitions[0]
            coordinators.add((info.leader, info.epoch))
            self.reached["another coordinator of transactions"] = len(coordinators) - 1
            for place in PLACES:
                info = self.log.metadata.partition(*place)
                replica = self.log.brokers[info.leader].replicas.get(place) if info.leader in self.log.brokers else None
                if replica is None or not replica.leads:
                    continue
                opened = frozenset(replica.partition.producers.open)
                before = open_ones.get(place, (info.epoch, frozenset()))
                self.reached["another leader while a transaction is open"] += (
                    before[0] != info.epoch and bool(before[1] & opened))
                self.reached["committed reads wait for an open transaction"] += (
                    replica.last_stable < replica.high_watermark)
                open_ones[place] = info.epoch, opened
            yield 0.1

    # ------------------------------------------------------------------------------------------------- the course

    def go(self) -> Tills:
        """Faults for a while, then none until all has come to rest, or the time for that is over."""
        with patience_of_the_controller(self.seed):
            world = self.world
            world.run(until=3.0, steps=200_000)
            world.calm()
            self.calm = world.now()
            while world.now() < self.calm + 4 * SESSION:
                world.run(until=world.now() + 0.2, steps=200_000)
                self.restless = self.not_at_rest()
                if not self.restless:
                    break
        self.rested = world.now() - self.calm
        return self

    def not_at_rest(self) -> str:
        """What is not at rest yet; "" if all is: all sent, read and ended, on every copy."""
        if self.busy:
            return f"{sorted(self.busy)} are busy"
        try:
            ends = {place: self.log.replica(*place).end for place in PLACES}
            for place in PLACES:
                leader = self.log.replica(*place)
                if not leader.last_stable == leader.high_watermark == leader.end:
                    return f"{place} is stable up to {leader.last_stable} of {leader.end}"
                if any(self.log.replica(*place, name).end != leader.end for name in self.names):
                    return f"the copies of {place} differ in length"
                if set(isr := self.log.metadata.partition(*place).isr) != set(self.names):
                    return f"of {place} only {isr} are in sync"
        except EvlabError as error:
            return str(error)
        for who, places in ("audit", PLACES), ("till", PLACES[:2]):
            for place in places:
                positions = [one.position(*place) for one in self.consumers.values() if one.group == who]
                if ends[place] not in positions:
                    return f"{who} has read {place} up to {positions} of {ends[place]}"
        return ""

    # ------------------------------------------------------------------------------------------------- the checks

    def anomalies(self) -> list[str]:
        """All that went wrong, in words; [] if nothing did."""
        if self.restless:
            return [*self.wrong, f"not at rest {self.rested:.1f} s after the faults: {self.restless}"]
        views = {place: committed_in(self.log.replica(*place).partition) for place in PLACES}
        found = list(self.wrong)
        for place in PLACES:
            found += differing(self.log, *place, self.names)
            seen, there = self.seen[place], views[place]
            found += [f"aborted or lost, and seen: {seen[offset]!r} at {place}@{offset}"
                      for offset in sorted(seen.keys() - there.keys())]
            found += [f"committed, and not seen: {there[offset]!r} at {place}@{offset}"
                      for offset in sorted(there.keys() - seen.keys())]
            found += [f"another value seen at {place}@{offset}"
                      for offset in sorted(seen.keys() & there.keys()) if seen[offset] != there[offset]]
        orders = Counter(value for place in PLACES[:2] for value in views[place].values())
        payments = Counter(value for place in PLACES[2:] for value in views[place].values())
        found += self._inputs(orders)
        for order in sorted({*orders, *(value[1:] for value in payments)}):
            if payments[b"p" + order] != orders[order]:
                found.append(f"effect: {order!r} is there {orders[order]} times and was paid "
                             f"{payments[b'p' + order]} times")
        return found

    def _inputs(self, orders: Counter) -> list[str]:
        found = [f"lost-write: {value!r}" for value, acked in self.sent.items() if acked and not orders[value]]
        found += [f"duplicate: {value!r}" for value, count in sorted(orders.items()) if count > 1]
        for values, end in self.deal:
            there = [value for value in values if orders[value]]
            if end == "committed" and there != values:
                found.append(f"of the committed {values} only {there} is there")
            elif end == "aborted" and there:
                found.append(f"of the aborted {values} {there} is there")
            elif there and there != values:
                found.append(f"half a transaction: of {values} {there} is there")
        return found

    def rare(self) -> dict[str, bool]:
        """Rare things, and whether this run had them."""
        ends = {end for _, end in self.deal}
        return {**{name: self.reached[name] > 0 for name in REACHED},
                "a transaction whose end its sender does not know": "unknown" in ends,
                "a transaction that its sender aborts": "aborted" in ends}


REACHED = ("a transaction that cannot be committed", "a commit of offsets that is refused", "a zombie is fenced",
           "another coordinator of transactions", "another leader while a transaction is open",
           "committed reads wait for an open transaction")


def committed_in(partition) -> dict[int, bytes]:
    """Offset -> value of all that is committed, told from the records and markers alone."""
    offset, found, waiting = partition.start, {}, {}
    while data := partition.read(offset):
        for batch in decode_batches(data):
            rows = {record.offset: record.value for record in batch.records}
            if batch.control:
                ended = waiting.pop(batch.producer_id, {})
                found.update(ended if read_marker(batch.records[0]).type == "commit" else {})
            elif batch.transactional:
                waiting.setdefault(batch.producer_id, {}).update(rows)
            else:
                found.update(rows)
            offset = batch.last_offset + 1
    return found
