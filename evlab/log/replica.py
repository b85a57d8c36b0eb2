"""A replica: one broker's copy of a partition, and its part in keeping the copies equal.

One replica leads: it takes the writes, and the others fetch from it. By asking for offset 40 a follower says that it
has everything before. The leader takes the smallest end among the replicas in sync: up to there, the high watermark,
each of them has the records, so no election can lose them, and only those are given to consumers.

1. acks=1 is answered when the leader has the record: lost if it dies before a follower has fetched it.
2. acks=all is answered when the high watermark has passed it: every replica in sync has it. If fewer than
   min.insync.replicas are in sync, it is refused (`NotEnoughReplicas`).
3. A follower that is too slow leaves the set, so that it does not hold up the others; it comes back when it has caught
   up. A leader alone in the set acks alone, unless min.insync.replicas forbids it.
(Kafka: Partition, ReplicaManager; KIP-101 for the leader epochs.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evlab.env import Env, Later
from evlab.log.metadata import PartitionInfo
from evlab.log.partition import Partition
from evlab.log.protocol import (
    FencedLeaderEpoch,
    Fetched,
    NotEnoughReplicas,
    NotLeader,
    Produce,
    WriteMarker,
    milliseconds,
)
from evlab.log.records import Header, marker, read_header

__all__ = ["Replica"]

RECENT = 2.0
"""Seconds: a follower that has not asked for so long is not asked for as one in sync. It may be down."""


@dataclass
class _Follower:
    """What the leader knows of a follower."""

    end: int
    """It has everything before this offset; -1: it has not asked yet."""
    caught_up: float
    """When it last had all that the leader had."""
    asked: float = 0.0
    """When it asked last ..."""
    leader_end: int = 0
    """... and where the leader's log ended then."""


class Replica:
    """The copy of `partition` on the broker `me`. mark: what an earlier life of it noted as its high watermark."""

    def __init__(self, env: Env, me: str, partition: Partition, mark: int = 0):
        self.env, self.me, self.partition = env, me, partition
        self.info: PartitionInfo | None = None
        self.high_watermark = max(partition.start, min(mark, partition.end))
        self.watchers: dict[Any, Callable[[], None]] = {}
        """Called when there is more to read than before; the key is for whoever takes the call out again."""
        self.followers: dict[str, _Follower] = {}
        self.proposed: tuple[str, ...] | None = None
        """The set of replicas in sync that the controller was asked for. Until its decision is known here, it may be in
        force or not: both sets count."""
        self._waiting: list[tuple[int, int, Later]] = []  # acks=all: (end, first offset, its answer)

    @property
    def leads(self) -> bool:
        return self.info is not None and self.info.leader == self.me

    @property
    def epoch(self) -> int:
        return -1 if self.info is None else self.info.epoch

    @property
    def end(self) -> int:
        return self.partition.end

    @property
    def last_stable(self) -> int:
        """Up to here all transactions have ended: min(high watermark, first offset of the earliest open one)."""
        first = self.partition.producers.first_open
        return self.high_watermark if first is None else min(self.high_watermark, first)

    def become(self, info: PartitionInfo) -> bool:
        """Take the part that the controller gives. True if this replica has to follow a (new) leader from now on."""
        before, self.info = self.info, info
        if before is not None and info.epoch == before.epoch:
            if info.version != before.version:
                self.proposed = None
            self.advance()
            return False
        self.proposed = None
        self._fail_waiting()
        if not self.leads:
            self.followers = {}
            return info.leader is not None
        now = self.env.now()
        self.followers = {name: _Follower(-1, now) for name in info.replicas if name != self.me}
        if self.partition.epochs.add(info.epoch, self.end):
            self.partition.epochs.save(self.partition.files)
        self.advance()
        return False

    def moved(self) -> None:
        """Tell those who watch."""
        for look in list(self.watchers.values()):
            look()

    # ------------------------------------------------------------------------------------------- as the leader

    def check_leads(self, epoch: int = -1) -> None:
        """Raise `NotLeader` unless this replica leads, and `FencedLeaderEpoch` for one who knows another epoch."""
        if not self.leads:
            raise NotLeader(f"{self.me} does not lead {self.partition.name}", broker=self.me,
                            next_step="ask for the metadata again; the outcome of what was sent here is unknown")
        if epoch >= 0 and epoch != self.epoch:
            raise FencedLeaderEpoch(f"{self.partition.name} is in epoch {self.epoch}, not {epoch}", broker=self.me,
                                    next_step="ask for the metadata again")

    def produce(self, request: Produce) -> Later:
        """Append, and answer as `acks` says. A batch that is here already is acked with the offset that it has."""
        self.check_leads()
        needed = self.partition.config.min_insync_replicas
        if request.acks == -1 and len(self.info.isr) < needed:
            raise NotEnoughReplicas(
                f"{self.partition.name} has {len(self.info.isr)} of {needed} replicas in sync",
                isr=self.info.isr, needed=needed, why="with fewer, an ack would promise more than is true",
                next_step="wait until a broker is back, or lower min.insync.replicas")
        return self._answer(self._append_new(request.data), request.acks)

    def write_marker(self, request: WriteMarker) -> Later:
        """End a transaction here. One that has ended already is acked again: the coordinator may ask twice, and what
        it asked first may come last.

        The marker's epoch is above that of the transaction. It is written where no record has arrived, too: one that is
        still on its way finds the higher epoch and is refused.
        """
        self.check_leads()
        if request.producer_epoch <= self.partition.producers.epoch_of(request.producer_id):
            return self.safe()
        now = milliseconds(self.env)
        data = marker(request.commit, producer_id=request.producer_id, producer_epoch=request.producer_epoch,
                      timestamp=now, coordinator_epoch=request.coordinator_epoch)
        return self._answer(self.partition.append(data, self.epoch), acks=-1)

    def safe(self) -> Later:
        """Done when every replica in sync has all that is here now."""
        return self._answer(self.end, acks=-1)

    def _answer(self, first: int, acks: int) -> Later:
        if not self.advance():
            self.moved()
        if acks != -1 or self.high_watermark >= self.end:
            return Later.of(first)
        answer = Later()
        self._waiting.append((self.end, first, answer))
        return answer

    def _append_new(self, data: bytes) -> int:
        """Append the batches that are not here yet. Returns the first offset of all."""
        first, at, fresh, before = None, 0, [], None  # fresh: where the new ones stand
        while at < len(data):
            header = read_header(data, at)
            end = at + header.size
            known = self.partition.producers.duplicate(header, before)
            if known is None:
                fresh.append((at, end))
                before = header
            elif first is None:
                first = known
            at = end
        if fresh:
            new = data if first is None else b"".join([data[start:end] for start, end in fresh])
            appended = self.partition.append(new, self.epoch)
            first = appended if first is None else first
        return first

    def read(self, offset: int, max_bytes: int, *, follower: str = "", committed: bool = False) -> Fetched:
        """What a consumer may see, or a follower needs. Raises `OffsetOutOfRange`."""
        end = self.end if follower else self.last_stable if committed else self.high_watermark
        nothing_new = self.partition.start <= offset == end  # most of the time: no need to look into the files
        data = b"" if nothing_new else self.partition.read(offset, max_bytes, end)
        aborted = ()
        if committed and data:
            aborted = tuple(self.partition.producers.aborted_in(offset, _end_of(data)))
        return Fetched(data, self.high_watermark, self.last_stable, self.partition.start, aborted)

    def fetched(self, follower: str, offset: int) -> None:
        """A follower asks for `offset`: it has everything before."""
        known = self.followers.get(follower)
        if known is None:
            return
        now, known.end = self.env.now(), offset
        if offset >= self.end:
            known.caught_up = now
        elif offset >= known.leader_end:  # it has all that there was when it asked before: it keeps up
            known.caught_up = max(known.caught_up, known.asked)
        known.asked, known.leader_end = now, self.end
        self.advance()

    def advance(self) -> bool:
        """Move the high watermark to the smallest end among the replicas in sync, and answer who waits for it. True if
        it moved."""
        if not self.leads:
            return False
        ends = [self.followers[name].end for name in self._in_sync() if name != self.me and name in self.followers]
        mark = min([self.end, *ends])
        higher = mark > self.high_watermark and len(self.info.isr) >= self.partition.config.min_insync_replicas
        if higher:
            self.high_watermark = mark
            self.moved()
        while self._waiting and self._waiting[0][0] <= self.high_watermark:
            _, first, answer = self._waiting.pop(0)
            answer.resolve(first)
        return higher

    def _in_sync(self) -> set[str]:
        """Those who must have a record before it counts: the set in force, and who is about to join it."""
        return {*self.info.isr, *(self.proposed or ())}

    def wanted_isr(self, max_lag: float) -> tuple[str, ...] | None:
        """The set of replicas in sync as it should be, if that is not the one in force; one that was asked for stays,
        until it is known what became of it."""
        if not self.leads or self.proposed is not None:
            return self.proposed if self.leads else None
        now = self.env.now()
        wanted = tuple(name for name in self.info.replicas
                       if name == self.me or self._belongs(name, name in self.info.isr, now, max_lag))
        return wanted if set(wanted) != set(self.info.isr) else None

    def _belongs(self, name: str, inside: bool, now: float, max_lag: float) -> bool:
        follower = self.followers[name]
        if inside:
            return now - follower.caught_up <= max_lag
        return now - follower.asked <= RECENT and follower.end >= max(self.high_watermark,
                                                                      self.partition.epochs.entries[-1][1])

    def _fail_waiting(self) -> None:
        """This replica leads no more, or in another epoch: nobody can tell whether what waits here will stay."""
        waiting, self._waiting = self._waiting, []
        for _, _, answer in waiting:
            answer.fail(NotLeader(f"{self.me} has stopped leading {self.partition.name}", broker=self.me,
                                  next_step="ask for the metadata again; the outcome of this write is unknown"))

    # ------------------------------------------------------------------------------------------ as a follower

    def copy(self, fetched: Fetched) -> None:
        """Add what the leader gave."""
        if fetched.data:
            self.partition.append_copy(fetched.data)
        self.partition.drop_before(fetched.start)  # what retention has deleted there
        mark = min(fetched.high_watermark, self.end)
        if mark > self.high_watermark:
            self.high_watermark = mark

    def cut_to(self, offset: int) -> None:
        """Cut off what the leader does not have."""
        if offset < self.end:
            self.partition.truncate(offset)
        self.high_watermark = min(self.high_watermark, self.end)

    def __repr__(self) -> str:
        part = "leader" if self.leads else "follower"
        return f"Replica({self.partition.name} on {self.me}, {part}, {self.high_watermark} of {self.end})"


def _end_of(data: bytes) -> int:
    """The offset after the last batch in `data`."""
    at, header = 0, None
    while at < len(data):
        header: Header = read_header(data, at)
        at += header.size
    return header.next_offset
