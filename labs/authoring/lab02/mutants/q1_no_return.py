# Works out the new balance and returns nothing.
# expect: lab02.q1 fails, hint=NO_STATE

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type == "AccountOpened":
        return {**state, "open": True}
    balance = state["balance"]
    if event.type == "Deposited":
        balance += event.data["amount"]
    if event.type == "Withdrawn":
        balance -= event.data["amount"]


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
