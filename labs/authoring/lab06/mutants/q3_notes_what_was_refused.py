# Ends the round when a commit is refused, and keeps it in its notes.
# expect: lab06.q3 fails, hint=RETRIES_REFUSED

# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.done, self.count = {}, 0

    def work(self):
        for record in self.consumer.poll():
            place = record.topic, record.partition
            if place not in self.consumer.assignment():
                continue
            self.handle(record)
            self.done[place] = record.offset + 1
            self.count += 1
            if self.count >= self.every:
                try:
                    self.consumer.commit(self.done)
                    self.done, self.count = {}, 0
                except EvlabError:
                    return

    def revoked(self, partitions):
        going = {place: self.done.pop(place) for place in partitions if place in self.done}
        if going:
            try:
                self.consumer.commit(going)
            except EvlabError:
                pass
