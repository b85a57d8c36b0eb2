"""The checks of lab02, the account: what each question promises, and the histories in which it may break.

What an account holds is folded here once more, in five lines, and every state of an answer is compared with it. The
store is a real one. Two tellers race for it: each of their calls takes a moment, and before one call of the first the
second begins and ends. Which call that is goes from history to history, so a gap between two calls is found because it
is there, and not because chance has hit it. In the last histories chance has its turn as well.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from evlab import errors
from evlab.course.judge import AnswerRaised, Case, Lab, Port
from evlab.course.judge.verdict import SHORT
from evlab.errors import EvlabError, WrongExpectedVersion
from evlab.event import Event
from evlab.recorded import Recorded
from evlab.sim.history import describe
from evlab.store import ANY, EventStore

lab = Lab("lab02", "The account")

ACCOUNT, OTHER, FRESH = "account-17", "account-23", "account-99"
State = dict[str, Any]


def folded(events: list[Event]) -> State:
    """What these events add up to."""
    is_open, balance = False, 0
    for event in events:
        amount = event.data.get("amount")
        is_open = {"AccountOpened": True, "AccountClosed": False}.get(event.type, is_open)
        balance += {"Deposited": 1, "Withdrawn": -1}.get(event.type, 0) * (amount if isinstance(amount, int) else 0)
    return {"open": is_open, "balance": balance}


def forbidden(command: dict, state: State) -> str:
    """The hint for an answer that lets this command pass; "" if the rules allow it."""
    kind, amount = command["type"], command.get("amount", 1)
    if state["open"] == (kind == "Open"):
        return "NOT_OPEN"
    if amount <= 0:
        return "BAD_AMOUNT"
    if kind == "Withdraw" and amount > state["balance"]:
        return "OVERDRAWS"
    return "CLOSES_WITH_MONEY" if kind == "Close" and state["balance"] else ""


FACTS = {"Open": "AccountOpened", "Deposit": "Deposited", "Withdraw": "Withdrawn", "Close": "AccountClosed"}


def same(got: Any, due: State) -> bool:
    return isinstance(got, dict) and all(name in got and got[name] == due[name] for name in due)


def said(state: Any) -> str:
    """A state in words, if it is one."""
    if not isinstance(state, dict) or not {"balance", "open"} <= state.keys():
        return describe(state)
    return f"balance {describe(state['balance'])}, {'open' if state['open'] else 'not open'}"


def differ(got: Any, due: State) -> str:
    """In words, what is wrong with a state."""
    if not isinstance(got, dict):
        return f"the state should be {describe(due)}, and is {describe(got)}"
    absent = [name for name in due if name not in got]
    if absent:
        return f"the state has no `{absent[0]}` any more: it is {describe(got)}"
    name = next(name for name in ("balance", "open") if got[name] != due[name])
    return f"`{name}` should be {due[name]}, and is {describe(got[name])}"


def label(thing: Event | dict) -> str:
    """"Deposited 40" for an event, "Deposit 40" for a command."""
    kind, data = (thing.type, thing.data) if isinstance(thing, Event) else (thing["type"], thing)
    return f"{kind} {describe(data['amount'])}" if "amount" in data else kind


OPEN, CLOSE = {"type": "Open"}, {"type": "Close"}


def deposit(amount: int) -> dict:
    return {"type": "Deposit", "amount": amount}


def withdraw(amount: int) -> dict:
    return {"type": "Withdraw", "amount": amount}


def fact(case: Case, type: str, **data) -> Event:
    return case.world.event(type, data, source="bank", key=ACCOUNT)


def life(case: Case, length: int) -> list[Event]:
    """The first events of an account: opened, a deposit, a withdrawal, and so on, never below zero. Deposits are odd
    and withdrawals even, so that no two ways to count them wrong come to the same."""
    events = [fact(case, "AccountOpened")]
    for number in range(1, length):
        amount = 10 * case.random.randint(5, 9) + number if number % 2 else 2 * case.random.randint(5, 20)
        events.append(fact(case, "Deposited" if number % 2 else "Withdrawn", amount=amount))
    return events


def is_refusal(error: AnswerRaised) -> bool:
    """`Rejected`, or a class of the answer's own, which may be one of its children."""
    return not (error.foreign or hasattr(builtins, error.type) or hasattr(errors, error.type))


# ------------------------------------------------------------------------------------ q1: what each event changes

q1 = lab.question("q1", "What each event changes", points=2, defines=("evolve", "states"))


def compare_states(case: Case, events: list[Event], hint: str) -> None:
    """Compare the answer's states with what the events add up to, one event more each time. `hint`: for a wrong state
    after the last of them."""
    for number in range(len(events) + 1):
        wrong = hint if number == len(events) else "WRONG_STATE"
        name = label(events[number - 1]) if number else ""
        seen = case.wait(case.actor().call("states", events[:number]))
        seen = seen if isinstance(seen, list | tuple) else []
        if name and seen:
            case.history.note(f"{name} → {said(seen[-1])}", node=ACCOUNT)
        entries, due = case.entries("note"), folded(events[:number])
        if len(seen) != number + 1:
            case.blame("WRONG_STATE", f"for {number} events `states` has to return {number + 1} states, and returned "
                                      f"{len(seen)}", *entries)
        if not name and not same(seen[0], due):
            case.blame("WRONG_STATE", f"before the first event {differ(seen[0], due)}", *entries)
        if seen[-1] is None:
            case.blame("NO_STATE" if wrong == "WRONG_STATE" else wrong, f"`evolve` returned None for {name}", *entries)
        if not same(seen[-1], due) and same(seen[0], folded([])):
            again = case.wait(case.actor(fresh=True).call("states", events[:number]))
            if isinstance(again, list | tuple) and again and same(again[-1], due):
                case.blame("NOT_PURE", f"after {name} {differ(seen[-1], due)}; the same call in a fresh process gives "
                                       f"{due['balance']}", *entries)
            case.blame(wrong, f"after {name} {differ(seen[-1], due)}", *entries)
        for place, state in enumerate(seen):
            due = folded(events[:place])
            if not same(state, due):
                which = f"the state after {label(events[place - 1])}" if place else "the state before the first event"
                case.blame("MUTATES", f"{which} has changed when {name} came: its {differ(state, due)}", *entries)


@q1.check("each event changes what it says, and the state before it stays as it was", histories=3)
def each_event(case: Case):
    events = life(case, case.pick(2, 4))
    if case.size == 1:
        events += [fact(case, "Withdrawn", amount=folded(events)["balance"]), fact(case, "AccountClosed")]
    compare_states(case, events, "WRONG_STATE")


@q1.check("a fact is not refused", histories=4)
def facts_stay(case: Case):
    number, events = round(case.size * 3), life(case, 2)
    balance, some = folded(events)["balance"], case.random.randint(1, 30)
    if number == 0:  # a cheque that was larger than the balance
        events.append(fact(case, "Withdrawn", amount=balance + some))
    else:  # a payment by card, or a refund, that reached the bank after the account was closed
        late = fact(case, "Withdrawn", amount=balance) if number == 1 else fact(case, "Deposited", amount=some)
        events += [fact(case, "AccountClosed"), late]
    if number == 3:  # and then it was opened again
        events.append(fact(case, "AccountOpened"))
    compare_at_last(case, events, "WRONG_STATE" if number == 3 else "REFUSES_FACT")


@q1.check("an event that says nothing about state or balance changes nothing", histories=3)
def unknown_events(case: Case):
    strange = (fact(case, "OwnerMoved", city="Ghent"), fact(case, "LimitRaised", amount=500),
               fact(case, "AccountRenamed", name="Rent"))
    compare_at_last(case, [*life(case, 2), strange[round(case.size * 2)]], "UNKNOWN_EVENT")


def compare_at_last(case: Case, events: list[Event], hint: str) -> None:
    """Blame with `hint` whatever goes wrong at these events, an error too."""
    try:
        compare_states(case, events, hint)
    except AnswerRaised as error:
        case.history.note(f"{label(events[-1])} → {error.type}", node=ACCOUNT)
        case.blame(hint, f"`evolve` was given {label(events[-1])}, and raised {error}", *case.entries("note"))


# --------------------------------------------------------------------------------------- q2: may it happen at all?

q2 = lab.question("q2", "What may happen", points=2, defines=("decide", "Rejected"))


def decide(case: Case, command: dict, state: State) -> list[Event] | None:
    """What the answer decides: its events, or None for a refusal. Blames what breaks a rule of the bank."""
    operation = case.history.invoke(f"{label(command)}, with {said(state)}", node="bank")
    try:
        events = case.wait(case.actor().call("decide", command, state))
    except AnswerRaised as error:
        operation.fail(str(error))
        if is_refusal(error):
            if error.type not in refusals(case):
                case.blame("WRONG_REFUSAL", f"{label(command)} was refused with {error}, which is no Rejected: who "
                                            "catches Rejected does not catch it", operation.number)
            return None
        if error.line.startswith(("raise", "assert")) and error.type != "NotImplementedError":
            case.blame("WRONG_REFUSAL", f"{label(command)} was refused with {error}, and the caller waits for Rejected",
                       operation.number)
        raise
    each = events if isinstance(events, list | tuple) else [events]
    told = ", ".join(label(one) if isinstance(one, Event) else describe(one) for one in each)
    operation.ok(told or "no event")
    if forbidden(command, state):
        hint = forbidden(command, state) if any(isinstance(one, Event) for one in each) else "SILENT_REFUSAL"
        case.blame(hint, f"{label(command)}, with {said(state)}, has to be refused, and `decide` returned "
                         f"{told if events else describe(events)}", operation.number)
    if not isinstance(events, list | tuple) or not all(isinstance(one, Event) for one in events):
        case.blame("NO_LIST", f"for {label(command)} `decide` returned {told}, which is no list of events",
                   operation.number)
    return list(events)


def refusals(case: Case) -> set[str]:
    """The names of the answer's `Rejected` and of all classes that are made from it."""
    actor, found = case.actor(), set()
    waiting = case.wait(actor.method("Rejected", "mro"))[:1]
    while waiting:
        one = waiting.pop()
        found.add(actor.get(one, "__name__"))
        waiting += case.wait(actor.method(one, "__subclasses__"))
    return found


@q2.check("what the rules allow becomes one event that says what happened", histories=2)
def allowed(case: Case):
    balance, some = case.random.randint(50, 99), case.random.randint(10, 49)
    rich, nothing = {"open": True, "balance": balance}, folded([])
    commands = [(OPEN, nothing), (deposit(some), rich), (withdraw(some), rich)]
    if case.size:
        commands = [(withdraw(balance), rich), (CLOSE, {"open": True, "balance": 0}),
                    (deposit(1), {"open": True, "balance": -some}), (OPEN, {"open": False, "balance": some})]
    for command, state in commands:
        events, entry = decide(case, command, state), case.entries()[-1]
        if events is None:
            case.blame("REFUSES_ALLOWED", f"{label(command)}, with {said(state)}, is within the rules, and was refused",
                       entry)
        due = label({**command, "type": FACTS[command["type"]]})
        if [label(one) for one in events] != [due]:
            case.blame("WRONG_EVENT", f"{label(command)} has to become the event {due}, and became "
                                      f"{', '.join(map(label, events)) or 'nothing'}", entry)


@q2.check("what the rules forbid is refused with Rejected", histories=4)
def refused(case: Case):
    balance, some = case.random.randint(50, 99), case.random.randint(10, 49)
    rich, nothing = {"open": True, "balance": balance}, folded([])
    against = ([(withdraw(balance + some), rich), (withdraw(balance + 1), rich)],
               [(deposit(some), nothing), (withdraw(some), {"open": False, "balance": balance}), (CLOSE, nothing),
                (OPEN, rich)],
               [(kind(amount), rich) for amount in (-some, 0) for kind in (withdraw, deposit)],
               [(CLOSE, rich), (CLOSE, {"open": True, "balance": -some})])
    for command, state in against[round(case.size * 3)]:
        decide(case, command, state)


# -------------------------------------------------------------------------------------- a real store, and its tellers

START, LONG = 2.5, 5.0
"""Seconds after which the second teller begins, and that the slow call of the first one takes."""
ATTEMPTS = 5
TELLERS = ("teller-1", "teller-2")
Call = Callable[..., Generator]
"""What calls the answer at one teller, with a stream and a command."""


@dataclass
class Append:
    """One append of a teller: what it gave, and the stream's version when the store looked."""

    events: list[Event]
    expected: Any
    before: int
    taken: bool
    entry: int


@dataclass
class Deed:
    """One command at one teller, what it did to the store on the way, and how it ended."""

    teller: str
    stream: str
    command: dict
    reads: list[int] = field(default_factory=list)
    """The versions of the stream that it saw."""
    appends: list[Append] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    """The history's entries of all its calls of the store."""
    astray: list[int] = field(default_factory=list)
    """Of these, the ones about another stream."""
    entry: int = 0
    value: Any = None
    error: AnswerRaised | None = None
    """A conflict, a refusal, or what the answer raised on purpose."""

    @property
    def taken(self) -> list[Append]:
        return [one for one in self.appends if one.taken]

    @property
    def entries(self) -> list[int]:
        """What proves something about it: of a long one, its first calls and its last."""
        return [self.entry, *(self.calls if len(self.calls) < 7 else self.calls[:4] + self.calls[-2:])]


@dataclass
class Save:
    """A snapshot that a teller has saved, and the stream's version at that moment."""

    teller: str
    stream: str
    state: Any
    version: int
    at: int
    entries: list[int]
    """The teller's last calls before it, and itself."""


class Ledger:
    """An event store behind a Port for each teller. What they do takes a moment each, and is in the history."""

    def __init__(self, case: Case):
        self.case, self.store = case, EventStore(env=case.world)
        self.deeds: list[Deed] = []
        self.saves: list[Save] = []
        self.slow: dict[tuple[str, int], float] = {}
        """(teller, which of the calls that it makes for a command) -> the seconds that this one takes. Call 0 is what
        it does before."""
        self.payments = 0
        """So many times a payment arrives a moment before an append."""
        self.rows = 0
        """Events that were handed out to whoever read."""
        self._now: dict[str, Deed] = {}

    def give(self, stream: str, *events: Event, node: str = "store", when: str = "") -> None:
        """Events of the past, or of somebody else, and what the stream holds then. `when`: the time to show."""
        self.store.append(stream, list(events))
        version, balance = self.store.version(stream), self.state(stream)["balance"]
        what = f", {label(events[-1])}{f' of {when}' if when else ''}" if len(events) == 1 else ""
        self.case.history.note(f"{stream}: version {version}{what}, balance {balance}", node=node)

    def state(self, stream: str, version: int | None = None) -> State:
        return folded([one.event for one in self.store.read(stream, limit=version)])

    def port(self, teller: str, snapshots: bool = False) -> Port:
        """The store as one teller sees it."""
        def read(stream, after=0, limit=None):
            return self._read(self._now[teller], stream, after, limit)

        def version(stream):
            return self._version(self._now[teller], stream)

        def append(stream, events, expected=ANY):
            return self._append(self._now[teller], stream, events, expected)

        def load_snapshot(stream):
            return self._load(self._now[teller], stream)

        def save_snapshot(stream, state, version):
            return self._save(self._now[teller], stream, state, version)

        verbs = [read, version, append, load_snapshot, save_snapshot][:5 if snapshots else 3]
        return Port("store", verbs={verb.__name__: verb for verb in verbs})

    def begin(self, deed: Deed) -> Deed:
        """From now on the teller's calls are for this."""
        self._now[deed.teller] = deed
        return deed

    def _call(self, deed: Deed, stream: str, what: str, act: Callable[[], tuple[Any, str]]) -> Generator:
        """One call: it takes a moment, and at its end `act` happens, all at once."""
        operation = self.case.history.invoke(what)
        deed.calls.append(operation.number)
        if stream != deed.stream:
            deed.astray.append(operation.number)
        moment = self.case.random.randint(5, 30) / 100
        yield self.slow.get((deed.teller, len(deed.calls)), moment)
        try:
            value, told = act()
        except WrongExpectedVersion as error:
            operation.fail(f"WrongExpectedVersion, it is at {error.current}")
            raise
        except EvlabError as error:
            operation.fail(f"{type(error).__name__}: {error.what}")
            raise
        operation.ok(told)
        return value

    def _read(self, deed: Deed, stream: str, after: int, limit: int | None) -> Generator:
        def act():
            rows = list(self.store.read(stream, after, limit))
            self.rows += len(rows)
            deed.reads.append(self.store.version(stream))
            return self._handed_out(stream, rows)

        return self._call(deed, stream, f"read {stream}" + (f" after {describe(after)}" if after else ""), act)

    def _version(self, deed: Deed, stream: str) -> Generator:
        def act():
            found = self.store.version(stream)
            return found, str(found)

        return self._call(deed, stream, f"version of {stream}", act)

    def _append(self, deed: Deed, stream: str, events: Any, expected: Any) -> Generator:
        given = [events] if isinstance(events, Event) else events if isinstance(events, list | tuple) else []
        named = ", ".join(label(one) for one in given if isinstance(one, Event))

        def act():
            if self.payments:
                self.payments -= 1
                self.give(stream, fact(self.case, "Deposited", amount=1), node="payroll")
            tried = Append(list(given), expected, self.store.version(stream), False, deed.calls[-1])
            try:
                rows = self.store.append(stream, events, expected)
            except WrongExpectedVersion:
                deed.appends.append(tried)
                raise
            tried.taken = True
            deed.appends.append(tried)
            return self._handed_out(stream, rows)

        expects = "" if expected is ANY else f", expected={describe(expected)}"
        return self._call(deed, stream, f"append {named}{expects}", act)

    def _handed_out(self, stream: str, rows: list[Recorded]) -> tuple[list[Port], str]:
        """Recorded events as an answer sees them, and what there is to say of the stream."""
        return handed_out(rows), f"version {self.store.version(stream)}, balance {self.state(stream)['balance']}"

    def _load(self, deed: Deed, stream: str) -> Generator:
        def act():
            found = self.store.load_snapshot(stream)
            if found is None:
                return None, "none"
            return Port("the snapshot", state=found.state, version=found.version), f"version {found.version}"

        return self._call(deed, stream, f"load_snapshot {stream}", act)

    def _save(self, deed: Deed, stream: str, state: Any, version: int) -> Generator:
        def act():
            self.store.save_snapshot(stream, state, version)
            self.saves.append(Save(deed.teller, stream, state, version, self.store.version(stream), deed.calls[-4:]))
            return None, said(state)

        return self._call(deed, stream, f"save_snapshot {stream}, version {describe(version)}", act)

    def run(self, *orders: tuple[str, str, dict, Call]) -> list[Deed]:
        """Let tellers work at the same time. An order: teller, stream, command, and what calls the answer with the
        last two. Their deeds, in that order, when all are done."""
        deeds = [Deed(teller, stream, command) for teller, stream, command, _ in orders]
        self.deeds += deeds

        def together():
            yield from [self.case.world.spawn(self._do(deed, order[-1]), deed.teller)
                        for deed, order in zip(deeds, orders, strict=True)]

        self.case.wait(together(), "bank")
        return deeds

    def _do(self, deed: Deed, call: Call) -> Generator:
        self.begin(deed)
        yield self.slow.get((deed.teller, 0), 0)
        operation = self.case.history.invoke(label(deed.command))
        deed.entry = operation.number
        try:
            deed.value = yield from call(deed.stream, deed.command)
        except AnswerRaised as error:
            conflict = error.type == "WrongExpectedVersion"
            where = f"line {error.number} of your code, `{error.line}`,"
            if error.text.startswith("time.sleep"):
                self.case.blame("SLEEPS", f"{where} sleeps between two attempts", deed.entry)
            if error.text.startswith("'WrongExpectedVersion' object has no"):
                self.case.blame("RETRIES_OLD_DECISION", f"{where} wants a version from the conflict, which only says "
                                                        "that somebody was faster", *deed.entries)
            operation.fail(error.type if conflict else str(error))
            on_purpose = error.line.startswith("raise") and error.type != "NotImplementedError"
            if not (conflict or on_purpose or is_refusal(error)):
                raise
            deed.error = error
        else:
            operation.ok()


def handed_out(rows: list[Recorded]) -> list[Port]:
    return [Port(f"recorded {row.event.type}, version {row.version}", event=row.event, stream=row.stream,
                 version=row.version, position=row.position) for row in rows]


def judge_new(case: Case, node: str, entries: list[int]) -> None:
    """Blame for a `NEW` that is new no more: whatever went wrong at that node, this is why."""
    new = case.wait(case.actor(node).call("states", []), node)
    if isinstance(new, list | tuple) and new and not same(new[0], folded([])):
        case.blame("NEW_CHANGED", f"`NEW`, with which every account begins, says {said(new[0])} by now", *entries)


# --------------------------------------------------------------------------------------------- q3: back to a version

q3 = lab.question("q3", "Back to a version", points=2, defines="state_at", uses=("q1",))


def travel(case: Case, ledger: Ledger, versions: list[int], late: bool = False, stream: str = ACCOUNT) -> None:
    """Ask for the states at these versions, and compare. `late`: an event's time is not where its version is."""
    rows = list(ledger.store.read(stream))
    port = Port("store", verbs={"read": lambda stream, after=0, limit=None: handed_out(
        list(ledger.store.read(stream, after, limit)))})
    for version in versions:
        got = case.wait(case.actor().call("state_at", port, stream, version))
        due = ledger.state(stream, version)
        case.history.note(f"state_at version {version} of {stream} → {said(got)}", node="auditor")
        if not same(got, due):
            entries = case.entries("note")
            text = f"after version {version} of {stream} {differ(got, due)}"
            judge_new(case, "bus", entries)
            if stream != ACCOUNT and same(got, ledger.state(ACCOUNT, version)):
                case.blame("OTHER_ACCOUNT", f"{text}, which is the state of {ACCOUNT}", *entries)
            again = case.wait(case.actor(fresh=True).call("state_at", port, stream, version))
            if same(again, due):
                case.blame("NOT_PURE", f"{text}; asked of a fresh process, it is {said(again)}", *entries)
            then = [n for n in range(len(rows) + 1) if same(got, ledger.state(stream, n))]
            if late and any(same(got, folded(events)) for events in by_time(rows, version)):
                case.blame("BY_TIME", f"{text}, as if the events were put in the order of their `time`", *entries)
            by_place = folded([row.event for row in rows if row.position <= version])
            if rows[-1].position > len(rows) and same(got, by_place):
                case.blame("BY_POSITION", f"{text}, as if {version} were a position in the whole store", *entries)
            if then and min(then) > version:
                case.blame("LATER_EVENT", f"{text}, which includes version {version + 1}, {label(rows[version].event)}",
                           *entries)
            if version - 1 in then:
                case.blame("MISSES_EVENT", f"{text}, which lacks version {version}, {label(rows[version - 1].event)}",
                           *entries)
            case.blame("WRONG_STATE", text + (f", as after version {then[0]}" if then else ""), *entries)


def by_time(rows: list[Recorded], version: int) -> list[list[Event]]:
    """What is counted by those who go by time: the first so many, or all up to the time of that event."""
    events = sorted((row.event for row in rows), key=lambda event: event.time)
    until = rows[version - 1].event.time if version else None
    return [events[:version], [event for event in events if until and event.time <= until]]


@q3.check("the state after a version is that of the events up to it", histories=3)
def time_travel(case: Case):
    ledger = Ledger(case)
    other, events = life(case, 2), life(case, case.pick(3, 5))
    while folded(other) == folded(events[:2]):  # else the one account could pass for the other
        other = life(case, 2)
    ledger.give(OTHER, *other)
    for event in events:
        ledger.give(ACCOUNT, event)
    newest = ledger.store.version(ACCOUNT)
    travel(case, ledger, [newest, newest - 1, 0] if case.size == 0 else list(range(newest, -1, -1)))
    if case.size:  # another account, and one more event
        travel(case, ledger, [2, 1], stream=OTHER)
        ledger.give(ACCOUNT, fact(case, "Deposited", amount=case.random.randint(10, 99)))
        travel(case, ledger, [newest + 1])


@q3.check("an event that was booked late counts from its own version on", histories=2)
def booked_late(case: Case):
    ledger, events = Ledger(case), life(case, case.pick(4, 6))
    late = case.random.randint(2, len(events) - 1)
    for number, event in enumerate(events):
        time = event.time + (timedelta(minutes=1) if number == late else timedelta(hours=number))
        dated = Event(type=event.type, data=event.data, source="bank", key=ACCOUNT, id=event.id, time=time)
        ledger.give(ACCOUNT, dated, when=f"{time:%H:%M}")
    travel(case, ledger, list(range(len(events), -1, -1)), late=True)


# ------------------------------------------------------------------------------------ q4: two tellers, one account

q4 = lab.question("q4", "Two tellers, one account", points=3, defines="handle", uses=("q1", "q2"))


def handle_at(case: Case, ledger: Ledger, teller: str, *more) -> Call:
    port = ledger.port(teller)
    return lambda stream, command: case.actor(teller).call("handle", port, stream, command, *more)


def judge_alone(ledger: Ledger, deed: Deed) -> None:
    """One command, with nobody else at work: it is appended once, or refused if the rules say so."""
    case, what, taken = ledger.case, label(deed.command), deed.taken
    judge_astray(case, deed)
    version = taken[0].before if taken else ledger.store.version(deed.stream)
    state = ledger.state(deed.stream, version)
    if forbidden(deed.command, state):
        if taken:
            judge_new(case, deed.teller, deed.entries)
            case.blame("SKIPS_DECIDE", f"{what}, with {said(state)}, is against the rules, and was appended",
                       *deed.entries)
        if deed.error is not None and not is_refusal(deed.error):
            case.blame("WRONG_REFUSAL", f"{what}, with {said(state)}, is against the rules, and `handle` raised "
                                        f"{deed.error} instead of Rejected", *deed.entries)
        if deed.error is not None and len(deed.calls) >= ATTEMPTS:
            case.blame("RETRIES_REFUSAL", f"{what}, with {said(state)}, is against the rules, and `handle` has asked "
                                          f"{len(deed.reads)} times", *deed.entries)
        if deed.error is None:
            case.blame("SWALLOWS_REFUSAL", f"{what}, with {said(state)}, is against the rules, and `handle` returned "
                                           f"{describe(deed.value)} instead of raising Rejected", *deed.entries)
        return
    in_vain = next((one for one in deed.appends if not one.taken), None)
    if not deed.reads and (in_vain or deed.error):
        case.blame("REMEMBERS", f"{deed.stream} has grown to version {version}, and {what} was decided without reading "
                                "it", *case.entries("note"), *deed.entries)
    if in_vain:
        last = list(ledger.store.read(deed.stream, limit=version))[-1:]
        why = [(version + 1, ", the version that the new event would have")] + [
            pair for row in last for pair in ((row.position, ", its position in the whole store"),
                                              (row.event.version, ", which is `event.version`"))]
        case.blame("WRONG_VERSION", f"{deed.stream} was at version {version}, nobody else was at work, and the append "
                                    f"expected {describe(in_vain.expected)}{dict(why).get(in_vain.expected, '')}",
                   *deed.calls[:2])
    judge_once(ledger, deed)
    if deed.error is not None:
        judge_new(case, deed.teller, deed.entries)
        case.blame("WRONGLY_REFUSED", f"{what}, with {said(state)}, is within the rules, and `handle` refused it: "
                                      f"{deed.error}", *deed.entries)
    judge_paid(ledger, deed)


def judge_astray(case: Case, deed: Deed) -> None:
    """A command about one account has nothing to do with another."""
    for entry in deed.astray:
        case.blame("OTHER_ACCOUNT", f"{deed.stream} was asked for, and your code called `{case.history[entry].what}`",
                   entry)


def judge_once(ledger: Ledger, deed: Deed) -> None:
    """An append that worked is the last thing that a command does."""
    what, taken = label(deed.command), deed.taken
    if len(taken) > 1:
        ledger.case.blame("GOES_ON", f"one {what} was appended {len(taken)} times", *deed.entries)
    if taken and deed.error is not None:
        ledger.case.blame("GOES_ON", f"{what} was appended as version {taken[0].before + 1}, `handle` went on, and "
                                     f"{deed.error.type} came out", *deed.entries)


def judge_paid(ledger: Ledger, deed: Deed) -> None:
    """`handle` has returned: the event is in the store, once, and the teller was told which it is."""
    case, what, taken = ledger.case, label(deed.command), deed.taken
    judge_once(ledger, deed)
    if not taken and deed.appends:
        case.blame("SWALLOWS_CONFLICT", f"the store refused {times(len(deed.appends))}, `handle` returned "
                                        f"{describe(deed.value)}, and {deed.teller} takes {what} for done",
                   *deed.entries)
    if not taken:
        case.blame("NOTHING_APPENDED", f"`handle` returned {describe(deed.value)} for {what}, and has appended nothing",
                   *deed.entries)
    events = deed.value if isinstance(deed.value, list | tuple) else []
    if [one.fields.get("version") for one in events if isinstance(one, Port)] != [taken[0].before + 1]:
        case.blame("NOT_TOLD", f"{what} is version {taken[0].before + 1} of {deed.stream} now, and `handle` returned "
                               f"{describe(deed.value)}", *deed.entries)


def judge_money(ledger: Ledger) -> None:
    """In every prefix of what was appended, each withdrawal found its money there."""
    case, every = ledger.case, [(one.before, deed, one) for deed in ledger.deeds for one in deed.taken]
    for before, deed, one in sorted(every, key=lambda item: item[0]):
        after = ledger.state(deed.stream, before + len(one.events))["balance"]
        if after >= 0:
            continue
        before_it = [(other, its) for at, other, its in every if other is not deed and at < before]
        rival, first = before_it[0] if before_it else (deed, one)
        looked = next((entry for entry in deed.calls if case.history[entry].what.startswith("read")), deed.entry)
        entries = [looked, first.entry, one.entry]
        if len(case.history) > SHORT:
            entries += [*rival.entries, *deed.entries]
        seen, now = (ledger.state(deed.stream, version)["balance"] for version in (min(deed.reads, default=0), before))
        text = (f"{deed.teller} read a balance of {seen}, {rival.teller} took {rival.command['amount']}, and then "
                f"{deed.teller} appended {label(one.events[0])} to a balance of {now}")
        if not isinstance(one.expected, int):
            case.blame("LOST_UPDATE", f"{text}; without an expected version it went through and left {after}", *entries)
        refused = [event.id for other in deed.appends if not other.taken for event in other.events]
        if one.events[0].id in refused:
            case.blame("RETRIES_OLD_DECISION", f"{text}; the store had refused it, and it came again with expected="
                                               f"{one.expected}, and left {after}", *entries)
        if refused:
            case.blame("OLD_STATE", f"{text}; the store had refused its first attempt, and the second was decided on a "
                                    f"state that the stream does not have, and left {after}", *entries)
        case.blame("STALE_DECISION", f"{text}; the version that it expected, {one.expected}, was read after the "
                                     f"balance, so it went through, and left {after}", *entries)


def judge_losers(ledger: Ledger, deeds: list[Deed]) -> None:
    """Nobody is sent away whose money is there."""
    for deed in deeds:
        what, balance = label(deed.command), ledger.state(deed.stream)["balance"]
        if deed.error is None or forbidden(deed.command, ledger.state(deed.stream)):
            continue
        if len(deed.appends) > 1 and len({one.expected for one in deed.appends}) == 1:
            ledger.case.blame("OLD_VERSION", f"{deed.teller} lost the race, and made {times(len(deed.appends))} with "
                                             f"expected={deed.appends[0].expected}; the stream was at version "
                                             f"{deed.appends[-1].before}", *deed.entries)
        if deed.error.type == "WrongExpectedVersion":
            ledger.case.blame("GIVES_UP", f"{deed.teller} lost the race, and WrongExpectedVersion came out after "
                                          f"{times(len(deed.appends))}; {ATTEMPTS} are allowed", *deed.entries)
        ledger.case.blame("CONFLICT_AS_REFUSAL", f"{deed.teller} lost the race and refused {what}, and the balance is "
                                                 f"{balance}", *deed.entries)


def times(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def race(case: Case, ledger: Ledger, slow: int, enough: bool, call: Callable[[str], Call]) -> None:
    """Two tellers withdraw at once: before call number `slow` of one of them the other begins and ends; 0 leaves it to
    chance. `enough`: there is money for both."""
    balance = 10 * case.random.randint(8, 12)
    low, high = (10, balance // 2) if enough else (balance // 2 + 1, balance)
    ledger.give(ACCOUNT, fact(case, "AccountOpened"), fact(case, "Deposited", amount=balance))
    first, second = case.random.sample(TELLERS, 2)
    ledger.slow = {(first, slow): LONG, (second, 0): START} if slow else {}
    deeds = ledger.run(*((teller, ACCOUNT, withdraw(case.random.randint(low, high)), call(teller))
                         for teller in TELLERS))
    for deed in deeds:
        judge_astray(case, deed)
    judge_money(ledger)
    for deed in deeds:
        if deed.error is None:
            judge_paid(ledger, deed)
    if enough:
        judge_losers(ledger, deeds)


def exhaust(case: Case, allowed: int, ledger: Ledger, call: Call) -> None:
    """A command with so many attempts, on an account that changes before each append."""
    ledger.give(ACCOUNT, fact(case, "AccountOpened"), fact(case, "Deposited", amount=100))
    ledger.payments = ATTEMPTS + 2
    deed = ledger.run(("teller-1", ACCOUNT, withdraw(case.random.randint(10, 90)), call))[0]
    tried, text = len(deed.appends), f"a payment arrives before each append; attempts={allowed}"
    if tried > allowed:
        hint = "ONE_TOO_MANY" if tried == allowed + 1 else "RETRIES_FOREVER" if deed.taken else "IGNORES_ATTEMPTS"
        case.blame(hint, f"{text}, and {times(tried)} were made", *deed.entries)
    if deed.error is None:
        return judge_paid(ledger, deed)
    if deed.error.type != "WrongExpectedVersion":
        case.blame("CONFLICT_AS_REFUSAL", f"{text}; after {times(tried)} in vain {deed.error.type} came out, and the "
                                          f"balance is {ledger.state(ACCOUNT)['balance']}", *deed.entries)
    if tried < allowed:
        case.blame("GIVES_UP", f"{text}, and WrongExpectedVersion came out after {times(tried)}", *deed.entries)


@q4.check("alone, a command is decided on what the store holds", histories=3)
def alone(case: Case):
    ledger, number = Ledger(case), round(case.size * 2)
    stream, other = ((ACCOUNT, OTHER), (OTHER, ACCOUNT), (FRESH, OTHER))[number]
    ledger.give(other, *life(case, 3))
    call = handle_at(case, ledger, "teller-1")
    if stream == FRESH:
        commands = [OPEN, deposit(case.random.randint(50, 99)), withdraw(40)]
    else:
        ledger.give(stream, *life(case, case.pick(2, 4)))
        balance = ledger.state(stream)["balance"]
        some = case.random.randint(1, balance // 2)
        commands = [withdraw(some), withdraw(balance - some + 1), withdraw(balance)]
    for place, command in enumerate(commands):
        if place == 2 and stream != FRESH:
            ledger.give(stream, fact(case, "Deposited", amount=some), node="payroll")
        try:
            judge_alone(ledger, ledger.run(("teller-1", stream, command, call))[0])
        except AnswerRaised as error:
            if command["type"] != "Open":
                raise
            case.blame("EMPTY_STREAM", f"{stream} has no events yet, and `handle` raised {error}", *case.entries())


@q4.check("no withdrawal is paid with money that is gone", histories=4)
def no_overdraft(case: Case):
    ledger = Ledger(case)
    race(case, ledger, (2, 3, 4, 0)[round(case.size * 3)], False, lambda teller: handle_at(case, ledger, teller))


@q4.check("who loses the race reads and decides again", histories=3)
def decides_again(case: Case):
    ledger = Ledger(case)
    race(case, ledger, (2, 3, 0)[round(case.size * 2)], True, lambda teller: handle_at(case, ledger, teller))


@q4.check("after the last attempt the conflict comes out", histories=3)
def gives_up(case: Case):
    ledger, allowed = Ledger(case), (2, 1, 4)[round(case.size * 2)]
    exhaust(case, allowed, ledger, handle_at(case, ledger, "teller-1", allowed))


# ---------------------------------------------------------------------------------------- q5: begin at a snapshot

q5 = lab.question("q5", "Begin at a snapshot", points=4, defines="Bank", uses=("q1", "q2"))


class Banks:
    """A Bank of the answer at each teller, on one ledger."""

    def __init__(self, case: Case, ledger: Ledger, every: int):
        self.case, self.ledger, self.every = case, ledger, every
        self._banks: dict[str, Any] = {}

    def _bank(self, teller: str) -> Generator:
        if teller not in self._banks:
            port = self.ledger.port(teller, snapshots=True)
            self._banks[teller] = yield from self.case.actor(teller).call("Bank", port, self.every)
        return self._banks[teller]

    def handle_at(self, teller: str, *more) -> Call:
        def handle(stream: str, command: dict):
            bank = yield from self._bank(teller)
            return (yield from self.case.actor(teller).method(bank, "handle", stream, command, *more))

        return handle

    def load(self, teller: str, stream: str) -> tuple[Any, Any, int, list[int]]:
        """What `load` says, state and version; how many events it has read; and the history's entries about it."""
        before, deed = self.ledger.rows, self.ledger.begin(Deed(teller, stream, {}))

        def load():
            operation = self.case.history.invoke(f"load {stream}")
            deed.entry = operation.number
            bank = yield from self._bank(teller)
            pair = yield from self.case.actor(teller).method(bank, "load", stream)
            operation.ok(f"{said(pair[0])}; version {describe(pair[1])}" if is_pair(pair) else describe(pair))
            return pair

        pair = self.case.wait(load(), teller)
        judge_astray(self.case, deed)
        if not is_pair(pair) or isinstance(pair[1], dict):
            self.case.blame("LOAD_SHAPE", f"`load` returned {describe(pair)}, and not the pair of state and version",
                            *deed.entries)
        return *pair, self.ledger.rows - before, deed.entries


def is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def judge_load(ledger: Ledger, stream: str, kept: dict[str, int], loaded: tuple[Any, Any, int, list[int]]) -> None:
    """What `load` says of a stream. `kept`: the versions of the snapshots that are there, by stream."""
    case, (state, version, _, entries) = ledger.case, loaded
    newest, due, at = ledger.store.version(stream), ledger.state(stream), kept.get(stream, 0)
    entries = [*case.entries("note"), *entries]
    snapshot = f"the snapshot of {stream} is of version {at}" if at else f"{stream} has no snapshot"
    if same(state, due):
        last = list(ledger.store.read(stream))[-1:]
        if last and version == last[0].position != newest:
            case.blame("BY_POSITION", f"{stream} is at version {newest}, and `load` says {version}, its position in "
                                      "the whole store", *entries)
        if version != newest:
            case.blame("COUNTS_EVENTS", f"{stream} is at version {newest}, and `load` says {describe(version)}; "
                                        f"{snapshot}", *entries)
        return
    rows = {name: [row.event for row in ledger.store.read(name)] for name in (*kept, stream)}
    own, text = rows[stream], f"at version {newest} of {stream} {differ(state, due)}"
    wrong = [("STOPS_AT_SNAPSHOT", own[:at], f"what came after version {at} is not in it"),
             ("COUNTED_TWICE", own[:at] + own, "the events that it holds were added again"),
             ("COUNTED_TWICE", own[:at] + own[at - 1:], f"version {at} is in it, and was added again"),
             ("SKIPS_EVENT", own[:at] + own[at + 1:], f"version {at + 1} was left out")] if at else []
    wrong += [("OTHER_ACCOUNT", rows[name][:number] + own[number:], f"it comes out if one begins with what {name} held")
              for name, number in kept.items() if name != stream]
    for hint, events, why in wrong:
        if same(state, folded(events)):
            case.blame(hint, f"{text}; {snapshot}, and {why}", *entries)
    judge_new(case, "teller-1", entries)
    case.blame("WRONG_STATE", f"{text}; {snapshot}", *entries)


def judge_saves(ledger: Ledger) -> None:
    """Each snapshot is the state of its own stream at its own version, which the stream had reached."""
    case = ledger.case
    for save in ledger.saves:
        about = f"the snapshot of {save.stream} says version {save.version}"
        appends = sorted(one.entry for deed in ledger.deeds for one in deed.taken)
        entries = save.entries + [entry for entry in appends if entry < save.entries[-1]][-2:]
        if save.version > save.at:
            case.blame("TOO_EARLY", f"{about}, and when it was saved the stream was at version {save.at}", *entries)
        due = ledger.state(save.stream, save.version)
        if not same(save.state, due):
            judge_new(case, save.teller, entries)
            near = [n for n in (save.version - 1, save.version + 1) if same(save.state, ledger.state(save.stream, n))]
            events = [row.event for row in ledger.store.read(save.stream, limit=save.version)]
            if events and not near and same(save.state, folded([*events, events[-1]])):
                case.blame("ADDED_TWICE", f"{about}, and in it {differ(save.state, due)}: {label(events[-1])} is in it "
                                          "twice", *entries)
            why = f": that was version {near[0]}" if near else ""
            case.blame("SNAPSHOT_OFF", f"{about}, and in it {differ(save.state, due)}{why}", *entries)


@q5.check("a state is the snapshot and what came after it", histories=3)
def from_a_snapshot(case: Case):
    ledger, size = Ledger(case), case.random.randint(6, 8)
    banks, kept = Banks(case, ledger, 10), {}
    ledger.give(OTHER, *life(case, 3))
    ledger.give(ACCOUNT, *life(case, size))
    if case.size:
        kept = {ACCOUNT: case.random.randint(3, size - 2), OTHER: 2}
    for stream, version in kept.items():
        ledger.store.save_snapshot(stream, ledger.state(stream, version), version)
        case.history.note(f"snapshot of {stream}: version {version}, {said(ledger.state(stream, version))}",
                          node="store")
    for stream in (ACCOUNT, OTHER, FRESH):
        judge_load(ledger, stream, kept, banks.load("teller-1", stream))


@q5.check("two banks know nothing of each other", histories=1)
def two_banks(case: Case):
    ledgers = [Ledger(case), Ledger(case)]
    for number, ledger in enumerate(ledgers, 1):
        ledger.give(ACCOUNT, *life(case, 1 + number), node=f"store-{number}")
    banks = [Banks(case, ledger, 10) for ledger in ledgers]
    for number in (1, 2, 1):
        due = ledgers[number - 1].state(ACCOUNT)
        state, version, _, entries = banks[number - 1].load("teller-1", ACCOUNT)
        if not same(state, due) or version != 1 + number:
            case.blame("ONE_FOR_ALL", f"the bank on store-{number} says version {describe(version)}, {said(state)}; "
                                      f"in its store there is version {1 + number}, {said(due)}",
                       *case.entries("note"), *entries)


@q5.check("a load reads what the snapshot does not hold, and no more", histories=1)
def reads_little(case: Case):
    ledger, kept, more = Ledger(case), case.random.randint(8, 12), case.random.randint(2, 4)
    ledger.give(ACCOUNT, *life(case, kept + more))
    ledger.store.save_snapshot(ACCOUNT, ledger.state(ACCOUNT, kept), kept)
    *_, read, entries = Banks(case, ledger, kept).load("teller-1", ACCOUNT)
    if read > more:
        case.blame("READS_ALL", f"{ACCOUNT} has {kept + more} events, its snapshot holds {kept}; `load` read {read}",
                   *case.entries("note"), *entries)


@q5.check("a snapshot is kept in time, and is the state at its version", histories=3)
def keeps_snapshots(case: Case):
    ledger, every = Ledger(case), (2, 4, 3)[round(case.size * 2)]
    banks, streams = Banks(case, ledger, every), [ACCOUNT] if case.size == 0 else [ACCOUNT, OTHER]
    call = banks.handle_at("teller-1")
    for stream in streams:
        ledger.give(stream, *life(case, 2))
    for number in range(2 * every * len(streams)):
        command = deposit(case.random.randint(10, 99)) if number % 3 else withdraw(1 + number)
        stream, teller = streams[number % len(streams)], TELLERS[number // len(streams) % 2 if case.size == 1 else 0]
        judge_alone(ledger, ledger.run((teller, stream, command, banks.handle_at(teller)))[0])
        judge_saves(ledger)
        judge_kept(banks, stream, 2)
    too_much = withdraw(ledger.state(ACCOUNT)["balance"] + 1)
    judge_alone(ledger, ledger.run(("teller-1", ACCOUNT, too_much, call))[0])
    for stream in streams:
        newest, last = ledger.store.version(stream), max(save.version for save in ledger.saves if save.stream == stream)
        for teller in TELLERS:
            *_, read, entries = banks.load(teller, stream)
            if read > newest - last:
                case.blame("READS_ALL", f"{stream} has {newest} events, its snapshot holds {last}; `load` at {teller} "
                                        f"read {read}", *entries)
        saves = [save.entries[-1] for save in ledger.saves if save.stream == stream]
        if len(saves) > newest // every * (2 if case.size == 1 else 1):  # what one teller saves, the other may not know
            case.blame("SNAPSHOT_EACH_TIME", f"{stream} has {newest} events, every={every}, and {len(saves)} snapshots "
                                             "were saved", *saves[-3:])


def judge_kept(banks: Banks, stream: str, given: int) -> None:
    """A snapshot was kept in time. `given`: how many events the stream had before all commands."""
    case, ledger, every = banks.case, banks.ledger, banks.every
    newest, saves = ledger.store.version(stream), [save for save in ledger.saves if save.stream == stream]
    if newest - max([given, *(save.version for save in saves)]) > every:
        *_, read, entries = banks.load("teller-2", stream)
        case.blame("NO_SNAPSHOT", f"{stream} has {newest} events, every={every}, saved snapshots: {len(saves)}, and a "
                                  f"load still reads {read} events", *(save.entries[-1] for save in saves[-1:]),
                   *entries)


@q5.check("snapshots change nothing about a race", histories=5)
def races_with_snapshots(case: Case):
    ledger, number = Ledger(case), round(case.size * 4)
    banks = Banks(case, ledger, 3)
    if number == 4:
        exhaust(case, 3, ledger, banks.handle_at("teller-1", 3))
    else:
        race(case, ledger, (3, 3, 4, 0)[number], number in (1, 2), banks.handle_at)
    judge_saves(ledger)
