# Sets aside the whole batch in which it was.
# expect: lab06.q4 fails, hint=PARKS_OTHERS

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        failed = False
        for record in consumer.poll():
            failed = failed or record.key in aside.parked() or not works(handle, record, attempts)
            if failed:
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
