# Takes everything else with an amount for a withdrawal.
# expect: lab02.q1 fails, hint=UNKNOWN_EVENT

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    if event.type in ("AccountOpened", "AccountClosed"):
        return {**state, "open": event.type == "AccountOpened"}
    amount = event.data.get("amount", 0)
    if event.type == "Deposited":
        return {**state, "balance": state["balance"] + amount}
    return {**state, "balance": state["balance"] - amount}


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
