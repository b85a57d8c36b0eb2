# Deletes what is too old for itself, whosever it is.
# expect: lab09.q2 fails, hint=FORGETS_FOR_OTHERS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE at < ?", [now - self.keep])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
