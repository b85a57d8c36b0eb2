# Returns numbers without their topics.
# expect: lab06.q1 fails, hint=NO_SHARES

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = [member for member in sorted(members) if topic in members[member]]
        if not readers:
            continue
        each, left_over = divmod(topics[topic], len(readers))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left_over)
            shares[member] += [*range(first, first + size)]
            first += size
    return shares
