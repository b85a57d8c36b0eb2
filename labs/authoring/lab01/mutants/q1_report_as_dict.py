# A dict of names to errors: two failures of one name become one.
# expect: lab01.q1 fails, hint=REPORT_SHAPE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = {}
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures[name] = error
    return failures
