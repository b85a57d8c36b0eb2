# One dict for all workers, in the body of the class.
# expect: lab06.q3 fails, hint=SHARED

# answer: lab06.q3
from evlab import EvlabError


class Worker:
    done, count = {}, 0

    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every

    def work(self):
        for record in self.consumer.poll():
            place = record.topic, record.partition
            if place not in self.consumer.assignment():
                continue
            self.handle(record)
            self.done[place] = record.offset + 1
            self.count += 1
            if self.count >= self.every:
                self.commit(dict(self.done))
                self.done.clear()
                self.count = 0

    def commit(self, offsets):
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError:
                pass

    def revoked(self, partitions):
        self.commit({place: self.done.pop(place) for place in partitions if place in self.done})
