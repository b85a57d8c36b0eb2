# Does all records again after the commit.
# expect: lab06.q2 fails, hint=HANDLED_TWICE

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
            for record in records:
                handle(record)
