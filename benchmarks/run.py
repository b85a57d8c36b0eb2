"""evlab beside its peers, in one run: `make bench`, which writes RESULTS.md. (make bench ARGS=store: one group.)

Each row measures all its contenders in turn, round after round, so that what disturbs the machine disturbs all. The
figure of a contender is its median over the rounds. The ratio is the median of the rounds' own ratios, and the spread
beside it is their middle half. Nothing here is a test: a slow machine makes a slow table, never a red one.
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import json
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import results

ROUNDS = 7

Contender = tuple[str, Callable[[], float]]
"""A name, and a function that works for a while and returns its rate (or its seconds)."""


def main() -> None:
    import delivery
    import log
    import router
    import store

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("groups", nargs="*", help="some of: core store delivery log router; all by default")
    asked = parser.parse_args().groups
    groups = {"core": ("Bus, events and the simulator", "blinker cloudevents msgspec pyee simpy",
                       (bus_one, bus_three, event_round_trip, world_steps, histories, import_time), None),
              "store": ("The event store", "eventsourcing msgspec", store.ROWS, store.growth),
              "delivery": ("Inbox, outbox and sagas", "msgspec", delivery.ROWS, None),
              "log": ("The partitioned log", "confluent-kafka google-crc32c", log.ROWS, None),
              "router": ("The router", "msgspec", router.ROWS, None)}
    for name, (title, peers, measured, more) in groups.items():
        if not asked or name in asked:
            write_results(title, run_group(measured), peers, more() if more else "")
    print("saved in benchmarks/RESULTS.md")


def run_group(measured) -> list[tuple[str, ...]]:
    from rich.console import Console
    from rich.table import Table

    console, rows = Console(), []
    for row in measured:
        with console.status(f"measuring: {row.__name__.replace('_', ' ')}"):
            rows += row()
    shown = Table("what", "evlab", "peers", "ratio", "bar", "met")
    for line in rows:
        shown.add_row(*line)
    console.print(shown)
    return rows


def rounds(contenders: list[Contender], times: int = ROUNDS) -> dict[str, list[float]]:
    """Every contender once a round, the order turned by one each time."""
    measured: dict[str, list[float]] = {name: [] for name, _ in contenders}
    for number in range(times):
        turn = number % len(contenders)
        for name, work in contenders[turn:] + contenders[:turn]:
            measured[name].append(work())
    return measured


def ratio_of(ours: list[float], theirs: list[float]) -> tuple[float, str]:
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    middle = statistics.median(ratios)
    return middle, f"{middle:.2f} ({low:.2f} to {high:.2f})"


def compared(what: str, unit: str, contenders: list[Contender], bars: dict[str, float]) -> list[tuple[str, ...]]:
    """A row for each peer; rates, so more is better. `bars` holds the ratio to reach against a peer."""
    measured = rounds(contenders)
    (ours, _), *peers = contenders
    rows = []
    for peer, _ in peers:
        ratio, text = ratio_of(measured[ours], measured[peer])
        bar = bars.get(peer)
        rows.append((what, rate(measured[ours], unit), f"{peer}: {rate(measured[peer], unit)}", text,
                     f">= {bar:g}" if bar else "", verdict(bar is not None, ratio >= (bar or 0))))
    return rows


def rate(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):,.0f} {unit}"


def verdict(asked: bool, met: bool) -> str:
    return ("yes" if met else "NO") if asked else ""


def per_second(work: Callable[[], int]) -> Callable[[], float]:
    """Turn work that returns how much it did into its rate."""
    def measure() -> float:
        start = time.perf_counter()
        done = work()
        return done / (time.perf_counter() - start)

    return measure


# ---------------------------------------------------------------------------------------------------- the rows


def bus_dispatch(subscribers: int, number: int = 200_000) -> list[tuple[str, ...]]:
    import blinker
    import pyee

    from evlab import Bus, Event

    event = Event(type="OrderPlaced", source="shop", key="order-1042", data={"total_cents": 4200})
    bus, emitter, signal = Bus(), pyee.EventEmitter(), blinker.Signal()
    handlers = []
    for index in range(subscribers):
        def handle(event):
            pass

        def receive(sender, event):
            pass

        handlers.append(receive)  # blinker keeps weak references
        bus.subscribe("order.placed", handle, name=f"reader-{index}")
        emitter.add_listener("OrderPlaced", handle)
        signal.connect(receive)

    def ours() -> int:
        publish = bus.publish
        for _ in range(number):
            publish(event)
        return number

    def with_pyee() -> int:
        emit = emitter.emit
        for _ in range(number):
            emit("OrderPlaced", event)
        return number

    def with_blinker() -> int:
        send = signal.send
        for _ in range(number):
            send("shop", event=event)
        return number

    return compared(f"bus dispatch, {subscribers} subscriber{'s' if subscribers > 1 else ''}", "events/s",
                    [("evlab", per_second(ours)), ("pyee", per_second(with_pyee)),
                     ("blinker", per_second(with_blinker))], {"pyee": 2.0})


def bus_one() -> list[tuple[str, ...]]:
    return bus_dispatch(1)


def bus_three() -> list[tuple[str, ...]]:
    return bus_dispatch(3)


def event_round_trip(number: int = 20_000) -> list[tuple[str, ...]]:
    """A small event and a whole order: written and read; and made, written and read."""
    from evlab.course import load_orders

    order = load_orders()[1041]
    small = {"order_id": "order-1042", "customer": "c-42", "total_cents": 4200, "currency": "EUR"}
    return [*events(small, number, 4.0), *events(order, number, None)]


def events(data: dict, number: int, most: float | None) -> list[tuple[str, ...]]:
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    from evlab import Event

    def ours() -> Event:
        return Event(type="OrderPlaced", source="shop", key="order-1042", data=data)

    def theirs() -> CloudEvent:
        return CloudEvent({"id": str(uuid.uuid4()), "source": "shop", "type": "OrderPlaced", "specversion": "1.0",
                           "time": datetime.now(UTC), "datacontenttype": "application/json",
                           "subject": "order-1042"}, data)

    event, cloud, form = ours(), theirs(), JSONFormat()
    plain = json.loads(event.to_json())

    def timed(step: Callable[[], object]) -> Callable[[], float]:
        def work() -> int:
            for _ in range(number):
                step()
            return number

        return per_second(work)

    size = f"{len(event.to_json())} bytes"
    rows = compared(f"event written and read, {size}", "events/s", [
        ("evlab", timed(lambda: Event.from_json(event.to_json()))),
        ("CloudEvents SDK", timed(lambda: form.read(CloudEvent, form.write(cloud)))),
        ("json, no validation", timed(lambda: json.loads(json.dumps(plain))))], {"CloudEvents SDK": 8.0})
    rows += compared(f"event made, written and read, {size}", "events/s", [
        ("evlab", timed(lambda: Event.from_json(ours().to_json()))),
        ("CloudEvents SDK", timed(lambda: form.read(CloudEvent, form.write(theirs()))))], {})
    if most:
        took = 1e6 / statistics.median(timed(lambda: Event.from_json(event.to_json()))() for _ in range(ROUNDS))
        rows.append((f"event written and read, {size}", f"{took:.2f} µs", "", "", f"<= {most:g} µs",
                     verdict(True, took <= most)))
    return rows


def world_steps(processes: int = 100, steps: int = 3000) -> list[tuple[str, ...]]:
    import simpy

    from evlab import World

    def ours() -> float:
        world = World(1)

        def work(delay):
            for _ in range(steps):
                yield delay

        for number in range(processes):
            world.spawn(work(1.0 + number % 7), f"node-{number % 10}")
        return per_second(lambda: world.run() and processes * steps)()

    def theirs() -> float:
        env = simpy.Environment()

        def work(delay):
            for _ in range(steps):
                yield env.timeout(delay)

        for number in range(processes):
            env.process(work(1.0 + number % 7))
        return per_second(lambda: env.run() or processes * steps)()

    contenders = [("evlab", ours), ("SimPy", theirs)]
    return compared(f"process steps, {processes} processes", "steps/s", contenders, {"SimPy": 1.3})


def histories(number: int = 300) -> list[tuple[str, ...]]:
    """A shop, a bus and a subscriber; five orders; messages lost and crashes; checked after it has calmed down."""
    from evlab import Bus, Event, Faults, World, check

    def scenario(seed: int) -> int:
        world = World(seed, Faults(drop=0.05, crash=0.02))
        bus = Bus(world)
        bus.subscribe("order.placed", lambda e: world.history.did("receive", e.key), name="email")

        def shop():
            for order in range(5):
                world.history.did("send", f"order-{order}")
                bus.publish(Event(type="OrderPlaced", source="shop", key=f"order-{order}"))
                yield 0.1

        world.spawn(shop(), "bus")
        world.run(until=20)
        world.calm().run()
        check(world.history)
        return len(world.history)

    def measure() -> float:
        start = time.perf_counter()
        for seed in range(number):
            scenario(seed)
        return number / (time.perf_counter() - start)

    took = [measure() for _ in range(ROUNDS)]
    return [(f"crash histories, {scenario(1)} entries each, checked", rate(took, "histories/s"), "", "", ">= 1,000",
             verdict(True, statistics.median(took) >= 1000))]


def import_time() -> list[tuple[str, ...]]:
    def start(code: str) -> Callable[[], float]:
        def measure() -> float:
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            return (time.perf_counter() - begin) * 1000

        return measure

    measured = rounds([("nothing", start("pass")), ("evlab", start("import evlab")),
                       ("names", start("from evlab import Bus, Event, World"))])
    empty = statistics.median(measured["nothing"])
    rows = []
    for name, what in (("evlab", "import evlab"), ("names", "from evlab import Bus, Event, World")):
        took = statistics.median(measured[name]) - empty
        itself = f"Python itself: {empty:.0f} ms"
        rows.append((what, f"{took:.0f} ms", itself, "", "< 150 ms", verdict(True, took < 150)))
    return rows


# ----------------------------------------------------------------------------------------------------- the report


def write_results(title: str, rows: list[tuple[str, ...]], peers: str, more: str = "") -> None:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in peers.split())
    results.save(title, f"""Written by `make bench`. Medians of 5 or 7 rounds; in each round every contender runs
once, in turn. A ratio is the median of the rounds' ratios, their middle half in brackets. Rates: more is better.

{results.machine()} Peers: {versions}.

{results.table("what|evlab|peers|ratio|bar|met", rows)}
{more}""")


if __name__ == "__main__":
    main()
