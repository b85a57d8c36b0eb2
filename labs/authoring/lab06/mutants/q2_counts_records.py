# Commits how many records it has done of a partition since it began, per poll.
# expect: lab06.q2 fails, hint=WRONG_COMMIT

# answer: lab06.q2
def run(consumer, handle):
    while True:
        count = {}
        for record in consumer.poll():
            handle(record)
            count[record.topic, record.partition] = count.get((record.topic, record.partition), 0) + 1
        consumer.commit(count)
