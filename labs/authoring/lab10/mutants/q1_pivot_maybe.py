# Only a pivot that is surely done is the point of no return.
# expect: lab10.q1 fails, hint=PIVOT_UNKNOWN

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot" and outcome == "done":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
