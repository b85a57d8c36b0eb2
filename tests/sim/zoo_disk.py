"""Bugs of a receiver with a disk: marks, inboxes, fsync, rename, recovery."""

from __future__ import annotations

from keeper import ORDERS, Book, bug, patient_shop, receive, receive_once

from evlab.sim import Faults


@bug("lost")
def mark_before_effect(world):
    """Marks the message as seen; a crash comes; the retry is taken for a repetition."""
    def handle(order):
        seen = Book(world, "email", "seen")
        if order not in seen.lines:
            seen.add(order)
            world.point("marked")
            receive(world, order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("duplicate")
def effect_before_mark(world):
    """Sends the mail; a crash comes before the mark; the retry sends it again."""
    def handle(order):
        seen = Book(world, "email", "seen")
        if order not in seen.lines:
            receive(world, order)
            world.point("mail sent")
            seen.add(order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


@bug("duplicate", Faults(crash=0.05))
def mark_without_fsync(world):
    """The mark is in the operating system's hands only; a power loss takes it."""
    def handle(order):
        seen = Book(world, "email", "seen")
        if order not in seen.lines:
            seen.add(order, sync=False)
            receive(world, order)

    world.listen("email", handle)
    world.spawn(patient_shop(world), "shop")


def stores_then_works(world, store):
    """An email service that stores an order, acks, and handles what is stored in its own time."""
    def boot():
        world.listen("email", store)
        return work()

    def work():
        while True:
            for order in Book(world, "email", "inbox").lines:
                receive_once(world, order)
            yield 0.3

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@bug("lost", Faults(crashes=2, span=2.0))
def ack_without_fsync(world):
    """Acks what is written, not what is durable."""
    stores_then_works(world, lambda order: Book(world, "email", "inbox").add(order, sync=False))


@bug("lost", Faults(crashes=2, span=2.0))
def fsync_of_the_wrong_file(world):
    """Writes the inbox and its index, and syncs the index."""
    def store(order):
        Book(world, "email", "inbox").add(order, sync=False)
        Book(world, "email", "index").add(order)

    stores_then_works(world, store)


def rewrites_its_inbox(world, rewrite):
    """As `stores_then_works`, and the inbox is written anew when something is handled."""
    def boot():
        world.listen("email", lambda order: Book(world, "email", "inbox").add(order))
        return work()

    def work():
        while True:
            inbox = Book(world, "email", "inbox").lines
            if inbox:
                receive_once(world, inbox[0])
                rewrite(inbox[1:])
            yield 0.3

    world.node("email", boot)
    world.spawn(patient_shop(world, target="email"), "shop")
    world.spawn(patient_shop(world, [f"gift-{n}" for n in range(4)]), "web")


@bug("lost")
def rewrite_in_place(world):
    """Removes the old inbox, then writes the new one."""
    def rewrite(lines):
        world.files("email").remove("inbox")
        world.point("removed")
        for line in lines:
            Book(world, "email", "inbox").add(line)

    rewrites_its_inbox(world, rewrite)


@bug("lost")
def rename_before_fsync(world):
    """Writes the new inbox beside the old one and renames it, but never syncs it."""
    def rewrite(lines):
        new = Book(world, "email", "new")
        for line in lines:
            new.add(line, sync=False)
        world.files("email").rename("new", "inbox") if lines else world.files("email").remove("inbox")
        world.point("renamed")

    rewrites_its_inbox(world, rewrite)


@bug("lost", Faults(crash=0.05))
def boot_that_begins_anew(world):
    """Clears its folder when it starts, as in development."""
    def boot():
        for name in world.files("email").list():
            if name == "inbox":
                world.files("email").remove(name)
        world.listen("email", lambda order: Book(world, "email", "inbox").add(order))
        return work()

    def work():
        while True:
            yield 0.3
            for order in Book(world, "email", "inbox").lines:
                world.point("working")
                receive_once(world, order)

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@bug("unexpected", Faults(crashes=3, span=2.0), allow=("lost",))
def torn_line_is_an_order(world):
    """Reads its inbox without asking whether the last line is whole."""
    def boot():
        for order in world.files("email").open("inbox").read().decode().splitlines():
            receive_once(world, order.strip("\0"))
        world.listen("email", lambda order: world.files("email").open("inbox").append(order.encode() + b"\n"))

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")


@bug("exception", Faults(crashes=3, span=2.0), allow=("lost",))
def boot_that_trusts_its_disk(world):
    """Dies in its recovery when the last line is torn."""
    def boot():
        for order in world.files("email").open("inbox").read().decode().splitlines():
            receive_once(world, ORDERS[int(order.partition("-")[2]) - 1])
        world.listen("email", lambda order: world.files("email").open("inbox").append(order.encode() + b"\n"))

    world.node("email", boot)
    world.spawn(patient_shop(world), "shop")
