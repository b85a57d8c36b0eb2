# Drops what was made before the window: it must be a copy.
# expect: lab09.q2 fails, hint=NO_EFFECT

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        if event.time.timestamp() < now - self.keep:
            return
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
