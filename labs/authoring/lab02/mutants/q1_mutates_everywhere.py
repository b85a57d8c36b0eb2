# Changes even the state before the first event, which all accounts begin with.
# expect: lab02.q1 fails, hint=MUTATES

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type in ("AccountOpened", "AccountClosed"):
        state["open"] = event.type == "AccountOpened"
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
