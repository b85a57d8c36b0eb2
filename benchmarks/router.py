"""The router: 200-byte messages in memory, a million that wait, and durable ones with confirms in windows.

What only computes is measured in CPU time as well, for a machine that is shared. RabbitMQ stands beside it if pika is
installed and EVLAB_RABBITMQ has a broker's URL.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable

from run import rate, verdict
from store import folder, memory

BODY = b"x" * 200
KEYS = ("order.placed", "payment.failed", "stock.low.eu", "user.signed.mail", "order.shipped")
PATTERNS = ("order.*", "payment.failed", "stock.#", "user.*.mail", "#.never")
NUMBERS = itertools.count()
ROUNDS = 5
WINDOW = 1000


def both(work: Callable[[], int]) -> tuple[list[float], list[float]]:
    """The rates of some rounds: by the clock on the wall, and by CPU time."""
    wall, cpu = [], []
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), time.process_time()
        done = work()
        cpu.append(done / (time.process_time() - used))
        wall.append(done / (time.perf_counter() - start))
    return wall, cpu


def row(what: str, work: Callable[[], int], bar: int = 0, *, by_cpu: bool = False) -> tuple[str, ...]:
    wall, cpu = both(work)
    reached = statistics.median(cpu if by_cpu else wall)
    return (what, rate(wall, "messages/s"), f"by CPU time: {rate(cpu, 'messages/s')}", "",
            f">= {bar:,}{' (CPU)' if by_cpu else ''}" if bar else "", verdict(bool(bar), reached >= bar))


def bound(router, **settings):
    """A topic exchange with five bindings to five queues."""
    router.declare_exchange("orders", "topic")
    for number, pattern in enumerate(PATTERNS):
        router.declare_queue(f"queue-{number}", **settings)
        router.bind(f"queue-{number}", "orders", pattern)
    return router


def in_memory(count: int = 100_000) -> list[tuple[str, ...]]:
    from evlab.router import Router

    router = bound(Router())
    channel, queues = router.channel(), ("queue-0", "queue-1", "queue-2", "queue-3", "queue-0")
    got = []
    router.declare_queue("pushed")
    router.channel(prefetch=10).consume("pushed", lambda one: got.append(one.tag))

    def pulled() -> int:
        publish, get = router.publish, channel.get
        for number in range(count):
            publish("orders", KEYS[number % 5], BODY)
            get(queues[number % 5]).ack()
        return count

    def pushed() -> int:
        publish = router.publish
        for _ in range(count // 2):
            publish("", "pushed", BODY)
        assert len(got) >= count // 2
        got.clear()
        return count // 2

    return [row("route (5 bindings), enqueue, get, ack, in memory", pulled, 150_000, by_cpu=True),
            row("to a consumer, acked when its handler ends, in memory", pushed)]


def waiting(count: int = 1_000_000) -> list[tuple[str, ...]]:
    from evlab.router import Router

    router = bound(Router())
    before, publish = memory(), router.publish
    for number in range(count):
        publish("orders", "order.placed", BODY + b"%d" % number)
    each = (memory() - before) / count
    assert router.depth("queue-0").ready == count
    return [(f"{count:,} ready messages of {len(BODY)} bytes", f"{each:.0f} bytes each", "", "", "< 1,024",
             verdict(True, each < 1024))]


def durable(count: int = 50_000) -> list[tuple[str, ...]]:
    from evlab.router import Router

    with folder() as place:
        router = bound(Router(f"{place}/router-{next(NUMBERS)}", linger=0.9))
        single = bound(Router(f"{place}/router-{next(NUMBERS)}"))
        channel = router.channel()

        def windows() -> int:
            for _ in range(count // WINDOW):
                confirms = [router.publish("orders", KEYS[number % 4], BODY) for number in range(WINDOW)]
                router.flush()
                assert all(one.done for one in confirms)
            for name in ("queue-0", "queue-1", "queue-2", "queue-3"):
                router.purge(name)
            return count

        def each() -> int:
            for number in range(count // 50):
                assert single.publish("orders", KEYS[number % 4], BODY).done
            return count // 50

        def consumed() -> int:
            for _ in range(count // WINDOW // 5):
                for _ in range(WINDOW):
                    router.publish("orders", "order.placed", BODY)
                router.flush()
                for _ in range(WINDOW):
                    channel.get("queue-0").ack()
            return count // 5

        rows = [row(f"durable, confirmed in windows of {WINDOW:,}", windows, 50_000),
                row("durable, confirmed in windows, got and acked", consumed),
                row("durable, each confirm awaited: an fsync for each", each)]
        router.close(), single.close()
    return rows


def beside_rabbitmq(count: int = 5_000) -> list[tuple[str, ...]]:
    """The same windows on a real broker."""
    what = f"RabbitMQ by pika, confirmed in windows of {WINDOW:,}"
    url = os.environ.get("EVLAB_RABBITMQ")
    try:
        import pika
    except ImportError:
        return [(what, "", "not measured: pika is not installed", "", "", "")]
    if not url:
        return [(what, "", "not measured: EVLAB_RABBITMQ names no broker", "", "", "")]

    connected = pika.SelectConnection(pika.URLParameters(url))
    settled, state = [0], {}
    lasting = pika.BasicProperties(delivery_mode=2)

    def window():
        for _ in range(WINDOW):
            state["channel"].basic_publish("", "evlab-bench", BODY, lasting)

    def confirmed(frame):
        settled[0] = frame.method.delivery_tag
        if settled[0] >= count:
            state["took"] = time.perf_counter() - state["start"]
            state["channel"].queue_delete("evlab-bench")
            connected.close()
        elif settled[0] % WINDOW == 0:
            window()

    def ready(_):
        state["channel"].confirm_delivery(confirmed)
        state["start"] = time.perf_counter()
        window()

    def opened(channel):
        state["channel"] = channel
        channel.queue_declare("evlab-bench", durable=True, callback=ready)

    connected.add_on_open_callback(lambda one: one.channel(on_open_callback=opened))
    connected.add_on_close_callback(lambda one, why: one.ioloop.stop())
    connected.ioloop.start()
    return [(what, "", f"{count / state['took']:,.0f} messages/s", "", "", "")]


ROWS = (in_memory, waiting, durable, beside_rabbitmq)


if __name__ == "__main__":
    for measured in ROWS:
        if not sys.argv[1:] or measured.__name__ in sys.argv[1:]:
            for line in measured():
                print(" | ".join(line))
