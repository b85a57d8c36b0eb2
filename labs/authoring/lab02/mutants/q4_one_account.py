# Works on one account, whichever was asked for.
# expect: lab02.q4 fails, hint=OTHER_ACCOUNT

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for left in reversed(range(attempts)):
        state, version = NEW, 0
        for recorded in store.read("account-17"):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append("account-17", decide(command, state), expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
