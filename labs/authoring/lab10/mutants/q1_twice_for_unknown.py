# Undoes a step that did not answer twice, to be sure.
# expect: lab10.q1 fails, hint=TWICE_IN_LIST

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
                if outcome == "unknown":
                    undos.insert(0, step["undo"])
    return undos
