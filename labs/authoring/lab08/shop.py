"""A router at work in the case's World, and the answer as its workers.

Each worker stands on a node of its own, with evlab's real client behind the ports that the answer gets. What the answer
does is noted here, in the history and as facts; checks.py says what is wrong with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, NamedTuple

from evlab.course.judge import AnswerRaised, Case, Object, Port
from evlab.course.judge.actor import AnswerBroke, WrongCall
from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.event import Event
from evlab.router import ConnectionLost, Delivery, Nacked, NotFound, Router
from evlab.sim.history import describe

ORDERS, PARKED = "orders", "orders.parked"
BACK = 1.0
"""Seconds until a process that has died is started again."""
TOO_OFTEN = 12
"""Deliveries of one order within a second: it goes round."""
BROKER_ONLY = ("x-death", "x-first-death-")
"""Headers that RabbitMQ 4 makes itself, and ignores in what a client publishes."""


class Work(NamedTuple):
    """Work on an order: where it stands in the history, who did it, when it began, and whether it was fine."""

    entry: int
    node: str
    order: str
    time: float
    fine: bool


class Shop:
    """A router, and workers that the answer drives.

    crash_at: the number of the moment at which a worker is killed, 0 for never; then: the same for its next life, which
    counts anew. A moment is before and after each call that the answer makes. unconfirmed: the number of the publish
    that is lost, and ends in a Timeout; 0 for none. One history has one Shop.
    """

    def __init__(self, case: Case, *, crash_at: int = 0, then: int = 0, unconfirmed: int = 0):
        self.case, self.world, self.history, self.unconfirmed = case, case.world, case.history, unconfirmed
        self.crashes, self.moments = [number for number in (crash_at, then) if number], 0
        self.router = Router(env=self.world)
        self.works: list[Work] = []
        self.errors: list[AnswerRaised] = []
        """What came out of the answer and was not an error of the shop's."""
        self.broke: AnswerBroke | None = None
        """How the answer's process was ended, if it was: by a loop without an end, for instance."""
        self.escaped: list[tuple[str, AnswerRaised]] = []
        """(order, error) of those that were, and were let through."""
        self.given: dict[str, list[float]] = defaultdict(list)
        """When each order was delivered."""
        self.again: set[str] = set()
        """Orders of which a delivery was marked redelivered."""
        self.inside: dict[str, list[str]] = defaultdict(list)
        """Orders that lie at each worker, delivered and not worked off."""
        self.most: dict[str, tuple[float, list[str]]] = {}
        """By worker: when the most orders lay there, and which."""
        self.settled: dict[str, list[str]] = defaultdict(list)
        """What the answer said of each order: ack, nack with requeue, nack without requeue."""
        self.published: list[tuple[int, str, dict]] = []
        """(entry, key, headers) of what the answer has published."""
        self.about: dict[int, str] = {}
        """Which order each of these entries is about."""
        self.goes_round: Callable[[str], None] = lambda order: None
        """Called when an order was delivered again and again."""
        self.round = ""
        """That order."""
        self.strange = ""
        """The body of a delivery that was no event any more."""
        self.closed: list[str] = []
        """Errors that closed a channel of the answer's."""
        self._born: set[str] = set()
        self.orders: list[str] = []
        self.events: dict[str, Event] = {}
        """Orders as they came into the queue."""

    # ------------------------------------------------------------------------------------------------- what happens

    def place(self, *orders: str, headers: bool = False) -> None:
        """Orders come into the queue."""
        for order in orders:
            self.orders.append(order)
            event = self.events[order] = self.case.event(key=order, total=10 * len(self.orders))
            self.router.publish("", ORDERS, event, headers={"trace": f"t-{order[6:]}"} if headers else None)
            self.history.note(f"{order} comes into the queue", node="router")

    def start(self, node: str, life: Callable[[Any, Worker], Generator]) -> None:
        """A worker comes to life now, and again after each crash. `life(actor, worker)` is what it does."""
        self.world.boot(node, lambda: self._live(node, life))

    def run(self, seconds: float) -> None:
        self.case.run(seconds)

    def moment(self, node: str) -> None:
        """A crash may strike here."""
        self.moments += 1
        if self.moments in self.crashes[:1]:
            self.crashes.pop(0)
            self.moments = 0
            self.inside[node].clear()
            self.world.crash(node, power=False, down=BACK)

    def finish(self) -> None:
        """The end of the history: keep of it what a reader needs. Blames an order that went round."""
        self._shorten()
        if self.round:
            self.goes_round(self.round)

    # ------------------------------------------------------------------------------------------------- what came of it

    def done(self, order: str) -> list[Work]:
        return [one for one in self.works if one.order == order and one.fine]

    def tried(self, order: str) -> list[Work]:
        return [one for one in self.works if one.order == order]

    @property
    def attempts_said(self) -> list[tuple[int, str, dict]]:
        """(entry, order, headers) of what the answer has published."""
        return [(entry, self.about.get(entry, ""), headers) for entry, _, headers in self.published]

    def entries(self, order: str) -> list[int]:
        """Where the history speaks of an order."""
        return [entry.number for entry in self.history
                if order in str(entry.value).split() or order in entry.what.split()]

    def depth(self, queue: str) -> tuple[int, int]:
        """(ready, unacked); of a queue that is not there, nothing."""
        row = next((row for row in self.router.queues() if row.name == queue), None)
        return (row.ready, row.unacked) if row else (0, 0)

    def parked(self) -> list[Delivery]:
        """What lies in the parking queue, taken out of it."""
        found = []
        if any(row.name == PARKED for row in self.router.queues()):
            channel = self.router.channel()
            while (one := channel.get(PARKED, auto_ack=True)) is not None:
                found.append(one)
        return found

    def came_out(self) -> None:
        """Show an error of the answer's own, as it came out."""
        if self.broke is not None:
            raise self.broke
        if self.errors:
            raise self.errors[0]

    # ------------------------------------------------------------------------------------------------- a worker's life

    def _live(self, node: str, life: Callable) -> Generator:
        actor = self.case.actor(node, fresh=node in self._born)
        self._born.add(node)
        try:
            yield from life(actor, Worker(self, node, actor))
        except AnswerRaised as error:
            self.errors.append(error)
        except AnswerBroke as error:
            self.broke = error

    def _shorten(self) -> None:
        """Leave out the network's own messages, of which there are hundreds."""
        kept = [entry for entry in self.history.entries
                if entry.kind not in ("send", "deliver", "drop", "timeout") and not entry.what.startswith("raises ")]
        numbers = {entry.number: number for number, entry in enumerate(kept)}
        self.history.entries[:] = [entry._replace(number=number, cause=None, pair=numbers.get(entry.pair))
                                   for number, entry in enumerate(kept)]
        self.history.cause = None
        self.works = [one._replace(entry=numbers[one.entry]) for one in self.works]
        self.about = {numbers[entry]: order for entry, order in self.about.items()}
        self.published = [(numbers[entry], key, headers) for entry, key, headers in self.published]


class Worker:
    """One life of a worker: its client, and the ports that the answer gets."""

    def __init__(self, shop: Shop, node: str, actor: Any):
        self.shop, self.node, self.actor = shop, node, actor
        self.history, self.world = shop.history, shop.world
        self.client = shop.router.client(node)
        verbs = {"channel": self.channel, "publish": self.publish}
        verbs |= {name: self._declares(name) for name in (
            "declare_queue", "declare_exchange", "bind", "unbind", "delete_queue", "delete_exchange", "purge")}
        self.port = Port("client", verbs=verbs)

    # ------------------------------------------------------------------------------------------------ the client

    def channel(self, prefetch: int = 0) -> Port:
        channel = self.client.channel(prefetch)

        def consume(queue: str, handler: Any = None, acks: str = "end") -> None:
            if not isinstance(handler, Object) or not handler.callable:
                raise WrongCall('consume needs something to call: consume("orders", handle), without calling it '
                                "yourself")
            self.shop.moment(self.node)
            self.consume(channel, queue, lambda port: self.actor.call(handler, port), acks)
            limit = f"prefetch {prefetch}" if prefetch else "no prefetch limit"
            self.history.note(f"consumes {queue}: {limit}, acks {acks}", node=self.node)
            self.shop.moment(self.node)

        return Port("channel", verbs={"consume": consume})

    def consume(self, channel: Any, queue: str, handle: Callable[[Port], Generator], acks: str) -> None:
        """Have each message handled: `handle` gets the delivery as a port."""
        channel.consume(queue, lambda delivery: self._deliver(delivery, handle, acks), acks=acks)

    def _deliver(self, delivery: Delivery, handle: Callable[[Port], Generator], acks: str) -> Generator:
        shop, order = self.shop, _order_in(delivery.body)
        if order not in shop.orders:
            shop.strange = order
            yield delivery.ack()
            return
        again = ", again" if delivery.redelivered else ""
        self.history.note(f"gets {order}{again}", node=self.node)
        shop.given[order].append(self.world.now())
        recent = [time for time in shop.given[order] if time > self.world.now() - 1]
        if len(recent) > TOO_OFTEN:
            shop.round = order
        if shop.round or shop.broke is not None:
            yield Later()  # nothing changes any more
        if delivery.redelivered:
            shop.again.add(order)
        inside = shop.inside[self.node]
        inside.append(order)
        if len(inside) > len(shop.most.get(self.node, (0, []))[1]):
            shop.most[self.node] = self.world.now(), list(inside)
        try:
            yield from handle(self._delivery_port(delivery, order))
            shop.moment(self.node)
            if acks == "end" and not delivery.settled:
                shop.settled[order].append("ack")
                self.history.note(f"handle ends: ack {order}", node=self.node)
        except AnswerRaised as error:
            if not error.foreign:
                shop.errors.append(error)
            shop.escaped.append((order, error))
            gone = acks == "end" and not delivery.settled
            if gone:
                shop.settled[order].append("nack without requeue")
            self.history.note(f"{error.type} comes out of handle" + (f": {order} is rejected" if gone else ""),
                              node=self.node)
            raise EvlabError(str(error)) from error
        except AnswerBroke as error:
            shop.broke = error
            yield Later()
        finally:
            with suppress(ValueError):
                inside.remove(order)

    def _delivery_port(self, delivery: Delivery, order: str) -> Port:
        def settle(how: str, text: str, *arguments: Any) -> None:
            self.shop.moment(self.node)
            self.history.note(f"{text} {order}", node=self.node)
            self.shop.settled[order].append(text)
            with suppress(EvlabError):
                getattr(delivery, how)(*arguments).then(self._look)
            self.shop.moment(self.node)

        def ack(multiple: bool = False) -> None:
            settle("ack", "ack", multiple)

        def nack(requeue: bool = True, multiple: bool = False) -> None:
            settle("nack", "nack with requeue" if requeue else "nack without requeue", requeue, multiple)

        def reject(requeue: bool = True) -> None:
            settle("reject", "nack with requeue" if requeue else "nack without requeue", requeue)

        return Port("delivery", verbs={"ack": ack, "nack": nack, "reject": reject}, body=delivery.body,
                    event=delivery.event, key=delivery.key, headers=delivery.headers, tag=delivery.tag,
                    queue=delivery.queue, redelivered=delivery.redelivered)

    def _look(self, done: Any) -> None:
        if done.error is not None and not isinstance(done.error, ConnectionLost):
            self.shop.closed.append(done.error.what)
            self.history.note(f"the channel is closed: {done.error.what}", node=self.node)

    def publish(self, exchange: str, key: str, body: Any = b"", headers: Any = None, mandatory: bool = False,
                expiration: Any = None, priority: Any = None, persistent: bool = True) -> Generator:
        """As RabbitMQ 4: x-death in what a client publishes is ignored."""
        self.shop.moment(self.node)
        if isinstance(headers, dict):
            headers = {name: value for name, value in headers.items() if not str(name).startswith(BROKER_ONLY)}
        order = _order_in(body)
        operation = self.history.invoke(f"publish to {exchange + '/' if exchange else ''}{key}", order, node=self.node)
        self.shop.published.append((operation.number, key, dict(headers or {})))
        self.shop.about[operation.number] = order
        if len(self.shop.published) == self.shop.unconfirmed:
            yield 1.0
            operation.info("no confirm")
            raise Timeout("no confirm has come")
        try:
            confirm = yield self.client.publish(exchange, key, body, headers=headers, mandatory=mandatory,
                                                expiration=expiration, priority=priority, persistent=persistent)
        except (ConnectionLost, Timeout) as error:
            operation.info("no confirm")
            raise Timeout(error.what) from None
        except EvlabError as error:
            operation.fail(error.what[:60])
            raise InvalidUse(error.what) from None
        operation.ok()
        self.shop.moment(self.node)
        return confirm_port(confirm)

    def _declares(self, verb: str) -> Callable:
        quotes = '""'

        def call(*arguments: Any, **settings: Any) -> Generator:
            self.shop.moment(self.node)
            try:
                answer = yield getattr(self.client, verb)(*arguments, **settings)
            except InvalidUse:
                raise
            except EvlabError as error:
                raise InvalidUse(error.what + (f": {error.why}" if error.why else "")) from error
            said = ", ".join([describe(one) or quotes for one in arguments]
                             + [f"{name}={describe(value) or quotes}" for name, value in settings.items()])
            self.history.note(f"{verb} {said}", node=self.node)
            self.shop.moment(self.node)
            return answer

        return call


class Carrier:
    """Who ships. `fails(order, times)`: "" or what happens when an order is shipped for the so many-th time: "lost" and
    "unheard" are a Timeout, of which the second has shipped it."""

    def __init__(self, shop: Shop, seconds: dict[str, float] | None = None,
                 fails: Callable[[str, int], str] = lambda order, times: ""):
        self.shop, self.seconds, self.fails = shop, seconds or {}, fails
        self.shipped: list[str] = []
        self.asked: list[str] = []
        """Orders about which it was asked."""
        self.calls: dict[str, int] = defaultdict(int)

    def port(self, node: str) -> Port:
        def ship(order: Any = None) -> Generator:
            self._check(order)
            shop.moment(node)
            self.calls[order] += 1
            how = self.fails(order, self.calls[order])
            operation = shop.history.invoke("ship", order, node=node)
            began = shop.world.now()
            yield self.seconds.get(node, 1.0)
            if how != "lost":
                self.shipped.append(order)
            shop.works.append(Work(operation.number, node, order, began, how != "lost"))
            if how:
                operation.info("Timeout")
                raise Timeout(f"{order}: the carrier has not answered")
            operation.ok()
            shop.moment(node)

        def has(order: Any = None) -> Generator:
            self._check(order)
            shop.moment(node)
            operation = shop.history.invoke("has", order, node=node)
            self.asked.append(order)
            yield 0.1
            operation.ok(order in self.shipped)
            shop.moment(node)
            return order in self.shipped

        shop = self.shop
        return Port("carrier", verbs={"ship": ship, "has": has})

    def _check(self, order: Any) -> None:
        if order not in self.shop.orders:
            raise WrongCall(f"the carrier needs an order's key, such as 'order-17', not {order!r:.60}")


def _event_in(body: Any) -> Event | None:
    with suppress(Exception):
        return body if isinstance(body, Event) else Event.from_json(body)
    return None


def _order_in(body: Any) -> str:
    """Which order a body is about."""
    event = _event_in(body)
    return describe(body)[:40] if event is None else event.key


def confirm_port(confirm: Any) -> Port:
    returned = confirm.returned.what if confirm.returned is not None else None
    return Port("confirm", returned=returned)


class Publisher:
    """A client whose confirms go by a plan, for question 4. `plan`: what happens at each attempt: "taken" and
    "unrouted" go to the router and are heard of, "nack" is refused by a full queue, "lost" never arrives, "unheard"
    arrives and its confirm is lost. The last one goes on for ever."""

    def __init__(self, case: Case, plan: list[str], *, bound: bool = True):
        self.case, self.plan, self.history = case, plan, case.history
        self.router = Router(env=case.world)
        self.router.declare_exchange("shop", "topic")
        self.router.declare_queue("email", max_length=1, overflow="reject-publish")
        self.router.declare_queue("stock", max_length=1, overflow="reject-publish")
        if bound:
            for queue in ("email", "stock"):
                self.router.bind(queue, "shop", "order.placed")
        self.attempts: list[tuple[int, str, bool, float]] = []
        """(entry, what happened, mandatory, when)."""
        self.sleeps: list[float] = []
        self.ends: list[float] = []
        self.wrong: str = ""
        """What was published in another way than was asked for."""
        self.new_id = 0
        """The first attempt that published another id."""
        self.for_ever: Callable[[], None] = lambda: None
        """Called when there is no end to the attempts."""
        self.event = case.event(total=1200)

    def renew(self, plan: list[str]) -> None:
        """The next call is about another event, by another plan."""
        self.plan, self.attempts, self.sleeps, self.ends = plan, [], [], []
        self.event = self.case.event(key="order-1043", total=800)

    def call(self, waits: list[float]) -> Any:
        """What `send` returns."""
        return self.case.wait(self._call(waits), "router")

    def _call(self, waits: list[float]) -> Generator:
        actor = self.case.actor("shop")
        said = ", ".join(f"{wait:g} s" for wait in waits) or "none"
        operation = self.history.invoke("send", f"{self.event.key}, waits: {said}", node="shop")
        try:
            value = yield from actor.call("send", Port("client", verbs={"publish": self.publish}), self.event,
                                          list(waits), Port("sleep", self.sleep))
        except AnswerRaised as error:
            operation.fail(error.type)
            raise
        operation.ok(describe(value))
        return value

    def sleep(self, seconds: Any = None) -> Generator:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 10_000:
            raise WrongCall(f"sleep needs seconds, not {seconds!r:.40}")
        self.sleeps.append(seconds)
        self.history.note(f"sleeps {seconds:g} s", node="shop")
        yield seconds

    def publish(self, exchange: str, key: str, body: Any = b"", headers: Any = None, mandatory: bool = False,
                expiration: Any = None, priority: Any = None, persistent: bool = True) -> Generator:
        if len(self.attempts) > 20:
            self.for_ever()
        how = self.plan[min(len(self.attempts), len(self.plan) - 1)]
        operation = self.history.invoke("publish", f"{key}{', mandatory' if mandatory is True else ''}", node="shop")
        self.attempts.append((operation.number, how, mandatory is True, self.case.world.now()))
        if exchange != "shop" or key != "order.placed":
            self.wrong = self.wrong or f'it was published to "{exchange}" with the key {describe(key)}'
        elif (event := _event_in(body)) is None or (event.key, event.type, event.data) != (
                self.event.key, self.event.type, self.event.data):
            self.wrong = self.wrong or "what was published is not the event"
        elif event.id != self.event.id:
            self.new_id = self.new_id or len(self.attempts)
        for queue in ("email", "stock"):
            self.router.purge(queue)
        if how == "nack":
            self.router.publish("", "stock", b"in the way")
        yield 0.05
        try:
            if how == "lost":
                yield 3.0
            else:
                confirm = yield self.router.publish(exchange, key, body, headers=headers, mandatory=mandatory,
                                                    expiration=expiration, priority=priority, persistent=persistent)
            if how in ("lost", "unheard"):
                yield 3.0
                operation.info("Timeout: no confirm")
                raise Timeout("no confirm has come")
        except Nacked as error:
            operation.fail("nack")
            raise EvlabError(f"nack: {error.what.partition(': ')[2]}") from None
        except NotFound as error:
            operation.fail("NOT_FOUND")
            raise InvalidUse(error.what) from None
        finally:
            self.ends.append(self.case.world.now())
        returned = confirm.returned is not None
        operation.ok("returned: NO_ROUTE, confirmed" if returned else "confirmed")
        return confirm_port(confirm)
