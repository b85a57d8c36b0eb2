# Takes the version from the conflict and appends the old decision.
# expect: lab02.q4 fails, hint=RETRIES_OLD_DECISION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    events = decide(command, state)
    while True:
        try:
            return store.append(stream, events, expected=version)
        except WrongExpectedVersion as conflict:
            version = conflict.current
