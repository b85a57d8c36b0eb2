# Begins with NEW itself, and writes into it.
# expect: lab02.q4 fails, hint=NEW_CHANGED

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for n in range(1, attempts + 1):
        state, version = NEW, 0
        for r in store.read(stream):
            state.update(evolve(state, r.event))
            version = r.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if n == attempts:
                raise
