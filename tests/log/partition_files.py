"""Partitions on simulated disks, and what a test does to them: strike at the n-th use of the disk, damage a file."""

from __future__ import annotations

from evlab.log.partition import Partition
from evlab.log.records import decode_batches, encode_batch
from evlab.log.topics import TopicConfig
from evlab.sim.disk import Disk, _Blob

__all__ = ["Crash", "Strikes", "batch", "batches_in", "content", "copy_of", "first_log", "flip", "lookups", "mounted",
           "open_on", "records_in", "view"]

first_log = "00000000000000000000.log"


class Crash(BaseException):
    """The process ends here: no `except Exception` of the code under test sees it."""


def view(disk):
    """The disk as a process sees it that never dies."""
    return disk.mount(lambda: None)


class Strikes:
    """Counts the uses of a disk, and ends or refuses the n-th. `hit` says whether it came to that."""

    def __init__(self, at=None, error=Crash):
        self.at, self.error, self.count, self.hit = at, error, 0, False

    def __call__(self):
        self.count += 1
        if self.count == self.at:
            self.hit = True
            raise self.error("the disk is struck")


def mounted(disk, at=None, error=Crash):
    """The disk as a process sees it whose n-th use of it fails, and the counter."""
    strikes = Strikes(at, error)
    return disk.mount(strikes), strikes


def open_on(disk, config=None, *, clean=False, **settings):
    """The partition t-0 on a disk."""
    return Partition(view(disk), "t", 0, config or TopicConfig(**settings), clean=clean)


def copy_of(files):
    """A disk with the files that `content` gave, all of them synced."""
    disk = Disk()
    for name, data in files.items():
        blob = disk._blobs[name] = _Blob()  # the tests of a hundred thousand copies spend their time here
        blob.data, blob.synced = bytearray(data), len(data)
    return disk


def content(disk):
    """File name -> its bytes."""
    return {name: bytes(blob.data) for name, blob in disk._blobs.items()}


def flip(data, bit):
    """The bytes with one bit changed."""
    return data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]


def batch(*values, key=b"k", ts=1000, step=1, **fields):
    """A batch of one record for each value, with timestamps that rise by `step` ms."""
    return encode_batch([(ts + step * number, key, value, ()) for number, value in enumerate(values)], **fields)


def batches_in(partition, start=None, max_bytes=1 << 20):
    """All batches, read as a follower reads them: each fetch goes on where the one before ended."""
    offset, found = partition.start if start is None else start, []
    while data := partition.read(offset, max_bytes):
        found += decode_batches(data)
        offset = found[-1].last_offset + 1
    return found


def records_in(partition, max_bytes=1 << 20):
    """(offset, timestamp, key, value, headers) of all records, the markers too."""
    return [record[:5] for one in batches_in(partition, max_bytes=max_bytes) for record in one.records]


def lookups(partition, times):
    """What the partition says to every offset, and to each of these times."""
    return ([partition.read(offset, 1)[:8] for offset in range(partition.start, partition.end + 1)],
            [partition.offset_of(time) for time in times])
