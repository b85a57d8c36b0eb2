# Deals them out like cards.
# expect: lab06.q1 fails, hint=DEALT_OUT

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = [member for member in sorted(members) if topic in members[member]]
        for number in range(topics[topic]):
            if readers:
                shares[readers[number % len(readers)]].append((topic, number))
    return shares
