# Keeps the total outside of the function.
# expect: lab02.q1 fails, hint=NOT_PURE

# answer: lab02.q1
NEW = {"open": False, "balance": 0}
total = 0


def evolve(state, event):
    global total
    if event.type in ("AccountOpened", "AccountClosed"):
        return {**state, "open": event.type == "AccountOpened"}
    if event.type == "Deposited":
        total += event.data["amount"]
    if event.type == "Withdrawn":
        total -= event.data["amount"]
    return {**state, "balance": total}


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
