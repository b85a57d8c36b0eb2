# Tries again once, however many attempts there are.
# expect: lab02.q4 fails, hint=GIVES_UP

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    rows = list(store.read(stream))
    events = decide(command, states([r.event for r in rows])[-1])
    try:
        return store.append(stream, events, expected=len(rows))
    except WrongExpectedVersion:
        if attempts == 1:
            raise
        rows = list(store.read(stream))
        events = decide(command, states([r.event for r in rows])[-1])
        return store.append(stream, events, expected=len(rows))
