"""Transactions: records in several partitions, and offsets, that count together or not at all.

The records are written to their partitions at once, like others. What makes them one is a marker: at the end the
coordinator writes one into each of those partitions, and says in it whether they count. Before that it notes in its own
topic, `__transaction_state`, how the transaction shall end: from then on it ends so, whoever crashes.

A producer has a name that outlives it, its transactional id. Who begins under that name gets a higher epoch, and what
an older life of it still sends is refused (fencing). A transaction that it left open is aborted.

The end of a transaction raises the epoch as well, and the markers carry the higher one. So a request that comes late,
or twice, cannot end or open a transaction that it is not a part of (KIP-890).
(Kafka: TransactionCoordinator, KIP-98. There the topic has 50 partitions.)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import msgspec

from evlab.env import Later
from evlab.log.broker import Broker
from evlab.log.client import Client
from evlab.log.controller import NewProducerId
from evlab.log.producers import InvalidProducerEpoch
from evlab.log.protocol import BrokerUnavailable, Produce, TopicPartition, WriteMarker, milliseconds
from evlab.log.records import decode_batches, encode_rows

__all__ = ["TRANSACTIONS_TOPIC", "AddToTransaction", "EndTransaction", "InitProducer", "TransactionCoordinator"]

TRANSACTIONS_TOPIC = "__transaction_state"
TIMEOUT = 60.0
"""Seconds after which the coordinator aborts a transaction that is still open (Kafka: transaction.timeout.ms)."""
LAST_EPOCH = 2**15 - 2
"""The highest epoch in which a producer may begin a transaction: its marker has the next one, and a batch has 16 bits
for it. Then the producer gets another id."""
INSIST = 1e6
"""Markers are written for as long as it takes: the transaction has been decided."""


class InitProducer(NamedTuple):
    """Begin a life of this transactional id. Answered with (producer id, epoch); a transaction left open is aborted."""

    transactional_id: str
    timeout: float = TIMEOUT

    def __str__(self) -> str:
        return f"begin as {self.transactional_id}"


class AddToTransaction(NamedTuple):
    """These partitions will get records of the transaction. Answered with None when that is noted."""

    transactional_id: str
    producer_id: int
    epoch: int
    partitions: tuple[TopicPartition, ...]

    def __str__(self) -> str:
        return "in the transaction: " + " ".join(f"{topic}-{number}" for topic, number in self.partitions)


class EndTransaction(NamedTuple):
    """Commit or abort. Answered when every partition has its marker, with the (producer id, epoch) to go on with."""

    transactional_id: str
    producer_id: int
    epoch: int
    commit: bool

    def __str__(self) -> str:
        return "commit" if self.commit else "abort"


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a transactional id."""

    producer_id: int
    epoch: int
    status: str = "empty"
    """empty, open, committing, aborting"""
    ended: str = ""
    """How the transaction of the epoch before has ended, or is ending: committing, aborting."""
    partitions: tuple[TopicPartition, ...] = ()
    timeout: float = TIMEOUT


class TransactionCoordinator:
    """The part of a broker that answers for transactions, while it leads `__transaction_state`."""

    def __init__(self, broker: Broker, client: Client):
        self.broker, self.env, self.client = broker, broker.env, client
        self.states: dict[str, _State] = {}
        self._ends: dict[str, Later] = {}  # of those whose markers are being written
        self._epoch = -1
        broker.services |= {InitProducer: self._init, AddToTransaction: self._add, EndTransaction: self._end,
                            WriteMarker: self._write_marker}
        broker.learners.append(self._learn)

    def _learn(self) -> None:
        """The metadata has changed: begin to coordinate, with what the topic says, or stop."""
        replica = self.broker.replicas.get((TRANSACTIONS_TOPIC, 0))
        epoch = replica.epoch if replica is not None and replica.leads else -1
        if epoch == self._epoch:
            return
        self._epoch, self.states, self._ends = epoch, {}, {}
        if epoch < 0:
            return
        offset = replica.partition.start
        while data := replica.partition.read(offset):
            for batch in decode_batches(data):
                for record in batch.records:
                    self.states[record.key.decode()] = msgspec.json.decode(record.value, type=_State)
                offset = batch.last_offset + 1
        for name, state in self.states.items():
            if state.status in ("committing", "aborting"):
                self._finish(name, state)
            elif state.status == "open":
                self._watch(name, state)

    def _init(self, request: InitProducer) -> Generator:
        self._check_active()
        name = request.transactional_id
        state = self.states.get(name)
        if state is None:
            state = _State(producer_id=(yield self.broker.handle(NewProducerId())), epoch=-1)
        while (state := self._newest(name, state)).status != "empty":
            if state.status == "open":
                state = self._decided(state, "aborting")
                yield self._save(name, state)
            yield self._finish(name, state)
        mine = yield from self._in_next_epoch(msgspec.structs.replace(
            state, epoch=state.epoch + 1, ended="", timeout=request.timeout))
        if self._newest(name, state) is not state:
            raise BrokerUnavailable(f"{name} is begun by another one at the same time", next_step="ask again")
        yield self._save(name, mine)
        return mine.producer_id, mine.epoch

    def _newest(self, name: str, state: _State) -> _State:
        """What is known of a transactional id by now, after a wait; `state` if nothing is."""
        self._check_active()
        return self.states.get(name, state)

    def _decided(self, state: _State, how: str) -> _State:
        """The transaction ends, so or so. The higher epoch goes into the markers: it fences this one everywhere."""
        return msgspec.structs.replace(state, status=how, ended=how, epoch=state.epoch + 1)

    def _in_next_epoch(self, state: _State) -> Generator:
        """The same; with another producer id, if there are no more epochs for this one."""
        if state.epoch > LAST_EPOCH:
            producer_id = yield self.broker.handle(NewProducerId())
            state = msgspec.structs.replace(state, producer_id=producer_id, epoch=0, ended="")
        return state

    def _add(self, request: AddToTransaction) -> Later:
        state = self._known(request)
        if state.status not in ("empty", "open"):
            raise BrokerUnavailable("the transaction before is still ending", next_step="ask again")
        partitions = tuple(sorted({*state.partitions, *request.partitions}))
        if state.status == "open" and partitions == state.partitions:
            return self._safe()
        following = msgspec.structs.replace(state, status="open", partitions=partitions)
        if state.status == "empty":
            self._watch(request.transactional_id, following)
        return self._save(request.transactional_id, following)

    def _end(self, request: EndTransaction) -> Generator:
        self._check_active()
        name, wanted = request.transactional_id, "committing" if request.commit else "aborting"
        state = self.states.get(name)
        asked_again = (state is not None and state.ended == wanted
                       and (state.producer_id, state.epoch) == (request.producer_id, request.epoch + 1))
        if not asked_again:
            state = self._known(request)
            if state.status == "open":
                state = self._decided(state, wanted)
                yield self._save(name, state)  # from here on it ends so, whatever happens
                self.env.point("decided")
        if state.status in ("committing", "aborting"):
            return (yield self._finish(name, state))
        return state.producer_id, state.epoch

    def _finish(self, name: str, state: _State) -> Later:
        """Write the markers, then note that all is done. One process for each, however often it is asked for."""
        if name not in self._ends or self._ends[name].done:
            self._ends[name] = self.env.spawn(self._finishing(name, state), self.broker.name).then(lambda _: None)
        return self._ends[name]

    def _finishing(self, name: str, state: _State) -> Generator:
        epoch = self._epoch
        for topic, number in state.partitions:
            request = WriteMarker(topic, number, state.producer_id, state.epoch, state.status == "committing", epoch)
            yield from self.client.insist(topic, number, request, patience=INSIST)
        if self._epoch == epoch:
            state = yield from self._in_next_epoch(msgspec.structs.replace(state, status="empty", partitions=()))
            yield self._save(name, state)
        return state.producer_id, state.epoch

    def _watch(self, name: str, state: _State) -> None:
        """Abort it when its time is over. The higher epoch fences its producer."""

        def look() -> None:
            now = self.states.get(name)
            if now is not None and now.status == "open" and now.epoch == state.epoch:
                self.env.spawn(abort(now), self.broker.name).then(lambda _: None)

        def abort(now: _State) -> Generator:
            aborting = self._decided(now, "aborting")
            yield self._save(name, aborting)
            yield self._finish(name, aborting)

        self.env.after(state.timeout, look)

    def _write_marker(self, request: WriteMarker) -> Later:
        """Put the marker into a partition that this broker leads."""
        answer = self.broker.replica(request.topic, request.partition).write_marker(request)

        def written(done: Later) -> None:
            for told in self.broker.marked:
                if done.error is None:
                    told(request)

        return answer.then(written)

    def _save(self, name: str, state: _State) -> Later:
        """Append the state to the topic, as safe as acks=all makes it; it counts from the moment it is appended."""
        row = milliseconds(self.env), name.encode(), msgspec.json.encode(state), ()
        replica = self.broker.replica(TRANSACTIONS_TOPIC, 0)
        appended = replica.produce(Produce(TRANSACTIONS_TOPIC, 0, encode_rows([row]), -1, 1))
        self.states[name] = state
        return appended

    def _safe(self) -> Later:
        """Done when what was appended before is safe: the one who asks again must not be answered sooner."""
        return self.broker.replica(TRANSACTIONS_TOPIC, 0).safe()

    def _known(self, request: AddToTransaction | EndTransaction) -> _State:
        self._check_active()
        state = self.states.get(request.transactional_id)
        if state is None or state.producer_id != request.producer_id or state.epoch != request.epoch:
            raise InvalidProducerEpoch(
                f"{request.transactional_id} has begun a newer life than epoch {request.epoch}",
                why="the same transactional id was begun again, or its transaction took too long",
                next_step="stop this producer; what it had not committed is aborted")
        return state

    def _check_active(self) -> None:
        if self._epoch < 0:
            raise BrokerUnavailable(f"{self.broker.name} does not coordinate transactions", broker=self.broker.name,
                                    next_step="ask the leader of __transaction_state")
