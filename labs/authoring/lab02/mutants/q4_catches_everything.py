# Tries again whatever went wrong, a refusal too, and says nothing at the end.
# expect: lab02.q4 fails, hint=SWALLOWS_REFUSAL

# answer: lab02.q4
def handle(store, stream, command, attempts=5):
    for _ in range(attempts):
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        try:
            return store.append(stream, decide(command, state), expected=version)
        except Exception:
            continue
