# The name of the account is written into the code.
# expect: lab02.q3 fails, hint=OTHER_ACCOUNT

# answer: lab02.q3
def state_at(store, stream, version):
    state = NEW
    for r in store.read("account-17"):
        if r.version <= version:
            state = evolve(state, r.event)
    return state
