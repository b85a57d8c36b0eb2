# Takes every error of evlab's for a copy, also one of the effect.
# expect: lab09.q2 fails, hint=SWALLOWS

# answer: lab09.q2
from evlab import EvlabError


class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.consumer, self.keep, self.clock = db, consumer, keep, clock

    def once(self, event, effect):
        try:
            with transaction(self.db):
                now = self.clock()
                self.db.execute("DELETE FROM seen WHERE consumer = ? AND at < ?", [self.consumer, now - self.keep])
                self.db.execute("INSERT INTO seen VALUES (?, ?, ?)", [self.consumer, event.id, now])
                effect()
        except EvlabError:
            pass  # a copy
