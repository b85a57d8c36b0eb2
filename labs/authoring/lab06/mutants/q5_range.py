# Begins anew each time.
# expect: lab06.q5 fails, hint=MOVES_TOO_MUCH

# answer: lab06.q5
def stick(count, members, owned):
    each, left_over = divmod(count, len(members))
    shares, first = {}, 0
    for place, member in enumerate(members):
        size = each + (place < left_over)
        shares[member] = [*range(first, first + size)]
        first += size
    return shares
