# Expects the position in the whole store.
# expect: lab02.q4 fails, hint=WRONG_VERSION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, position = NEW, 0
        for recorded in store.read(stream):
            state, position = evolve(state, recorded.event), recorded.position
        try:
            return store.append(stream, decide(command, state), expected=position)
        except WrongExpectedVersion:
            if not left:
                raise
