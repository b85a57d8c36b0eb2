# INSERT OR REPLACE gives a row each time.
# expect: lab09.q2 fails, hint=COPY_COUNTS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
            if self.db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?) RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
