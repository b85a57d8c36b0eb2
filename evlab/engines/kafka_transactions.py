"""A producer's part of a transaction, on librdkafka: begin, send, send_offsets, commit or abort."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import confluent_kafka as client

from evlab.engines.kafka_errors import check_text, kafka_error, outcome, translated
from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse
from evlab.log.protocol import TopicPartition

if TYPE_CHECKING:
    from evlab.engines.kafka import KafkaLog
    from evlab.engines.kafka_consumer import KafkaConsumer

__all__ = ["KafkaTransactions"]

SLICE = 0.2
"""Seconds of one wait inside of librdkafka, which Ctrl-C cannot end."""


class KafkaTransactions:
    """What a `KafkaProducer` with a transactional_id can do besides: the verbs of evlab.log's `Transactional`.

    Each call waits for the answer, `patience` seconds at most, and returns a Later that is done. Fails with
    `InvalidProducerEpoch` if a newer life of the same transactional id has begun: then stop.
    """

    log: KafkaLog
    patience: float
    idempotent: bool
    transactional_id: str | None
    _raw: client.Producer
    _broken: EvlabError | None
    _begun = _in_transaction = False

    def _transactional(self) -> dict[str, Any]:
        if not isinstance(self.transactional_id, str) or not self.transactional_id:
            raise InvalidUse(f"{self.transactional_id!r:.40} is no transactional id",
                             next_step='give a name: "till-1"')
        check_text("transactional_id", self.transactional_id)
        if not self.idempotent:
            raise InvalidUse("a transaction needs an idempotent producer",
                             next_step='leave idempotent=True and acks="all"')
        self.log.need("transactions", "transactional_id", 'give the address of a Kafka: KafkaLog("host:port")')
        return {"transactional.id": self.transactional_id,
                "transaction.timeout.ms": max(1000, int(self.patience * 1000))}

    def init(self) -> Later:
        """Begin a life of this transactional id: an earlier one is fenced, and what it left open is aborted. `begin`
        does it the first time, if you have not. (Kafka: initTransactions.)"""
        if self.transactional_id is None:
            raise InvalidUse("this producer has no transactional id",
                             next_step='make it with log.producer(transactional_id="till-1")')
        if self._begun:
            return Later.of()
        failed = self._insist(self._raw.init_transactions, "this transactional id cannot begin a life")
        self._begun = failed is None
        return outcome(failed)

    def begin(self) -> Later:
        """Begin a transaction; the first time, also a life of this transactional id (`init`)."""
        if self._in_transaction:
            raise InvalidUse("a transaction is open already", next_step="commit or abort it first")
        begun = self.init()
        if begun.error is None:
            try:
                self._raw.begin_transaction()
            except client.KafkaException as error:
                return outcome(translated(error, "no transaction can begin"))
            self._in_transaction, self._broken, self._failure = True, None, None
        return begun

    def send_offsets(self, consumer: KafkaConsumer, offsets: dict[TopicPartition, int] | None = None) -> Later:
        """Let the consumer's offsets (by default, of all that it has polled) count if this transaction is committed.

        Fails with `Fenced` or `UnknownMember` if the partitions may belong to others by now; then `abort`, and go back
        to what is committed.
        """
        self._check_open()
        found = consumer.given() if offsets is None else offsets
        refused = consumer.refused(found, "abort; whoever owns them now processes the records again")
        if refused is None and found:
            places = [client.TopicPartition(*key, offset) for key, offset in sorted(found.items())]
            refused = self._insist(lambda wait: self._raw.send_offsets_to_transaction(
                places, consumer.metadata(), wait), "the offsets do not go into this transaction")
        self._broken = self._broken or refused
        return outcome(refused)

    def commit(self) -> Later:
        """All of it counts. Fails, and nothing counts, if something that was sent has failed: then `abort`. After a
        `Timeout` the outcome is unknown: commit again, which goes on asking."""
        self._check_open()
        self.flush()
        if self._broken is not None:
            failed = InvalidUse("this transaction cannot be committed", why=f"a part of it has failed: {self._broken}",
                                next_step="abort it, and do it again")
            failed.__cause__ = self._broken
            return outcome(failed)
        return self._ended(self._insist(self._raw.commit_transaction, "this transaction is not committed"))

    def abort(self) -> Later:
        """None of it counts: readers of committed records never see it."""
        self._check_open()
        ended = self._ended(self._insist(self._raw.abort_transaction, "this transaction is not aborted"))
        self._serve()
        self._broken = self._failure = None
        return ended

    def _ended(self, failed: EvlabError | None) -> Later:
        self._serve()
        self._in_transaction = failed is not None
        return outcome(failed)

    def _insist(self, call: Callable[[float], Any], what: str) -> EvlabError | None:
        """Call until it succeeds, for `patience` seconds; what went wrong, or None. A call that has not got its answer
        yet may be called again: it goes on."""
        until = time.monotonic() + self.patience
        while True:
            try:
                call(SLICE)
                return None
            except client.KafkaException as error:
                found = kafka_error(error)
                if found.retriable() and time.monotonic() < until:
                    self._serve(0.01)
                    continue
                failed = translated(found, what)
                failed.__cause__ = error
                return failed
