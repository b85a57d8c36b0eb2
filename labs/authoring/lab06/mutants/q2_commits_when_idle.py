# Commits only when a poll gave nothing.
# expect: lab06.q2 fails, hint=COMMITS_LATE

# answer: lab06.q2
def run(consumer, handle):
    done = {}
    while True:
        records = consumer.poll()
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        if not records and done:
            consumer.commit(done)
            done = {}
