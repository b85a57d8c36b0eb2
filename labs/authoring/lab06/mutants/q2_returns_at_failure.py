# Ends quietly when the work fails.
# expect: lab06.q2 fails, hint=HIDES_THE_ERROR

# answer: lab06.q2
def run(consumer, handle):
    while True:
        for record in consumer.poll():
            try:
                handle(record)
            except Exception as error:
                print(error)
                return
            consumer.commit({(record.topic, record.partition): record.offset + 1})
