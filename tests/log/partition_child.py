"""What a child process does to a partition on real files: append until it is killed, or hold a folder open."""

from __future__ import annotations

import itertools

from partition_files import batch

from evlab.files import DiskFiles
from evlab.log.log import Log
from evlab.log.partition import Partition
from evlab.log.topics import TopicConfig

__all__ = ["SETTINGS", "append_until_killed", "hold_a_log", "next_append", "open_folder"]

SETTINGS = {"segment_bytes": 1200, "index_interval": 200}


def open_folder(path):
    return Partition(DiskFiles(path), "t", 0, TopicConfig(**SETTINGS))


def next_append(life, number):
    """The values of a life's n-th append, a list for each batch: one batch, or several that are acked together."""
    return [[b"%d/%d/%d/%d" % (life, number, part, record) for record in range(1 + part)]
            for part in range(1 + number % 3)]


def append_until_killed(pipe, path, life):
    """Append again and again; send the first offset of each append when it has returned."""
    partition = open_folder(path)
    for number in itertools.count():
        pipe.send(partition.append(b"".join(batch(*values) for values in next_append(life, number)), epoch=life))


def hold_a_log(pipe, path):
    """Open the log of a folder, say so, and wait to be killed."""
    log = Log(path)
    pipe.send("open")
    while log:
        pipe.poll(10)
