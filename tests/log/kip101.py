"""Why a follower cuts its log by leader epochs: what KIP-101 mended, shown on three brokers.

A follower that gets a new leader has to find the place up to which the two logs agree. Before Kafka 0.11 it took its
own high watermark, which says what it knows to be safe. But a follower hears of the high watermark one fetch late:
1. it may cut off a record that is acked, and lead before it has fetched it again (`an_acked_record_is_lost`);
2. it may keep a record that its leader never had, and fetch on behind it (`two_copies_differ`).
By leader epochs it asks its leader where the last epoch ended that both know, and cuts there: neither can happen.
"""

from __future__ import annotations

from evlab.log import Log, Producer
from evlab.log.records import decode_batches
from evlab.sim import World

__all__ = ["an_acked_record_is_lost", "records_of", "two_copies_differ"]


def an_acked_record_is_lost(truncation: str) -> tuple[list[bytes], dict[str, list[bytes]]]:
    """Two leaders die one after the other. Returns (what all replicas acked, broker -> what it has in the end)."""
    world = World(101)
    log = Log(env=world, brokers=3, truncation=truncation)
    world.run(until=1)  # all brokers are up, so broker-0 will lead
    log.create_topic("orders", 1, replication=3, min_insync_replicas=2)
    shop = Producer(log.client("shop"))

    # 1. Both followers fetch "paid", so broker-0 acks it. That it is safe they will hear with their next answer.
    first, second = shop.send("orders", b"placed"), None
    world.run(until=4)
    second = shop.send("orders", b"paid")
    while not second.done:
        world.run(until=world.now() + 0.001)

    # 2. Before that answer the leader dies, and broker-2 cannot reach the next one, broker-1.
    world.network.cut("broker-2", "broker-1")
    world.crash("broker-0", power=False)
    world.run(until=world.now() + 10)  # broker-1 leads; broker-2 cuts its log, and has no one to fetch from

    # 3. The next leader dies too. broker-2 was in sync, so it may lead.
    world.crash("broker-1", power=False)
    world.run(until=world.now() + 10)

    # 4. All come back, and follow broker-2.
    world.calm()
    world.run(until=world.now() + 10)
    return [b"placed", b"paid"] if first.done and second.done else [], records_of(log)


def two_copies_differ(truncation: str) -> dict[str, list[bytes]]:
    """A leader that was cut off comes back, and the new leader lacks its last record. Returns broker -> what it has."""
    world = World(101)
    log = Log(env=world, brokers=2, truncation=truncation, max_lag=1.0)
    world.run(until=1)
    log.create_topic("orders", 1, replication=2, unclean=True)
    shop = Producer(log.client("shop"), acks=1)

    # 1. broker-1 cannot fetch any more and is no longer in sync, so broker-0 alone decides that "old" is safe.
    shop.send("orders", b"placed")
    world.run(until=3)
    world.network.cut("broker-1", "broker-0")
    world.run(until=8)
    shop.send("orders", b"old")
    world.run(until=9)

    # 2. Nobody reaches broker-0, so the controller lets broker-1 lead, which lacks "old": an unclean election.
    for node in ("controller", "shop"):
        world.network.cut(node, "broker-0")
        world.network.cut("broker-0", node)
    world.run(until=20)
    for value in (b"new", b"newer"):
        shop.send("orders", value)
        world.run(until=world.now() + 3)

    # 3. broker-0 comes back as a follower.
    world.calm()
    world.run(until=world.now() + 10)
    return records_of(log)


def records_of(log: Log) -> dict[str, list[bytes]]:
    """Broker -> the values in its copy of orders-0."""
    return {name: [record.value for batch in decode_batches(log.replica("orders", 0, name).partition.read(0))
                   for record in batch.records] for name in log.names}
