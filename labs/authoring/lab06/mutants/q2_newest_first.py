# Works from the newest record back.
# expect: lab06.q2 fails, hint=OUT_OF_ORDER

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in reversed(records):
            handle(record)
            done[record.topic, record.partition] = max(record.offset + 1, done.get((record.topic, record.partition), 0))
        if done:
            consumer.commit(done)
