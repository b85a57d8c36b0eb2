# Puts all topics in one row, and cuts that.
# expect: lab06.q1 fails, hint=EVENED_OUT

# answer: lab06.q1
def assign(topics, members):
    shares = {member: [] for member in sorted(members)}
    row = [(topic, number) for topic in sorted(topics) for number in range(topics[topic])]
    while row:
        readers = [member for member in sorted(members) if row[0][0] in members[member]]
        same = [one for one in row if [m for m in sorted(members) if one[0] in members[m]] == readers]
        row = [one for one in row if one not in same]
        if readers:
            each, left_over = divmod(len(same), len(readers))
            for place, member in enumerate(readers):
                size = each + (place < left_over)
                shares[member] += same[:size]
                same = same[size:]
    return shares
