# Tables of functions, a fold by reduce, and an attempt that calls the next one with one less.

# helper: lab02
from functools import reduce


def folded(recorded, state):
    return reduce(evolve, [one.event for one in recorded], state)

# answer: lab02.q1
NEW = {"open": False, "balance": 0}
CHANGES = {
    "AccountOpened": lambda state, data: {"open": True},
    "AccountClosed": lambda state, data: {"open": False},
    "Deposited": lambda state, data: {"balance": state["balance"] + data["amount"]},
    "Withdrawn": lambda state, data: {"balance": state["balance"] - data["amount"]},
}


def evolve(state, event):
    change = CHANGES.get(event.type, lambda state, data: {})
    return state | change(state, event.data)


def states(events):
    state = NEW
    found = [state]
    for event in events:
        state = evolve(state, event)
        found.append(state)
    return tuple(found)

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


NAMES = {"Open": "AccountOpened", "Close": "AccountClosed", "Deposit": "Deposited", "Withdraw": "Withdrawn"}


def objection(type, amount, state):
    if state["open"] == (type == "Open"):
        return "it is open, or it is not"
    if type in ("Deposit", "Withdraw") and not amount > 0:
        return "an amount is above zero"
    if type == "Withdraw" and state["balance"] < amount:
        return "there is not enough"
    if type == "Close" and state["balance"]:
        return "it is not empty"


def decide(command, state):
    type, amount = command["type"], command.get("amount")
    why = objection(type, amount, state)
    if why:
        raise Rejected(why)
    data = {} if amount is None else {"amount": amount}
    return [Event(type=NAMES[type], source="bank", data=data)]

# answer: lab02.q3
def state_at(store, stream, version):
    return folded(store.read(stream, limit=version), NEW)

# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    recorded = store.read(stream)
    version = recorded[-1].version if recorded else 0
    events = decide(command, folded(recorded, NEW))
    try:
        return store.append(stream, events, expected=version)
    except WrongExpectedVersion:
        if attempts == 1:
            raise
    return handle(store, stream, command, attempts - 1)

# answer: lab02.q5
from evlab import WrongExpectedVersion


class Bank:
    def __init__(self, store, every=10):
        self.store, self.every = store, every

    def load(self, stream):
        begin = self.store.load_snapshot(stream)
        state, version = (begin.state, begin.version) if begin else (NEW, 0)
        news = self.store.read(stream, after=version)
        return folded(news, state), version + len(news)

    def handle(self, stream, command, attempts=5):
        state, version = self.load(stream)
        try:
            appended = self.store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if attempts == 1:
                raise
            return self.handle(stream, command, attempts - 1)
        now = version + len(appended)
        if now // self.every > version // self.every:
            self.store.save_snapshot(stream, folded(appended, state), now)
        return appended
