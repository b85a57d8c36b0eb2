# One number for all partitions: the highest.
# expect: lab06.q2 fails, hint=MIXES_PARTITIONS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        for record in records:
            handle(record)
        highest = max([record.offset + 1 for record in records], default=0)
        if records:
            consumer.commit({(record.topic, record.partition): highest for record in records})
