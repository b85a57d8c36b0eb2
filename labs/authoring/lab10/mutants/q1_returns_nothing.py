# Prints the list.
# expect: lab10.q1 fails, hint=NO_LIST

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
    print(undos)
