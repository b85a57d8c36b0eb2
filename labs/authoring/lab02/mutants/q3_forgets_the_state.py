# Does not keep what evolve returns.
# expect: lab02.q3 fails, hint=WRONG_STATE

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for recorded in store.read(stream):
        if recorded.version <= version:
            evolve(state, recorded.event)
    return state
