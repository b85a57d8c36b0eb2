# Compares the version with the position in the whole store.
# expect: lab02.q3 fails, hint=BY_POSITION

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for recorded in store.read(stream):
        if recorded.position <= version:
            state = evolve(state, recorded.event)
    return state
