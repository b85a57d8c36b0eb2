# Nobody has to give anything up.
# expect: lab06.q5 fails, hint=UNEVEN

# answer: lab06.q5
def stick(count, members, owned):
    shares = {member: list(owned.get(member, [])) for member in members}
    taken = {number for share in shares.values() for number in share}
    for number in range(count):
        if number not in taken:
            min(shares.values(), key=len).append(number)
    return shares
