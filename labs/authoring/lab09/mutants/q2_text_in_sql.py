# Writes the values into the SQL.
# expect: lab09.q2 fails, hint=TEXT_IN_SQL

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        now = self.clock()
        with transaction(self.db):
            self.db.execute(f"DELETE FROM seen WHERE consumer = '{self.consumer}' AND at < {now - self.keep}")
            if self.db.execute(f"INSERT INTO seen VALUES ('{self.consumer}', '{event.id}', {now})"
                               " ON CONFLICT DO NOTHING RETURNING id"):
                effect()
