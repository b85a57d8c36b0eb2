# After a conflict it decides again, on the state that it read at first.
# expect: lab02.q4 fails, hint=OLD_STATE

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    for left in reversed(range(attempts)):
        events = decide(command, state)
        try:
            return store.append(stream, events, expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
            version = len(store.read(stream))
