# Catches the one kind of error that was seen in the examples.
# expect: lab01.q1 fails, hint=CATCHES_TOO_LITTLE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except (ValueError, RuntimeError) as error:
            failures.append((name, error))
    return failures
