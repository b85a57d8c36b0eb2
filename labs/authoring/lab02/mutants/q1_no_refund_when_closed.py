# A deposit that comes after the account was closed is left out.
# expect: lab02.q1 fails, hint=REFUSES_FACT

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type == "AccountOpened":
        return {**state, "open": True}
    if event.type == "AccountClosed":
        return {**state, "open": False}
    if event.type == "Deposited" and state["open"]:
        return {**state, "balance": state["balance"] + event.data["amount"]}
    if event.type == "Withdrawn":
        return {**state, "balance": state["balance"] - event.data["amount"]}
    return state


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
