# The last one takes all that is left over.
# expect: lab06.q1 fails, hint=REMAINDER

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
            size = each + (left_over if place == len(readers) - 1 else 0)
            shares[member] += [(topic, number) for number in range(first, first + size)]
            first += size
    return shares
