# Polls once.
# expect: lab06.q2 fails, hint=STOPS_WHEN_IDLE

# answer: lab06.q2
def run(consumer, handle):
    done = {}
    for record in consumer.poll():
        handle(record)
        done[record.topic, record.partition] = record.offset + 1
    consumer.commit(done)
