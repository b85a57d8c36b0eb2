# Begins with NEW itself, and writes into it.
# expect: lab02.q3 fails, hint=NEW_CHANGED

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for r in store.read(stream):
        if r.version <= version:
            state.update(evolve(state, r.event))
    return state
