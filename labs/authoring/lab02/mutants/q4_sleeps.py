# Sleeps between two attempts.
# expect: lab02.q4 fails, hint=SLEEPS

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    import time
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
            time.sleep(0.1)
