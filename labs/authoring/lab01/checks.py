"""The checks of lab01, a bus you can trust: what each question promises, and the histories in which it may break.

Each failure that a handler has is planned in the case, from its seed; what the handlers saw is in the history, and
the checks compare it with what a plain list of promises says must be there.
"""

from __future__ import annotations

from collections import defaultdict
from math import inf

from evlab.course.judge import Case, Lab, Object, Port
from evlab.course.judge.actor import Foreign
from evlab.course.judge.protocol import error_text
from evlab.course.judge.question import Blame
from evlab.event import Event
from evlab.sim import Faults
from evlab.sim.history import describe

lab = Lab("lab01", "A bus you can trust")

NAMES = ("email", "inventory", "analytics", "shipping", "payment", "fraud")
ERRORS = (ValueError("card declined"), KeyError("sku"), OSError("disk full"), RuntimeError("template missing"),
          ZeroDivisionError("no items"), TypeError("quantity is a word"))


# ---------------------------------------------------------------------------- q1: one failure stops nobody

q1 = lab.question("q1", "One failure stops nobody", points=2, defines="deliver_all")


def subscriber(case: Case, name: str, error: BaseException | None = None) -> Port:
    """A handler that notes each event it gets, and fails if `error` is given."""

    def handle(*given):
        event = given[0] if len(given) == 1 and isinstance(given[0], Event) else None
        operation = case.history.invoke("handle", event.key if event else "nothing", node=name)
        if error is None:
            operation.ok()
            return
        operation.fail(f"{type(error).__name__}: {error.args[0]}")
        raise error

    return Port(f"the handler of {name}", handle)


def deliver_to(case: Case, errors: dict[str, BaseException | None]):
    """Call the answer's deliver_all with one handler a name; what it returns."""
    handlers = [(name, subscriber(case, name, error)) for name, error in errors.items()]
    return case.call("deliver_all", case.event(), handlers)


def handled(case: Case) -> list[int]:
    return case.entries(what="handle")


def calls(case: Case) -> list[str]:
    return [entry.node for entry in case.history if entry.kind == "invoke" and entry.what == "handle"]


@q1.check("every handler is called once, in order", histories=8)
def calls_everyone(case: Case):
    names = case.random.sample(NAMES, case.pick(0 if case.size > 0.8 else 1, len(NAMES)))
    deliver_to(case, dict.fromkeys(names))
    seen = calls(case)
    bare = [number for number in handled(case) if case.history[number].value == "nothing"]
    if bare:
        case.blame("WITHOUT_EVENT", f"{case.history[bare[0]].node} was called without the event", *bare)
    for name in names:
        if name not in seen:
            case.blame("NOT_CALLED", f"{name} subscribed and was never called", *handled(case), value="order-1042")
        if seen.count(name) > 1:
            case.blame("CALLED_TWICE", f"{name} was called {seen.count(name)} times for one event",
                       *case.entries(node=name))
    if seen != names:
        case.blame("WRONG_ORDER", f"they subscribed as {', '.join(names)} and were called as {', '.join(seen)}",
                   *handled(case))


@q1.check("one failure stops nobody", histories=10)
def failure_stops_nobody(case: Case):
    names = case.random.sample(NAMES, case.pick(2, len(NAMES)))
    failing = names[:1] if case.size == 0 else case.random.sample(names, case.pick(1, len(names)))
    errors = {name: case.random.choice(ERRORS) if name in failing else None for name in names}
    try:
        deliver_to(case, errors)
    except Exception as raised:
        if not getattr(raised, "foreign", False):
            raise
        left = [name for name in names if name not in calls(case)]
        said = f"the {raised.type} of {calls(case)[-1]} came out of deliver_all"
        said += f", and {left[0]} was never called" if left else ", after everybody was called"
        hint = "STOPS_AT_FAILURE" if left else "STILL_RAISES"
        case.blame("CATCHES_TOO_LITTLE" if _survives(case, names) else hint, said, *case.entries("fail", "handle"))
    left = [name for name in names if name not in calls(case)]
    if left:
        case.blame("STOPS_AT_FAILURE", f"{calls(case)[-1]} failed, and {left[0]} was never called",
                   *case.entries("fail", "handle"))
    for name in names:
        if calls(case).count(name) > 1:
            case.blame("CALLED_TWICE", f"{name} was called {calls(case).count(name)} times for one event",
                       *case.entries(node=name))


def _survives(case: Case, names: list[str]) -> bool:
    """Does the answer get past a failure of some other kind?"""
    for error in ERRORS:
        try:
            handlers = [(name, Port(name, _raiser(error))) for name in names[:2]]
            case.wait(case.actor().call("deliver_all", case.event(), handlers))
            return True
        except Exception:
            continue
    return False


def _raiser(error: BaseException):
    def handle(event):
        raise error

    return handle


@q1.check("every failure is reported", histories=9)
def failures_are_reported(case: Case):
    several = 2 if case.size > 0.5 else 1
    names = case.random.sample(NAMES, case.pick(several, len(NAMES)))
    failing = case.random.sample(names, case.random.randint(several, len(names)))
    errors = {name: case.random.choice(ERRORS) if name in failing else None for name in names}
    report = deliver_to(case, errors)
    judge_report(case, report, errors)
    again = deliver_to(case, dict.fromkeys(names))
    if again:
        case.blame("REPORT_REMEMBERS", f"nobody failed at the second event, and its report is {describe(again)}",
                   *handled(case))
    if not isinstance(again, list | tuple):
        case.blame("REPORT_SHAPE", f"nobody failed at the second event, and deliver_all returned {describe(again)}: an "
                                   "empty list was due", *handled(case))


def judge_report(case: Case, report, errors: dict[str, BaseException | None]):
    """A list of pairs (name, error), one for each failure, in order."""
    expected = [name for name, error in errors.items() if error is not None]
    failed = case.entries("fail", "handle")
    if expected and (report is None or report in ([], (), {}, "", False, 0)):
        case.blame("SWALLOWED", f"{expected[0]} failed, and deliver_all returned {describe(report)}: nobody will know",
                   *failed)
    if not isinstance(report, list | tuple):
        case.blame("REPORT_SHAPE", f"deliver_all returned {describe(report)}, and not a list of failures",
                   *handled(case))
    for item in report:
        if not (isinstance(item, list | tuple) and len(item) == 2):
            case.blame("REPORT_SHAPE", f"the report holds {describe(item)}, and not a pair of name and error",
                       *handled(case))
        if item[0] not in errors:
            case.blame("REPORT_SHAPE", f"the report begins a pair with {describe(item[0])}, and not with a name",
                       *handled(case))
    named = [item[0] for item in report]
    missed = [name for name in expected if name not in named]
    if missed:
        case.blame("SWALLOWED", f"{missed[0]} failed, and the report does not name it", *failed)
    if named != expected:
        case.blame("REPORT_SHAPE", f"{', '.join(expected) or 'nobody'} failed, and the report names {', '.join(named)}",
                   *handled(case))
    for name, error in report:
        if not is_error(error, errors[name]):
            case.blame("REPORT_SHAPE", f"the error of {name} was {shown(errors[name])}, and the report holds "
                                       f"{describe(error)}", *case.entries("fail", "handle", name))


def is_error(value, error: BaseException) -> bool:
    """Is what the answer gave back this very error: its type and its words?"""
    return getattr(value, "type", "") == type(error).__name__ and value.text == error.args[0]


def shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error.args[0]}"


@q1.check("a stop is not a failure", histories=2)
def stop_passes(case: Case):
    names = case.random.sample(NAMES, 2)
    try:
        deliver_to(case, {names[0]: KeyboardInterrupt("Ctrl-C"), names[1]: None})
    except Exception as raised:
        if getattr(raised, "type", "") == "KeyboardInterrupt":
            if names[1] in calls(case):
                case.blame("CATCHES_EVERYTHING", f"somebody pressed Ctrl-C while {names[0]} was at work, and "
                                                 f"{names[1]} was called before it stopped", *handled(case))
            return
        raise
    went = f"called {names[1]}" if names[1] in calls(case) else "returned as if nothing had happened"
    case.blame("CATCHES_EVERYTHING", f"somebody pressed Ctrl-C while {names[0]} was at work, and deliver_all {went}",
               *handled(case))


# ------------------------------------------------------------------- q2: everybody sees the same order of events

q2 = lab.question("q2", "Late subscribers and events about events", points=3, defines="Bus", uses=("q1",))


class Shop:
    """Handlers that do something while they are called, as a script says: subscribe another, publish, fail.

    `script` is a list of (subscriber, key of an event, what): "publish KEY", "subscribe NAME", "fail", or "tell KEY",
    which publishes on the `other` bus. `received` has who got which event, in order.
    """

    def __init__(self, case: Case, script: list[tuple[str, str, str]], other: Shop | None = None):
        self.case, self.script, self.other = case, script, other
        self.received: list[tuple[str, str]] = []
        self.published: list[str] = []
        self.from_outside: list[str] = []
        """Of these, the ones that no handler has published."""
        self.since: dict[str, int] = {}
        self.bus = case.call("Bus")

    def subscribe(self, name: str) -> None:
        self.case.wait(self._subscribe(name))

    def publish(self, key: str) -> None:
        self.from_outside.append(key)
        self.case.wait(self._publish(key, "bus"))

    def _subscribe(self, name: str):
        if name not in self.since:
            self.since[name] = len(self.published)
            self.case.history.did("subscribe", node=name)
            yield from self.case.actor().method(self.bus, "subscribe", name,
                                                Port(f"the handler of {name}", self._handler(name)))

    def _publish(self, key: str, by: str):
        self.published.append(key)
        yield from self.case.calling(self.bus, self.case.event(key=key), method="publish", by=by)

    def _handler(self, name: str):
        def handle(event):
            self.received.append((name, event.key))
            operation = self.case.history.invoke("handle", event.key, node=name)
            for step in [what for who, key, what in self.script if (who, key) == (name, event.key)]:
                verb, _, more = step.partition(" ")
                if verb == "fail":
                    operation.fail("ValueError: no template")
                    raise ValueError("no template")
                if verb == "publish" and more not in self.published:
                    yield from self._publish(more, name)
                if verb == "tell":
                    yield from self.other._publish(more, name)
                if verb == "subscribe":
                    yield from self._subscribe(more)
            operation.ok()

        return handle

    def keys_of(self, name: str) -> list[str]:
        return [key for who, key in self.received if who == name]


def judge_order(shop: Shop, late: str = "LATE_SUBSCRIBER"):
    """Everybody gets what was published since they came, in the order in which it was published, once."""
    case = shop.case
    for name, since in shop.since.items():
        got, due = shop.keys_of(name), shop.published[since:]
        for key in got:
            if key not in due:
                case.blame(late, f"{name} subscribed after {key} was published, and got it all the same",
                           *_published(case, key), *_of(case, name, key), value=key)
        for key in due:
            if got.count(key) > 1:
                case.blame("CALLED_TWICE", f"{name} got {key} {got.count(key)} times", *_of(case, name, key), value=key)
        later, reached = shop.from_outside[1:], {key for _, key in shop.received}
        if later and reached and not reached & set(later):
            case.blame("STUCK_BUSY", f"{shop.published[0]} was delivered, and {later[0]} reached nobody",
                       *_published(case, *shop.published))
        for key in due:
            if since and key not in got and key in reached:
                case.blame("DECIDED_EARLY", f"{name} subscribed before {key} was published, and never got it",
                           *case.entries(what="subscribe", node=name), *_published(case, key),
                           *(number for who in shop.since for number in _of(case, who, key)), value=key)
            if key not in got:
                case.blame("LOST", f"{name} never got {key}", *case.entries(what="publish"), value=key)
        if got != due:
            first, second = next((a, b) for a, b in zip(got, due, strict=True) if a != b)
            case.blame("OUT_OF_ORDER", f"{second} was published before {first}, and {name} got {first} first",
                       *_published(case, first, second), *_of(case, name, first), *_of(case, name, second))


def _of(case: Case, name: str, key: str) -> list[int]:
    return [entry.number for entry in case.history if entry.node == name and entry.kind == "invoke"
            and entry.value == key]


def _published(case: Case, *keys: str) -> list[int]:
    return [number for number in case.entries(what="publish") if case.history[number].value in keys]


@q2.check("every subscriber gets every event, in order", histories=6)
def plain_fanout(case: Case):
    shop = Shop(case, [])
    for name in case.random.sample(NAMES, case.pick(1, 4)):
        shop.subscribe(name)
        if case.random.random() < 0.5:
            shop.publish(f"order-{len(shop.published) + 1}")
    for _ in range(case.pick(1, 4)):
        shop.publish(f"order-{len(shop.published) + 1}")
    judge_order(shop)


@q2.check("who comes late gets what comes later, and nothing else", histories=7)
def late_subscribers(case: Case):
    first, *others = case.random.sample(NAMES, case.pick(2, 4))
    script = [(first, "order-1", f"subscribe {name}") for name in others]
    if case.size > 0.4:  # order-2 waits already when they come
        script = [(first, "order-1", "publish event-2"), *script]
    if case.size > 0.7:  # and another is published when they are there
        script += [(first, "order-1", "publish event-3")]
    shop = Shop(case, script)
    shop.subscribe(first)
    for number in range(case.pick(1, 3)):
        shop.publish(f"order-{number + 1}")
    judge_order(shop)


@q2.check("an event that a handler publishes waits its turn", histories=10)
def nested_events(case: Case):
    names = case.random.sample(NAMES, case.pick(2, 4))
    depth = case.pick(1, 3)
    script = [(case.random.choice(names[:-1]), f"event-{n}", f"publish event-{n + 1}") for n in range(1, depth + 1)]
    if case.size > 0.3:  # and two events wait at once
        script += [(case.random.choice(names), "event-1", "publish refund-1")]
    shop = Shop(case, script)
    for name in names:
        shop.subscribe(name)
    shop.publish("event-1")
    judge_order(shop)


@q2.check("a failure in the middle leaves the bus working", histories=10)
def failures_in_the_middle(case: Case):
    names = case.random.sample(NAMES, case.pick(2, 4))
    depth = case.pick(1, 2)
    failing = case.random.choice(names)
    script = [(case.random.choice([n for n in names if n != failing]), f"event-{n}", f"publish event-{n + 1}")
              for n in range(1, depth + 1)] + [(failing, f"event-{case.pick(1, depth)}", "fail")]
    if case.size > 0.5:
        script.append((failing, "order-1", "fail"))
    shop = Shop(case, script)
    for name in names:
        shop.subscribe(name)
    for key in ("event-1", "order-1"):
        before = {key for _, key in shop.received}
        try:
            shop.publish(key)
        except Exception as raised:
            if not getattr(raised, "foreign", False):
                raise
            case.blame("STOPS_AT_FAILURE", f"the {raised.type} of {failing} came out of publish",
                       *case.entries("fail", "handle"))
    if "order-1" not in [key for _, key in shop.received]:
        case.blame("STUCK_BUSY", f"{failing} failed once, and the bus has delivered nothing since",
                   *case.entries("fail", "handle"), *case.entries(what="publish")[-1:])
    judge_order(shop)
    late = [key for key in shop.published if key != "order-1" and key not in before]
    if late:
        case.blame("LEFT_WAITING", f"{failing} failed, and {late[0]} waited until somebody published order-1",
                   *_published(case, late[0], "order-1"), *case.entries("fail", "handle"), value=late[0])
    kept = case.actor().get(shop.bus, "failures")
    due = len(case.entries("fail", "handle"))
    pairs = kept if isinstance(kept, list | tuple) else []
    right = [isinstance(pair, list | tuple) and len(pair) == 2 and pair[0] == failing
             and is_error(pair[1], ValueError("no template")) for pair in pairs]
    if due != len(pairs) or not all(right):
        often = "" if due == 1 else f" {due} times"
        case.blame("FAILURES_NOT_KEPT", f"{failing} failed{often}, and `failures` of the bus holds {describe(kept)}",
                   *case.entries("fail", "handle"))


@q2.check("two buses have nothing to do with each other", histories=2)
def two_buses(case: Case):
    first, second, elsewhere = case.random.sample(NAMES, 3)
    other = Shop(case, [])
    other.subscribe(elsewhere)
    script = [(first, "order-1", "publish event-2"), (first, "order-1", "tell order-of-another-bus"),
              (second, "order-1", "fail")]
    shop = Shop(case, script, other)
    for name in (first, second):
        shop.subscribe(name)
    shop.publish("order-1")
    said = "a second bus was made, and the two share "
    entries = _published(case, "order-1", "event-2", "order-of-another-bus")
    got = {key for _, key in shop.received}
    if not got <= set(shop.published) or len(other.received) > 1:
        case.blame("ONE_FOR_ALL", said + "their subscribers: an event came to those of the other bus", *entries,
                   *handled(case))
    if not other.received:
        case.blame("ONE_FOR_ALL", said + f"what says that one is busy: {elsewhere} never got order-of-another-bus",
                   *entries, value="order-of-another-bus")
    if [shop.keys_of(name) for name in (first, second)] != [shop.published] * 2:
        case.blame("ONE_FOR_ALL", said + "their queue: the second one delivered what waited at the first", *entries,
                   *handled(case))
    if case.actor().get(other.bus, "failures"):
        case.blame("ONE_FOR_ALL", said + f"their failures: {second} failed at one, and the other says so too", *entries,
                   *case.entries("fail", "handle"))


# --------------------------------------------------------- q3: try again, wait longer each time, then set it aside

q3 = lab.question("q3", "Try again, then set it aside", points=3, defines="deliver")


KINDS = (OSError, ValueError, KeyError, ZeroDivisionError)


class Attempts:
    """One event and a handler that fails the first `failures` times (inf: always): when it was called, and given up.
    Each call `takes` so many seconds."""

    def __init__(self, case: Case, name: str, key: str, failures: float, takes: float = 0.0):
        self.case, self.name, self.key, self.failures, self.takes = case, name, key, failures, takes
        self.handler, self.set_aside = Port(f"the handler of {name}", self.handle), Port("give_up", self.give_up)
        self.calls: list[float] = []
        self.ended: list[float] = []
        self.error: Exception | None = None
        """The last one that it raised."""
        self.given_up: list[tuple[int, str, object]] = []
        """Of each time it was set aside: after how many calls, the event's key, the error."""

    def handle(self, event):
        self.calls.append(self.case.world.now())
        operation = self.case.history.invoke("handle", event.key, node=self.name)
        if self.takes:
            yield self.takes
        self.ended.append(self.case.world.now())
        if len(self.calls) <= self.failures:
            self.error = KINDS[(len(self.calls) + self.case.world.seed) % 4](f"no answer {len(self.calls)}")
            operation.fail(shown(self.error))
            raise self.error
        operation.ok()

    def give_up(self, event, error):
        self.case.history.did("dead letter", getattr(event, "key", event))
        self.given_up.append((len(self.calls), getattr(event, "key", ""), error))

    def start(self, attempts: int, first: float, event: Event | None = None) -> None:
        case = self.case
        try:
            case.call("deliver", event or case.event(key=self.key), self.handler, case.env(), self.set_aside, attempts,
                      first)
        except Exception as raised:
            self.let_out(raised)
        if len(self.calls) > 1 and case.world.now() == 0:
            case.blame("NO_BACKOFF", f"{len(self.calls)} calls at once, before anything could have mended itself",
                       *case.entries(node=self.name))

    def let_out(self, raised: Exception) -> None:
        """Blame the answer for an error of the handler that it let through; another error goes on."""
        if not getattr(raised, "foreign", False):
            raise raised
        self.case.blame("LETS_ERROR_OUT", f"the {raised.type} of {self.name} came out of deliver", *self.entries)

    def go_on(self, seconds: float) -> None:
        """Let the time pass in which it tries again."""
        try:
            self.case.run(seconds)
        except Exception as raised:
            self.let_out(raised)

    @property
    def entries(self) -> list[int]:
        return [*self.case.entries(node=self.name), *self.case.entries(what="dead letter")]


def judge_attempts(tried: Attempts, attempts: int):
    """The handler is called until it succeeds, `attempts` times at most; then, and only then, it is a dead letter."""
    case, made = tried.case, len(tried.calls)
    due = int(min(tried.failures + 1, attempts))
    dead = tried.failures >= attempts
    if made > attempts:
        case.blame("ONE_TOO_MANY" if made == attempts + 1 else "RETRIES_FOREVER",
                   f"{_allowed(attempts)}, and {tried.name} was called {made} times", *tried.entries)
    if not dead and made > due:
        case.blame("CALLED_AGAIN", f"{tried.name} had handled {tried.key} at attempt {due} and was called again",
                   *tried.entries)
    early = tried.given_up[0][0] if tried.given_up else due
    if tried.given_up and early < due:
        case.blame("GIVES_UP_EARLY", f"{tried.key} was set aside after {_times(early)}; {_allowed(attempts)}",
                   *tried.entries)
    if tried.given_up and not dead:
        case.blame("DEAD_TOO_SOON", f"{tried.name} had handled {tried.key}, and it was set aside all the same",
                   *tried.entries)
    if made < due:
        if not made:
            case.blame("NOT_CALLED", f"{tried.name} was never called", *tried.entries)
        case.blame("NOT_RETRIED", f"attempt {made} failed, {_allowed(attempts)}, and nothing happened any more",
                   *tried.entries)
    if dead and not tried.given_up:
        case.blame("NO_DEAD_LETTER", f"all {_times(attempts)} failed, and {tried.key} is gone: nobody set it aside",
                   *tried.entries)
    if len(tried.given_up) > 1:
        case.blame("DEAD_LETTER_TWICE", f"{tried.key} was set aside {len(tried.given_up)} times", *tried.entries)
    if dead:
        _, key, error = tried.given_up[0]
        if isinstance(error, Event):
            case.blame("WRONG_DEAD_LETTER", "the two arguments of give_up are swapped", *tried.entries)
        if key != tried.key or not is_error(error, tried.error):
            case.blame("WRONG_DEAD_LETTER", f"the last error was {shown(tried.error)}, and what was set aside is "
                                            f"{key or 'something'} with {describe(error)}", *tried.entries)


def _times(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"


def _allowed(number: int) -> str:
    return "1 attempt was allowed" if number == 1 else f"{number} attempts were allowed"


@q3.check("what works is called once", histories=3)
def works_at_once(case: Case):
    tried = Attempts(case, "email", "order-1042", 0)
    tried.start(case.pick(2, 4), 0.5)
    tried.go_on(60)
    judge_attempts(tried, 4)


@q3.check("what fails is tried again, and no more than allowed", histories=11)
def tries_again(case: Case):
    attempts = case.pick(2, 6) if case.size < 0.9 else 1
    failures = case.random.choice((1, attempts - 1, inf)) if case.size else inf
    tried = Attempts(case, case.random.choice(NAMES), "order-1042", failures)
    tried.start(attempts, case.random.choice((0.1, 0.5, 1.0)))
    tried.go_on(200)
    judge_attempts(tried, attempts)


@q3.check("each wait is twice the one before", histories=6)
def waits_longer(case: Case):
    attempts = 6 if case.size == 1 else case.pick(3, 6)  # a straight line is a doubling for the first two waits
    first = 5.0 if case.size == 1 else case.random.choice((0.1, 0.5, 1.0))  # nobody has asked for a longest wait
    tried = Attempts(case, "payment", "order-1042", inf, 0.3 if case.size == 1 else 0)
    tried.start(attempts, first)
    tried.go_on(300)
    waits = [round(b - a, 3) for a, b in zip(tried.ended, tried.calls[1:], strict=False)]
    due = [round(first * 2**n, 3) for n in range(attempts - 1)]
    if waits != due:
        case.blame("NO_BACKOFF" if sum(waits) == 0 else "CONSTANT_WAIT" if len(set(waits)) == 1 else "WRONG_WAITS",
                   f"the waits were {_seconds(waits)}, and {_seconds(due)} were due", *tried.entries)


def _seconds(waits: list[float]) -> str:
    return ", ".join(f"{wait:g}" for wait in waits) + " s"


@q3.check("one event's failures are not another's", histories=7)
def two_at_once(case: Case):
    attempts = case.pick(2, 4)
    same = case.event(key="order-1") if case.world.seed % 2 else None
    events = [Attempts(case, name, "order-1" if same else f"order-{number}",
                       inf if number == 1 else case.random.choice((0, 1, inf)))
              for number, name in enumerate(case.random.sample(NAMES, case.pick(2, 4)), 1)]
    for tried in events:
        tried.start(attempts, 0.5, same)
    judge_apart(case, attempts, f"with {len(events)} events under way at once", *events)


@q3.check("one handler's events, and the same event once more, are deliveries of their own", histories=4)
def one_handler(case: Case):
    attempts, name = case.pick(2, 4), case.random.choice(NAMES)
    tried = {key: Attempts(case, name, key, inf) for key in ("order-1", "order-2")}
    handler = Port(f"the handler of {name}", lambda event: tried[event.key].handle(event))
    set_aside = Port("give_up", lambda event, error: tried[event.key].give_up(event, error))
    for one in tried.values():
        one.handler, one.set_aside = handler, set_aside
    event = case.event(key="order-1")
    tried["order-1"].start(attempts, 0.5, event)
    tried["order-2"].start(attempts, 0.5)
    judge_apart(case, attempts, f"with two events under way at {name}", *tried.values())
    again = tried["order-1"] = Attempts(case, name, "order-1", inf)
    again.handler, again.set_aside = handler, set_aside
    again.start(attempts, 0.5, event)
    judge_apart(case, attempts, "with the same event delivered once more", again)


def judge_apart(case: Case, attempts: int, said: str, *tried: Attempts):
    """Each of these deliveries goes on as if it were the only one."""
    tried[0].go_on(100)
    for one in tried:
        try:
            judge_attempts(one, attempts)
        except Blame as blame:
            case.blame("SHARED_STATE", f"{said}, {blame}", *one.entries)


# ----------------------------------------------------------------- q4: the whole bus, on a network that loses things

q4 = lab.question("q4", "The whole bus, on a bad network", points=4, defines="Bus")

ATTEMPTS, FIRST, TIMEOUT = 3, 0.5, 1.0


class Network:
    """Subscribers on nodes of their own. A call of a handler travels: it, or its ack, may be lost, and then it ends
    with `Timeout`. A subscriber that is `broken` answers with an error."""

    def __init__(self, case: Case, names: list[str], attempts: int = ATTEMPTS, first: float = FIRST):
        self.case, self.names = case, names
        self.attempts, self.first = attempts, first
        self.ended: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.when = ""
        """Said where an accusation is about a redrive."""
        self.broken: set[str] = set()
        self.kinds: tuple[type[Exception], ...] = (OSError,)
        """With which errors they answer, in turn."""
        self.errors: dict[tuple[str, str], BaseException | None] = {}
        """How each one's last call ended."""
        self.told: dict[tuple[str, str], object] = {}
        """The error in a dead letter, where it has one."""
        self.asked: dict[tuple[str, str], int] = {}
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.acked: set[tuple[str, str]] = set()
        self.needless: set[tuple[str, str]] = set()
        """Who was asked again, though the bus had the ack."""
        for name in names:
            case.world.listen(name, self._receiver(name))
        self.bus = case.call("Bus", case.env(), self.attempts, self.first)
        for name in names:
            case.wait(case.actor().method(self.bus, "subscribe", name,
                                          Port(f"the handler of {name}", self._handler(name))))

    def _receiver(self, name: str):
        def receive(event):
            if name in self.broken:
                self.case.history.note("fails", event.key)
                number = self.asked[name, event.key]
                raise self.kinds[(number - 1) % len(self.kinds)](f"no database at attempt {number}")
            self.case.history.did("receive", event.key)

        return receive

    def _handler(self, name: str):
        def handle(event):
            place = name, event.key
            self.asked[place] = self.asked.get(place, 0) + 1
            self.times[place].append(self.case.world.now())
            if place in self.acked:
                self.needless.add(place)
            answer = self.case.world.ask(name, event, timeout=TIMEOUT)

            def over(done):
                self.ended[place].append(self.case.world.now())
                self.errors[place] = done.error
                if done.error is None:
                    self.acked.add(place)

            return answer.then(over)

        return handle

    def publish(self, key: str) -> None:
        try:
            self.case.call(self.bus, self.case.event(key=key), method="publish")
        except Exception as raised:
            self.let_out(raised, f"publish({key})")

    def run(self, seconds: float) -> None:
        """Let the time pass in which the bus tries again."""
        try:
            self.case.run(seconds)
        except Exception as raised:
            self.let_out(raised, "the bus")

    def let_out(self, raised: Exception, where: str) -> None:
        """Blame the answer for an error of a handler that it let through; another error goes on."""
        if not getattr(raised, "foreign", False):
            raise raised
        hint = "CATCHES_TOO_LITTLE" if len(self.kinds) > 1 else "STOPS_AT_FAILURE"
        self.case.blame("TIMEOUT_ESCAPES" if raised.type == "Timeout" else hint,
                        f"the {raised.type} of a handler came out of {where}", *self.case.entries("fail", "publish"),
                        *self.case.entries("fail", "redrive"))

    def letters(self) -> list[tuple[str, str]]:
        """(event's key, name) of each dead letter, as the bus shows them."""
        listed = self.case.actor().get(self.bus, "dead_letters")
        found = []
        if not isinstance(listed, list | tuple):
            self.case.blame("LETTER_SHAPE", f"`dead_letters` is {describe(listed)}, and not a list",
                            *self.case.entries())
        for letter in listed:
            if isinstance(letter, list | tuple) and not (
                    len(letter) == 3 and hasattr(letter[0], "key") and letter[1] in self.names
                    and hasattr(letter[2], "type")):
                self.case.blame("LETTER_SHAPE", f"a dead letter is {describe(letter)}, and not (event, name, error)",
                                *self.case.entries())
            parts = list(letter.fields.values()) if isinstance(letter, Object) else letter
            parts = list(parts.values()) if isinstance(parts, dict) else parts
            parts = parts if isinstance(parts, list | tuple) else ()
            key = next((part.key for part in parts if hasattr(part, "key")), None)
            name = next((part for part in parts if part in self.names), None)
            if key is None or name is None:
                self.case.blame("LETTER_SHAPE", f"a dead letter is {describe(letter)}; it has to hold the event and "
                                                "the subscriber's name", *self.case.entries())
            found.append((key, name))
            self.told[name, key] = next((part for part in parts if isinstance(part, Foreign)), None)
        return found

    def redrive(self) -> None:
        try:
            self.case.call(self.bus, method="redrive")
        except Exception as raised:
            self.let_out(raised, "redrive()")

    def forget_calls(self) -> None:
        """From here on, calls are counted anew: those of a redrive."""
        self.when = " at the redrive"
        self.asked.clear()
        self.times.clear()
        self.ended.clear()

    def received(self, key: str, name: str) -> int:
        return sum(entry.kind == "invoke" and entry.what == "receive" and entry.node == name and entry.value == key
                   for entry in self.case.history)

    def entries(self, key: str, name: str = "") -> list[int]:
        return [entry.number for entry in self.case.history if entry.kind in ("invoke", "note") and entry.value == key
                and (not name or entry.node in (name, "bus"))] + self.case.entries(what="redrive")


def judge_delivery(net: Network, keys: list[str], allowed: int = 0):
    """Each subscriber has received each event, or it is a dead letter: nothing in between, nothing forgotten."""
    case, letters, allowed = net.case, net.letters(), allowed or net.attempts
    for name, key in sorted(net.needless):
        case.blame("CALLED_AGAIN", f"{name} had acked {key} and was asked again", *net.entries(key, name), value=key,
                   name="duplicate")
    for key in keys:
        failed = sorted(name for name in net.names if net.asked.get((name, key), 0) == allowed
                        and (name, key) not in net.acked)
        said = sorted(name for about, name in letters if about == key)
        if len(failed) == len(said) and failed != said:
            right, wrong = next((a, b) for a, b in zip(failed, said, strict=True) if a != b)
            case.blame("WRONG_NAME", f"all attempts at {right} failed for {key}, and the dead letter says {wrong}",
                       *net.entries(key), value=key)
        for name in net.names:
            judge_one(net, key, name, letters.count((key, name)), allowed)


def judge_one(net: Network, key: str, name: str, dead: int, allowed: int):
    """One event and one subscriber, `dead` times among the dead letters."""
    case, asked, got = net.case, net.asked.get((name, key), 0), net.received(key, name)
    said_no = any(_failed(case, name, key))
    if dead and (name, key) in net.acked:
        case.blame("DEAD_TOO_SOON", f"{name} has handled {key} and said so, and it is among the dead letters",
                   *net.entries(key, name), value=key)
    if dead > 1:
        case.blame("DEAD_TOO_SOON", f"{key} stands {dead} times among the dead letters of {name}",
                   *net.entries(key, name), value=key)
    if not got and not dead:
        hint = "TIMEOUT_IS_SUCCESS" if 0 < asked < allowed and not said_no else "NEVER_DELIVERED"
        case.blame(hint, f"{name} never received {key}, and it is not among the dead letters", *net.entries(key),
                   value=key, name="lost")
    if dead and asked < allowed:
        case.blame("GIVES_UP_EARLY" if said_no or asked > 1 else "TIMEOUT_IS_DEATH",
                   f"{key} was set aside for {name} after {_times(asked)}{net.when}; {_allowed(allowed)}",
                   *net.entries(key, name), value=key)
    if asked > allowed:
        case.blame("RETRIES_FOREVER", f"{name} was asked {asked} times for {key}; {_allowed(allowed)}",
                   *net.entries(key, name), value=key)
    last, told = net.errors.get((name, key)), net.told.get((name, key))
    if dead and last and told and (told.type, told.text) != (type(last).__name__, error_text(last)):
        case.blame("WRONG_DEAD_LETTER", f"the last error of {name} was {type(last).__name__}: {error_text(last)}, and "
                                        f"the dead letter holds {describe(told)}", *net.entries(key, name), value=key)
    waits = [round(b - a, 3) for a, b in zip(net.ended[name, key], net.times[name, key][1:], strict=False)]
    due = [net.first * 2 ** n for n in range(len(waits))]
    alone = len(net.names) == 1 and len({where[1] for where in net.times}) == 1
    if any(wait < least - 0.001 or alone and wait > least + 0.001 for wait, least in zip(waits, due, strict=True)):
        case.blame("NO_BACKOFF" if min(waits) < 0.001 else "WRONG_WAITS",
                   f"{name} failed, and was asked again after {_seconds(waits)}; {_seconds(due)} were due",
                   *net.entries(key, name), value=key)


def _failed(case: Case, name: str, key: str):
    return (entry.kind == "note" and entry.node == name and entry.value == key for entry in case.history)


@q4.check("on a good day everybody gets everything, once", histories=4)
def good_day(case: Case):
    net = Network(case, case.random.sample(NAMES, case.pick(1, 3)))
    keys = [f"order-{number}" for number in range(1, case.pick(1, 3) + 1)]
    for key in keys:
        net.publish(key)
    net.run(30)
    for key in keys:
        for name in net.names:
            if not net.received(key, name):
                case.blame("NEVER_DELIVERED", f"{name} never received {key}", *net.entries(key), value=key,
                           name="lost")
            if net.received(key, name) > 1:
                case.blame("CALLED_AGAIN", f"{name} received {key} {net.received(key, name)} times",
                           *net.entries(key, name), value=key, name="duplicate")
    if net.letters():
        case.blame("GIVES_UP_EARLY", "everything was handled, and there is a dead letter", *case.entries())


@q4.check("nothing is lost, whatever the network does", histories=16, faults=Faults(drop=0.25))
def bad_network(case: Case):
    net = Network(case, case.random.sample(NAMES, case.pick(1, 3)))
    keys = [f"order-{number}" for number in range(1, case.pick(1, 4) + 1)]
    for key in keys:
        net.publish(key)
    net.run(60)
    case.world.calm()
    net.run(60)
    judge_delivery(net, keys)


@q4.check("a broken subscriber ends in dead letters, and costs the others nothing", histories=6)
def broken_subscriber(case: Case):
    net = Network(case, case.random.sample(NAMES, case.pick(2, 4)))
    net.broken, net.kinds = {net.names[0]}, KINDS if case.size else KINDS[:1]
    keys = [f"order-{number}" for number in range(1, case.pick(1, 3) + 1)]
    for key in keys:
        net.publish(key)
    net.run(60)
    judge_delivery(net, keys)
    retried = net.times[net.names[0], keys[0]][1]
    for name in net.names[1:]:
        if net.times[name, keys[0]][0] > retried:
            case.blame("WAITS_FOR_ANOTHER", f"{name} got {keys[0]} after {net.names[0]} had been tried again",
                       *net.entries(keys[0], name), value=keys[0])


@q4.check("attempts and waits are those that the bus was given", histories=4)
def own_policy(case: Case):
    attempts, first = ((ATTEMPTS, FIRST), (2, 1.0), (4, 0.25), (1, 0.5))[case.world.seed % 4]
    net = Network(case, ["email"], attempts, first)
    net.broken = {"email"}
    net.publish("order-1")
    net.run(60)
    place = "email", "order-1"
    waits = [round(b - a, 3) for a, b in zip(net.ended[place], net.times[place][1:], strict=False)]
    due = [first * 2 ** n for n in range(attempts - 1)]
    if waits != due:
        usual = (attempts, first) == (ATTEMPTS, FIRST)
        made = f"{_times(net.asked[place])}" + (f", with waits of {_seconds(waits)}" if waits else "")
        case.blame("WRONG_WAITS" if usual else "IGNORES_POLICY",
                   f"Bus(env, attempts={attempts}, first={first:g}) made {made}", *net.entries("order-1", "email"),
                   value="order-1")
    judge_delivery(net, ["order-1"])


@q4.check("a redrive goes to the one who failed, and forgets nothing", histories=8)
def redrives(case: Case):
    net = Network(case, case.random.sample(NAMES, case.pick(2, 4)), 1 if case.size > 0.9 else ATTEMPTS)
    broken = net.names[:case.pick(1, len(net.names) - 1)]
    net.broken = set(broken)
    keys = [f"order-{number}" for number in range(1, case.pick(1, 3) + 1)]
    for key in keys:
        net.publish(key)
    net.run(60)
    judge_delivery(net, keys)
    if case.world.seed % 2:
        redrive_in_vain(net, keys, broken)
    net.forget_calls()
    net.broken = set()
    net.redrive()
    net.run(60)
    if not net.asked:
        case.blame("REDRIVES_NOTHING", "there are dead letters, and the redrive called nobody",
                   *net.entries(keys[0], broken[0]), value=keys[0])
    for key in keys:
        for name in net.names:
            if name not in broken and net.asked.get((name, key)):
                case.blame("REDRIVES_TO_ALL", f"{name} had handled {key} long ago, and got it again at the redrive",
                           *net.entries(key, name), value=key, name="duplicate")
            if name in broken and not net.received(key, name):
                dead = (key, name) in net.letters()
                case.blame("NOT_REDRIVEN" if dead else "LOST_IN_REDRIVE",
                           f"{name} is well again, and the redrive never brought {key}", *net.entries(key, name),
                           value=key, name="lost")
    if net.letters():
        key, name = net.letters()[0]
        case.blame("STILL_DEAD", f"{name} has handled {key} at last, and it is still among the dead letters",
                   *net.entries(key, name), value=key)


def redrive_in_vain(net: Network, keys: list[str], broken: list[str]):
    """Redrive while they are still broken: each is tried as before, and everything comes back, once."""
    net.forget_calls()
    net.redrive()
    net.run(60)
    for key in keys:
        for name in broken:
            if (key, name) not in net.letters():
                net.case.blame("LOST_IN_REDRIVE", f"{name} failed again at the redrive of {key}, and the dead letter "
                                                  "is gone", *net.entries(key, name), value=key, name="lost")
            if not net.asked:
                net.case.blame("REDRIVES_NOTHING", "there are dead letters, and the redrive called nobody",
                               *net.entries(key, name), value=key)
            if not net.asked.get((name, key)):
                net.case.blame("NOT_REDRIVEN", f"{key} is a dead letter of {name}, and the redrive left it out",
                               *net.entries(key, name), value=key)
            judge_one(net, key, name, net.letters().count((key, name)), net.attempts)


@q4.check("two buses have nothing to do with each other", histories=2)
def two_networks(case: Case):
    one, other = case.random.sample(NAMES, 2)
    net, second = Network(case, [one]), Network(case, [other])
    net.broken = {one}
    net.publish("order-1")
    second.publish("order-of-another-bus")
    net.run(60)
    said = "a second bus was made, and the two share "
    for name, key in [*net.asked, *second.asked]:
        if (name == one) != (key == "order-1"):
            case.blame("ONE_FOR_ALL", said + f"their subscribers: {key} came to {name}, who is at the other one",
                       *net.entries(key, name), value=key)
    if case.actor().get(second.bus, "dead_letters"):
        case.blame("ONE_FOR_ALL", said + f"their dead letters: {one} failed at the other one", *net.entries("order-1"),
                   value="order-1")
