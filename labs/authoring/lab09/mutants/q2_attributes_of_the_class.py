# What belongs to one inbox stands in the class.
# expect: lab09.q2 fails, hint=SHARES

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        Inbox.db, Inbox.consumer, Inbox.keep, Inbox.clock = db, consumer, keep, staticmethod(clock)

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
