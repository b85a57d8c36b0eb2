# Multiplies a list: n times the same one.
# expect: lab05.q1 fails, hint=WRONG_SPLIT

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n):
    partitions = [[]] * n
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
