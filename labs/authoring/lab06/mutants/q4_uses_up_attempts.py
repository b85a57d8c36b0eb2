# Counts `attempts` down, for all records together.
# expect: lab06.q4 fails, hint=PARKS_TOO_EARLY

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    while True:
        done = {}
        for record in consumer.poll():
            bad = record.key in aside.parked()
            while not bad:
                try:
                    handle(record)
                    break
                except Exception:
                    attempts -= 1
                    bad = attempts <= 0
            if bad:
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
