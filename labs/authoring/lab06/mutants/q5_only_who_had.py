# Only members that had something are in the answer.
# expect: lab06.q5 fails, hint=MEMBER_MISSING

# answer: lab06.q5
def stick(count, members, owned):
    there = [member for member in members if member in owned] or members
    each, left_over = divmod(count, len(there))
    by_size = sorted(there, key=lambda member: -len(owned.get(member, [])))
    seats = {member: each + (place < left_over) for place, member in enumerate(by_size)}
    shares = {member: list(owned.get(member, []))[:seats[member]] for member in there}
    taken = {number for share in shares.values() for number in share}
    free = [number for number in range(count) if number not in taken]
    for member in there:
        while len(shares[member]) < seats[member]:
            shares[member].append(free.pop(0))
    return shares
