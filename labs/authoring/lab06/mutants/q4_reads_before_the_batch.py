# Looks up the parked keys once for a poll: two of one key may be in it.
# expect: lab06.q4 fails, hint=OVERTAKES

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        records = consumer.poll()
        parked = aside.parked()
        for record in records:
            if record.key in parked or not works(handle, record, attempts):
                aside.send(record)
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
