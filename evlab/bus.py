"""The bus: publish an event once, and everyone who subscribed to its kind gets it.

The producer names no consumer. The bus keeps the list, and three promises that a loop over callbacks does not:
1. One failing subscriber never stops another. Its event is retried, then set aside as a dead letter.
2. Every subscriber sees events in the order in which the bus accepted them, also when a handler publishes.
3. Delivery is at least once, or at most once where a subscriber asks for that. Never "exactly once".

On one machine the bus calls handlers at once, in subscription order. In a `World` each subscriber stands on a node of
its own; then delivery takes time, messages and acks get lost, and the same code has to cope.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from numbers import Real
from random import Random
from types import GeneratorType
from typing import Any, NamedTuple

from evlab.env import Dead, Env, Later, check_delay, check_env, here
from evlab.errors import InvalidUse, Timeout, learner_lines
from evlab.event import Event
from evlab.patterns import check_pattern, topic_matches

__all__ = ["Bus", "DeadLetter", "Retry", "Subscription"]

Handler = Callable[[Event], Any]


@dataclass(frozen=True)
class Retry:
    """How often to try a handler that fails, and how long to wait between.

    attempts: tries in all, the first included. first: seconds before the second try; each wait is `factor` times the
    one before, `longest` seconds at most. jitter: draw each wait between 0 and that value, so that many failing
    handlers do not come back at the same instant ("full jitter", Brooker, AWS Architecture Blog, 2015).
    Raises `InvalidUse` for fewer than one attempt or a negative time.
    """

    attempts: int = 1
    first: float = 0.1
    factor: float = 2.0
    longest: float = 60.0
    jitter: bool = True

    def __post_init__(self):
        if type(self.attempts) is not int or self.attempts < 1:
            raise InvalidUse(f"Retry(attempts={self.attempts!r})", why="the first delivery is an attempt, too",
                             next_step="give a whole number of 1 or more")
        times = (self.first, self.longest, self.factor)
        if not all(isinstance(one, Real) for one in times) or not (min(times) >= 0 and self.factor >= 1):
            raise InvalidUse("Retry with a negative wait, or one that shrinks, or is none",
                             why="each wait follows the one before",
                             next_step="give first >= 0, longest >= 0 and factor >= 1")

    def wait(self, attempt: int, chance: Random) -> float:
        """Seconds from the failure of attempt number `attempt` to the next one."""
        most = min(self.longest, self.first * self.factor ** (attempt - 1))
        return chance.uniform(0, most) if self.jitter else most


class DeadLetter(NamedTuple):
    """An event that one subscriber could not handle, kept for a person to look at and `Bus.replay`."""

    event: Event
    subscription: Subscription
    attempts: int
    error: Exception
    time: float
    """When it was set aside, in the bus's clock."""

    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        lines = [f"  {where}: {code}" for where, code in learner_lines(self.error)[-1:]]
        reason = f"{type(self.error).__name__}: {self.error}"
        return "\n".join([f"{self.event} → {self.subscription.name}, dead after {tries}", *lines, f"  {reason}"])


class Subscription:
    """One subscriber's standing request. `cancel()` ends it."""

    __slots__ = ("_bus", "delivery", "name", "node", "pattern", "reach", "retry")

    def __init__(self, bus: Bus, pattern: str, name: str, node: str, retry: Retry, delivery: str):
        self._bus = bus
        self.pattern, self.name, self.node, self.retry, self.delivery = pattern, name, node, retry, delivery
        self.reach: Callable[[Event], Any]

    @property
    def port(self) -> str:
        return f"{self.name} {self.pattern}"

    def cancel(self) -> None:
        """No event that is published from now on is delivered here."""
        self._bus._forget(self)

    def __repr__(self) -> str:
        return f"Subscription({self.name!r}, {self.pattern!r})"


class _Route(NamedTuple):
    """Who gets events of one type, and what `publish` answers: that many subscriptions were found."""

    subscriptions: tuple[Subscription, ...]
    accepted: Later


class Bus:
    """An event bus.

    env: where time, chance and the network come from; the machine itself by default, and then `run(process)` rings the
    timers of retries. node: where the bus stands.
    ack_timeout: seconds without an ack after which an event is delivered again (at least once).
    The bus keeps everything in memory: what it has accepted and not yet delivered is lost if its node crashes.
    """

    def __init__(self, env: Env | None = None, node: str = "bus", ack_timeout: float = 1.0):
        check_env(env)
        check_delay(ack_timeout)
        self.env = env or here()
        self.node, self.ack_timeout = node, ack_timeout
        self.dead_letters: list[DeadLetter] = []
        self._subscriptions: list[Subscription] = []
        self._routes: dict[str, _Route] = {}
        self._waiting: deque[Event] = deque()
        self._busy = False
        self.env.listen(node, self._accept, "publish")
        self._to_bus = self.env.link(node, "publish", ack_timeout)

    # ------------------------------------------------------------------------------------------- subscribing

    def subscribe(self, pattern: str, handler: Handler | None = None, *, name: str | None = None,
                  retry: Retry | None = None, delivery: str = "at-least-once", node: str | None = None):
        """Ask for every event whose routing key matches `pattern`, from now on.

        pattern: words split by dots, as in RabbitMQ's topic exchange: `*` is one word, `#` is zero or more.
        handler: called with each event; without it, `subscribe` is a decorator. A handler that takes time is a
        generator function; it is acked when it ends.
        name: who subscribes, the handler's name by default; the same name and pattern again replaces the handler.
        retry: what to do when the handler raises; by default its event becomes a dead letter at once.
        delivery: "at-least-once" repeats what was not acked; "at-most-once" sends once and never asks, and then a
        handler that raises loses the event.
        node: where the handler runs, `name` by default.
        Returns the `Subscription`, or as a decorator the handler. Raises `InvalidPattern`, `InvalidUse`.
        """
        check_pattern(pattern)
        if delivery not in ("at-least-once", "at-most-once"):
            raise InvalidUse(f"delivery={delivery!r:.40} is no guarantee that a bus can give",
                             next_step='choose "at-least-once" or "at-most-once"')
        if handler is None:
            def decorate(function: Handler) -> Handler:
                self.subscribe(pattern, function, name=name, retry=retry, delivery=delivery, node=node)
                return function

            return decorate
        if not isinstance(retry, Retry | None) or not all(isinstance(one, str | None) for one in (name, node)):
            raise InvalidUse(f"retry={retry!r:.40}, name={name!r:.40}, node={node!r:.40} do not fit",
                             why="a retry is a Retry, a name and a node are text",
                             next_step='write retry=Retry(attempts=3), name="email"')
        if not callable(handler):
            raise InvalidUse(f"the handler {handler!r:.80} cannot be called", why="the bus calls it with each event",
                             next_step="pass a function of one argument, without calling it yourself")
        if name is None and getattr(handler, "__name__", "") == "<lambda>" and any(
                s.port == f"<lambda> {pattern}" for s in self._subscriptions):
            raise InvalidUse("two handlers without a name ask for the same pattern",
                             why="the name tells them apart, and the second would replace the first",
                             next_step='give each a name: bus.subscribe("order.*", handler, name="email")')
        name = name or getattr(handler, "__name__", type(handler).__name__)
        subscription = Subscription(self, pattern, name, node or name, retry or Retry(), delivery)
        if delivery == "at-most-once":
            self.env.listen(subscription.node, _swallow_errors(handler), subscription.port)
            subscription.reach = partial(_send, self.env, subscription)
        else:
            self.env.listen(subscription.node, handler, subscription.port)
            subscription.reach = self.env.link(subscription.node, subscription.port, self.ack_timeout)
        same = [i for i, old in enumerate(self._subscriptions) if old.port == subscription.port]
        if same:
            self._subscriptions[same[0]] = subscription
        else:
            self._subscriptions.append(subscription)
        self._routes.clear()
        return subscription

    @property
    def subscriptions(self) -> list[Subscription]:
        """Who is subscribed, oldest first."""
        return list(self._subscriptions)

    # -------------------------------------------------------------------------------------------- publishing

    def publish(self, event: Event) -> Later:
        """Hand an event to the bus. The Later is done when the bus has it; its value is how many subscriptions match.

        Lost if the bus's node crashes before all have acked. From another node the message to the bus may be lost
        as well: then the Later fails with `Timeout`, and whether the event was accepted is unknown.
        """
        return self._to_bus(event)

    def _accept(self, event: Event) -> Later:
        try:
            route = self._routes[event.type]
        except (KeyError, AttributeError):
            route = self._find_route(event)
        if self._busy:  # a handler publishes: its event waits until all have seen the present one
            self._waiting.append(event)
            return route.accepted
        self._busy = True
        try:
            self._deliver_all(event, route)
            while self._waiting:
                event = self._waiting.popleft()
                self._deliver_all(event, self._find_route(event))
        except Dead:
            self._waiting.clear()
            raise
        finally:
            self._busy = False
        return route.accepted

    def _deliver_all(self, event: Event, route: _Route) -> None:
        for subscription in route.subscriptions:
            try:
                result = subscription.reach(event)
            except Exception as error:
                self._failed(subscription, event, 1, error)
            else:
                if result is not None:
                    self._await_ack(subscription, event, 1, result)

    # ------------------------------------------------------------------------- when a delivery does not succeed

    def _deliver(self, subscription: Subscription, event: Event, attempt: int) -> None:
        try:
            result = subscription.reach(event)
        except Exception as error:
            self._failed(subscription, event, attempt, error)
        else:
            if result is not None:
                self._await_ack(subscription, event, attempt, result)

    def _await_ack(self, subscription: Subscription, event: Event, attempt: int, result) -> None:
        """The handler's answer takes time: a Later from another node, or a generator that runs here."""
        if isinstance(result, GeneratorType):
            result = self.env.spawn(result)
        if not isinstance(result, Later):
            return

        def settled(done: Later) -> None:
            if _is_no_answer(done.error, subscription.node):  # it may have worked. At least once means: again
                self._deliver(subscription, event, attempt)
            elif done.error is not None:
                self._failed(subscription, event, attempt, done.error)

        result.then(settled)

    def _failed(self, subscription: Subscription, event: Event, attempt: int, error: Exception) -> None:
        """The handler answered that it failed: try again by its policy, or set the event aside."""
        if attempt >= subscription.retry.attempts:
            self.dead_letters.append(DeadLetter(event, subscription, attempt, error, self.env.now()))
            return
        wait = subscription.retry.wait(attempt, self.env.random(f"retry/{subscription.port}"))
        again = partial(self._deliver, subscription, event, attempt + 1)
        if wait > 0:
            self.env.after(wait, again)
        else:
            again()

    def replay(self, dead_letter: DeadLetter) -> None:
        """Deliver a dead letter to its subscriber again, with all its attempts ("redrive").

        It leaves `dead_letters` now, and comes back if it fails again. Raises `InvalidUse` if it is not in there.
        """
        if not any(letter is dead_letter for letter in self.dead_letters):
            raise InvalidUse("this dead letter is not in bus.dead_letters", why="it was replayed already",
                             next_step="look at bus.dead_letters")
        self.dead_letters[:] = [letter for letter in self.dead_letters if letter is not dead_letter]
        current = next((s for s in self._subscriptions if s.port == dead_letter.subscription.port),
                       dead_letter.subscription)
        self._deliver(current, dead_letter.event, 1)

    # ------------------------------------------------------------------------------------------------ routing

    def _find_route(self, event: Event) -> _Route:
        if not isinstance(event, Event):
            raise InvalidUse(f"{event!r:.80} is not an Event", why="the bus routes by an event's type",
                             next_step='publish Event(type="OrderPlaced", data={...}, source="shop")')
        route = self._routes.get(event.type)
        if route is None:
            if len(self._routes) >= 4096:  # types come from outside, so their number must not fill the memory
                self._routes.clear()
            found = tuple(s for s in self._subscriptions if topic_matches(s.pattern, event.routing_key))
            route = self._routes[event.type] = _Route(found, Later.of(len(found)))
        return route

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions = [s for s in self._subscriptions if s is not subscription]
        self._routes.clear()

    def __repr__(self) -> str:
        return f"Bus({len(self._subscriptions)} subscriptions, {len(self.dead_letters)} dead letters)"


def _is_no_answer(error: BaseException | None, node: str) -> bool:
    """Did `node` not answer? A handler that waited in vain for somebody else has answered: with that Timeout."""
    return isinstance(error, Timeout) and getattr(error, "node", None) == node


def _send(env: Env, subscription: Subscription, event: Event) -> None:
    env.send(subscription.node, event, subscription.port)


def _swallow_errors(handler: Handler) -> Handler:
    """At most once: nobody waits for an answer, so nobody learns that it failed."""

    def call(event: Event):
        try:
            result = handler(event)
        except Exception:
            return None
        return _swallow_later(result) if isinstance(result, GeneratorType) else result

    return call


def _swallow_later(process: GeneratorType):
    with suppress(Exception):
        return (yield from process)
