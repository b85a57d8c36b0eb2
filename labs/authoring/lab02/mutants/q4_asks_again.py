# Tries a refusal again, as if it were a conflict.
# expect: lab02.q4 fails, hint=RETRIES_REFUSAL

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except (WrongExpectedVersion, Rejected):
            if not left:
                raise
