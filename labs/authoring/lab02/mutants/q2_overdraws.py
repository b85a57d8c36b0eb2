# Forgets to look at the balance.
# expect: lab02.q2 fails, hint=OVERDRAWS

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
        return [fact("AccountOpened")]
    if command["type"] == "Close":
        if state["balance"] != 0:
            raise Rejected("there is money in it")
        return [fact("AccountClosed")]
    if command["amount"] <= 0:
        raise Rejected("not above zero")
    return [fact("Deposited" if command["type"] == "Deposit" else "Withdrawn", amount=command["amount"])]
