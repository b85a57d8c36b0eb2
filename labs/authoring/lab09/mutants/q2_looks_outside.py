# Looks whether the id is in the window, then begins the transaction.
# expect: lab09.q2 fails, hint=LOOKS_THEN_ACTS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        if self.db.execute("SELECT 1 FROM seen WHERE consumer = ? AND id = ? AND at >= ?",
                           [self.consumer, event.id, now - self.keep]):
            return
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
            self.db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
            effect()
