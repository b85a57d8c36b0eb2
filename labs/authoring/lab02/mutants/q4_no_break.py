# Goes on with the next attempt after one that worked.
# expect: lab02.q4 fails, hint=GOES_ON

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    appended = []
    for _ in range(attempts):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            appended = store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            continue
    return appended
