"""The playground of notebook 20: one order as a choreography and as an orchestration, message by message.

Both shops get the same click. What the pictures show of the first is put together from all services; of the second it
is what the orchestrator's stream says.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from evlab.sim.world import World
from evlab.viz.saga import saga_flow
from evlab.widgets.base import Playground
from evlab.widgets.saga_shop import MODES, SERVICES, WORK, Choreography, Orchestration, Service
from evlab.widgets.view import Button, Note, Select, Table, Toggle

__all__ = ["SagaStepper"]

STYLES = {"both": "both", "choreography": "choreography", "orchestration": "orchestration"}
WAIT, MOST = 5, 60
"""Seconds that a wait takes; and the most messages that one click delivers."""
VERBS = {"deliver": "arrived", "lose": "is lost", "double": "is now there twice", "delay": "waits behind the others"}


class SagaStepper(Playground):
    """Order 1042, in two styles."""

    name: ClassVar[str] = "saga"
    title: ClassVar[str] = "One order, by events alone and with an orchestrator"
    lead: ClassVar[str] = ("Deliver message by message. Then reset, let payment say no, and see both ways back. Then "
                           "lose a message, and wait.")

    def start(self, seed: int) -> None:
        self.world = World(seed)
        self.shops = {shop.name: shop for shop in (Choreography(self.world), Orchestration(self.world))}
        self.style, self.inbox, self.said = "both", True, ""

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        verb, _, whom = name.partition("-")
        if verb == "mode":
            self._set_mode(whom, value)
        else:
            getattr(self, f"_do_{name}")(value)

    def _chosen(self) -> list:
        return [shop for name, shop in self.shops.items() if self.style in ("both", name)]

    def _each(self, name: str, call: str) -> None:
        said = []
        for shop in self._chosen():
            message = getattr(shop, call)()
            said.append(f"{shop.name}: {message} {VERBS[name]}" if message else f"{shop.name}: nothing to move")
        self.said = _sentence(said)

    def _do_style(self, value: str) -> None:
        self.style = value
        self.said = f"The buttons now move {'both' if value == 'both' else f'the {value}'}."

    def _do_deliver(self, _: None) -> None:
        self._each("deliver", "deliver")

    def _do_lose(self, _: None) -> None:
        self._each("lose", "lose")

    def _do_double(self, _: None) -> None:
        self._each("double", "double")

    def _do_delay(self, _: None) -> None:
        self._each("delay", "put_back")

    def _do_all(self, _: None) -> None:
        counts = []
        for shop in self._chosen():
            before = shop.delivered
            while shop.delivered - before < MOST and shop.deliver():
                pass
            counts.append(f"{shop.name}: {shop.delivered - before} messages")
        self.said = f"Delivered until nothing moved. {_sentence(counts)}"

    def _do_wait(self, _: None) -> None:
        self.world.run(until=self.world.now() + WAIT)
        self.said = f"{WAIT} seconds have passed. Only the orchestrator has a clock."

    def _do_inbox(self, value: bool) -> None:
        self.inbox = value
        for service in self._services():
            service.inbox = value
        self.said = "The services know again what they have handled." if value else \
            "From now on the services do again what comes again."

    def _do_settle(self, _: None) -> None:
        step = self._orchestration.parked().step
        found = self._orchestration.settle()
        self.said = f"A person asked about {step!r}: it has {'happened' if found else 'not happened'}."

    def _do_retry(self, _: None) -> None:
        self._orchestration.retry()
        self.said = "The parked saga tries its step again, with all its attempts."

    def _set_mode(self, whom: str, mode: str) -> None:
        if whom == "orders":
            down = self.shops["choreography"].orders_down
            self.shops["choreography"].orders_down = mode == "crashed"
            if mode == "crashed" and not down:
                self._orchestration.crash()
            elif mode == "works" and down:
                self._orchestration.restart()
            self.said = ("The order service is down, and with it the orchestrator." if mode == "crashed" else
                         "The order service is back. The orchestrator has read its stream, and asked again.")
            return
        for shop in self.shops.values():
            shop.services[whom].mode = mode
        self.said = f"From now on {whom}: {MODES[mode]}."

    @property
    def _orchestration(self) -> Orchestration:
        return self.shops["orchestration"]

    def _services(self) -> list[Service]:
        return [service for shop in self.shops.values() for service in shop.services.values()]

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        pictures = []
        for shop in self.shops.values():
            steps, end = shop.flow()
            pictures.append(saga_flow(steps, title=f"{shop.name.capitalize()}: {self._finding(steps, end)}", end=end))
        return {"controls": self._controls_now(), "pictures": pictures, "texts": self._notes(), "table": self._table(),
                "said": self.said}

    @staticmethod
    def _finding(steps: list, end: str) -> str:
        kind = end.split(":")[0].split(";")[0]
        if kind == "completed":
            return "the order is complete"
        if kind in ("compensated", "cancelled"):
            return "the order is cancelled, and what was done is undone"
        if kind == "parked":
            return "parked, and on a list"
        if kind.startswith("it stands still"):
            return "it stands still"
        if any(step.undone for step in steps):
            return "on its way back"
        return f"{sum(step.outcome == 'done' for step in steps)} of {len(steps)} steps are done"

    def _notes(self) -> list[Note]:
        notes = []
        for shop in self.shops.values():
            waiting = [message for message in shop.under_way if shop.down(message.to)]
            coming = shop.next()
            if coming is not None:
                more = len(shop.under_way) - len(waiting) - 1
                notes.append(Note(f"{shop.name}, next: {coming}{f' ({more} more behind it)' if more else ''}", "wait"))
            notes += [Note(f"{shop.name}: {message} waits until {message.to} is back", "wait") for message in waiting]
            notes += [Note(f"{shop.name}: {service.step!r} stands {service.stands} times", "bad")
                      for service in shop.services.values() if service.stands > 1 or service.stands < 0]
        if self._stuck():
            notes.append(Note("choreography: no message is under way and the order has no end. No service knows.",
                              "bad"))
        return notes

    def _stuck(self) -> bool:
        shop = self.shops["choreography"]
        return not shop.under_way and not shop.end

    def _table(self) -> Table:
        rows = []
        believed = dict(zip(WORK, self._orchestration.flow()[0], strict=True))
        for step, work in WORK.items():
            cells = [self._truth(shop.services[work.service]) for shop in self.shops.values()]
            one = believed[step]
            rows.append([step, *cells, f"undo {one.undone}" if one.undone else one.outcome or "-"])
        rows.append(["messages sent", *(shop.sent for shop in self.shops.values()), "-"])
        return Table(["step", "choreography", "orchestration", "the orchestrator believes"], rows,
                     "What has really happened, and what the orchestrator knows of it")

    @staticmethod
    def _truth(service: Service) -> str:
        if not service.done:
            return "-" if not service.undone else "undone, never done"
        words = "done" if service.done == 1 else f"done {service.done} times"
        return words if not service.undone else f"{words}, undone" + f" {service.undone} times" * (service.undone > 1)

    def _controls_now(self) -> list:
        nothing = "" if any(shop.next() for shop in self._chosen()) else "No message can be delivered now."
        parked = self._orchestration.parked()
        unparked = "" if parked else "Nothing is parked."
        controls: list = [
            Button("deliver", "Deliver the next message", group="The next message", look="main", blocked=nothing,
                   help="The oldest message arrives whose receiver is up."),
            Button("lose", "Lose it", group="The next message", look="harm", blocked=nothing),
            Button("double", "Double it", group="The next message", look="harm", blocked=nothing),
            Button("delay", "Delay it", group="The next message", blocked=nothing,
                   help="It goes behind all others that are under way."),
            Button("all", "Deliver all", group="The next message", blocked=nothing,
                   help="Message after message, until none can move."),
            Select("style", "in", group="The next message", options=STYLES, value=self.style),
            Button("wait", f"Wait {WAIT} s", group="Time and people",
                   help=f"The orchestrator waits {WAIT} s for an answer, and asks three times."),
            Button("settle", "A person looks", group="Time and people", blocked=unparked,
                   help="Somebody asks the service whether the parked step has happened."),
            Button("retry", "Try it again", group="Time and people", blocked=unparked),
            Toggle("inbox", "services have an inbox", group="Time and people", value=self.inbox)]
        for name in SERVICES:
            mode = ("crashed" if self._orchestration.orders_down else "works") if name == "orders" else \
                self._orchestration.services[name].mode
            options = {"works": "works", "crashed": "crashed"} if name == "orders" else MODES
            controls.append(Select(f"mode-{name}", "orders (orchestrator)" if name == "orders" else name,
                                   group="Services", options=options, value=mode))
        return controls

    def digest(self) -> str:
        state = {"now": self.world.now(), "style": self.style, "inbox": self.inbox,
                 "stream": [[event.type, event.id] for event in self._orchestration.stream()],
                 "events": self.shops["choreography"].events, "end": self.shops["choreography"].end,
                 "shops": [[[str(message) for message in shop.under_way], shop.delivered, shop.lost, shop.sent,
                            shop.orders_down, [[service.mode, service.done, service.undone, list(service.answers)]
                                               for service in shop.services.values()]]
                           for shop in self.shops.values()]}
        return hashlib.blake2b(json.dumps(state).encode(), digest_size=16).hexdigest()


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
