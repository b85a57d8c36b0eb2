# Never commits.
# expect: lab06.q2 fails, hint=NOTHING_COMMITTED

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
