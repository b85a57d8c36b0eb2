# Catches everything and tells nobody.
# expect: lab01.q1 fails, hint=SWALLOWED

# answer: lab01.q1
def deliver_all(event, subscribers):
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception:
            pass
    return []
