"""The same key, the same partition, in every language; and records without a key fill batches."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.log import partitioner as module
from evlab.log.partitioner import Partitioner, RoundRobin, crc32_partition, murmur2, partition, round_robin

KEYS = [b"order-%d" % n for n in range(600)]


@pytest.mark.parametrize(("key", "hash"), [(b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107),
                                           (b"", 275646681)])
def test_murmur2_as_kafkas_own_tests_have_it(key, hash):
    assert murmur2(key) == hash
    assert partition(key, 2**31 - 1) == (hash & 0x7FFFFFFF) % (2**31 - 1)


def slow_murmur2(key):
    """As its author describes it: byte by byte, a step a line."""
    def times(a):
        return a * 0x5BD1E995 % 2**32

    h = 0x9747B28C ^ len(key)
    key = list(key)
    while len(key) >= 4:
        k = times(key[0] + key[1] * 256 + key[2] * 256**2 + key[3] * 256**3)
        k ^= k // 2**24
        h = times(h) ^ times(k)
        key = key[4:]
    if len(key) == 3:
        h ^= key[2] * 256**2
    if len(key) >= 2:
        h ^= key[1] * 256
    if len(key) >= 1:
        h = times(h ^ key[0])
    h ^= h // 2**13
    h = times(h)
    h ^= h // 2**15
    return h if h < 2**31 else h - 2**32


@given(st.binary(max_size=70))
@example(b"\xff" * 4)
@example(b"\xff" * 7)
def test_murmur2_is_what_a_slow_reading_of_it_gives(key):
    assert murmur2(key) == slow_murmur2(key)


def test_the_sign_is_masked_away_and_not_taken_by_abs():
    assert partition(b"21", 6) == (-973932308 & 0x7FFFFFFF) % 6 == 0
    assert abs(-973932308) % 6 == 2


def test_librdkafkas_default_agrees_by_chance_alone():
    assert crc32_partition(b"123456789", 2**31) == 0xCBF43926 % 2**31  # the check value of CRC-32
    same = sum(partition(key, 6) == crc32_partition(key, 6) for key in KEYS)
    assert 60 < same < 140  # a sixth of 600 is 100


def test_a_key_stays_on_its_partition_and_the_keys_spread():
    choose = Partitioner(Random(1))
    first = [choose(key, 6) for key in KEYS]
    assert first == [partition(key, 6) for key in KEYS] == [choose(key, 6) for key in KEYS]
    assert all(70 < n < 130 for n in Counter(first).values()) and len(set(first)) == 6


def test_another_count_of_partitions_moves_keys_also_those_that_are_remembered():
    choose = Partitioner(Random(1))
    moved = sum(choose(key, 6) != choose(key, 7) for key in KEYS)
    assert moved > 400 and all(choose(key, 7) == partition(key, 7) for key in KEYS)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    choose = Partitioner(Random(1))
    most = 0
    for key in KEYS:
        assert choose(key, 6) == partition(key, 6)
        most = max(most, len(choose._hashes))
    assert most == 10
    before, long = dict(choose._hashes), b"long" * 100
    assert choose(long, 6) == partition(long, 6) and choose._hashes == before


def test_records_without_a_key_stick_until_the_batch_is_full():
    choose = Partitioner(Random(1))
    seen = []
    for _ in range(300):
        now = {choose(None, 6) for _ in range(20)}
        assert len(now) == 1
        seen.append(*now)
        assert choose.next_batch(6) == choose(None, 6) != seen[-1]
    assert all(20 < n < 80 for n in Counter(seen).values()) and len(set(seen)) == 6


def test_the_choice_comes_from_the_chance_that_was_handed_in():
    def choices(seed):
        choose = Partitioner(Random(seed))
        return [choose(None, 6)] + [choose.next_batch(6) for _ in range(50)]

    assert choices(1) == choices(1) != choices(2)
    assert 0 <= Partitioner()(None, 6) < 6


def test_topics_of_different_sizes_do_not_disturb_each_other():
    choose = Partitioner(Random(1))
    of_six, of_one = choose(None, 6), choose(None, 1)
    choose.next_batch(1)
    assert (choose(None, 1), choose(None, 6)) == (of_one, of_six) == (0, of_six)
    assert {choose.next_batch(2) for _ in range(3)} == {0, 1}


def test_an_empty_key_is_a_key():
    choose = Partitioner(Random(1))
    assert {choose(b"", 6) for _ in range(20) if choose.next_batch(6) is not None} == {275646681 % 6}


def test_round_robin_takes_turns_whatever_the_key():
    choose = round_robin()
    assert [choose(key, 3) for key in (b"a", b"a", None, b"a")] == [0, 1, 2, 0]
    assert choose.next_batch(3) == 1 == choose(b"a", 3)
    assert isinstance(choose, RoundRobin)


@pytest.mark.parametrize("n", [0, -3, None, "6", 1.0])
@pytest.mark.parametrize("key", [b"known", b"new", None])
def test_a_topic_without_partitions_is_refused(key, n):
    choose = Partitioner(Random(1))
    choose(b"known", 6)
    calls = [lambda: choose.next_batch(n), lambda: round_robin()(key, n)]
    if n != 1.0:
        calls.append(lambda: choose(key, n))
    if key is not None:
        calls += [lambda: partition(key, n), lambda: crc32_partition(key, n)]
    for call in calls:
        with pytest.raises(InvalidUse, match="partitions"):
            call()


@pytest.mark.parametrize("key", ["order-1", 5, ["order-1"], bytearray(b"order-1")])
def test_a_key_that_is_not_bytes_is_refused(key):
    for call in (lambda: murmur2(key), lambda: partition(key, 6), lambda: crc32_partition(key, 6),
                 lambda: Partitioner(Random(1))(key, 6)):
        with pytest.raises(InvalidUse, match="is not bytes"):
            call()
