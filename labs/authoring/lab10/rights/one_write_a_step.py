# Recursions; a log of messages in place of a table; an answer is written together with the next command.

# answer: lab10.q1
def compensations(steps, outcomes):
    def back(number):
        if number < 0:
            return
        step = steps[number]
        if outcomes.get(step["name"], "refused") != "refused" and step["undo"]:
            yield step["undo"]
        yield from back(number - 1)

    pivots = [outcomes.get(step["name"]) for step in steps if step["kind"] == "pivot"]
    return [] if {"done", "unknown"} & set(pivots) else list(back(len(steps) - 1))


# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.all, self.log = free, []

    @property
    def free(self):
        return self.all - sum(pieces for _, _, pieces in self.log)

    def found(self, what, order):
        return [pieces for verb, about, pieces in self.log if (verb, about) == (what, order)]

    def reserve(self, order, pieces):
        if self.found("took", order):
            return "done"
        if self.found("gave", order) or self.found("no", order):
            return "refused"
        enough = pieces <= self.free
        self.log.append(("took", order, pieces) if enough else ("no", order, 0))
        return "done" if enough else "refused"

    def release(self, order):
        if not self.found("gave", order):
            self.log.append(("gave", order, -sum(self.found("took", order))))
        return "done"


# answer: lab10.q3
import evlab


def settle(kind, new_command, ask, attempts=3):
    def go(asked, left):
        if not left:
            return {"compensatable": "unknown"}.get(kind, "parked")
        try:
            said = ask(asked)
        except evlab.Timeout:
            return go(asked, left - 1)
        if said == "refused" and kind in ("retriable", "undo"):
            return go(new_command() if left > 1 else asked, left - 1)
        return said

    return go(new_command(), attempts)


# answer: lab10.q4
from evlab import Event


class Saga:
    def __init__(self, store, order, steps, ask, attempts):
        self.store, self.order, self.steps, self.ask, self.attempts = store, order, steps, ask, attempts
        self.version, self.sent, self.outcomes, self.undone, self.end, self.unsaid = 0, {}, {}, set(), None, []
        for recorded in store.read(order):
            self.apply(recorded.event)
            self.version = recorded.version

    def apply(self, event):
        match event.type:
            case "StepSettled":
                self.outcomes[event.data["name"]] = event.data["outcome"]
            case "UndoSettled":
                self.undone.add(event.data["name"])
            case "SagaEnded":
                self.end = event.data["as"]
            case name:
                self.sent[name] = event

    def fact(self, type, **data):
        event = Event(type=type, data=data, source="orders", key=self.order)
        self.unsaid.append(event)
        self.apply(event)

    def write(self):
        self.store.append(self.order, self.unsaid, expected=self.version)
        self.version += len(self.unsaid)
        self.unsaid = []

    def settle(self, name, kind):
        known = [self.sent[name]] if name in self.sent else []

        def made():
            if known:
                return known.pop()
            event = command(name, self.order)
            self.unsaid.append(event)
            self.write()
            return event

        return settle(kind, made, self.ask, self.attempts)

    def finish(self, how):
        self.fact("SagaEnded", **{"as": how})
        self.write()
        return how

    def go(self):
        if self.end:
            return self.end
        for step in self.steps:
            if set(self.outcomes.values()) & {"refused", "unknown"}:
                break
            if step["name"] not in self.outcomes:
                outcome = self.settle(step["name"], step["kind"])
                if outcome == "parked":
                    return self.finish("parked")
                self.fact("StepSettled", name=step["name"], outcome=outcome)
        if set(self.outcomes.values()) == {"done"}:
            return self.finish("completed")
        for undo in compensations(self.steps, self.outcomes):
            if undo not in self.undone:
                if self.settle(undo, "undo") == "parked":
                    return self.finish("parked")
                self.fact("UndoSettled", name=undo)
        return self.finish("compensated")


def run(store, order, steps, ask, attempts=3):
    return Saga(store, order, steps, ask, attempts).go()
