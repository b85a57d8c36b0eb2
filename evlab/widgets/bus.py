"""The playground of notebook 02: publish, subscribe by pattern, and make subscribers fail, crash and dawdle.

It is a real `Bus` in a real `World`. Each click publishes or changes something and lets half a second pass; what the
pictures show is read from the world's history.
"""

from __future__ import annotations

from typing import Any, ClassVar

from evlab.bus import Bus, Retry
from evlab.event import Event
from evlab.patterns import topic_matches
from evlab.sim.faults import Faults
from evlab.sim.world import World
from evlab.viz import Topology, timeline, topology
from evlab.viz.topology import Subscriber
from evlab.widgets.base import Playground
from evlab.widgets.view import Button, Flight, Note, Select, Slider, Table, Text

__all__ = ["BusPlayground"]

TYPES = ("OrderPlaced", "OrderCancelled", "PaymentReceived", "ParcelShipped")
PATTERNS = {"email": "order.placed", "inventory": "order.*", "analytics": "#", "fraud": "payment.*"}
STATES = {"ok": "works", "failing": "fails", "slow": "slow, 0.7 s", "crashed": "crashed"}
RETRY = Retry(attempts=3, first=0.5, jitter=False)
SLOW = 0.7
STEP = 0.5
"""Virtual seconds that pass after each click."""
BUS_HALF = 42
"""Half the width of the bus in the picture, in px."""
ROWS = 6
"""Events that the table shows."""


class BusPlayground(Playground):
    """A shop, a bus and four subscribers."""

    name: ClassVar[str] = "bus"
    title: ClassVar[str] = "A bus with four subscribers"
    lead: ClassVar[str] = "Publish OrderPlaced, and see who gets it. Then let a subscriber fail, and publish again."

    def start(self, seed: int) -> None:
        self.world = World(seed)
        self.bus = Bus(self.world)
        self.published: list[Event] = []
        self.readers: dict[str, dict[str, Any]] = {}
        self.addressed: dict[str, list[str]] = {}
        """Whose pattern matched each event, by its key, when it was published."""
        self.lost = 0
        self.last: Event | None = None
        self.since = 0
        self.said = ""
        for name, pattern in PATTERNS.items():
            self.readers[name] = {"pattern": pattern, "state": "ok", "handled": {}}
            self._subscribe(name)

    def _subscribe(self, name: str) -> None:
        reader = self.readers[name]

        def handle(event: Event):
            if reader["state"] == "failing":
                raise RuntimeError(f"{name} was told to fail")
            if reader["state"] == "slow":
                yield SLOW
            self.world.history.did("receive", event.key)
            reader["handled"][event.key] = reader["handled"].get(event.key, 0) + 1

        reader["subscription"] = self.bus.subscribe(reader["pattern"], handle, name=name, retry=RETRY)

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        self.last, self.since = None, len(self.world.history)
        verb, _, whom = name.partition("-")
        if verb == "publish":
            self._publish(next(kind for kind in TYPES if kind.lower() == whom))
        elif verb == "state":
            self._set_state(whom, value)
        elif verb == "pattern":
            self._set_pattern(whom, value)
        elif name == "network":
            self.lost = value
            self.world.faults = Faults(drop=value / 100)
            self.said = f"From now on the network loses {value} % of the messages."
        elif name == "redrive":
            letters = list(self.bus.dead_letters)
            for letter in letters:
                self.bus.replay(letter)
            self.said = f"{len(letters)} dead letter{'s were' if len(letters) != 1 else ' was'} delivered again."
        elif name == "wait":
            self.said = "A second has passed."
        self.world.run(until=self.world.now() + (1.0 if name == "wait" else STEP))

    def _publish(self, kind: str) -> None:
        event = self.world.event(kind, source="shop", key=f"order-{1042 + len(self.published)}")
        self.published.append(event)
        self.last = event
        self.addressed[event.key] = [name for name, reader in self.readers.items()
                                     if topic_matches(reader["pattern"], event.routing_key)]
        matched = self.bus.publish(event).value
        self.said = (f"The shop published {event.type} as {event.routing_key}: "
                     f"{matched} subscription{'s match' if matched != 1 else ' matches'}.")

    def _set_state(self, name: str, state: str) -> None:
        before, self.readers[name]["state"] = self.readers[name]["state"], state
        if state == "crashed":
            self.world.crash(name)
        elif before == "crashed":
            self.world.restart(name)
        self.said = {"ok": f"{name} works.", "failing": f"{name} raises an error for each event from now on.",
                     "slow": f"{name} takes {SLOW} s for each event from now on.",
                     "crashed": f"{name} is down. What it misses is delivered again until it acks."}[state]

    def _set_pattern(self, name: str, pattern: str) -> None:
        reader = self.readers[name]
        old, before = reader["subscription"], reader["pattern"]
        reader["pattern"] = pattern
        try:
            self._subscribe(name)
        except Exception:
            reader["pattern"] = before
            raise
        if pattern != before:
            old.cancel()
        self.said = f"{name} asks for {pattern} from now on."

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        matched = self.addressed[self.last.key] if self.last else []
        picture = topology(
            Topology(["shop"], "bus", [self._reader(name) for name in self.readers]), title=self._finding(matched),
            lit=["shop", *matched] if self.last else (), key=self.last.routing_key if self.last else "")
        pictures = [picture]
        recent = [entry for entry in self.world.history.entries[self.since:] if entry.kind not in ("invoke", "ok")]
        if recent:
            pictures.append(timeline(recent[:40], title=f"The last {self._passed()} on the network",
                                     roles={"bus": "store"} | {name: "consumer" for name in self.readers}))
        return {"controls": self._controls_now(), "pictures": pictures, "texts": self._letters(),
                "table": self._table(), "flights": self._flights(picture, matched), "said": self.said}

    def _finding(self, matched: list[str]) -> str:
        if not self.last:
            return "Who is subscribed to what"
        if not matched:
            return f"{self.last.type} {self.last.key} reached nobody"
        return f"{self.last.type} {self.last.key} goes to {_and(matched)}"

    def _passed(self) -> str:
        return "second" if self.actions and self.actions[-1][0] == "wait" else "half second"

    def _reader(self, name: str) -> Subscriber:
        reader = self.readers[name]
        dead = self._dead(name)
        wanted = sum(self._wanted(name, event) for event in self.published)
        return Subscriber(name, reader["pattern"], reader["state"], sum(reader["handled"].values()),
                          max(0, wanted - len(reader["handled"]) - len(dead)), len(dead))

    def _wanted(self, name: str, event: Event) -> bool:
        return name in self.addressed[event.key]

    def _dead(self, name: str) -> list[str]:
        return [letter.event.key for letter in self.bus.dead_letters if letter.subscription.name == name]

    def _table(self) -> Table | None:
        if not self.published:
            return None
        rows = [[event.type, event.key, *(self._cell(name, event) for name in self.readers)]
                for event in self.published[-ROWS:]]
        return Table(["event", "key", *self.readers], rows, "What became of each event")

    def _cell(self, name: str, event: Event) -> str:
        handled = self.readers[name]["handled"].get(event.key, 0)
        if handled:
            return "handled" if handled == 1 else f"handled {handled} times"
        if event.key in self._dead(name):
            return "dead letter"
        return "waiting" if self._wanted(name, event) else "-"

    def _letters(self) -> list[Note]:
        return [Note(str(letter).replace("\n", " "), "bad") for letter in self.bus.dead_letters[-3:]]

    def _flights(self, picture, matched: list[str]) -> list[Flight]:
        if not self.last:
            return []
        places = picture.anchors
        flights = [Flight(places["shop"], places["bus"], 0, 350, self.last.key)]
        for name in matched:
            lost = self.readers[name]["state"] == "crashed" or self._first_message_lost(name)
            out = (places["bus"][0] + BUS_HALF, places[name][1])  # along the arrow, from the edge of the bus
            flights.append(Flight(out, places[name], 380, 500, lost=lost))
        return flights

    def _first_message_lost(self, name: str) -> bool:
        recent = self.world.history.entries[self.since:]
        sent = next((e for e in recent if e.kind == "send" and e.peer == name), None)
        return sent is not None and any(e.kind == "drop" and e.pair == sent.number for e in recent)

    def _controls_now(self) -> list:
        controls: list = [Button(f"publish-{kind.lower()}", kind, group="Publish",
                                 look="main" if kind == TYPES[0] else "plain",
                                 help=f"The shop publishes an event of type {kind}.") for kind in TYPES]
        for name, reader in self.readers.items():
            controls.append(Text(f"pattern-{name}", "pattern", group=name, value=reader["pattern"], limit=60,
                                 help="Words with dots; * is one word, # any number of words."))
            controls.append(Select(f"state-{name}", "state", group=name, options=STATES, value=reader["state"],
                                   help=f"How {name} behaves from now on."))
        dead = len(self.bus.dead_letters)
        controls += [Slider("network", "messages lost", group="Network and time", low=0, high=50, step=5,
                            value=self.lost, unit="%", help="How many of a hundred messages the network loses."),
                     Button("wait", "Wait 1 s", group="Network and time", help="Let a second of virtual time pass."),
                     Button("redrive", "Redrive dead letters", group="Network and time",
                            blocked="" if dead else "There is no dead letter.",
                            help="Deliver each dead letter to its subscriber again.")]
        return controls

    def digest(self) -> str:
        return self.world.history.digest()


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
