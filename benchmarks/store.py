"""The event store beside raw sqlite3 and the library `eventsourcing`, each with the same durability: an fsync a commit.

"raw sqlite3" writes the same table with the same indexes, in write-ahead mode with synchronous=FULL, and does nothing
else: no expected version, no checksum, no event. It is what the store cannot be faster than.
"""

from __future__ import annotations

import functools
import itertools
import os
import pathlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from run import compared, per_second, rate, ratio_of, rounds, verdict

ROUNDS = 9
DATA = {"account": "account-17", "cents": 4200, "currency": "EUR", "note": "salary"}
NUMBERS = itertools.count()
"""Numbers that no two streams share."""


def events(number: int):
    from evlab import Event

    return [Event(type="Deposited", data=DATA, source="bank", key="account-17") for _ in range(number)]


def folder() -> tempfile.TemporaryDirectory:
    """On the disk that the repository lies on: a /tmp in memory would make every fsync free."""
    return tempfile.TemporaryDirectory(prefix=".bench-", dir=pathlib.Path(__file__).parent)


# --------------------------------------------------------------------------------------------------- the contenders


def evlab_appends(place: str, count: int, batch: int, making: bool = False) -> Callable[[], float]:
    """`making`: the events are made while the clock runs, too."""
    from evlab import EventStore

    store = EventStore(f"{place}/evlab{making}.db")

    def work() -> float:
        made, stream = [] if making else events(count), f"account-{next(NUMBERS)}"
        start = time.perf_counter()
        for at in range(0, count, batch):
            store.append(stream, events(batch) if making else made[at:at + batch], expected=at)
        return count / (time.perf_counter() - start)

    return work


def raw_appends(place: str, count: int, batch: int, counted: bool = False) -> Callable[[], float]:
    """`counted`: the events are counted a second time, in `heads`, as the store does for the sake of damaged pages."""
    from evlab.recorded import Recorded, write_row
    from evlab.store import _MOVE_ON, _TABLES

    db = sqlite3.connect(f"{place}/raw{counted}.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    for statement in _TABLES:
        db.execute(statement)
    insert = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
    db.execute("INSERT INTO heads VALUES ('', 0)")

    def work() -> float:
        stream = f"account-{next(NUMBERS)}"
        first = (db.execute("SELECT max(position) FROM events").fetchone()[0] or 0) + 1
        rows = [write_row(Recorded(event, stream, n + 1, first + n, event.time))
                for n, event in enumerate(events(count))]
        db.execute("INSERT INTO heads VALUES (?, 0)", (stream,))
        start = time.perf_counter()
        for at in range(0, count, batch):
            db.execute("BEGIN IMMEDIATE")
            if counted:
                db.execute(_MOVE_ON, (first + at + batch - 1, "", first + at - 1))
                db.execute(_MOVE_ON, (at + batch, stream, at))
            db.executemany(insert, rows[at:at + batch])
            db.execute("COMMIT")
        return count / (time.perf_counter() - start)

    return work


@functools.cache
def library_account() -> type:
    """An aggregate of eventsourcing; made once, as its registry of types asks for."""
    from eventsourcing.domain import Aggregate, event

    class Account(Aggregate):
        @event("Opened")
        def __init__(self, owner: str):
            self.owner, self.cents = owner, 0

        @event("Deposited")
        def deposit(self, account: str, cents: int, currency: str, note: str):
            self.cents += cents

    return Account


def library(place: str):
    """eventsourcing's application on SQLite: write-ahead mode, and SQLite's default, synchronous=FULL."""
    from eventsourcing.application import Application

    return Application(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{place}/library.db"})


def library_appends(place: str, count: int, batch: int) -> Callable[[], float]:
    bank, Account = library(place), library_account()

    def work() -> float:
        account = Account(owner="17")
        bank.save(account)
        start = time.perf_counter()
        for _ in range(0, count, batch):
            for _ in range(batch):
                account.deposit(**DATA)
            bank.save(account)
        return count / (time.perf_counter() - start)

    return work


# ---------------------------------------------------------------------------------------------------------- the rows


def append_one_by_one() -> list[tuple[str, ...]]:
    """Many short rounds: what an fsync takes can double within a second, and has to meet both in turn."""
    with folder() as place:
        measured = rounds([("evlab", evlab_appends(place, 250, 1)), ("raw", raw_appends(place, 250, 1)),
                           ("counted", raw_appends(place, 250, 1, counted=True))], 40)
    ours = rate(measured["evlab"], "events/s")
    ratio, text = ratio_of(measured["evlab"], measured["raw"])
    of_counted = ratio_of(measured["evlab"], measured["counted"])[1]
    return [("append, one by one", ours, f"raw sqlite3: {rate(measured['raw'], 'events/s')}", text, ">= 0.85",
             verdict(True, ratio >= 0.85)),
            ("append, one by one", ours, f"raw sqlite3 that counts twice: {rate(measured['counted'], 'events/s')}",
             of_counted, "", "")]


def append_by_100() -> list[tuple[str, ...]]:
    with folder() as place:
        return compared("append, by 100", "events/s", [
            ("evlab", evlab_appends(place, 10_000, 100)), ("raw sqlite3", raw_appends(place, 10_000, 100)),
            ("eventsourcing", library_appends(place, 5_000, 100))], {"raw sqlite3": 0.7, "eventsourcing": 2.5})


def make_and_append() -> list[tuple[str, ...]]:
    """The events are made while the clock runs: the library makes them in its aggregate."""
    with folder() as place:
        return [row for batch in (1, 100) for row in compared(
            f"events made and appended, {'by 100' if batch > 1 else 'one by one'}", "events/s", [
                ("evlab", evlab_appends(place, 50 * batch + 500, batch, making=True)),
                ("eventsourcing", library_appends(place, 50 * batch + 500, batch))], {})]


def absolute(what: str, bar: int, work: Callable[[], int]) -> list[tuple[str, ...]]:
    """A row that has no peer. Beside the rate: what it would be if no other program had the processor meanwhile."""
    took = []
    for _ in range(ROUNDS):
        start, busy = time.perf_counter(), time.process_time()
        done = work()
        took.append((done / (time.perf_counter() - start), done / (time.process_time() - busy)))
    rates, alone = zip(*took, strict=True)
    return [(what, rate(rates, "events/s"), f"in processor time: {rate(alone, 'events/s')}", "", f">= {bar:,}",
             verdict(True, statistics.median(rates) >= bar))]


def read_a_stream(count: int = 50_000) -> list[tuple[str, ...]]:
    from evlab import EventStore

    with folder() as place:
        store = EventStore(f"{place}/evlab.db")
        for made in range(0, count, 1000):
            store.append("account-17", events(1000), expected=made)
        return absolute("read a stream, checksums verified", 300_000, lambda: sum(1 for _ in store.read("account-17")))


def replay(count: int = 20_000) -> list[tuple[str, ...]]:
    """From the events to the state: evlab folds with `evolve`, eventsourcing mutates its aggregate."""
    from evlab import CommandHandler, Decider, EventStore

    with folder() as place:
        store = EventStore(f"{place}/evlab.db")
        store.append("account-17", events(count))
        decider = Decider(0, lambda command, state: None, lambda state, event: state + event.data["cents"])
        handler = CommandHandler(store, decider, "account-17")
        bank, Account = library(place), library_account()
        account = Account(owner="17")
        for _ in range(count // 1000):
            for _ in range(1000):
                account.deposit(**DATA)
            bank.save(account)

        def ours() -> int:
            assert handler.load("account-17").state == count * 4200
            return count

        def theirs() -> int:
            assert bank.repository.get(account.id).cents == count * 4200
            return count

        return compared("replay of a stream to its state", "events/s", [
            ("evlab", per_second(ours)), ("eventsourcing", per_second(theirs))], {"eventsourcing": 5.0})


def load_with_a_snapshot() -> list[tuple[str, ...]]:
    """The time to load is the same after 100 events and after 100,000."""
    from evlab import CommandHandler, Decider, EventStore

    with folder() as place:
        store = EventStore(f"{place}/evlab.db")
        decider = Decider(0, lambda command, state: None, lambda state, event: state + 1)
        handler = CommandHandler(store, decider, "", snapshot_every=50)
        for stream, count in (("short", 100), ("long", 100_000)):
            for at in range(0, count, 1000):
                store.append(stream, events(min(1000, count - at)))
            store.save_snapshot(stream, count - 25, count - 25)

        def loads(stream: str) -> Callable[[], float]:
            def work() -> int:
                for _ in range(300):
                    handler.load(stream)
                return 300

            return per_second(work)

        measured = rounds([("short", loads("short")), ("long", loads("long"))], ROUNDS)
        ratio = statistics.median(a / b for a, b in zip(measured["long"], measured["short"], strict=True))
        return [("load with a snapshot 25 events back", f"100,000 events: {rate(measured['long'], 'loads/s')}",
                 f"100 events: {rate(measured['short'], 'loads/s')}", f"{ratio:.2f}", ">= 0.8",
                 verdict(True, ratio >= 0.8))]


def catch_up(count: int = 100_000) -> list[tuple[str, ...]]:
    from evlab import Database, EventStore, Projection, Projector

    with folder() as place:
        store = EventStore(f"{place}/evlab.db")
        for number in range(count // 1000):
            store.append(f"account-{number}", events(1000))

        def work() -> int:
            balances = Projection("balances", "CREATE TABLE {balances} (account TEXT PRIMARY KEY, cents INTEGER)")

            @balances.on("Deposited")
            def deposited(view, recorded):
                view.execute("INSERT INTO {balances} VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET"
                             " cents = cents + excluded.cents", (recorded.stream, recorded.event.data["cents"]))

            with Database(f"{place}/views-{next(NUMBERS)}.db") as db:
                return Projector(store, [balances], db).catch_up()

        return absolute("catch_up of a projection, one upsert an event", 100_000, work)


ROWS = (append_one_by_one, append_by_100, make_and_append, read_a_stream, replay, load_with_a_snapshot, catch_up)


# ---------------------------------------------------------------------------------------------------------- growth

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)


def growth(sizes: tuple[int, ...] = SIZES) -> str:
    """Append rate and memory while one store grows to millions of events: a paragraph, and growth.svg."""
    from evlab import EventStore

    largest = int(os.environ.get("EVLAB_BENCH_EVENTS", sizes[-1]))
    sizes = tuple(size for size in sizes if size <= largest)
    with folder() as place:
        store = EventStore(f"{place}/evlab.db")
        rates, now = [], 0
        for size in sizes:
            while now < size - 5000:
                now += grow(store, now, min(5000, size - 5000 - now))
            start = time.perf_counter()
            while now < size:
                now += grow(store, now, 100)
            rates.append(5000 / (time.perf_counter() - start))
            print(f"  {size:,} events: appended by 100 at {rates[-1]:,.0f} events/s", file=sys.stderr)
        before = memory()
        start, peak = time.perf_counter(), before
        for recorded in store.read_all():
            if recorded.position % 100_000 == 0:
                peak = max(peak, memory())
        read = now / (time.perf_counter() - start)
        size = os.path.getsize(f"{place}/evlab.db") / 2**20
    draw(sizes, rates)
    kept = rates[-1] / rates[0]
    rows = [(f"{events:,}", f"{per:,.0f} events/s") for events, per in zip(sizes, rates, strict=True)]
    return f"""
A store that grows, 1,000 streams, appended by 100 (the picture: growth.svg):

{results_table(rows)}

At {sizes[-1]:,} events it appends at {kept:.0%} of its first rate (bar: 70 %, {"met" if kept >= 0.7 else "NOT met"}).
The file has {size:,.0f} MiB. Reading all of it: {read:,.0f} events/s, and {(peak - before) / 2**20:.0f} MiB more memory
than before.
"""


def results_table(rows: list[tuple[str, ...]]) -> str:
    from results import table

    return table("events in the store|append rate", rows)


def grow(store, now: int, count: int) -> int:
    """Append so many events to one of a thousand streams, by 100 where there are few."""
    store.append(f"account-{now // 100 % 1000}", events(count))
    return count


def memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def draw(sizes: tuple[int, ...], rates: list[float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "evlab"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.4), layout="constrained")
    axes.plot(sizes, rates, marker="o", color="#0072B2")
    axes.set(xscale="log", ylim=(0, max(rates) * 1.15), xlabel="events in the store (log scale)",
             ylabel="events appended a second", title=f"At {sizes[-1]:,} events the store appends at "
                                                      f"{rates[-1] / rates[0]:.0%} of its first rate")
    axes.grid(alpha=0.3)
    plain = dict.fromkeys(("Date", "Creator", "Type", "Format"))  # the picture alone, the same for the same figures
    figure.savefig(pathlib.Path(__file__).parent / "growth.svg", metadata=plain)
