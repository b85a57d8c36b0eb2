"""What child processes do to a store: append until they are killed, append beside others, append on a full disk.

`start` gives a child a pipe and runs one of these functions in it. Nothing of the test's own process is shared: a
child opens the file itself.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pathlib

from evlab.database import DatabaseBusy
from evlab.errors import EvlabError
from evlab.event import Event
from evlab.store import ANY, EventStore, WrongExpectedVersion

__all__ = ["append_beside_others", "append_until_killed", "event", "fill_until_refused", "open_at_once", "start",
           "told"]

_WAYS = multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _WAYS else "spawn")
_CONTEXT.set_forkserver_preload(["evlab.store", "pytest"])  # what a child would import, once for all


def start(work, *arguments):
    """A child that runs `work(pipe, *arguments)`, and the end of the pipe at which the test hears of it."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=work, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    return child, ours


def told(child, pipe):
    """All that a child has sent until it ended."""
    heard = []
    with contextlib.suppress(EOFError):
        while True:
            heard.append(pipe.recv())
    child.join()
    pipe.close()
    return heard


def event(id):
    return Event(type="MoneyPaidIn", data={"amount": len(id)}, source="bank", id=id)


def append_until_killed(pipe, path, life, pages):
    """Append again and again, 1 to 3 events at a time, and send the ids of each append when it has returned.

    pages: after how many pages of its log SQLite moves them into the database. Few of them, and kills strike there.
    """
    store = EventStore(path)
    store.db.execute(f"PRAGMA wal_autocheckpoint = {pages}")
    for number in itertools.count():
        ids = next_append(life, number)
        store.append(f"account-{number % 3}", [event(id) for id in ids])
        pipe.send(ids)


def next_append(life, number):
    """The ids of a life's n-th append."""
    return [f"{life}/{number}/{part}" for part in range(1 + number % 3)]


def append_beside_others(pipe, path, name, appends, exact):
    """Append so many events to one stream while others do the same; send the number of conflicts.

    exact: with the version that this process believes in, again after each conflict, as a command handler does.
    """
    conflicts = version = 0
    with EventStore(path) as store:
        for number in range(appends):
            while True:
                try:
                    recorded, = store.append("account-1", event(f"{name}/{number}"), version if exact else ANY)
                    break
                except WrongExpectedVersion as conflict:
                    assert conflict.expected == version < conflict.current
                    conflicts, version = conflicts + 1, conflict.current
                except DatabaseBusy:  # the machine is slow; nothing was written
                    pass
            assert not exact or recorded.version == version + 1
            version = recorded.version
    pipe.send(conflicts)


def open_at_once(pipe, path, name, gate):
    """When the file `gate` is there: open a store that may not exist yet, append one event, and send its position."""
    pipe.send("ready")
    while not gate.exists():
        pass
    with EventStore(path) as store:
        pipe.send(store.append(name, event(name))[0].position)


def fill_until_refused(pipe, folder, limits, pages):
    """For each limit: append to a new store whose files may not grow beyond so many bytes, until an append fails.

    Sends (limit, name of the error, ids that were acked, ids that are there, ids after a retry without the limit, ids
    that a new handle finds). An error at opening counts as well: then nothing was acked.
    """
    import resource  # not on Windows

    every = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for limit in limits:
        path, acked, refused = pathlib.Path(folder, f"{limit}-{pages}.db"), [], "nothing"
        store = None
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, every))
        try:
            store = EventStore(path)
            store.db.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            for number in range(1000):
                ids = next_append("full", number)
                store.append("account-1", [event(id) for id in ids])
                acked += ids
        except EvlabError as error:
            refused = type(error).__name__
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (every, every))
        if store is None:
            store, ids = EventStore(path), next_append("full", 0)
        there = ids_in(store)
        store.append("account-1", [event(id) for id in ids])
        again = ids_in(store)
        with EventStore(path) as other:
            pipe.send((limit, refused, acked, there, again, ids_in(other)))
        store.close()
        path.unlink()


def ids_in(store):
    """The ids of all events, in order."""
    return [recorded.event.id for recorded in store.read_all()]
