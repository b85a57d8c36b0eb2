# Undoes in the order in which it was done.
# expect: lab10.q1 fails, hint=FORWARD

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.append(step["undo"])
    return undos
