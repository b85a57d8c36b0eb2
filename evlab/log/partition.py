"""A partition: an ordered list of records that is only added to, kept as a row of segments in one folder.

Every record has an offset, its number: 0, 1, 2, ... Readers say from which offset they want to read, and nothing is
removed by reading. This is one copy of a partition on one disk; what leaders, followers and acks add to it is in
evlab.log.replication.

What it promises:
1. With flush="ack", `append` returns when its batches are on the disk, all of them. If it raises, nothing is acked.
2. Offsets rise by one, without holes, but for what compaction removed. Batches get theirs here, in one place.
3. After a crash, what was never finished is cut off, and damage is named (`CorruptBatch`): see evlab.log.recovery.
4. After a failed write or fsync the partition takes nothing more (`PartitionFailed`): what the disk has is unknown, and
   an fsync that is tried again may lie. Open it again; that looks at what is there.
5. A batch whose offset is damaged is named, though no CRC covers that: it does not go on where the one before it ended.
   Where offsets may be missing, which only Kafka's compaction does, what follows must vouch for it: evlab.log.holes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from evlab.errors import EvlabError, InvalidUse
from evlab.files import Files
from evlab.log.epochs import Epochs
from evlab.log.holes import BROKERS_FILE, joined
from evlab.log.producers import SNAPSHOT, ProducerState
from evlab.log.records import (
    CorruptBatch,
    Header,
    check_batch,
    decode_batches,
    decode_records,
    read_header,
    read_marker,
    stamped,
)
from evlab.log.recovery import recover
from evlab.log.segment import Segment, numbered
from evlab.log.topics import TopicConfig

__all__ = ["CLEANED_FILE", "BatchTooLarge", "OffsetOutOfRange", "Partition", "PartitionFailed"]

CLEANED_FILE = "cleaner-offset-checkpoint"
"""Keeps the offset up to which the partition was compacted."""


class OffsetOutOfRange(EvlabError):
    """The offset is not in the log, or no longer: OFFSET_OUT_OF_RANGE. `offset`, `start`, `end`."""


class BatchTooLarge(EvlabError):
    """A batch has more bytes than the topic takes: MESSAGE_TOO_LARGE. `size`, `limit`."""


class PartitionFailed(EvlabError):
    """The disk failed under this partition, and nothing more is written to it in this life."""


class Partition:
    """One copy of the partition `number` of `topic`, in the folder `files`.

    clean: whether it was closed in good order; if not, the newest segment is checked batch by batch.
    `start` is the first offset that it still has, `end` the next one that it will give (Kafka: logStartOffset and
    logEndOffset). `syncs` counts fsyncs, `cut` the bytes that recovery cut off.
    Raises `CorruptBatch` for damage.
    """

    def __init__(self, files: Files, topic: str, number: int, config: TopicConfig | None = None, *,
                 clean: bool = False):
        self.files, self.topic, self.number = files, topic, number
        self.config = config or TopicConfig()
        self.syncs = self.cut = 0
        self._failed: Exception | None = None
        self._end_before = 0  # the end when the disk failed: what came later was never acked
        self._open(clean)

    @property
    def name(self) -> str:
        return f"{self.topic}-{self.number}"

    # ------------------------------------------------------------------------------------------------- writing

    def append(self, data: bytes, epoch: int = 0) -> int:
        """Add batches as their leader: give them offsets and the leader's epoch. Returns the first offset.

        Raises `CorruptBatch` for what is no whole batch, `BatchTooLarge`, `InvalidUse` for a record without a key in a
        compacted topic, and `PartitionFailed`.
        """
        self._ready()
        pieces, headers, view = [], [], memoryview(data)
        first = offset = self.end
        for start, header in self._checked(data):
            size = header.size
            if size > self.config.max_batch_bytes:
                raise BatchTooLarge(f"a batch of {size:,} bytes for {self.name}", size=size,
                                    limit=self.config.max_batch_bytes,
                                    why=f"the topic takes {self.config.max_batch_bytes:,} at most",
                                    next_step="send smaller batches, or store the data elsewhere and send its address")
            pieces += stamped(view[start:start + size], offset, epoch)
            header = Header._make((offset, header.length, epoch, *header[3:]))
            headers.append(header)
            offset = header.next_offset
        self._write(b"".join(pieces), headers)
        return first

    def append_copy(self, data: bytes) -> None:
        """Add batches as their leader wrote them, with its offsets and epochs; for followers.

        The first may begin before this log's end: the leader's compaction has put a hole into it. The rest of it is
        taken. If the leader's log has holes between batches, they are filled here. Raises `InvalidUse` for batches that
        do not go on at the end.
        """
        self._ready()
        expected, headers = self.end, []
        if data and (self.config.cleanup == "compact" or read_header(data).base_offset < expected):
            data = joined(data, expected, holes=self.config.cleanup == "compact")
        for _, header in self._checked(data):
            if header.base_offset != expected:
                raise InvalidUse(f"a copy of offset {header.base_offset} comes after {expected - 1}",
                                 next_step="fetch from the end of this log")
            expected = header.next_offset
            headers.append(header)
        self._write(data, headers)

    def _checked(self, data: bytes) -> Iterator[tuple[int, Header]]:
        at = 0
        if not data:
            raise InvalidUse("there are no batches to append", next_step="leave the call out")
        while at < len(data):
            header = read_header(data, at)
            check_batch(data, at, header)
            if self.config.cleanup == "compact" and not header.control and any(
                    record.key is None for record in decode_records(data, at, header)):
                raise InvalidUse(f"a record without a key for {self.name}", why="it keeps the last record of each key, "
                                 "so a record without one could never be removed", next_step="give a key")
            yield at, header
            at += header.size

    def _write(self, data: bytes, headers: list[Header]) -> None:
        """All of it into one segment, a new one if it does not fit, then the fsync that makes it safe to ack."""
        at, commits = 0, []
        for header in headers:
            commits.append(_is_commit(data[at:at + header.size]) if header.control else None)
            at += header.size
        end, new_epoch = self.end, False
        try:
            if self._is_full(len(data), headers[0]):
                self.roll()
            self.active.append(data, headers)
            if self.config.flush == "ack":
                self.sync()
            for header in headers:
                new_epoch = self.epochs.add(header.leader_epoch, header.base_offset) or new_epoch
            if new_epoch:
                self.epochs.save(self.files)
        except OSError as error:
            raise self._fail(error, end) from error
        for header, commit in zip(headers, commits, strict=True):
            self.producers.add(header, commit)

    def _is_full(self, more: int, header: Header) -> bool:
        active, config = self.active, self.config
        too_old = header.max_timestamp - (active.first or 0) > config.segment_ms
        return active.size > 0 and (active.size > config.segment_bytes - more or too_old)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """If the disk fails inside of it, the partition has failed: `PartitionFailed`, now and from now on."""
        self._ready()
        end = self.end
        try:
            yield
        except OSError as error:
            raise self._fail(error, end) from error

    def sync(self) -> None:
        """fsync the newest segment; those before it were synced when they were full."""
        self.active.sync()
        self.syncs += 1

    def roll(self) -> None:
        """Begin a new segment, unless the newest is empty. Those before are synced: a crash tears only the newest."""
        self._ready()
        if not self.active.size:
            return
        with self.writing():
            self.active.seal()
            self.producers.save(self.files)
            self.segments.append(self._segment(self.end))

    def truncate(self, offset: int) -> None:
        """Cut off all from `offset` on: a follower whose log parts from its leader's there."""
        with self.writing():
            self._forget_cleaned()
            while len(self.segments) > 1 and self.active.base_offset >= offset:
                self.segments.pop().remove()
            self.active.truncate(self.active.position_of(offset))
            self.epochs.cut_from(self.end)
            self._after_cut()

    def restart_at(self, offset: int) -> None:
        """Throw all away and go on at `offset`: a follower that was away for longer than its leader keeps records."""
        with self.writing():
            self._forget_cleaned()
            for end in numbered(self.files.list(), SNAPSHOT):  # of transactions that end elsewhere, if at all
                self.files.remove(f"{end:020d}{SNAPSHOT}")
            for segment in reversed(self.segments):
                segment.remove()
            self.segments = [self._segment(offset)]
            self.epochs = Epochs()
            self._after_cut()

    def drop_oldest(self) -> None:
        """Delete the oldest segment, which must not be the only one."""
        with self.writing():
            self.segments.pop(0).remove()
            self.epochs.cut_before(self.start)
            self.epochs.save(self.files)
        self.producers.forget_before(self.start)

    def drop_before(self, offset: int) -> None:
        """Delete the segments that end before `offset`, but for the newest."""
        while len(self.segments) > 1 and self.segments[0].next_offset <= offset:
            self.drop_oldest()

    def _forget_cleaned(self) -> None:
        """What will stand at the offsets that are cut off was never compacted."""
        if CLEANED_FILE in self.files.list():
            self.files.remove(CLEANED_FILE)

    def _after_cut(self) -> None:
        self.epochs.save(self.files)
        self._remember()

    def _ready(self) -> None:
        if self._failed is not None:
            raise self._failure()

    def _fail(self, error: OSError, end: int) -> PartitionFailed:
        self._failed, self._end_before = error, end
        return self._failure()

    def _failure(self) -> PartitionFailed:
        return PartitionFailed(f"{self.name} takes no more records", why=f"the disk failed: {self._failed}",
                               next_step="free some space or replace the disk, and open the log again")

    # ------------------------------------------------------------------------------------------------- reading

    @property
    def active(self) -> Segment:
        """The newest segment, the one that grows."""
        return self.segments[-1]

    @property
    def start(self) -> int:
        return self.segments[0].base_offset

    @property
    def end(self) -> int:
        return self.active.next_offset if self._failed is None else self._end_before

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    def read(self, offset: int, max_bytes: int = 1 << 20, end: int | None = None) -> bytes:
        """Whole batches from the one that holds `offset` on, of one segment: about `max_bytes`, at least one batch.

        The first batch may begin before `offset`: a reader skips what it did not ask for. end: nothing that reaches
        this offset. At the end of the log the answer is empty. Raises `OffsetOutOfRange`.
        """
        if not self.start <= offset <= self.end:
            raise OffsetOutOfRange(f"{self.name} has no offset {offset}", offset=offset, start=self.start, end=self.end,
                                   why=f"it has {self.start} to {self.end - 1}" if self.end > self.start else
                                   f"it is empty, and its next one is {self.end}",
                                   next_step="begin at the earliest or the latest offset")
        if self._failed is not None:  # the files may end with what was never acked
            end = self.end if end is None else min(end, self.end)
        at = bisect_right(self.segments, offset, key=lambda segment: segment.base_offset) - 1
        for segment in self.segments[max(at, 0):]:  # compaction may have emptied the end of one
            data = segment.read(offset, max_bytes, end)
            if data:
                return data
            if end is not None and segment.next_offset >= end:
                break
        return b""

    def offset_of(self, timestamp: int) -> int | None:
        """The offset of the first record with a timestamp of at least this many ms; None if there is none."""
        for segment in self.segments:
            if (offset := segment.offset_of(timestamp)) is not None:
                return offset
        return None

    # ------------------------------------------------------------------------------------------------- opening

    def _segment(self, base_offset: int) -> Segment:
        return Segment(self.files, base_offset, index_interval=self.config.index_interval,
                       holes=self.config.cleanup == "compact")

    def _open(self, clean: bool) -> None:
        names = self.files.list()
        bases = numbered(names, ".log")
        for ending in ".log.cleaned", f"{SNAPSHOT}.tmp", ".index", ".timeindex":
            for base in numbered(names, ending):  # what was being made or removed when the process died
                if base not in bases or not ending.endswith("index"):
                    self.files.remove(f"{base:020d}{ending}")
        self.segments = [self._segment(base) for base in bases or [0]]
        for segment, after in pairwise(self.segments):
            segment.until = after.base_offset
        for segment in self.segments[:-1]:
            segment.load()
        self._drop_replaced()
        if clean:
            self.active.load()
        else:
            self.cut = recover(self.active)
        self._load_epochs(clean)
        self._remember()

    def _drop_replaced(self) -> None:
        """Remove segments whose records a compaction had put into the one before, when the process died."""
        kept, kafkas = self.segments[:1], self.config.cleanup == "compact" and BROKERS_FILE in self.files.list()
        for segment in self.segments[1:]:
            before = kept[-1]
            if segment.base_offset < before.next_offset:  # which `load` has checked
                segment.remove()
            elif segment.base_offset > before.next_offset and not kafkas:
                raise CorruptBatch(f"a batch is missing at the end of {before.path}", path=before.path,
                                   position=before.size, offset=before.next_offset,
                                   why=f"the file ends before offset {before.next_offset}, and the next begins with "
                                   f"{segment.base_offset}", next_step="restore the file from a copy; if a broker of "
                                   f"Kafka has compacted it, copy its whole folder, {BROKERS_FILE} too")
            else:
                kept.append(segment)
        self.segments = kept

    def _load_epochs(self, clean: bool) -> None:
        """From their file; what it does not have, because the process died or the file is damaged, from the batches."""
        self.epochs, whole = Epochs.load(self.files)
        saved = self.epochs.entries
        self.epochs.cut_from(self.end)
        self.epochs.cut_before(self.start)
        for segment in () if whole and clean else self.segments[-1:] if whole else self.segments:
            for _, header in segment.headers():
                self.epochs.add(header.leader_epoch, header.base_offset)
        if self.epochs.entries != saved:
            self.epochs.save(self.files)

    def _remember(self) -> None:
        """Make the state of the producers: from the newest snapshot that fits, and the batches after it."""
        self.producers = ProducerState.load(self.files, self.start, self.end)
        for segment in self.segments:
            if segment.next_offset > self.producers.next_offset:
                for placed in segment.near(self.producers.next_offset):
                    header = placed.header
                    if header.base_offset >= self.producers.next_offset:
                        commit = _is_commit(segment.batch_at(placed)) if header.control else None
                        self.producers.add(header, commit)

    def close(self) -> None:
        """Sync all and let go of the files."""
        if self._failed is None:
            with self.writing():
                self.active.seal()
                self.producers.save(self.files)
        for segment in self.segments:
            segment.close()

    def __repr__(self) -> str:
        return f"Partition({self.name}, offsets {self.start} to {self.end}, {self.size:,} bytes)"




def _is_commit(data: bytes) -> bool:
    """Does the marker in this batch say that its transaction was committed?"""
    batch = next(decode_batches(data))
    if not batch.records:
        raise CorruptBatch("a control batch without a record", offset=batch.base_offset)
    return read_marker(batch.records[0]).type == "commit"
