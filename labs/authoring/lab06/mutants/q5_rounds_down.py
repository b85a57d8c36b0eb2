# Cuts everybody to the quotient, and gives the rest to the first.
# expect: lab06.q5 fails, hint=UNEVEN

# answer: lab06.q5
def stick(count, members, owned):
    each = count // len(members)
    shares = {member: list(owned.get(member, []))[:each] for member in members}
    taken = {number for share in shares.values() for number in share}
    free = [number for number in range(count) if number not in taken]
    for member in members:
        while len(shares[member]) < each:
            shares[member].append(free.pop(0))
    shares[members[0]] += free
    return shares
