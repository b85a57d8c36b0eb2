# Ends with an error of its own after the last attempt.
# expect: lab02.q4 fails, hint=CONFLICT_AS_REFUSAL

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for _ in range(attempts):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            pass
    raise RuntimeError("too busy")
