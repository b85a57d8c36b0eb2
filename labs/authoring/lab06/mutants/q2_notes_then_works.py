# Notes the record as done before it is, and commits on the way out.
# expect: lab06.q2 fails, hint=COMMITS_UNDONE

# answer: lab06.q2
def run(consumer, handle):
    while True:
        done = {}
        try:
            for record in consumer.poll():
                done[record.topic, record.partition] = record.offset + 1
                handle(record)
        finally:
            if done:
                consumer.commit(done)
