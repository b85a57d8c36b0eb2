# Undoes what came before a pivot that may be done, for the customer's sake.
# expect: lab10.q1 fails, hint=PIVOT_UNKNOWN

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return [] if outcome == "done" else undos
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
