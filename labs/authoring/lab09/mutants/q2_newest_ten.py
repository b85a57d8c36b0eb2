# Keeps so many ids, not so many seconds.
# expect: lab09.q2 fails, hint=COUNTS_IDS

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        with transaction(self.db):
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, self.clock()]):
                effect()
                self.db.execute("DELETE FROM seen WHERE consumer = ? AND rowid NOT IN (SELECT rowid FROM seen"
                                " WHERE consumer = ? ORDER BY rowid DESC LIMIT 10)", [self.consumer, self.consumer])
