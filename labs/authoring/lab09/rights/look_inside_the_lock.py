# Looks, but inside of the transaction, begun by hand; the oldest rows go two at a time.

# answer: lab09.q1
def once(db, consumer, event, effect):
    db.begin()
    try:
        if not db.execute("SELECT 1 FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id]):
            effect()
            db.execute("INSERT INTO inbox (consumer, id) VALUES (?, ?)", (consumer, event.id))
    except Exception:
        db.rollback()
        raise
    db.commit()


# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.clock = db, clock
        self.about = {"consumer": consumer, "keep": keep}

    def once(self, event, effect):
        about = {**self.about, "id": event.id, "now": self.clock()}
        with transaction(self.db):
            self.db.execute("DELETE FROM seen WHERE at < :now - :keep AND rowid IN (SELECT rowid FROM seen"
                            " WHERE consumer = :consumer ORDER BY rowid LIMIT 2)", about)
            self.db.execute("INSERT OR IGNORE INTO seen VALUES (:consumer, :id, :now)", about)
            if self.db.execute("SELECT changes()")[0][0]:
                effect()
