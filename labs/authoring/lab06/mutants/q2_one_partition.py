# Commits the place of the last record alone, whatever partitions the poll gave.
# expect: lab06.q2 fails, hint=MIXES_PARTITIONS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        for record in records:
            handle(record)
        if records:
            last = records[-1]
            consumer.commit({(last.topic, last.partition): last.offset + 1})
