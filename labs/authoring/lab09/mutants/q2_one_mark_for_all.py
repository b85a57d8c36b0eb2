# Asks for the id, whoever marked it.
# expect: lab09.q2 fails, hint=OTHER_CONSUMER

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
            if not self.db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
                self.db.execute("INSERT INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
                effect()
