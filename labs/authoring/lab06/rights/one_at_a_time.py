# A commit for each record, small functions, dictionaries of lists, moves one by one.

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in members}
    for topic, count in topics.items():
        readers = sorted(member for member, wanted in members.items() if topic in wanted)
        for number in range(count):
            for place, member in enumerate(readers):
                if begin(count, len(readers), place) <= number < begin(count, len(readers), place + 1):
                    shares[member].append([topic, number])
    return shares


def begin(count, readers, place):
    return count // readers * place + min(place, count % readers)


# answer: lab06.q2
def run(consumer, handle):
    while True:
        for record in consumer.poll():
            handle(record)
            consumer.commit({(record.topic, record.partition): record.offset + 1})


# answer: lab06.q3
from evlab import EvlabError


class Worker:
    def __init__(self, consumer, handle, every):
        self.consumer, self.handle, self.every = consumer, handle, every
        self.done = []

    def work(self):
        for record in self.consumer.poll():
            if (record.topic, record.partition) not in self.consumer.assignment():
                return
            self.handle(record)
            self.done.append(record)
            if len(self.done) == self.every:
                self.note(self.done)
                self.done = []

    def revoked(self, partitions):
        self.note(self.done)
        self.done = [one for one in self.done if (one.topic, one.partition) not in partitions]

    def note(self, records):
        mine = self.consumer.assignment()
        try:
            self.consumer.commit({(one.topic, one.partition): one.offset + 1 for one in records
                                  if (one.topic, one.partition) in mine})
        except EvlabError as error:
            print("not committed:", error)


# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        for record in consumer.poll():
            if record.key in set(aside.parked()):
                aside.send(record)
            else:
                attempt(handle, aside, record, attempts)
            consumer.commit({(record.topic, record.partition): record.offset + 1})


def attempt(handle, aside, record, left):
    try:
        handle(record)
    except Exception:
        if left > 1:
            attempt(handle, aside, record, left - 1)
        else:
            aside.send(record)


# answer: lab06.q5
def stick(count, members, owned):
    owner = {number: member for member in members for number in owned.get(member, ())}
    share = {member: [number for number in owner if owner[number] == member] for member in members}
    for number in range(count):
        if number not in owner:
            min(share.values(), key=len).append(number)
    while True:
        few, many = min(share.values(), key=len), max(share.values(), key=len)
        if len(many) - len(few) < 2:
            return share
        few.append(many.pop())
