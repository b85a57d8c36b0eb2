# Key by key: each in order, and the partition not.
# expect: lab05.q1 fails, hint=REORDERS

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n):
    by_key = {}
    for key, value in records:
        by_key.setdefault(key, []).append((key, value))
    partitions = [[] for _ in range(n)]
    for key, found in by_key.items():
        partitions[partition(key, n)] += found
    return partitions
