# The list is a default argument: one for all calls.
# expect: lab01.q1 fails, hint=REPORT_REMEMBERS

# answer: lab01.q1
def deliver_all(event, subscribers, failures=[]):
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    return failures
