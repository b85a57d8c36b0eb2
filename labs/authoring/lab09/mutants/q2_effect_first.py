# Does the effect in one transaction, marks in the next.
# expect: lab09.q2 fails, hint=DONE_NOT_MARKED

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        known = self.db.execute("SELECT 1 FROM seen WHERE consumer = ? AND id = ? AND at >= ?",
                                [self.consumer, event.id, now - self.keep])
        if not known:
            with transaction(self.db):
                effect()
            with transaction(self.db):
                self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
                self.db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
