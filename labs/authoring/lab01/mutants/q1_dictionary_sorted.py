# Sorts the subscribers by name.
# expect: lab01.q1 fails, hint=WRONG_ORDER

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in sorted(subscribers, key=lambda pair: pair[0]):
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    return failures
