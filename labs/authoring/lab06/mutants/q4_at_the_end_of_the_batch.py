# Sets aside at the end of the poll, the newest first.
# expect: lab06.q4 fails, hint=ASIDE_OUT_OF_ORDER

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done, later = {}, []
        for record in consumer.poll():
            if record.key in aside.parked() or record.key in [one.key for one in later] or not works(handle, record, attempts):
                later.append(record)
            done[record.topic, record.partition] = record.offset + 1
        while later:
            aside.send(later.pop())
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
