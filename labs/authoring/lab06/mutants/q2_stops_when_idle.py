# An empty poll ends it.
# expect: lab06.q2 fails, hint=STOPS_WHEN_IDLE

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        if not records:
            break
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
