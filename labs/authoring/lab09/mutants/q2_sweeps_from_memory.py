# Notes in memory which ids are to go.
# expect: lab09.q2 fails, hint=SWEEPS_FROM_MEMORY

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock
        self.order = []

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            while self.order and self.order[0][0] < now - self.keep:
                self.db.execute("DELETE FROM seen WHERE consumer = ? AND id = ?",
                                [self.consumer, self.order.pop(0)[1]])
            if self.db.execute("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
                               [self.consumer, event.id, now]):
                self.order.append((now, event.id))
                effect()
