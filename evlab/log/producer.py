"""The producer: gathers records into batches, one batch at a time for each partition, and sends them to its leader.

A record goes to the partition that its key says, so records of one key keep their order. A batch is sent when it is
full, when `linger` seconds have passed, or at `flush`. If no answer comes, nobody knows whether the leader has it; the
producer sends the same batch again, and the next one waits, so the order stays.

1. With idempotent=True the leader recognises a batch that comes twice: no duplicate, whatever is lost on the way.
2. With idempotent=False the second one is appended again.
3. What `acks` promises: 0, nothing, not even that anybody leads; 1, the leader has it; "all", every replica in sync.
(Kafka: RecordAccumulator, Sender. Kafka keeps up to five batches of a partition under way; here it is one.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from evlab.env import Later, check_delay
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.log.arguments import bytes_of_key, headers_of, of_event
from evlab.log.client import BACKOFF, client_of, unknown
from evlab.log.compression import CODECS
from evlab.log.gathering import FIELDS, Batching, Lane, Lanes, RecordMetadata, Sent, all_of
from evlab.log.partitioner import Partitioner
from evlab.log.shipping import Shipping
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
BLIND_AGE = 5.0
"""The same with acks=0: it waits for no answer, so none that fails to come tells it that another broker leads. Until it
looks, what it sends goes nowhere. (Kafka's client sees the connection close; here there are no connections.)"""
PATIENCE = 120.0
"""Seconds after which a batch that nobody acked has failed (Kafka: delivery.timeout.ms)."""


class Producer(Shipping, Transactional):
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
        self.client = client_of(log)
        self.env = self.client.env
        self._now = self.env.now
        if not isinstance(acks, int | str) or acks not in ACKS or isinstance(acks, bool):
            raise InvalidUse(f"acks={acks!r:.20} is no promise", next_step='give 0, 1 or "all"')
        self.acks, self.idempotent = ACKS[acks], idempotent and ACKS[acks] == -1
        for name, value in (("batch_records", batch_records), ("batch_bytes", batch_bytes),
                            ("request_batches", request_batches)):
            if type(value) is not int or value < 1:
                raise InvalidUse(f"{name}={value!r:.40} is no number to count with", next_step="give 1 or more")
        self.batch_records, self.batch_bytes, self.request_batches = batch_records, batch_bytes, request_batches
        self._full = batch_records * FIELDS
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
        """Hand over one record. The Later is done when the record is acked; its value says where it is. It
        travels once the program waits for something, or at `flush`: a script that does neither has sent nothing.

        value: bytes, None (a tombstone), or an `Event`, which brings its own key and time. timestamp: ms since 1970.
        Fails with `BatchTooLarge`, `UnknownTopic`, or `Timeout` if nobody answered: then the outcome is unknown.
        """
        if self.transactional_id is not None:
            self._check_open()
        if type(value) is not bytes and value is not None:
            value, key, timestamp = of_event(value, key, timestamp)
        if type(key) is not bytes and key is not None:
            key = bytes_of_key(key)
        if timestamp is not None and (type(timestamp) is not int or not 0 <= timestamp < 2**63):
            raise InvalidUse(f"timestamp={timestamp!r:.40} is no time", next_step="give ms since 1970, a whole number")
        headers = headers_of(headers) if headers else ()
        try:
            found = self._topics[topic]
        except (KeyError, TypeError):
            found = self._find(topic)
        # The lane of a key is remembered: choosing it anew would take as long as all the rest of this call.
        lane = found.by_key.get(key) if partition is None else None
        if lane is None:
            if not found.lanes:
                return self._wait_for(topic, value, key, headers, timestamp, partition)
            lane = self._choose(found, key, partition)
        batch = lane.filling
        size = _OVERHEAD + (len(key) if key else 0) + (len(value) if value else 0)
        if batch is None or batch.room < size:
            batch = self._begin(lane)
        batch.room -= size
        if timestamp is not None:
            batch.dated = True
        sent, laid = Sent(), batch.laid
        sent._batch, sent._at = batch, len(laid)
        laid += (self._now() if timestamp is None else timestamp, key, value, headers)
        if len(laid) >= self._full:
            self._close_batch(lane)
            if not self.linger or len(lane.waiting) >= self.request_batches:
                self._ship(lane)
        return sent

    def _wait_for(self, topic: str, value: bytes | None, key: bytes | None, headers: tuple, timestamp: int | None,
                  partition: int | None) -> Later:
        """Keep a record until it is known which partitions its topic has."""
        later = Later()
        if timestamp is None:
            timestamp = int((self.env.epoch + self.env.now()) * 1000)
        self._homeless.append((topic, (timestamp, key, value, headers), partition, later))
        return later

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
        if now - self._asked_at > (METADATA_AGE if self.acks else BLIND_AGE):
            self._asked_at = now
            self.client.refresh().then(self._learned)
        lane.filling, lane.due = Batching(lane.key, now, self.batch_bytes), False
        lane.timer = self.env.after(self.linger, lambda: self._linger_is_over(lane))
        return lane.filling

    def _linger_is_over(self, lane: Lane) -> None:
        """Send the batch. While another one is under way it would have to wait anyway, so then it goes on filling."""
        lane.due = True
        if not lane.busy:
            self._flush_lane(lane)

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
        own Later says. A failure is told by one flush: the first after it, or the one that waits for it."""
        for lane in self._lanes():
            self._flush_lane(lane)
        open_batches = [batch for lane in self._lanes() for batch in lane.waiting if not batch.acked.done]
        for batch in open_batches:
            batch.awaited = True
        open_ones = [batch.acked for batch in open_batches] + [later for _, _, _, later in self._homeless]
        if self._failure is not None:
            failed = Later()
            failed.fail(self._failure)
            open_ones.append(failed)
            self._failure = None
        return all_of(open_ones)

    # ------------------------------------------------------------------------------------------------- metadata

    def _find(self, topic: str) -> Lanes:
        """The lanes of a topic, one for each partition; none if the cluster has to be asked first."""
        if type(topic) is not str:
            raise InvalidUse(f"{topic!r:.40} names no topic", next_step='give a name, such as "orders"')
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

    def close(self) -> Later:
        """Flush."""
        return self.flush()

    def __repr__(self) -> str:
        return f"Producer(acks={self.acks}, {self.sent} requests)"
