# The plain loop: the first error leaves it, and everybody behind is forgotten.
# expect: lab01.q1 fails, hint=STOPS_AT_FAILURE

# answer: lab01.q1
def deliver_all(event, subscribers):
    for name, handler in subscribers:
        handler(event)
    return []
