"""A producer of evlab.log, on librdkafka: it gathers and sends in its own threads, and reports when it is asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import confluent_kafka as client

from evlab.engines import NotOnThisEngine
from evlab.engines.kafka_errors import check_text, outcome, translated, unknown
from evlab.engines.kafka_transactions import KafkaTransactions
from evlab.env import Later, check_delay
from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.event import Event
from evlab.log.arguments import bytes_of_key, headers_of, of_event
from evlab.log.compression import CODECS
from evlab.log.gathering import RecordMetadata
from evlab.log.producer import ACKS, METADATA_AGE, PATIENCE

if TYPE_CHECKING:
    from evlab.engines.kafka import KafkaLog

__all__ = ["KafkaProducer"]

LINGER = 0.005
"""Seconds that a batch waits to fill, unless a flush sends it: Kafka's default since 4.0, and librdkafka's. With 0, as
in the twin, each record would go out alone: the threads that send do not wait until the program pauses."""
SLICE = 0.2
"""Seconds of one wait inside of librdkafka, which Ctrl-C cannot end."""
A_TURN = 0.005
"""Seconds between two looks for reports while somebody drives our Env."""
SERVED = 1000
"""Sends after which reports are fetched."""
MAX_RECORD = 100_000_000
"""Bytes of a record that librdkafka passes on: the broker, which knows the topic's limit, shall decide."""


class KafkaSent(Later):
    """The outcome of one `send`: a Later whose value is a `RecordMetadata`."""

    __slots__ = ("_reports",)

    def __init__(self, reports: deque):
        self._settled, self._value, self._error, self._calls = False, None, None, []
        self._reports = reports

    def note(self, error: client.KafkaError | None, message: client.Message) -> None:
        """Called by librdkafka's poll. What it says is told when that has returned: whoever waits may call it again."""
        offset = message.offset()
        self._reports.append((self, error, message.topic(), message.partition(), -1 if offset is None else offset))


class KafkaProducer(KafkaTransactions):
    """Sends records to the topics of `log`. The arguments are those of evlab.log's `Producer`, and so are the errors.

    partitioner: a function of (key, number of partitions); by default librdkafka's `murmur2_random`, which gives the
    same numbers as Kafka's Java client and evlab. (librdkafka's own default is CRC32.) Without a key a record stays on
    one partition for twice the linger, where Java and evlab wait until a batch is full. request_batches: not used;
    librdkafka has up to five requests under way. codec: "snappy" and "lz4" are there, too. linger: 5 ms by default.
    idempotent: librdkafka may ask for its producer id half a second after it was made only, and all acks wait for that.
    """

    def __init__(self, log: KafkaLog, *, partitioner: Callable[[bytes | None, int], int] | None = None,
                 acks: int | str = "all", idempotent: bool = True, batch_records: int = 500,
                 batch_bytes: int = 1_000_000, linger: float = LINGER, request_batches: int = 1, codec: str = "none",
                 transactional_id: str | None = None, patience: float = PATIENCE):
        if not isinstance(acks, int | str) or acks not in ACKS or isinstance(acks, bool):
            raise InvalidUse(f"acks={acks!r:.20} is no promise", next_step='give 0, 1 or "all"')
        if type(idempotent) is not bool or not (partitioner is None or callable(partitioner)):
            raise InvalidUse("idempotent is True or False, and partitioner a function of (key, number of partitions)",
                             next_step="leave them out, or look at the docstring of Producer")
        for name, value in (("batch_records", batch_records), ("batch_bytes", batch_bytes),
                            ("request_batches", request_batches)):
            if type(value) is not int or value < 1:
                raise InvalidUse(f"{name}={value!r:.40} is no number to count with", next_step="give 1 or more")
        if codec not in CODECS:
            raise InvalidUse(f"codec={codec!r:.40} is not known", next_step=f"give one of {', '.join(CODECS)}")
        self.acks, self.idempotent = ACKS[acks], idempotent and ACKS[acks] == -1
        self.log, self.env, self.partitioner, self.transactional_id = log, log.env, partitioner, transactional_id
        self.linger, self.patience, self.codec = check_delay(linger), check_delay(patience), codec
        settings = {"acks": self.acks, "enable.idempotence": self.idempotent, "linger.ms": linger * 1000,
                    "partitioner": "murmur2_random", "batch.num.messages": min(batch_records, 1_000_000),
                    "batch.size": batch_bytes, "message.max.bytes": MAX_RECORD, "compression.type": codec,
                    "message.timeout.ms": max(1, int(patience * 1000))}
        if transactional_id is not None:
            settings |= self._transactional()
        try:
            self._raw = client.Producer(log.client_settings(**settings))
        except client.KafkaException as error:
            raise translated(error, "this producer cannot be made") from error
        self._reports: deque[tuple] = deque()
        self._open, self._sent = 0, 0
        self._known: set[str] = set()
        """Topics that are there."""
        self._failure: EvlabError | None = None
        self._broken: EvlabError | None = None
        self._fatal: EvlabError | None = None
        self._begun = self._in_transaction = self._driven = self.closed = False
        log._producers.add(self)

    # -------------------------------------------------------------------------------------------------- sending

    def send(self, topic: str, value: bytes | Event | None, *, key: bytes | str | None = None,
             headers: Iterable[tuple[str, bytes | None]] = (), timestamp: int | None = None,
             partition: int | None = None) -> Later:
        """Hand over one record. The Later is done when the record is acked and somebody has looked: at `flush`, or
        while `run` drives a process. Its value says where the record is.

        value: bytes, None (a tombstone), or an `Event`, which brings its own key and time. timestamp: ms since 1970.
        Raises `UnknownTopic`; waits if librdkafka's buffer of 100,000 records is full. Fails with `BatchTooLarge`, or
        with `Timeout` if nobody has acked it in `patience` seconds: then the outcome is unknown.
        """
        if self.closed or self.transactional_id is not None:
            self._check_open()
        if type(value) is not bytes and value is not None:
            value, key, timestamp = of_event(value, key, timestamp)
        if type(key) is not bytes and key is not None:
            key = bytes_of_key(key)
        if timestamp is None:
            timestamp = int(time.time() * 1000)
        elif type(timestamp) is not int or not 0 <= timestamp < 2**63:
            raise InvalidUse(f"timestamp={timestamp!r:.40} is no time", next_step="give ms since 1970, a whole number")
        elif timestamp == 0:
            raise NotOnThisEngine("timestamp=0", why="librdkafka takes it for the time of now", next_step="give 1",
                                  capability="timestamp 0")
        if type(topic) is not str:
            raise InvalidUse(f"{topic!r:.40} names no topic", next_step='give a name, such as "orders"')
        if partition is not None or self.partitioner is not None or topic not in self._known:
            partition = self._choose(topic, key, partition)
        more = {} if partition is None else {"partition": partition}
        if headers:
            more["headers"] = [(check_text("header", name), found) for name, found in headers_of(headers)]
        sent = KafkaSent(self._reports)
        try:
            self._raw.produce(topic, value, key, timestamp=timestamp, on_delivery=sent.note, **more)
        except (BufferError, client.KafkaException, UnicodeError, OverflowError) as error:
            self._try_again(error, sent, topic, value, key, timestamp=timestamp, **more)
        self._open += 1
        self._sent += 1
        if not self._sent % SERVED:
            self._serve()
        if not self._driven:
            self._driven = True
            self.env.after(A_TURN, self._look)
        return sent

    def _choose(self, topic: str, key: bytes | None, partition: Any) -> int | None:
        """The partition that is asked for, or that our own function says; None leaves it to librdkafka."""
        count = self.log.count(topic, METADATA_AGE)
        if not count:
            raise unknown(topic, self.log.topics())
        self._known.add(topic)
        if partition is None and self.partitioner is not None:
            partition = self.partitioner(key, count)
        if partition is None or type(partition) is int and 0 <= partition < count:
            return partition
        count = self.log.count(topic, 0.0)  # there may be more by now
        if type(partition) is not int or not 0 <= partition < count:
            raise InvalidUse(f"{topic} has no partition {partition!r:.20}", next_step=f"give 0 to {count - 1}")
        return partition

    def _try_again(self, error: Exception, sent: KafkaSent, topic: str, *record: Any, **more: Any) -> None:
        """Wait while the buffer is full, and say what else is wrong."""
        until = time.monotonic() + self.patience
        while isinstance(error, BufferError):
            if time.monotonic() > until:
                raise Timeout("nothing is acked, and the buffer is full", why="no broker answers",
                              next_step="look at the brokers; this record was not sent") from error
            self._serve(0.01)
            try:
                self._raw.produce(topic, *record, on_delivery=sent.note, **more)
                return
            except (BufferError, client.KafkaException) as another:
                error = another
        self._serve()
        if self._fatal is None:
            raise translated(error, f"a record for {topic} cannot be sent", topic=topic) from error
        self._reports.append((sent, self._fatal, topic, -1, -1))

    def flush(self) -> Later:
        """Wait until every record sent so far is acked or has failed. Fails if one did, with what its own Later says;
        a failure is told once. In a transaction the first failure is the end: `abort` settles the others."""
        until = time.monotonic() + self.patience + 5
        while self._open and time.monotonic() < until and not (self._in_transaction and self._broken):
            self._wait(SLICE)
        failed, self._failure = self._failure, None
        if failed is None and self._open:
            failed = Timeout(f"{self._open} records have no outcome", why="librdkafka has not reported them",
                             next_step="look at the brokers, and flush again")
        return outcome(failed)

    def _look(self) -> None:
        """Fetch reports while somebody drives our Env, and something is under way."""
        self._driven = not self.closed and self._open > 0
        if self._driven:
            self.env.after(A_TURN, self._look)
            self._serve()

    def _wait(self, seconds: float) -> None:
        """Have everything sent without delay, and wait so long for acks."""
        try:
            self._raw.flush(seconds)
        except client.KafkaException as error:
            self._note_fatal(error)
        self._serve()

    def _serve(self, seconds: float = 0.0) -> None:
        """Let librdkafka report, then settle what was reported."""
        try:
            self._raw.poll(seconds)
        except client.KafkaException as error:
            self._note_fatal(error)
        while self._reports:
            sent, error, topic, partition, offset = self._reports.popleft()
            self._open -= 1
            if error is None:
                sent.resolve(RecordMetadata(topic, partition, offset))
            else:
                failed = error if isinstance(error, EvlabError) else translated(
                    error, f"a record for {topic} is not acked", topic=topic)
                self._failure = self._failure or failed
                self._broken = self._broken or failed
                sent.fail(failed)

    def _note_fatal(self, error: client.KafkaException) -> None:
        """librdkafka has stopped this producer for good; from now on each send fails with the reason."""
        self._fatal = self._fatal or translated(error, "this producer has been stopped")

    # ----------------------------------------------------------------------------------------------- housekeeping

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidUse("this producer is closed", next_step="make a new one")
        if self.transactional_id is not None and not self._in_transaction:
            raise InvalidUse("no transaction is open", next_step="call begin() first")

    def close(self) -> Later:
        """Flush, and let go of the connections."""
        if self.closed:
            return Later.of()
        flushed = self.flush()
        self.end(0.0)
        return flushed

    def end(self, until: float) -> None:
        """Wait until then (a time of `time.monotonic`) for acks; what has none by then fails."""
        while self._open and time.monotonic() < until:
            self._wait(max(0.0, min(SLICE, until - time.monotonic())))
        self._raw.purge()
        self._serve(0.0)
        self.closed = True
        self.log._producers.discard(self)
        self._raw = None

    def __repr__(self) -> str:
        return f"KafkaProducer(acks={self.acks}, {self._sent} records)"
