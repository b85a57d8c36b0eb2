# A saga with a pivot has no way back.
# expect: lab10.q1 fails, hint=LEAVES_ONE

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    if any(step["kind"] == "pivot" for step in steps):
        return []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
