# Lets the first conflict out.
# expect: lab02.q4 fails, hint=GIVES_UP

# answer: lab02.q4
def handle(store, stream, command, attempts=5):
    state, version = NEW, 0
    for recorded in store.read(stream):
        state, version = evolve(state, recorded.event), recorded.version
    return store.append(stream, decide(command, state), expected=version)
