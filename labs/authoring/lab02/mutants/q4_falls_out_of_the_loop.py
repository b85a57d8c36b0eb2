# After the last attempt the loop ends, and nobody hears of the conflict.
# expect: lab02.q4 fails, hint=SWALLOWS_CONFLICT

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
            continue
