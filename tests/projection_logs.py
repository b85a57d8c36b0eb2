"""Random logs of a bank, the read models made of them, and the plain Python folds that say what must be in them.

`Bank` is a service in a World: it appends a log, keeps the read models, writes letters, rebuilds, and starts again
after each crash.
"""

from __future__ import annotations

from datetime import UTC, datetime

from evlab import Database, Event, EventStore, Projection, Projector, Reactor

__all__ = ["FOLDS", "Bank", "accounts", "letters", "moves", "random_log", "tables_in"]

ACCOUNTS = ("a", "b", "c")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def random_log(rng, longest=5):
    """What is appended, in order: pairs of a stream and its events. Their ids are fixed, so it may be repeated."""
    log, number = [], 0
    for _ in range(rng.randint(1, longest)):
        account, events = rng.choice(ACCOUNTS), []
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            number += 1
            kind = rng.choice(["Opened", "Moved", "Moved", "Moved", "Closed", "Audited"])
            data = {"cents": rng.randint(-9, 9)} if kind == "Moved" else {}
            events.append(Event(type=kind, data=data, key=account, id=f"event-{number}", time=NOON))
        log.append((f"account-{account}", events))
    return log


# ----------------------------------------------------------------------------------------------------- read models


def accounts():
    """One row an account; its trail shows the order in which events came."""
    projection = Projection("accounts", [
        "CREATE TABLE {accounts} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, trail TEXT NOT NULL)",
        "CREATE INDEX {accounts_by_cents} ON {accounts} (cents)"])

    @projection.on("Opened")
    def opened(view, recorded):
        view.execute("INSERT OR IGNORE INTO {accounts} VALUES (?, 0, '')", (recorded.event.key,))

    @projection.on("Moved")
    def moved(view, recorded):
        view.execute("UPDATE {accounts} SET cents = cents + ?, trail = trail || ' ' || ? WHERE account = ?",
                     (recorded.event.data["cents"], recorded.position, recorded.event.key))

    @projection.on("Closed")
    def closed(view, recorded):
        view.execute("DELETE FROM {accounts} WHERE account = ?", (recorded.event.key,))

    return projection


def moves():
    """One row a movement, in two tables; a handler that reads what it has written before."""
    projection = Projection("moves", ["CREATE TABLE {moves} (number INTEGER, position INTEGER, total INTEGER)",
                                      "CREATE TABLE {audits} (position INTEGER)"])

    @projection.on("Moved")
    def moved(view, recorded):
        number = view.value("SELECT count(*) FROM {moves}")
        total = view.value("SELECT total FROM {moves} ORDER BY rowid DESC LIMIT 1") or 0
        view.execute("INSERT INTO {moves} VALUES (?, ?, ?)",
                     (number + 1, recorded.position, total + recorded.event.data["cents"]))

    @projection.on("Audited", "Closed")
    def audited(view, recorded):
        view.execute("INSERT INTO {audits} VALUES (?)", (recorded.position,))

    return projection


def letters(sent):
    """A letter for each account that is opened or closed. What is in `sent` has left the house."""
    reactor = Reactor("letters", from_start=True)

    @reactor.on("Opened", "Closed")
    def write(recorded):
        sent.append(recorded.position)

    return reactor


def tables_in(projector, name):
    """All rows of a read model, in one order."""
    view = projector.view(name)
    if name == "accounts":
        return view.rows("SELECT * FROM {accounts} ORDER BY account")
    return (view.rows("SELECT * FROM {moves} ORDER BY rowid"),
            view.rows("SELECT position FROM {audits} ORDER BY rowid"))


# ------------------------------------------------------------------------------------------------------- plain folds


def accounts_of(events):
    found = {}
    for position, event in enumerate(events, 1):
        if event.type == "Opened":
            found.setdefault(event.key, (0, ""))
        elif event.type == "Moved" and event.key in found:
            cents, trail = found[event.key]
            found[event.key] = (cents + event.data["cents"], f"{trail} {position}")
        elif event.type == "Closed":
            found.pop(event.key, None)
    return [(account, *found[account]) for account in sorted(found)]


def moves_of(events):
    rows, audits = [], []
    for position, event in enumerate(events, 1):
        if event.type == "Moved":
            total = rows[-1][2] if rows else 0
            rows.append((len(rows) + 1, position, total + event.data["cents"]))
        elif event.type in ("Audited", "Closed"):
            audits.append((position,))
    return rows, audits


def letters_of(events):
    return [position for position, event in enumerate(events, 1) if event.type in ("Opened", "Closed")]


FOLDS = {"accounts": accounts_of, "moves": moves_of}


# ------------------------------------------------------------------------------------------------- the bank, at work


class Bank:
    """A service on the node "bank", whose files outlive it. It appends `log`; after the appends whose numbers are in
    `rebuilds` it rebuilds its read models. `complaints` says what was not as it should be."""

    def __init__(self, world, log, *, parts, batch, rebuilds=(), kind=Projector):
        self.world, self.log, self.parts = world, log, parts
        self.batch, self.rebuilds, self.kind = batch, rebuilds, kind
        self.events = [event for _, events in log for event in events]
        self.sent, self.complaints = [], []
        world.node("bank", self.boot)

    def open(self):
        """The projector, as each life makes it."""
        makers = {"accounts": accounts, "moves": moves, "letters": lambda: letters(self.sent)}
        store = EventStore("store.db", self.world, node="bank")
        return self.kind(store, [makers[part]() for part in self.parts], Database("views.db", self.world, "bank"),
                         batch=self.batch)

    def boot(self):
        projector = self.open()
        self.look(projector)
        self.world.spawn(projector.follow())
        for number, (stream, events) in enumerate(self.log):
            projector.store.append(stream, events)  # after a crash it begins again; what is there stays as it is
            yield 1.0
            self.look(projector)
            if number in self.rebuilds:
                for part in self.read_models():
                    for _ in projector.rebuilding(part):
                        self.look(projector)
                        yield 0.0
                    self.look(projector)

    def read_models(self):
        return [part for part in self.parts if part in FOLDS]

    def look(self, projector):
        """At any moment a read model is the fold of the events up to its checkpoint."""
        for part in self.read_models():
            checkpoint = projector.checkpoint(part)
            wanted, rows = FOLDS[part](self.events[:checkpoint]), tables_in(projector, part)
            if rows != wanted:
                self.complaints.append(f"{part} at {checkpoint} holds {rows} instead of {wanted}")

    def end(self):
        """What is to be so when all has come to rest."""
        projector, crashes = self.open(), len(self.world.struck_by)
        self.look(projector)
        if behind := [lag for lag in projector.lag() if lag.checkpoint < len(self.events)]:
            self.complaints.append(f"behind: {behind}")
        sent = list(self.sent)
        for part in self.read_models():
            projector.rebuild(part)
        self.look(projector)
        if self.sent != sent:
            self.complaints.append(f"a rebuild sent {self.sent[len(sent):]}")
        wanted = letters_of(self.events) if "letters" in self.parts else []
        if list(dict.fromkeys(self.sent)) != wanted or len(self.sent) > len(wanted) + crashes:
            self.complaints.append(f"letters {self.sent} instead of {wanted}, after {crashes} crashes")
        return self.complaints
