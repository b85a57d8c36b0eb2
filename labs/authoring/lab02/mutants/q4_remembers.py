# Reads a stream once, and goes on with what it remembers.
# expect: lab02.q4 fails, hint=REMEMBERS

# answer: lab02.q4
known = {}


def handle(store, stream, command, attempts=5):
    if stream not in known:
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        known[stream] = state, version
    state, version = known[stream]
    appended = store.append(stream, decide(command, state), expected=version)
    for recorded in appended:
        state = evolve(state, recorded.event)
    known[stream] = state, appended[-1].version
    return appended
