# A default that is made once collects the undos of all sagas.
# expect: lab10.q1 fails, hint=REMEMBERS

# answer: lab10.q1
def compensations(steps, outcomes, undos=[]):
    for step in steps:
        if outcomes.get(step["name"]) in ("done", "unknown"):
            if step["kind"] == "pivot":
                return []
            if step["undo"]:
                undos.insert(0, step["undo"])
    return undos
