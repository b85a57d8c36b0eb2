# Asks whether the type begins with Account: any other such event closes it.
# expect: lab02.q1 fails, hint=UNKNOWN_EVENT

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type.startswith("Account"):
        return {**state, "open": event.type == "AccountOpened"}
    if event.type == "Deposited":
        return {**state, "balance": state["balance"] + event.data["amount"]}
    if event.type == "Withdrawn":
        return {**state, "balance": state["balance"] - event.data["amount"]}
    return state


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
