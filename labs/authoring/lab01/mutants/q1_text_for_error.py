# Reports the error's text, so that nobody can tell a ValueError from an OSError.
# expect: lab01.q1 fails, hint=REPORT_SHAPE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, str(error)))
    return failures
