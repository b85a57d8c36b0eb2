# Expects `event.version`, which numbers the form of the data.
# expect: lab02.q4 fails, hint=WRONG_VERSION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.event.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
