# Turns a negative hash round.
# expect: lab05.q1 fails, hint=ABS

# answer: lab05.q1
def partition(key, n):
    return abs(murmur2(key)) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
