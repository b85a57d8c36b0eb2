# Decides, and then asks the store which version to expect.
# expect: lab02.q4 fails, hint=STALE_DECISION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state = NEW
        for recorded in store.read(stream):
            state = evolve(state, recorded.event)
        try:
            return store.append(stream, decide(command, state), expected=store.version(stream))
        except WrongExpectedVersion:
            if not left:
                raise
