# Commits the partition of the newest record, and forgets the others.
# expect: lab06.q3 fails, hint=MIXES_PARTITIONS

# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.done = {}
        self.count = 0

    def work(self):
        for record in self.consumer.poll():
            partition = record.topic, record.partition
            if partition not in self.consumer.assignment():
                continue
            self.handle(record)
            self.done[partition] = record.offset + 1
            self.count += 1
            if self.count >= self.every:
                self.commit({partition: record.offset + 1})
                self.done, self.count = {}, 0

    def revoked(self, partitions):
        going = {one: self.done.pop(one) for one in partitions if one in self.done}
        self.commit(going)
        if not self.done:
            self.count = 0

    def commit(self, offsets):
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError:
                pass
