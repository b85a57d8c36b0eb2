"""A partition: what is acked stays, whatever happens to the process, the power or the disk; and it reads as a list."""

from __future__ import annotations

import errno
import itertools
import random
import sys
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from partition_child import append_until_killed, hold_a_log, next_append, open_folder
from partition_files import (
    Crash,
    Strikes,
    batch,
    batches_in,
    content,
    first_log,
    mounted,
    open_on,
    records_in,
    view,
)
from store_child import start, told
from store_files import fast_folder

from evlab.errors import InvalidUse
from evlab.files import InUse
from evlab.log.compaction import compact
from evlab.log.log import Log
from evlab.log.partition import BatchTooLarge, OffsetOutOfRange, Partition, PartitionFailed
from evlab.log.producers import ProducerState
from evlab.log.records import CorruptBatch, encode_batch, marker, stamp
from evlab.log.retention import expire
from evlab.log.topics import TopicConfig
from evlab.sim.disk import Disk

# --------------------------------------------------------------------------------------------- killed processes


def test_an_acked_batch_survives_kill_9(amount):
    """LOG-1: a child appends and acks on a pipe, and is killed at random, ten lives on each folder.

    After each kill the partition has what was there before, then all that was acked, then of the append that was under
    way a number of whole batches. A kill takes nothing from the system's memory, so the files stand there if they can.
    """
    rng, known, cut_short = random.Random(1), [], 0
    with fast_folder() as folder:
        for kill in range(amount(200, 10_000)):
            path = folder / f"{kill // 10}" / "t-0"
            if kill % 10 == 0:
                known = []
            child, pipe = start(append_until_killed, path, kill)
            heard = [pipe.recv() for _ in range(rng.randrange(25))]
            time.sleep(rng.random() * 0.003)
            child.kill()
            heard += told(child, pipe)
            sent = [next_append(kill, number) for number in range(len(heard) + 1)]
            acked = known + [value for values in itertools.chain(*sent[:-1]) for value in values]
            partition = open_folder(path)
            there = [value for _, _, _, value, _ in records_in(partition)]
            allowed = [acked + list(itertools.chain(*sent[-1][:parts])) for parts in range(len(sent[-1]) + 1)]
            assert there in allowed, f"kill {kill}: {len(heard)} appends were acked"
            assert [record[0] for record in records_in(partition)] == list(range(len(there)))
            partition.active.close()
            cut_short += there == acked
            known = there
    assert cut_short, "some kill came before a batch"


# -------------------------------------------------------------------------------------------------- power loss


class Machine:
    """A partition on a disk whose power fails again and again, and what it has sent and acked."""

    def __init__(self, rng, **settings):
        self.rng, self.disk = rng, Disk()
        self.config = TopicConfig(segment_bytes=rng.choice([800, 3000, 1 << 20]), index_interval=150, **settings)
        self.kept, self.under_way = [], []  # batches as they stand in the log
        self.clean = False

    def live(self):
        """Open, append until the power fails at some use of the disk, or after an ack, or after a good close."""
        files, strikes = mounted(self.disk, self.rng.choice([None, 2, 12, 25]) and self.rng.randrange(1, 70))
        self.acked, self.sent = len(self.kept), self.kept
        try:
            partition = Partition(files, "t", 0, self.config, clean=self.clean)
            self.clean = False
            for _ in range(self.rng.randrange(4)):
                self.append(partition)
            if self.rng.random() < 0.1:
                partition.close()
                self.clean = True
        except Crash:
            pass
        return strikes.hit

    def append(self, partition):
        rng, parts, offset = self.rng, [], partition.end
        epoch = max(partition.epochs.newest, 0) + (rng.random() < 0.1)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            values = [rng.randbytes(rng.choice([5, 40, 200])) for _ in range(rng.choice([1, 3]))]
            fields = {"producer_id": 7, "producer_epoch": 0, "base_sequence": offset} if rng.random() < 0.5 else {}
            parts.append(stamp(batch(*values, **fields), offset, epoch))
            offset += len(values)
        self.sent = self.sent + parts
        partition.append(b"".join(parts), epoch)
        self.acked = len(self.sent)

    def check(self, loses=False):
        """Open after the loss: returns how many acked batches are gone, which is 0 unless it `loses`."""
        partition = Partition(view(self.disk), "t", 0, self.config, clean=self.clean)
        there = b"".join(segment.read(partition.start, 1 << 30) for segment in partition.segments)
        at, self.kept = 0, []
        for part in self.sent:
            if at == len(there):
                break
            assert there.startswith(part, at), "what is there is what was sent, in order, whole batches only"
            self.kept = [*self.kept, part]
            at += len(part)
        assert at == len(there), "and nothing else"
        gone = self.acked - len(self.kept)
        assert gone <= 0 or loses, f"{gone} acked batches are gone"
        if self.rng.random() < 0.1:
            self.check_state(partition)
        return max(gone, 0)

    def check_state(self, partition):
        state = ProducerState()
        for one in batches_in(partition):
            state.add(one.header)
        assert partition.producers.to_json() == state.to_json()
        epochs = [(epoch, min(one.base_offset for one in batches_in(partition) if one.leader_epoch == epoch))
                  for epoch in sorted({one.leader_epoch for one in batches_in(partition)})]
        assert partition.epochs.entries == epochs


def test_an_acked_batch_survives_power_loss(amount):
    """LOG-1: 20,000 power losses, at any use of the disk, with torn and lost sectors, group commits of up to four
    batches, segments that roll, new leader epochs, and losses right after a good close.

    After each the partition opens, has all that was acked, then of the append under way some whole batches, and nothing
    else; what it knows of producers and epochs is what its batches say.
    """
    rng, hits, losses, cut = random.Random(2), 0, amount(20_000, 10_000_000), 0
    for life in range(losses):
        if life % 12 == 0:
            machine = Machine(rng)
        hits += machine.live()
        machine.disk.lose_power(rng)
        machine.check()
        cut += len(machine.sent) - len(machine.kept)
    assert losses / 5 < hits < losses and cut > losses / 20, "many struck in the middle, and took something"


def test_without_fsync_a_power_loss_takes_what_was_acked():
    """LOG-1: flush="never" acks what the operating system has: some of it goes, the last ones first, and it opens."""
    rng, gone = random.Random(3), 0
    for life in range(300):
        if life % 10 == 0:
            machine = Machine(rng, flush="never")
        machine.live()
        machine.disk.lose_power(rng)
        gone += machine.check(loses=True)
    assert gone > 20


# ------------------------------------------------------------------------------------------------- failing disks


class Refusing:
    """A disk whose n-th write, sync, rename or removal fails, before or after it was done in part."""

    def __init__(self, files, at, part=0.0):
        self.files, self.at, self.part, self.count, self.hit = files, at, part, 0, False

    def due(self):
        self.count += 1
        if self.count == self.at:
            self.hit = True
        return self.count == self.at

    def refuse(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    def open(self, name):
        return RefusingFile(self, self.files.open(name))

    def rename(self, old, new):
        if self.due():
            self.refuse()
        self.files.rename(old, new)

    def remove(self, name):
        if self.due():
            self.refuse()
        self.files.remove(name)

    def list(self):
        return self.files.list()


class RefusingFile:
    def __init__(self, owner, file):
        self._owner, self._file = owner, file

    def append(self, data):
        if self._owner.due():
            self._file.append(data[:int(len(data) * self._owner.part)])
            self._owner.refuse()
        self._file.append(data)

    def sync(self):
        if self._owner.due():
            self._owner.refuse()
        self._file.sync()

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("part", [0.0, 0.6, 1.0])
def test_a_write_that_fails_acks_nothing_and_poisons_the_partition(part):
    """LOG-1: the n-th write, fsync, rename or removal fails, for every n of a run over several segments and epochs.

    That append raises, and so does every later one, with a working disk too; reads give what was acked, no more. After
    a power loss all acked batches are there.
    """
    for at in itertools.count(1):
        disk, acked, raised = Disk(), [], None
        refusing = Refusing(view(disk), at, part)
        partition = Partition(refusing, "t", 0, TopicConfig(segment_bytes=400, index_interval=100))
        for number in range(12):
            data = b"".join(batch(b"%d/%d" % (number, one) * 20) for one in range(1 + number % 3))
            try:
                partition.append(data, epoch=number // 4)
                assert raised is None, "after a failure nothing is acked"
                acked += [b"%d/%d" % (number, one) * 20 for one in range(1 + number % 3)]
            except PartitionFailed as error:
                raised = error
                assert refusing.hit and isinstance(partition._failed, OSError)
        if not refusing.hit:
            break
        assert raised is not None or number == 11, f"failure {at} was swallowed"
        assert [record[3] for record in records_in(partition)] == acked
        assert partition.end == len(acked)
        for change, *arguments in ((partition.truncate, 0), (partition.drop_oldest,), (partition.restart_at, 5),
                                   (partition.roll,), (partition.append, batch(b"x"))):
            with pytest.raises(PartitionFailed):
                change(*arguments)
        partition.close()
        disk.lose_power(random.Random(at))
        again = [record[3] for record in records_in(open_on(disk, segment_bytes=400))]
        assert again[:len(acked)] == acked, f"failure {at}"
    assert at > 40


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_acks_nothing():
    """LOG-1: real files that may not grow beyond so many bytes."""
    with fast_folder() as folder:
        (heard,) = told(*start(fill, str(folder)))
    assert len(heard) == 8
    for limit, acked, error, there in heard:
        assert error == "PartitionFailed" and there == acked, f"limit {limit}"


def fill(pipe, folder):
    """For each limit: append until it fails; (limit, appends acked, the error, records after opening again)."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    every, found = resource.getrlimit(resource.RLIMIT_FSIZE)[1], []
    for limit in (100, 200, 500, 1000, 1023, 1024, 1025, 1100):
        partition, acked = open_folder(f"{folder}/{limit}"), 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, every))
        error = None
        for _ in range(100):
            try:
                partition.append(batch(b"x" * 30))
                acked += 1
            except Exception as failed:
                error = type(failed).__name__
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, (every, every))
        found.append((limit, acked, error, len(records_in(open_folder(f"{folder}/{limit}")))))
    pipe.send(found)


# ---------------------------------------------------------------------------------------------- what is refused


def test_a_batch_that_is_too_large_is_refused_and_nothing_of_its_request_is_kept():
    partition = open_on(Disk(), max_batch_bytes=200)
    with pytest.raises(BatchTooLarge) as caught:
        partition.append(batch(b"small") + batch(b"x" * 200))
    assert (caught.value.limit, caught.value.size > 200, partition.end, partition.size) == (200, True, 0, 0)
    assert partition.append(batch(b"x" * (198 - len(batch(b""))))) == 0 and partition.size == 200, "no byte more"


def test_a_record_without_a_key_is_refused_in_a_compacted_topic():
    partition = open_on(Disk(), cleanup="compact")
    with pytest.raises(InvalidUse):
        partition.append(batch(b"with") + batch(b"without", key=None))
    assert partition.end == 0
    partition.append(batch(b"empty", key=b"") + marker(True, producer_id=1, producer_epoch=0, timestamp=1))
    assert partition.end == 2


@pytest.mark.parametrize("data", [b"", batch(b"x")[:-1], batch(b"x") + b"junk", batch(b"x")[:-1] + b"?",
                                  encode_batch([], last_offset=0, control=True, producer_id=1)])
def test_what_is_no_whole_batch_is_refused_before_anything_is_written(data):
    disk = Disk()
    partition = open_on(disk)
    with pytest.raises((InvalidUse, CorruptBatch)):
        partition.append(data)
    assert (partition.end, content(disk)[first_log]) == (0, b"")


def test_a_copy_goes_on_where_the_log_ends():
    partition = open_on(Disk())
    partition.append_copy(batch(b"a", b"b"))
    for wrong in (0, 3):
        with pytest.raises(InvalidUse):
            partition.append_copy(batch(b"c", base_offset=wrong))
    partition.append_copy(batch(b"c", base_offset=2, leader_epoch=5))
    assert [record[0] for record in records_in(partition)] == [0, 1, 2]
    assert partition.epochs.entries == [(0, 0), (5, 2)]


def test_a_copy_may_begin_in_a_hole_that_its_leader_has_compacted():
    """A follower that was away has copied up to 2; its leader has compacted since, and 0 to 2 are one hole now."""
    settings = {"cleanup": "compact", "segment_bytes": 500}
    leader, follower = open_on(Disk(), **settings), open_on(Disk(), **settings)
    for number, key in enumerate([b"a", b"a", b"a", b"b", b"a", b"c"]):
        leader.append(batch(b"%d" % number, key=key, producer_id=7, producer_epoch=0, base_sequence=number))
    leader.roll()
    follower.append_copy(leader.read(0, 150))
    assert follower.end == 2
    compact(leader, 0, force=True)
    assert batches_in(leader, 2)[0].base_offset < 2
    while data := leader.read(follower.end):
        follower.append_copy(data)
    assert follower.end == leader.end == 6
    assert [record[:1] + record[3:4] for record in records_in(follower)][2:] == [(3, b"3"), (4, b"4"), (5, b"5")]
    assert {batch.last_sequence for batch in batches_in(follower)} == {0, 1, 3, 4, 5}


@pytest.mark.parametrize("name", ["notes.log", "7.log", "0000000000000000000x.log", ".log", "notes.producers", "a.tmp",
                                  "x.index", "²" * 20 + ".log"])
def test_a_file_of_somebody_else_is_left_alone(name):
    disk = Disk()
    open_on(disk).append(batch(b"mine"))
    view(disk).open(name).append(b"theirs")
    partition = open_on(disk)
    assert [record[3] for record in records_in(partition)] == [b"mine"]
    partition.close()
    assert content(disk)[name] == b"theirs"


def test_two_processes_cannot_have_one_folder(tmp_path):
    """The second one is refused while the first lives, and let in when it was killed."""
    child, pipe = start(hold_a_log, str(tmp_path))
    assert pipe.recv() == "open"
    with pytest.raises(InUse):
        Log(tmp_path)
    child.kill()
    told(child, pipe)
    Log(tmp_path).close()
    with Log(tmp_path), pytest.raises(InUse):
        Log(tmp_path)


@pytest.mark.parametrize("offset", [-1, 4, 99])
def test_an_offset_that_is_not_there_is_out_of_range(offset):
    partition = open_on(Disk())
    partition.append(batch(b"a", b"b", b"c"))
    with pytest.raises(OffsetOutOfRange) as caught:
        partition.read(offset)
    assert (caught.value.offset, caught.value.start, caught.value.end) == (offset, 0, 3)
    assert partition.read(3) == b""


# ---------------------------------------------------------------------------------------------- segments, epochs


def test_a_segment_rolls_when_the_next_batch_would_not_fit():
    one = len(batch(b"x"))
    for room, parts in ((3 * one, [3, 3]), (3 * one - 1, [2, 2, 2]), (1, [1] * 6)):
        partition = open_on(Disk(), segment_bytes=room)
        for _ in range(6):
            partition.append(batch(b"x"))
        assert [segment.size // one for segment in partition.segments] == parts
    partition.append(batch(b"a") + batch(b"b"))
    assert len(batches_in(partition, 6)) == 2 and partition.active.base_offset == 6, "a request stays together"


def test_a_segment_rolls_when_it_is_too_old():
    partition = open_on(Disk(), segment_ms=100)
    for ts in (1000, 1100, 1101, 1150):
        partition.append(batch(b"x", ts=ts))
    assert [segment.base_offset for segment in partition.segments] == [0, 2]


def test_an_empty_segment_does_not_roll():
    disk = Disk()
    partition = open_on(disk)
    partition.roll()
    partition.append(batch(b"x"))
    partition.roll()
    partition.roll()
    assert [segment.base_offset for segment in partition.segments] == [0, 1]


def test_restart_at_forgets_transactions_that_end_elsewhere():
    """A follower that missed the end of a transaction must not wait for it for ever."""
    disk = Disk()
    partition = open_on(disk, segment_bytes=100)
    for number in range(4):
        partition.append(batch(b"x", producer_id=7, producer_epoch=0, base_sequence=number, transactional=True), 1)
    partition.close()
    partition = open_on(disk, clean=True)
    assert partition.producers.first_open == 0
    partition.restart_at(100)
    assert (partition.start, partition.end, partition.producers.first_open, partition.epochs.entries) == (
        100, 100, None, [])
    partition.append(batch(b"new"), 2)
    partition.close()
    again = open_on(disk)
    assert (again.producers.first_open, [one[0] for one in records_in(again)], again.epochs.entries) == (
        None, [100], [(2, 100)])


def test_truncate_cuts_records_producers_and_epochs():
    disk = Disk()
    partition = open_on(disk, segment_bytes=250)
    for number in range(9):
        partition.append(batch(b"%d" % number, producer_id=7, producer_epoch=0, base_sequence=number), number // 2)
    partition.truncate(5)
    for one in partition, open_on(disk, segment_bytes=250):
        assert [record[0] for record in records_in(one)] == [0, 1, 2, 3, 4]
        assert one.epochs.entries == [(0, 0), (1, 2), (2, 4)]
        assert one.producers._producers[7].batches[-1].last_sequence == 4
    partition.truncate(99)
    assert partition.end == 5


def test_a_crash_at_any_moment_of_a_truncation_leaves_a_prefix():
    for at in itertools.count(1):
        disk = Disk()
        partition = open_on(disk, segment_bytes=250)
        for number in range(9):
            partition.append(batch(b"%d" % number), number // 2)
        files, strikes = mounted(disk)
        partition = Partition(files, "t", 0, partition.config)
        strikes.at = strikes.count + at
        try:
            partition.truncate(3)
        except Crash:
            disk.lose_power(random.Random(at))
        again = open_on(disk, segment_bytes=250)
        assert again.end >= 3 and [record[0] for record in records_in(again)] == list(range(again.end))
        again.append(batch(b"new"), 1)
        third = open_on(disk, segment_bytes=250)
        assert third.epochs.entries == again.epochs.entries and third.epochs.entries[-1][1] < third.end
        if not strikes.hit:
            break
    assert at > 10


# --------------------------------------------------------------------------------------------- against a list


@settings(max_examples=60, stateful_step_count=30)
class PartitionIsAList(RuleBasedStateMachine):
    """The partition, and a list of (first offset, last offset, largest timestamp, records) of its batches."""

    @initialize(segment=st.sampled_from([150, 400, 2000]), interval=st.sampled_from([0, 100, 4096]),
                compacted=st.booleans())
    def begin(self, segment, interval, compacted):
        self.disk, self.time = Disk(), 1000
        self.config = TopicConfig(segment_bytes=segment, index_interval=interval, retention_ms=500,
                                  cleanup="compact" if compacted else "delete")
        self.partition = Partition(view(self.disk), "t", 0, self.config)
        self.batches, self.start, self.end = [], 0, 0

    @rule(rows=st.lists(st.tuples(st.integers(-300, 300), st.sampled_from([b"a", b"b", b"c"]),
                                  st.one_of(st.none(), st.binary(max_size=60))), min_size=1, max_size=4),
          parts=st.integers(1, 2), step=st.integers(0, 200))
    def append(self, rows, parts, step):
        self.time += step
        rows = [(self.time + more, key, value, ()) for more, key, value in rows]
        assert self.partition.append(encode_batch(rows) * parts) == self.end
        for _ in range(parts):
            records = [(self.end + number, *row) for number, row in enumerate(rows)]
            self.batches.append((self.end, self.end + len(rows) - 1, max(row[0] for row in rows), records))
            self.end += len(rows)

    @rule()
    def roll(self):
        self.partition.roll()

    @rule(clean=st.booleans())
    def reopen(self, clean):
        if clean:
            self.partition.close()
        self.partition = Partition(view(self.disk), "t", 0, self.config, clean=clean)

    @precondition(lambda self: self.config.cleanup == "delete")
    @rule(share=st.floats(0, 1))
    def truncate(self, share):
        offset = self.start + round(share * (self.end - self.start))
        self.partition.truncate(offset)
        self.batches = [one for one in self.batches if one[1] < offset]
        self.end = self.batches[-1][1] + 1 if self.batches else self.partition.start

    @rule(more=st.integers(0, 1000))
    def expire(self, more):
        expire(self.partition, self.time + more)
        assert self.config.cleanup == "delete" or self.partition.start == self.start
        self.start = self.partition.start
        gone = [one for one in self.batches if one[1] < self.start]
        self.batches = self.batches[len(gone):]
        assert all(self.time + more - one[2] > 500 for one in gone)

    @precondition(lambda self: self.config.cleanup == "compact")
    @rule()
    def compact(self):
        """What must be left: in the closed part, each key's last record or a later one; the rest untouched."""
        closed = self.partition.active.base_offset
        compact(self.partition, self.time, force=True)
        last = {record[2]: record[0] for one in self.batches for record in one[3] if record[0] < closed}
        left = records_in(self.partition)
        assert left == [record for one in self.batches for record in one[3]
                        if record[0] >= closed or record[0] == last[record[2]]
                        ] or not left
        self.batches = [(one.base_offset, one.last_offset, one.max_timestamp, [record[:5] for record in one.records])
                        for one in batches_in(self.partition)]
        assert self.partition.end == self.end

    @precondition(lambda self: self.end > self.start)
    @rule(share=st.floats(0, 1), max_bytes=st.sampled_from([0, 1, 80, 300, 1 << 20]), until=st.floats(0, 1))
    def read(self, share, max_bytes, until):
        offset = self.start + round(share * (self.end - self.start))
        end = self.start + round(until * (self.end - self.start))
        there = [one for one in self.batches if one[1] >= offset]
        data = self.partition.read(offset, max_bytes)
        found = list(read_batches(data))
        assert found == there[:len(found)] and bool(found) == bool(there)
        assert len(found) <= 1 or len(data) <= max_bytes
        limited = list(read_batches(self.partition.read(offset, 1 << 20, end)))
        assert limited == [one for one in there if one[1] < end][:len(limited)]
        assert bool(limited) == bool(there and there[0][1] < end)

    @rule(more=st.integers(-400, 400))
    def look_up(self, more):
        time = self.time + more
        right = next((record[0] for one in self.batches for record in one[3] if record[1] >= time), None)
        assert self.partition.offset_of(time) == right

    @invariant()
    def the_ends_are_right(self):
        if hasattr(self, "partition"):
            assert (self.partition.start, self.partition.end) == (self.start, self.end)

    def teardown(self):
        if hasattr(self, "partition"):
            assert records_in(self.partition) == [record for one in self.batches for record in one[3]]


def read_batches(data):
    from evlab.log.records import decode_batches

    for one in decode_batches(data):
        yield one.base_offset, one.last_offset, one.max_timestamp, [record[:5] for record in one.records]


TestPartitionIsAList = PartitionIsAList.TestCase


def test_the_uses_of_a_disk_are_counted():
    strikes = Strikes(2)
    strikes()
    with pytest.raises(Crash):
        strikes()
