# An unknown step is undone only if it is the last one that is left.
# expect: lab10.q1 fails, hint=SKIPS_UNKNOWN

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if outcome == "unknown" and undos:
                continue
            if step["undo"] is not None:
                undos.insert(0, step["undo"])
    return undos
