"""The producer: gathers records into batches, one batch at a time for each partition, and sends them to its leader.

A record goes to the partition that its key says, so records of one key keep their order. A batch is sent when it is
full, when `linger` seconds have passed, or at `flush`. If no answer comes, nobody knows whether the leader has it; the
producer sends the same batch again, and the next one waits, so the order stays.

1. With idempotent=True the leader recognises a batch that comes twice: no duplicate, whatever is lost on the way.
2. With idempotent=False the second one is appended again.
3. What `acks` promises: 0, nothing; 1, the leader has it; "all", every replica in sync has it.
(Kafka: RecordAccumulator, Sender. Kafka keeps up to five batches of a partition under way; here it is one.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import cycle
from typing import TYPE_CHECKING

from evlab.env import Later, check_delay
from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.event import Event
from evlab.log.arguments import bytes_of_key, headers_of, of_event
from evlab.log.client import BACKOFF, REQUEST_TIMEOUT, goes_away, unknown
from evlab.log.compression import CODECS
from evlab.log.controller import NewProducerId
from evlab.log.gathering import Batching, Lane, Lanes, RecordMetadata, Sent, all_of
from evlab.log.partitioner import Partitioner
from evlab.log.producers import OutOfOrderSequence
from evlab.log.protocol import BrokerUnavailable, Produce
from evlab.log.records import encode_rows
from evlab.log.transactional import Transactional

if TYPE_CHECKING:
    from evlab.log.log import Log

__all__ = ["Producer", "RecordMetadata", "Sent"]

REMEMBERED = 100_000
"""Keys of a topic whose partition is remembered."""
_OVERHEAD = 24
"""Bytes that a record takes in a batch besides its key and value, about."""
ACKS = {0: 0, 1: 1, "all": -1, -1: -1}
METADATA_AGE = 300.0
"""Seconds after which a producer looks again how many partitions its topics have (Kafka: metadata.max.age.ms)."""
PATIENCE = 120.0
"""Seconds after which a batch that nobody acked has failed (Kafka: delivery.timeout.ms)."""


class Producer(Transactional):
    """Sends records to the topics of `log` (a `Log`, or `log.client("order-service")` for one that stands elsewhere).

    partitioner: a function of (key, number of partitions); murmur2 of the key by default, as Kafka's Java client.
    acks: 0, 1 or "all". idempotent: see above; needs acks="all".
    batch_records, batch_bytes: a batch is full at whichever comes first. linger: seconds that a batch waits to fill.
    request_batches: full batches of a partition that travel in one request, and are synced by one fsync.
    codec: "none", "gzip" or "zstd". transactional_id: for `begin`, `commit`, `abort`, `send_offsets`.
    """

    def __init__(self, log: Log, *, partitioner: Callable[[bytes | None, int], int] | None = None,
                 acks: int | str = "all", idempotent: bool = True, batch_records: int = 500,
                 batch_bytes: int = 1_000_000, linger: float = 0.0, request_batches: int = 1, codec: str = "none",
                 transactional_id: str | None = None, patience: float = PATIENCE):
        self.client = log.client() if hasattr(log, "client") else log
        self.env = self.client.env
        self._now, self._epoch = self.env.now, self.env.epoch
        if not isinstance(acks, int | str) or acks not in ACKS or isinstance(acks, bool):
            raise InvalidUse(f"acks={acks!r:.20} is no promise", next_step='give 0, 1 or "all"')
        self.acks, self.idempotent = ACKS[acks], idempotent and ACKS[acks] == -1
        for name, value in (("batch_records", batch_records), ("batch_bytes", batch_bytes),
                            ("request_batches", request_batches)):
            if type(value) is not int or value < 1:
                raise InvalidUse(f"{name}={value!r:.40} is no number to count with", next_step="give 1 or more")
        self.batch_records, self.batch_bytes, self.request_batches = batch_records, batch_bytes, request_batches
        if codec not in CODECS:
            raise InvalidUse(f"codec={codec!r:.40} is not known", next_step='give "none", "gzip" or "zstd"')
        if type(idempotent) is not bool or not (partitioner is None or callable(partitioner)):
            raise InvalidUse("idempotent is True or False, and partitioner a function of (key, number of partitions)",
                             next_step="leave them out, or look at the docstring of Producer")
        self.linger, self.codec, self.patience = check_delay(linger), codec, check_delay(patience)
        self.partitioner = partitioner or Partitioner(self.env.random("partitioner"))
        self.producer_id, self.producer_epoch = -1, -1
        self.transactional_id = transactional_id
        if transactional_id is not None and (not isinstance(transactional_id, str) or not transactional_id):
            raise InvalidUse(f"{transactional_id!r:.40} is no transactional id", next_step='give a name: "till-1"')
        if transactional_id is not None and not self.idempotent:
            raise InvalidUse("a transaction needs an idempotent producer",
                             next_step='leave idempotent=True and acks="all"')
        self.sent = 0
        """Requests that were sent, repeated ones too."""
        self._topics: dict[str, Lanes] = {}
        self._homeless: list[tuple] = []  # records whose topic is not known yet
        self._asking: Later | None = None
        self._asked_at = self.env.now()
        self._failure: EvlabError | None = None

    # ------------------------------------------------------------------------------------------------- sending

    def send(self, topic: str, value: bytes | Event | None, *, key: bytes | str | None = None,
             headers: Iterable[tuple[str, bytes | None]] = (), timestamp: int | None = None,
             partition: int | None = None) -> Sent | Later:
        """Hand over one record. The Later is done when the record is acked; its value says where it is.

        value: bytes, None (a tombstone), or an `Event`, which brings its own key and time. timestamp: ms since 1970.
        Fails with `BatchTooLarge`, `UnknownTopic`, or `Timeout` if nobody answered: then the outcome is unknown.
        """
        if self.transactional_id is not None:
            self._check_open()
        if type(value) is not bytes and value is not None:
            value, key, timestamp = of_event(value, key, timestamp)
        if type(key) is not bytes and key is not None:
            key = bytes_of_key(key)
        if timestamp is None:
            timestamp = int((self._epoch + self._now()) * 1000)
        elif type(timestamp) is not int or not 0 <= timestamp < 2**63:
            raise InvalidUse(f"timestamp={timestamp!r:.40} is no time", next_step="give ms since 1970, a whole number")
        if type(topic) is not str:
            raise InvalidUse(f"{topic!r:.40} names no topic", next_step='give a name, such as "orders"')
        row = timestamp, key, value, headers_of(headers) if headers else ()
        found = self._topics.get(topic) or self._find(topic)
        if not found.lanes:
            later = Later()
            self._homeless.append((topic, row, partition, later))
            return later
        # The lane of a key is remembered: choosing it anew would take as long as all the rest of this call.
        lane = (found.by_key.get(key) if partition is None else None) or self._choose(found, key, partition)
        batch = lane.filling
        size = _OVERHEAD + (len(key) if key else 0) + (len(value) if value else 0)
        if batch is None or batch.size + size > self.batch_bytes:
            batch = self._begin(lane)
        rows = batch.rows
        sent = Sent(batch, len(rows))
        rows.append(row)
        batch.size += size
        if len(rows) >= self.batch_records:
            self._close_batch(lane)
            if not self.linger or len(lane.waiting) >= self.request_batches:
                self._ship(lane)
        return sent

    def _choose(self, topic: Lanes, key: bytes | None, partition: int | None) -> Lane:
        remember = partition is None and key is not None and type(self.partitioner) is Partitioner
        if partition is None:
            partition = self.partitioner(key, len(topic.lanes))
        if type(partition) is not int or not 0 <= partition < len(topic.lanes):
            raise InvalidUse(f"{topic.name} has no partition {partition!r:.20}",
                             next_step=f"give 0 to {len(topic.lanes) - 1}")
        if remember:
            if len(topic.by_key) >= REMEMBERED:
                topic.by_key.clear()
            topic.by_key[key] = topic.lanes[partition]
        return topic.lanes[partition]

    def _begin(self, lane: Lane) -> Batching:
        if lane.filling is not None:
            self._close_batch(lane)
            self._ship(lane)
        now = self.env.now()
        if now - self._asked_at > METADATA_AGE:
            self._asked_at = now
            self.client.refresh().then(self._learned)
        lane.filling = Batching(lane.key, now)
        lane.timer = self.env.after(self.linger, lambda: self._flush_lane(lane))
        return lane.filling

    def _close_batch(self, lane: Lane) -> None:
        lane.waiting.append(lane.filling)
        lane.filling = None
        lane.timer.cancel()
        if hasattr(self.partitioner, "next_batch"):
            self.partitioner.next_batch(len(self._topics[lane.key[0]].lanes))

    def _flush_lane(self, lane: Lane) -> None:
        if lane.filling is not None:
            self._close_batch(lane)
        self._ship(lane)

    def flush(self) -> Later:
        """Send what has been gathered. Done when every record sent so far is acked; fails if one was not, with what its
        own Later says, since the last flush."""
        for lane in self._lanes():
            self._flush_lane(lane)
        open_ones = [batch.acked for lane in self._lanes() for batch in lane.waiting if not batch.acked.done]
        open_ones += [later for _, _, _, later in self._homeless]
        if self._failure is not None:
            failed = Later()
            failed.fail(self._failure)
            open_ones.append(failed)
            self._failure = None
        return all_of(open_ones)

    # ------------------------------------------------------------------------------------------------- metadata

    def _find(self, topic: str) -> Lanes:
        """The lanes of a topic, one for each partition; none if the cluster has to be asked first."""
        count = self.client.partitions(topic)
        if not count and (self._asking is None or self._asking.done):
            self._asking, self._asked_at = self.client.refresh(), self.env.now()
            self._asking.then(self._learned)
            count = self.client.partitions(topic)
        if not count and self._asking.done and self.client.metadata.version:
            raise unknown(topic)
        return self._grown(topic)

    def _grown(self, name: str) -> Lanes:
        """The topic with a lane for each partition that is known of it. With more of them, keys have new places."""
        topic = self._topics.get(name) or Lanes(name)
        for number in range(len(topic.lanes), self.client.partitions(name)):
            topic.lanes.append(Lane((name, number)))
            topic.by_key.clear()
        if topic.lanes:
            self._topics[name] = topic
        return topic

    def _lanes(self) -> list[Lane]:
        return [lane for topic in self._topics.values() for lane in topic.lanes]

    def _learned(self, _: Later) -> None:
        """The metadata has come: there may be more partitions, and the records that waited for it find theirs."""
        if not self.client.metadata.version and self.env.now() - self._asked_at < self.patience:
            self.env.after(BACKOFF, lambda: self.client.refresh().then(self._learned))  # that broker is down: the next
            return
        for name in list(self._topics):
            self._grown(name)
        homeless, self._homeless = self._homeless, []
        for topic, (timestamp, key, value, headers), partition, later in homeless:
            try:
                if not self._grown(topic).lanes:
                    raise unknown(topic)
                sent = self.send(topic, value, key=key, headers=headers, timestamp=timestamp, partition=partition)
            except EvlabError as error:
                later.fail(error)
            else:
                sent.then(lambda done, later=later: later._settle(done._value, done._error))

    # ------------------------------------------------------------------------------------------------- shipping

    def _ship(self, lane: Lane) -> None:
        """Send the batches that wait, unless some are under way."""
        if lane.busy or not lane.waiting:
            return
        lane.busy = True
        self.client.run(self._shipping(lane))

    def _shipping(self, lane: Lane) -> Generator:
        try:
            if self.transactional_id is not None:
                yield from self._add(lane.waiting[0].key)
            while lane.waiting:
                if self.idempotent and self.producer_id < 0 and self.transactional_id is None:
                    yield from self._get_id()
                batches = [lane.waiting[at] for at in range(min(self.request_batches, len(lane.waiting)))]
                yield from self._deliver(lane, batches)
                for batch in batches:
                    lane.waiting.remove(batch)
        except Exception as error:
            self._fail(list(lane.waiting), error)
            lane.waiting.clear()
        finally:
            lane.busy = False

    def _go_on_as(self, producer_id: int, epoch: int) -> None:
        """From now on with this id and epoch: in each partition the sequences begin anew."""
        self.producer_id, self.producer_epoch = producer_id, epoch
        for lane in self._lanes():
            lane.sequence = 0

    def _get_id(self) -> Generator:
        """A producer id of our own, from any broker that answers."""
        brokers, until = cycle(self.client.brokers), self.env.now() + self.patience
        while self.producer_id < 0:
            try:
                given = yield self.client.ask(next(brokers), NewProducerId())
                if self.producer_id < 0:
                    self._go_on_as(given, 0)
            except EvlabError as error:
                if not goes_away(error) or self.env.now() >= until:
                    raise
                yield BACKOFF

    def _request(self, lane: Lane, batches: list[Batching]) -> Produce:
        """The batches with the producer's id and their sequences in them; those that have some keep them."""
        (topic, number), count = batches[0].key, 0
        for batch in batches:
            if not batch.data:
                batch.data = encode_rows(
                    batch.rows, producer_id=self.producer_id, producer_epoch=self.producer_epoch,
                    base_sequence=lane.sequence if self.idempotent else -1, codec=self.codec,
                    transactional=self.transactional_id is not None)
                lane.sequence = (lane.sequence + len(batch.rows)) % 2**31
            count += len(batch.rows)
        data = batches[0].data if len(batches) == 1 else b"".join(batch.data for batch in batches)
        return Produce(topic, number, data, self.acks, count)

    def _deliver(self, lane: Lane, batches: list[Batching]) -> Generator:
        """Send some batches until they are acked or given up.

        `OutOfOrderSequence` from the present leader says that it has neither these batches nor those before: they were
        lost in an unclean election. Then they are sent again in a new epoch of this producer, whose sequences begin
        at 0. (Kafka: TransactionManager, KIP-360. A transaction is given up instead.)
        """
        request = self._request(lane, batches)
        topic, number = request.topic, request.partition
        until = batches[0].born + self.patience
        while True:
            self.sent += 1
            try:
                if self.acks == 0:
                    self._send_blindly(request)
                    first = -1
                else:
                    leader = self.client.leader(topic, number)
                    first = yield self.client.ask(leader, request, REQUEST_TIMEOUT)
            except OutOfOrderSequence as error:
                if self.transactional_id is not None or self.env.now() >= until:
                    self._fail(batches, error)
                    return
                yield self.client.refresh()
                if self.client.leader(topic, number) == leader:
                    self._go_on_as(self.producer_id, self.producer_epoch + 1)
                    for batch in batches:
                        batch.data = b""
                    request = self._request(lane, batches)
                continue
            except EvlabError as error:
                if not goes_away(error) or self.env.now() >= until:
                    self._fail(batches, error)
                    return
                yield BACKOFF
                yield self.client.refresh()
                continue
            for batch in batches:
                batch.acked.resolve(first)
                if first >= 0:
                    first += len(batch.rows)
                batch.rows, batch.data = [], b"sent"
            return

    def _send_blindly(self, request: Produce) -> None:
        leader = self.client.leader(request.topic, request.partition)
        if leader is None:
            raise BrokerUnavailable(f"{request.topic}-{request.partition} has no leader", next_step="wait")
        self.env.send(leader, request, "log")

    def _fail(self, batches: list[Batching], error: Exception) -> None:
        if isinstance(error, Timeout):
            error = Timeout(f"{batches[0].key[0]}-{batches[0].key[1]} did not ack in {self.patience:g} s",
                            why="the outcome is unknown: the records may be in the log, or not",
                            next_step="look at the brokers; an idempotent producer may send again")
        if self.idempotent and self.transactional_id is None:  # these sequences are lost: go on as a new producer
            self._go_on_as(-1, -1)
        self._failure = self._broken = error
        for batch in batches:
            batch.acked.fail(error)

    def close(self) -> Later:
        """Flush."""
        return self.flush()

    def __repr__(self) -> str:
        return f"Producer(acks={self.acks}, {self.sent} requests)"
