# Takes a record that comes twice for one.
# expect: lab05.q1 fails, hint=LOSES_RECORD

# answer: lab05.q1
def partition(key, n):
    hash = murmur2(key)
    return (hash & 0x7FFFFFFF) % n


def split(records, n):
    partitions = [[] for _ in range(n)]
    for record in records:
        mine = partitions[partition(record[0], n)]
        if record not in mine:
            mine.append(record)
    return partitions
