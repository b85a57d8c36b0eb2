# Makes a partition when the first record comes.
# expect: lab05.q1 fails, hint=NOT_N_LISTS

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n):
    partitions = {}
    for key, value in records:
        partitions.setdefault(partition(key, n), []).append((key, value))
    return [partitions[number] for number in sorted(partitions)]
