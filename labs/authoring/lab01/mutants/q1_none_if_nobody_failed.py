# Returns None where an empty list is due.
# expect: lab01.q1 fails, hint=REPORT_SHAPE

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as e:
            failures.append((name, e))
    return failures or None
