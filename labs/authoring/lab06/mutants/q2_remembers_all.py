# Commits all places that it has ever had.
# expect: lab06.q2 fails, hint=COMMITS_WHAT_IS_GONE

# answer: lab06.q2
def run(consumer, handle):
    done = {}
    while True:
        for record in consumer.poll():
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
