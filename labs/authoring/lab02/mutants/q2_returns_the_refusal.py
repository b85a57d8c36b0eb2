# Returns the refusal instead of raising it.
# expect: lab02.q2 fails, hint=SILENT_REFUSAL

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    if command["type"] == "Open":
        if state["open"]:
            return Rejected("no")
        return [fact("AccountOpened")]
    if not state["open"]:
        return Rejected("no")
    if command["type"] == "Close":
        if state["balance"] != 0:
            return Rejected("no")
        return [fact("AccountClosed")]
    amount = command["amount"]
    if amount <= 0:
        return Rejected("no")
    if command["type"] == "Deposit":
        return [fact("Deposited", amount=amount)]
    if amount > state["balance"]:
        return Rejected("no")
    return [fact("Withdrawn", amount=amount)]
