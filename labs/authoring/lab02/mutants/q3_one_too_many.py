# Looks whether to stop after it has applied the event.
# expect: lab02.q3 fails, hint=LATER_EVENT

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for recorded in store.read(stream):
        state = evolve(state, recorded.event)
        if recorded.version > version:
            break
    return state
