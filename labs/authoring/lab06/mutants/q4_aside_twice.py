# Sets the record aside where it fails, and again where it is noticed.
# expect: lab06.q4 fails, hint=PARKS_TWICE

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        for record in consumer.poll():
            if record.key in aside.parked() or not works(handle, record, attempts, aside):
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)


def works(handle, record, attempts, aside):
    for _ in range(attempts):
        try:
            handle(record)
            return True
        except Exception:
            continue
    aside.send(record)
    return False
