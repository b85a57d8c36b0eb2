# Counts failures by offset, for all partitions together.
# expect: lab06.q4 fails, hint=PARKS_TOO_EARLY

# answer: lab06.q4
def run_past_poison(consumer, handle, aside, attempts):
    failures = {}
    while True:
        done = {}
        for record in consumer.poll():
            while record.key not in aside.parked():
                try:
                    handle(record)
                    break
                except Exception:
                    failures[record.offset] = failures.get(record.offset, 0) + 1
                    if failures[record.offset] >= attempts:
                        aside.send(record)
                        done[record.topic, record.partition] = record.offset + 1
                        break
            else:
                aside.send(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
