# Catches the conflict and returns as if nothing had happened.
# expect: lab02.q4 fails, hint=SWALLOWS_CONFLICT

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    try:
        return store.append(stream, decide(command, state), expected=version)
    except WrongExpectedVersion:
        return []
