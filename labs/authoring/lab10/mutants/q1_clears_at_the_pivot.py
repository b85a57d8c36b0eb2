# At the pivot it empties the list, and goes on collecting behind it.
# expect: lab10.q1 fails, hint=PAST_PIVOT

# answer: lab10.q1
def compensations(steps, outcomes):
    undos = []
    for step in steps:
        if outcomes.get(step["name"]) not in ("done", "unknown"):
            continue
        if step["kind"] == "pivot":
            undos.clear()
        elif step["undo"]:
            undos.insert(0, step["undo"])
    return undos
