# Takes a missing value for no record.
# expect: lab05.q1 fails, hint=LOSES_RECORD

# answer: lab05.q1
def partition(key, n):
    hash = murmur2(key)
    return (hash & 0x7FFFFFFF) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        if value:
            partitions[partition(key, n)].append((key, value))
    return partitions
