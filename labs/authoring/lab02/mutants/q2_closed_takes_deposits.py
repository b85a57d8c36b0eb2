# Looks whether the account is open for withdrawals only.
# expect: lab02.q2 fails, hint=NOT_OPEN

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    if command["type"] == "Open":
        if state["open"]:
            raise Rejected("it is open")
        return [fact("AccountOpened")]
    if command["type"] == "Close":
        if not state["open"] or state["balance"] != 0:
            raise Rejected("not open, or not empty")
        return [fact("AccountClosed")]
    amount = command["amount"]
    if amount <= 0:
        raise Rejected("not above zero")
    if command["type"] == "Deposit":
        return [fact("Deposited", amount=amount)]
    if not state["open"] or amount > state["balance"]:
        raise Rejected("not open, or not enough")
    return [fact("Withdrawn", amount=amount)]
