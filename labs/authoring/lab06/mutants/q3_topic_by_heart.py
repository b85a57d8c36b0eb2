# Knows the topic by heart, and takes all others for lost.
# expect: lab06.q3 fails, hint=NOT_HANDLED

# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.done, self.count = {}, 0

    def work(self):
        for record in self.consumer.poll():
            if ("orders", record.partition) not in self.consumer.assignment():
                continue
            self.handle(record)
            self.done["orders", record.partition] = record.offset + 1
            self.count += 1
            if self.count >= self.every:
                self.commit(self.done)
                self.done, self.count = {}, 0

    def commit(self, offsets):
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError:
                pass

    def revoked(self, partitions):
        self.commit({place: self.done.pop(place) for place in partitions if place in self.done})
