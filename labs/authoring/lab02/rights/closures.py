# Match, a table, states by number, the version asked for first, and a bank that is a function.

# answer: lab02.q1
NEW = {"open": False, "balance": 0}


def evolve(state, event):
    match event.type, event.data:
        case "AccountOpened", _:
            return state | {"open": True}
        case "AccountClosed", _:
            return state | {"open": False}
        case "Deposited", {"amount": amount}:
            return state | {"balance": state["balance"] + amount}
        case "Withdrawn", {"amount": amount}:
            return state | {"balance": state["balance"] - amount}
    return dict(state)


def states(events):
    found = [NEW]
    for event in events:
        found.append(evolve(found[-1], event))
    return found


# answer: lab02.q2
from evlab import Event


class Rejected(Exception):
    pass


def fact(type, **data):
    return Event(type=type, source="bank", data=data)


def must(ok, why):
    if not ok:
        raise Rejected(why)


def decide(command, state):
    kind = command["type"]
    must((kind == "Open") != state["open"], "open or not open")
    amount = command.get("amount")
    if kind in ("Deposit", "Withdraw"):
        must(amount > 0, "amount")
    if kind == "Open":
        return [fact("AccountOpened")]
    if kind == "Deposit":
        return [fact("Deposited", amount=amount)]
    if kind == "Withdraw":
        must(state["balance"] >= amount, "balance")
        return [fact("Withdrawn", amount=amount)]
    must(not state["balance"], "balance")
    return [fact("AccountClosed")]


# answer: lab02.q3
def state_at(store, stream, version):
    return states([r.event for r in store.read(stream)])[version]


# answer: lab02.q4
from evlab import WrongExpectedVersion


def handle(store, stream, command, attempts=5):
    for n in range(1, attempts + 1):
        version = store.version(stream)
        state = state_at(store, stream, version)
        try:
            return store.append(stream, decide(command, state), expected=version)
        except WrongExpectedVersion:
            if n == attempts:
                raise


# answer: lab02.q5
from evlab import WrongExpectedVersion


def Bank(store, every=10):
    class _B:
        def load(self, stream):
            s = store.load_snapshot(stream)
            state, version = (s.state, s.version) if s is not None else (NEW, 0)
            for r in store.read(stream, after=version):
                state, version = evolve(state, r.event), r.version
            return [state, version]
        def handle(self, stream, command, attempts=5):
            for left in range(attempts, 0, -1):
                state, version = self.load(stream)
                try:
                    rows = store.append(stream, decide(command, state), expected=version)
                except WrongExpectedVersion:
                    if left == 1:
                        raise
                else:
                    for r in rows:
                        state = evolve(state, r.event)
                    if rows[-1].version % every == 0:
                        store.save_snapshot(stream, state, rows[-1].version)
                    return rows
    return _B()
