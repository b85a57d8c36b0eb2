# The try stands around the loop, so the first error ends the loop.
# expect: lab01.q1 fails, hint=STOPS_AT_FAILURE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    try:
        for name, handler in subscribers:
            handler(event)
    except Exception as error:
        failures.append((name, error))
    return failures
