# Commits at each second poll.
# expect: lab06.q2 fails, hint=COMMITS_LATE

# answer: lab06.q2
def run(consumer, handle):
    done, polls = {}, 0
    while True:
        for record in consumer.poll():
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        polls += 1
        if done and polls % 2 == 0:
            consumer.commit(done)
            done = {}
