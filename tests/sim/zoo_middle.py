"""Bugs of someone in the middle: an outbox, a relay, a hub, a queue, a bus."""

from __future__ import annotations

from functools import partial

from keeper import ORDERS, Book, bug, patient_shop, receive, receive_once, until_acked

from evlab.bus import Bus
from evlab.env import Signal
from evlab.errors import Timeout
from evlab.sim import Faults


@bug("lost")
def memory_outbox(world):
    """The order is accepted when it stands in a list; a crash empties the list."""
    def boot():
        accepted = []
        for order in [order for order in ORDERS if order not in Book(world, "shop", "accepted").lines]:
            accepted.append(order)
            Book(world, "shop", "accepted").add(order)
            world.history.did("send", order)
        return relay(accepted)

    def relay(accepted):
        for order in accepted:
            yield from until_acked(world, "email", order)
            world.point("relayed")

    world.listen("email", partial(receive_once, world))
    world.node("shop", boot)


@bug("lost", Faults(crash=0.04))
def outbox_marks_first(world):
    """Marks an order as sent, then sends it."""
    outbox_of(world, mark_first=True)


@bug("lost", Faults(crash=0.04))
def outbox_without_fsync(world):
    """The state is durable, the outbox beside it is not."""
    outbox_of(world, sync=False)


def outbox_of(world, mark_first=False, sync=True):
    def boot():
        world.spawn(relay())
        return orders()

    def orders():
        for order in ORDERS:
            if order not in Book(world, "shop", "state").lines:
                Book(world, "shop", "outbox").add(order, sync=sync)
                Book(world, "shop", "state").add(order)
                world.history.did("send", order)
            yield 0.1

    def relay():
        while True:
            sent = Book(world, "shop", "sent")
            for order in Book(world, "shop", "outbox").lines:
                if order not in sent.lines:
                    if mark_first:
                        sent.add(order)
                        world.point("marked")
                    yield from until_acked(world, "email", order)
                    world.point("acked")
                    if not mark_first:
                        sent.add(order)
            yield 0.2

    world.listen("email", partial(receive_once, world))
    world.node("shop", boot)


@bug("duplicate", faults=None)
def two_relays(world):
    """Two relays empty one outbox, and each sends what the other has not marked yet."""
    def relay():
        for order in ORDERS:
            if order not in Book(world, "shop", "sent").lines:
                yield from until_acked(world, "email", order)
                Book(world, "shop", "sent").add(order)

    for order in ORDERS:
        world.history.did("send", order, node="shop")
    world.listen("email", partial(receive, world))
    world.spawn(relay(), "shop")
    world.spawn(relay(), "shop")


@bug("lost")
def save_then_publish(world):
    """Two writes, no outbox: a crash after the first, and nobody hears of the order."""
    def boot():
        return shop()

    def shop():
        for order in ORDERS:
            saved = Book(world, "shop")
            if order not in saved.lines:
                saved.add(order)
                world.history.did("send", order)
                world.point("saved")
                yield from until_acked(world, "email", order)

    world.listen("email", partial(receive_once, world))
    world.node("shop", boot)


@bug("unexpected")
def publish_then_save(world):
    """The other way round: the mail is about an order that does not exist."""
    def boot():
        return shop()

    def shop():
        for order in ORDERS:
            tried, saved = Book(world, "shop", "tried"), Book(world, "shop", "saved")
            if order not in tried.lines:
                tried.add(order)
                yield from until_acked(world, "email", order)
                world.point("published")
                saved.add(order)
                world.history.did("send", order)

    world.listen("email", partial(receive_once, world))
    world.node("shop", boot)


@bug("lost")
def ack_before_the_next_hop(world):
    """A relay acks what it has not passed on yet."""
    def handle(order):
        world.send("email", order)

    world.listen("relay", handle)
    world.listen("email", partial(receive_once, world))
    world.spawn(patient_shop(world, target="relay"), "shop")


@bug("lost")
def any_ack_will_do(world):
    """Acks carry no id, so the late ack of one order is taken for the next one's."""
    def boot():
        acked = Signal()
        world.listen("shop", lambda ack: acked.fire(), "acks")
        return shop(acked)

    def shop(acked):
        for order in ORDERS:
            if order in Book(world, "shop").lines:
                continue
            op, done = world.history.invoke("send", order), acked.next()
            while not done.done:
                world.send("email", order)
                yield 0.3
            op.ok()
            Book(world, "shop").add(order)

    def handle(order):
        receive_once(world, order)
        world.send("shop", "ack", "acks")

    world.listen("email", handle)
    world.node("shop", boot)


@bug("lost")
def ack_of_the_highest(world):
    """One ack stands for all numbers below it, also for one that never came."""
    sends = {}

    def shop():
        for number, order in enumerate(ORDERS, 1):
            sends[number] = world.history.invoke("send", order)
            world.send("email", number)
            yield 0.02
        while sends:
            yield 0.3
            for number in sends:
                world.send("email", number)

    def acked(highest):
        for number in [number for number in sends if number <= highest]:
            sends.pop(number).ok()

    def handle(number):
        receive_once(world, ORDERS[number - 1])
        world.send("shop", int(max(Book(world, "email", "seen").lines)[-1]), "acks")

    world.listen("email", handle)
    world.listen("shop", acked, "acks")
    world.spawn(shop(), "shop")


@bug("lost", Faults(drop=0.05, cuts=1, span=2.0))
def first_failure_ends_the_round(world):
    """Tells its subscribers one after the other, and a failing one stops the loop."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            try:
                for subscriber in ("billing", "email"):
                    yield world.ask(subscriber, order, timeout=0.3)
            except Timeout:
                world.note("published to some")
            op.ok()

    for subscriber in ("billing", "email"):
        world.listen(subscriber, partial(receive_once, world, node=subscriber))
    world.spawn(shop(), "shop")


@bug("lost", Faults(kill=0.04, down=0.2))
def hub_forgets_who_subscribed(world):
    """Subscriptions live in the hub's memory; after its crash it delivers to nobody, and acks."""
    def boot():
        subscribers = []

        def publish(order):
            for subscriber in subscribers:
                yield from until_acked(world, subscriber, order)

        world.listen("hub", subscribers.append, "subscribe")
        world.listen("hub", publish)

    world.node("hub", boot)
    world.listen("email", partial(receive_once, world))
    world.spawn(until_acked(world, "hub", "email", "subscribe"), "email")
    world.after(0.5, lambda: world.spawn(patient_shop(world, target="hub"), "shop"))


def work_queue(world, worker, lease=0.5, forget=False):
    """A queue that lends each job to one worker for `lease` seconds. `worker(job)` is what a worker does with it."""
    jobs = {order: -1.0 for order in ORDERS[:2]}

    def take(_):
        for job, until in jobs.items():
            if until < world.now():
                jobs[job] = world.now() + lease
                if forget:
                    del jobs[job]
                return job
        return None

    def work():
        while jobs:
            try:
                job = yield world.ask("queue", "take", "take", timeout=0.2)
                if job:
                    yield from worker(job)
                    yield world.ask("queue", job, "done", timeout=0.2)
            except Timeout:
                pass
            yield 0.1

    for order in jobs:
        world.history.did("send", order, node="queue")
    world.listen("queue", take, "take")
    world.listen("queue", lambda job: jobs.pop(job, None) and None, "done")
    for name in ("worker-1", "worker-2", "worker-3"):
        world.node(name, work)


@bug("duplicate", faults=None)
def lease_shorter_than_the_work(world):
    """The queue lends a job again while the first worker is still at it."""
    def worker(job):
        yield 0.8
        receive(world, job, "workers")

    work_queue(world, worker)


@bug("duplicate", Faults(pauses=2, span=1.0, long=3.0))
def lease_without_a_fence(world):
    """A worker freezes, its lease ends, another does the job; then the first one wakes up and does it, too."""
    def worker(job):
        yield 0.2
        receive(world, job, "workers")

    work_queue(world, worker)


@bug("lost", Faults(crashes=2, span=1.0))
def pop_before_work(world):
    """The queue forgets a job when it hands it out."""
    def worker(job):
        yield 0.2
        receive(world, job, "workers")

    work_queue(world, worker, forget=True)


@bug("lost", Faults(drop=0.1), allow=("duplicate",))
def bus_at_most_once(world):
    """Chose at most once for something that must arrive."""
    bus_of(world, partial(receive, world), delivery="at-most-once")


@bug("duplicate", Faults(drop=0.1))
def bus_without_dedupe(world):
    """At least once, and a handler that is not safe to call twice."""
    bus_of(world, partial(receive, world))


@bug("lost", Faults(crashes=2, span=1.0))
def bus_in_memory(world):
    """The bus accepted the event and crashed before it delivered."""
    bus_of(world, partial(receive_once, world), slow=True)


def bus_of(world, take, delivery="at-least-once", slow=False):
    bus = Bus(world, ack_timeout=0.4)

    def handle(event):
        take(event.key)

    def shop():
        for order in ORDERS:
            event, op = world.event("OrderPlaced", key=order, source="shop"), world.history.invoke("send", order)
            while True:
                try:
                    yield bus.publish(event)
                    break
                except Timeout:
                    pass
            op.ok()
            yield 0.1

    bus.subscribe("order.placed", handle, name="email", delivery=delivery)
    if slow:
        world.network.slow("bus", "email", 0.3)
    world.spawn(shop(), "shop")


@bug("exception", Faults(drop=0.1))
def timeout_means_failure(world):
    """No answer from the bank, so it cancels the order; the bank has charged it."""
    charged, cancelled = set(), set()

    def shop():
        for order in ORDERS:
            try:
                yield world.ask("bank", order, timeout=0.3)
            except Timeout:
                world.note("cancelled", order)
                cancelled.add(order)

    def audit():
        if charged & cancelled:
            raise AssertionError(f"paid for nothing: {sorted(charged & cancelled)}")

    world.listen("bank", charged.add)
    world.spawn(shop(), "shop")
    return audit


@bug("exception", Faults(delay=0.1))
def old_price_over_new(world):
    """The last message to arrive wins, and that may be an old one."""
    price = {}

    def shop():
        for amount in (10, 20, 30):
            world.send("web", amount)
            yield 0.1

    def audit():
        if price["shown"] != 30:
            raise AssertionError(f"the web shows {price['shown']}, the price is 30")

    world.listen("web", lambda amount: price.update(shown=amount))
    world.spawn(shop(), "shop")
    return audit
