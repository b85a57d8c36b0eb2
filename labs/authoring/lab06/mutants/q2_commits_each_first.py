# Commits each record before it works on it.
# expect: lab06.q2 fails, hint=COMMITS_FIRST

# answer: lab06.q2
def run(consumer, handle):
    while True:
        for record in consumer.poll():
            consumer.commit({(record.topic, record.partition): record.offset + 1})
            handle(record)
