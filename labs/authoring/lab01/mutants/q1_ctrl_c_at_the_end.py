# Keeps Ctrl-C until everybody was called, and raises it then.
# expect: lab01.q1 fails, hint=CATCHES_EVERYTHING

# answer: lab01.q1
def deliver_all(event, subscribers):
    failures, stop = [], None
    for name, handler in subscribers:
        try:
            handler(event)
        except KeyboardInterrupt as pressed:
            stop = pressed
        except Exception as error:
            failures.append((name, error))
    if stop:
        raise stop
    return failures
