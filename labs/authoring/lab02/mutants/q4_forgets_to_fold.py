# Decides on the state before the first event.
# expect: lab02.q4 fails, hint=WRONGLY_REFUSED

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read(stream):
            evolve(state, recorded.event)
            version = recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
