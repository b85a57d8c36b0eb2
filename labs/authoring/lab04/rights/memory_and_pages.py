# A class with a method a type, a page a transaction, RETURNING, and a list that is folded in memory.

# answer: lab04.q1
class Shop:
    def __init__(self, db):
        self.db = db

    def OrderPlaced(self, id, customer, day, cents, items):
        self.db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", [id, customer, day, cents, "placed"])
        if not self.db.execute("SELECT day FROM report WHERE day = ?", [day]):
            self.db.execute("INSERT INTO report (day, orders, cents) VALUES (?, 0, 0)", [day])
        self.db.execute("UPDATE report SET orders = orders + 1, cents = cents + ? WHERE day = ?", [cents, day])
        words = []
        for word in items.split(" "):
            if word and word.lower() not in words:
                words.append(word.lower())
        for word in words:
            self.db.execute("INSERT INTO words (word, id) VALUES (?, ?)", [word, id])

    def OrderPaid(self, id):
        self.db.execute("UPDATE orders SET status = 'paid' WHERE id = ?", [id])

    def OrderShipped(self, id):
        self.db.execute("UPDATE orders SET status = 'shipped' WHERE id = ?", [id])

    def OrderCancelled(self, id):
        row = self.db.execute("SELECT day, cents FROM orders WHERE id = ?", [id])[0]
        self.db.execute("UPDATE report SET orders = orders - 1, cents = cents - ? WHERE day = ?", [row[1], row[0]])
        self.db.execute("DELETE FROM report WHERE orders = 0", [])
        for table in ("orders", "words"):
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [id])


def apply(db, event):
    handler = getattr(Shop(db), event.type, None)
    if handler:
        handler(event.key, **event.data)


# answer: lab04.q2
def catch_up(store, db):
    [[done]] = db.execute("SELECT position FROM checkpoint", [])
    page = store.read(done)
    if not page:
        return
    db.begin()
    for _, event in page:
        apply(db, event)
    db.execute("UPDATE checkpoint SET position = ?", [page[-1][0]])
    db.commit()
    catch_up(store, db)


# answer: lab04.q3
def on_event(db, event, version):
    db.begin()
    if event.type == "ItemsSold":
        if db.execute("INSERT INTO seen VALUES (?) ON CONFLICT DO NOTHING RETURNING id", [event.id]):
            db.execute("INSERT OR IGNORE INTO sold VALUES (?, 0)", [event.key])
            db.execute("UPDATE sold SET pieces = pieces + ? WHERE product = ?", [event.data["pieces"], event.key])
    else:
        rows = db.execute("SELECT version FROM prices WHERE product = ?", [event.key])
        if not rows or rows[0][0] < version:
            db.execute("INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", [event.key, event.data["cents"], version])
    db.commit()


# answer: lab04.q4
class Projector:
    """The new list is folded in memory and written in one transaction."""

    def __init__(self, store, db, mail):
        self.store, self.db, self.mail = store, db, mail

    def _events(self, after):
        while True:
            page = self.store.read(after)
            yield from page
            if not page:
                return
            after = page[-1][0]

    def _at(self, name):
        return dict(self.db.execute("SELECT name, position FROM checkpoint"))[name]

    def catch_up(self):
        for position, event in self._events(self._at("list")):
            self.db.begin()
            if event.type == "OrderPlaced":
                self.db.execute("INSERT INTO orders (id, cents) VALUES (?, ?)", [event.key, event.data["cents"]])
            if event.type == "OrderCancelled":
                self.db.execute("DELETE FROM orders WHERE id = ?", [event.key])
            self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'list'", [position])
            self.db.commit()
        for position, event in self._events(self._at("mail")):
            if event.type == "OrderPlaced":
                self.mail(event.key)
            self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'mail'", [position])

    def rebuild(self):
        new, events = {}, list(self._events(0))
        for _, event in events:
            if event.type == "OrderPlaced":
                new[event.key] = event.data["cents"]
            if event.type == "OrderCancelled":
                del new[event.key]
        self.db.begin()
        self.db.execute("DELETE FROM orders", [])
        for row in new.items():
            self.db.execute("INSERT INTO orders VALUES (?, ?)", list(row))
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'list'", [events[-1][0] if events else 0])
        self.db.commit()
