"""Bugs of two: one sends, another receives."""

from __future__ import annotations

from functools import partial

from keeper import ORDERS, Book, bug, patient_shop, receive, receive_once, until_acked

from evlab.errors import Timeout
from evlab.sim import Faults


@bug("lost")
def fire_and_forget(world):
    """Sends once, listens for no ack, and reports success."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            world.send("email", order)
            op.ok()
            yield 0.2

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive_once, world))


@bug("lost")
def timeout_is_fine(world):
    """Asks once; a timeout is logged and forgotten."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            try:
                yield world.ask("email", order, timeout=0.3)
            except Timeout:
                world.note("no answer, probably fine")
            op.ok()

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive_once, world))


@bug("lost")
def gives_up_in_silence(world):
    """Tries three times, then goes on as if all were well."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            for _ in range(3):
                try:
                    yield world.ask("email", order, timeout=0.1)
                    break
                except Timeout:
                    pass
            op.ok()

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive_once, world))


@bug("duplicate")
def retry_without_dedupe(world):
    """The sender is right, the receiver takes each message for a new one."""
    world.spawn(patient_shop(world), "shop")
    world.listen("email", partial(receive, world))


@bug("duplicate", faults=None)
def impatient_retry(world):
    """Its timeout is shorter than a round trip, so it sends twice without any fault."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            yield from until_acked(world, "email", order, timeout=0.012)
            op.ok()

    world.spawn(shop(), "shop")
    world.listen("email", partial(receive, world))


@bug("duplicate", Faults(drop=0.1, kill=0.03, down=0.1))
def dedupe_in_memory(world):
    """Remembers what it has seen in a set, which a crash forgets."""
    def boot():
        seen = set()

        def handle(order):
            if order not in seen:
                seen.add(order)
                receive(world, order)

        world.listen("email", handle)

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@bug("lost", faults=None)
def dedupe_by_customer(world):
    """Takes a second order of one customer for a repetition of the first."""
    seen = set()

    def handle(order):
        customer = int(order[-1]) % 3
        if customer not in seen:
            seen.add(customer)
            receive(world, order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("duplicate")
def dedupe_of_the_last_two(world):
    """Remembers two messages; a late copy comes after the third."""
    def handle(order):
        seen = Book(world, "email", "seen")
        if order not in seen.lines[-2:]:
            seen.add(order)
            receive(world, order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("duplicate", Faults(delay=0.2, late=3.0))
def dedupe_that_expires(world):
    """Forgets after a second what it has seen; a message can be later than that."""
    seen = {}

    def handle(order):
        if world.now() - seen.get(order, -9.0) > 1.0:
            receive(world, order)
        seen[order] = world.now()

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("duplicate", Faults(duplicate=0.2, late=0.05))
def dedupe_with_a_gap(world):
    """Looks, works, then marks. A copy that arrives while it works passes the look as well."""
    def handle(order):
        if order in Book(world, "email", "seen").lines:
            return
        yield 0.05
        receive(world, order)
        Book(world, "email", "seen").add(order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("lost")
def dedupe_by_highest(world):
    """Takes every number below the highest seen for a repetition, also one that was overtaken."""
    def shop():
        for order in ORDERS:
            world.spawn(patient_shop(world, [order]))
            yield 0.1

    def handle(order):
        if order > max(Book(world, "email", "seen").lines, default=""):
            receive_once(world, order)

    world.listen("email", handle)
    world.spawn(shop(), "shop")


@bug("duplicate")
def new_id_for_each_try(world):
    """The receiver knows messages by their ids, and each retry has another."""
    def shop():
        for order in ORDERS:
            op = world.history.invoke("send", order)
            while True:
                try:
                    yield world.ask("email", (world.new_id(), order), timeout=0.3)
                    break
                except Timeout:
                    pass
            op.ok()

    def handle(message):
        seen = Book(world, "email", "seen")
        if message[0] not in seen.lines:
            seen.add(message[0])
            receive(world, message[1])

    world.listen("email", handle)
    world.spawn(shop(), "shop")


@bug("lost", Faults(crash=0.05))
def numbers_begin_again(world):
    """Counts its messages from 1 in each life; the receiver takes number 1 for the old one."""
    def boot():
        return shop(Book(world, "shop"))

    def shop(sent):
        for number, order in enumerate([order for order in ORDERS if order not in sent.lines], 1):
            op = world.history.invoke("send", order)
            yield from until_acked(world, "email", (number, order))
            op.ok()
            sent.add(order)
            world.point("sent")

    def handle(message):
        number, order = message
        seen = Book(world, "email", "seen")
        if str(number) not in seen.lines:
            seen.add(str(number))
            receive(world, order)

    world.listen("email", handle)
    world.node("shop", boot)


@bug("lost", Faults(crash=0.05))
def ack_before_work(world):
    """Acks at once and works later; a crash between forgets the work."""
    def handle(order):
        world.spawn(work(order))

    def work(order):
        yield 0.1
        world.point("working")
        receive_once(world, order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("lost", Faults(crashes=2, span=2.0))
def batch_in_memory(world):
    """Collects messages and handles them every half second; what waits in memory was acked already."""
    def boot():
        waiting = []

        def flush():
            for order in waiting:
                receive_once(world, order)
            waiting.clear()
            world.after(0.5, flush)

        world.listen("email", waiting.append)
        world.after(0.5, flush)

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@bug("lost", Faults(drop=0.02))
def skip_on_error(world):
    """Catches every error of the mail server, logs it, and acks."""
    def handle(order):
        try:
            if world.random("mail server").random() < 0.1:
                raise ConnectionError("the mail server is busy")
            receive_once(world, order)
        except ConnectionError:
            world.note("failed")

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("unexpected", faults=None)
def default_for_what_it_cannot_read(world):
    """Orders with two digits do not fit its pattern; they become order-0."""
    def handle(order):
        receive(world, order if len(order) == 7 else "order-0")

    world.listen("email", handle)
    world.spawn(patient_shop(world, ("order-9", "order-10")), "shop")


@bug("duplicate", faults=None)
def one_message_for_all(world):
    """Fills the same dict again for each order, while the last one is on its way."""
    message = {}

    def shop():
        for order in ORDERS:
            message["order"] = order
            world.history.did("send", order)
            world.send("email", message)
            yield 0.004

    world.listen("email", lambda message: receive(world, message["order"]))
    world.spawn(shop(), "shop")


@bug("duplicate", faults=None)
def late_binding(world):
    """Each call that it plans for later sees the loop's last order."""
    def shop():
        for order in ORDERS:
            world.history.did("send", order)
            world.after(0.5, lambda: world.send("email", order))  # noqa: B023 - this is the bug
        yield 0.1

    world.listen("email", partial(receive, world))
    world.spawn(shop(), "shop")


@bug("lost", faults=None)
def lost_update(world):
    """Reads the list, works, writes the list back; two at once, and one update is gone."""
    box = {"list": []}

    def handle(order):
        read = list(box["list"])
        yield 0.02
        box["list"] = [*read, order]

    def report():
        for order in box["list"]:
            receive(world, order, "email")

    world.listen("email", handle)
    for name in ("shop", "web"):
        world.spawn(patient_shop(world, [f"{name}-{n}" for n in range(4)]), name)
    return report
