# Keeps one failure: the last one overwrites those before.
# expect: lab01.q1 fails, hint=SWALLOWED

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures = [(name, error)]
    return failures
