# Sets the record aside at each attempt.
# expect: lab06.q4 fails, hint=PARKS_TOO_EARLY

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        for record in consumer.poll():
            if record.key in aside.parked():
                aside.send(record)
            else:
                works(handle, record, attempts, aside)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)


def works(handle, record, attempts, aside):
    for _ in range(attempts):
        try:
            handle(record)
            return True
        except Exception:
            aside.send(record)
    return False
