# Takes everything that had happened by the time of that event.
# expect: lab02.q3 fails, hint=BY_TIME

# answer: lab02.q3
def state_at(store, stream, version):
    state, recorded = NEW, store.read(stream)
    if version == 0:
        return state
    moment = recorded[version - 1].event.time
    for one in recorded:
        if one.event.time <= moment and (one.version <= version or one.event.time != moment):
            state = evolve(state, one.event)
    return state
