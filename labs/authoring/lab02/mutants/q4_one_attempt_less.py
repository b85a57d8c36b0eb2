# Counts the attempts from 1 and stops before the last.
# expect: lab02.q4 fails, hint=GIVES_UP

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for attempt in range(1, attempts + 1):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if attempt >= attempts - 1:
                raise
