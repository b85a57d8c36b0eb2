# Commits after the loop, which never ends.
# expect: lab06.q2 fails, hint=NOTHING_COMMITTED

# answer: lab06.q2
def run(consumer, handle):
    done = {}
    try:
        while True:
            for record in consumer.poll():
                handle(record)
                done[record.topic, record.partition] = record.offset + 1
    finally:
        consumer.commit(done)
