"""Inbox, outbox and sagas: the inbox beside the same two statements in raw sqlite3, the rest against a figure to reach.

The figure in brackets is the rate by the processor time of this process: what a busy machine does not change much.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator

from run import compared, verdict
from store import folder

ROUNDS = 5
NUMBERS = itertools.count()
"""Numbers that no two rows of a table share."""
STOCK = "CREATE TABLE stock (item TEXT PRIMARY KEY, left INTEGER)"
TAKE = "UPDATE stock SET left = left - 1 WHERE item = 'espresso'"


def measured(work: Callable[[], int]) -> tuple[list[float], str]:
    """The rates of `work`, by the clock, and a text with the medians by the clock and by processor time."""
    by_clock, by_processor = [], []
    for _ in range(ROUNDS):
        start, busy = time.perf_counter(), time.process_time()
        done = work()
        by_clock.append(done / (time.perf_counter() - start))
        by_processor.append(done / (time.process_time() - busy))
    return by_clock, f"{statistics.median(by_clock):,.0f} ({statistics.median(by_processor):,.0f})"


def row(what: str, unit: str, work: Callable[[], int], bar: float | None = None) -> list[tuple[str, ...]]:
    rates, text = measured(work)
    met = verdict(bar is not None, statistics.median(rates) >= (bar or 0))
    return [(what, f"{text} {unit}", "", "", f">= {bar:,.0f}" if bar else "", met)]


# -------------------------------------------------------------------------------------------------- inbox and outbox


def inbox_takes(place: str, count: int, batch: int) -> Callable[[], float]:
    from evlab import Database
    from evlab.inbox import Inbox

    db = Database(f"{place}/evlab.db")
    db.execute(STOCK)
    db.execute("INSERT INTO stock VALUES ('espresso', 1000000000)")
    inbox = Inbox(db, "inventory")

    def take(ids: range) -> None:
        for number in ids:
            with inbox.once(f"event-{number}") as new:
                if new:
                    db.execute(TAKE)

    return rate_of_batches(take, db.transaction, count, batch)


def raw_takes(place: str, count: int, batch: int) -> Callable[[], float]:
    from evlab.inbox import _TABLE

    db = sqlite3.connect(f"{place}/raw.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    db.execute("PRAGMA synchronous = FULL")
    db.execute(STOCK)
    db.execute("INSERT INTO stock VALUES ('espresso', 1000000000)")
    db.execute(_TABLE)

    def take(ids: range) -> None:
        for number in ids:
            if batch == 1:
                db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO inbox (consumer, id, handled_at) VALUES ('inventory', ?, ?) ON CONFLICT DO NOTHING",
                       (f"event-{number}", time.time()))
            db.execute(TAKE)
            if batch == 1:
                db.execute("COMMIT")

    class Transaction:
        def __enter__(self):
            db.execute("BEGIN IMMEDIATE")

        def __exit__(self, *_):
            db.execute("COMMIT")

    return rate_of_batches(take, Transaction, count, batch)


def rate_of_batches(take: Callable[[range], None], transaction, count: int, batch: int) -> Callable[[], float]:
    """`take` called with new numbers; with a batch, so many in one transaction."""
    def work() -> float:
        first = next(NUMBERS) * count
        start = time.perf_counter()
        if batch == 1:
            take(range(first, first + count))
        else:
            for at in range(first, first + count, batch):
                with transaction():
                    take(range(at, at + batch))
        return count / (time.perf_counter() - start)

    return work


def inbox_one_by_one() -> list[tuple[str, ...]]:
    with folder() as place:
        return compared("inbox: effect and mark, a transaction each", "events/s", [
            ("evlab", inbox_takes(place, 1000, 1)), ("raw sqlite3", raw_takes(place, 1000, 1))], {"raw sqlite3": 0.8})


def inbox_by_100() -> list[tuple[str, ...]]:
    with folder() as place:
        return compared("inbox: effect and mark, 100 a transaction", "events/s", [
            ("evlab", inbox_takes(place, 10_000, 100)), ("raw sqlite3", raw_takes(place, 10_000, 100))], {})


def relay(count: int = 20_000, batch: int = 500) -> list[tuple[str, ...]]:
    from evlab import Bus, Database, Event, run
    from evlab.outbox import Outbox, Relay

    events = [Event(type="OrderPlaced", data={"number": number}, source="shop") for number in range(count)]
    with folder() as place:
        db = Database(f"{place}/shop.db")
        outbox, bus = Outbox(db), Bus()
        bus.subscribe("order.placed", lambda event: None, name="mail")
        rates = []
        for _ in range(ROUNDS):
            with db.transaction():
                outbox.add(*events)
            start, busy = time.perf_counter(), time.process_time()
            assert run(Relay(outbox, bus.publish, batch=batch).drain()) == count
            rates.append((count / (time.perf_counter() - start), count / (time.process_time() - busy)))
        by_clock, by_processor = (statistics.median(column) for column in zip(*rates, strict=True))
        return [(f"relay to the bus, batches of {batch}", f"{by_clock:,.0f} ({by_processor:,.0f}) events/s", "", "",
                 ">= 100,000", verdict(True, by_clock >= 100_000))]


# -------------------------------------------------------------------------------------------------------------- sagas


@functools.cache
def six_steps():
    """Three steps that can be undone, a pivot, two that are tried until they work."""
    from evlab import Event
    from evlab.saga import Saga, Step

    def asks(type: str):
        return lambda state: Event(type=type, data={"order": state["order"]}, source="shop")

    kinds = ["compensatable"] * 3 + ["pivot"] + ["retriable"] * 2
    return Saga("order", [Step(f"step {number}", asks(f"Do{number}"),
                               asks(f"Undo{number}") if kind == "compensatable" else None, kind=kind)
                          for number, kind in enumerate(kinds)])


def messages(count: int) -> Iterator[list]:
    """What cannot be left out of six-step sagas: for each its input, 6 commands and 6 replies, made by the code of the
    steps and the services, and the 13 events that the orchestrator makes of them. Gives those of its stream."""
    from evlab import Event
    from evlab.event import made_of_proven

    for number in range(count):
        first = Event(type="SagaStarted", data={"id": str(number), "input": {"order": number}}, source="order")
        events = [first]
        for step in range(6):
            command = Event(type=f"Do{step}", data={"order": number}, source="shop")
            reply = command.caused("Done", {}, source="services")
            for type in ("CommandSent", "StepDone"):
                events.append(made_of_proven(type, {"step": step, "id": reply.id}, "order", str(number), first.id))
        events.append(made_of_proven("SagaCompleted", {}, "order", str(number), first.id))
        yield events


def rules(count: int) -> int:
    """The decisions and the states of sagas, without a store and a bus."""
    from evlab.steps import SagaState

    saga = six_steps()
    for number in range(count):
        state = SagaState()
        events = saga.started(str(number), {"order": number})
        while events:
            for event in events:
                saga.evolve(state, event)
            asked = state.command
            events = saga.replied(state, asked.caused("Done", {}, source="services")) if asked is not None else []
        assert state.phase == "completed"
    return count


class Desk:
    """An orchestrator, and services that answer all that has gathered in one go."""

    def __init__(self, path: str):
        from evlab import Bus, EventStore, Real
        from evlab.saga import Orchestrator

        env = Real()
        self.asked: list = []
        self.bus, self.store = Bus(env), EventStore(path, env)
        for number in range(6):
            self.bus.subscribe(f"do{number}", self.asked.append, name=f"service {number}")
        self.orchestrator = Orchestrator(self.store, self.bus, six_steps(), env, replies="done")

    def run_sagas(self, count: int, batch: int) -> int:
        for _ in range(count // batch):
            with self.orchestrator.together():
                for _ in range(batch):
                    number = next(NUMBERS)
                    self.orchestrator.start(str(number), {"order": number})
            while self.asked:
                commands, self.asked[:] = self.asked[:], []
                with self.orchestrator.together():
                    for command in commands:
                        self.bus.publish(command.caused("Done", {}, source="services"))
        assert not self.orchestrator.open()
        return count


def saga_messages(count: int = 1000) -> list[tuple[str, ...]]:
    return row("the messages of six-step sagas, made and forgotten", "sagas/s", lambda: sum(1 for _ in messages(count)))


def saga_appends(count: int = 1000, batch: int = 200) -> list[tuple[str, ...]]:
    """The events of sagas, as the orchestrator appends them: two to each of 200 streams in a transaction."""
    from evlab import EventStore

    def work() -> int:
        sagas = iter(made)
        for _ in range(count // batch):
            streams = {f"order-{next(NUMBERS)}": next(sagas) for _ in range(batch)}
            for at in range(0, 14, 2):
                store.append_all([(stream, events[at:at + 2], at) for stream, events in streams.items()])
        return count

    store, made = EventStore(), list(messages(count))
    return row("the events of six-step sagas, appended in memory", "sagas/s", work)


def sagas_by_rules(count: int = 1000) -> list[tuple[str, ...]]:
    return row("six-step sagas, the rules alone", "sagas/s", lambda: rules(count))


def sagas_in_memory(count: int = 1000) -> list[tuple[str, ...]]:
    desk = Desk(":memory:")
    return row("six-step sagas, store in memory, 200 together", "sagas/s", lambda: desk.run_sagas(count, 200), 20_000)


def sagas_on_disk(count: int = 1000) -> list[tuple[str, ...]]:
    with folder() as place:
        desk = Desk(f"{place}/sagas.db")
        return row("six-step sagas, durable, 200 together", "sagas/s", lambda: desk.run_sagas(count, 200), 2_000)


def resume(count: int = 10_000) -> list[tuple[str, ...]]:
    """The time in which a new orchestrator reads all open sagas and sends their commands again."""
    from evlab.saga import Orchestrator

    with folder() as place:
        desk = Desk(f"{place}/sagas.db")
        with desk.orchestrator.together():
            for number in range(count):
                desk.orchestrator.start(str(number), {"order": number})
        took = []
        for _ in range(3):
            desk.asked.clear()
            start = time.perf_counter()
            Orchestrator(desk.store, desk.bus, six_steps(), desk.store.env, replies="done")
            took.append(time.perf_counter() - start)
            assert len(desk.asked) == count
        return [(f"resume of {count:,} open sagas", f"{statistics.median(took):.2f} s", "", "", "< 2 s",
                 verdict(True, statistics.median(took) < 2))]


ROWS = (inbox_one_by_one, inbox_by_100, relay, saga_messages, saga_appends, sagas_by_rules, sagas_in_memory,
        sagas_on_disk, resume)
