# Tries three times, whatever `attempts` says.
# expect: lab06.q4 fails, hint=TRIES_TOO_OFTEN

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        for record in consumer.poll():
            if record.key in aside.parked() or not works(handle, record):
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)


def works(handle, record):
    for _ in range(3):
        try:
            handle(record)
            return True
        except Exception:
            pass
    return False
