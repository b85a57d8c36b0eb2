# The report is counted anew, all events are one transaction, each id is kept, and writing a row again changes nothing.

# answer: lab04.q1
def count(db, day):
    db.execute("DELETE FROM report WHERE day = ?", [day])
    db.execute("INSERT INTO report SELECT day, COUNT(*), SUM(cents) FROM orders WHERE day = ? GROUP BY day", [day])


def apply(db, event):
    if event.type == "OrderPlaced":
        data = event.data
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, 'placed')",
                   [event.key, data["customer"], data["day"], data["cents"]])
        count(db, data["day"])
        for word in set(data["items"].lower().split()):
            db.execute("INSERT INTO words VALUES (?, ?)", [word, event.key])
    elif event.type in ("OrderPaid", "OrderShipped"):
        db.execute("UPDATE orders SET status = ? WHERE id = ?", [event.type[5:].lower(), event.key])
    elif event.type == "OrderCancelled":
        rows = db.execute("DELETE FROM orders WHERE id = ? RETURNING day", [event.key])
        for [day] in rows:
            count(db, day)
        db.execute("DELETE FROM words WHERE id = ?", [event.key])


# answer: lab04.q2
def events_after(store, position):
    while page := store.read(position):
        yield from page
        position = page[-1][0]


def catch_up(store, db):
    db.begin()
    position = db.execute("SELECT position FROM checkpoint")[0][0]
    for done, event in events_after(store, position):
        apply(db, event)
        position = max(position, done)
    db.execute("UPDATE checkpoint SET position = ?", [position])
    db.commit()


# answer: lab04.q3
def on_event(db, event, version):
    db.begin()
    try:
        if db.execute("SELECT id FROM seen WHERE id = ?", [event.id]) == []:
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            {"PriceChanged": price, "ItemsSold": sold}[event.type](db, event, version)
        db.commit()
    except Exception:
        db.rollback()
        raise


def price(db, event, version):
    old = dict((p, v) for p, v in db.execute("SELECT product, version FROM prices"))
    if version > old.get(event.key, 0):
        db.execute("DELETE FROM prices WHERE product = ?", [event.key])
        db.execute("INSERT INTO prices VALUES (?, ?, ?)", [event.key, event.data["cents"], version])


def sold(db, event, version):
    old = dict(db.execute("SELECT product, pieces FROM sold"))
    db.execute("REPLACE INTO sold VALUES (?, ?)", [event.key, old.get(event.key, 0) + event.data["pieces"]])


# answer: lab04.q4
class Projector:
    def __init__(self, store, db, mail):
        self.store, self.db, self.mail = store, db, mail

    def catch_up(self):
        position = self.checkpoint("list")
        while events := self.store.read(position):
            for position, event in events:
                self.db.begin()
                self.apply(event, "orders")
                self.save("list", position)
                self.db.commit()
        position = self.checkpoint("mail")
        while events := self.store.read(position):
            for position, event in events:
                if event.type == "OrderPlaced":
                    self.mail(event.key)
                self.save("mail", position)

    def rebuild(self):
        self.db.execute("DROP TABLE IF EXISTS orders_next")
        self.db.execute("CREATE TABLE orders_next (id TEXT PRIMARY KEY, cents INTEGER)")
        position = 0
        while events := self.store.read(position):
            for _, event in events:
                self.apply(event, "orders_next")
            position = events[-1][0]
        self.db.begin()
        self.db.execute("DROP TABLE orders")
        self.db.execute("ALTER TABLE orders_next RENAME TO orders")
        self.db.commit()

    def apply(self, event, table):
        if event.type == "OrderPlaced":
            self.db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", [event.key, event.data["cents"]])
        elif event.type == "OrderCancelled":
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [event.key])

    def checkpoint(self, name):
        return self.db.execute("SELECT position FROM checkpoint WHERE name = ?", [name])[0][0]

    def save(self, name, position):
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = ?", [position, name])
