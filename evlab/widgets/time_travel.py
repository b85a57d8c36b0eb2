"""The playground of notebook 04: an account's past under a slider, and a bug that only a replay finds.

It is a real `EventStore` behind a real `CommandHandler`. The slider asks `state_at`, nothing else; the events that lie
after it are still there. The bug is in `evolve`, so turning it off mends every balance, and changes no event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import Any, ClassVar

from evlab.decider import CommandHandler, Decider, Rejected
from evlab.event import Event
from evlab.recorded import Recorded
from evlab.sim.world import World
from evlab.store import EventStore
from evlab.viz.steps import Step, steps
from evlab.widgets.base import Playground
from evlab.widgets.view import Button, Note, Slider, Table, Toggle

__all__ = ["TimeTravel"]

STREAM = "savings-c-42"
EVENTS, MOST = 12, 24
"""How many events there are at first, and how many the picture has room for."""
PAID_IN = ("salary", "a gift", "sold the old bike", "tax came back", "birthday money", "second salary")
PAID_OUT = {"rent": 210, "cash machine": 80, "train to Leipzig": 39, "phone bill": 25, "dentist": 120, "books": 42,
            "winter coat": 110, "concert": 65, "gym": 35}
BETWEEN = 60 * 3600.0
"""Virtual seconds from one event to the next: two days and a half."""


@dataclass(frozen=True)
class Deposit:
    """Pay in so many euros; `in_cents`: the app says it in cents, in a field of another name."""

    amount: int
    why: str
    in_cents: bool = False


@dataclass(frozen=True)
class Withdraw:
    """Pay out so many euros."""

    amount: int
    why: str


def decide(command: Deposit | Withdraw, balance: int) -> Event:
    if isinstance(command, Withdraw):
        if command.amount > balance:
            raise Rejected(f"{command.amount} asked for, {balance} there")
        return Event(type="Withdrawn", data={"amount": command.amount, "why": command.why})
    amount = {"cents": command.amount * 100} if command.in_cents else {"amount": command.amount}
    return Event(type="Deposited", data={**amount, "why": command.why})


def evolve(balance: int, event: Event) -> int:
    return balance + _change(event)


def evolve_with_bug(balance: int, event: Event) -> int:
    """Written before the app was: it has never heard of cents."""
    sign = {"Deposited": 1, "Withdrawn": -1}.get(event.type, 0)
    return balance + sign * event.data.get("amount", 0)


def _change(event: Event) -> int:
    amount = event.data["cents"] // 100 if "cents" in event.data else event.data.get("amount", 0)
    return -amount if event.type == "Withdrawn" else amount


class TimeTravel(Playground):
    """One account, its events, and a slider over their versions."""

    name: ClassVar[str] = "time-travel"
    title: ClassVar[str] = "One account, at any version"
    lead: ClassVar[str] = "Move the slider, or press the arrow keys on it. Then ship the bug, and find what it broke."

    def start(self, seed: int) -> None:
        self.world = World(seed)
        self.store = EventStore(env=self.world)
        self.bug = self.compared = False
        with self.world:
            self.store.append(STREAM, Event(type="AccountOpened", data={"owner": "Amina Diallo"}))
        for command in _past(Random(seed)):
            self._handle(command)
        self.at = EVENTS
        self.said = ""

    @property
    def handler(self) -> CommandHandler:
        """The write side, with the `evolve` that is shipped now."""
        return CommandHandler(self.store, Decider(0, decide, evolve_with_bug if self.bug else evolve), STREAM)

    @property
    def events(self) -> list[Recorded]:
        return list(self.store.read(STREAM))

    def _handle(self, command: Deposit | Withdraw) -> Recorded:
        self.world.run(until=self.world.now() + BETWEEN)
        with self.world:
            return self.handler.handle(command)[-1]

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        if name == "version":
            self.at = value
            self.said = self._sentence()
        elif name == "bug":
            self.bug, self.compared = value, False
            self.said = ("A new evolve is shipped. It reads each event from the first on, as every evolve does."
                         if value else "The fix is shipped. No event was touched, and every balance is right again.")
        elif name == "replay":
            self.compared = True
            self.at = self._parting
            self.said = f"Replayed {len(self.events)} events through both. They part at version {self.at}."
        else:
            self._ask_for(Deposit(50, "a gift") if name == "deposit" else Withdraw(100, "cash machine"))

    def _ask_for(self, command: Deposit | Withdraw) -> None:
        """Handle a command at the end of the stream, wherever the slider stands: nothing is added to the past."""
        try:
            recorded = self._handle(command)
        except Rejected as error:
            self.said = f"Rejected: {error.what}. Nothing was appended."
            return
        self.at = recorded.version
        self.said = f"Appended as version {recorded.version}. {self._sentence()}"

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        rows = [Step(_what(one.event), balance, _signed(_change(one.event)))
                for one, balance in zip(self.events, self._balances(), strict=True)]
        names = ("with the bug", "with the fix")
        picture = steps(rows, title=self._finding(), here=self.at, names=names if self.bug else ("balance", ""),
                        beside=self._balances(evolve) if self.compared else None)
        return {"controls": self._controls_now(), "pictures": [picture], "texts": self._notes(),
                "table": self._table(), "said": self.said}

    def _balances(self, fold: Callable[[int, Event], int] | None = None) -> list[int]:
        """The balance after each event, by the `evolve` that is shipped or by another one."""
        fold = fold or self.handler.decider.evolve
        return list(accumulate((one.event for one in self.events), fold, initial=0))[1:]

    def _finding(self) -> str:
        if self.compared and self.at == self._parting:
            return f"The same events, with the bug and with the fix: they part at version {self.at}"
        balance = self.handler.state_at(STREAM, version=self.at)
        return f"At version {self.at} the balance {'is' if self.at == len(self.events) else 'was'} {_number(balance)}"

    @property
    def _parting(self) -> int:
        """The first version at which the bug makes a difference."""
        pairs = zip(self._balances(evolve_with_bug), self._balances(evolve), strict=True)
        return next(version for version, (one, other) in enumerate(pairs, 1) if one != other)

    def _sentence(self) -> str:
        if not self.at:
            return "Version 0: nothing has happened yet."
        one = self.events[self.at - 1]
        balance = self.handler.state_at(STREAM, version=self.at)
        return (f"Version {self.at}, {one.recorded_at:%d %B}: {_told(one.event)}. After it, the balance was "
                f"{_number(balance)}.")

    def _notes(self) -> list[Note]:
        notes = [] if self.said.endswith(self._sentence()) else [Note(self._sentence())]
        shipped, right = self._balances()[-1], self._balances(evolve)[-1]
        if self.bug and not self.compared:
            notes.append(Note(f"Amina calls: the bank says {_number(shipped)}, and she counts {right:,}. Which "
                              "deposit did not count? Look for a plus without a step, or replay.", "bad"))
        if self.compared:
            faulty = self.events[self._parting - 1]
            cents = faulty.event.data["cents"]
            notes.append(Note(f"Version {faulty.version} says cents={cents:,}. The bug is that evolve reads amount and "
                              "nothing else. The event is right, so it stays as it is.", "good"))
        return notes

    def _table(self) -> Table:
        rows = [["\u25b8" if one.version == self.at else "", one.version, f"{one.recorded_at:%d %b %H:%M}",
                 _what(one.event), one.event.data.get("why", ""), balance]
                for one, balance in zip(self.events, self._balances(), strict=True)]
        return Table(["", "version", "recorded", "event", "why", "balance"], rows, f"The stream {STREAM}")

    def _controls_now(self) -> list:
        count = len(self.events)
        full = "" if count < MOST else "The picture is full. Reset starts again."
        alike = "" if self.bug else "There is no bug to find. Ship it first."
        return [
            Slider("version", "version", group="Time travel", low=0, high=count, value=self.at, live=True,
                   help="The arrow keys go one event back or on, Home and End to the two ends."),
            Toggle("bug", "Ship the bug", group="evolve", value=self.bug,
                   help="Swap evolve for one that was written before the app was."),
            Button("replay", "Replay through both", group="evolve", look="main" if self.bug else "plain", blocked=alike,
                   help="Fold the same events with the bug and with the fix, and go to the first difference."),
            Button("deposit", "Deposit 50", group="At the end of the stream", blocked=full,
                   help="A command. It is decided on the newest state, and appended at the end."),
            Button("withdraw", "Withdraw 100", group="At the end of the stream", blocked=full,
                   help="A command that may be rejected: the balance must not fall below 0."),
        ]

    def digest(self) -> str:
        seen = repr((self.at, self.bug, self.compared)).encode()
        return sha256(b"\n".join([seen, *(one.event.to_json() for one in self.events)])).hexdigest()


def _past(chance: Random) -> list[Deposit | Withdraw]:
    """What the account has been through; one deposit, neither early nor late, came from the app."""
    faulty, balance, commands = chance.randint(5, 8), 0, []
    paid_in, paid_out = chance.sample(PAID_IN, len(PAID_IN)), chance.sample(sorted(PAID_OUT), len(PAID_OUT))
    for version in range(2, EVENTS + 1):
        if version == faulty:
            command = Deposit(chance.randrange(60, 130, 10), "a gift, by the app", in_cents=True)
        elif PAID_OUT[paid_out[-1]] > balance:
            command = Deposit(chance.randrange(220, 400, 10), paid_in.pop())
        else:
            command = Withdraw(PAID_OUT[paid_out[-1]], paid_out.pop())
        balance += command.amount if isinstance(command, Deposit) else -command.amount
        commands.append(command)
    return commands


def _number(value: int) -> str:
    """With a minus sign that a screen reader and an eye both take for one."""
    return f"{value:,}".replace("-", "\u2212")


def _signed(change: int) -> str:
    return ("+" if change > 0 else "") + _number(change) if change else ""


def _what(event: Event) -> str:
    return f"{event.type} {abs(_change(event)):,}" if _change(event) else event.type


def _told(event: Event) -> str:
    why = event.data.get("why")
    return f"{_what(event)} ({why})" if why else f"{_what(event)} for {event.data.get('owner', 'nobody')}"
