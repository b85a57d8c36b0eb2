# Tells the customer that there is no money, because somebody else was faster.
# expect: lab02.q4 fails, hint=CONFLICT_AS_REFUSAL

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    try:
        return store.append(stream, decide(command, state), expected=version)
    except WrongExpectedVersion:
        raise Rejected("somebody else is using this account") from None
