"""Programs that are right under every fault there is, and must never be accused."""

from __future__ import annotations

from functools import partial

from keeper import ORDERS, Book, patient_shop, receive, receive_once, right, until_acked
from zoo_disk import rewrites_its_inbox, stores_then_works
from zoo_log import broker, consumer, producer
from zoo_middle import work_queue

from evlab.bus import Bus
from evlab.errors import Timeout


@right()
def effect_once(world):
    """At least once on the wire, a durable mark, the effect with the mark."""
    world.spawn(patient_shop(world), "shop")
    world.listen("email", partial(receive_once, world))


@right("duplicate")
def at_least_once(world):
    """Promises no more than that."""
    world.spawn(patient_shop(world), "shop")
    world.listen("email", partial(receive, world))


@right("lost")
def at_most_once(world):
    """Sends once, and drops what it has seen."""
    def shop():
        for order in ORDERS:
            world.history.did("send", order)
            world.send("email", order)
            yield 0.2

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive_once, world))


@right()
def says_what_it_knows(world):
    """Asks once, and calls the outcome of a timeout unknown."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            try:
                yield world.ask("email", order, timeout=0.3)
                op.ok()
            except Timeout:
                op.info("no answer")

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive_once, world))


@right()
def store_fsync_ack(world):
    """Stores, syncs, acks, works later."""
    def store(order):
        inbox = Book(world, "email", "inbox")
        if order not in inbox.lines:
            inbox.add(order)

    stores_then_works(world, store)


@right()
def write_fsync_rename(world):
    """Replaces its inbox by a whole new one, synced before the rename."""
    def rewrite(lines):
        new = Book(world, "email", "new")
        if new.lines:  # left over by a crash
            world.files("email").remove("new")
            new = Book(world, "email", "new")
        for line in lines:
            new.add(line)
        world.point("written")
        world.files("email").rename("new", "inbox")
        world.point("renamed")

    rewrites_its_inbox(world, rewrite)


@right()
def outbox(world):
    """State and outbox in one step, the mark after the ack, a receiver that is safe to ask twice."""
    def boot():
        world.spawn(relay())
        return orders()

    def orders():
        for order in ORDERS:
            state = Book(world, "shop", "state and outbox")
            if order not in state.lines:
                state.add(order)
                world.history.did("send", order)
                world.point("accepted")
            yield 0.1

    def relay():
        while True:
            for order in Book(world, "shop", "state and outbox").lines:
                if order not in Book(world, "shop", "sent").lines:
                    yield from until_acked(world, "email", order)
                    world.point("acked")
                    Book(world, "shop", "sent").add(order)
            yield 0.3

    world.listen("email", partial(receive_once, world))
    world.node("shop", boot)


@right()
def ack_after_the_next_hop(world):
    """A relay whose ack comes when the next one has acked."""
    def handle(order):
        yield from until_acked(world, "email", order)

    world.listen("relay", handle)
    world.listen("email", partial(receive_once, world))
    world.spawn(patient_shop(world, target="relay"), "shop")


@right()
def each_subscriber_on_its_own(world):
    """Tells every subscriber until it acks, side by side."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            told = [world.spawn(until_acked(world, name, order)) for name in ("billing", "email")]
            yield told[0]
            yield told[1]
            op.ok()

    for name in ("billing", "email"):
        world.listen(name, partial(receive_once, world, node=name))
    world.spawn(shop(), "shop")


@right()
def recovery_that_takes_time(world):
    """Reads its disk for a while before it listens."""
    def boot():
        yield 0.1
        Book(world, "email", "seen")
        yield 0.1
        world.listen("email", partial(receive_once, world))

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@right()
def lease_with_a_fence(world):
    """The workers' results go through a sink that takes each job once."""
    def worker(job):
        yield 0.2
        yield from until_acked(world, "sink", job)

    world.listen("sink", partial(receive_once, world, node="sink"))
    work_queue(world, worker)


@right()
def bus_end_to_end(world):
    """The bus may forget; the shop publishes again until the email service itself has answered."""
    bus = Bus(world, ack_timeout=0.4)

    def handle(event):
        receive_once(world, event.key)
        world.send("shop", event.key, "done")

    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            while order not in done:
                bus.publish(world.event("OrderPlaced", key=order, source="shop"))
                yield 0.5
            op.ok()

    done = set()
    world.listen("shop", done.add, "done")
    bus.subscribe("order.placed", handle, name="email")
    world.spawn(shop(), "shop")


@right()
def log_and_consumer(world):
    """Synced appends that can be asked twice; a commit of the next offset, with the effect."""
    broker(world)
    world.spawn(producer(world), "shop")
    consumer(world)


@right()
def one_writer(world):
    """Two producers, and a broker that looks and writes in one step."""
    broker(world)
    world.spawn(producer(world, ["a-1", "a-2"]), "shop")
    world.spawn(producer(world, ["b-1", "b-2"]), "web")
    consumer(world)


@right()
def optimistic_update(world):
    """Reads with a version, works, writes only if the version still stands, and tries again otherwise."""
    def handle(order):
        while True:
            version = len(Book(world, "email", "list").lines)
            yield 0.02
            book = Book(world, "email", "list")
            if order in book.lines:
                return
            if len(book.lines) == version:
                book.add(order)
                receive(world, order)
                return

    world.listen("email", handle)
    for name in ("shop", "web"):
        world.spawn(patient_shop(world, [f"{name}-{n}" for n in range(3)]), name)
