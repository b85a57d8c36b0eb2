# Undoes first what is done, then what may be.
# expect: lab10.q1 fails, hint=FORWARD

# answer: lab10.q1
def compensations(steps, outcomes):
    begun = [step for step in reversed(steps) if outcomes.get(step["name"]) in ("done", "unknown")]
    if any(step["kind"] == "pivot" for step in begun):
        return []
    begun.sort(key=lambda step: outcomes[step["name"]])
    return [step["undo"] for step in begun if step["undo"]]
