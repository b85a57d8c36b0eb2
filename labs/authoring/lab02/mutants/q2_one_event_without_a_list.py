# Returns the event itself.
# expect: lab02.q2 fails, hint=NO_LIST

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    if state["open"] == (command["type"] == "Open"):
        raise Rejected("open, or not open")
    if command["type"] == "Open":
        return fact("AccountOpened")
    if command["type"] == "Close":
        if state["balance"] != 0:
            raise Rejected("there is money in it")
        return fact("AccountClosed")
    if command["amount"] <= 0:
        raise Rejected("not above zero")
    if command["type"] == "Deposit":
        return fact("Deposited", amount=command["amount"])
    if command["amount"] > state["balance"]:
        raise Rejected("not enough")
    return fact("Withdrawn", amount=command["amount"])
