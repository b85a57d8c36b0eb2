# Commits what poll gave, then works.
# expect: lab06.q2 fails, hint=COMMITS_FIRST

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        for record in records:
            handle(record)
