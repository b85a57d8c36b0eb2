"""The services of the day: what each does with an event, and the loop in which its members do it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from evlab.course.incident_plan import BREAKS, ORDERS_PARTITIONS
from evlab.database import Database
from evlab.event import Event
from evlab.log import Consumer

if TYPE_CHECKING:
    from evlab.course.incident import Day

__all__ = ["GROUPS", "MEMBERS", "TOPICS", "TOPIC_OF", "Bank", "Charge", "DeadRecord", "analytics", "inventory",
           "payment", "serve"]

TOPICS = {"orders": ORDERS_PARTITIONS, "reserved": 2, "payments": 1, "refusals": 1}
"""Each topic with its partitions."""
TOPIC_OF = {"OrderPlaced": "orders", "StockReserved": "reserved", "PaymentCaptured": "payments",
            "OutOfStock": "refusals", "PaymentDeclined": "refusals"}
GROUPS = {"inventory": ("orders", "refusals"), "payment": ("reserved",),
          "analytics": ("orders", "payments", "refusals")}
"""Each group with the topics that it reads."""
MEMBERS = {"inventory": 3, "payment": 2, "analytics": 1}
SECONDS = {"inventory": 8.0, "payment": 5.0, "analytics": 0.1}
"""What a member needs for a record."""
BATCH = {"inventory": 10, "payment": 5, "analytics": 100}
"""How many records a member polls, and commits, at a time."""
SLOW = 9
"""So many times as long takes a slow consumer."""
AGAIN, DOWN = 30.0, 45.0
"""Seconds until a record is tried again, and until a process that was killed or has ended is back."""


class Charge(NamedTuple):
    """A line of the bank's ledger."""

    time: float
    id: str
    order_id: str
    cents: int


class Bank:
    """Charges cards. It takes an id once: asked again with the same one, it gives the same answer and charges nothing.

    Every fiftieth card is declined, by the number of the order.
    """

    def __init__(self):
        self.ledger: list[Charge] = []
        self._answers: dict[str, bool] = {}

    def charge(self, id: str, order_id: str, cents: int, time: float) -> bool:
        """Take the money; False if the card is declined."""
        if id not in self._answers:
            self._answers[id] = int(order_id.rpartition("-")[2]) % 50 != 0
            if self._answers[id]:
                self.ledger.append(Charge(time, id, order_id, cents))
        return self._answers[id]


class DeadRecord(NamedTuple):
    """A record that a group gave up."""

    time: float
    group: str
    topic: str
    partition: int
    offset: int
    event: Event
    error: str


def serve(day: Day, group: str, name: str) -> Generator:
    """A member of a group: poll, work, commit. As a static member it takes its partitions up again in its next life."""
    life = day.world.node(name).life
    consumer = Consumer(day.log.client(name), group, GROUPS[group], instance_id=name,
                        name=name if life == 1 else f"{name}.{life}", session_timeout=1000, heartbeat_interval=300,
                        max_poll_interval=36_000, fetch_max_wait=1200)
    if life > 1:
        day.say(name, f"started, life {life}")
    while True:
        for record in consumer.poll(max_records=BATCH[group]):
            took = yield from _work(day, group, name, record)
            if not day.repairs.well(took):
                day.say(name, f"not well: {took:.0f} s for a record; moved to another machine")
                day.sick.discard(name)
                day.world.crash(name, power=False, down=DOWN)
        consumer.commit()
        yield consumer.arrived


def _work(day: Day, group: str, name: str, record: Any) -> Generator:
    """Handle one record; if that fails, again, for ever or as often as the repairs say. Returns how long one try took.
    """
    event, tried = Event.from_json(record.value), 0
    while True:
        took = SECONDS[group] * (SLOW if name in day.sick and day.world.now() >= BREAKS else 1)
        yield took
        try:
            HANDLERS[group](day, event, name)
            return took
        except Exception as error:
            tried += 1
            what = f"{record.topic}-{record.partition} offset {record.offset}: {type(error).__name__}: {error}"
            day.say(name, f"{what}, attempt {tried}")
            if tried == day.repairs.attempts:
                day.dead_letters.append(DeadRecord(day.world.now(), group, record.topic, record.partition,
                                                   record.offset, event, str(error)))
                return took
        yield AGAIN


def inventory(day: Day, event: Event, name: str) -> None:
    """Take the goods of an order out of the stock, or refuse it; put them back if the card is declined."""
    db, order = day.inventory, event.data
    with day.inboxes["inventory"].once(event) as new:
        if new and event.type == "OrderPlaced":
            enough = all(db.value("SELECT pieces FROM stock WHERE sku = ?", (sku,)) - pieces >= 0
                         for sku, pieces in order["items"].items())
            if enough:
                _move(db, order, -1)
            day.outboxes["inventory"].add(event.caused("StockReserved" if enough else "OutOfStock", order,
                                                       source="inventory", key=order["order_id"]))
        elif new and event.type == "PaymentDeclined":
            _move(db, order, 1)


def _move(db: Database, order: dict, sign: int) -> None:
    db.executemany("UPDATE stock SET pieces = pieces + ? WHERE sku = ?",
                   [(sign * pieces, sku) for sku, pieces in order["items"].items()])


def payment(day: Day, event: Event, name: str) -> None:
    """Charge the card, then note the payment and say so."""
    id, cents = event.data["order_id"], event.data["cents"]
    charge_id = day.repairs.charge_id(event, day.world.new_id())
    taken = day.bank.charge(charge_id, id, cents, day.world.now())
    _dies_when_told(day, name)
    with day.inboxes["payment"].once(event) as new:
        if new:
            if taken:
                day.payment.execute("INSERT INTO payments VALUES (?, ?)", (id, cents))
            said = "PaymentCaptured" if taken else "PaymentDeclined"
            day.outboxes["payment"].add(event.caused(said, event.data, source="payment", key=id))


def _dies_when_told(day: Day, name: str) -> None:
    """The fault "doubled payment": one member dies, four times, after the bank has answered."""
    if day.deaths and name == day.trouble.killed and day.world.now() >= BREAKS + (4 - day.deaths) * 600:
        day.deaths -= 1
        day.say(name, "killed: out of memory")
        day.world.crash(name, power=False, down=DOWN)


def analytics(day: Day, event: Event, name: str) -> None:
    """Keep the read model: each order with its status, when it was placed and when it was closed."""
    id, now = event.data["order_id"], event.time.timestamp() - day.world.epoch
    closed = None if event.type in ("OrderPlaced", "StockReserved") else now
    if event.type == "OrderPlaced":
        day.view.execute("INSERT INTO orders VALUES (?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
                         (id, event.type, event.data["cents"], now))
    else:
        day.view.execute("UPDATE orders SET status = ?, closed = ? WHERE id = ? AND closed IS NULL",
                         (event.type, closed, id))


HANDLERS = {"inventory": inventory, "payment": payment, "analytics": analytics}
