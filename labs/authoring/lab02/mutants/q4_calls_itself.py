# Calls itself after a conflict, and the attempts begin anew.
# expect: lab02.q4 fails, hint=RETRIES_FOREVER

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    try:
        return store.append(stream, decide(command, state), expected=version)
    except WrongExpectedVersion:
        return handle(store, stream, command, attempts)
