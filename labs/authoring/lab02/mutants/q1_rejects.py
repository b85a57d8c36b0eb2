# Refuses a withdrawal that has long happened.
# expect: lab02.q1 fails, hint=REFUSES_FACT

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type in ("AccountOpened", "AccountClosed"):
        return {**state, "open": event.type == "AccountOpened"}
    if event.type == "Deposited":
        return {**state, "balance": state["balance"] + event.data["amount"]}
    if event.type == "Withdrawn":
        if event.data["amount"] > state["balance"]:
            raise ValueError("not enough money")
        return {**state, "balance": state["balance"] - event.data["amount"]}
    return state


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
