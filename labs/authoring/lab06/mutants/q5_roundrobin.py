# Deals them out anew each time.
# expect: lab06.q5 fails, hint=MOVES_TOO_MUCH

# answer: lab06.q5
def stick(count, members, owned):
    return {member: [*range(place, count, len(members))] for place, member in enumerate(members)}
