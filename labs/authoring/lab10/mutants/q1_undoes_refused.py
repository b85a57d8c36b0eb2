# Undoes whatever was asked, a no included.
# expect: lab10.q1 fails, hint=UNDOES_REFUSED

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome is not None:
            if step["kind"] == "pivot" and outcome != "refused":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
