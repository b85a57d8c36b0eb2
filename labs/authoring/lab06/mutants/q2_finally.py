# Commits in a finally, also what failed.
# expect: lab06.q2 fails, hint=COMMITS_UNDONE

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        try:
            for record in records:
                handle(record)
        finally:
            consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
