# Sends a commit for each partition.
# expect: lab06.q3 fails, hint=TOO_OFTEN

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
                for place, offset in self.done.items():
                    self.commit({place: offset})
                self.done, self.count = {}, 0

    def commit(self, offsets):
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError:
                pass

    def revoked(self, partitions):
        for place in partitions:
            if place in self.done:
                self.commit({place: self.done.pop(place)})
