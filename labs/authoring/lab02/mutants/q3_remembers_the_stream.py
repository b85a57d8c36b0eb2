# Reads each stream once, and never again.
# expect: lab02.q3 fails, hint=NOT_PURE

# answer: lab02.q3
cache = {}


def state_at(store, stream, version):
    if stream not in cache:
        cache[stream] = states([r.event for r in store.read(stream)])
    return cache[stream][min(version, len(cache[stream]) - 1)]
