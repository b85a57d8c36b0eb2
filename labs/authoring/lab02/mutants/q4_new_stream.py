# Takes the version from the loop's variable, which an empty stream does not have.
# expect: lab02.q4 fails, hint=EMPTY_STREAM

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state = NEW
        for recorded in store.read(stream):
            state = evolve(state, recorded.event)
        try:
            return store.append(stream, decide(command, state), expected=recorded.version)
        except WrongExpectedVersion:
            if not left:
                raise
