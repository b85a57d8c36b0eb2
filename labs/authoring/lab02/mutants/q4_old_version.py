# Reads the state again after a conflict, and not the version.
# expect: lab02.q4 fails, hint=OLD_VERSION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    for left in reversed(range(attempts)):
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
            state = states([r.event for r in store.read(stream)])[-1]
