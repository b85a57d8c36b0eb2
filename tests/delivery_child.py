"""What child processes do to an inbox and an outbox beside others."""

from __future__ import annotations

import random
import time

from evlab import Database, Event, run
from evlab.inbox import Inbox
from evlab.outbox import Outbox, Relay

__all__ = ["add_and_roll_back", "count_once", "relay_beside_others"]


def count_once(pipe, path, seed, count):
    """Take each of `count` events, in an order of one's own; then tell how many were new, and how many not."""
    with Database(path) as db:
        db.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT)")
        inbox, numbers, new = Inbox(db, "stock"), list(range(count)), 0
        random.Random(seed).shuffle(numbers)
        pipe.send("ready")
        for number in numbers:
            new += inbox.run(f"e-{number}", lambda number=number: db.execute("INSERT INTO taken VALUES (?)", (number,)))
        pipe.send((new, inbox.duplicates))


def add_and_roll_back(pipe, path, count):
    """Place orders 0 to count - 1; every third is rolled back."""
    with Database(path) as db:
        outbox = Outbox(db)
        db.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")
        pipe.send("ready")
        for number in range(count):
            try:
                with db.transaction():
                    db.execute("INSERT INTO orders VALUES (?)", (number,))
                    outbox.add(Event(type="OrderPlaced", data={"number": number}, source="shop"))
                    if number % 3 == 2:
                        raise ValueError
            except ValueError:
                pass
    pipe.send("done")


def relay_beside_others(pipe, path, batch, seconds):
    """Publish what is in the outbox, for so long; then tell the numbers, in order."""
    published = []
    with Database(path) as db:
        relay = Relay(Outbox(db), lambda event: published.append(event.data["number"]), batch=batch)
        pipe.send("ready")
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(relay.outbox):
            run(relay.drain())
    pipe.send(published)
