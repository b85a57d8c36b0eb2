# Each new id sweeps one old one away: what a rush hour has left stays for ever.
# expect: lab09.q2 fails, hint=GROWS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE rowid = (SELECT rowid FROM seen WHERE consumer = ? AND at < ?"
                            " ORDER BY at LIMIT 1)", [self.consumer, now - self.keep])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                effect()
