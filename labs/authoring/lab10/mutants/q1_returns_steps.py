# A list of steps, and not of their undo commands.
# expect: lab10.q1 fails, hint=NOT_THE_UNDO

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        if outcomes.get(step["name"]) in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"] is not None:
                undos.insert(0, step)
    return undos
