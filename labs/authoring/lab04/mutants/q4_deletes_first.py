# Empties the list, and fills it again before everybody's eyes.
# expect: lab04.q4 fails, hint=HALF_A_LIST

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
        self.db.execute("DELETE FROM orders")
        position = 0
        while events := self.store.read(position):
            for position, event in events:
                self.apply(event, "orders")
        self.db.begin()
        self.save("list", position)
        self.db.commit()

    def apply(self, event, table):
        if event.type == "OrderPlaced":
            self.db.execute(f"INSERT INTO {table} VALUES (?, ?)", [event.key, event.data["cents"]])
        elif event.type == "OrderCancelled":
            self.db.execute(f"DELETE FROM {table} WHERE id = ?", [event.key])

    def checkpoint(self, name):
        return self.db.execute("SELECT position FROM checkpoint WHERE name = ?", [name])[0][0]

    def save(self, name, position):
        self.db.execute("UPDATE checkpoint SET position = ? WHERE name = ?", [position, name])
