# An event that cannot be written is printed, and it goes on.
# expect: lab10.q4 fails, hint=ASKS_UNWRITTEN

# answer: lab10.q4
from evlab import Event


def run(store, order, steps, ask, attempts=3):
    log = [recorded.event for recorded in store.read(order)]

    def write(event):
        try:
            store.append(order, [event], expected=len(log))
        except Exception as error:
            print("not written:", error)
        log.append(event)

    def do(name, kind):
        for event in log:
            if event.type == f"{name} answered":
                return event.data["answer"]
        sent = [event for event in log if event.type == name]

        def written():
            if sent:
                last = sent[-1]
                sent.clear()
                return last
            write(command(name, order))
            return log[-1]

        answer = settle(kind, written, ask, attempts)
        write(Event(type=f"{name} answered", data={"answer": answer}, source="orders", key=order))
        return answer

    outcomes = {}
    for step in steps:
        outcomes[step["name"]] = answer = do(step["name"], step["kind"])
        if answer == "parked":
            return "parked"
        if answer != "done":
            break
    else:
        return "completed"
    for undo in compensations(steps, outcomes):
        if do(undo, "undo") == "parked":
            return "parked"
    return "compensated"
