# Writes what it sends, and not what came of it.
# expect: lab10.q4 fails, hint=ASKS_AGAIN

# answer: lab10.q4
from evlab import Event


def run(store, order, steps, ask, attempts=3):
    events = [recorded.event for recorded in store.read(order)]

    done = {}

    def write(event):
        store.append(order, [event], expected=len(events))
        events.append(event)

    def perform(type, kind):
        for event in events:
            if event.type == "Settled" and event.data["what"] == type:
                return event.data["outcome"]
        under_way = [event for event in events if event.type == type][:1]

        def written_command():
            if under_way:
                return under_way.pop()
            write(command(type, order))
            return events[-1]

        outcome = settle(kind, written_command, ask, attempts)
        done[type] = outcome
        return outcome

    outcomes = {}
    for step in steps:
        outcomes[step["name"]] = outcome = perform(step["name"], step["kind"])
        if outcome == "parked":
            return "parked"
        if outcome != "done":
            for undo in compensations(steps, outcomes):
                if perform(undo, "undo") == "parked":
                    return "parked"
            return "compensated"
    return "completed"
