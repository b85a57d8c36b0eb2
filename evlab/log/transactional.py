"""The producer's part of a transaction: begin, send, send_offsets, commit or abort."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse
from evlab.log.coordinator import OFFSETS_TOPIC, CommitOffsets
from evlab.log.group import UnknownMember, shown
from evlab.log.protocol import TopicPartition
from evlab.log.transactions import TRANSACTIONS_TOPIC, AddToTransaction, EndTransaction, InitProducer

if TYPE_CHECKING:
    from evlab.log.consumer import Consumer

__all__ = ["Transactional"]


class Transactional:
    """What a `Producer` with a transactional_id can do besides.

        yield producer.begin()
        producer.send("payments", b"...", key=b"order-1042")
        yield producer.send_offsets(consumer)       # "and I have read so far", in the same transaction
        yield producer.commit()

    Each call returns a Later; in a script on real files it is done at once. Fails with `InvalidProducerEpoch` if a
    newer life of the same transactional id has begun: then stop.
    """

    transactional_id: str | None = None
    _in_transaction: bool = False

    def init(self) -> Later:
        """Begin a life of this transactional id: an earlier one is fenced, and what it left open is aborted.

        `begin` does it the first time, if you have not. A consumer of the same process should not poll before: the
        offsets of a transaction that is open are undecided, so it would wait. (Kafka: initTransactions.)
        """
        if self.transactional_id is None:
            raise InvalidUse("this producer has no transactional id",
                             next_step='make it with Producer(log, transactional_id="till-1")')
        if self.producer_id >= 0:
            return Later.of()

        def init() -> Generator:
            self._go_on_as(*(yield from self._insist(InitProducer(self.transactional_id))))

        return self.client.run(init())

    def begin(self) -> Later:
        """Begin a transaction; the first time, also a life of this transactional id (`init`)."""
        if self._in_transaction:
            raise InvalidUse("a transaction is open already", next_step="commit or abort it first")
        begun = self.init()
        self._in_transaction, self._added, self._broken = True, set(), None
        return begun

    def send_offsets(self, consumer: Consumer, offsets: dict[TopicPartition, int] | None = None) -> Later:
        """Let the consumer's offsets (by default, of all that it has polled) count if this transaction is committed.

        Fails with `Fenced` or `UnknownMember` if the partitions may belong to others by now; then the transaction
        cannot be committed: `abort`, and go back to what is committed. Do so too if a poll since `begin` has called
        on_revoked.
        """
        self._check_open()
        found = consumer.reader.given() if offsets is None else offsets
        lost = [partition for partition in consumer.lost if offsets is None or partition in offsets]
        if lost:
            refused = Later()
            refused.fail(UnknownMember(f"{consumer.member} no longer owns {shown(lost)}",
                                       why="it was out of the group for a moment",
                                       next_step="abort; whoever owns them now processes the records again"))
            return refused.then(self._note_failure)
        if not found:
            return Later.of()
        request = CommitOffsets(
            consumer.group, consumer.member, consumer.generation,
            tuple(sorted((topic, number, offset) for (topic, number), offset in found.items())),
            producer_id=self.producer_id, producer_epoch=self.producer_epoch)

        def commit() -> Generator:
            yield from self._add((OFFSETS_TOPIC, 0))
            yield from self.client.insist(OFFSETS_TOPIC, 0, request, patience=self.patience)

        return self.client.run(commit()).then(self._note_failure)

    def commit(self) -> Later:
        """All of it counts. Fails, and nothing counts, if something that was sent has failed: then `abort`."""
        self._check_open()
        return self.client.run(self._ending(commit=True))

    def abort(self) -> Later:
        """None of it counts: readers of committed records never see it."""
        self._check_open()
        return self.client.run(self._ending(commit=False))

    def _ending(self, commit: bool) -> Generator:
        while True:  # until all that was sent has an outcome: nothing of it may reach the next transaction
            try:
                yield self.flush()
                break
            except EvlabError as error:
                self._broken = self._broken or error
        if commit and self._broken is not None:
            raise InvalidUse("this transaction cannot be committed", why=f"a part of it has failed: {self._broken}",
                             next_step="abort it, and do it again") from self._broken
        if self._added:
            self._go_on_as(*(yield from self._insist(
                EndTransaction(self.transactional_id, self.producer_id, self.producer_epoch, commit))))
        self._in_transaction = False

    def _add(self, partition: TopicPartition) -> Generator:
        """Tell the coordinator of a partition before the first record goes there."""
        if partition not in self._added:
            yield from self._insist(AddToTransaction(
                self.transactional_id, self.producer_id, self.producer_epoch, (partition,)))
            self._added.add(partition)

    def _check_open(self) -> None:
        if not self._in_transaction:
            raise InvalidUse("no transaction is open", next_step="call begin() first")

    def _note_failure(self, done: Later) -> None:
        if done.error is not None:
            self._broken = self._broken or done.error

    def _insist(self, request) -> Generator:
        return self.client.insist(TRANSACTIONS_TOPIC, 0, request, patience=self.patience)
