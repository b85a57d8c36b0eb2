# Tries a record until it works.
# expect: lab06.q2 fails, hint=HIDES_THE_ERROR

# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        for record in consumer.poll():
            while True:
                try:
                    handle(record)
                    break
                except Exception:
                    continue
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
