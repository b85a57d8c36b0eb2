# Counts partitions from 1.
# expect: lab05.q1 fails, hint=NO_SUCH_PARTITION

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n + 1


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
