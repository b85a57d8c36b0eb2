# An account that is opened begins with nothing, even if it had something.
# expect: lab02.q1 fails, hint=WRONG_STATE

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type == "AccountOpened":
        return {"open": True, "balance": 0}
    if event.type == "AccountClosed":
        return {**state, "open": False}
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
