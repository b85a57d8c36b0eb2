# Ends when a poll gives nothing.
# expect: lab06.q4 fails, hint=STOPS_WHEN_IDLE

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while records := consumer.poll():
        done = {}
        for record in records:
            if record.key in aside.parked() or not works(handle, record, attempts):
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        consumer.commit(done)


def works(handle, record, attempts):
    for _ in range(attempts):
        try:
            handle(record)
            return True
        except Exception:
            continue
    return False
