# What is left over of a topic goes to those who have the fewest so far.
# expect: lab06.q1 fails, hint=EVENED_OUT

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = [member for member in sorted(members) if topic in members[member]]
        if not readers:
            continue
        readers.sort(key=lambda member: (len(shares[member]), member))
        each, left_over = divmod(topics[topic], len(readers))
        first = 0
        for place, member in enumerate(readers):
            size = each + (place < left_over)
            shares[member] += [(topic, number) for number in range(first, first + size)]
            first += size
    return shares
