"""Files of stores, copied and damaged: what a power loss leaves behind, and what a flipped bit does."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import tempfile
from typing import NamedTuple

from evlab.env import Real, ambient
from evlab.errors import EvlabError
from evlab.event import Event
from evlab.store import EventStore

__all__ = ["HEADER", "SECTOR", "Moment", "all_reads", "damaged", "fast_folder", "moments", "put", "spots",
           "store_with_everything", "torn"]

SECTOR = 512
"""Bytes that a disk writes at once."""
HEADER = 32
"""Bytes of the header of SQLite's write-ahead log; each page behind it has one of 24."""


@contextlib.contextmanager
def fast_folder():
    """A folder in memory where the system has one: for tests that open thousands of copies, or wait for no disk."""
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield pathlib.Path(folder)


# ------------------------------------------------------------------------------------------------- power loss


class Moment(NamedTuple):
    """The files of a store when an append has returned, and how many events it has acked."""

    database: bytes
    log: bytes
    acked: int


def moments(path, until, pages=1000):
    """The empty store, a moment after each append to it, until `until(moments)` is true; and the ids of all events.

    pages: after how many pages of its log SQLite moves them into the database.
    """
    found, ids = [], []
    with EventStore(path) as store:
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.db.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        while True:
            found.append(Moment(path.read_bytes(), path.with_name(path.name + "-wal").read_bytes(), len(ids)))
            if until(found):
                return found, ids
            number = len(found)
            recorded = store.append(f"account-{number % 3}", [
                Event(type="MoneyPaidIn", data={"amount": part}, source="bank") for part in range(1 + number % 3)])
            ids += [one.event.id for one in recorded]


def put(path, database, log):
    """A database and its log as a crash left them, in place of what `path` was."""
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    path.write_bytes(database)
    path.with_name(path.name + "-wal").write_bytes(log)


def torn(rng, before, after):
    """`after` as a power loss may leave it before the fsync: of each sector that was written, the old or the new."""
    old = before.ljust(len(after), b"\0")
    kept = rng.random()
    return b"".join((after if rng.random() < kept else old)[start:start + SECTOR]
                    for start in range(0, len(after), SECTOR))


# ----------------------------------------------------------------------------------------------- flipped bits


class _SmallPages(Real):
    """A machine whose clock stands still, so that two runs write the same bytes, and whose databases have pages of
    `size` bytes: with small ones, a few events make the tree of pages that a million would."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def now(self):
        return 1_767_603_600.0

    def database(self, path, node=""):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size = {self.size}")
            connection.execute("VACUUM")
        return super().database(path, node)


def store_with_everything(path, rng, page_size):
    """Write a store with streams short and long, an event of many pages and a snapshot. Returns its streams."""
    env = _SmallPages(page_size)
    names = [f"account-{number}" for number in range(6)]
    with env_of(env), EventStore(path, env) as store:
        for number in range(25):
            events = [Event(type="MoneyPaidIn", data={"amount": rng.randrange(1000), "note": "x" * rng.randrange(120)},
                            id=f"{rng.getrandbits(80):x}") for _ in range(rng.randrange(1, 5))]
            store.append(names[number] if number < len(names) else rng.choice(names), events)
        store.append("long", Event(type="LetterCame", data={"text": "y" * 3 * page_size}, id="letter"))
        store.append("account-0", Event(type="AccountClosed", id="end"))
        store.save_snapshot("account-1", {"balance": 10}, 2)
    return [*names, "long"]


@contextlib.contextmanager
def env_of(env):
    """Events that are made inside have their times from `env`."""
    before, ambient.env = ambient.env, env
    try:
        yield
    finally:
        ambient.env = before


def spots(content, rng, page_size):
    """Where to flip, for ever: any bit of the file, a bit of a page's header, a bit of a page's list of cells.

    Two of three hit the few bytes that decide which rows there are. In a large store damage is rarer there.
    """
    while True:
        yield rng.randrange(len(content)), rng.randrange(8)
        page = rng.randrange(len(content) // page_size) * page_size
        header = page + (100 if page == 0 else 0)  # the first page begins with the header of the file
        yield header + rng.randrange(12), rng.randrange(8)
        cells = int.from_bytes(content[header + 3:header + 5], "big")
        if 0 < cells < page_size // 4:
            yield header + 8 + rng.randrange(4 + 2 * cells), rng.randrange(8)


def damaged(content, spot):
    """The file with one bit flipped."""
    offset, bit = spot
    return content[:offset] + bytes([content[offset] ^ 1 << bit]) + content[offset + 1:]


def all_reads(path, streams):
    """Each read of a store and its outcome: what it gave, and the error of evlab that ended it, if one did.

    Whatever else is raised comes through, and fails the test.
    """
    found = {}

    def note(name, read):
        given = []
        try:
            for one in read():
                given.append(one)
        except EvlabError as error:
            found[name] = given, type(error).__name__
        else:
            found[name] = given, None

    def open_and_read():
        with EventStore(path) as store:
            note("streams", store.streams)
            note("position", lambda: [store.position])
            note("snapshot", lambda: [store.load_snapshot("account-1")])
            note("read_all", store.read_all)
            for stream in streams:
                note(f"read {stream}", lambda stream=stream: store.read(stream))
                note(f"version {stream}", lambda stream=stream: [store.version(stream)])
        return ()

    note("open", open_and_read)
    return found
