# Goes by the order of a set, which is another one in each process.
# expect: lab06.q1 fails, hint=NOT_SORTED

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in members}
    for topic in topics:
        readers = {member for member in members if topic in members[member]}
        if not readers:
            continue
        each, left = divmod(topics[topic], len(readers))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left)
            shares[member] += [(topic, n) for n in range(first, first + size)]
            first += size
    return shares
