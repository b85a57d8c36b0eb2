# Folds into the state of the attempt before: its events count twice.
# expect: lab02.q4 fails, hint=OLD_STATE

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for left in reversed(range(attempts)):
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
