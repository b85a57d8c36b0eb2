# decide changes the state that it is given; handle then adds the event once more.
# expect: lab02.q5 fails, hint=ADDED_TWICE

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def decide(command, state):
    kind = command["type"]
    if kind == "Open":
        if state["open"]: raise Rejected()
        state["open"] = True
        return [fact("AccountOpened")]
    if not state["open"]: raise Rejected()
    if kind == "Close":
        if state["balance"]: raise Rejected()
        state["open"] = False
        return [fact("AccountClosed")]
    if command["amount"] <= 0: raise Rejected()
    if kind == "Deposit":
        state["balance"] += command["amount"]
        return [fact("Deposited", amount=command["amount"])]
    if command["amount"] > state["balance"]: raise Rejected()
    state["balance"] -= command["amount"]
    return [fact("Withdrawn", amount=command["amount"])]
