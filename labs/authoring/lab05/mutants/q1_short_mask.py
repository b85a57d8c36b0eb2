# Six F in the mask: four bits more are cleared.
# expect: lab05.q1 fails, hint=OTHER_HASH

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFF) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
