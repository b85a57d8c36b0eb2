# Raises no new error, but reports one: the same kind, with a better text.
# expect: lab01.q1 fails, hint=REPORT_SHAPE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as e:
            failures.append((name, type(e)(f"{name}: {e}")))
    return failures
