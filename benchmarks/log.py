"""The log beside librdkafka producing to its own mock broker: 200-byte values, 12-byte keys, batches of 500.

evlab acks a batch when it is on the disk; the mock broker keeps it in memory and never syncs. A real Kafka broker does
not sync each batch either. So the same bytes also go to a plain file, with as many fsyncs: the log cannot be faster.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable

from run import compared, per_second, rate, verdict
from store import folder, memory

VALUE = b"x" * 200
KEYS = [b"order-%06d" % number for number in range(1000)]
NUMBERS = itertools.count()
ROUNDS = 5
T = 1_700_000_000_000


def sends(place: str, count: int, **settings) -> Callable[[], float]:
    from evlab.log import Log, Producer

    log = Log(f"{place}/log-{next(NUMBERS)}")
    log.create_topic("orders", 1)
    producer = Producer(log, **settings)

    def work() -> int:
        send = producer.send
        for number in range(count):
            send("orders", VALUE, key=KEYS[number % 1000])
        assert producer.flush().value is None
        return count

    return per_second(work)


def librdkafka_sends(count: int) -> Callable[[], float]:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "batch.num.messages": 500,
                         "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    producer.produce("orders", VALUE, partition=0)
    producer.flush()

    def work() -> int:
        for number in range(count):
            producer.produce("orders", VALUE, key=KEYS[number % 1000], partition=0)
        assert producer.flush(60) == 0
        return count

    return per_second(work)


def plain_file(place: str, count: int, batches: int = 1) -> Callable[[], float]:
    """Write and fsync so many batches at a time, which were encoded before."""
    from evlab.log.records import encode_rows

    data = encode_rows([(T, KEYS[number], VALUE, ()) for number in range(500)]) * batches

    def work() -> int:
        with open(f"{place}/file-{next(NUMBERS)}", "ab", buffering=0) as file:
            for _ in range(count // (500 * batches)):
                file.write(data)
                os.fsync(file.fileno())
        return count

    return per_second(work)


def produce(count: int = 100_000) -> list[tuple[str, ...]]:
    with folder() as place:
        each = compared("send and flush, an fsync for each batch", "records/s", [
            ("evlab", sends(place, count)), ("librdkafka to its mock broker, no fsync", librdkafka_sends(count)),
            ("a plain file", plain_file(place, count))], {})
        grouped = compared("send and flush, an fsync for 8 batches", "records/s", [
            ("evlab", sends(place, count, linger=1.0, request_batches=8)),
            ("a plain file", plain_file(place, count, 8))], {})
    return [absolute(each[0], 450_000), each[1], absolute(grouped[0], 750_000)]


def absolute(row: tuple[str, ...], bar: int) -> tuple[str, ...]:
    """The same row with a bar for evlab's own rate."""
    reached = float(row[1].split()[0].replace(",", ""))
    return (*row[:4], f">= {bar:,}", verdict(True, reached >= bar))


def polled(count: int = 300_000) -> list[tuple[str, ...]]:
    from evlab.log import Consumer, Log

    with folder() as place:
        log = Log(place)
        log.create_topic("orders", 1, flush="never")
        fill(log, count)

        def work() -> int:
            consumer = Consumer(log, f"group-{next(NUMBERS)}", "orders")
            left = count
            while left:
                left -= len(consumer.poll())
            return count

        took = [per_second(work)() for _ in range(ROUNDS)]
    return [absolute(("poll, 500 at a time, CRCs checked", rate(took, "records/s"), "", "", "", ""), 1_000_000)]


def fill(log, count: int, progress: Callable[[int], None] = lambda done: None) -> None:
    """Append so many records to orders-0, by 500, past the producer."""
    from evlab.log.records import encode_rows

    partition = log.replica("orders", 0).partition
    batch = [(T + number, KEYS[number], VALUE, ()) for number in range(500)]
    for start in range(0, count, 500):
        partition.append(encode_rows([(row[0] + start, *row[1:]) for row in batch]))
        progress(start + 500)
    log.replica("orders", 0).advance()


def random_reads() -> list[tuple[str, ...]]:
    """One record at a random offset, from a log of 10,000 and from one of 10 million (EVLAB_BENCH_RECORDS)."""
    import random

    from evlab.log import Log
    from evlab.log.records import decode_batches

    largest = int(os.environ.get("EVLAB_BENCH_RECORDS", 10_000_000))
    with folder() as place:
        log = Log(place)
        log.create_topic("orders", 1, flush="never")
        partition, found, now, peak = log.replica("orders", 0).partition, {}, 0, []
        for size in (10_000, largest):
            fill(log, size - now, lambda done: peak.append(memory()) if done % 500_000 == 0 else None)
            now, chance, took = size, random.Random(size), []
            for _ in range(400):
                offset = chance.randrange(size)
                start = time.perf_counter()
                batch = next(decode_batches(partition.read(offset, 1)))
                record = batch.records[offset - batch.base_offset]
                took.append(time.perf_counter() - start)
                assert record.offset == offset
            found[size] = statistics.median(took) * 1e6
        log.close()
    grown = (max(peak) - min(peak)) / 2**20
    return [("read one record at a random offset", f"{largest:,} records: {found[largest]:.0f} µs",
             f"10,000 records: {found[10_000]:.0f} µs", f"{found[largest] / found[10_000]:.2f}", "< 200 µs",
             verdict(True, found[largest] < 200)),
            ("memory while it grew to that", f"{grown:.0f} MiB more", "", "", "<= 16 MiB", verdict(True, grown <= 16))]


def recovery() -> list[tuple[str, ...]]:
    """Open a partition of 1 GiB that was not closed: every batch is checked."""
    from evlab.files import DiskFiles
    from evlab.log import Log
    from evlab.log.partition import Partition

    with folder() as place:
        log = Log(place)
        log.create_topic("orders", 1, flush="never", segment_bytes=(2 << 30) - 1)
        fill(log, 4_750_000)
        size = log.replica("orders", 0).partition.size
        config, files = log.metadata.topics["orders"].config, DiskFiles(f"{place}/broker-0/orders-0")
        start = time.perf_counter()
        again = Partition(files, "orders", 0, config)
        took = time.perf_counter() - start
        assert again.end == 4_750_000 and again.cut == 0
    return [(f"recovery of a partition of {size / 2**30:.2f} GiB", f"{took:.1f} s", "", "", "< 5 s",
             verdict(True, took < 5))]


def partitioning(count: int = 100_000) -> list[tuple[str, ...]]:
    """How much of a send is the choice of the partition; 1,000 keys are remembered, a million are not."""
    import random

    from evlab.log.partitioner import Partitioner

    choose = Partitioner(random.Random(1))
    many = [b"order-%09d" % number for number in range(count)]
    few = per_second(lambda: sum(choose(KEYS[n % 1000], 12) >= 0 for n in range(count)))
    fresh = per_second(lambda: sum(Partitioner.__call__(choose, key, 12) >= 0 for key in many))
    new = fresh()
    return [("choose a partition, keys seen before", rate([few() for _ in range(ROUNDS)], "keys/s"), "", "", "", ""),
            ("choose a partition, keys never seen", f"{new:,.0f} keys/s", "", "", "", "")]


def day_of_lag(count: int = 1_000_000) -> list[tuple[str, ...]]:
    """One simulated day: a million records in a wave, six partitions, three consumers, lag looked at each minute."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        most = simulated_day(count)
        took.append(time.perf_counter() - start)
    assert most > 0
    return [(f"a simulated day, {count:,} records", f"{statistics.median(took):.1f} s", "", "", "< 3 s",
             verdict(True, statistics.median(took) < 3))]


def simulated_day(count: int) -> int:
    """Returns the largest lag that was seen."""
    import math

    from evlab import World
    from evlab.log import Consumer, Log, Producer

    world = World(seed=1)
    log = Log(env=world)
    log.create_topic("orders", 6, flush="never")
    producer = Producer(log, batch_records=2000)
    seen = [0]

    def shop():
        sent = 0
        for minute in range(1440):
            seen.append(max((row.lag or 0 for row in log.lag("email")), default=0))
            due = int(count * (minute + 1) / 1440 - 60 * math.sin(minute / 229) * count / 1e6)
            for number in range(sent, due):
                producer.send("orders", b"order", key=KEYS[number % 1000], timestamp=minute)
            sent = max(sent, due)
            producer.flush()
            yield 60.0

    def worker(consumer):
        while True:
            records = consumer.poll(1000)
            if records:
                yield len(records) / 4.0
                yield consumer.commit()
            else:
                yield consumer.arrived

    for _ in range(3):
        world.spawn(worker(Consumer(log, "email", "orders", session_timeout=600.0, heartbeat_interval=60.0,
                                    fetch_max_wait=60.0)))
    world.spawn(shop())
    world.run(until=86_400.0)
    return max(seen)


ROWS = (produce, polled, random_reads, recovery, partitioning, day_of_lag)


if __name__ == "__main__":
    for measured in ROWS:
        if not sys.argv[1:] or measured.__name__ in sys.argv[1:]:
            for line in measured():
                print(" | ".join(line))
