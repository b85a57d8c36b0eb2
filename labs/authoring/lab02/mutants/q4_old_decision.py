# After a conflict it reads the version again, and appends what it had decided before.
# expect: lab02.q4 fails, hint=RETRIES_OLD_DECISION

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    events = decide(command, state)
    for left in reversed(range(attempts)):
        try:
            return store.append(stream, events, expected=version)
        except WrongExpectedVersion:
            if not left:
                raise
            version = store.read(stream)[-1].version
