# A state that is folded from the stream, and a decision for each state.

# answer: lab10.q1
def compensations(steps, outcomes):
    begun = [step for step in steps if outcomes.get(step["name"]) not in (None, "refused")]
    if "pivot" in {step["kind"] for step in begun}:
        return []
    return [step["undo"] for step in begun[::-1] if step["undo"]]

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3):
    asked = new_command()
    while attempts:
        attempts -= 1
        try:
            answer = ask(asked)
        except Timeout:
            answer = "silence"
        match kind, answer:
            case _, "done":
                return "done"
            case "compensatable" | "pivot", "refused":
                return "refused"
            case "retriable" | "undo", "refused":
                asked = new_command()
    return {"compensatable": "unknown"}.get(kind, "parked")

# answer: lab10.q4
from evlab import Event, Timeout


def fold(recorded):
    state = {"version": 0, "outcomes": {}, "asked": None, "end": None}
    for one in recorded:
        data = one.event.data
        state["version"] = one.version
        if one.event.type == "Sending":
            state["asked"] = Event.from_json(data["command"].encode())
        elif one.event.type == "Refused":
            state["asked"] = None
        elif one.event.type == "Came":
            state["asked"] = None
            state["outcomes"][data["name"]] = data["outcome"]
        elif one.event.type == "Ended":
            state["end"] = data["end"]
    return state


def next_of(steps, outcomes):
    """(name, kind) of what is to be asked next, or the end."""
    for step in steps:
        outcome = outcomes.get(step["name"])
        if outcome is None:
            return step["name"], step["kind"]
        if outcome == "parked":
            return "parked"
        if outcome != "done":
            for undo in compensations(steps, outcomes):
                if outcomes.get(undo) is None:
                    return undo, "undo"
                if outcomes[undo] != "done":
                    return "parked"
            return "compensated"
    return "completed"


def run(store, order, steps, ask, attempts=3):
    state = fold(store.read(order))

    def note(type, **data):
        nonlocal state
        rows = store.append(order, [Event(type=type, data=data, source="orders", key=order)], expected=state["version"])
        new = fold(rows)
        state = {**state, "version": new["version"], "outcomes": {**state["outcomes"], **new["outcomes"]},
                 "asked": new["asked"], "end": new["end"]}

    while not state["end"]:
        found = next_of(steps, state["outcomes"])
        if isinstance(found, str):
            note("Ended", end=found)
            break
        name, kind = found
        outcome = None
        for _ in range(attempts):
            if state["asked"] is None:
                note("Sending", command=command(name, order).to_json().decode())
            try:
                answer = ask(state["asked"])
            except Timeout:
                continue
            if answer == "done" or kind in ("compensatable", "pivot"):
                outcome = answer
                break
            note("Refused", name=name)
        note("Came", name=name, outcome=outcome or ("unknown" if kind == "compensatable" else "parked"))
    return state["end"]
