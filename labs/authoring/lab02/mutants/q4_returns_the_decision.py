# Returns the events that it decided, without appending them.
# expect: lab02.q4 fails, hint=NOTHING_APPENDED

# answer: lab02.q4
def handle(store, stream, command, attempts=5):
    state = NEW
    for recorded in store.read(stream):
        state = evolve(state, recorded.event)
    return decide(command, state)
