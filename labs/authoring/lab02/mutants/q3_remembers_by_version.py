# Keeps what it has found by version, for all accounts.
# expect: lab02.q3 fails, hint=OTHER_ACCOUNT

# answer: lab02.q3
cache = {}


def state_at(store, stream, version):
    if version in cache:
        return cache[version]
    state = NEW
    for r in store.read(stream):
        if r.version <= version:
            state = evolve(state, r.event)
    cache[version] = state
    return state
