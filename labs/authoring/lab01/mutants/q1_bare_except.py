# A bare except takes Ctrl-C for a failure of the handler.
# expect: lab01.q1 fails, hint=CATCHES_EVERYTHING

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except BaseException as error:
            failures.append((name, error))
    return failures
