# Knows the topic by heart.
# expect: lab06.q2 fails, hint=RAISES

# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        for record in consumer.poll():
            handle(record)
            done["orders", record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
