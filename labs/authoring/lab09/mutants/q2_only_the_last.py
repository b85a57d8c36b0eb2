# Remembers the last id alone.
# expect: lab09.q2 fails, hint=COPY_COUNTS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        with transaction(self.db):
            if self.db.execute("SELECT 1 FROM seen WHERE consumer = ? AND id = ?", [self.consumer, event.id]):
                return
            self.db.execute("DELETE FROM seen WHERE consumer = ?", [self.consumer])
            self.db.execute("INSERT INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, self.clock()])
            effect()
