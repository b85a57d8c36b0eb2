# Deletes an id only when that very id comes again.
# expect: lab09.q2 fails, hint=GROWS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND id = ? AND at < ?",
                            [self.consumer, event.id, now - self.keep])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
