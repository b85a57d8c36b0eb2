# Counts the failures of a key, not of a record.
# expect: lab06.q4 fails, hint=PARKS_TOO_EARLY

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    failures = {}
    while True:
        done = {}
        for record in consumer.poll():
            parked = record.key in aside.parked()
            while not parked:
                try:
                    handle(record)
                    break
                except Exception:
                    failures[record.key] = failures.get(record.key, 0) + 1
                    parked = failures[record.key] >= attempts
            if parked:
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
