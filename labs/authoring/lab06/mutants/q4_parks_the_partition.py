# Sets aside all that comes behind it in its partition.
# expect: lab06.q4 fails, hint=PARKS_OTHERS

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    parked = set()
    while True:
        done = {}
        for record in consumer.poll():
            if record.partition in parked or not works(handle, record, attempts):
                aside.send(record)
                parked.add(record.partition)
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
