# An async function: calling it runs nothing.
# expect: lab01.q1 fails, hint=YIELDS

# answer: lab01.q1
async def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    return failures
