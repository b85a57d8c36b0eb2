# Prints the error and goes on.
# expect: lab06.q2 fails, hint=SWALLOWS

# answer: lab06.q2
def run(consumer, handle):
    while True:
        records = consumer.poll()
        done = {}
        for record in records:
            try:
                handle(record)
            except Exception as error:
                print(error)
            done[record.topic, record.partition] = record.offset + 1
        if done:
            consumer.commit(done)
