# Spreads the pieces over the topic: with two left over, the first and the third member get one more.
# expect: lab06.q1 fails, hint=REMAINDER

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    for topic in sorted(topics):
        readers = [member for member in sorted(members) if topic in members[member]]
        for number in range(topics[topic] if readers else 0):
            shares[readers[number * len(readers) // topics[topic]]].append((topic, number))
    return shares
