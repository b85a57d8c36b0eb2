# Does nothing when partitions go.
# expect: lab06.q3 fails, hint=NOTHING_AT_REVOKE

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
                self.commit(self.done)
                self.done, self.count = {}, 0

    def revoked(self, partitions):
        pass

    def commit(self, offsets):
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError:
                pass
