# The switch is one transaction, and its checkpoint comes after it.
# expect: lab04.q4 fails, hint=LIST_READS_AGAIN

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
            for position, event in events:
                self.apply(event, "orders_next")
        self.db.begin()
        self.db.execute("DROP TABLE orders")
        self.db.execute("ALTER TABLE orders_next RENAME TO orders")
        self.db.commit()
        self.save("list", position)

    def apply(self, event, table):
        if event.type == "OrderPlaced":
            self.db.execute(f"INSERT INTO {table} VALUES (?, ?)", [event.key, event.data["cents"]])
        elif event.type == "OrderCancelled":
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [event.key])

    def checkpoint(self, name):
        return self.db.execute("SELECT position FROM checkpoint WHERE name = ?", [name])[0][0]

    def save(self, name, position):
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = ?", [position, name])
