# Commits the offset of the last record.
# expect: lab06.q2 fails, hint=LAST_NOT_NEXT

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset
        if done:
            consumer.commit(done)
