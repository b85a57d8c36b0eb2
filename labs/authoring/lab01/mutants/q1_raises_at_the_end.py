# Everybody is called, and then the error comes out all the same.
# expect: lab01.q1 fails, hint=STILL_RAISES

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    if failures:
        raise failures[0][1]
    return failures
