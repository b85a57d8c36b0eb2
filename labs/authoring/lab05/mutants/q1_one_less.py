# Takes the largest number for the count.
# expect: lab05.q1 fails, hint=LAST_IS_EMPTY

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % (n - 1)


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
