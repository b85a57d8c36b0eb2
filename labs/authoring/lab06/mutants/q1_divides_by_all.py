# Cuts each topic for all members, and gives the pieces to those who read it.
# expect: lab06.q1 fails, hint=NO_OWNER

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = sorted(members)
        each, left_over = divmod(topics[topic], len(members))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left_over)
            if topic in members[member]:
                shares[member] += [(topic, number) for number in range(first, first + size)]
            first += size
    return shares
