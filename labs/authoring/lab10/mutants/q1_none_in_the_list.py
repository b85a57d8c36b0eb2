# Puts a None into the list for a step with nothing to undo.
# expect: lab10.q1 fails, hint=NOTHING_TO_UNDO

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            undos.insert(0, step["undo"])
    return undos
