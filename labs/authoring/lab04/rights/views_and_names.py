# Handlers found by name, a report counted anew, ids of its own making, and a list that is a view on one of two tables.

# answer: lab04.q1
import json


def apply(db, event):
    handler = globals().get("on_" + event.type)
    if handler:
        handler(db, event.key, **event.data)


def count_again(db, day):
    db.execute("DELETE FROM report WHERE day = ?", (day,))
    db.execute("INSERT INTO report SELECT day, count(*), sum(cents) FROM orders WHERE day = ? GROUP BY day", (day,))


def on_OrderPlaced(db, id, *, customer, day, cents, items):
    db.execute("INSERT INTO orders (status, cents, day, customer, id) VALUES ('placed', ?, ?, ?, ?)",
               [cents, day, customer, id])
    db.execute("INSERT INTO words SELECT DISTINCT lower(value), ? FROM json_each(?)", (id, json.dumps(items.split())))
    count_again(db, day)


def on_OrderPaid(db, id):
    db.execute("UPDATE orders SET status = 'paid' WHERE id = ?", [id])


def on_OrderShipped(db, id):
    db.execute("UPDATE orders SET status = 'shipped' WHERE id = ?", [id])


def on_OrderCancelled(db, id):
    db.execute("DELETE FROM words WHERE (word, id) IN (SELECT word, id FROM words WHERE id = ?)", (id,))
    for row in db.execute("DELETE FROM orders WHERE id = ? RETURNING day", (id,)):
        count_again(db, row[0])


# answer: lab04.q2
def catch_up(store, db):
    db.begin()
    here = db.execute("SELECT position FROM checkpoint")[0][0]
    page = store.read(here)
    if not page:
        db.rollback()
        return
    positions, events = zip(*page, strict=True)
    for event in events:
        apply(db, event)
    db.execute("DELETE FROM checkpoint")
    db.execute("INSERT INTO checkpoint VALUES (?)", [positions[-1]])
    db.commit()
    catch_up(store, db)


# answer: lab04.q3
def on_event(db, event, version):
    if event.type == "PriceChanged":
        db.execute("INSERT OR REPLACE INTO prices SELECT ?, ?, ?"
                   " WHERE ? > (SELECT coalesce(max(version), 0) FROM prices WHERE product = ?)",
                   [event.key, event.data["cents"], version, version, event.key])
        return
    known = f"{event.key}@{version}"
    if known in [row[0] for row in db.execute("SELECT id FROM seen")]:
        return
    db.begin()
    db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces + excluded.pieces",
               [event.key, event.data["pieces"]])
    db.execute("INSERT INTO seen VALUES (?)", [known])
    db.commit()


# answer: lab04.q4
class Projector:
    def __init__(self, store, db, mail):
        self.store, self.db, self.mail = store, db, mail

    def table(self):
        """The table behind the name orders: it is one itself until the first rebuild, and a view from then on."""
        view = self.db.execute("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = 'orders'")
        return view[0][0].split()[-1] if view else "orders"

    def unread(self, position):
        while page := self.store.read(position):
            yield from page
            position = page[-1][0]

    def at(self, name):
        return self.db.execute("SELECT position FROM checkpoint WHERE name = ?", [name])[0][0]

    def move(self, name, position):
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = ?", [position, name])

    def project(self, event, table):
        if event.type == "OrderPlaced":
            self.db.execute(f"INSERT INTO {table} VALUES (?, ?)", [event.key, event.data["cents"]])
        elif event.type == "OrderCancelled":
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [event.key])

    def catch_up(self):
        for position, event in self.unread(self.at("list")):
            self.db.begin()
            self.project(event, self.table())
            self.move("list", position)
            self.db.commit()
        for position, event in self.unread(self.at("mail")):
            self.db.begin()
            if event.type == "OrderPlaced":
                self.mail(event.key)
            self.move("mail", position)
            self.db.commit()

    def rebuild(self):
        old, new, last = self.table(), "list_a", 0
        if old == new:
            new = "list_b"
        self.db.execute(f"DROP TABLE IF EXISTS {new}")
        self.db.execute(f"CREATE TABLE {new} (id TEXT PRIMARY KEY, cents INTEGER)")
        for last, event in self.unread(0):  # noqa: B007
            self.project(event, new)
        self.db.begin()
        self.db.execute("DROP TABLE orders" if old == "orders" else "DROP VIEW orders")
        self.db.execute(f"CREATE VIEW orders AS SELECT id, cents FROM {new}")
        self.move("list", last)
        self.db.commit()
