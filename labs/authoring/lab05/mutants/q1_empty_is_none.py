# An empty value becomes none.
# expect: lab05.q1 fails, hint=CHANGES_RECORD

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value or None))
    return partitions
