# Keeps ids and times in a dictionary of the object.
# expect: lab09.q2 fails, hint=IN_MEMORY

# answer: lab09.q2
class Inbox:
    def __init__(self, db, consumer, keep, clock):
        self.db, self.keep, self.clock, self.times = db, keep, clock, {}

    def once(self, event, effect):
        now = self.clock()
        self.times = {id: at for id, at in self.times.items() if at >= now - self.keep}
        if event.id not in self.times:
            with transaction(self.db):
                effect()
            self.times[event.id] = now
