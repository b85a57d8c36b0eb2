"""What Kafka, RabbitMQ and PostgreSQL do otherwise than one thinks, seen again: `python benchmarks/surprises.py`.

It starts the servers of brokers/ (or uses EVLAB_KAFKA, EVLAB_RABBITMQ and EVLAB_POSTGRES), prints what it has seen, and
writes that into data/engines.json, beside the rates. Notebook 23 has a table of it. It takes about ten seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

from evlab.engines import KafkaLog, RabbitRouter
from evlab.errors import EvlabError
from evlab.log import Log

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / "data" / "engines.json"
FRESH = f"{os.getpid()}-{time.time_ns()}"
"""In the name of each topic and queue: on a server that stays up, those of the last run are still there."""


def seen(kafka: str, rabbitmq: str, postgres: str) -> dict:
    """All of it, by name, as numbers and words that JSON can hold."""
    with tempfile.TemporaryDirectory() as folder, Log(folder) as twin, KafkaLog(kafka) as log:
        lag = {"librdkafka": lag_behind_a_marker(log), "evlab.log": lag_behind_a_marker(twin)}
    return {"lag behind a marker": lag,
            "seconds to an ack": {"idempotent": seconds_to_an_ack(kafka, True), "not": seconds_to_an_ack(kafka, False)},
            "taken by max_length 10": taken_by_a_full_queue(rabbitmq, 10),
            "a second ack": second_ack(rabbitmq),
            "a handler asleep": handler_asleep(rabbitmq, heartbeat=1, asleep=4),
            "takes U+0000": takes_the_null_character(postgres),
            "answer to COMMIT": answer_to_commit(postgres)}


def lag_behind_a_marker(log: Log | KafkaLog) -> int:
    """The lag of a group that has read and committed all there is: one record, written in a transaction."""
    topic, group = f"marker-{FRESH}", f"reader-{FRESH}"
    log.create_topic(topic)
    producer = log.producer(transactional_id=f"till-{FRESH}")
    producer.begin()
    producer.send(topic, b"order-1042")
    producer.commit()
    with log.consumer(group, topic, isolation="read_committed") as consumer:
        records = []
        while not records:
            records = consumer.poll(timeout=1)
        consumer.poll(timeout=0.2)  # a second look, and it has passed what is there
        consumer.commit()
    [row] = log.lag(group)
    return row.lag


def seconds_to_an_ack(kafka: str, idempotent: bool, rounds: int = 5) -> list[float]:
    """Medians of the first and of the second ack of so many new producers, each of which sends at once."""
    import confluent_kafka

    with KafkaLog(kafka) as log:
        log.create_topic(topic := f"acks-{FRESH}-{idempotent}")
    found = []
    for _ in range(rounds):
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": kafka, "enable.idempotence": idempotent, "linger.ms": 0, "acks": "all"})
        times = []
        for _ in range(2):
            began = time.perf_counter()
            producer.produce(topic, b"order-1042")
            producer.flush(10)
            times.append(time.perf_counter() - began)
        found.append(times)
    return [round(statistics.median(times), 3) for times in zip(*found, strict=True)]


def taken_by_a_full_queue(rabbitmq: str, most: int) -> int:
    """How many of three times as many messages a quorum queue takes, if each waits for its confirm. (With many on their
    way it takes some more.)"""
    with RabbitRouter(rabbitmq) as router:
        queue = router.declare_queue(f"full-{FRESH}", type="quorum", max_length=most, overflow="reject-publish")
        confirms = [router.publish("", queue, b"order-1042") for _ in range(3 * most)]
        router.delete_queue(queue)
    return sum(confirm.error is None for confirm in confirms)


def second_ack(rabbitmq: str) -> str:
    """What comes of two acks for one delivery: both calls return, and later the channel is closed, with this."""
    import pika

    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"order-1042")
        method = None
        while method is None:
            method, _, _ = channel.basic_get(queue)
        channel.basic_ack(method.delivery_tag)
        channel.basic_ack(method.delivery_tag)
        assert channel.is_open, "the second ack had an answer"
        try:
            channel.queue_declare(queue, passive=True)  # any other call
        except pika.exceptions.ChannelClosedByBroker as closed:
            return f"{closed.reply_code} {closed.reply_text}"
    return "nothing"


def handler_asleep(rabbitmq: str, heartbeat: int, asleep: float) -> dict[str, bool]:
    """Whether a handler that sleeps so many seconds keeps its connection, and whether its message comes again."""
    with RabbitRouter(rabbitmq) as other:
        queue = other.declare_queue(f"asleep-{FRESH}")
        other.publish("", queue, b"order-1042")
        with RabbitRouter(rabbitmq, heartbeat=heartbeat) as router:
            channel = router.channel(1)
            channel.consume(queue, lambda delivery: time.sleep(asleep))
            with contextlib.suppress(EvlabError):
                router.serve(asleep + 0.5)
            kept = channel.closed is None
        again = other.channel().get(queue)
        other.delete_queue(queue)
    return {"keeps its connection": kept, "comes again": again is not None and again.redelivered}


def takes_the_null_character(postgres: str) -> dict[str, bool]:
    """Which of three types takes U+0000."""
    import psycopg

    found = {}
    with psycopg.connect(postgres, autocommit=True) as client:
        for name, value in (("text", "chr(0)"), ("jsonb", "'\"\\u0000\"'::jsonb"), ("json", "'\"\\u0000\"'::json")):
            try:
                client.execute(f"SELECT {value}")
                found[name] = True
            except psycopg.Error:
                found[name] = False
    return found


def answer_to_commit(postgres: str) -> str:
    """What COMMIT says of a transaction in which a statement has failed."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as client:
        client.execute("BEGIN")
        with contextlib.suppress(psycopg.Error):
            client.execute("SELECT 1 / 0")
        return client.execute("COMMIT").statusmessage


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from engines import server

    from brokers.common import NotInstalled

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evlab-engines-")))
        try:
            addresses = [stack.enter_context(server(kind, folder)) for kind in ("kafka", "rabbitmq", "postgres")]
        except NotInstalled as missing:
            print(f"evlab: {missing}", file=sys.stderr)
            return 2
        found = seen(*addresses)
    for name, what in found.items():
        print(f"{name}: {what}")
    FILE.write_text(json.dumps(json.loads(FILE.read_text()) | {"surprises": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
