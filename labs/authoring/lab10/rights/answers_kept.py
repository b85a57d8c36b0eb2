# The first answer is kept, and a copy gets it, also when the order is released by now; undos without a loop.

# answer: lab10.q1
def compensations(steps, outcomes):
    begun = [step for step in reversed(steps) if outcomes.get(step["name"]) in ("done", "unknown")]
    if any(step["kind"] == "pivot" for step in begun):
        return []
    return [step["undo"] for step in begun if step["undo"]]

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders, self.answers = free, {}, {}

    def reserve(self, order, pieces):
        if order not in self.answers:
            self.answers[order] = "done" if pieces <= self.free else "refused"
            if self.answers[order] == "done":
                self.free -= pieces
                self.orders[order] = pieces
        return self.answers[order]

    def release(self, order):
        self.free += self.orders.pop(order, 0)
        self.answers.setdefault(order, "refused")
        return "done"

# answer: lab10.q3
from evlab import Timeout


def settle(kind, new_command, ask, attempts=3, asked=None):
    if attempts == 0:
        return "unknown" if kind == "compensatable" else "parked"
    asked = asked or new_command()
    try:
        answer = ask(asked)
    except Timeout:
        return settle(kind, new_command, ask, attempts - 1, asked)
    if answer == "refused" and kind in ("retriable", "undo"):
        return settle(kind, new_command, ask, attempts - 1)
    return answer
