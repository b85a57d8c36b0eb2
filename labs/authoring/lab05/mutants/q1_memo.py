# Remembers the partition of a key, and not of how many it was.
# expect: lab05.q1 fails, hint=REMEMBERS

# answer: lab05.q1
memo = {}

def partition(key, n):
    if key not in memo:
        memo[key] = (murmur2(key) & 0x7FFFFFFF) % n
    return memo[key]


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
