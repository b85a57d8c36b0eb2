# The remainder as Java has it.
# expect: lab05.q1 fails, hint=NO_SUCH_PARTITION

# answer: lab05.q1
import math


def partition(key, n):
    return int(math.fmod(murmur2(key), n))


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
