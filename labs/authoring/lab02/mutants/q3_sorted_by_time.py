# Puts the events in the order of their times first.
# expect: lab02.q3 fails, hint=BY_TIME

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    events = sorted((recorded.event for recorded in store.read(stream)), key=lambda event: event.time)
    for event in events[:version]:
        state = evolve(state, event)
    return state
