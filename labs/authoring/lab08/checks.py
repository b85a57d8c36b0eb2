"""The checks of lab08, routing: what each question promises, and the histories in which it may break.

The first answer is a pure function, held against evlab's own matcher. The others work on a router (shop.py): workers
are killed before and after each of their calls, the router loses its power, confirms are lost.
"""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Port
from evlab.errors import Timeout
from evlab.patterns import topic_matches
from evlab.sim.history import describe

_SPEC = importlib.util.spec_from_file_location("evlab_checks_lab08_shop",
                                               pathlib.Path(__file__).with_name("shop.py"))
shop_module = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shop_module)
Shop, Carrier, Publisher, Work = (shop_module.Shop, shop_module.Carrier, shop_module.Publisher, shop_module.Work)
ORDERS, PARKED = shop_module.ORDERS, shop_module.PARKED

lab = Lab("lab08", "Routing")
A, B = "worker-a", "worker-b"


def turn(case: Case, forms: int) -> int:
    """Which of the forms this history is about: each in turn, whatever the seed."""
    return case.world.seed % 1000 % forms


def names(case: Case, count: int) -> list[str]:
    return [f"order-{number}" for number in sorted(case.random.sample(range(10, 99), count))]


# ---------------------------------------------------------------------------------------------- q1: does it match?

q1 = lab.question("q1", "Does this key match?", points=2, defines="matches")


def compare(case: Case, hint: str, pairs: list[tuple[str, str]], why: str = "") -> None:
    """Ask about each pair; blame the first one that is answered wrongly.

    If it is answered well where nothing was asked before, the mistake is what the code has kept of another pair.
    """
    for pattern, key in pairs:
        due = topic_matches(pattern, key)
        try:
            got = case.wait(case.actor("exchange").call("matches", pattern, key), "exchange")
        except AnswerRaised as error:
            case.history.entries.clear()
            case.history.invoke("matches", f'"{pattern}" "{key}"', node="exchange").fail(error.type)
            raise
        earlier = vars(case).setdefault("asked", [])
        earlier.append((pattern, key, got))
        if got is due:
            continue
        actor = case.actor("exchange")
        actor.reset(case.world.seed, "exchange/1")  # as a new process, and with the same hashes
        alone = case.wait(actor.call("matches", pattern, key), "exchange")
        for asked, about, said in earlier[-4:] if alone is due else earlier[-1:]:
            case.history.invoke("matches", f'"{asked}" "{about}"', node="exchange").ok(describe(said))
        last = case.entries()[-1]
        if not isinstance(got, bool):
            case.blame("NO_BOOL", f'`matches("{pattern}", "{key}")` is {describe(got)}, and has to be {due}', last)
        verb = "matches" if due else "does not match"
        if alone is due:
            case.blame("REMEMBERS", f'the pattern "{pattern}" {verb} the key "{key}". `matches` says {got}, and in a '
                       f"new process, where nothing was asked before, {alone}", *case.entries())
        case.blame(hint, f'the pattern "{pattern}" {verb} the key "{key}"{why}. `matches` says {got}', last)


def words(case: Case, count: int) -> list[str]:
    return case.random.sample(("order", "return", "placed", "paid", "eu", "us", "web", "gift"), count)


@q1.check("a pattern without wildcards matches its own key and no other", histories=4)
def plain_words(case: Case):
    a, b, c = words(case, 3)
    compare(case, "NOT_THE_SAME", [(f"{a}.{b}", f"{a}.{b}"), (a, a), (f"{a}.{b}", f"{a}.{c}"),
                                   (f"{a}.{b}", f"{b}.{a}")])
    compare(case, "PART_OF_IT", [(a, f"{a}.{b}"), (f"{a}.{b}", a), (a, f"{a}s"), (f"{a}.{b}", f"{c}.{a}.{b}"),
                                 (a, a.upper()), (a, f" {a}")])


@q1.check("a dot stands between words and is no wildcard, and no other character is one", histories=3)
def dots(case: Case):
    a, b = words(case, 2)
    compare(case, "REGEX", [(f"{a}.{b}", f"{a}-{b}"), (f"{a}.{b}", f"{a}x{b}"), (f"{a}.*", f"{a}-{b}"),
                            (f"{a}.{b}?", f"{a}.{b}"), (f"{a}+.{b}", f"{a}.{b}"), (f"{a}+.{b}", f"{a}+.{b}"),
                            (f"{a}.({b}", f"{a}.({b}"), (f"{a}.[{b}]", f"{a}.[{b}]"), (f"{a}|{b}", a)])


@q1.check("* is exactly one word", histories=5)
def star(case: Case):
    a, b, c = words(case, 3)
    compare(case, "STAR_IS_A_WORD", [(f"{a}.*", f"{a}.{b}"), (f"*.{b}", f"{a}.{b}"), (f"{a}.*.{c}", f"{a}.{b}.{c}"),
                                     (f"{a}.*", f"{b}.{c}"), ("*.*", f"{a}.{b}"),
                                     (f"*.{b}", f"{a}.{c}")])
    compare(case, "STAR_ZERO", [(f"{a}.*", a), (f"*.{b}", b), (f"{a}.*.{c}", f"{a}.{c}"), ("*.*", a)],
            ": * stands for one word, and there is none")
    compare(case, "STAR_MANY", [(f"{a}.*", f"{a}.{b}.{c}"), ("*", f"{a}.{b}"), (f"*.{c}", f"{a}.{b}.{c}")],
            ": * stands for one word, and there are two")
    compare(case, "STAR_INSIDE", [(f"{a}.{b[:2]}*", f"{a}.{b}"), (f"{a}.{b}#", f"{a}.{b}"),
                                  (f"{a}.{b[:2]}*", f"{a}.{b[:2]}*")],
            ": inside of a word a star is a star")


@q1.check("# is any number of words, also none", histories=5)
def hash_sign(case: Case):
    a, b, c = words(case, 3)
    compare(case, "HASH_IS_WORDS", [(f"{a}.#", f"{a}.{b}"), (f"{a}.#", f"{a}.{b}.{c}"), ("#", f"{a}.{b}.{c}"),
                                    (f"#.{c}", f"{a}.{b}.{c}"), (f"{a}.#", f"{b}.{a}"), (f"{a}.#", f"{a}{b}")])
    compare(case, "HASH_NEEDS_ONE", [(f"{a}.#", a), (f"#.{a}", a), (f"{a}.#.{b}", f"{a}.{b}"), ("#.#", a),
                                     (f"{a}.#.#", a)],
            ": # may stand for no word at all")
    compare(case, "REST_FORGOTTEN", [(f"{a}.#.{c}", f"{a}.{b}"), (f"#.{c}", f"{a}.{b}"), (f"{a}.#.*", a),
                                     ("*.#", a), (f"{a}.#.{c}", f"{a}.{b}.{b}.{c}")],
            ": what stands behind # has to match, too")


@q1.check("# takes as many words as the rest of the pattern needs it to", histories=4)
def hash_tries(case: Case):
    a, b, c = words(case, 3)
    compare(case, "HASH_TRIES_ONCE", [("#.*", f"{a}.{b}"), (f"#.{a}", f"{a}.{b}.{a}"), (f"#.{a}.{b}", f"{a}.{a}.{b}"),
                                      (f"#.{a}.#.{b}", f"{c}.{a}.{a}.{c}.{b}"), (f"#.{a}.*", f"{a}.{b}.{a}.{c}"),
                                      (f"{a}.#.{b}.#", f"{a}.{c}.{b}.{c}"), (f"#.{a}.#.{b}", f"{b}.{a}.{c}"),
                                      (f"#.{a}.{b}.#", f"{a}.{b}.{a}")])


@q1.check("only a pattern has wildcards: in a key, a star is a star", histories=2)
def plain_key(case: Case):
    a, b = words(case, 2)
    compare(case, "WILD_KEY", [(a, "*"), (f"{a}.{b}", f"{a}.*"), (a, "#"), (f"{a}.{b}", f"{a}.#"), ("#", f"#.{a}"),
                               (f"{a}.#", f"{a}.#.{b}"), (f"*.{a}", f"#.{a}")],
            ": what looks like a wildcard in the key is a word like any other")


@q1.check("an empty word is a word, and the empty key has none", histories=3)
def empty_words(case: Case):
    a, b = words(case, 2)
    compare(case, "EMPTY_WORD", [(f"{a}.*", f"{a}."), (f"{a}.*.{b}", f"{a}..{b}"), (f"*.{b}", f".{b}"),
                                 (f"{a}.{b}", f"{a}..{b}"), (f"{a}.#", f"{a}..{b}"), (a, f"{a}.")],
            ": between two dots, or behind the last, is a word that is empty")
    compare(case, "EMPTY_KEY", [("", ""), ("#", ""), ("*", ""), (a, ""), ("", a)], ": the empty text has no words")


@q1.check("whatever the key and the pattern", histories=12)
def any_pair(case: Case):
    pieces = ("*", "#", *words(case, 2))
    pairs = [(".".join(case.random.choice(pieces) for _ in range(case.random.randint(1, 4))),
              ".".join(case.random.choice(pieces[2:]) for _ in range(case.random.randint(1, 7)))) for _ in range(12)]
    pairs.append(("#", ".".join(case.random.choice(pieces[2:]) for _ in range(case.random.randint(6, 9)))))
    compare(case, "HASH_IS_WORDS", pairs)


# -------------------------------------------------------------------------------------------------- q2: the worker

q2 = lab.question("q2", "A worker that may die", points=3, defines="start")


def starts(carrier: Any):
    """A life of a worker of question 2."""
    def life(actor, worker):
        yield from actor.call("start", worker.port, carrier.port(worker.node))

    return life


def new_shop(case: Case, **settings: Any):
    """A shop with its queue, whose orders must not go round."""
    shop = Shop(case, **settings)
    shop.router.declare_queue(ORDERS)
    shop.goes_round = lambda order: case.blame(
        "REQUEUES_FOREVER", f"{order} was delivered more than ten times within a second, and given back each time",
        *shop.entries(order)[-12:])
    return shop


def all_shipped(case: Case, shop, carrier, orders: list[str]) -> None:
    """Blame the first order that was lost, or that lies around."""
    for order in orders:
        if order in carrier.shipped:
            continue
        entries, ready, unacked = shop.entries(order), *shop.depth(ORDERS)
        said = shop.settled[order]
        if shop.closed:
            case.blame("ACKS_TWICE", f"a delivery was settled twice: {shop.closed[0]}, and {order} is never shipped",
                       *entries, *case.entries("note", node=A)[-2:])
        if not shop.given[order] and unacked:
            case.blame("NEVER_ACKS", f"{order} was never delivered: {unacked} "
                       + ("order is" if unacked == 1 else "orders are")
                       + " unacked, so the worker gets nothing more", *entries, *case.entries("note", node=A))
        if not shop.given[order]:
            case.blame("NOT_SHIPPED", f"{order} lies in the queue, and no worker got it", *entries)
        if "nack without requeue" in said:
            case.blame("REJECTS", f"{order} was not shipped, and it was given back without requeue: it is gone",
                       *entries)
        acked = case.entries("note", f"ack {order}")
        died = acked and max(case.entries("kill"), default=0) > acked[-1]
        if order in shop.again and not shop.tried(order) and ready + unacked == 0 and not died:
            case.blame("SKIPS_REDELIVERED", f"{order} was redelivered and nobody had shipped it; it was acked and "
                       "never shipped", *entries)
        if unacked:
            case.blame("KEEPS_IT", f"{order} was not shipped, and it is neither acked nor given back: nobody else gets "
                       "it", *entries)
        if shop.tried(order) and said[-1:] == ["ack"] and not case.entries("kill"):
            case.blame("ACKS_FAILURE", f"{order} may not be shipped, and it was acked as if it were: it is lost",
                       *entries)
        case.blame("ACKS_FIRST", f"{order} left the queue before it was shipped, then the worker was killed: it is "
                   "lost", *case.entries("kill"), *entries)


def all_acked(case: Case, shop, orders: list[str]) -> None:
    ready, unacked = shop.depth(ORDERS)
    if shop.closed:
        case.blame("ACKS_TWICE", f"a delivery was settled twice: {shop.closed[0]}", *case.entries("note", node=A)[-4:])
    if unacked or ready:
        one = (unacked or ready) == 1
        case.blame("NEVER_ACKS", f"all {len(orders)} orders are shipped, and {unacked or ready} of them "
                   f"{'is' if one else 'are'} {'unacked' if unacked else 'back in the queue'}: after the next restart "
                   f"{'it comes' if one else 'they come'} again",
                   *[one.entry for one in shop.works], *case.entries("note", node=A))


@q2.check("every order is shipped once, and then acked", histories=4)
def ships_all(case: Case):
    shop, orders = new_shop(case), names(case, (1, 2, 3, 5)[turn(case, 4)] + 1)
    carrier = Carrier(shop)
    shop.start(A, starts(carrier))
    shop.run(1)
    shop.place(*orders[:-1])
    shop.run(12)
    shop.place(orders[-1])
    shop.run(8)
    shop.finish()
    shop.came_out()
    all_shipped(case, shop, carrier, orders)
    for order in orders:
        if carrier.shipped.count(order) > 1:
            case.blame("SHIPS_TWICE", f"{order} was shipped {carrier.shipped.count(order)} times, and nothing had gone "
                       "wrong", *shop.entries(order))
    all_acked(case, shop, orders)


def killed_shop(case: Case) -> tuple:
    """A worker that is killed at some moment, and comes back; in later histories it is killed before it ships, and in
    its next life as well."""
    form = turn(case, 23)
    crashes = {"crash_at": 2 + form} if form < 12 else {"crash_at": 3, "then": form - 9}
    shop, orders = new_shop(case, **crashes), names(case, 2)
    carrier = Carrier(shop)
    shop.place(*orders)
    shop.start(A, starts(carrier))
    shop.run(26)
    shop.finish()
    shop.came_out()
    return shop, carrier, orders


@q2.check("killed at any moment, it loses no order", histories=23)
def loses_nothing(case: Case):
    shop, carrier, orders = killed_shop(case)
    all_shipped(case, shop, carrier, orders)
    if case.entries("kill"):
        all_acked(case, shop, orders)


@q2.check("killed at any moment, it ships no order twice", histories=12)
def ships_none_twice(case: Case):
    shop, carrier, orders = killed_shop(case)
    for order in orders:
        if carrier.shipped.count(order) > 1:
            said = "though the carrier had said so" if order in carrier.asked else "and nobody had asked the carrier"
            case.blame("IGNORES_REDELIVERED", f"{order} was shipped, then the worker was killed; it came again, and "
                       f"was shipped once more, {said}", *case.entries("kill"), *shop.entries(order), value=order)


@q2.check("the carrier is asked only about orders that it may have", histories=3)
def asks_little(case: Case):
    shop, orders = new_shop(case), names(case, 2 + turn(case, 3))
    carrier = Carrier(shop)
    shop.place(*orders)
    shop.start(A, starts(carrier))
    shop.run(12)
    shop.finish()
    shop.came_out()
    if carrier.asked:
        order = carrier.asked[0]
        case.blame("ASKS_ALWAYS", f"{order} was delivered for the first time, nobody can have shipped it, and the "
                   "carrier was asked: that is a euro for each order", *shop.entries(order))


@q2.check("no answer from the carrier is neither yes nor no", histories=6)
def unknown(case: Case):
    shop, orders = new_shop(case), names(case, 2)
    how = (["lost"], ["unheard"], ["lost"] * 3, ["unheard"] * 2, ["lost"] * 12, ["lost", "unheard"])[turn(case, 6)]
    carrier = Carrier(shop, fails=lambda order, tried: "".join(how[tried - 1:tried]) if order == orders[0] else "")
    shop.place(*orders)
    shop.start(A, starts(carrier))
    shop.run(25)
    shop.finish()
    shop.came_out()
    all_shipped(case, shop, carrier, orders)
    for order in orders:
        if carrier.shipped.count(order) > 1:
            case.blame("TIMEOUT_IS_NO", f"the carrier had shipped {order} and its answer was lost; {order} was shipped "
                       "once more", *shop.entries(order))
    ready, unacked = shop.depth(ORDERS)
    if unacked or ready:
        case.blame("KEEPS_IT", f"{orders[0]} is shipped by now, and it is still unacked", *shop.entries(orders[0]))


@q2.check("an order lies at a worker only while it is worked on", histories=3)
def fair(case: Case):
    shop, orders = new_shop(case), names(case, (6, 8, 10)[turn(case, 3)])
    carrier = Carrier(shop, seconds={A: 6.0, B: 1.0})
    shop.start(A, starts(carrier))
    shop.start(B, starts(carrier))
    shop.run(2)
    shop.place(*orders)
    shop.run(12)
    shop.finish()
    shop.came_out()
    for node, (_, heap) in sorted(shop.most.items()):
        if len(heap) > 1:
            idle = B if node == A else A
            rest = f"{len(heap) - 1} others wait" if len(heap) > 2 else f"{heap[1]} waits"
            case.blame("HOARDS", f"{node} works on {heap[0]}, and {rest} at {node}, out of the reach of {idle}",
                       *case.entries("note", node=node)[:6],
                       *[one.entry for one in shop.works if one.node == node])


# --------------------------------------------------------------------------------------- q3: retry, and then park

q3 = lab.question("q3", "Again, but later", points=4, defines=("declare", "handle"))
ERRORS = (ValueError("no address"), KeyError("sku"), OSError("the printer is out of paper"), Timeout("no answer"))
SLACK = 0.45
"""Seconds: the work and the network."""


class Retrying:
    """A shop whose worker runs question 3. `fails`: how often the work on an order fails, 99 for always."""

    def __init__(self, case: Case, waits: list[int], fails: dict[str, int], *, crash_at: int = 0, unconfirmed: int = 0):
        self.case, self.waits, self.fails = case, waits, fails
        self.shop = Shop(case, crash_at=crash_at, unconfirmed=unconfirmed)
        self.tries: dict[str, int] = {}
        case.history.note("waits: " + (", ".join(f"{wait} s" for wait in waits) or "none"), node="router")
        self.shop.goes_round = lambda order: case.blame(
            "AT_ONCE", f"the work on {order} failed, and it was tried again at once, more than ten times within "
            "a second",
            *self.shop.entries(order)[-12:])

    @property
    def attempts(self) -> int:
        """How often an order may be tried."""
        return len(self.waits) + 1

    def start(self) -> None:
        self.shop.start(A, self._life)
        self.shop.run(1.5)
        if self.case.entries("kill"):
            self.shop.run(4)  # it is back by then
        have = [row.name for row in self.shop.router.queues()]
        missing = [queue for queue in (ORDERS, PARKED) if queue not in have]
        if self.shop.errors or self.shop.broke or missing:
            self.shop.finish()
            self.shop.came_out()
            for queue in missing:
                self.case.blame("NO_QUEUE", f"after `declare` there is no queue `{queue}`; there "
                                + (f"are {', '.join(have)}" if len(have) > 1 else f"is {have[0]}" if have else
                                   "is none"), *self.case.entries("note"))

    def _life(self, actor, worker):
        yield from actor.call("declare", worker.port, list(self.waits))
        if any(row.name == ORDERS for row in self.shop.router.queues()):
            channel = worker.client.channel(prefetch=1)

            def handle(delivery: Port):
                yield from actor.call("handle", worker.port, delivery, self._work_port(worker.node), list(self.waits))

            worker.consume(channel, ORDERS, handle, "manual")

    def _work_port(self, node: str) -> Port:
        def work(event: Any = None):
            order = getattr(event, "key", None)
            if order not in self.shop.orders:
                raise shop_module.WrongCall(f"work needs the event of a delivery, not {describe(event)[:60]}")
            self.shop.moment(node)
            tried = self.tries[order] = self.tries.get(order, 0) + 1
            operation = self.shop.history.invoke("work", order, node=node)
            began = self.shop.world.now()
            yield 0.1
            fine = tried > self.fails.get(order, 0)
            self.shop.works.append(Work(operation.number, node, order, began, fine))
            if not fine:
                error = ERRORS[turn(self.case, len(ERRORS))]
                operation.fail(f"{type(error).__name__}: {error.args[0]}")
                raise error
            operation.ok()
            self.shop.moment(node)

        return Port("work", work)

    def run(self, *orders: str, seconds: float) -> None:
        self.shop.place(*orders, headers=True)
        self.shop.run(seconds)

    def over(self, *, tell: bool = True) -> None:
        self.shop.finish()
        if tell:
            self.shop.came_out()
            for order, error in self.shop.escaped:
                if error.type in [type(one).__name__ for one in ERRORS] and error.foreign:
                    self.case.blame("COMES_OUT", f"the work on {order} failed, and its {error.type} came out of "
                                    f"`handle`: {order} is unacked and holds up all others", *self.shop.entries(order))
        self.left = self.shop.parked()
        self.in_park = [one.event.key if _is_event(one) else describe(one.body) for one in self.left]

    def gaps(self, order: str) -> list[float]:
        """Seconds between two tries of an order."""
        times = [one.time for one in self.shop.tried(order)]
        return [round(b - a, 2) for a, b in zip(times, times[1:], strict=False)]

    def where(self, order: str) -> str:
        """Where an order lies that did not come back."""
        for row in self.shop.router.queues():
            for item in self.shop.router.broker.queues[row.name].items():
                if order == shop_module._order_in(item.message.body):
                    return row.name
        return ""


def _is_event(delivery: Any) -> bool:
    try:
        return bool(delivery.event.key)
    except Exception:
        return False


def went_well(case: Case, run: Retrying, orders: list[str]) -> None:
    """Blame work that worked and was repeated, not acked, or set aside."""
    shop = run.shop
    if shop.closed:
        case.blame("ACKS_TWICE", f"a delivery was settled twice: {shop.closed[0]}", *case.entries("note", node=A)[-4:])
    for order in orders:
        if not shop.done(order):
            case.blame("NOT_WORKED" if shop.given[order] or not shop.depth(ORDERS)[1] else "NEVER_ACKS",
                       f"nothing fails, and {order} was never worked on", *shop.entries(order), *case.entries("note"))
        if len(shop.tried(order)) > 1:
            case.blame("TWO_COPIES", f"{order} was fine, and it was worked on {len(shop.tried(order))} times",
                       *shop.entries(order))
    if run.in_park or shop.published:
        case.blame("TWO_COPIES", f"nothing failed, and {run.in_park[0] if run.in_park else 'an order'} was published "
                   "again", *[entry for entry, *_ in shop.published], *case.entries("note"))
    if any(shop.depth(ORDERS)):
        case.blame("NEVER_ACKS", f"all is done, and {sum(shop.depth(ORDERS))} of {len(orders)} deliveries not acked",
                   *[one.entry for one in shop.works])


@q3.check("work that works is done once and acked", histories=2)
def works_once(case: Case):
    run, orders = Retrying(case, [1, 5], {}), names(case, 1 + 2 * turn(case, 2))
    run.start()
    run.run(*orders, seconds=6)
    run.over()
    went_well(case, run, orders)


def came_again(case: Case, run: Retrying, order: str, fails: int) -> None:
    """Blame the first of an order's waits that was not what was due, up to its success or its end."""
    shop, tried, entries = run.shop, run.shop.tried(order), run.shop.entries(order)
    whole_bodies(case, run, order)
    gaps, due = run.gaps(order), run.waits[:fails]
    for number, (gap, wait) in enumerate(zip(gaps, due, strict=False), 1):
        if abs(gap - wait) <= SLACK:
            continue
        which = f"after failure {number} of {order} a wait of {wait} s is due, and it was tried again after {gap:g} s"
        back = any(key == ORDERS for _, key, _ in shop.published) or "nack with requeue" in shop.settled[order]
        if gap < SLACK and len(shop.given[order]) < len(tried):
            case.blame("AT_ONCE", f"{which}: the delivery was the same", *entries)
        if gap < SLACK and back:
            case.blame("AT_ONCE", f"{which}: it went right back into {ORDERS}", *entries)
        if gap < SLACK:
            case.blame("MILLISECONDS", f"{which}", *entries)
        if number > 1 and not counts_up(shop):
            case.blame("NO_COUNT", f"{which}: nothing that you have put into the message says that it has failed "
                       f"{number} times", *entries)
        if number > 1 and abs(gap - gaps[0]) <= SLACK:
            case.blame("SAME_WAIT", which, *entries)
        case.blame("WRONG_WAIT", which, *entries)
    if len(tried) >= min(fails, len(run.waits)) + 1:
        return
    said = f"{len(tried)} of {run.attempts} attempts at {order} were made"
    if order in run.in_park:
        case.blame("PARKS_TOO_SOON", f"{said}, and it lies in {PARKED}", *entries)
    if shop.depth(ORDERS)[1]:
        case.blame("NEVER_ACKS", f"{said}; its delivery is neither acked nor given back", *entries)
    queue = run.where(order)
    if queue:
        case.blame("NO_WAY_BACK", f"{said}; it lies in {queue}, and nothing brings it out of there", *entries)
    if not shop.published and "ack" in shop.settled[order]:
        case.blame("ACKS_AWAY", f"{said}; then it was acked, and it is gone", *entries)
    if "nack without requeue" in shop.settled[order] and not shop.published:
        case.blame("ACKS_AWAY", f"{said}; then it was rejected, no dead-letter exchange led anywhere, and it is gone",
                   *entries)
    last = shop.published[-1][1] if shop.published else ORDERS
    case.blame("NO_WAY_BACK", f"{said}; {way_of(run, last)}, and no queue has it any more", *entries)


def way_of(run: Retrying, key: str) -> str:
    """Where what was published to a queue goes from there."""
    queue = run.shop.router.broker.queues.get(key)
    if queue is None:
        return f"it was published to {key}, a queue that is not there"
    settings = queue.settings
    if settings.dead_letter_exchange is None:
        return f"it waited in {key}, which has no dead-letter exchange"
    return (f'it waited in {key}, whose dead letters go to the exchange "{settings.dead_letter_exchange}" with the key '
            f"{settings.dead_letter_key or key}")


def counts_up(shop) -> bool:
    """Whether some header of what was published is a number that grows."""
    by_name: dict[str, list[int]] = {}
    for _, _, headers in shop.published:
        for name, value in headers.items():
            if type(value) is int:
                by_name.setdefault(name, []).append(value)
    return any(len(values) == len(shop.published) and values == sorted(set(values)) for values in by_name.values())


def one_copy(case: Case, run: Retrying, order: str, fails: int) -> None:
    """Blame an order that goes on though it is done, or was left over in a second place."""
    shop, entries = run.shop, run.shop.entries(order)
    if fails < run.attempts and len(shop.done(order)) > 1 or order in run.in_park and shop.done(order):
        case.blame("TWO_COPIES", f"{order} was done, and there is another copy of it", *entries)
    if any(shop.depth(ORDERS)):
        case.blame("NEVER_ACKS", f"the work on {order} is over, and a delivery of it is not acked", *entries)


@q3.check("what fails comes again, each time after the wait that is due", histories=4)
def waits_are_due(case: Case):
    waits, fails = (([2, 5], 1), ([1, 4, 9], 2), ([2, 3, 7], 3), ([1, 3, 6], 3))[turn(case, 4)]
    run, (order,) = Retrying(case, waits, {}), names(case, 1)
    run.fails[order] = fails
    run.start()
    run.run(order, seconds=sum(waits) + 8)
    run.over()
    came_again(case, run, order, fails)
    one_copy(case, run, order, fails)


@q3.check("after the last attempt it is parked, and stays there", histories=4)
def parked_at_the_end(case: Case):
    waits = ([1], [1, 2], [2, 3, 1], [1, 1])[turn(case, 4)]
    run, (order,) = Retrying(case, waits, {}), names(case, 1)
    run.fails[order] = 99
    run.start()
    run.run(order, seconds=sum(waits) + 60)
    run.over()
    came_again(case, run, order, 99)
    at_the_end(case, run, order)


def at_the_end(case: Case, run: Retrying, order: str) -> None:
    """Blame an order that always fails and is not parked once, after its last attempt."""
    tried, entries = len(run.shop.tried(order)), run.shop.entries(order)
    waits = ", ".join(f"{wait} s" for wait in run.waits) or "none"
    if tried > run.attempts + 1:
        case.blame("RETRIES_FOREVER", f"the waits are {waits}, so {order} has {_times(run.attempts)}, and it was tried "
                   f"{tried} times", *entries[:24])
    if tried != run.attempts:
        case.blame("WRONG_ATTEMPTS", f"the waits are {waits}, so {order} has {_times(run.attempts)}, and it was tried "
                   f"{'once' if tried == 1 else f'{tried} times'}", *entries)
    if run.in_park.count(order) > 1 or order in run.in_park and any(run.shop.depth(ORDERS)):
        case.blame("TWO_COPIES", f"{order} is parked, and there is another copy of it", *entries)
    whole_bodies(case, run, order)
    if order not in run.in_park:
        queue = run.where(order)
        was_there = " any more" if any(key == PARKED for _, key, _ in run.shop.published) else ""
        case.blame("NOT_PARKED", f"{_times(tried)} at {order} failed, and "
                   + (f"it lies in {queue} instead of {PARKED}" if queue else
                      f"it is not in {PARKED} but still unacked" if any(run.shop.depth(ORDERS)) else
                      f"it is not in {PARKED}{was_there}: it is lost"), *entries)


def whole_bodies(case: Case, run: Retrying, order: str) -> None:
    """Blame a body that came back, or was parked, as another one."""
    bad = run.shop.strange or next((describe(one.body) for one in run.left if not _is_event(one)), "")
    if bad:
        case.blame("LOSES_PARTS", f"{order} was published again, and its body is no event any more: {bad[:60]}",
                   *run.shop.entries(order), *[entry for entry, *_ in run.shop.published])


def _often(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


@q3.check("attempts and waits are those that it was given", histories=3)
def own_waits(case: Case):
    waits = ([], [3], [2, 2, 2, 2])[turn(case, 3)]
    run, (order,) = Retrying(case, waits, {}), names(case, 1)
    run.fails[order] = 99
    run.start()
    run.run(order, seconds=sum(waits) + 10)
    run.over()
    came_again(case, run, order, 99)
    at_the_end(case, run, order)


@q3.check("body and headers travel along, and `attempts` says how often it was tried", histories=2)
def all_travels(case: Case):
    run, (order,) = Retrying(case, [1, 2][:1 + turn(case, 2)], {}), names(case, 1)
    run.fails[order] = 99
    run.start()
    run.run(order, seconds=12)
    shop = run.shop
    run.over()
    [letter] = run.left
    entries = shop.entries(order)
    if not _is_event(letter) or letter.event != shop.events[order]:
        was, now = shop.events[order].data, letter.event.data if _is_event(letter) else None
        case.blame("LOSES_PARTS", f"the body of {order} is not in {PARKED} as it came"
                   + (f": its data was {describe(was)}, and is {describe(now)}" if now not in (None, was) else ""),
                   *entries)
    if letter.headers.get("trace") != f"t-{order[6:]}":
        case.blame("LOSES_PARTS", f"{order} came with the header trace: t-{order[6:]}, and in {PARKED} it has "
                   f"trace: {describe(letter.headers.get('trace'))}", *entries)
    said = letter.headers.get("attempts")
    if said != run.attempts:
        case.blame("WRONG_HEADER", f"{order} was tried {run.attempts} times, and its header says attempts: "
                   + (f'"{said}", a text' if isinstance(said, str) else describe(said)), *entries)


@q3.check("an order that waits holds up nobody", histories=2)
def nobody_waits(case: Case):
    waits = [1, 20]
    slow, quick, fine = names(case, 3)
    run = Retrying(case, waits, {slow: 2, quick: 1})
    run.start()
    run.run(slow, seconds=5)  # it waits for 20 s now
    run.run(quick, *([fine] if turn(case, 2) else []), seconds=9)
    shop = run.shop
    at = shop.world.now()
    done = bool(shop.done(quick))
    shop.run(20)
    run.over()
    for entry, order, headers in shop.attempts_said:
        if order == quick and headers.get("attempts") != (said := len([one for one in shop.tried(quick)
                                                                        if one.entry < entry])):
            case.blame("MIXES_ORDERS", f"{quick} has failed {_often(said)}, and is published with attempts: "
                       f"{describe(headers.get('attempts'))}; {slow} has failed before it", *shop.entries(quick),
                       *shop.entries(slow))
    if not done:
        gaps = run.gaps(quick)
        case.blame("HEAD_BLOCKS", f"{quick} has to wait for 1 s, and {slow} for 20 s before it; "
                   + (f"{quick} came again after {gaps[0]:g} s" if gaps else f"{quick} never came again"),
                   *shop.entries(quick), *shop.entries(slow))
    if turn(case, 2) and not any(one.time < at for one in shop.done(fine)):
        case.blame("HEAD_BLOCKS", f"{fine} had to wait for others that failed", *shop.entries(fine))


@q3.check("killed at any moment, it loses no order and counts on", histories=26)
def killed_in_between(case: Case):
    """In later histories there is one attempt, so that the kill meets the parking."""
    order, other = names(case, 2)
    waits, crash_at = ([1, 2], 6 + turn(case, 26)) if turn(case, 26) < 18 else ([], turn(case, 26) - 14)
    run = Retrying(case, waits, {order: 99}, crash_at=crash_at)
    run.start()
    run.run(order, other, seconds=30 if waits else 6)
    shop = run.shop
    run.over()
    kills = case.entries("kill")
    if not kills:
        return
    if order not in run.in_park:
        queue = run.where(order)
        if len(shop.tried(order)) > 2 * run.attempts:
            case.blame("RETRIES_FOREVER", f"{order} has {run.attempts} attempts, and was tried "
                       f"{len(shop.tried(order))} times", *shop.entries(order))
        case.blame("ACKS_FIRST_AGAIN", f"the worker was killed, and {order} is "
                   + (f"in {queue} for ever" if queue else "in no queue any more: it was lost"), *kills,
                   *shop.entries(order))
    if not shop.done(other):
        case.blame("ACKS_FIRST_AGAIN", f"the worker was killed, and {other} was never worked on", *kills,
                   *shop.entries(other))
    if len(shop.tried(order)) < run.attempts:
        case.blame("COUNTS_DELIVERIES", f"{order} has {_times(run.attempts)}; the worker was killed, and it was "
                   f"parked after {_times(len(shop.tried(order)))}", *kills, *shop.entries(order))
    if len(shop.tried(order)) > run.attempts * (1 + _copies(shop, order, kills[0])):
        case.blame("FORGETS_COUNT", f"{order} has {run.attempts} attempts; the worker was killed in between, and it "
                   f"was tried {len(shop.tried(order))} times", *kills, *shop.entries(order))


def _copies(shop, order: str, kill: int) -> int:
    """Whether the crash may have made a second copy, or have repeated an attempt: it came again, redelivered."""
    return int(order in shop.again)


@q3.check("without a confirm, the order is not acked", histories=2)
def no_confirm_no_ack(case: Case):
    """The first publish, or the one that parks, is lost. What comes out of `handle` then ends the process."""
    waits, (order,) = ([1], [])[turn(case, 2)], names(case, 1)
    run = Retrying(case, waits, {order: 99}, unconfirmed=1)
    run.start()
    run.run(order, seconds=5)
    shop = run.shop
    shop.world.crash(A, power=False, down=0.5)
    shop.run(sum(waits) + 6)
    run.over(tell=False)
    if order not in run.in_park:
        queue = run.where(order)
        said = "acked" if shop.settled[order][-1:] == ["ack"] else "given out of hand"
        case.blame("ACKS_UNCONFIRMED", f"{order} was published and no confirm came, and yet it was {said}; it is "
                   + (f"in {queue} for ever" if queue else "in no queue any more: it is lost"), *shop.entries(order))


@q3.check("what waits is still there when a worker starts again", histories=2)
def restart(case: Case):
    waits, (order,) = [2, 6], names(case, 1)
    run = Retrying(case, waits, {order: (1, 99)[turn(case, 2)]})
    run.start()
    run.run(order, seconds=(1, 5)[turn(case, 2)])
    shop = run.shop
    shop.world.crash(A, power=False, down=0.5)
    shop.run(16)
    run.over()
    if (order not in run.in_park) if turn(case, 2) else not shop.done(order):
        case.blame("LOST_AT_START", f"{order} was waiting when the worker was started again, and it never came back",
                   *case.entries("kill"), *case.entries("restart"), *shop.entries(order),
                   *case.entries("note", node=A))


@q3.check("what waits, and what is parked, survives a power cut of the router", histories=3)
def power_cut(case: Case):
    first, second = names(case, 2)
    waits = ([3], [4], [5, 5])[turn(case, 3)]
    run = Retrying(case, waits[:1], {first: 99, second: 99})
    run.start()
    run.run(first, seconds=waits[0] + 3)  # parked by now
    run.run(second, seconds=1.2)  # it waits
    shop = run.shop
    shop.world.crash("router", down=0.5)
    shop.run(waits[0] + 14)
    run.over(tell=False)
    for order, was in ((second, "waiting"), (first, "parked")):
        if order not in run.in_park:
            case.blame("NOT_DURABLE", f"{order} was {was} when the router lost its power, and now it is gone",
                       *case.entries("crash"), *case.entries("restart"), *shop.entries(order))


# ------------------------------------------------------------------------------------------------ q4: publish safely

q4 = lab.question("q4", "Extra: who has it?", points=3, defines="send")
ANSWERS = ("sent", "unroutable", "refused", "unknown")


def sending(case: Case, plan: list[str], waits: list[float], *, bound: bool = True) -> tuple:
    """Let `send` work by a plan, and blame what is wrong with its form."""
    publisher = Publisher(case, plan, bound=bound)
    publisher.for_ever = lambda: case.blame(
        "TRIES_ON", f"with {len(waits)} waits there are {_times(len(waits) + 1)}, and it was published more than 20 "
        "times", *case.entries()[:8])
    got = publisher.call(waits)
    entries = case.entries()
    if not publisher.attempts:
        case.blame("NOT_PUBLISHED", "`send` has returned, and nothing was published", *entries)
    blame_wrong(case, publisher, entries)
    return publisher, got, entries


def blame_wrong(case: Case, publisher, entries: list[int]) -> None:
    if publisher.new_id:
        case.blame("NEW_ID", f"attempt {publisher.new_id} published the event under another id: whoever gets two "
                   "copies takes them for two events", *entries)
    if publisher.wrong:
        case.blame("NOT_PUBLISHED", f"{publisher.wrong}; it goes to \"shop\", with event.routing_key", *entries)


def judge_answer(case: Case, got: Any, due: str, hints: dict[str, str], text: str, entries: list[int]) -> None:
    if got == due:
        return
    said = describe(got) if got not in ANSWERS else f'"{got}"'
    hint = hints.get(got, "NO_ANSWER") if isinstance(got, str) else "NO_ANSWER"
    case.blame(hint, f'{text}: "{due}" is right, and `send` says {said}', *entries)


def judge_attempts(case: Case, publisher, due: int, waits: list[float], entries: list[int], why: str) -> None:
    made = len(publisher.attempts)
    if made < due:
        case.blame("GIVES_UP", f"{why}, and {made} of {due} attempts were made", *entries)
    if made > due:
        case.blame("TRIES_ON", f"{why}, so {_times(due)} {'was' if due == 1 else 'were'} due, and {made} were made",
                   *entries[:12])
    gaps = [round(begin - end, 2) for end, (_, _, _, begin) in zip(publisher.ends, publisher.attempts[1:],
                                                                     strict=False)]
    for number, (gap, wait) in enumerate(zip(gaps, waits, strict=False), 1):
        if abs(gap - wait) > 0.1:
            case.blame("NO_PAUSE", f"after attempt {number} a pause of {wait:g} s is due, and it was {gap:g} s",
                       *entries)


@q4.check("what is confirmed is sent, once", histories=2)
def sent_once(case: Case):
    publisher, got, entries = sending(case, ["taken"], [1, 2][:2 - turn(case, 2)])
    if len(publisher.attempts) > 1:
        case.blame("TRIES_ON", f"it was confirmed, and published {len(publisher.attempts)} times", *entries)
    judge_answer(case, got, "sent", {}, "it was confirmed", entries)


@q4.check("what nobody wants is told, and not sent again", histories=2)
def nobody_wants_it(case: Case):
    publisher, got, entries = sending(case, ["unrouted"], [1, 2][:1 + turn(case, 2)], bound=False)
    if got == "sent":
        case.blame("NOT_MANDATORY" if not publisher.attempts[0][2] else "IGNORES_RETURN",
                   "no queue is bound for order.placed: it was confirmed, no queue has it, and `send` says \"sent\"",
                   *entries)
    if len(publisher.attempts) > 1:
        case.blame("RESENDS_UNROUTABLE", "no queue is bound for order.placed, and it was published "
                   f"{len(publisher.attempts)} times; it comes back each time", *entries)
    judge_answer(case, got, "unroutable", {}, "it came back", entries)


@q4.check("what is refused is sent again, after each wait", histories=4)
def refused(case: Case):
    fails, waits = ((1, [2, 5]), (2, [1, 3]), (1, [4]), (3, [1, 2, 4]))[turn(case, 4)]
    try:
        publisher, got, entries = sending(case, ["nack"] * fails + ["taken"], waits)
    except Exception as error:
        comes_out(case, error)
        raise
    judge_after(case, publisher, got, entries, "nack")
    judge_attempts(case, publisher, fails + 1, waits, entries, "it was refused")
    judge_answer(case, got, "sent", {}, "it was refused, sent again and confirmed", entries)


def comes_out(case: Case, error: Exception) -> None:
    """A nack or a timeout that came out of `send`."""
    if getattr(error, "foreign", False):
        case.blame("GIVES_UP", f"{'a timeout' if error.type == 'Timeout' else 'a nack'} came out of `send` as "
                   f"{error.type}", *case.entries())


def judge_after(case: Case, publisher, got: Any, entries: list[int], how: str) -> None:
    """"sent", though the last that was heard is no confirm."""
    if got == "sent" and publisher.attempts[-1][1] in ("nack", "lost", "unheard"):
        said = "the queue refused it" if how == "nack" else "no confirm came"
        case.blame("BELIEVES", f'{said}, and `send` says "sent" without a confirm', *entries)


@q4.check("without a confirm it is sent again", histories=4)
def no_confirm(case: Case):
    plan, waits = ((["lost"], [2, 5]), (["unheard"], [1]), (["lost", "nack"], [1, 3]),
                   (["unheard", "lost"], [1, 2]))[turn(case, 4)]
    try:
        publisher, got, entries = sending(case, [*plan, "taken"], waits)
    except Exception as error:
        comes_out(case, error)
        raise
    judge_after(case, publisher, got, entries, "lost")
    judge_attempts(case, publisher, len(plan) + 1, waits, entries, "no confirm came")
    judge_answer(case, got, "sent", {}, "it was confirmed in the end", entries)


@q4.check("attempts are those that it was given, and its answer says no more than it knows", histories=8)
def says_what_it_knows(case: Case):
    plan, waits, due = ((["nack"], [1, 2], "refused"), (["lost"], [1, 2], "unknown"), (["nack"], [], "refused"),
                        (["unheard"], [], "unknown"), (["unheard", "nack"], [1], "unknown"),
                        (["nack", "lost"], [2], "unknown"), (["lost", "nack", "nack"], [1, 2], "unknown"),
                        (["nack"], [1, 2, 3], "refused"))[turn(case, 8)]
    try:
        publisher, got, entries = sending(case, plan, waits)
    except Exception as error:
        comes_out(case, error)
        raise
    judge_after(case, publisher, got, entries, plan[-1])
    judge_attempts(case, publisher, len(waits) + 1, waits, entries, "it was never confirmed")
    if case.world.now() - publisher.ends[-1] > 0.1:
        case.blame("SLEEPS_AT_THE_END", f"after the last of {_times(len(publisher.attempts))} nothing follows, and "
                   f"`send` slept {publisher.sleeps[-1]:g} s before it said so", *entries, *case.entries("note"))
    heard = ("each attempt was refused" if due == "refused" else "an attempt was not answered" if "nack" in plan else
             "no attempt was answered")
    judge_answer(case, got, due, {"refused": "TIMEOUT_IS_NACK", "unknown": "NACK_IS_UNKNOWN"}, heard, entries)


@q4.check("what comes back from a later attempt is told, too", histories=2)
def comes_back_later(case: Case):
    """Whether the first attempt, which nobody heard of, met a binding, nobody knows: "unknown" is true, too."""
    publisher, got, entries = sending(case, ["lost", "unrouted"], [1, 2][:1 + turn(case, 2)], bound=False)
    if got == "sent":
        case.blame("NOT_MANDATORY" if not publisher.attempts[-1][2] else "IGNORES_RETURN",
                   "the first attempt was not confirmed. The second was, no queue has it, and `send` says \"sent\"",
                   *entries)
    if len(publisher.attempts) > 2:
        case.blame("RESENDS_UNROUTABLE", f"it came back from attempt 2, and was published {len(publisher.attempts)} "
                   "times", *entries)
    if got != "unknown":
        judge_answer(case, got, "unroutable", {}, "it came back", entries)


@q4.check("each call begins anew", histories=2)
def begins_anew(case: Case):
    """One event was never confirmed; the next one is refused, or confirmed at its second attempt."""
    publisher, got, _ = sending(case, ["lost"], [1])
    plan, due = ((["nack"], "refused"), (["nack", "taken"], "sent"))[turn(case, 2)]
    publisher.renew(plan)
    first = len(case.history)
    got = publisher.call([1, 2])
    entries = [entry for entry in case.entries() if entry >= first]
    blame_wrong(case, publisher, entries)
    if got != due or len(publisher.attempts) != (3 if due == "refused" else 2):
        case.blame("REMEMBERS_CALLS", f'a first event was never confirmed. The next one was refused'
                   f'{" each time" if due == "refused" else ", then confirmed"}: "{due}" is right, and `send` says '
                   f"{describe(got)} after {_times(len(publisher.attempts))}", *case.entries())
