# Ids that follow from what is asked, so that no command has to be written; the turn and the end are.

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.taken, self.refused = free, {}, set()

    def reserve(self, order, pieces):
        if order in self.refused:
            return "refused"
        if order in self.taken:
            return "done"
        if pieces > self.free:
            self.refused.add(order)
            return "refused"
        self.free -= pieces
        self.taken[order] = pieces
        return "done"

    def release(self, order):
        self.refused.add(order)
        self.free += self.taken.pop(order, 0)
        return "done"

# answer: lab10.q4
from evlab import Event, Timeout


def run(store, order, steps, ask, attempts=3):
    notes = [recorded.event.data for recorded in store.read(order)]

    def note(**data):
        store.append(order, Event(type="Noted", data=data, source="orders", key=order), expected=len(notes))
        notes.append(data)

    def settled(type, patient, to_the_end):
        """What came of it: done, refused, or `to_the_end` when the attempts are used up."""
        for one in notes:
            if one.get("type") == type and "outcome" in one:
                return one["outcome"]
        for _ in range(attempts):
            number = sum(one.get("type") == type for one in notes)
            try:
                answer = ask(Event(type=type, data={}, source="orders", key=order, id=f"{order}/{type}/{number}"))
            except Timeout:
                continue
            if answer == "refused" and patient:
                note(type=type, no=number)
                continue
            note(type=type, outcome=answer)
            return answer
        note(type=type, outcome=to_the_end)
        return to_the_end

    ends = [one["end"] for one in notes if "end" in one]
    if ends:
        return ends[0]
    undos = []
    end = "completed"
    for step in steps:
        outcome = settled(step["name"], step["kind"] == "retriable",
                          "unknown" if step["kind"] == "compensatable" else "parked")
        if outcome in ("done", "unknown") and step["undo"]:
            undos.append(step["undo"])
        if outcome != "done":
            end = "parked" if outcome == "parked" else "compensated"
            break
    while end == "compensated" and undos:
        if settled(undos.pop(), True, "parked") != "done":
            end = "parked"
    note(end=end)
    return end
