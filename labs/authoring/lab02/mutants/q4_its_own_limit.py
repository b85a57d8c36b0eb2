# Tries five times, whatever it was told.
# expect: lab02.q4 fails, hint=IGNORES_ATTEMPTS

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in (4, 3, 2, 1, 0):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
