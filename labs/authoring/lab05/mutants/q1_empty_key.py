# Takes the empty key for none.
# expect: lab05.q1 fails, hint=EMPTY_KEY

# answer: lab05.q1
def partition(key, n):
    if not key:
        return 0
    return (murmur2(key) & 0x7FFFFFFF) % n



def split(records, n):
    partitions = [[] for _ in range(n)]
    for key, value in records:
        partitions[partition(key, n)].append((key, value))
    return partitions
