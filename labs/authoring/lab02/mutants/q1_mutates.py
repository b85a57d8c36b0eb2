# Changes the state that it was given, and returns it.
# expect: lab02.q1 fails, hint=MUTATES

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type == "AccountOpened":
        return {**state, "open": True}
    if event.type == "AccountClosed":
        state["open"] = False
    if event.type == "Deposited":
        state["balance"] += event.data["amount"]
    if event.type == "Withdrawn":
        state["balance"] -= event.data["amount"]
    return state


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
