# Reads the hash as an unsigned number: all 32 bits.
# expect: lab05.q1 fails, hint=SIGN_STAYS

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0xFFFFFFFF) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
