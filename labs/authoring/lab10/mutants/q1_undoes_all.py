# Undoes every step of the saga, to be sure.
# expect: lab10.q1 fails, hint=UNDOES_UNASKED

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome != "refused":
            if step["kind"] == "pivot" and outcome:
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
