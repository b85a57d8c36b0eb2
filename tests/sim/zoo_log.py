"""Bugs of a log: its broker, its producers, its consumers."""

from __future__ import annotations

from functools import partial

from keeper import ORDERS, Book, bug, receive, receive_once, until_acked

from evlab.errors import Timeout
from evlab.sim import Faults

BATCH = 2


def broker(world, boot=None, *, append=None, lines="p0"):
    """A log of one partition on the node "log". It answers ("append", value) with the offset, ("read", offset) with
    the values from there. A producer that asks again gets the old offset."""
    def plain_append(value):
        log = Book(world, "log", lines)
        if value not in log.lines:
            log.add(value)
        return log.lines.index(value)

    def handle(message):
        verb, argument = message
        if verb == "append":
            return (append or plain_append)(argument)
        return Book(world, "log", lines).lines[argument:argument + BATCH]

    def start():
        if boot:
            boot()
        world.listen("log", handle)

    world.node("log", start)


def producer(world, values=ORDERS, timeout=0.4):
    for value in values:
        op = world.history.invoke("send", value)
        offset = yield from until_acked(world, "log", ("append", value), timeout=timeout)
        op.ok(("p0", offset, value))
        yield 0.2


def poll(world, offset, node="log"):
    """One poll, recorded. Gives the values; raises `Timeout`."""
    op = world.history.invoke("poll")
    try:
        values = yield world.ask(node, ("read", offset), timeout=0.3)
    except Timeout:
        op.info()
        raise
    op.ok([("p0", offset + n, value) for n, value in enumerate(values)])
    return values


def consumer(world, commit="after each", late_by=0, start=0, stop=4):
    """A process that polls, receives and commits, on the node "billing". Right as it stands."""
    def work():
        committed = Book(world, "billing", "committed")
        offset = int(committed.lines[-1]) if committed.lines else start
        world.history.did("assign", "p0")
        while offset < stop:
            try:
                values = yield from poll(world, offset)
            except Timeout:
                continue
            if commit == "before" and values:
                committed.add(str(offset + len(values)))
                world.point("committed")
            for value in values:
                if commit == "before":
                    receive_once(world, value, "billing")
                    world.point("received")
                else:
                    receive(world, value)
                    committed.add(str(offset + 1 - late_by))
                    world.point("received")
                offset += 1
            yield 0.2

    world.node("billing", work)


@bug("duplicate")
def commits_the_last_offset(world):
    """Commits what it has read last, not what it will read next."""
    broker(world)
    world.spawn(producer(world), "shop")
    consumer(world, late_by=1)


@bug("lost")
def commits_before_it_works(world):
    """Commits the batch, then handles it."""
    broker(world)
    world.spawn(producer(world), "shop")
    consumer(world, commit="before")


@bug("lost-write", faults=None, allow=("lost",))
def starts_at_one(world):
    """Offsets begin at 0."""
    broker(world)
    world.spawn(producer(world), "shop")
    consumer(world, start=1)


@bug("unseen", faults=None, allow=("lost",))
def stops_before_the_end(world):
    """Takes the last offset for the end."""
    broker(world)
    world.spawn(producer(world), "shop")
    consumer(world, stop=len(ORDERS) - 1)


def simple_consumer(world, after_timeout=0, step=None):
    """Polls and remembers its offset in memory. On a timeout the offset becomes what `after_timeout` says."""
    def work():
        offset = 0
        world.history.did("assign", "p0")
        while offset < len(ORDERS):
            try:
                values = yield from poll(world, offset)
            except Timeout:
                offset = after_timeout(offset) if after_timeout else offset
                continue
            offset += step if step and values else len(values)
            yield world.random("consumer").uniform(0.1, 0.3)

    broker(world)
    world.spawn(producer(world), "shop")
    world.node("billing", work)


@bug("poll-skip", Faults(drop=0.06), allow=("unseen", "lost-write"))
def skips_what_it_could_not_read(world):
    """A poll fails, so it goes on with the next batch."""
    simple_consumer(world, after_timeout=lambda offset: offset + 1)


@bug("nonmonotonic-poll", Faults(drop=0.06))
def rewinds_on_error(world):
    """A poll fails, so it begins again."""
    simple_consumer(world, after_timeout=lambda offset: 0)


@bug("poll-skip", faults=None, allow=("unseen",))
def counts_on_full_batches(world):
    """Goes on by the size of a batch, however many came."""
    simple_consumer(world, step=BATCH)


@bug("nonmonotonic-poll", Faults(delay=0.1, late=0.5))
def takes_batches_as_they_come(world):
    """Fetches two batches at once and handles first what arrives first."""
    def work():
        for offset in range(0, len(ORDERS), BATCH):
            world.ask("log", ("read", offset), timeout=1).then(partial(polled, offset))
        yield 0.1

    def polled(offset, answer):
        if answer.error is None:
            world.history.invoke("poll").ok([("p0", offset + n, value) for n, value in enumerate(answer.value)])

    broker(world)
    world.spawn(producer(world), "shop")
    world.after(4, lambda: world.spawn(work(), "billing"))


@bug("nonmonotonic-poll", Faults(duplicate=0.1))
def pushed_twice(world):
    """The log pushes batches, and the consumer does not look at their offsets."""
    def push():
        for offset, value in enumerate(ORDERS):
            world.history.did("send", value)
            world.send("billing", ("p0", offset, value))
            yield 0.1

    def handle(record):
        world.history.invoke("poll").ok([record])

    world.listen("billing", handle)
    world.spawn(push(), "log")


@bug("duplicate", Faults(drop=0.06))
def appends_each_retry(world):
    """The broker does not know that a producer asks again."""
    def append(value):
        log = Book(world, "log", "p0")
        log.add(value)
        return len(log.lines) - 1

    broker(world, append=append)
    world.spawn(producer(world), "shop")
    consumer(world, stop=9)


@bug("inconsistent-offsets", Faults(crashes=2, span=2.0, down=0.1), allow=("lost", "unseen"))
def offset_used_twice(world):
    """Acks before the fsync; after a power loss the next record takes the lost one's offset."""
    def append(value):
        log = Book(world, "log", "p0")
        if value not in log.lines:
            log.add(value, sync=False)
        return log.lines.index(value)

    broker(world, append=append)
    world.spawn(producer(world), "shop")
    consumer(world)


@bug("inconsistent-offsets", Faults(kill=0.03, down=0.1), allow=("lost", "unseen"))
def truncates_what_was_acked(world):
    """Cuts off the last record when it starts, to be on the safe side."""
    def boot():
        kept = Book(world, "log", "p0").lines[:-1]
        if "p0" in world.files("log").list():
            world.files("log").remove("p0")
        for line in kept:
            Book(world, "log", "p0").add(line)

    broker(world, boot)
    world.spawn(producer(world), "shop")
    consumer(world)


@bug("inconsistent-offsets", faults=None)
def two_writers(world):
    """Looks where the end is, writes to its disk, and answers; two at once get one offset."""
    values = []

    def append(value):
        end = len(values)
        yield 0.02
        values.append(value)
        return end

    broker(world, append=append)
    world.spawn(producer(world, ["a-1", "a-2", "a-3"]), "shop")
    world.spawn(producer(world, ["b-1", "b-2", "b-3"]), "web")
    world.after(5, lambda: world.spawn(poll(world, 0), "billing"))


@bug("inconsistent-offsets", Faults(crashes=2, span=2.0, down=1.0), allow=("unseen",))
def acks_before_the_follower_has_it(world):
    """Two brokers. The first acks, then tells the second; when it crashes, clients turn to the second."""
    def append(node, value):
        log = Book(world, node, "p0")
        if value not in log.lines:
            log.add(value)
            if node == "log-1":
                world.after(0.3, lambda: world.send("log-2", ("append", value)))
        return log.lines.index(value)

    def handle(node, message):
        verb, argument = message
        return append(node, argument) if verb == "append" else Book(world, node, "p0").lines[argument:]

    def shop():
        leader = "log-1"
        for value in ORDERS:
            op = world.history.invoke("send", value)
            while True:
                try:
                    offset = yield world.ask(leader, ("append", value), timeout=0.3)
                    break
                except Timeout:
                    leader = "log-2"
            op.ok(("p0", offset, value))
            yield 0.2

    for node in ("log-1", "log-2"):
        world.listen(node, partial(handle, node))
    world.spawn(shop(), "shop")
    world.after(15, lambda: world.spawn(poll(world, 0, "log-2"), "billing"))


@bug("unexpected", Faults(crashes=3, span=2.0, down=0.1), allow=("lost", "unseen", "inconsistent-offsets"))
def serves_a_torn_record(world):
    """The broker reads its file without checksums."""
    def handle(message):
        verb, argument = message
        file = world.files("log").open("p0")
        lines = file.read().decode().splitlines()
        if verb == "read":
            return lines[argument:argument + BATCH]
        file.append(argument.encode() + b"\n")
        return len(lines)

    world.listen("log", handle)
    world.spawn(producer(world), "shop")
    consumer(world)
