# Looks the type up in a table, and an unknown one is a KeyError.
# expect: lab02.q1 fails, hint=UNKNOWN_EVENT

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    amount = event.data.get("amount", 0)
    changes = {
        "AccountOpened": {"open": True},
        "AccountClosed": {"open": False},
        "Deposited": {"balance": state["balance"] + amount},
        "Withdrawn": {"balance": state["balance"] - amount},
    }
    return {**state, **changes[event.type]}


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found
