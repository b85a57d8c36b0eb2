"""Which leader wrote which offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition_files import batch, content, copy_of, open_on, view

from evlab.log.epochs import EPOCH_FILE, Epochs
from evlab.sim.disk import Disk

writes = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=20)


def written(writes):
    """Epochs and the plain truth, epoch by offset, of writes (more epochs, records)."""
    epochs, truth, epoch = Epochs(), [], 0
    for more, count in writes:
        epoch += more
        epochs.add(epoch, len(truth))
        truth += [epoch] * count
    return epochs, truth


@given(writes, st.integers(-1, 70))
def test_they_say_what_a_list_of_every_record_says(writes, asked):
    epochs, truth = written(writes)
    assert [epochs.of(offset) for offset in range(-1, len(truth) + 1)] == [-1, *truth, truth[-1]]
    assert epochs.newest == truth[-1]
    known = [epoch for epoch in truth if epoch <= asked]
    right = (known[-1], len(known)) if known else (-1, -1)
    assert epochs.end_of(asked, len(truth)) == right


@given(writes, st.integers(0, 100))
def test_cuts_at_both_ends(writes, at):
    epochs, truth = written(writes)
    at = min(at, len(truth))
    epochs.cut_from(at)
    assert [epochs.of(offset) for offset in range(at)] == truth[:at]
    assert epochs.newest == (truth[at - 1] if at else -1)
    epochs, _ = written(writes)
    epochs.cut_before(at)
    assert [epochs.of(offset) for offset in range(at, len(truth))] == truth[at:]
    assert epochs.entries[0][1] == at and epochs.end_of(truth[0] - 1, len(truth)) == (-1, -1)


@given(writes)
def test_the_file_gives_them_back(writes):
    disk = Disk()
    epochs, _ = written(writes)
    epochs.save(view(disk))
    again, whole = Epochs.load(view(disk))
    assert again.entries == epochs.entries and whole


def test_the_file_is_written_as_kafka_writes_it():
    disk = Disk()
    Epochs([(0, 0), (3, 17)]).save(view(disk))
    assert content(disk) == {EPOCH_FILE: b"0\n2\n0 0\n3 17\n"}


@pytest.mark.parametrize("text", [b"", b"0", b"0\n", b"0\n2\n0 0\n3 1", b"1\n1\n0 0\n", b"0\n1\n0\n", b"0\n1\nx y\n",
                                  b"0\n2\n3 17\n0 0\n", b"\xff\xff", b"0\n2\n0 5\n1 5\n", b"0\n1\n0 0 0\n"])
def test_another_file_is_not_believed_whole(text):
    epochs, whole = Epochs.load(view(copy_of({EPOCH_FILE: text})))
    assert not whole and epochs.entries in ([], [(0, 0)])


def test_an_epoch_in_which_nothing_was_written_is_replaced():
    epochs = Epochs([(0, 0)])
    assert epochs.add(1, 10) and epochs.add(2, 10) and not epochs.add(2, 11) and not epochs.add(1, 12)
    assert epochs.entries == [(0, 0), (2, 10)]


@pytest.mark.parametrize("clean, file", [
    *((clean, file) for clean in (True, False) for file in (None, b"", b"0\n9\n0 0\n1 2\n", b"0\n4\n0 0\n1 2\n2 4\n3",
                                                         b"0\n4\n0 0\n1 2\n2 4\n9 99\n", b"\xff")),
    (False, b"0\n3\n0 0\n1 2\n2 4\n")])
def test_a_partition_completes_its_file_from_the_batches(clean, file):
    """The file may be lost, cut, or say more than the batches do; after a crash it may be older than the last append.
    """
    disk = Disk()
    partition = open_on(disk, segment_bytes=200)
    for number in range(8):
        partition.append(batch(b"x"), number // 2)
    partition.close()
    files = {name: data for name, data in content(disk).items() if name != EPOCH_FILE}
    copy = copy_of(files if file is None else files | {EPOCH_FILE: file})
    opened = open_on(copy, segment_bytes=200, clean=clean)
    right = [(0, 0), (1, 2), (2, 4)] if file and b"9 99" in file and clean else [(0, 0), (1, 2), (2, 4), (3, 6)]
    assert opened.epochs.entries == right
    assert Epochs.load(view(copy))[0].entries == right


def test_a_cut_that_was_not_saved_is_saved_when_the_partition_opens():
    """A crash between the cut of a log and of its epochs leaves epochs that begin beyond the end."""
    disk = Disk()
    partition = open_on(disk)
    for number in range(4):
        partition.append(batch(b"x"), number)
    files = content(disk)
    partition.truncate(2)
    copy = copy_of(content(disk) | {EPOCH_FILE: files[EPOCH_FILE]})
    again = open_on(copy)
    assert again.epochs.entries == [(0, 0), (1, 1)]
    for _ in range(3):
        again.append(batch(b"y"), 1)
    again.close()
    assert open_on(copy, clean=True).epochs.entries == [(0, 0), (1, 1)]


def test_the_epochs_go_with_the_records_that_retention_deletes():
    disk = Disk()
    partition = open_on(disk, segment_bytes=100)
    for number in range(6):
        partition.append(batch(b"x"), number // 2)
    partition.drop_oldest()
    partition.drop_oldest()
    partition.drop_oldest()
    assert partition.epochs.entries == [(1, 3), (2, 4)]
    assert open_on(disk, segment_bytes=100).epochs.entries == [(1, 3), (2, 4)]
