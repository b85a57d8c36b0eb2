"""A shop whose orders are sagas of six steps, in a World: an orchestrator and three services, each on its own node.

Each step moves one thing from one account to another, in the database of its service. `Shop.complaints` reads what the
services have committed, in the order of their commits, and says what should not have been possible.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from evlab import Bus, Database, Event, EventStore, Retry, World
from evlab.inbox import Inbox
from evlab.outbox import Outbox, Relay
from evlab.saga import Orchestrator, Saga, Step

__all__ = ["ORDER", "STEPS", "Service", "Shop", "Work", "prefixes_at_fault", "shop_saga"]

ORDER = "1042"


class Work(NamedTuple):
    """What a step does: it moves one from an account to another."""

    service: str
    taken: str
    given: str
    kind: str = "compensatable"


STEPS = {
    "reserve": Work("stock", "shelf", "reserved"),
    "authorise": Work("bank", "customer", "escrow"),
    "book": Work("courier", "free", "booked"),
    "charge": Work("bank", "escrow", "merchant", "pivot"),
    "ship": Work("stock", "reserved", "shipped", "retriable"),
    "deliver": Work("courier", "booked", "used", "retriable"),
}
NAMES = list(STEPS)
PIVOT = NAMES.index("charge")
PLENTY = {"shelf", "customer", "free"}
"""Accounts that have one to begin with; all others are empty."""


def shop_saga(timeout: float = 2.0, attempts: int = 3) -> Saga:
    def asks(step: str, undo: bool = False):
        type = f"{STEPS[step].service.title()}Asked"
        return lambda state: Event(type=type, data={"step": step, "order": state["order"], "undo": undo}, source="shop")

    return Saga("order", [
        Step(name, asks(name), asks(name, undo=True) if work.kind == "compensatable" else None, timeout=timeout,
             retry=Retry(attempts=attempts, first=0.5), kind=work.kind, refused="WorkRefused")
        for name, work in STEPS.items()])


class Service:
    """Does what it is asked, once; answers as often as it is asked; refuses an action whose undo was there before it.

    refuse: {"ship": 2, "undo reserve": 1}: so many different commands for that are refused first.
    """

    def __init__(self, shop: Shop, name: str, refuse: dict[str, int]):
        self.shop, self.name, self.refuse = shop, name, refuse
        shop.world.node(name, self.boot)

    def boot(self):
        self.db = Database("service.db", self.shop.world, self.name)
        self.inbox, self.outbox = Inbox(self.db, self.name), Outbox(self.db)
        for table in ("answers (command TEXT PRIMARY KEY, reply TEXT)", "states (step TEXT PRIMARY KEY, state TEXT)",
                      "moves (number INTEGER, step TEXT, undo INTEGER)", "refusals (command TEXT, what TEXT)"):
            self.db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        self.subscribe()
        return Relay(self.outbox, lambda event: self.shop.buses[-1].publish(event), retry=0.5).follow()

    def subscribe(self) -> None:
        """To the bus that is there now: it lives and dies with the orchestrator."""
        for bus in self.shop.buses[-1:]:
            bus.subscribe(f"{self.name}.asked", self.handle, name=self.name)

    def handle(self, command: Event) -> None:
        if self.shop.deaf == (command.data["step"], command.data["undo"]):
            return
        with self.inbox.once(command) as new:
            if new:
                done = self.work(command)
                reply = command.caused("WorkDone" if done else "WorkRefused", {}, source=self.name)
                self.db.execute("INSERT INTO answers VALUES (?, ?)", (command.id, reply.to_json().decode()))
            else:
                kept = self.db.value("SELECT reply FROM answers WHERE command = ?", (command.id,))
                reply = Event.from_json(kept)
            self.outbox.add(reply)

    def work(self, command: Event) -> bool:
        step, undo = command.data["step"], command.data["undo"]
        what = f"undo {step}" if undo else step
        if self.db.value("SELECT count(*) FROM refusals WHERE what = ?", (what,)) < self.refuse.get(what, 0):
            self.db.execute("INSERT INTO refusals VALUES (?, ?)", (command.id, what))
            return False
        state = self.db.value("SELECT state FROM states WHERE step = ?", (step,))
        if state == "undone" and not undo:
            return False
        self.db.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", (step, "undone" if undo else "done"))
        if not undo or state == "done":
            self.db.execute("INSERT INTO moves VALUES (?, ?, ?)", (next(self.shop.numbers), step, undo))
        return True


    def bury(self, step: str) -> bool:
        """A person sees to it that an action which may still arrive does nothing."""
        Database("service.db", self.shop.world, self.name).execute("INSERT OR REPLACE INTO states VALUES (?, 'undone')",
                                                                   (step,))
        return True


class Shop:
    """The whole of it, and one order. deaf: (step, undo) that nobody ever answers."""

    def __init__(self, world: World, *, refuse: dict[str, int] | None = None, deaf: tuple[str, bool] | None = None,
                 kind: type[Orchestrator] = Orchestrator, service: type[Service] = Service, saga: Saga | None = None,
                 **options):
        self.world, self.deaf, self.kind, self.options = world, deaf, kind, options
        self.numbers, self.saga = itertools.count(), saga or shop_saga()
        self.buses: list[Bus] = []
        self.services = [service(self, name, refuse or {}) for name in ("stock", "bank", "courier")]
        world.node("orchestrator", self.boot)

    def boot(self) -> None:
        self.buses.append(Bus(self.world, node="orchestrator"))
        for service in self.services:
            service.subscribe()
        store = EventStore("sagas.db", self.world, node="orchestrator")
        self.orchestrator = self.kind(store, self.buses[-1], self.saga, self.world, replies="work.*", **self.options)
        self.orchestrator.start(ORDER, {"order": ORDER})

    # ------------------------------------------------------------------------------------------- what came of it

    def moves(self) -> list[tuple[str, bool]]:
        """What the services have committed, oldest first: the step, and whether it was undone."""
        rows = [row for service in self.services
                for row in Database("service.db", self.world, service.name).rows("SELECT * FROM moves")]
        return [(step, bool(undo)) for _, step, undo in sorted(rows)]

    def truth(self, step: str) -> bool:
        """Is a step done, and not undone? What a person finds out who asks the service."""
        return sum(-1 if undo else 1 for name, undo in self.moves() if name == step) == 1

    def complaints(self) -> list[str]:
        """What the history of moves and the end of the saga prove to be wrong."""
        found, moves = prefixes_at_fault(self.moves()), self.moves()
        state = self.orchestrator.state(ORDER)
        done = [name for name in NAMES if self.truth(name)]
        parked = [one.id for one in self.orchestrator.parked()]
        if state.phase == "completed" and done != NAMES:
            found.append(f"completed, and only {done} are done")
        elif state.phase == "compensated" and done:
            found.append(f"compensated, and {done} are done")
        elif (state.phase == "parked") != (parked == [ORDER]):
            found.append(f"the saga is {state.phase}, and listed as parked are {parked}")
        elif state.phase not in ("completed", "compensated", "parked"):
            found.append(f"it is stuck: {state}, {state.last}")
        if self.orchestrator.open() != ([ORDER] if state.phase == "parked" else []):
            found.append(f"the saga is {state.phase}, and open are {self.orchestrator.open()}")
        if ("charge", False) in moves and any(undo for _, undo in moves):
            found.append("undone beyond the pivot")
        found += [f"dead letter: {letter}" for bus in self.buses for letter in bus.dead_letters]
        return found


def prefixes_at_fault(moves: list[tuple[str, bool]]) -> list[str]:
    """At each moment: nothing was taken that is not there, the sum is as it was, and the order is that of the saga."""
    found, amounts = [], {name: int(name in PLENTY) for work in STEPS.values() for name in (work.taken, work.given)}
    done: list[str] = []
    for number, (step, undo) in enumerate(moves, 1):
        taken, given = STEPS[step].taken, STEPS[step].given
        if undo:
            taken, given = given, taken
        amounts[taken] -= 1
        amounts[given] += 1
        if min(amounts.values()) < 0 or sum(amounts.values()) != len(PLENTY):
            found.append(f"after move {number} of {moves}: {amounts}")
        if undo:
            if not done or done.pop() != step:
                found.append(f"move {number} of {moves} undoes {step} out of order")
        else:
            done.append(step)
            if done != NAMES[:len(done)]:
                found.append(f"move {number} of {moves} does {step} out of order")
    return found
