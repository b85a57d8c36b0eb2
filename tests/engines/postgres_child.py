"""What stands around a PostgreSQL in its tests: processes that append, the naive table, a wire that can be cut."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading

import psycopg

from brokers.common import LOOPBACK, free_port
from evlab.engines import EngineUnreachable
from evlab.engines.postgres import PostgresEventStore
from evlab.errors import WrongExpectedVersion
from evlab.event import Event
from evlab.store import ANY

__all__ = ["BySequence", "Wire", "append_beside_others", "append_until_unreachable", "event"]


def event(id):
    return Event(type="MoneyPaidIn", data={"amount": len(id)}, source="bank", id=id)


class BySequence:
    """A table of events as it is often made: each draws its position from a sequence. Positions and ids only."""

    def __init__(self, dsn, schema):
        self.link, self.table = psycopg.connect(dsn, autocommit=True), f"{schema}_naive"
        with contextlib.suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            self.link.execute(f"CREATE TABLE IF NOT EXISTS {self.table} (position bigserial PRIMARY KEY, id text)")

    def append(self, stream, event, expected=ANY):
        with self.link.transaction():
            self.link.execute(f"INSERT INTO {self.table} (id) VALUES (%s)", (event.id,))
            self.link.execute("SELECT 'a row for the outbox, say'")

    def read_ids(self, after):
        return self.link.execute(f"SELECT position, id FROM {self.table} WHERE position > %s ORDER BY position",
                                 (after,)).fetchall()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()


def append_beside_others(pipe, kind, dsn, schema, name, appends, exact):
    """Append so many events while others do; send the number of conflicts.

    exact: all to one stream, with the version that this process believes in, again after each conflict.
    """
    conflicts = version = 0
    with kind(dsn, schema) as store:
        for number in range(appends):
            while True:
                try:
                    store.append("account-1" if exact or number % 2 else name, event(f"{name}/{number}"),
                                 version if exact else ANY)
                    version += 1
                    break
                except WrongExpectedVersion as conflict:
                    assert conflict.expected == version < conflict.current
                    conflicts, version = conflicts + 1, conflict.current
    pipe.send(conflicts)


def append_until_unreachable(pipe, dsn, schema, life):
    """Append again and again, 1 to 3 events, and send the ids of each append when it has returned; then "unknown"
    and the ids of the one that did not."""
    with PostgresEventStore(dsn, schema) as store:
        for number in itertools.count():
            ids = [f"{life}/{number}/{part}" for part in range(1 + number % 3)]
            try:
                store.append(f"account-{number % 3}", [event(id) for id in ids])
            except EngineUnreachable:
                pipe.send(("unknown", ids))
                return
            pipe.send(("acked", ids))


COMMIT = b"COMMIT\0"
"""The statement, and the server's answer: the text ends there. (BEGIN ISOLATION LEVEL READ COMMITTED is longer.)"""


class Wire:
    """A connection to a server that can be cut at one place: at the COMMIT, before or after the server has it."""

    def __init__(self, port):
        self.to, self.port, self.cut = port, free_port(), None
        self.listener = socket.create_server((LOOPBACK, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection((LOOPBACK, self.to))
                answered = threading.Event()
                threading.Thread(target=self._up, args=(client, server, answered), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server, answered), daemon=True).start()

    def _up(self, client, server, answered):
        """From the client to the server."""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.cut and COMMIT in data:
                    answered.clear()
                    if self.cut == "after":
                        server.sendall(data)
                        assert answered.wait(30)
                    break
                server.sendall(data)
        self._close(client, server)

    def _down(self, client, server, answered):
        """From the server to the client. While the wire is to be cut after the COMMIT, its answer is dropped."""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.cut == "after" and COMMIT in data:
                    answered.set()
                    return
                client.sendall(data)
        self._close(client, server)

    def _close(self, *ends):
        for one in ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
