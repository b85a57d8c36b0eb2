# Takes version 0 for "no version given".
# expect: lab02.q3 fails, hint=LATER_EVENT

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for recorded in store.read(stream, limit=version or None):
        state = evolve(state, recorded.event)
    return state
