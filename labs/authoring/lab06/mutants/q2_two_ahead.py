# Adds one to an offset that is the next one already.
# expect: lab06.q2 fails, hint=MIXES_PARTITIONS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 2
        if done:
            consumer.commit(done)
