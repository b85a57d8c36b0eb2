# Refuses with a class of its own that has nothing to do with Rejected.
# expect: lab02.q2 fails, hint=WRONG_REFUSAL

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


class InsufficientFunds(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    kind = command["type"]
    if kind == "Open":
        if state["open"]: raise Rejected()
        return [fact("AccountOpened")]
    if not state["open"]: raise Rejected()
    if kind == "Close":
        if state["balance"]: raise Rejected()
        return [fact("AccountClosed")]
    if command["amount"] <= 0: raise Rejected()
    if kind == "Deposit":
        return [fact("Deposited", amount=command["amount"])]
    if command["amount"] > state["balance"]: raise InsufficientFunds()
    return [fact("Withdrawn", amount=command["amount"])]
