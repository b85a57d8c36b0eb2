# The newcomer gets what others keep.
# expect: lab06.q5 fails, hint=TWO_OWNERS

# answer: lab06.q5
def stick(count, members, owned):
    each, left_over = divmod(count, len(members))
    by_size = sorted(members, key=lambda member: -len(owned.get(member, [])))
    seats = {member: each + (place < left_over) for place, member in enumerate(by_size)}
    shares = {member: list(owned.get(member, []))[:seats[member]] for member in members}
    free = [*range(count)]
    for member in members:
        while len(shares[member]) < seats[member]:
            shares[member].append(free.pop(0))
    return shares
