"""The producer's way to the leaders: one request of a partition under way, repeated until it is acked or given up.

If no answer comes, nobody knows whether the leader has the batches. They are sent again as they are, with the same
sequence numbers, and those behind them wait: so the order stays, and a leader that has them already can tell.
(Kafka: Sender. Kafka keeps up to five batches of a partition under way; here it is one request.)
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import cycle

from evlab.errors import EvlabError, Timeout
from evlab.log.client import BACKOFF, REQUEST_TIMEOUT, goes_away
from evlab.log.controller import NewProducerId
from evlab.log.gathering import Batching, Lane
from evlab.log.producers import OutOfOrderSequence
from evlab.log.protocol import BrokerUnavailable, Produce
from evlab.log.records import encode_columns

__all__ = ["Shipping"]


class Shipping:
    """What a `Producer` does with the batches that it has gathered."""

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
        if lane.due and lane.filling is not None:
            self._flush_lane(lane)

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
        """The batches with the producer's id and their sequences in them."""
        (topic, number), count, found = batches[0].key, 0, []
        for batch in batches:
            found.append(encode_columns(
                *batch.columns(self.env.epoch), producer_id=self.producer_id, producer_epoch=self.producer_epoch,
                base_sequence=lane.sequence if self.idempotent else -1, codec=self.codec,
                transactional=self.transactional_id is not None))
            lane.sequence = (lane.sequence + batch.count) % 2**31
            count += batch.count
        return Produce(topic, number, found[0] if len(found) == 1 else b"".join(found), self.acks, count)

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
                    first += batch.count
                batch.laid = []
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
        self._broken = error
        if not all(batch.awaited for batch in batches):
            self._failure = error
        for batch in batches:
            batch.acked.fail(error)
