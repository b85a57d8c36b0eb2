# Looks at the time, and never deletes.
# expect: lab09.q2 fails, hint=GROWS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            if not self.db.execute("SELECT 1 FROM seen WHERE consumer = ? AND id = ? AND at >= ?",
                                   [self.consumer, event.id, now - self.keep]):
                self.db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
                effect()
