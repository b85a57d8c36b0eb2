# Objects: an account that knows its version, attempts that read only what is new, a memory for each stream.

# answer: lab02.q1
NEW = dict(open=False, balance=0)


def evolve(state, event):
    signs = {"Deposited": +1, "Withdrawn": -1}
    if event.type in signs:
        return dict(state, balance=state["balance"] + signs[event.type] * event.data["amount"])
    if event.type in ("AccountOpened", "AccountClosed"):
        return dict(state, open=event.type == "AccountOpened")
    return state


def states(events):
    found = [dict(NEW)]
    found.extend(evolve(found[-1], event) for event in events)
    return found

# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    def __init__(self, command, why):
        super().__init__(f"{command['type']}: {why}")


class Rules:
    def __init__(self, state):
        self.open, self.balance = state["open"], state["balance"]

    def Open(self, command):
        return "AccountOpened", "it is open" if self.open else ""

    def Close(self, command):
        return "AccountClosed", "" if self.open and not self.balance else "not open, or not empty"

    def Deposit(self, command):
        return "Deposited", "" if self.open and command["amount"] >= 1 else "not open, or no amount"

    def Withdraw(self, command):
        return "Withdrawn", "" if self.open and 0 < command["amount"] <= self.balance else "no"


def decide(command, state):
    type, why = getattr(Rules(state), command["type"])(command)
    if why:
        raise Rejected(command, why)
    return [Event(type=type, data={key: value for key, value in command.items() if key != "type"}, source="bank")]

# answer: lab02.q3
class Past:
    def __init__(self, store, stream):
        self.events = {recorded.version: recorded.event for recorded in store.read(stream)}

    def at(self, version):
        return evolve(self.at(version - 1), self.events[version]) if version else NEW


def state_at(store, stream, version):
    return Past(store, stream).at(version)

# answer: lab02.q4
from evlab import WrongExpectedVersion


class Account:
    def __init__(self, store, stream):
        self.store, self.stream, self.state, self.version = store, stream, NEW, 0

    def catch_up(self):
        for recorded in self.store.read(self.stream, self.version):
            self.state, self.version = evolve(self.state, recorded.event), recorded.version

    def handle(self, command):
        self.catch_up()
        return self.store.append(self.stream, decide(command, self.state), self.version)


def handle(store, stream, command, attempts=5):
    account = Account(store, stream)
    for _ in range(attempts - 1):
        try:
            return account.handle(command)
        except WrongExpectedVersion:
            pass
    return account.handle(command)

# answer: lab02.q5
from evlab import WrongExpectedVersion


class Bank:
    def __init__(self, store, every=10):
        self.store, self.every = store, every
        self.known, self.kept = {}, {}

    def load(self, stream):
        if stream not in self.known:
            snapshot = self.store.load_snapshot(stream)
            self.known[stream] = (snapshot.state, snapshot.version) if snapshot is not None else (NEW, 0)
            self.kept[stream] = self.known[stream][1]
        state, version = self.known[stream]
        for recorded in self.store.read(stream, after=version):
            state, version = evolve(state, recorded.event), recorded.version
        self.known[stream] = state, version
        return state, version

    def handle(self, stream, command, attempts=5):
        for attempt in range(1, attempts + 1):
            state, version = self.load(stream)
            try:
                appended = self.store.append(stream, decide(command, state), expected=version)
                break
            except WrongExpectedVersion:
                if attempt == attempts:
                    raise
        state, version = self.load(stream)
        if version - self.kept[stream] >= self.every:
            self.store.save_snapshot(stream, state, version)
            self.kept[stream] = version
        return appended
