# Sorts what a partition holds.
# expect: lab05.q1 fails, hint=REORDERS

# answer: lab05.q1
def partition(key, n):
    return (murmur2(key) & 0x7FFFFFFF) % n


def split(records, n):
    return [sorted(one for one in records if partition(one[0], n) == number) for number in range(n)]
