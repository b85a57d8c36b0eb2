# A default argument keeps the shares of earlier calls.
# expect: lab06.q1 fails, hint=REMEMBERS

# answer: lab06.q1
def assign(topics, members, shares={}):
    for member in members:
        shares.setdefault(member, [])
    for topic in topics:
        readers = sorted(member for member in members if topic in members[member])
        if not readers:
            continue
        each, left = divmod(topics[topic], len(readers))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left)
            shares[member] += [(topic, n) for n in range(first, first + size)]
            first += size
    return shares
