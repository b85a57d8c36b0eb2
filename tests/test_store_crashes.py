"""The store's promises about kills, power losses, retries, flipped bits and full disks.

How a real power loss treats a real disk no test can show. These stand on files: what SQLite has written and synced is
taken as kept, what it has not synced yet is taken away.
"""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import sys
import time

import pytest
from store_child import append_until_killed, event, fill_until_refused, ids_in, next_append, start, told
from store_files import (
    HEADER,
    all_reads,
    damaged,
    fast_folder,
    moments,
    put,
    spots,
    store_with_everything,
    torn,
)

from evlab import Timeout, World
from evlab.database import DiskFull
from evlab.sim import Fault, Plan
from evlab.store import EventStore

# --------------------------------------------------------------------------------------------- killed processes


def test_an_acked_append_survives_kill_9(amount):
    """STORE-1: a child appends and acks on a pipe, and is killed at random, ten lives on each file.

    After each kill the file holds what was there before, then all that was acked, then the one append that was under
    way, whole or not at all. In half of the lives SQLite moves its log into the database all the time. A kill takes
    nothing from the system's memory, so the files stand there if they can, and no life waits for a disk.
    """
    rng, known, cut_short = random.Random(1), [], 0
    with fast_folder() as folder:
        for kill in range(amount(200, 10_000)):
            path = folder / f"{kill // 10}.db"
            if kill % 10 == 0:
                known = []
            child, pipe = start(append_until_killed, path, kill, rng.choice([2, 1000]))
            heard = [pipe.recv() for _ in range(rng.randrange(25))]
            time.sleep(rng.random() * 0.004)
            child.kill()
            heard += told(child, pipe)
            under_way = next_append(kill, len(heard))
            known += itertools.chain(*heard)
            with EventStore(path) as store:
                there = ids_in(store)
            assert there in (known, known + under_way), f"kill {kill}: {len(heard)} appends were acked"
            cut_short += there == known
            known = there
    assert cut_short, "some kill came before a commit"


# -------------------------------------------------------------------------------------------------- power loss


def test_every_cut_of_the_log_leaves_whole_transactions():
    """STORE-2: the log of a store is cut at every byte of its first 64 KiB, and each copy is opened.

    An append is acked when its last byte is in the log, so a cut behind it must leave it. At every byte SQLite alone
    opens the copy, and its positions and ids are compared. Around the ends of each page of the log, and of its header,
    the store itself opens the copy, reads it, and goes on with it.
    """
    with fast_folder() as folder:
        found, ids = moments(folder / "first.db", lambda found: len(found[-1].log) >= 64 * 1024)
        database, log = found[0].database, found[-1].log[:64 * 1024]
        assert all(moment.database == database and found[-1].log.startswith(moment.log) for moment in found)
        path, left = folder / "copy.db", set()
        put(path, database, log)
        for cut in range(len(log), -1, -1):
            os.truncate(folder / "copy.db-wal", cut)
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)  # it leaves the log as it is
            rows = connection.execute("SELECT position, id FROM events ORDER BY position").fetchall()
            connection.close()
            check_cut(found, ids, cut, [id for _, id in rows])
            assert [position for position, _ in rows] == list(range(1, len(rows) + 1))
            left.add(len(rows))
        assert left == {moment.acked for moment in found[:-1]}, "each append was the last one in some copy"
        page = 24 + page_size_of(database)
        for edge, side in itertools.product(range(HEADER, len(log) - page, page), (-1, 0, 1, 23, 24, 25)):
            put(path, database, log[:edge + side])
            with EventStore(path) as store:
                check_cut(found, ids, edge + side, ids_in(store))
                store.append("account-1", event("afterwards"))
                assert ids_in(store)[-1] == "afterwards"


def check_cut(found, ids, cut, there):
    """What is left is a prefix of whole appends, and has each one that was acked before the cut."""
    acked = max(moment.acked for moment in found if len(moment.log) <= cut)
    assert there == ids[:len(there)] and len(there) in {moment.acked for moment in found}, f"cut at byte {cut}"
    assert len(there) >= acked, f"cut at byte {cut}: {acked} events had been acked, {len(there)} are left"


def page_size_of(database):
    return int.from_bytes(database[16:18], "big")


def test_sectors_that_were_not_synced_may_be_lost_in_any_mix(amount):
    """STORE-2: of the sectors that an append was writing, each is the old or the new one, drawn by chance.

    The log is short, so it is moved into the database and begun anew many times. SQLite syncs the log before it acks
    and before it touches the database, and a new log's header before what follows. So there are three kinds of loss:
    in the log, in the header of a new log, and, after the ack, in the database.
    """
    rng, left = random.Random(2), {"log": set(), "database": set()}
    with fast_folder() as folder:
        found, ids = moments(folder / "first.db", lambda found: len(found) > 80, pages=12)
        path = folder / "copy.db"
        for _ in range(amount(2_000, 50_000)):
            number = rng.randrange(1, len(found))
            before, after = found[number - 1], found[number]
            if before.database != after.database and rng.random() < 0.5:
                where, allowed = "database", {after.acked}
                put(path, torn(rng, before.database, after.database), after.log)
            else:
                where, allowed = "log", {before.acked, after.acked}
                new, rest = after.log[:HEADER], torn(rng, before.log, after.log)[HEADER:]
                begun = new != before.log[:HEADER] and rng.random() < 0.2
                put(path, before.database, new + before.log[HEADER:] if begun else new + rest)
            with EventStore(path) as store:
                there = ids_in(store)
            assert len(there) in allowed and there == ids[:len(there)], f"append {number}, loss in the {where}"
            left[where].add(len(there) - before.acked > 0)
        assert left == {"log": {False, True}, "database": {True}}
        assert len({moment.log[:HEADER] for moment in found}) > 3, "the log was begun anew"


def test_a_store_is_opened_with_synchronous_full_and_a_log(tmp_path):
    """STORE-2: the two settings that a durable commit needs; FULL is 2."""
    with EventStore(tmp_path / "store.db") as store:
        assert (store.db.value("PRAGMA synchronous"), store.db.value("PRAGMA journal_mode")) == (2, "wal")


# ------------------------------------------------------------------------------------------------------ retries

EVENTS = [[f"{number}/{part}" for part in range(1 + number % 2)] for number in range(3)]
"""The ids of three appends."""


def retried(faults, exact):
    """A client that asks a bank to append, again and again until it is answered; both may crash at any point.

    Returns the world and what the bank's store holds in the end.
    """
    world = World(faults=Plan(faults))

    def bank():
        store = EventStore("store.db", world)

        def append(request):
            recorded = store.append("account-1", [event(id) for id in EVENTS[request]],
                                    sum(map(len, EVENTS[:request])) if exact else "ANY")
            world.point("answering")
            return [one.version for one in recorded]

        world.listen("bank", append)

    def client():
        for request in range(len(EVENTS)):
            while True:
                try:
                    versions = yield world.ask("bank", request)
                    break
                except Timeout:
                    yield 0.1
            world.point("answered")
            first = sum(map(len, EVENTS[:request])) + 1
            assert versions == list(range(first, first + len(EVENTS[request])))

    world.node("bank", bank)
    world.node("client", client)
    world.run(until=60)
    return world, ids_in(EventStore("store.db", world, node="bank"))


def crash_points(exact):
    world, there = retried([], exact)
    assert there == list(itertools.chain(*EVENTS))
    sites = [(site, number) for site, passes in world.points.items() for number in range(1, passes + 1)]
    assert {site for site, _ in sites} >= {"bank@appending", "bank@appended", "bank@answering", "client@answered"}
    return [Fault(kind, site, number, 0.5) for site, number in sites for kind in ("crash", "kill")]


@pytest.mark.parametrize("exact", [False, True])
def test_the_same_event_twice_is_one_event_wherever_the_first_try_crashed(exact):
    """STORE-4: the bank, or its client, crashes at each point of each append, once and in all pairs, and the client
    retries with the same ids; a client that has crashed begins from the start."""
    faults = crash_points(exact)
    for plan in [[], *([fault] for fault in faults), *itertools.combinations(faults, 2)]:
        world, there = retried(plan, exact)
        assert there == list(itertools.chain(*EVENTS)), f"after {Plan(plan)}"
        assert len(world.struck_by) >= bool(plan)


@pytest.mark.parametrize("point, left", [("appending", 0), ("appended", 1)])
def test_a_crash_leaves_nothing_before_the_commit_and_all_after_it(point, left):
    world = World(faults=Plan([Fault("crash", f"bank@{point}", 1, 100)]))

    def bank():
        EventStore("store.db", world).append("account-1", event("e-1"))
        yield 0

    world.spawn(bank(), "bank")
    world.run(until=1)
    assert world.struck_by
    assert len(ids_in(EventStore("store.db", world, node="bank"))) == left


@pytest.mark.parametrize("point, left", [("appending", 0), ("appended", 2)])
def test_a_crash_leaves_all_of_several_appends_or_none(point, left):
    world = World(faults=Plan([Fault("crash", f"bank@{point}", 1, 100)]))

    def bank():
        EventStore("store.db", world).append_all([("account-1", event("e-1"), 0), ("account-2", event("e-2"), 0)])
        yield 0

    world.spawn(bank(), "bank")
    world.run(until=1)
    assert world.struck_by
    store = EventStore("store.db", world, node="bank")
    assert store.position == left and store.streams() == ["account-1", "account-2"][:left]


# ------------------------------------------------------------------------------------------------ flipped bits


@pytest.mark.parametrize("page_size", [512, 4096])
def test_a_flipped_bit_never_changes_what_a_read_says(page_size, amount):
    """STORE-5: one bit of a store's file is flipped, anywhere, and most often where it decides which rows there are.

    Each read gives what it gave before, or ends with an error of evlab's; what it gave until then is right. A snapshot
    that is hidden is None, and the events say the same.
    """
    rng, seen = random.Random(page_size), set()
    with fast_folder() as folder:
        path = folder / "store.db"
        streams = store_with_everything(path, rng, page_size)
        whole, expected = path.read_bytes(), all_reads(path, streams)
        assert page_size_of(whole) == page_size
        for spot in itertools.islice(spots(whole, rng, page_size), amount(2_500, 50_000)):
            put(path, damaged(whole, spot), b"")
            for name, (given, error) in all_reads(path, streams).items():
                seen.add(error)
                whole_read = expected[name][0]
                if error is not None:
                    assert given == whole_read[:len(given)], f"{name} after a flip at {spot}: {error}"
                else:
                    assert given == whole_read or (name, given) == ("snapshot", [None]), f"{name}, flip at {spot}"
    assert {None, "CorruptEvent", "CorruptDatabase", "DatabaseError"} <= seen


# --------------------------------------------------------------------------------------------------- full disks


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
@pytest.mark.parametrize("pages", [1000, 3])
def test_a_write_that_fails_acks_nothing_whichever_it_is(pages):
    """STORE-6: the n-th write to the log fails, for every n of the first 72, whole and torn; and so at opening.

    RLIMIT_FSIZE ends a file at a byte. With `pages` = 3 the log stays short, and the database is what cannot grow.
    """
    writes = [HEADER + frame * (24 + 4096) + part for frame in range(36) for part in (0, 24)]
    limits = [0, 1, 100, *range(1024, 40_000, 4096), *(at + more for at in writes for more in (0, 1))]
    with fast_folder() as folder:
        heard = told(*start(fill_until_refused, str(folder), limits, pages))
    assert [limit for limit, *_ in heard] == limits, "the child came to its end"
    for limit, refused, acked, there, again, found in heard:
        assert refused == "DiskFull", f"limit {limit}"
        assert acked == there, f"limit {limit}: all that was acked is there, and nothing else"
        assert again == found == acked + next_append("full", appends_in(acked)), f"limit {limit}"
    assert {bool(acked) for _, _, acked, *_ in heard} == {True, False}


def appends_in(ids):
    return len({id.split("/")[1] for id in ids})


def test_a_database_without_room_acks_nothing():
    """STORE-6: SQLite's own limit of pages, for every number of pages that a small store has on its way."""
    with fast_folder() as folder:
        for more in range(30):
            path, acked = folder / f"{more}.db", []
            with EventStore(path) as store:
                store.db.execute(f"PRAGMA max_page_count = {store.db.value('PRAGMA page_count') + more}")
                with pytest.raises(DiskFull) as caught:
                    for number in range(1000):
                        ids = next_append("full", number)
                        store.append(f"account-{number % 3}", [event(id) for id in ids])
                        acked += ids
                assert caught.value.retriable
                assert ids_in(store) == acked
                store.db.execute("PRAGMA max_page_count = 100000")
                store.append(f"account-{number % 3}", [event(id) for id in ids])
            with EventStore(path) as store:
                assert ids_in(store) == acked + ids
