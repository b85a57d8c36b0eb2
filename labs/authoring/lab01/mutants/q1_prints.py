# Prints the error, and the caller cannot read what was printed.
# expect: lab01.q1 fails, hint=SWALLOWED

# answer: lab01.q1
def deliver_all(event, subscribers):
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            print("failed:", name, error)
