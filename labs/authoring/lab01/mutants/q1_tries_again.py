# Means well: calls a handler again at once when it fails.
# expect: lab01.q1 fails, hint=CALLED_TWICE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception:
            try:
                handler(event)
            except Exception as error:
                failures.append((name, error))
    return failures
