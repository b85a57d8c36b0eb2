# Does the newest record of each key in a poll, as a compacted topic would.
# expect: lab06.q2 fails, hint=ONE_PER_KEY

# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        newest = {}
        for record in consumer.poll():
            newest[record.key] = record
            done[record.topic, record.partition] = record.offset + 1
        for record in newest.values():
            handle(record)
        if done:
            consumer.commit(done)
