# Appends without an expected version.
# expect: lab02.q4 fails, hint=LOST_UPDATE

# answer: lab02.q4
def handle(store, stream, command, attempts=5):
    state = NEW
    for recorded in store.read(stream):
        state = evolve(state, recorded.event)
    return store.append(stream, decide(command, state))
