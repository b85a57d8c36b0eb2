# Everybody gets the quotient rounded up, as long as there is something.
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
            size = min(each + (left_over > 0), topics[topic] - first)
            shares[member] += [(topic, number) for number in range(first, first + size)]
            first += size
    return shares
