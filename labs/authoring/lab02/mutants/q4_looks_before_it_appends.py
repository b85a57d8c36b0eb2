# Looks whether somebody was there, and appends a moment later.
# expect: lab02.q4 fails, hint=LOST_UPDATE

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    events = decide(command, state)
    if len(store.read(stream)) != version:
        return handle(store, stream, command, attempts - 1)
    return store.append(stream, events)
