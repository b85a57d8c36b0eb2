"""Kafka, RabbitMQ and PostgreSQL beside their twins, by the same calls: `python benchmarks/engines.py`.

It starts the servers of brokers/ (or uses EVLAB_KAFKA, EVLAB_RABBITMQ and EVLAB_POSTGRES), measures, and writes
data/engines.json, from which notebook 23 draws. All run on one machine, with bodies of 200 bytes:
- one by one: the next is sent when the one before is acked;
- many on their way: by 500 in a batch, window or append;
- read: by one consumer, each message acked, or each batch committed.
Beside the rates: how many events a reader by position misses while four writers are at work, what is left of 200
acked rows after a kill -9, by the settings of the server, and the surprises of surprises.py.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from results import machine, save, table
from surprises import seen

from evlab import Event, EventStore
from evlab.engines import KafkaLog, PostgresEventStore, RabbitRouter
from evlab.engines.postgres_gap import gap
from evlab.env import Later, run
from evlab.log import Log
from evlab.router import Router

ROOT = pathlib.Path(__file__).resolve().parents[1]
BODY, BATCH = bytes(200), 500
ONE_BY_ONE, MANY, ROUNDS = 500, 10_000, 3
FILE = ROOT / "data" / "engines.json"


class Ways(NamedTuple):
    """What is measured of an engine. Each call gets a number of messages, and does all of it."""

    one_by_one: Callable[[int], None]
    many: Callable[[int], None]
    read: Callable[[int], None]
    """It finds at least so many, which `many` has put there just now."""


# -------------------------------------------------------------------------------------------------- the three kinds


def of_log(log: Log | KafkaLog, topic: str, **config) -> Ways:
    log.create_topic(topic, 1, **config)
    producer, consumer = log.producer(batch_records=BATCH), log.consumer(f"bench-{topic}", topic)

    def one_by_one(count):
        for _ in range(count):
            producer.send(topic, BODY, key=b"order-1042")
            producer.flush()

    def many(count):
        for _ in range(count):
            producer.send(topic, BODY, key=b"order-1042")
        producer.flush()

    def read(count):
        while count > 0:
            count -= len(consumer.poll(BATCH, timeout=1))
            consumer.commit()

    return Ways(one_by_one, many, read)


def of_router(slow: Router | RabbitRouter, quick: Router | RabbitRouter) -> Ways:
    """quick: one that may have many messages on their way."""
    queue, last = "bench", [quick]
    for router in (slow, quick):
        router.declare_queue(queue)

    def publish(router, count):
        last[0] = router
        for _ in range(count):
            router.publish("", queue, BODY)
        router.flush()

    def read(count):
        router, seen, over = last[0], [], Later()
        channel = router.channel(prefetch=BATCH)

        def take(delivery):
            delivery.ack()
            seen.append(delivery.tag)
            if len(seen) == count:
                over.resolve()

        def wait():
            yield over

        channel.consume(queue, take, acks="manual")
        run(wait())
        router.flush()
        channel.close()

    return Ways(lambda count: publish(slow, count), lambda count: publish(quick, count), read)


def of_store(store: EventStore | PostgresEventStore) -> Ways:
    made = iter(range(10**9))

    def some(count):
        stream = f"order-{next(made)}"
        return stream, [Event(type="OrderPlaced", key=stream, data={"note": "x" * 120}) for _ in range(count)]

    def one_by_one(count):
        stream, events = some(count)
        for event in events:
            store.append(stream, event)

    def many(count):
        stream, events = some(count)
        for at in range(0, count, BATCH):
            store.append(stream, events[at:at + BATCH])

    def read(count):
        start = list(store.read_all(limit=1))[0].position
        for _ in store.read_all(after=start - 1, limit=count):
            pass

    return Ways(one_by_one, many, read)


# ------------------------------------------------------------------------------------------------------ the servers


def contenders(folder: pathlib.Path, kafka: str, rabbitmq: str, postgres: str, stack) -> Iterator[tuple]:
    """(engine, kind, what acked means, its Ways), each opened when its turn comes."""
    log, real = stack.enter_context(Log(folder / "log")), stack.enter_context(KafkaLog(kafka))
    yield "evlab.log", "log", "on disk", of_log(log, "orders")
    yield "Kafka", "log", "in memory", of_log(real, "in-memory")
    yield "Kafka, flush.messages=1", "log", "on disk", of_log(real, "on-disk", flush="ack")
    pairs = {"evlab.router": (Router(folder / "slow"), Router(folder / "quick", linger=0.01)),
             "RabbitMQ": (RabbitRouter(rabbitmq), RabbitRouter(rabbitmq, window=BATCH))}
    for name, pair in pairs.items():
        for router in pair:
            stack.callback(router.close)
        yield name, "queue", "on disk", of_router(*pair)
    yield "evlab.store", "store", "on disk", of_store(stack.enter_context(EventStore(folder / "events.db")))
    yield "PostgreSQL", "store", "on disk", of_store(stack.enter_context(PostgresEventStore(postgres, "evlab_bench")))


@contextlib.contextmanager
def server(kind: str, folder: pathlib.Path) -> Iterator[str]:
    """The address that is set, or that of a server for the time being."""
    if address := os.environ.get(f"EVLAB_{kind.upper()}"):
        yield address
        return
    (folder / kind).mkdir()
    with importlib.import_module(f"brokers.{kind}").running(folder / kind) as address:
        yield address


def rate(work: Callable[[int], None], count: int) -> float:
    began = time.perf_counter()
    work(count)
    return count / (time.perf_counter() - began)


def measure(ways: Ways) -> dict[str, int]:
    """Medians of some rounds, in messages a second."""
    ways.many(BATCH)
    ways.read(BATCH)  # a group has joined, all is warm
    ways.one_by_one(20)
    ways.read(20)
    found: dict[str, list[float]] = {"one by one": [], "many": [], "read": []}
    for _ in range(ROUNDS):
        found["one by one"].append(rate(ways.one_by_one, ONE_BY_ONE))
        ways.read(ONE_BY_ONE)
        found["many"].append(rate(ways.many, MANY))
        found["read"].append(rate(ways.read, MANY))
    return {name: round(statistics.median(rates)) for name, rates in found.items()}


def missed(dsn: str, writers: int = 4, each: int = 100) -> dict[str, int]:
    """Of all rows, how many a reader that goes on behind its last position has never seen."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as reader:
        reader.execute("DROP TABLE IF EXISTS public.drawn")
        reader.execute("CREATE TABLE public.drawn (position bigserial PRIMARY KEY, data text)")

        def write():
            with psycopg.connect(dsn) as connection:
                for _ in range(each):
                    connection.execute("INSERT INTO public.drawn (data) VALUES ('x')")
                    connection.commit()

        threads = [threading.Thread(target=write) for _ in range(writers)]
        for thread in threads:
            thread.start()
        seen, last, more = 0, 0, True
        while more:
            more = any(thread.is_alive() for thread in threads)
            found = reader.execute("SELECT position FROM public.drawn WHERE position > %s ORDER BY position", [last])
            rows = found.fetchall()
            seen, last = seen + len(rows), rows[-1][0] if rows else last
        reader.execute("DROP TABLE public.drawn")
    return {"rows": writers * each, "never seen": writers * each - seen}


def left_after_a_kill(folder: pathlib.Path, count: int = 200, **settings: str) -> int:
    """How many of so many acked rows a PostgreSQL with these settings has after kill -9 and a restart."""
    import psycopg

    from brokers.postgres import Server

    folder.mkdir()
    server = Server(folder)
    server.settings |= {"wal_writer_delay": "10s"} | settings
    with server:
        with psycopg.connect(server.dsn, autocommit=True) as client:
            client.execute("CREATE TABLE acked (number integer)")
            client.execute("CHECKPOINT")
            for number in range(count):
                client.execute("INSERT INTO acked VALUES (%s)", [number])
            server.kill()
        server.start()
        with psycopg.connect(server.dsn) as client:
            return client.execute("SELECT count(*) FROM acked").fetchone()[0]


def versions(rabbitmq: str, postgres: str) -> dict[str, str]:
    import psycopg

    with RabbitRouter(rabbitmq) as router, psycopg.connect(postgres) as database:
        number = database.info.server_version
        found = {"RabbitMQ": router.version, "PostgreSQL": f"{number // 10_000}.{number % 10_000}"}
    return found if "EVLAB_KAFKA" in os.environ else {"Kafka": kafka_version(), **found}


def kafka_version() -> str:
    """Of the server that brokers/ starts: its jars have it in their names. (A Kafka does not say it to clients.)"""
    from brokers.kafka import LOCK

    return next(name.rsplit("-", 1)[1] for name in LOCK.read_text("utf-8").split() if name.startswith("kafka-clients-"))


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from brokers.common import NotInstalled

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so the servers are stopped then, too
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evlab-engines-")))
        try:
            addresses = [stack.enter_context(server(kind, folder)) for kind in ("kafka", "rabbitmq", "postgres")]
        except NotInstalled as missing:
            print(f"evlab: {missing}", file=sys.stderr)
            return 2
        rows = []
        for engine, kind, acked, ways in contenders(folder, *addresses, stack):
            rows.append({"engine": engine, "kind": kind, "acked": acked, **measure(ways)})
            print(rows[-1], flush=True)
        result = {"machine": machine(), "servers": versions(*addresses[1:]), "gap": gap(addresses[2])._asdict(),
                  "missed": missed(addresses[2]), "rates": rows, "left of 200 after kill -9": {
                      "as it is delivered": left_after_a_kill(folder / "a"),
                      "synchronous_commit = off": left_after_a_kill(folder / "b", synchronous_commit="off"),
                      "fsync = off": left_after_a_kill(folder / "c", fsync="off")},
                  "surprises": seen(*addresses)}
        print({name: value for name, value in result.items() if name != "rates"})
    FILE.write_text(json.dumps(result, indent=1) + "\n")
    save("Real engines", "\n".join([
        "Written by `python benchmarks/engines.py`, with data/engines.json. Messages of 200 bytes a second, medians of "
        f"{ROUNDS} rounds; servers and client on one machine.", "",
        result["machine"] + f" Servers: {', '.join(f'{name} {number}' for name, number in result['servers'].items())}.",
        "", table("engine|acked means|one by one|by 500|read", [
            (row["engine"], row["acked"], *(f"{row[way]:,}" for way in ("one by one", "many", "read")))
            for row in rows])]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
