# Goes by the order in which the outcomes stand in the table.
# expect: lab10.q1 fails, hint=ORDER_OF_TABLE

# answer: lab10.q1
def compensations(steps, outcomes):
    by_name = {step["name"]: step for step in steps}
    begun = [by_name[name] for name, outcome in outcomes.items() if outcome != "refused"]
    if any(step["kind"] == "pivot" for step in begun):
        return []
    return [step["undo"] for step in reversed(begun) if step["undo"]]
