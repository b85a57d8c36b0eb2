# What did not answer has not happened, it thinks.
# expect: lab10.q1 fails, hint=SKIPS_UNKNOWN

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome == "done":
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
