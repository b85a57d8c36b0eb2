# Calls the handler and forgets what it is about.
# expect: lab01.q1 fails, hint=WITHOUT_EVENT

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler()
        except Exception as error:
            failures.append((name, error))
    return failures
