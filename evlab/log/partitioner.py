"""Which partition a record goes to: by its key, or, without one, wherever a batch is being filled.

Same key, same number, same partition: that is the whole of Kafka's promise of order. It holds as long as every
producer computes the same number, and the topic keeps its count of partitions. With another count, keys move.
"""

from __future__ import annotations

import struct
from random import Random
from zlib import crc32

from evlab.errors import InvalidUse

__all__ = ["Partitioner", "RoundRobin", "crc32_partition", "murmur2", "partition", "round_robin"]

_SEED, _M, _32_BITS, _POSITIVE = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF, 0x7FFFFFFF
_REMEMBERED, _LONG_KEY = 1 << 16, 256
"""How many keys a partitioner remembers, and the longest of them in bytes: 25 MB at worst, 8 MB for keys of 12."""


def murmur2(key: bytes) -> int:
    """The hash of a key as Kafka's Java client has it, a signed 32-bit number (Kafka: Utils.murmur2).

    Raises `InvalidUse` for a key that is not bytes: "abc" and b"abc" would be two keys that look like one.
    """
    size = len(_bytes(key))
    blocks, rest = divmod(size, 4)
    h = _SEED ^ size
    for k in struct.unpack_from(f"<{blocks}I", key):
        k = k * _M & _32_BITS
        k = (k ^ k >> 24) * _M & _32_BITS
        h = h * _M & _32_BITS ^ k
    if rest:
        h = (h ^ int.from_bytes(key[size - rest:], "little")) * _M & _32_BITS
    h = (h ^ h >> 13) * _M & _32_BITS
    h ^= h >> 15
    return h - (1 << 32) if h >> 31 else h


def partition(key: bytes, n: int) -> int:
    """The partition, 0 to n - 1, of a key in a topic of `n` partitions, as Kafka's Java client and evlab choose it.

    The sign bit is masked away. abs() gives other partitions, and one hash, -2**31, has no abs() in Java at all.
    """
    return (murmur2(key) & _POSITIVE) % _checked(n)


def crc32_partition(key: bytes, n: int) -> int:
    """The partition that librdkafka chooses by default (its `consistent_random`, with CRC-32).

    It underlies the clients of Python, Go, .NET and C. Beside a Java producer on one topic, one key then goes to two
    partitions, and its order is gone: set `partitioner=murmur2_random` there.
    """
    return crc32(_bytes(key)) % _checked(n)


def _bytes(key: bytes) -> bytes:
    if not isinstance(key, bytes):
        raise InvalidUse(f"the key {key!r:.60} is not bytes", why="a partition is found from bytes",
                         next_step='encode it: "order-1".encode()')
    return key


def _checked(n: int) -> int:
    if type(n) is not int or n < 1:
        raise InvalidUse(f"a topic of {n!r} partitions has none to choose",
                         next_step="give a whole number of 1 or more")
    return n


class Partitioner:
    """Kafka's default, a callable: `partitioner(key, n)` is a partition of a topic that has `n`.

    1. A record with a key goes where `partition` says. b"" is a key.
    2. Records without a key stick to one partition until `next_batch`: so batches fill, and there are fewer, larger
       requests (KIP-480). Spread over all of them they would wait in `n` batches that are hardly begun.
    chance: where the random choice comes from; from the operating system if not given.
    Raises `InvalidUse` for a key that is not bytes, and for n < 1.
    """

    def __init__(self, chance: Random | None = None):
        self._chance = chance or Random()
        # In Python murmur2 takes four times as long as encoding the whole record. Keys come back, so each is hashed
        # once: from then on its record waits a tenth of that.
        self._hashes: dict[bytes, int] = {}
        self._sticky: dict[int, int] = {}
        """For each count of partitions, the one that records without a key go to."""

    def __call__(self, key: bytes | None, n: int) -> int:
        if key is None:
            at = self._sticky.get(n)
            return self.next_batch(n) if at is None else at
        try:
            if n > 0:
                return self._hashes[key] % n
        except (KeyError, TypeError):
            pass
        hash = murmur2(key) & _POSITIVE
        at = hash % _checked(n)
        if len(key) <= _LONG_KEY:
            if len(self._hashes) >= _REMEMBERED:
                self._hashes.clear()
            self._hashes[key] = hash
        return at

    def next_batch(self, n: int) -> int:
        """A batch of records without a key is full: choose another partition at random, and return it."""
        now = self._sticky.get(n)
        if now is None or n == 1:
            at = self._chance.randrange(_checked(n))
        else:
            at = self._chance.randrange(n - 1)
            at += at >= now  # one of the others
        self._sticky[n] = at
        return at


class RoundRobin:
    """Each record to the next partition, whatever its key: even, and without order per key (RoundRobinPartitioner)."""

    def __init__(self):
        self._turn = -1

    def __call__(self, key: bytes | None, n: int) -> int:
        self._turn = (self._turn + 1) % _checked(n)
        return self._turn

    def next_batch(self, n: int) -> int:
        """A full batch changes nothing: the turn does not depend on it. Returns the partition of the next record."""
        return (self._turn + 1) % _checked(n)


def round_robin() -> RoundRobin:
    """A partitioner that takes turns, for `Producer(log, partitioner=round_robin())`."""
    return RoundRobin()
