# Commits when five seconds of the real clock have gone by.
# expect: lab06.q2 fails, hint=NOTHING_COMMITTED

# answer: lab06.q2
import time


def run(consumer, handle):
    done, last = {}, time.monotonic()
    while True:
        for record in consumer.poll():
            handle(record)
            done[record.topic, record.partition] = record.offset + 1
        if done and time.monotonic() - last > 5:
            consumer.commit(done)
            done, last = {}, time.monotonic()
