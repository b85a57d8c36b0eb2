# Reads the parked keys, and then waits in a poll, in which a partition may come with a key that was parked meanwhile.
# expect: lab06.q4 fails, hint=NEWCOMER_FORGETS

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        parked = set(aside.parked())
        for record in consumer.poll():
            if record.key in parked or not works(handle, record, attempts):
                aside.send(record)
                parked.add(record.key)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)


def works(handle, record, attempts):
    for _ in range(attempts):
        try:
            handle(record)
            return True
        except Exception:
            continue
    return False
