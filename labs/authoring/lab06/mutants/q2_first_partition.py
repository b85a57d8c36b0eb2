# Commits for partition 0 only.
# expect: lab06.q2 fails, hint=MIXES_PARTITIONS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        for record in records:
            handle(record)
        if records:
            consumer.commit({("orders", 0): records[-1].offset + 1})
