"""What a partition remembers of its producers: which batch is a duplicate, which transaction is open.

A producer that heard no answer sends its batch again. So each batch carries the producer's id, its epoch and the
number of its first record (the sequence), and the partition accepts a batch only if it goes on where the last one of
this producer ended. Of each producer it keeps the last five batches: sent again, they are acked with the offset that
they have (Kafka: ProducerStateManager, ProducerAppendInfo).
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple
from zlib import crc32

import msgspec

from evlab.errors import EvlabError
from evlab.files import Files, write_whole
from evlab.log.records import Header
from evlab.log.segment import numbered

__all__ = ["SNAPSHOT", "Aborted", "InvalidProducerEpoch", "OutOfOrderSequence", "ProducerState"]

SNAPSHOT = ".producers"
"""The ending of the file that keeps the state of the producers, named by the offset that it goes up to."""

REMEMBERED = 5
"""Batches of a producer that are recognised when they are sent again (Kafka: NUM_BATCHES_TO_RETAIN)."""
_SEQUENCES = 2**31
"""After the highest sequence comes 0."""


class OutOfOrderSequence(EvlabError):
    """A batch is missing before this one: OUT_OF_ORDER_SEQUENCE_NUMBER. `producer_id`, `expected`, `sequence`."""


class InvalidProducerEpoch(EvlabError):
    """A newer life of this producer has begun, so this one is fenced: INVALID_PRODUCER_EPOCH."""


class Aborted(NamedTuple):
    """A transaction that was given up. A reader of committed records skips what it wrote."""

    producer_id: int
    first_offset: int
    last_offset: int
    """That of its marker."""


class _Batch(NamedTuple):
    first_sequence: int
    last_sequence: int
    base_offset: int


class _Producer(msgspec.Struct, array_like=True):
    epoch: int
    batches: list[_Batch] = []


class _Snapshot(msgspec.Struct, array_like=True):
    next_offset: int
    producers: dict[int, _Producer]
    open: dict[int, int]
    aborted: list[Aborted]


class ProducerState:
    """The producers of one partition, up to `next_offset`."""

    def __init__(self, next_offset: int = 0):
        self.next_offset = next_offset
        self._producers: dict[int, _Producer] = {}
        self.open: dict[int, int] = {}
        """Producer id -> the first offset of its transaction that has not ended."""
        self.aborted: list[Aborted] = []

    def duplicate(self, header: Header, after: Header | None = None) -> int | None:
        """The offset that this batch has already, or None if it is to be appended.

        after: the batch that is to be appended right before it, in the same request.
        Raises `InvalidProducerEpoch` and `OutOfOrderSequence`.
        """
        known = self._producers.get(header.producer_id)
        if header.producer_id < 0 or known is None and header.base_sequence < 0:
            return None
        if known is not None and header.producer_epoch < known.epoch:
            raise InvalidProducerEpoch(
                f"producer {header.producer_id} has epoch {header.producer_epoch}, and epoch {known.epoch} is here",
                why="the same transactional id was begun again elsewhere, and this one is the old life",
                next_step="stop this producer", producer_id=header.producer_id, epoch=known.epoch)
        if header.base_sequence < 0:
            return None  # a marker
        same = known is not None and header.producer_epoch == known.epoch
        if same:
            sequences = header.base_sequence, header.last_sequence
            for batch in known.batches:
                if batch[:2] == sequences:
                    return batch.base_offset
        last = known.batches[-1].last_sequence if same and known.batches else -1
        if after is not None and after[9:11] == header[9:11]:  # of the same producer and epoch
            last = after.last_sequence
        expected = (last + 1) % _SEQUENCES
        if header.base_sequence != expected and (known is not None or expected):
            raise OutOfOrderSequence(
                f"producer {header.producer_id} sent sequence {header.base_sequence}, and {expected} is due",
                why="a batch before this one did not arrive, or a batch is older than the five last ones",
                next_step="send the missing batch first; after a lost one, begin a new producer",
                producer_id=header.producer_id, expected=expected, sequence=header.base_sequence)
        return None

    def add(self, header: Header, commit: bool | None = None) -> None:
        """Take note of a batch that was appended. commit: for a marker, how the transaction ended."""
        self.next_offset = header.next_offset
        id = header.producer_id
        if id < 0:
            return
        known = self._producers.get(id)
        if known is None or known.epoch != header.producer_epoch:
            known = self._producers[id] = _Producer(header.producer_epoch)
        if header.control:
            first = self.open.pop(id, None)
            if first is not None and not commit:
                self.aborted.append(Aborted(id, first, header.last_offset))
            return
        if header.base_sequence >= 0:
            known.batches = [*known.batches[1 - REMEMBERED:],
                             _Batch(header.base_sequence, header.last_sequence, header.base_offset)]
        if header.transactional:
            self.open.setdefault(id, header.base_offset)

    def epoch_of(self, producer_id: int) -> int:
        """The newest epoch of a producer that is known here; -1 for one that has not written here."""
        known = self._producers.get(producer_id)
        return -1 if known is None else known.epoch

    @property
    def first_open(self) -> int | None:
        """The first offset of the earliest open transaction: what is read as committed ends there."""
        return min(self.open.values()) if self.open else None  # asked at each read, and mostly there is none

    def aborted_in(self, start: int, end: int) -> list[Aborted]:
        """The aborted transactions with a record in [start, end)."""
        return [one for one in self.aborted if one.last_offset >= start and one.first_offset < end]

    def forget_before(self, offset: int) -> None:
        """Let go of aborted transactions whose records were deleted."""
        self.aborted = [one for one in self.aborted if one.last_offset >= offset]

    def to_json(self) -> bytes:
        """All of it, for a snapshot file."""
        return msgspec.json.encode(_Snapshot(self.next_offset, self._producers, self.open, self.aborted))

    def save(self, files: Files) -> None:
        """Write it to a file of its own, with a checksum. The two newest ones are kept."""
        name, text = f"{self.next_offset:020d}{SNAPSHOT}", self.to_json()
        write_whole(files, name, b"%d\n%s" % (crc32(text), text))
        for old in numbered(files.list(), SNAPSHOT)[:-2]:
            files.remove(f"{old:020d}{SNAPSHOT}")

    @classmethod
    def load(cls, files: Files, start: int, end: int) -> ProducerState:
        """The newest one that was saved and does not go beyond `end`; an empty one of `start` if none is whole."""
        for offset in reversed(numbered(files.list(), SNAPSHOT)):
            if offset > end:  # of a log that was longer
                files.remove(f"{offset:020d}{SNAPSHOT}")
                continue
            checksum, _, text = files.open(f"{offset:020d}{SNAPSHOT}").read().partition(b"\n")
            with suppress(msgspec.MsgspecError, ValueError):
                if int(checksum) == crc32(text):
                    return cls.from_json(text)
        return cls(start)

    @classmethod
    def from_json(cls, text: bytes) -> ProducerState:
        """What `to_json` wrote. Raises `msgspec.MsgspecError` for anything else."""
        snapshot = msgspec.json.decode(text, type=_Snapshot)
        state = cls(snapshot.next_offset)
        state._producers, state.open, state.aborted = snapshot.producers, snapshot.open, snapshot.aborted
        return state
