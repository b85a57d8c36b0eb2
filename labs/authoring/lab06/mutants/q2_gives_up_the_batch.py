# Leaves the batch at an error, and polls on: the consumer does not go back.
# expect: lab06.q2 fails, hint=SWALLOWS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        try:
            for record in consumer.poll():
                handle(record)
                done[record.topic, record.partition] = record.offset + 1
        except ValueError:
            pass
        if done:
            consumer.commit(done)
