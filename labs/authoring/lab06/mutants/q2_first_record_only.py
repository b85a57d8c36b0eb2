# Works on the first record of each poll, and commits them all.
# expect: lab06.q2 fails, hint=NOT_HANDLED

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        if records:
            handle(records[0])
        consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
