# A refusal ends the list, and what came before it is forgotten.
# expect: lab10.q1 fails, hint=LEAVES_ONE

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome == "refused":
            return []
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
