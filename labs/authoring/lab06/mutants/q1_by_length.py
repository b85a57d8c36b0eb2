# Sorts ship-2 before ship-10, as a person would.
# expect: lab06.q1 fails, hint=NOT_SORTED

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = [member for member in sorted(members, key=lambda name: (len(name), name)) if topic in members[member]]
        if not readers:
            continue
        each, left_over = divmod(topics[topic], len(readers))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left_over)
            shares[member] += [(topic, number) for number in range(first, first + size)]
            first += size
    return shares
