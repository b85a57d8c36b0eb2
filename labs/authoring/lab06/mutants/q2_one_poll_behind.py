# Commits what the poll before gave, after the next one.
# expect: lab06.q2 fails, hint=COMMITS_LATE

# answer: lab06.q2
def run(consumer, handle):
    done = {}
    while True:
        records = consumer.poll()
        consumer.commit(done)
        done = {}
        for record in records:
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
