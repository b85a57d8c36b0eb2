"""Kafka behind the verbs of evlab.log: `KafkaLog` for `Log`, with its producers, consumers and lag.

    with KafkaLog("localhost:9092") as log:         # or KafkaLog(): librdkafka's mock cluster, in this process
        log.create_topic("orders", 3)
        producer = log.producer()
        producer.send("orders", b"...", key="order-1042")
        producer.flush()
        consumer = log.consumer("email", "orders")
        records = consumer.poll(timeout=5)
        consumer.commit()

What is otherwise than in the twin:
1. The brokers are other programs. `send` and `poll` do not wait; all other calls wait here for the answer, and the
   Later that they return is done. Nothing waits for ever: `timeout`, and `patience` of a producer, are the limits.
2. A topic has Kafka's defaults. So acked means that the replicas in sync have it in memory: Kafka leaves the disk to
   the operating system, unless flush="ack" is asked for.
3. The mock keeps 5 MiB of a partition at most, and drops older records silently; all of it is gone at `close`. It has
   no transactions, no settings of topics, no replicas.
(Kafka's client here is librdkafka, by way of confluent-kafka. It has threads of its own; evlab starts none.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from evlab.engines import EngineUnreachable, NotOnThisEngine
from evlab.env import Real, check_delay, check_env, here
from evlab.errors import EvlabError, InvalidUse
from evlab.log.lag import Points
from evlab.log.protocol import TopicPartition
from evlab.log.topics import TopicConfig, TopicExists, check_partitions, check_topic

try:
    import confluent_kafka as client
    from confluent_kafka import admin
except ImportError as missing:
    raise EvlabError("Kafka's client is not installed", why="evlab needs it for KafkaLog only",
                     next_step='pip install "evlab[kafka]"') from missing

from evlab.engines.kafka_consumer import KafkaConsumer
from evlab.engines.kafka_errors import check_text, kafka_error, translated, unknown
from evlab.engines.kafka_mock import AUTOMATIC, MockCluster
from evlab.engines.kafka_offsets import KafkaOffsets
from evlab.engines.kafka_producer import KafkaProducer

__all__ = ["KafkaLog"]

_SILENT = logging.Logger("evlab.kafka", logging.CRITICAL + 1)
"""Where librdkafka's lines go: what matters comes as an error, and stderr is the learner's."""
A_BEAT = 0.02
"""Seconds between two looks at whether a change has reached the broker."""
GOODBYE = 5.0
"""Seconds that `close` gives to what was sent and is not acked."""
_SETTINGS: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "flush": lambda how: ("flush.messages", 1 if how == "ack" else 2**63 - 1),
    "retention_ms": lambda ms: ("retention.ms", -1 if ms is None else ms),
    "retention_bytes": lambda size: ("retention.bytes", -1 if size is None else size),
    "segment_bytes": lambda size: ("segment.bytes", size),
    "segment_ms": lambda ms: ("segment.ms", ms),
    "cleanup": lambda how: ("cleanup.policy", how),
    "min_cleanable_ratio": lambda ratio: ("min.cleanable.dirty.ratio", ratio),
    "delete_retention_ms": lambda ms: ("delete.retention.ms", ms),
    "max_batch_bytes": lambda size: ("max.message.bytes", size),
    "index_interval": lambda size: ("index.interval.bytes", size),
    "min_insync_replicas": lambda count: ("min.insync.replicas", count),
    "unclean": lambda may: ("unclean.leader.election.enable", str(may).lower()),
}
"""A field of `TopicConfig` -> Kafka's name of it, and its value there."""
_TWIN_ONLY = {
    "client": "make producers and consumers with log.producer(...) and log.consumer(...)",
    "group": "look at log.lag(group)", "rebalances": "give the consumers on_assigned and on_revoked",
    "replica": "look at log.offsets(topic)", "metadata": "ask log.topics() and log.partitions(topic)",
    "brokers": "the brokers are other programs", "controller": "the brokers are other programs",
    "expire": "wait: the broker does it by itself (log.retention.check.interval.ms, 5 min)",
    "compact": "wait: the broker does it by itself (log.cleaner.backoff.ms, 15 s)",
}


class KafkaLog(KafkaOffsets):
    """The topics of the Kafka at `bootstrap` ("host:port", or several with commas), or of a mock cluster without it.

    env: whose timers ring for what is under way; those of `run(process)` by default. brokers: of the mock cluster.
    settings: librdkafka's own, for every client, such as {"security.protocol": "SASL_SSL", ...}. timeout: seconds that
    the brokers have to answer. `capabilities`: words; what is not among them raises `NotOnThisEngine`:
      "partition counts": `create_topic` with any number (a mock without its library has 4 for all);
      "topic settings": `create_topic(name, n, retention_ms=..., ...)`;  "add partitions": `add_partitions`;
      "transactions": transactional_id, isolation="read_committed";
      "members": `lag` names the owners that other programs have started;
      "durable": what was acked outlives `close`.
    Raises `EngineUnreachable` if nobody answers.
    """

    def __init__(self, bootstrap: str | None = None, env: Real | None = None, *, brokers: int = 1,
                 settings: dict[str, Any] | None = None, timeout: float = 10.0):
        if not (bootstrap is None or isinstance(bootstrap, str) and bootstrap):
            raise InvalidUse(f"bootstrap={bootstrap!r:.40} is no address",
                             next_step='give "host:port", or nothing for a mock cluster')
        check_text("bootstrap", bootstrap or "")
        check_env(env)
        if not isinstance(settings, dict | None):
            raise InvalidUse(f"settings={settings!r:.40} are no settings", why="they are librdkafka's, by name",
                             next_step='give a dict such as {"client.id": "shop"}')
        if type(brokers) is not int or not 1 <= brokers <= 100:
            raise InvalidUse(f"brokers={brokers!r:.20} is no number of brokers", next_step="give 1 to 100")
        self.env, self.timeout, self.settings = env or here(), check_delay(timeout), dict(settings or {})
        self.mock = MockCluster(brokers) if bootstrap is None else None
        self.bootstrap = self.mock.address if self.mock else bootstrap
        self.capabilities = frozenset({"partition counts", "topic settings", "add partitions", "transactions",
                                       "members", "durable"})
        if self.mock:
            self.capabilities = frozenset({"partition counts"} if self.mock.counts else ())
        self._producers: set[KafkaProducer] = set()
        self._consumers: set[KafkaConsumer] = set()
        self._points: dict[TopicPartition, Points] = {}
        self._counts: dict[str, int] = {}
        self._seen, self._closed, self._down = 0.0, False, False
        try:
            self._admin = admin.AdminClient(self.client_settings(error_cb=self._noticed))
            self._wait_for_an_answer()
        except BaseException as error:
            self._closed = True
            self._end()
            if isinstance(error, client.KafkaException):
                raise translated(error, "this KafkaLog cannot be made") from error
            raise

    def client_settings(self, **more: Any) -> dict[str, Any]:
        """What each of our clients is made with: quiet, and soon back when a broker is. (librdkafka: configuration)"""
        return {"bootstrap.servers": self.bootstrap, "log_level": 0, "logger": _SILENT, "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 1000, "error_cb": lambda error: None, **self.settings, **more}

    def need(self, capability: str, what: str, next_step: str) -> None:
        """Raise `NotOnThisEngine` unless this engine can. what: the call, for the message."""
        if capability not in self.capabilities:
            raise NotOnThisEngine(f"{what}: not on {'the mock cluster' if self.mock else 'this Kafka'}",
                                  why=f'its capabilities lack "{capability}"', next_step=next_step,
                                  capability=capability)

    # ---------------------------------------------------------------------------------------------------- topics

    def create_topic(self, name: str, partitions: int = 1, **config: Any) -> None:
        """Make a topic. config: the fields of `TopicConfig`; what is not given is Kafka's default, also for flush.

        Raises `TopicExists`; `InvalidUse` for a name, a number or a setting that cannot be, and for what Kafka refuses:
        "a_b" beside "a.b", segments of less than 1 MiB.
        """
        check_topic(name)
        check_partitions(partitions)
        try:
            TopicConfig(**config)
        except TypeError as error:
            raise InvalidUse(f"a topic has no such setting: {error}", next_step="see TopicConfig") from error
        if name in self._look():
            raise TopicExists(f"there is a topic {name} already", topic=name, next_step="use it, or take another name")
        real = 'give the address of a Kafka: KafkaLog("host:port")'
        if config:
            self.need("topic settings", f"a topic with {', '.join(config)}", real)
        if self.mock:
            if partitions != AUTOMATIC:
                self.need("partition counts", f"a topic of {partitions} partitions", f"take {AUTOMATIC}, or {real}")
            self.mock.make_topic(name, partitions)
        else:
            replication = config.pop("replication", -1)
            settings = dict(_SETTINGS[field](value) for field, value in config.items())
            new = admin.NewTopic(name, partitions, replication, config=settings)
            self._asked(self._admin.create_topics([new], request_timeout=self.timeout)[name],
                        f"topic {name} cannot be made", topic=name)
        self._wait_until_there(name, partitions)

    def add_partitions(self, topic: str, partitions: int) -> None:
        """Let a topic have so many partitions, more than now. Keys move: see notebook 10.

        Producers and consumers that know the topic notice it when they look again: after five minutes, or
        settings={"topic.metadata.refresh.interval.ms": ...}.
        """
        now = self.partitions(topic)
        if check_partitions(partitions) <= now:
            raise InvalidUse(f"{topic} has {now} partitions, and {partitions} were asked for",
                             why="partitions can be added, never taken away: their records would have no place",
                             next_step="ask for more, or make a new topic and copy")
        self.need("add partitions", "add_partitions", "make the topic with as many as you need")
        more = self._admin.create_partitions([admin.NewPartitions(topic, partitions)], request_timeout=self.timeout)
        self._asked(more[topic], f"{topic} cannot have {partitions} partitions", topic=topic)
        self._wait_until_there(topic, partitions)

    def topics(self) -> list[str]:
        """The names of the topics, without Kafka's own."""
        return sorted(name for name in self._look() if not name.startswith("__"))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises `UnknownTopic`."""
        count = self._look().get(topic) if isinstance(topic, str) else None
        if count is None:
            raise unknown(topic, self.topics())
        return count

    # ------------------------------------------------------------------------------------- producers and consumers

    def producer(self, **more: Any) -> KafkaProducer:
        """A new producer. more: as for evlab.log's `Producer`."""
        self._open()
        return KafkaProducer(self, **more)

    def consumer(self, group: str, topics: Iterable[str] | str, **more: Any) -> KafkaConsumer:
        """A new member of `group` that reads `topics`. more: as for evlab.log's `Consumer`."""
        self._open()
        return KafkaConsumer(self, group, topics, **more)

    # ----------------------------------------------------------------------------------------------- housekeeping

    def close(self) -> None:
        """Close all consumers and producers, and the mock cluster. What was sent has 5 s to be acked, all together;
        then it fails. Closed twice is closed."""
        if self._closed:
            return
        self._closed = True
        for consumer in list(self._consumers):
            with suppress(EvlabError):
                consumer.close()
        until = time.monotonic() + GOODBYE
        for producer in list(self._producers):
            producer.end(until)
        self._end()

    def _end(self) -> None:
        self._admin = None
        if self.mock:
            self.mock.close()

    def __enter__(self) -> KafkaLog:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name in _TWIN_ONLY:
            raise NotOnThisEngine(f"log.{name}: only evlab's own log has it", next_step=_TWIN_ONLY[name],
                                  capability=name, why="it looks into a broker, or does a broker's work")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"KafkaLog({'mock cluster' if self.mock else self.bootstrap}{', closed' * self._closed})"

    # ------------------------------------------------------------------------------------------------ the brokers

    def _open(self) -> None:
        if self._closed:
            raise InvalidUse("this KafkaLog is closed", next_step="make a new one")

    def _noticed(self, error: client.KafkaError) -> None:
        self._down = self._down or error.name() == "_ALL_BROKERS_DOWN"

    def _wait_for_an_answer(self) -> None:
        """The first look. It gives up as soon as each broker of the address has refused."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                self._look(min(1.0, self.timeout))
                return
            except EngineUnreachable:
                self._admin.poll(0)
                if self._down or time.monotonic() >= until:
                    raise

    def _look(self, timeout: float | None = None) -> dict[str, int]:
        """Topic -> number of partitions, as a broker knows it now."""
        self._open()
        try:
            found = self._admin.list_topics(timeout=timeout or self.timeout).topics
        except client.KafkaException as error:
            raise EngineUnreachable(
                f"no Kafka answers at {self.bootstrap}", why=kafka_error(error).str(), address=self.bootstrap,
                next_step="start it, or look at the address; KafkaLog() without one starts a mock cluster") from error
        self._counts = {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}
        self._seen = time.monotonic()
        return self._counts

    def count(self, topic: str, age: float) -> int:
        """How many partitions a topic has, as known for at most `age` seconds; 0 if there is no such topic."""
        if topic not in self._counts or time.monotonic() - self._seen > age:
            self._look()
        return self._counts.get(topic, 0)

    def _wait_until_there(self, topic: str, partitions: int) -> None:
        """The controller has decided; the brokers hear of it a moment later."""
        until = time.monotonic() + self.timeout
        while self._look().get(topic, 0) < partitions:
            if time.monotonic() > until:
                raise EngineUnreachable(f"{topic} has not come", why="the brokers have not heard of it",
                                        next_step="look at log.topics() later", address=self.bootstrap)
            time.sleep(A_BEAT)
