# Methods by type, classes of refusals, a fold, recursion; a snapshot is kept before the next decision.

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


class Account:
    def __init__(self, open, balance):
        self.open, self.balance = open, balance

    def on_AccountOpened(self, data): self.open = True

    def on_AccountClosed(self, data): self.open = False

    def on_Deposited(self, data): self.balance += data["amount"]

    def on_Withdrawn(self, data): self.balance -= data["amount"]


def evolve(state, event):
    account = Account(**state)
    getattr(account, "on_" + event.type, lambda data: None)(event.data)
    return vars(account)


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found


# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    """no"""


class NotOpen(Rejected):


    pass


class Poor(Rejected):


    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def _open(c, s):
    if s["open"]:
        raise NotOpen
    yield "AccountOpened", {}


def _close(c, s):
    if s["balance"] != 0:
        raise Poor(s["balance"])
    yield "AccountClosed", {}


def _deposit(c, s):
    if c["amount"] < 1:
        raise Rejected("amount")
    yield "Deposited", {"amount": c["amount"]}


def _withdraw(c, s):
    if not 0 < c["amount"] <= s["balance"]:
        raise Poor
    yield "Withdrawn", {"amount": c["amount"]}


HOW = {"Open": _open, "Close": _close, "Deposit": _deposit, "Withdraw": _withdraw}


def decide(command, state):
    if command["type"] != "Open" and not state["open"]:
        raise NotOpen()
    return [fact(t, **d) for t, d in HOW[command["type"]](command, state)]


# answer: lab02.q3
from functools import reduce
from itertools import takewhile


def state_at(store, stream, version):
    rows = takewhile(lambda r: r.version <= version, store.read(stream))
    return reduce(evolve, (r.event for r in rows), NEW)


# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    history = list(store.read(stream))
    state = NEW
    for r in history:
        state = evolve(state, r.event)
    try:
        return store.append(stream, decide(command, state), expected=len(history))
    except WrongExpectedVersion:
        if attempts <= 1:
            raise
        return handle(store, stream, command, attempts - 1)


# answer: lab02.q5
from evlab import WrongExpectedVersion


class Bank:
    # keeps the snapshot before it decides: what it has loaded is in the store already

    def __init__(self, store, every=10):
        self.store, self.every = store, every

    def _load(self, stream):
        snap = self.store.load_snapshot(stream)
        state, version = (snap.state, snap.version) if snap else (NEW, 0)
        start = version
        for r in self.store.read(stream, after=version):
            state, version = evolve(state, r.event), r.version
        return state, version, version - start

    def load(self, stream):
        return self._load(stream)[:2]

    def handle(self, stream, command, attempts=5):
        while True:
            attempts -= 1
            state, version, grown = self._load(stream)
            if grown >= self.every:
                self.store.save_snapshot(stream, state, version)
            try:
                return self.store.append(stream, decide(command, state), expected=version)
            except WrongExpectedVersion:
                if attempts == 0:
                    raise
