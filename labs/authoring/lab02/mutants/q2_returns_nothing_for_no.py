# Says no with an empty list.
# expect: lab02.q2 fails, hint=SILENT_REFUSAL

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    if state["open"] == (command["type"] == "Open"):
        return []
    if command["type"] == "Open":
        return [fact("AccountOpened")]
    if command["type"] == "Close":
        return [] if state["balance"] else [fact("AccountClosed")]
    if command["amount"] <= 0:
        return []
    if command["type"] == "Deposit":
        return [fact("Deposited", amount=command["amount"])]
    if command["amount"] > state["balance"]:
        return []
    return [fact("Withdrawn", amount=command["amount"])]
