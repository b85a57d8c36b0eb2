# A default argument keeps what earlier calls have put into it.
# expect: lab05.q1 fails, hint=REMEMBERS

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n, shares={}):
    for key, value in records:
        shares.setdefault(partition(key, n), []).append((key, value))
    return [shares.get(p, []) for p in range(n)]
