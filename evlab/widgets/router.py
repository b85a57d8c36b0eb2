"""The playground of notebook 15: one exchange, its bindings, three queues, consumers that hold, fail and crash.

It is a real `Router` in a World: the shop publishes from its own node and waits for confirms, each consumer is a client
on another node. Each click publishes or changes something and lets a part of a second pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any, ClassVar

from evlab.env import Later
from evlab.errors import InvalidUse
from evlab.router import Delivery, Nacked, Router
from evlab.router.client import Client
from evlab.sim.world import World
from evlab.viz import topology
from evlab.widgets.base import Playground
from evlab.widgets.view import Button, Flight, Note, Select, Slider, Table, Text, Toggle

__all__ = ["RouterPlayground"]

TYPES = ("topic", "direct", "fanout", "headers")
KEYS = ("order.placed", "order.cancelled", "payment.failed", "parcel.shipped")
HEADERS = {"order.placed": "kind=order country=DE", "order.cancelled": "kind=order cancelled=yes",
           "payment.failed": "kind=payment", "parcel.shipped": "kind=parcel country=NL"}
"""What the ready-made messages carry where the exchange looks at headers."""
BINDINGS = {"email": {"topic": "order.placed", "headers": "all kind=order country=DE"},
            "inventory": {"topic": "order.*", "headers": "all kind=order"},
            "audit": {"topic": "payment.#", "headers": "any kind=payment cancelled"}}
CONSUMERS = {"email-1": "email", "email-2": "email", "inventory-1": "inventory"}
MODES = {"quick": "acks after 0.1 s", "slow": "acks after 2 s", "holds": "holds, you decide",
         "rejects": "rejects each", "requeues": "nacks, requeue", "crashed": "crashed"}
TTLS = {"none": "no TTL", "3000": "TTL 3 s"}
LENGTHS = {"none": "any length", "drop-head": "at most 3, drop-head", "reject-publish": "at most 3, reject-publish"}
MOST, BUNCH, ROWS, STEP, WAIT = 3, 5, 6, 0.6, 4.0
"""Ready messages of a bounded queue; messages of the button for many; rows of the table; seconds that a click and a
wait take."""
DOWN = 0.3
"""Seconds that the router is down after its crash."""


class RouterPlayground(Playground):
    """A shop, an exchange with three queues, a dead-letter exchange, three consumers."""

    name: ClassVar[str] = "router"
    title: ClassVar[str] = "A router with three queues"
    lead: ClassVar[str] = "Publish order.placed: which bindings match? Then publish parcel.shipped: who gets it?"

    def start(self, seed: int) -> None:
        self.world = World(seed)
        self.router = Router(env=self.world)
        self.kind, self.key, self.mandatory = "topic", "order.placed", False
        self.prefetch, self.ttl, self.length, self.letters = 2, "none", "none", True
        self.linked = True
        self.modes = {"email-1": "quick", "email-2": "slow", "inventory-1": "quick"}
        self.wants = {queue: wants["topic"] for queue, wants in BINDINGS.items()}
        self.sent: list[tuple[str, tuple[str, ...], Later]] = []
        """What was published: key or headers, the queues that matched then, its confirm."""
        self.acked: dict[str, set[int]] = {queue: set() for queue in BINDINGS}
        """Queue -> the numbers of the messages that a consumer has acked."""
        self.got: list[tuple[str, int, bool]] = []
        """What the last click delivered: consumer, number, was it marked as redelivered?"""
        self.held: dict[str, list[Delivery]] = {name: [] for name in CONSUMERS}
        self.clients: dict[str, Client] = {}
        self.last: tuple[str, int] | None = None
        """What the last click published, and how many."""
        self.said = ""
        self.router.declare_exchange("dead", "fanout")
        self.router.declare_queue("morgue")
        self.router.bind("morgue", "dead")
        self._declare_email()
        for queue in ("inventory", "audit"):
            self.router.declare_queue(queue)
        self._bind_all()
        self.shop = self.router.client("shop").channel()
        """Open all the time, so that the connection is watched."""
        for name in CONSUMERS:
            self.world.boot(name, lambda name=name: self._consume(name))
        self.world.run(until=1.0)

    # ------------------------------------------------------------------------------------------- the consumers

    def _consume(self, name: str) -> Generator:
        """A new client on this node, with one channel. What an older one had goes back to the queue."""
        self.held[name] = []
        old = self.clients.pop(name, None)
        if old is not None and old.channels:
            old.close()
        client = self.clients[name] = self.router.client(name)
        channel = client.channel(prefetch=self.prefetch if CONSUMERS[name] == "email" else 2)
        channel.consume(CONSUMERS[name], lambda delivery: self._handle(name, delivery), acks="manual", name=name)
        yield 0.0

    def _handle(self, name: str, delivery: Delivery) -> Generator:
        number, mode = int(delivery.body), self.modes[name]
        self.got.append((name, number, delivery.redelivered))
        if mode == "holds":
            self.held[name].append(delivery)
            return
        yield 2.0 if mode == "slow" else 0.1
        if mode == "rejects":
            delivery.reject(requeue=False)
        elif mode == "requeues":
            delivery.nack()
        else:
            self._ack(name, delivery)

    def _ack(self, name: str, delivery: Delivery) -> None:
        number = int(delivery.body)
        delivery.ack().then(lambda done: self.acked[CONSUMERS[name]].add(number) if done.error is None else None)

    def _on(self, name: str, call: Any) -> None:
        """Do something on a consumer's node, as that consumer."""
        def process() -> Generator:
            call()
            yield 0.0

        self.world.spawn(process(), name)

    def _reconnect(self, queue: str) -> None:
        for name, whose in CONSUMERS.items():
            if whose == queue and self.modes[name] != "crashed":
                self.world.spawn(self._consume(name), name)

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        self.last, self.got = None, []
        verb, _, rest = name.partition("-")
        if verb == "publish":
            self._publish(next(key for key in KEYS if key.replace(".", "-") == rest), 1)
        elif verb == "binding":
            self._set_binding(rest, value)
        elif verb == "mode":
            self._set_mode(rest, value)
        else:
            getattr(self, f"_do_{name}")(value)
        self.world.run(until=self.world.now() + (WAIT if name == "wait" else STEP))

    def _publish(self, key: str, count: int) -> None:
        """key: a routing key; or of a ready-made message, or a text of headers, where the exchange looks at those."""
        what = HEADERS.get(key, key) if self.kind == "headers" else key
        headers = _pairs(what) if self.kind == "headers" else None
        names = {one.queue for one in self.router.explain("orders", what, headers)}
        matched = tuple(queue for queue in BINDINGS if queue in names)

        def send() -> None:
            for _ in range(count):
                number = len(self.sent) + 1
                confirm = self.shop.publish("orders", "" if headers else what, b"%d" % number, headers=headers,
                                            mandatory=self.mandatory)
                self.sent.append((what, matched, confirm))

        self._on("shop", send)
        self.last = what, count
        told = "no binding matches."
        if matched:
            told = f"{len(matched)} queue{'s get' if len(matched) != 1 else ' gets'} it."
        self.said = f"The shop published {what}{'' if count == 1 else f' {count} times'}: {told}"

    def _do_key(self, value: str) -> None:
        self.key = value
        self.said = f"The next two buttons publish {value or 'an empty key'}."

    def _do_own(self, _) -> None:
        self._publish(self.key, 1)

    def _do_many(self, _) -> None:
        self._publish(self.key, BUNCH)

    def _do_mandatory(self, value: bool) -> None:
        self.mandatory = value
        self.said = "From now on an unroutable message " + ("comes back to the shop." if value else "is dropped.")

    def _do_kind(self, value: str) -> None:
        headers = value == "headers"
        if headers != (self.kind == "headers"):
            self.wants = {queue: wants["headers" if headers else "topic"] for queue, wants in BINDINGS.items()}
            self.key = HEADERS.get(self.key, HEADERS[KEYS[0]]) if headers else KEYS[0]
        self.kind = value
        self._bind_all()
        self.said = f"The exchange was deleted and declared anew: {value}. So were its bindings."

    def _bind_all(self) -> None:
        self.router.delete_exchange("orders")
        self.router.declare_exchange("orders", self.kind)
        for queue, wants in self.wants.items():
            self._bind(queue, wants)

    def _bind(self, queue: str, wants: str) -> None:
        if wants or self.kind == "fanout":
            self.router.bind(queue, "orders", *(("", _arguments(wants)) if self.kind == "headers" else (wants,)))

    def _set_binding(self, queue: str, value: str) -> None:
        if self.kind == "headers":
            _arguments(value)  # raises before the old binding is gone
        for one in self.router.bindings("orders"):
            if one.queue == queue:
                self.router.unbind(queue, "orders", one.key, one.arguments)
        self._bind(queue, value)
        self.wants[queue] = value
        self.said = f"{queue} asks for {value} from now on." if value else f"{queue} is not bound any more."

    def _set_mode(self, name: str, mode: str) -> None:
        before, self.modes[name] = self.modes[name], mode
        if mode == "crashed":
            self.held[name] = []
            self.world.crash(name)
            self.said = f"{name} is gone. The router hears nothing of it, and after 3 s takes back what it had."
        elif before == "crashed":
            self.world.restart(name)
            self.said = f"{name} is back: {MODES[mode]}."
        else:
            if before == "holds":
                self._reconnect(CONSUMERS[name])
            self.said = f"{name}: {MODES[mode]} from now on."

    def _do_ack(self, _) -> None:
        self._settle("acked", self._ack)

    def _do_nack(self, _) -> None:
        self._settle("nacked with requeue", lambda _, delivery: delivery.nack())

    def _do_reject(self, _) -> None:
        self._settle("rejected without requeue", lambda _, delivery: delivery.reject(requeue=False))

    def _settle(self, how: str, settle: Any) -> None:
        name = self._holder()
        delivery = self.held[name].pop(0)
        self._on(name, lambda: settle(name, delivery))
        self.said = f"{name} has {how} message {int(delivery.body)}."

    def _holder(self) -> str | None:
        return next((name for name, held in self.held.items() if held), None)

    def _do_prefetch(self, value: int) -> None:
        self.prefetch = value
        self._reconnect("email")
        self.said = "email-1 and email-2 have a new channel, " + (f"prefetch {value}." if value else "without a limit.")

    def _do_ttl(self, value: str) -> None:
        self.ttl = value
        self._redeclare()

    def _do_length(self, value: str) -> None:
        self.length = value
        self._redeclare()

    def _do_letters(self, value: bool) -> None:
        self.letters = value
        self._redeclare()

    def _redeclare(self) -> None:
        gone = self.router.depth("email")
        self.router.delete_queue("email")
        self._declare_email()
        self._bind("email", self.wants["email"])
        self._reconnect("email")
        self.said = "A queue cannot be changed: email was deleted and declared anew" + (
            f", and {gone.ready + gone.unacked} messages with it." if gone.ready + gone.unacked else ".")

    def _declare_email(self) -> None:
        bounded = self.length != "none"
        self.router.declare_queue("email", ttl=None if self.ttl == "none" else int(self.ttl),
                                  max_length=MOST if bounded else None,
                                  overflow=self.length if bounded else "drop-head",
                                  dead_letter_exchange="dead" if self.letters else None)

    def _do_power(self, _) -> None:
        self.world.crash("router", down=DOWN)
        self.held = {name: [] for name in CONSUMERS}
        self.said = "The router lost its power and came back with what was on its disk."

    def _do_linked(self, value: bool) -> None:
        self.linked = value
        if value:
            self.world.network.heal("shop", "router")
            self.world.network.heal("router", "shop")
            self.said = "The shop reaches the router again."
        else:
            self.world.network.cut("router", "shop")
            self.said = "Messages of the shop arrive. The confirms do not come back."

    def _do_wait(self, _) -> None:
        self.said = "Four seconds have passed."

    # -------------------------------------------------------------------------------------------- what is shown

    def render(self) -> dict:
        asked: dict[str, Any] = {}
        if self.last:
            headers = _pairs(self.last[0]) if self.kind == "headers" else None
            asked = {"headers": headers} if headers is not None else {"key": self.last[0]}
        picture = topology(self.router, title=self._finding(), producers={"shop": "orders"}, exchange=None, **asked)
        return {"controls": self._controls_now(), "pictures": [picture], "texts": self._notes(),
                "table": self._table(), "flights": self._flights(picture), "said": self.said}

    def _finding(self) -> str:
        if not self.last:
            return "Who asks the exchange for what, and what waits"
        what, matched, confirm = self.sent[-1]
        if matched:
            return f"{what} goes to {_and(list(matched))}"
        return f"{what} reached nobody, and was {self._confirm(confirm)}"

    def _confirm(self, confirm: Later) -> str:
        if not confirm.done:
            return "not confirmed yet"
        if confirm.error is not None:
            return "nacked" if isinstance(confirm.error, Nacked) else "outcome unknown"
        return "returned, NO_ROUTE" if confirm.value.returned is not None else "confirmed"

    def _flights(self, picture: Any) -> list[Flight]:
        if not self.last:
            return []
        places, (what, matched, _) = picture.anchors, self.sent[-1]
        middle = places["exchange orders"]
        flights = [Flight(places["producer shop"], middle, 0, 350, what, lost=not matched)]
        for queue in matched:
            bend = places[f"bend orders {queue}"]
            flights += [Flight(middle, bend, 380, 250), Flight(bend, (places[f"queue {queue}"][0], bend[1]), 630, 350)]
        return flights

    def _notes(self) -> list[Note]:
        notes = [Note(f"{name} got message {number} again: redelivered.", "wait")
                 for name, number, again in self.got if again][-3:]
        lost = sum(not matched and self._confirm(confirm) == "confirmed" for _, matched, confirm in self.sent)
        if lost:
            were = "s were" if lost != 1 else " was"
            notes.append(Note(f"{lost} message{were} confirmed and reached no queue.", "bad"))
        nacked = sum(self._confirm(confirm) == "nacked" for _, _, confirm in self.sent)
        if nacked:
            notes.append(Note(f"{nacked} publish{'es were' if nacked != 1 else ' was'} nacked: email is full. The shop "
                              "knows, and can send again.", "bad"))
        return notes

    def _table(self) -> Table | None:
        if not self.sent:
            return None
        where = self._where()
        rows = []
        for number, (what, matched, confirm) in list(enumerate(self.sent, 1))[-ROWS:]:
            told = self._confirm(confirm)
            lost = {"nacked": "refused", "confirmed": "gone"}.get(told, "not there")
            cells = [self._cell(where, queue, number, lost) if queue in matched else "-" for queue in BINDINGS]
            rows.append([number, what, *cells, told])
        return Table(["message", "headers" if self.kind == "headers" else "key", *BINDINGS, "the shop was told"], rows,
                     "What became of each message")

    def _where(self) -> dict[tuple[str, int], str]:
        """(queue, number of a message) -> ready, unacked, or how it died."""
        found: dict[tuple[str, int], str] = {}
        broker = self.router.broker
        for item in broker.queues["morgue"].items():
            note = item.message.headers["x-death"][0]
            found[note["queue"], int(item.message.body)] = f"dead: {note['reason']}"
        for queue in broker.queues.values():
            found |= {(queue.name, int(item.message.body)): "ready" for item in queue.items()}
        for channel in broker.channels:
            found |= {(queue.name, int(item.message.body)): "unacked" for queue, item in channel.taken()}
        return found

    def _cell(self, where: dict[tuple[str, int], str], queue: str, number: int, lost: str) -> str:
        return "acked" if number in self.acked[queue] else where.get((queue, number), lost)

    def _controls_now(self) -> list:
        shop, settings, readers, held = "The shop", "Queue email", "Consumers", "The oldest message that is held"
        headers = self.kind == "headers"
        controls: list = [
            Button(f"publish-{key.replace('.', '-')}", key, group=shop, look="main" if key == KEYS[0] else "plain",
                   help=f"Publish with {HEADERS[key] if headers else key}.") for key in KEYS]
        controls += [
            Text("key", "headers of yours" if headers else "a key of yours", group=shop, value=self.key, limit=60,
                 help="name=value, with spaces between." if headers else "Words with dots."),
            Button("own", "Publish it", group=shop, help="One message with your key."),
            Button("many", f"Publish it {BUNCH} times", group=shop, help=f"{BUNCH} messages with your key."),
            Toggle("mandatory", "mandatory", group=shop, value=self.mandatory,
                   help="On: what no binding wants comes back to the shop."),
            Select("kind", "type", group="Exchange orders", options=list(TYPES), value=self.kind,
                   help="How the exchange compares.")]
        for queue in BINDINGS:
            ignored = "" if self.kind != "fanout" else "A fanout exchange ignores keys."
            controls.append(Text(f"binding-{queue}", f"{queue} asks for", group="Exchange orders", limit=80,
                                 value=self.wants[queue], blocked=ignored, placeholder="not bound",
                                 help="all or any, then name=value." if headers else
                                 "Topic: * is one word, # any number." if self.kind == "topic" else "The same key."))
        for name in CONSUMERS:
            controls.append(Select(f"mode-{name}", name, group=readers, options=MODES, value=self.modes[name],
                                   help=f"What {name} does with a message."))
        idle = "" if self._holder() else 'Nobody holds a message: set a consumer to "holds".'
        controls += [
            Slider("prefetch", "prefetch of email-1 and -2", group=readers, low=0, high=5, value=self.prefetch,
                   help="How many unacked messages each may hold; 0: no limit."),
            Button("ack", "Ack", group=held, blocked=idle, help="It is done."),
            Button("nack", "Nack, requeue", group=held, blocked=idle, help="Give it back to the queue."),
            Button("reject", "Reject", group=held, blocked=idle, look="harm", help="Without requeue: it is dead."),
            Select("ttl", "time to live", group=settings, options=TTLS, value=self.ttl,
                   help="How long a message may be ready."),
            Select("length", "length", group=settings, options=LENGTHS, value=self.length,
                   help="What happens when three are ready."),
            Toggle("letters", "dead-letter exchange", group=settings, value=self.letters,
                   help="Off: what dies is gone."),
            Button("power", "The router loses its power", group="Faults and time", look="harm",
                   help=f"It is back after {DOWN} s."),
            Toggle("linked", "confirms reach the shop", group="Faults and time", value=self.linked,
                   help="Off: the network from the router to the shop is cut."),
            Button("wait", "Wait 4 s", group="Faults and time", help="Let four seconds of virtual time pass.")]
        return controls

    def digest(self) -> str:
        state = [self.world.history.digest(), self.kind, self.key, self.mandatory, self.prefetch, self.ttl, self.length,
                 self.letters, self.linked, self.modes, self.wants, sorted(self._where().items()),
                 [(what, matched, self._confirm(confirm)) for what, matched, confirm in self.sent]]
        return hashlib.sha256(repr(state).encode("utf-8", "replace")).hexdigest()


def _pairs(text: str) -> dict[str, str | None]:
    """The headers of "kind=order country=DE"; a name alone has no value."""
    pairs = (part.partition("=") for part in text.split())
    return {name: value if sign else None for name, sign, value in pairs if name}


def _arguments(text: str) -> dict[str, str | None]:
    """The arguments of a binding, "any kind=payment cancelled". Raises `InvalidUse`."""
    how, _, rest = text.strip().partition(" ")
    if how not in ("all", "any"):
        raise InvalidUse(f"{text!r:.60} does not say all or any", next_step="write all kind=order, or any kind=order")
    return {"x-match": how, **_pairs(rest)}


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
