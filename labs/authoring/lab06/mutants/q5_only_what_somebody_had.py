# Shares out what somebody had; partitions that are new in the topic stay free.
# expect: lab06.q5 fails, hint=NO_OWNER

# answer: lab06.q5
def stick(count, members, owned):
    each, left = divmod(count, len(members))
    seats = {m: each + (i < left) for i, m in enumerate(sorted(members, key=lambda m: -len(owned.get(m, []))))}
    shares, free = {}, [] if owned else list(range(count))
    for member in owned:
        free += owned[member][seats[member]:] if member in members else owned[member]
    for member in members:
        shares[member] = list(owned.get(member, []))[:seats[member]]
        while free and len(shares[member]) < seats[member]:
            shares[member].append(free.pop())
    return shares
