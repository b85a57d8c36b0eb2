# Pages, a second table that is copied back in one transaction, and copies known by the unique key alone.

# answer: lab04.q3
def on_event(db, event, version):
    if event.type == "ItemsSold":
        db.begin()
        fresh = db.execute("INSERT OR IGNORE INTO seen VALUES (?) RETURNING id", [event.id])
        if fresh:
            db.execute("INSERT OR IGNORE INTO sold VALUES (?, 0)", [event.key])
            db.execute("UPDATE sold SET pieces = pieces + ? WHERE product = ?", [event.data["pieces"], event.key])
        db.commit()
    elif event.type == "PriceChanged":
        db.execute("INSERT OR IGNORE INTO prices VALUES (?, NULL, 0)", [event.key])
        db.execute("UPDATE prices SET cents = ?1, version = ?2 WHERE product = ?3 AND version < ?2",
                   [event.data["cents"], version, event.key])


# answer: lab04.q4
class Projector:
    def __init__(self, store, db, mail):
        self.store, self.db, self.mail = store, db, mail

    def pages(self, name, position=None):
        if position is None:
            position = self.db.execute("SELECT position FROM checkpoint WHERE name = ?", [name])[0][0]
        while page := self.store.read(position):
            yield page
            position = page[-1][0]

    def change(self, table, event):
        if event.type == "OrderPlaced":
            self.db.execute(f"INSERT INTO {table} VALUES (?, ?)", [event.key, event.data["cents"]])
        if event.type == "OrderCancelled":
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [event.key])

    def catch_up(self):
        for page in self.pages("list"):
            self.db.begin()
            for position, event in page:  # noqa: B007
                self.change("orders", event)
            self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'list'", [position])
            self.db.commit()
        for page in self.pages("mail"):
            for position, event in page:
                if event.type == "OrderPlaced":
                    self.mail(event.key)
                self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'mail'", [position])

    def rebuild(self):
        self.db.begin()
        self.db.execute("DROP TABLE IF EXISTS beside")
        self.db.execute("CREATE TABLE beside (id TEXT PRIMARY KEY, cents INTEGER)")
        self.db.commit()
        last = 0
        for page in self.pages("", 0):
            self.db.begin()
            for last, event in page:  # noqa: B007
                self.change("beside", event)
            self.db.commit()
        self.db.begin()
        self.db.execute("DELETE FROM orders")
        self.db.execute("INSERT INTO orders SELECT * FROM beside")
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = 'list'", [last])
        self.db.commit()
        self.db.execute("DROP TABLE beside")
