"""The two shops behind the saga playground: one order by events alone, and one with an orchestrator, step by step.

Each has real buses, and the second a real `Orchestrator` in a `World`. What they publish does not arrive by itself: it
lies in `under_way` until somebody delivers it, loses it, doubles it or puts it back.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from evlab.bus import Bus, Retry
from evlab.event import Event
from evlab.saga import Orchestrator, Parked, Saga, Step
from evlab.sim.world import World
from evlab.store import EventStore
from evlab.viz.saga import FlowStep, flow_of

__all__ = ["MODES", "ORDER", "SERVICES", "WORK", "Choreography", "Message", "Orchestration", "Service"]

ORDER = "1042"
MODES = {"works": "works", "refuses": "says no", "mute": "does it, says nothing", "crashed": "crashed"}


class Work(NamedTuple):
    """A step of the order, in both styles."""

    service: str
    kind: str
    after: tuple[str, ...]
    """The events at which it is done in the choreography."""
    command: str
    done: str
    refused: str
    undo: str = ""
    """What its undo is called."""
    undo_after: tuple[str, ...] = ()
    undo_command: str = ""
    undone: str = ""
    not_undone: str = ""


WORK = {
    "reserve stock": Work("inventory", "compensatable", ("OrderPlaced",), "ReserveStock", "StockReserved", "OutOfStock",
                          "release stock", ("CardDeclined", "CardRefunded"), "ReleaseStock", "StockReleased",
                          "StockNotReleased"),
    "charge card": Work("payment", "compensatable", ("StockReserved",), "ChargeCard", "CardCharged", "CardDeclined",
                        "refund card", ("ParcelRefused",), "RefundCard", "CardRefunded", "CardNotRefunded"),
    "ship parcel": Work("shipping", "pivot", ("CardCharged",), "ShipParcel", "ParcelShipped", "ParcelRefused"),
    "send receipt": Work("email", "retriable", ("ParcelShipped",), "SendReceipt", "ReceiptSent", "ReceiptFailed"),
}
SERVICES = ("orders", *(work.service for work in WORK.values()))
ENDS = {"OutOfStock": "cancelled", "StockReleased": "cancelled", "ReceiptSent": "completed"}
"""At which events the order service of the choreography ends the order."""
TIMEOUT, ATTEMPTS, FIRST_WAIT = 5.0, 3, 2.0


class Message(NamedTuple):
    """An event or a command on its way."""

    event: Event
    to: str

    def __str__(self) -> str:
        return f"{self.event.type}, {self.event.source} → {self.to}"


class Service:
    """One of the services that do the work. `inbox`: does it know again what it has handled?"""

    def __init__(self, name: str):
        self.name, self.mode, self.inbox = name, "works", True
        self.step = next(step for step, work in WORK.items() if work.service == name)
        self.done = self.undone = 0
        """How often the step, and its undo, have really happened."""
        self.barred = False
        """Was its undo here? Then the step itself is refused from now on."""
        self.answers: dict[str, Event] = {}

    def handle(self, message: Event, undo: bool, repeat: bool) -> Event | None:
        """Do what the message asks for and return the answer; None: nothing is said. repeat: a message that it knows
        is answered again (commands), or passed over (events)."""
        if self.inbox and message.id in self.answers:
            return self.answers[message.id] if repeat and self.mode != "mute" else None
        answer = self.answers[message.id] = message.caused(self._do(undo), {}, source=self.name)
        return None if self.mode == "mute" else answer

    def _do(self, undo: bool) -> str:
        work = WORK[self.step]
        if self.mode == "refuses":
            return work.not_undone if undo else work.refused
        if undo:
            self.barred = True
            self.undone += self.done > self.undone or not self.inbox
            return work.undone
        if self.inbox and self.barred:
            return work.refused
        self.done += 1
        return work.done

    @property
    def stands(self) -> int:
        """How often the work is done and not undone. Neither 0 nor 1: somebody has paid twice, or got it back twice."""
        return self.done - self.undone


class _Shop:
    """What the two styles share."""

    name = ""

    def __init__(self, world: World):
        self.world = world
        self.services = {name: Service(name) for name in SERVICES[1:]}
        self.under_way: list[Message] = []
        self.delivered = self.lost = self.sent = 0
        self.orders_down = False

    def down(self, name: str) -> bool:
        return self.orders_down if name == "orders" else self.services[name].mode == "crashed"

    def next(self) -> Message | None:
        """The first message whose receiver is there; what waits for a crashed one stays."""
        return next((message for message in self.under_way if not self.down(message.to)), None)

    def deliver(self) -> Message | None:
        message = self.next()
        if message is not None:
            self.under_way.remove(message)
            self.delivered += 1
            self.receive(message)
        return message

    def lose(self) -> Message | None:
        message = self.next() or next(iter(self.under_way), None)
        if message is not None:
            self.under_way.remove(message)
            self.lost += 1
        return message

    def double(self) -> Message | None:
        message = self.next()
        if message is not None:
            self.under_way.insert(self.under_way.index(message) + 1, Message(*message))
        return message

    def put_back(self) -> Message | None:
        message = self.next()
        if message is not None:
            self.under_way.remove(message)
            self.under_way.append(message)
        return message

    def receive(self, message: Message) -> None:
        raise NotImplementedError

    def wire(self, to: str, event: Event) -> None:
        self.under_way.append(Message(event, to))
        self.sent += 1


class Choreography(_Shop):
    """Events alone: each service subscribes to those of others."""

    name = "choreography"

    def __init__(self, world: World):
        super().__init__(world)
        self.bus, self.events, self.end = Bus(), [], ""
        for work in WORK.values():
            for type in (*work.after, *work.undo_after):
                self._subscribe(work.service, type)
        for type in ENDS:
            self._subscribe("orders", type)
        self._publish(world.event("OrderPlaced", {"order": ORDER}, source="orders", key=ORDER))

    def _subscribe(self, service: str, type: str) -> None:
        key = Event(type=type, data={}, source="").routing_key
        self.bus.subscribe(key, partial(self.wire, service), name=service)

    def _publish(self, event: Event) -> None:
        self.events.append(event.type)
        self.bus.publish(event)

    def receive(self, message: Message) -> None:
        event = message.event
        if message.to == "orders":
            self.end = self.end or ENDS[event.type]
            return
        service = self.services[message.to]
        with self.world:
            answer = service.handle(event, event.type in WORK[service.step].undo_after, repeat=False)
        if answer is not None:
            self._publish(answer)

    def flow(self) -> tuple[list[FlowStep], str]:
        """What has happened. Nobody in this shop could draw it: it is put together from all services."""
        steps = []
        for name, work in WORK.items():
            service = self.services[work.service]
            coming = [message.event.type for message in self.under_way if message.to == work.service]
            outcome = "done" if service.done else "refused" if work.refused in self.events else \
                "asked" if set(coming) & set(work.after) else ""
            undone = "done" if service.barred else "refused" if work.not_undone in self.events else \
                "asked" if set(coming) & set(work.undo_after) else ""
            steps.append(FlowStep(name, work.kind, outcome, work.undo, undone, 1, service.mode == "crashed"))
        return steps, self.end or ("under way" if self.under_way else "it stands still, and nobody waits for it")


class Orchestration(_Shop):
    """The order service orchestrates: it sends commands, and its stream says where the saga is."""

    name = "orchestration"

    def __init__(self, world: World):
        super().__init__(world)
        self.saga = Saga("order", [self._step(name, work) for name, work in WORK.items()])
        world.node("orders", self._boot)

    @staticmethod
    def _step(name: str, work: Work) -> Step:
        def asks(type: str):
            return lambda state: Event(type=type, data={"order": state["order"]}, source="orders", key=state["order"])

        return Step(name, asks(work.command), asks(work.undo_command) if work.undo else None, timeout=TIMEOUT,
                    retry=Retry(attempts=ATTEMPTS, first=FIRST_WAIT, jitter=False), kind=work.kind,
                    refused=tuple(filter(None, (work.refused, work.not_undone))))

    def _boot(self) -> None:
        self.bus = Bus(self.world, node="orders")
        for work in WORK.values():
            for command in filter(None, (work.command, work.undo_command)):
                key = Event(type=command, data={}, source="").routing_key
                self.bus.subscribe(key, partial(self.wire, work.service), name=work.service, node="orders")
        self.store = EventStore("sagas.db", self.world, node="orders")
        self.orchestrator = Orchestrator(self.store, self.bus, self.saga, self.world, name="orders")
        self.orchestrator.start(ORDER, {"order": ORDER})

    def _as_orders(self, call) -> None:
        self.world.act_as(self.world.node("orders"), call)

    def receive(self, message: Message) -> None:
        if message.to == "orders":
            self._as_orders(lambda: self.bus.publish(message.event))
            return
        service, command = self.services[message.to], message.event
        with self.world:
            answer = service.handle(command, command.type == WORK[service.step].undo_command, repeat=True)
        if answer is not None:
            self.wire("orders", answer)

    def crash(self) -> None:
        self.orders_down = True
        self.world.crash("orders")

    def restart(self) -> None:
        self.orders_down = False
        self.world.restart("orders")

    def stream(self) -> list[Event]:
        """What is on the disk of the order service, whether that is up or down."""
        store = self.store if not self.orders_down else EventStore("sagas.db", self.world, node="orders")
        return [recorded.event for recorded in store.read(f"order-{ORDER}")]

    def parked(self) -> Parked | None:
        """The saga, if it waits for a person and the orchestrator is there to be told."""
        return None if self.orders_down else next(iter(self.orchestrator.parked()), None)

    def settle(self) -> bool:
        """A person asks the service, and says what was found; what never happened is made sure never to happen."""
        parked = self.parked()
        service = self.services[WORK[parked.step].service]
        found = service.stands == 0 if parked.undoing else service.stands > 0
        if not found and WORK[parked.step].kind == "pivot":
            service.barred = True
        self._as_orders(lambda: self.orchestrator.settle(ORDER, found, "asked by Ann"))
        return found

    def retry(self) -> None:
        self._as_orders(lambda: self.orchestrator.retry(ORDER))

    def flow(self) -> tuple[list[FlowStep], str]:
        """What the orchestrator believes."""
        steps, how = flow_of(self.saga, self.stream())
        named = [step._replace(undo=WORK[step.name].undo, down=self.services[WORK[step.name].service].mode == "crashed")
                 for step in steps]
        return named, f"{how}; the orchestrator is down, its stream is on disk" if self.orders_down else how
