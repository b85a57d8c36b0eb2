"""What a partition remembers of its producers: duplicates, gaps, epochs, open and aborted transactions."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from partition_files import batch, content, copy_of, open_on, view

from evlab.log.producers import SNAPSHOT, Aborted, InvalidProducerEpoch, OutOfOrderSequence, ProducerState
from evlab.log.records import marker, read_header, stamp
from evlab.sim.disk import Disk

LAST = 2**31 - 1


def header(sequence, count=1, *, id=7, epoch=0, offset=0, transactional=False):
    """The header of a batch of a producer."""
    data = batch(*[b"x"] * count, producer_id=id, producer_epoch=epoch, base_sequence=sequence,
                 transactional=transactional)
    return read_header(stamp(data, offset, 0))


def end(id=7, epoch=0, offset=0):
    return read_header(stamp(marker(True, producer_id=id, producer_epoch=epoch, timestamp=1), offset, 0))


def state_of(*headers):
    state = ProducerState()
    for one in headers:
        assert state.duplicate(one) is None
        state.add(one)
    return state


def test_the_last_five_batches_are_recognised_and_older_ones_are_not():
    state = state_of(*(header(3 * number, 3, offset=10 * number) for number in range(8)))
    for number in range(8):
        if number >= 3:
            assert state.duplicate(header(3 * number, 3)) == 10 * number
        else:
            with pytest.raises(OutOfOrderSequence):
                state.duplicate(header(3 * number, 3))
    assert state.duplicate(header(24, 3)) is None


@pytest.mark.parametrize("sequence, count", [(5, 1), (3, 1), (4, 2), (0, 2), (0, 4), (1, 2), (7, 3)])
def test_what_is_neither_next_nor_the_same_is_out_of_order(sequence, count):
    """0 to 2 and 3 to 5 were sent; a part of a batch, or two of them, is no duplicate."""
    state = state_of(header(0, 3), header(3, 3))
    with pytest.raises(OutOfOrderSequence) as caught:
        state.duplicate(header(sequence, count))
    assert (caught.value.expected, caught.value.sequence, caught.value.producer_id) == (6, sequence, 7)


@pytest.mark.parametrize("first, count", [(LAST, 1), (LAST - 1, 2), (LAST - 1, 3), (LAST, 5)])
def test_sequences_begin_anew_after_the_highest(first, count):
    state = state_of(header(first, count, offset=4))
    expected = (first + count) % 2**31
    assert 0 <= expected < 5
    assert state.duplicate(header(first, count)) == 4
    assert state.duplicate(header(expected)) is None
    for wrong in {0, 1, expected + 1} - {expected}:
        with pytest.raises(OutOfOrderSequence):
            state.duplicate(header(wrong))


def test_a_new_epoch_begins_at_0_and_fences_the_old_one():
    state = state_of(header(0), header(1))
    with pytest.raises(OutOfOrderSequence):
        state.duplicate(header(2, epoch=1))
    state.add(header(0, epoch=1, offset=9))
    assert state.duplicate(header(0, epoch=1)) == 9
    for fenced in (header(0), header(2), end(epoch=0)):
        with pytest.raises(InvalidProducerEpoch) as caught:
            state.duplicate(fenced)
        assert caught.value.epoch == 1
    assert state.duplicate(header(1, epoch=1)) is None


def test_a_marker_of_a_new_epoch_fences_the_old_life():
    """The coordinator ends a transaction of a producer that was begun again with the next epoch."""
    state = state_of(header(0, transactional=True), end(epoch=1, offset=1))
    with pytest.raises(InvalidProducerEpoch):
        state.duplicate(header(1, transactional=True))
    assert state.first_open is None and state.duplicate(header(0, epoch=1)) is None


def test_a_producer_that_is_not_known_may_begin_anywhere():
    """Its state may have been deleted with the records (Kafka accepts it, too)."""
    assert state_of().duplicate(header(41)) is None


def test_batches_without_a_producer_are_never_duplicates():
    state = state_of(*[read_header(batch(b"x"))] * 3)
    assert state.duplicate(read_header(batch(b"x"))) is None


def test_several_batches_of_one_request_are_judged_one_after_the_other():
    state, first, second = state_of(header(0)), header(1, 2), header(3)
    assert state.duplicate(first) is None and state.duplicate(second, after=first) is None
    with pytest.raises(OutOfOrderSequence):
        state.duplicate(header(4), after=first)
    with pytest.raises(OutOfOrderSequence):
        state.duplicate(second)
    assert state.duplicate(header(0, id=8), after=first) is None, "another producer's"
    new = ProducerState()
    with pytest.raises(OutOfOrderSequence):
        new.duplicate(header(9), after=header(4, 2))
    assert new.duplicate(header(6), after=header(4, 2)) is None


def test_open_and_aborted_transactions():
    state = state_of(header(0, offset=3, transactional=True), header(1, offset=4, transactional=True),
                     header(0, id=8, offset=5, transactional=True), header(0, id=9, offset=6))
    assert (state.first_open, state.open) == (3, {7: 3, 8: 5})
    state.add(end(7, offset=7), commit=False)
    state.add(end(8, offset=8), commit=True)
    state.add(end(9, offset=9), commit=False)
    assert (state.first_open, state.aborted) == (None, [Aborted(7, 3, 7)])
    assert [bool(state.aborted_in(*span)) for span in ((0, 3), (0, 4), (4, 5), (7, 9), (8, 9))] == [
        False, True, True, True, False]
    state.forget_before(7)
    assert state.aborted
    state.forget_before(8)
    assert not state.aborted


steps = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.sampled_from(["data", "open", "commit", "abort"]),
                           st.integers(1, 4)), max_size=30)


def run_of(steps):
    """A state after these steps, each producer sending its next sequence."""
    state, next_sequence, offset = ProducerState(), {}, 0
    for id, epoch, kind, count in steps:
        if kind in ("data", "open"):
            sequence = next_sequence.get((id, epoch), 0)
            next_sequence[id, epoch] = sequence + count
            one = header(sequence, count, id=id, epoch=epoch, offset=offset, transactional=kind == "open")
            state.add(one)
        else:
            one = end(id, epoch, offset)
            state.add(one, kind == "commit")
        offset = one.next_offset
    return state


@given(steps)
def test_a_snapshot_gives_back_all_of_it(steps):
    state = run_of(steps)
    again = ProducerState.from_json(state.to_json())
    assert vars(again) == vars(state)
    for id, epoch, sequence in ((id, epoch, sequence) for id in (1, 2) for epoch in (0, 1) for sequence in range(6)):
        assert told(again, header(sequence, id=id, epoch=epoch)) == told(state, header(sequence, id=id, epoch=epoch))


def told(state, one):
    try:
        return state.duplicate(one)
    except (OutOfOrderSequence, InvalidProducerEpoch) as error:
        return str(error)


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"[1,{},{},[[1]]]", b"\xff", b"null"])
def test_a_snapshot_of_something_else_is_refused(text):
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        ProducerState.from_json(text)


def test_the_two_newest_snapshots_are_kept_and_a_damaged_one_is_passed_over():
    disk = Disk()
    files = view(disk)
    for offset in (5, 9, 30):
        state = ProducerState(offset)
        state.save(files)
    names = [name for name in files.list() if name.endswith(SNAPSHOT)]
    assert [int(name[:20]) for name in names] == [9, 30]
    assert ProducerState.load(files, 0, 99).next_offset == 30
    damaged = copy_of(content(disk) | {names[1]: content(disk)[names[1]][:-1]})
    assert ProducerState.load(view(damaged), 0, 99).next_offset == 9
    assert ProducerState.load(view(damaged), 3, 8).next_offset == 3
    assert not [name for name in view(damaged).list() if name.endswith(SNAPSHOT)], "of a log that was longer"


def test_a_partition_recognises_a_duplicate_after_each_kind_of_restart():
    disk = Disk()
    partition = open_on(disk, segment_bytes=300)
    for number in range(9):
        partition.append(batch(b"x", producer_id=7, producer_epoch=0, base_sequence=number))
    for clean in (False, True, False):
        partition = open_on(disk, segment_bytes=300, clean=clean)
        assert [told(partition.producers, header(number)) for number in range(4, 10)] == [4, 5, 6, 7, 8, None]
        partition.close()
    bare = copy_of({name: data for name, data in content(disk).items() if not name.endswith(SNAPSHOT)})
    assert told(open_on(bare, segment_bytes=300).producers, header(4)) == 4, "from the batches alone"
