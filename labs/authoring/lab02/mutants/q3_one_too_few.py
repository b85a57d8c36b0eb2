# Stops before the event that was asked for.
# expect: lab02.q3 fails, hint=MISSES_EVENT

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for recorded in store.read(stream):
        if recorded.version >= version:
            break
        state = evolve(state, recorded.event)
    return state
