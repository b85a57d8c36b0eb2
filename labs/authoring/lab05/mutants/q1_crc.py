# The default of librdkafka.
# expect: lab05.q1 fails, hint=OTHER_HASH

# answer: lab05.q1
import zlib


def partition(key, n):
    return zlib.crc32(key) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
