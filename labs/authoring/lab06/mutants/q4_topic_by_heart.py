# Knows the topic by heart.
# expect: lab06.q4 fails, hint=RAISES

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        for record in consumer.poll():
            if record.key in aside.parked() or not works(handle, record, attempts):
                aside.send(record)
            done["orders", record.partition] = record.offset + 1
        if done:
            consumer.commit(done)


def works(handle, record, attempts):
    for _ in range(attempts):
        try:
            handle(record)
            return True
        except Exception:
            pass
    return False
