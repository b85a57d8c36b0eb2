# Goes by what it said the last time.
# expect: lab06.q5 fails, hint=REMEMBERS

# answer: lab06.q5
last = {}

def stick(count, members, owned):
    owned = last or owned
    each, left = divmod(count, len(members))
    seats = {m: each + (i < left) for i, m in enumerate(sorted(members, key=lambda m: -len(owned.get(m, []))))}
    shares = {m: [n for n in owned.get(m, []) if n < count][:seats[m]] for m in members}
    taken = {n for s in shares.values() for n in s}
    free = [n for n in range(count) if n not in taken]
    for m in members:
        while len(shares[m]) < seats[m]:
            shares[m].append(free.pop(0))
    last.clear()
    last.update(shares)
    return shares
