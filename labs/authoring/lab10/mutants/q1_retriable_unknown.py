# Undoes if the receipt did not answer.
# expect: lab10.q1 fails, hint=PAST_PIVOT

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                if outcomes.get(steps[-1]["name"]) != "unknown" or len(outcomes) < len(steps):
                    return []
                continue
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
