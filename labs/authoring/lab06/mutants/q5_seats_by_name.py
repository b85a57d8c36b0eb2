# The seats that are left over go to the first names.
# expect: lab06.q5 fails, hint=SEATS_BY_NAME

# answer: lab06.q5
def stick(count, members, owned):
    each, left_over = divmod(count, len(members))
    by_size = sorted(members, key=lambda member: -len(owned.get(member, [])))
    seats = {member: each + (place < left_over) for place, member in enumerate(members)}
    shares = {member: list(owned.get(member, []))[:seats[member]] for member in members}
    taken = {number for share in shares.values() for number in share}
    free = [number for number in range(count) if number not in taken]
    for member in members:
        while len(shares[member]) < seats[member]:
            shares[member].append(free.pop(0))
    return shares
