"""One afternoon of the shop, and what breaks at 14:05: the whole system of the course on one clock.

From half past one to four, orders of data/orders.jsonl are placed in `shop`, which notes each in its database together
with an event. Relays carry events to the log every three minutes. The group `inventory` takes goods out of the stock or
refuses; the group `payment` charges cards at the bank, which may decline; then inventory puts the goods back. The group
`analytics` keeps a read model. A record that a service gives up goes to `dead_letters`.

    day = open_day(seed=185).run()
    day.samples     # the lag of every group, every three minutes
    day.audit()     # do money and stock agree?

The seed says when each order comes, and of each fault whom it strikes. The same seed, faults and repairs give the same
day. Without faults the day is sound, with each seed; with `REPAIRS` it is sound whatever strikes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator
from typing import Any, NamedTuple

import msgspec

from evlab.course.incident_plan import (
    FAULTS,
    MENDS,
    OPENS,
    REPAIRS,
    Repairs,
    Trouble,
    at,
    clock,
    placed,
    trouble_of,
    usual_orders,
)
from evlab.course.incident_services import (
    GROUPS,
    MEMBERS,
    TOPIC_OF,
    TOPICS,
    Bank,
    Charge,
    DeadRecord,
    serve,
)
from evlab.database import Database
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.inbox import Inbox
from evlab.log import Log, Producer
from evlab.log.lag import Health, LagRow, Window, evaluate
from evlab.outbox import Outbox, Relay
from evlab.sim import World
from evlab.trace import Trace, trace

__all__ = ["FAULTS", "PROMISE", "REPAIRS", "Audit", "Bank", "Charge", "Day", "DeadRecord", "Repairs", "Trouble",
           "at", "clock", "open_day"]

CARRY = LOOK = 180.0
"""Seconds between two rounds of a relay, and between two looks at the lag."""
PROMISE = 15 * 60.0
"""Seconds within which 99 % of the orders are to be paid or refused."""
STOCK, SPEAKERS = 2_000, 160
"""Pieces of everything at half past one; the speaker AUD-01 is short."""


class Audit(NamedTuple):
    """What was counted at the end of the day. `sound` if nothing is open, nothing twice, and money and stock agree."""

    placed: int
    captured: int
    declined: int
    out_of_stock: int
    open: int
    """Placed, and neither paid nor refused."""
    charged_twice: int
    """Orders with more than one charge at the bank."""
    cents_too_much: int
    """What the bank took, less what the captured orders cost."""
    pieces_off: int
    """Over all goods: how far the stock is from what it was at the opening, less what was sold."""

    @property
    def sound(self) -> bool:
        return (self.open, self.charged_twice, self.cents_too_much, self.pieces_off) == (0, 0, 0, 0)


class Day:
    """The shop's machines, and what its people can look at. Made by `open_day`."""

    def __init__(self, seed: int, faults: Collection[str], repairs: Repairs):
        self.seed, self.faults, self.repairs = seed, tuple(faults), repairs
        self.trouble = trouble_of(seed)
        self.world = World(seed)
        self.log = Log(env=self.world)
        self.bank = Bank()
        self.placed: dict[str, tuple[float, dict]] = {}
        """By order id: when it was placed, and what the customer ordered."""
        self.rows: list[tuple] = []
        """(time, group, ...) of `LagRow`, for each look at each partition."""
        self.lines: list[tuple[float, str, str]] = []
        """The services' own log: time, who, what."""
        self.events: list[Event] = []
        """All that the relays have carried, in order."""
        self.dead_letters: list[DeadRecord] = []
        self.sick: set[str] = {self.trouble.slow} if "slow consumer" in faults else set()
        self.deaths = 4 if "doubled payment" in faults else 0
        self._placed = placed(seed, faults, self.trouble)
        self._start()

    def _start(self) -> None:
        for topic, partitions in TOPICS.items():
            self.log.create_topic(topic, partitions, flush="never")
        self.shop, self.inventory, self.payment, self.view = (
            Database(f"{name}.db", self.world, node="databases") for name in ("shop", "stock", "payment", "view"))
        self.shop.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, cents INTEGER)")
        self.inventory.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, pieces INTEGER)")
        goods = {sku for order in usual_orders() for sku in order["items"]}
        self.inventory.executemany("INSERT INTO stock VALUES (?, ?)",
                                   [(sku, SPEAKERS if sku == "AUD-01" else STOCK) for sku in sorted(goods)])
        self.payment.execute("CREATE TABLE payments (order_id TEXT PRIMARY KEY, cents INTEGER)")
        self.view.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT, cents INTEGER, placed REAL, "
                          "closed REAL)")
        self.stock_at_open = dict(self.inventory.rows("SELECT sku, pieces FROM stock"))
        self.inboxes = {"inventory": Inbox(self.inventory, "inventory"), "payment": Inbox(self.payment, "payment")}
        self.outboxes = {"shop": Outbox(self.shop), "inventory": Outbox(self.inventory),
                         "payment": Outbox(self.payment)}
        self.world.after(OPENS - 600, self._open)

    def _open(self) -> None:
        """Ten minutes before the first customer all processes start."""
        for outbox in self.outboxes.values():
            self.world.spawn(self._relay(outbox), "relay")
        for group, count in MEMBERS.items():
            for name in (f"{group}-{number + 1}" for number in range(count)):
                self.world.node(name, lambda group=group, name=name: serve(self, group, name))
        self.world.spawn(self._customers(), "shop")
        self.world.spawn(self._watch())
        if self.repairs.mend is not None:
            self.world.after(MENDS - self.world.now(), self._redrive)

    def run(self, until: str = "17:00") -> Day:
        """Let the day go on until the clock says so; returns the day."""
        self.world.run(until=at(until))
        return self

    def _customers(self) -> Generator:
        for time, order in self._placed:
            yield max(0.0, time - self.world.now())
            self.placed[order["order_id"]] = (time, order)
            with self.shop.transaction():
                self.shop.execute("INSERT INTO orders VALUES (?, ?)", (order["order_id"], order["cents"]))
                self.outboxes["shop"].add(Event(type="OrderPlaced", data=order, source="shop",
                                                key=self.repairs.key(order)))

    def _relay(self, outbox: Outbox) -> Generator:
        producer = Producer(self.log.client("relay"))

        def publish(event: Event) -> Any:
            self.events.append(event)
            return producer.send(TOPIC_OF[event.type], event)

        return Relay(outbox, publish, flush=producer.flush).follow(every=CARRY)

    def _watch(self) -> Generator:
        yield OPENS - self.world.now()
        while True:
            yield LOOK
            for group in GROUPS:
                self.rows += [(self.world.now(), group, *row) for row in self.log.lag(group)]

    def _redrive(self) -> None:
        waiting, self.dead_letters = self.dead_letters, []
        producer = Producer(self.log.client("relay"))
        for dead in waiting:
            producer.send(dead.topic, msgspec.structs.replace(dead.event, data=self.repairs.mend(dead.event.data)))
            self.say("operations", f"published {dead.event.data['order_id']} again, mended")
        producer.flush()

    def say(self, who: str, what: str) -> None:
        """Write a line into the services' log."""
        self.lines.append((self.world.now(), who, what))

    # ------------------------------------------------------------------------------------------- to look at afterwards

    @property
    def samples(self):
        """All looks at the lag as a DataFrame: time (s), group, and the columns of `LagRow`."""
        import pandas

        return pandas.DataFrame(self.rows, columns=["time", "group", *LagRow._fields])

    def health(self, group: str, until: str) -> dict[str, Health]:
        """Burrow's verdict on each partition of a group, as it was then, by the commits that were seen until then."""
        windows, ends = {}, {}
        for time, name, topic, number, committed, end, lag, *_ in self.rows:
            if name == group and time <= at(until) and committed is not None:
                window = windows.setdefault(f"{topic}-{number}", Window())
                newest = list(window)[-1:]
                if lag == 0 or not newest or newest[0].offset != committed:  # nothing new was committed otherwise
                    window.add(committed, time, lag)
                ends.setdefault(f"{topic}-{number}", []).append(end)
        return {name: evaluate(window, ends[name][-10:], at(until)) for name, window in sorted(windows.items())}

    def trace(self, order_id: str) -> Trace:
        """What caused what in the story of one order, by the events that were carried."""
        first = next(event for event in self.events if event.data["order_id"] == order_id)
        return trace(self.events, first.correlation_id)

    def late(self) -> list[str]:
        """The orders that were not paid or refused within the promised 15 minutes, at the moment of asking."""
        now, closed = self.world.now(), dict(self.view.rows("SELECT id, closed FROM orders WHERE closed IS NOT NULL"))
        return [id for id, (placed, _) in self.placed.items() if closed.get(id, now) - placed > PROMISE]

    def audit(self) -> Audit:
        """Count what the customers ordered, what the bank took, and what is in the stock, and hold them together."""
        captured = dict(self.payment.rows("SELECT order_id, cents FROM payments"))
        status = Counter(event.type for event in {(e.type, e.data["order_id"]): e for e in self.events}.values())
        charges = Counter(charge.order_id for charge in self.bank.ledger)
        stock = Counter(self.stock_at_open)
        for id in captured:
            for sku, pieces in self.placed[id][1]["items"].items():
                stock[sku] -= int(pieces)
        left = dict(self.inventory.rows("SELECT sku, pieces FROM stock"))
        declined, refused = status["PaymentDeclined"], status["OutOfStock"]
        return Audit(len(self.placed), len(captured), declined, refused,
                     len(self.placed) - len(captured) - declined - refused,
                     sum(count > 1 for count in charges.values()),
                     sum(charge.cents for charge in self.bank.ledger) - sum(captured.values()),
                     sum(abs(left[sku] - pieces) for sku, pieces in stock.items()))


def open_day(seed: int = 185, faults: Collection[str] = FAULTS, **repairs: Any) -> Day:
    """A day that has not begun: `open_day(seed=185).run()`.

    faults: which of `FAULTS` strike at 14:05. repairs: fields of `Repairs`, as attempts=3.
    Raises `InvalidUse` for a fault or a repair that is not known.
    """
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown:
        raise InvalidUse(f"there is no fault {unknown[0]!r:.40}", next_step=f"choose among {', '.join(FAULTS)}")
    unknown = [name for name in repairs if name not in Repairs._fields]
    if unknown:
        raise InvalidUse(f"there is no repair {unknown[0]!r:.40}",
                         next_step=f"choose among {', '.join(Repairs._fields)}")
    return Day(seed, faults, Repairs(**repairs))
