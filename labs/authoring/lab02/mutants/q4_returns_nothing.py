# Appends, and tells the teller nothing.
# expect: lab02.q4 fails, hint=NOT_TOLD

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            store.append(stream, decide(command, state), expected=version)
            return
        except WrongExpectedVersion:
            if not left:
                raise
