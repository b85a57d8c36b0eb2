# A class that is asked for each member, a commit in `finally`, records kept in place of offsets, all of them committed
# when some go, recursion and a heap.

# answer: lab06.q1
class Range:
    def __init__(self, topics, members):
        self.topics, self.members = topics, members

    def of(self, member):
        mine = []
        for topic in self.members[member]:
            readers = sorted(name for name in self.members if topic in self.members[name])
            place, n, k = readers.index(member), self.topics[topic], len(readers)
            first = place * (n // k) + min(place, n % k)
            size = n // k + (place < n % k)
            mine.extend([topic, first + i] for i in range(size))
        return mine


def assign(topics, members):
    answer = Range(topics, members)
    return {member: answer.of(member) for member in members}


# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        try:
            for record in consumer.poll():
                handle(record)
                done[(record.topic, record.partition)] = record.offset + 1
        finally:
            if done:
                consumer.commit(done)


# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.pending = []

    def work(self):
        for record in self.consumer.poll():
            if (record.topic, record.partition) not in set(self.consumer.assignment()):
                continue
            self.handle(record)
            self.pending.append(record)
            if len(self.pending) >= self.every:
                self.commit()

    def commit(self):
        offsets = {(r.topic, r.partition): r.offset + 1 for r in self.pending}
        self.pending = []
        if offsets:
            try:
                self.consumer.commit(offsets)
            except EvlabError as refused:
                print(refused)

    def revoked(self, partitions):
        self.commit()


# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    def tried(record, left):
        if left == 0:
            return False
        try:
            handle(record)
        except Exception:
            return tried(record, left - 1)
        return True

    def settle(record):
        if record.key in set(aside.parked()) or not tried(record, attempts):
            aside.send(record)
        return (record.topic, record.partition), record.offset + 1

    while True:
        offsets = dict(settle(record) for record in consumer.poll())
        if offsets:
            consumer.commit(offsets)


# answer: lab06.q5
import heapq


def stick(count, members, owned):
    least = count // len(members)
    more = count % len(members)
    shares, free = {}, set(range(count))
    for member in sorted(members, key=lambda m: len(owned.get(m, [])), reverse=True):
        limit = least + 1 if more else least
        mine = sorted(owned.get(member, []))[:limit]
        if len(mine) > least:
            more -= 1
        shares[member] = mine
        free -= set(mine)
    heap = [(len(share), member) for member, share in shares.items()]
    heapq.heapify(heap)
    for number in sorted(free):
        size, member = heapq.heappop(heap)
        shares[member].append(number)
        heapq.heappush(heap, (size + 1, member))
    return {m: shares[m] for m in members}
