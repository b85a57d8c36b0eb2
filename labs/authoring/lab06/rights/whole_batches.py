# Partition by partition, nested functions, a commit that lies before the next poll, parked keys kept in memory and read
# back at each poll.

# answer: lab06.q1
from itertools import islice


def assign(topics, members):
    shares = dict((member, ()) for member in members)
    for topic in topics:
        readers = sorted(filter(lambda member: topic in members[member], members))
        numbers = iter(range(topics[topic]))
        for left in range(len(readers), 0, -1):
            member = readers[-left]
            size = -(-(topics[topic] - sum(1 for share in shares.values() for one in share if one[0] == topic)) // left)
            shares[member] += tuple((topic, number) for number in islice(numbers, size))
    return shares


# answer: lab06.q2
from collections import defaultdict


def run(consumer, handle):
    offsets = {}
    while True:
        if offsets:
            consumer.commit(offsets)
            offsets = {}
        by_partition = defaultdict(list)
        for record in consumer.poll():
            by_partition[record.topic, record.partition].append(record)
        for partition, records in by_partition.items():
            for record in records:
                handle(record)
            offsets[partition] = records[-1].offset + 1


# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.forget()

    def forget(self):
        self.pending, self.since = {}, 0

    def work(self):
        batch = list(self.consumer.poll())
        while batch:
            record = batch.pop(0)
            home = (record.topic, record.partition)
            if home in self.consumer.assignment():
                self.handle(record)
                self.pending[home] = record.offset + 1
                self.since += 1
            if self.since == self.every and not self.flush():
                return

    def flush(self):
        try:
            self.consumer.commit(self.pending)
            return True
        except EvlabError:
            return False
        finally:
            self.forget()

    def revoked(self, partitions):
        self.flush()


# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        records = consumer.poll()
        parked = set(aside.parked())
        for record in records:
            tries = 0 if record.key not in parked else attempts
            while tries < attempts:
                try:
                    handle(record)
                except Exception:
                    tries += 1
                else:
                    break
            if tries == attempts:
                parked.add(record.key)
                aside.send(record)
        offsets = {(record.topic, record.partition): record.offset + 1 for record in records}
        if offsets:
            consumer.commit(offsets)


# answer: lab06.q5
def stick(count, members, owned):
    low, extra = divmod(count, len(members))
    result = {member: set() for member in members}
    pool = set(range(count))
    for member in sorted(members, key=lambda one: len(owned.get(one, [])), reverse=True):
        room = low
        if extra and len(owned.get(member, [])) > low:
            room, extra = low + 1, extra - 1
        result[member] = set(list(owned.get(member, []))[:room])
        pool -= result[member]
    while pool:
        smallest = min(result, key=lambda member: len(result[member]))
        result[smallest].add(pool.pop())
    return {member: sorted(share) for member, share in result.items()}
