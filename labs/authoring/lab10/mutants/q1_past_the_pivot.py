# The pivot has no undo, so it leaves it out and undoes the rest.
# expect: lab10.q1 fails, hint=PAST_PIVOT

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
