# Takes a second record of a key for a copy.
# expect: lab06.q2 fails, hint=ONE_PER_KEY

# answer: lab06.q2
def run(consumer, handle):
    seen = set()
    while True:
        done = {}
        for record in consumer.poll():
            if record.key not in seen:
                handle(record)
                seen.add(record.key)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
