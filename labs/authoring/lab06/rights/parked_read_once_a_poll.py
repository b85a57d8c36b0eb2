# The parked keys once for a poll, and its own added to them; the assignor by numbers instead of pieces.

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in members}
    for topic, count in topics.items():
        readers = sorted(member for member in members if topic in members[member])
        left = list(range(count))
        for place, member in enumerate(readers):
            size = -(-len(left) // (len(readers) - place))
            shares[member] += [(topic, number) for number in left[:size]]
            left = left[size:]
    return shares

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        for record in records:
            for attempt in (1, 2, 3):
                try:
                    handle(record)
                    break
                except Exception:
                    if attempt == 3:
                        raise
            consumer.commit({(record.topic, record.partition): record.offset + 1})

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        records = consumer.poll()
        parked = set(aside.parked())
        for record in records:
            if record.key not in parked:
                for _ in range(attempts):
                    try:
                        handle(record)
                        break
                    except Exception:
                        pass
                else:
                    parked.add(record.key)
            if record.key in parked:
                aside.send(record)
            consumer.commit({(record.topic, record.partition): record.offset + 1})
