"""The checks of lab09, effect once: what each question promises, and the histories in which it may break.

The answer's processes share a database and a bus that lie in the judge (desk.py). They are killed at every call, and
once more in their next life; they are stopped at every call while the other one works; and they get everything twice.
"""

from __future__ import annotations

import importlib.util
import pathlib
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

from evlab.course.judge import AnswerRaised, Case, Lab
from evlab.errors import EvlabError
from evlab.event import Event
from evlab.sim.history import describe

_SPEC = importlib.util.spec_from_file_location("evlab_checks_lab09_desk", pathlib.Path(__file__).with_name("desk.py"))
desks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(desks)
Desk, Worker = desks.Desk, desks.Worker

lab = Lab("lab09", "Effect once")
A, B = "points-1", "points-2"
INBOX = """
CREATE TABLE inbox (consumer TEXT, id TEXT, PRIMARY KEY (consumer, id));
CREATE TABLE seen (consumer TEXT, id TEXT, at REAL, PRIMARY KEY (consumer, id));
CREATE TABLE effects (consumer TEXT, id TEXT);
"""
KEEP = 60


def turn(case: Case) -> int:
    """The number of this history, from 0, whatever the seed."""
    return case.world.seed % 1000


def placed(case: Case, number: int = 0, cents: int = 4200) -> Event:
    return case.event(key=f"order-{number or case.random.randint(10, 99)}", cents=cents)


def wait(case: Case, seconds: float) -> None:
    case.world.run(until=case.world.now() + seconds)


def all_lines(case: Case) -> list[int]:
    """What to look at. Of a short history, which is shown whole: effects, publishes and crashes. Of a longer one what
    the answer was given and did, and of a long one the calls of the last piece of work alone."""
    if len(case.history) <= 20:
        marks = [entry.number for entry in case.history if entry.kind in ("crash", "fail")
                 or (entry.kind == "note" and entry.what.startswith(("effect", "publish")))]
        if marks:
            return marks
    last = case.entries()[-1] if len(case.history) > 40 else 0
    return [entry.number for entry in case.history if entry.kind in ("invoke", "crash", "fail")
            or (entry.kind == "note" and (entry.number > last or entry.node == "shop"))]


def often(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


# ---------------------------------------------------------------------- q1 and q2: an inbox, and one that forgets

q1 = lab.question("q1", "Mark and effect", points=3, defines="once")
q2 = lab.question("q2", "An inbox that forgets", points=3, defines="Inbox")


def effects(desk: Desk, event: Event, consumer: str = "points") -> int:
    """How often the event has had its effect."""
    return Counter(desk.tables.rows("SELECT consumer, id FROM effects"))[consumer, event.id]


def get(desk: Desk, worker: Worker, event: Event, said: str = "") -> None:
    """Deliver, and see to it that no transaction stays open."""
    worker.gets(event, said)
    closed(desk)


def closed(desk: Desk) -> None:
    if desk.tables.in_transaction:
        desk.case.blame("LEFT_OPEN", "`once` has returned, and its transaction is open: nothing is kept yet, and "
                                     "everybody else waits", *all_lines(desk.case))


def has_effect(desk: Desk, event: Event, worker: Worker) -> None:
    times = effects(desk, event, worker.consumer)
    if times == 0:
        desk.case.blame("NO_EFFECT", f"{event.key} was delivered to {worker.consumer}, for the first time, and has had "
                                     "no effect", *all_lines(desk.case))
    if times > 1:
        desk.case.blame("EFFECT_TWICE", f"{event.key} was delivered once, and had its effect {often(times)}",
                        *all_lines(desk.case))


def copy_adds(desk: Desk, worker: Worker, event: Event, hint: str, text: str, said: str = "") -> None:
    """Deliver once more what has had its effect. Blame a second one with `hint`, or an error."""
    try:
        get(desk, worker, event, f"{event.key}, {said or 'a copy'}")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        desk.case.blame("COPY_RAISES", f"a copy of {event.key} came, and {error.text} came out: the broker takes that "
                                       "for a failure, and delivers it again", *all_lines(desk.case))
    if effects(desk, event, worker.consumer) > 1:
        desk.case.blame(hint, text, *all_lines(desk.case))


def both_questions(promise: str, histories: int, of_q2: int = 0) -> Callable:
    """A check of q1, and with an inbox that forgets of q2. It gets how long that one keeps an id; None for q1."""
    def keep(function: Callable) -> Callable:
        q1.check(promise, histories=histories)(lambda case: function(case, None))
        q2.check(promise, histories=of_q2 or histories)(lambda case: function(case, KEEP))
        return function
    return keep


def crashes(case: Case, calls: int, pairs: int, within: int = 0) -> tuple[int, int]:
    """The calls at which this history's process dies, and its successor (0: it does not).

    Each single call comes first. Of the pairs (of the calls up to `within`) each seed tries so many, and seeds one
    after the other try them all.
    """
    within = within or calls
    if turn(case) < calls:
        return 1 + turn(case), 0
    number = (case.world.seed // 1000 * pairs + turn(case) - calls) % within ** 2
    return 1 + number % within, 1 + number // within


@both_questions("a new event has its effect, and a copy has none, also in another process", histories=3)
def copies(case: Case, keep: int | None):
    desk = Desk(case, INBOX, each=0 if keep else 0.01)  # no time passes: what is wrong with a window is not asked here
    workers = [Worker(desk, A, keep=keep), Worker(desk, B, keep=keep)]
    events = [placed(case, number, 4200 + number) for number in range(1, 2 + turn(case))]
    for event in events:
        get(desk, workers[0], event)
        has_effect(desk, event, workers[0])
    for event in events:
        copy_adds(desk, workers[0], event, "COPY_COUNTS", f"{event.key} came twice, and had its effect twice")
    for event in events:
        copy_adds(desk, workers[1], event, "IN_MEMORY", f"{A} knew {event.key}, and {B}, another process, did not",
                  "a copy for the other process")


@both_questions("two events that say the same are two", histories=2)
def equal_is_not_a_copy(case: Case, keep: int | None):
    desk = Desk(case, INBOX)
    worker = Worker(desk, A, keep=keep)
    first = placed(case, 7)
    second = placed(case, 7 + turn(case))
    for event, said in ((first, ""), (second, "says the same, and is another event")):
        get(desk, worker, event, f"{event.key}, {said}" if said else "")
        if not effects(desk, event):
            case.blame("EQUAL_IS_COPY", f"two orders of {event.data['cents']} cents, two ids, and the second had no "
                                        "effect", *all_lines(case))


@both_questions("each consumer has its effect, also where one process serves several", histories=4)
def each_consumer(case: Case, keep: int | None):
    """In processes of their own, then in one; the last one has a name with an apostrophe."""
    desk, events = Desk(case, INBOX), [placed(case, 1), placed(case, 2)]
    other = "amina's" if turn(case) == 3 else "stock"
    one, two = Worker(desk, A, keep=keep), Worker(desk, A if turn(case) > 1 else "stock-1", other, keep)
    for event in events[:1 + turn(case) // 2]:
        for worker in (one, two) if turn(case) else (two, one):
            try:
                get(desk, worker, event, f"{event.key} for {worker.consumer}")
            except AnswerRaised as error:
                if "syntax error" not in error.text or turn(case) < 3:
                    raise
                case.blame("TEXT_IN_SQL", f"the consumer is called {worker.consumer}, and the database says "
                           f"{error.text}", *all_lines(case))
            if not effects(desk, event, worker.consumer):
                if turn(case) > 1:
                    case.blame("SHARES", f"{one.consumer} and {two.consumer} run in one process; {event.key} came for "
                               f"both, and {worker.consumer} did nothing", *all_lines(case))
                case.blame("OTHER_CONSUMER", f"another consumer had marked {event.key}, and {worker.consumer} did "
                           "nothing", *all_lines(case))


def own_error(case: Case, error: AnswerRaised, due: str) -> NoReturn:
    """An error that is not the one that should come out: if the answer raised it on purpose, that is its mistake."""
    if error.line.strip().startswith("raise ") and error.type not in ("NameError", "UnboundLocalError"):
        case.blame("OTHER_ERROR", f"{due} was to come out, and in its place came {error.type}: {error.text}",
                   *all_lines(case))
    raise error


@both_questions("if the effect raises, the error comes out, nothing is kept, and the event may come again", histories=6)
def effect_raises(case: Case, keep: int | None):
    """In the last two the effect fails when it has done a half, and would work if it were called again."""
    desk, event = Desk(case, INBOX), placed(case)
    worker, raised, half = Worker(desk, A, keep=keep), False, turn(case) > 3
    try:
        worker.gets(event, fails=(ValueError, EvlabError)[turn(case) // 2 % 2], half=half)
    except AnswerRaised as error:
        if "has no customer" not in error.text:
            if error.foreign and "transaction" in error.text:
                case.blame("ENDED_TWICE", f"the effect's error was to come out, and in its place came {error.text}",
                           *all_lines(case))
            own_error(case, error, "the effect's error")
        raised = True
    closed(desk)
    if not raised:
        if effects(desk, event) > 1:
            case.blame("HALF_AN_EFFECT", f"the effect of {event.key} failed when a half of it was done, and was called "
                       "again: the half is kept, too", *all_lines(case))
        case.blame("SWALLOWS", f"the effect of {event.key} failed, and no error came out: the broker takes it for done",
                   *all_lines(case))
    get(desk, worker if turn(case) % 2 else Worker(desk, B, keep=keep), event, f"{event.key} again")
    if not effects(desk, event):
        case.blame("MARK_STAYS", f"the effect of {event.key} failed, its mark stayed, and the next delivery did "
                                 "nothing", *all_lines(case))


WINDOWS = (([], KEEP // 2), ([], KEEP), ([KEEP // 2], KEEP - 1), ([10, 50, KEEP], KEEP), ([1] * 12, 2), ([1], 2),
           ([2, 3], 4))
"""When other events come, and when the copy does: seconds after the event."""


@q2.check("a copy that comes within `keep` seconds is known, whatever came between", histories=7)
def within_the_window(case: Case):
    desk = Desk(case, INBOX, each=0)
    worker, event, form = Worker(desk, A, keep=KEEP), placed(case, 1), turn(case)
    if form == 5:
        wait(case, 10 * KEEP)  # it was long on its way
    others = iter(placed(case, number) for number in range(100, 200))
    if form == 6:
        wait(case, KEEP - 1)
    get(desk, worker, event, "order-1, made ten minutes ago" if form == 5 else "")
    has_effect(desk, event, worker)
    begin = case.world.now()
    between, copy = WINDOWS[form]
    for moment in between:
        wait(case, begin + moment - case.world.now())
        get(desk, worker, next(others))
    wait(case, begin + copy - case.world.now())
    hint = {4: "COUNTS_IDS", 5: "TIME_OF_THE_EVENT"}.get(form, "WINDOW_TOO_SMALL")
    came = {4: "12 others came in a second", 5: "the event itself was ten minutes old"}.get(
        form, f"ids are to be kept for {KEEP} s")
    copy_adds(desk, worker, event, hint, f"{event.key} came again after {copy} s, and had its effect twice; {came}",
              f"a copy after {copy} s")


@q2.check("each consumer forgets its own ids, and no one else's", histories=2)
def own_ids_only(case: Case):
    desk, event = Desk(case, INBOX), placed(case, 1)
    stock, points = Worker(desk, "stock-1", "stock", 20 * KEEP), Worker(desk, A, keep=KEEP)
    get(desk, stock, event, f"order-1 for stock, which keeps {20 * KEEP} s")
    wait(case, 2 * KEEP)
    for number in range(2, 4 + turn(case)):
        get(desk, points, placed(case, number), f"order-{number} for points, which keeps {KEEP} s")
    copy_adds(desk, stock, event, "FORGETS_FOR_OTHERS", f"points forgot an id of stock's, which keeps its own for "
              f"{20 * KEEP} s, and order-1 had its effect twice", "a copy for stock")


@q2.check("what is older goes as new events come, also after a restart", histories=4)
def old_ids_go(case: Case):
    desk, count = Desk(case, INBOX), (4, 8, 4, 12)[turn(case)]
    worker = Worker(desk, A, keep=KEEP)
    old = [placed(case, number) for number in range(1, 1 + count)]
    for event in old:
        get(desk, worker, event)
        wait(case, 1)
    wait(case, 2 * KEEP)
    if turn(case) == 2:
        case.world.crash(A)
        desk.crashed.add(A)
        case.world.restart(A)
    for number in range(101, 101 + count):
        get(desk, worker, placed(case, number))
        wait(case, KEEP / 2 if turn(case) == 3 else 1)
    kept = desk.tables.rows("SELECT count(*) FROM seen")[0][0]
    if kept > count and turn(case) == 2:
        case.blame("SWEEPS_FROM_MEMORY", f"{count} ids are two minutes old, the process was started again, and {count} "
                   f"new events came: the table holds {kept} ids; {KEEP} s were to be kept",
                   *case.entries("crash"), *case.entries("invoke"))
    if kept > KEEP // 10 and turn(case) == 3:
        case.blame("GROWS", f"{count} events came in {count} s, then {count} more, one each {KEEP // 2} s: the table "
                   f"holds {kept} ids, and should those of {KEEP} s", *case.entries("invoke"))
    if kept > count:
        case.blame("GROWS", f"{count} events of the last {count} s, {count} that are two minutes old, and the table "
                            f"holds {kept} ids; {KEEP} s were to be kept", *case.entries("invoke"))


@both_questions("killed at any call, and again at any call of the next life: once", histories=10, of_q2=9)
def killed(case: Case, keep: int | None):
    desk, event = Desk(case, INBOX, crashes(case, 6, 3) if keep else crashes(case, 5, 5)), placed(case)
    worker = Worker(desk, A, keep=keep)
    for said in (event.key, f"{event.key} again", f"{event.key} once more"):
        try:
            if worker.gets(event, said):
                break
        except AnswerRaised as error:
            if "UNIQUE" not in error.text:
                raise
    times, crashed = effects(desk, event), case.entries("crash")
    if times == 0:
        case.blame("MARKED_NOT_DONE", f"{event.key} was marked, the process died before the effect was safe, and the "
                                      "next one takes it for done", *crashed, *all_lines(case))
    desk.crashes.clear()
    copy_adds(desk, worker, event, "DONE_NOT_MARKED",
              f"the effect of {event.key} was kept, the process died before the mark was, and it was done again")


@both_questions("two deliveries at once: once", histories=15, of_q2=5)
def at_once(case: Case, keep: int | None):
    stops, steps = 1 + turn(case) % 5, (99, 1, 2)[turn(case) // 5]
    desk, event = Desk(case, INBOX), placed(case)
    one, two = Worker(desk, A, keep=keep), Worker(desk, B, keep=keep)
    desk.pace = {A: lambda number: 1.0, B: lambda number: 0.01 if number <= steps else 5.0}
    found = desk.both("handle", {A: (event.key, one.work(event)), B: (f"{event.key}, a copy", two.work(event))},
                      start=stops + 0.5)
    if "open" in found.values():
        case.blame("LEFT_OPEN", "one process has its transaction open for ever, and the other waits", *all_lines(case))
    desk.pace = {}
    for worker, error in ((one, found[A]), (two, found[B])):
        if isinstance(error, AnswerRaised) and "UNIQUE" in error.text:
            get(desk, worker, event, f"{event.key} again")  # an error came out, so the broker delivers it once more
        elif isinstance(error, Exception):
            raise error
    if effects(desk, event) > 1:
        case.blame("LOOKS_THEN_ACTS", f"{event.key} came to two processes at once, and had its effect "
                                      f"{often(effects(desk, event))}", *all_lines(case))
    if effects(desk, event) < 1:
        case.blame("MARKED_NOT_DONE", f"{event.key} came to two processes at once, and neither did it",
                   *all_lines(case))


# ------------------------------------------------------------------------------------------------ q3: the outbox

q3 = lab.question("q3", "Row and event", points=3, defines="place")
SHOP = """
CREATE TABLE orders (id TEXT PRIMARY KEY, voucher TEXT UNIQUE);
CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);
"""
S, T = "shop-1", "shop-2"


class Shop(Desk):
    """A desk with orders."""

    def work(self, node: str, order: str, voucher: str | None) -> Callable:
        actor = self.actor(node)
        return lambda: actor.call("place", self.db(node), self.bus(node), order, voucher)

    def place(self, order: str, voucher: str | None = None, node: str = S) -> bool:
        try:
            done = self.do(node, "place", f"{order} {voucher or ''}".strip(), self.work(node, order, voucher))
        except AnswerRaised as error:
            if "outbox.number" in error.text:
                self.case.blame("OWN_NUMBERS", f"{order} was refused with {error.text}: another event has that number",
                                *all_lines(self.case))
            raise
        if done and self.tables.in_transaction:
            self.case.blame("NOT_COMMITTED", "`place` has returned, and its transaction is open: a crash takes the "
                                             "order away", *all_lines(self.case))
        return done

    @property
    def orders(self) -> list[str]:
        return [id for id, in self.tables.rows("SELECT id FROM orders ORDER BY rowid")]

    def waiting(self) -> list[Event]:
        """The events in the outbox, oldest first."""
        found = []
        for number, text in self.tables.rows("SELECT number, event FROM outbox ORDER BY number"):
            if isinstance(text, bytes):
                self.case.blame("BYTES", f"row {number} of the outbox holds {describe(text)[:40]}, bytes and no text",
                                *all_lines(self.case))
            try:
                found.append(Event.from_json(text))
            except (EvlabError, TypeError, ValueError):
                self.case.blame("NOT_AN_EVENT", f"row {number} of the outbox holds {describe(text)[:80]}: no relay can "
                                                "make the event of it again", *all_lines(self.case))
        return found

    def on_their_way(self, order: str) -> list[tuple[str, str]]:
        """Type and key of the events of an order that are in the outbox or have gone to the bus."""
        events = {event.id: event for event in [*(event for _, event in self.published), *self.waiting()]}
        return [(event.type, event.key) for event in events.values() if event.key == order]


def due(order: str, voucher: str | None) -> list[tuple[str, str]]:
    return [("OrderPlaced", order)] + ([("VoucherUsed", order)] if voucher else [])


def parted(shop: Shop, order: str, when: str) -> None:
    """Blame a row without its event, or an event without its row."""
    entries = all_lines(shop.case)
    if order in shop.orders and not shop.on_their_way(order):
        shop.case.blame("ROW_ONLY", f"{when}: {order} is in the table, and its event is nowhere. Nobody will ever "
                                    "ship it", *entries)
    if order not in shop.orders and shop.on_their_way(order):
        went = any(event.key == order for _, event in shop.published)
        shop.case.blame("PUBLISHED_TOO_EARLY" if went else "EVENT_ONLY",
                        f"{when}: there is no {order}, and {'the bus has' if went else 'the outbox holds'} an event "
                        "that says it was placed", *entries)


@q3.check("a placed order is in the table, and its events are on their way, in order", histories=3)
def row_and_events(case: Case):
    shop = Shop(case, SHOP)
    for number in range(1, 2 + turn(case)):
        order, voucher = f"order-{number}", f"SPRING-{number}" if (number + turn(case)) % 2 else None
        if number == 3:
            voucher = "MUM'S-3"
        try:
            shop.place(order, voucher)
        except AnswerRaised as error:
            if "syntax error" not in error.text or number < 3:
                raise
            case.blame("TEXT_IN_SQL", f"the voucher is {voucher}, and the database says {error.text}", *all_lines(case))
        if shop.tables.rows("SELECT voucher FROM orders WHERE id = '" + order + "'") != [(voucher,)]:
            case.blame("NO_ROW", f"`place` has returned, and {order} with {voucher or 'no voucher'} is not in the "
                                 "table", *all_lines(case))
        found = shop.on_their_way(order)
        if found != due(order, voucher):
            hint = "NO_EVENT" if not found else "EVENTS_TURNED" if sorted(found) == due(order, voucher) \
                else "OTHER_EVENTS"
            said = ", ".join(type for type, _ in found) or "nothing"
            case.blame(hint, f"{order} was placed {'with' if voucher else 'without'} a voucher, and {said} is on its "
                             f"way; {', '.join(type for type, _ in due(order, voucher))} was due", *all_lines(case))


@q3.check("a refused order leaves nothing, and the refusal comes out", histories=3)
def refused(case: Case):
    shop, order = Shop(case, SHOP), "order-2"
    shop.place("order-1", "SPRING-5")
    if turn(case) == 1:
        order = "order-1"  # the customer has pressed again, with another voucher
    raised = False
    events = len(shop.published) + len(shop.waiting())
    try:
        shop.place(order, "SUMMER-5" if order == "order-1" else "SPRING-5")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            own_error(case, error, "the database's refusal")
        raised = True
    if shop.tables.in_transaction:
        case.blame("NOT_COMMITTED", "`place` has ended, and its transaction is open: the next order waits for ever",
                   *all_lines(case))
    if shop.tables.rows("SELECT id, voucher FROM orders WHERE id = 'order-1'") != [("order-1", "SPRING-5")]:
        case.blame("REPLACES", f"order-1 was placed with SPRING-5; then {order} came, was to be refused, and took its "
                               "place", *all_lines(case))
    parted(shop, order, "the database refused the row")
    if len(shop.published) + len(shop.waiting()) > events:
        there = "is there already, was" if order == "order-1" else "was"
        case.blame("EVENT_ONLY", f"{order} {there} to be refused, and yet new events of it are on their way",
                   *all_lines(case))
    if not raised:
        case.blame("HIDES_REFUSAL", f"{order} was refused, and `place` raised nothing: the customer is thanked",
                   *all_lines(case))
    if turn(case) == 2:
        try:
            shop.place("order-3", "AUTUMN-5")
        except AnswerRaised as error:
            if "UNIQUE" in error.text:
                case.blame("LEFT_OVER", f"{order} was refused; order-3 came next, and was refused with {error.text}",
                           *all_lines(case))
            raise
        parted(shop, "order-3", "after a refused order")
        if shop.on_their_way(order):
            case.blame("LEFT_OVER", f"{order} was refused; then order-3 was placed, and with it an event went into the "
                                    f"outbox that says {order} was placed", *all_lines(case))


@q3.check("killed at any call: row and event, or neither", histories=11)
def killed_in_place(case: Case):
    shop, voucher = Shop(case, SHOP, (1 + turn(case) // 2,)), "SPRING-5" if turn(case) % 2 else None
    done = shop.place("order-1", voucher)
    parted(shop, "order-1", "order-1 was placed" if done else "the process died")
    found = shop.on_their_way("order-1")
    if found and found != due("order-1", voucher):
        case.blame("ONE_OF_TWO", f"the process died, and of two events there is only {found[0][0]}", *all_lines(case))


@q3.check("events stand in the order of their orders, also of two at once, and after some were struck out", histories=8)
def in_order(case: Case):
    shop, number = Shop(case, SHOP), turn(case)
    if number < 3:
        for place in range(1, 4):
            shop.place(f"order-{place}")
        shop.tables.write("DELETE FROM outbox WHERE number IN"
                          f" (SELECT number FROM outbox ORDER BY number LIMIT {number + 1})")
        struck = shop.note(f"the relay has published {number + 1}, and struck out")
        shop.place("order-4")
        shop.place("order-5")
        orders = shop.orders[number + 1:]
        numbers = [number for number, in shop.tables.rows("SELECT number FROM outbox ORDER BY number")]
        if len(numbers) == len(orders) and numbers[-2:] != [4, 5]:
            case.blame("OWN_NUMBERS", "the numbers 1 to 3 were given, and the next two events stand under "
                                      f"{numbers[-2]} and {numbers[-1]}, not 4 and 5",
                       *[entry for entry in all_lines(case) if entry >= struck])
    else:
        shop.pace = {S: lambda call: 1.0, T: lambda call: 0.01}
        found = shop.both("place", {S: ("order-1", shop.work(S, "order-1", None)),
                                    T: ("order-2", shop.work(T, "order-2", None))}, start=number - 2.5)
        for error in found.values():
            if isinstance(error, AnswerRaised) and "outbox.number" in error.text:
                case.blame("OWN_NUMBERS", f"two orders at once took the same number, and one of them was refused with "
                                          f"{error.text}", *all_lines(case))
            if isinstance(error, Exception):
                raise error
        orders = shop.orders
    got = [event.key for event in shop.waiting() if event.type == "OrderPlaced"]
    if got != [order for order in orders if order in got]:
        case.blame("OWN_NUMBERS", f"the orders are {', '.join(orders)}, and their events stand in the outbox as "
                                  f"{', '.join(got)}", *all_lines(case))


@q3.check("`place` publishes nothing itself", histories=1)
def leaves_it_to_the_relay(case: Case):
    shop = Shop(case, SHOP)
    shop.place("order-1")
    if shop.published:
        twice = shop.waiting()
        case.blame("PUBLISHES_ITSELF", "`place` published the event itself"
                   + (", and the relay will do it again: every event comes twice" if twice else ""), *all_lines(case))


# ------------------------------------------------------------------------------------------------ q4: the relay

q4 = lab.question("q4", "The relay", points=4, defines="relay")
R = "shop-1"
ANY_ORDER = "PRAGMA reverse_unordered_selects = ON;"
"""SQLite gives rows that nobody has ordered the other way round: who needs an order has to ask for it."""


class Post(Desk):
    """A desk whose outbox holds events."""

    def __init__(self, case: Case, count: int, crashes: tuple[int, ...] = ()):
        super().__init__(case, SHOP + ANY_ORDER, crashes)
        self.events: list[Event] = []
        """All that were ever in the outbox, oldest first."""
        self.count = 0
        for _ in range(count):
            self.add()

    def add(self) -> None:
        self.count += 1
        event = placed(self.case, self.count, cents=100 * self.case.random.randint(5, 90))
        self.events.append(event)
        text = event.to_json().decode().replace("'", "''")
        self.tables.write(f"INSERT INTO outbox (event) VALUES ('{text}')")

    def relay(self, attempts: int = 3) -> bool:
        actor = self.actor(R)
        done = self.do(R, "relay", f"{len(self.left)} events",
                       lambda: actor.call("relay", self.db(R), self.bus(R), attempts))
        if self.tables.in_transaction:
            self.case.blame("RELAY_LEFT_OPEN", "`relay` has returned, and its transaction is open: the strike is not "
                                               "kept", *all_lines(self.case))
        return done

    @property
    def left(self) -> list[int]:
        return [number for number, in self.tables.rows("SELECT number FROM outbox ORDER BY number")]

    @property
    def went(self) -> list[str]:
        """The keys of what the bus has got, in order."""
        return [event.key for _, event in self.published]

    def compare(self, *, again: int = 0, missing: str, twice: str) -> None:
        """What the bus got against what was in the outbox: all of it, in order, at most `again` twice."""
        case, lines = self.case, all_lines(self.case)
        known = {event.key: event for event in self.events}
        for entry, event in self.published:
            if (own := known.get(event.key)) is None or (own.type, own.data) != (event.type, event.data):
                case.blame("OTHER_EVENT", f"{event.type} {event.key} was published, and that is not what was in the "
                                          "outbox", entry)
            if own.id != event.id:
                case.blame("NEW_ID", f"{event.key} was published under another id than it has in the outbox: no inbox "
                                     "will know it again", entry)
        first = list(dict.fromkeys(self.went))
        if first != sorted(first, key=lambda key: int(key[6:])):
            case.blame("OVERTAKES", f"the bus got {', '.join(self.went)}: a later event came before an earlier one",
                       *lines)
        if missed := [key for key in known if key not in first]:
            case.blame(missing, f"{missed[0]} was in the outbox, and the bus has never got it", *lines)
        if len(self.went) - len(first) > again:
            case.blame(twice, f"the bus got {', '.join(self.went)}; {again or 'none'} of them may come twice",
                       *lines)


@q4.check("all that waits is published, oldest first, and struck out", histories=4)
def all_waiting(case: Case):
    post = Post(case, (1, 2, 4, 12)[turn(case)])
    if turn(case) == 2:
        post.tables.write("DELETE FROM outbox WHERE number = 2")  # numbers have gaps
        del post.events[1]
    post.relay()
    if not post.published:
        case.blame("NOTHING_PUBLISHED", f"{len(post.events)} events waited, and the bus got none", *all_lines(case))
    post.compare(missing="LEAVES_SOME", twice="PUBLISHES_TWICE")
    post.note("the relay is called again")
    post.relay()
    post.compare(missing="LEAVES_SOME", twice="NOT_STRUCK")
    post.add()
    post.relay()
    post.compare(missing="LEAVES_SOME", twice="NOT_STRUCK")


@q4.check("no transaction is open while it publishes", histories=1)
def no_lock(case: Case):
    post = Post(case, 2)
    post.relay()
    if post.open_at is not None:
        case.blame("HOLDS_THE_LOCK", "it publishes inside of a transaction: while the bus takes its time, nobody can "
                                     "place an order", post.open_at, *all_lines(case))


@q4.check("what is placed meanwhile is not lost", histories=3)
def meanwhile(case: Case):
    post = Post(case, 2)

    def come(number: int) -> None:
        if number == 1 + turn(case) % 2:
            post.add()
            post.note(f"{post.events[-1].key} is placed")

    post.on_publish = come
    post.relay()
    post.note("the relay is called again")
    post.relay()
    post.compare(missing="LOST_MEANWHILE", twice="NOT_STRUCK")


@q4.check("without an answer, the same event again, and none before it", histories=8)
def tries_again(case: Case):
    """In the last one `publish` ends in an EvlabError that is no Timeout."""
    post, (late, which) = Post(case, 3), divmod(turn(case) % 7, 3)
    if turn(case) == 7:
        post.silence = EvlabError
    bad, times = [post.events[which].id], 1 + which % 2
    if late == 2:  # each of them
        late, bad, times = 0, [event.id for event in post.events], 2
    post.fails = lambda event, number: ("late" if late else "lost") if event.id in bad and number <= times else ""
    try:
        post.relay(attempts=3)
    except AnswerRaised as error:
        if not error.foreign and "did not answer" not in error.text:
            raise
        last = post.tries[-1]
        if post.silence is EvlabError:
            case.blame("TIMEOUTS_ONLY", f"{last.key} was tried once, `publish` raised an EvlabError, and it came out; "
                                        "3 tries were allowed", *all_lines(case))
        case.blame("GIVES_UP", f"{last.key} was tried {often(sum(one.id == last.id for one in post.tries))}, 3 times "
                               "were allowed, and the error came out", *all_lines(case))
    post.compare(again=times * late, missing="SKIPS", twice="PUBLISHES_TWICE")


@q4.check("after the last attempt the error comes out, and all that was not published waits", histories=5)
def gives_up(case: Case):
    post, which, attempts = Post(case, 3), (0, 1, 2, 0, 2)[turn(case)], (2, 2, 3, 3, 1)[turn(case)]
    bad = post.events[which]
    post.fails = lambda event, number: "lost" if event.id == bad.id else ""

    def published(number: int) -> None:
        if number > 20:
            case.blame("WRONG_ATTEMPTS", f"attempts={attempts}, and {bad.key} was tried more than {20 - which} times",
                       *all_lines(case))

    post.on_publish, raised = published, False
    try:
        post.relay(attempts=attempts)
    except AnswerRaised as error:
        if not error.foreign and "did not answer" not in error.text:
            own_error(case, error, "the error of the last attempt")
        raised = True
    tried = sum(one.id == bad.id for one in post.tries)
    if len(post.tries) > which + tried:
        case.blame("OVERTAKES", f"{bad.key} was not published, and events behind it were", *all_lines(case))
    if tried != attempts:
        case.blame("WRONG_ATTEMPTS", f"attempts={attempts}, and {bad.key} was tried {often(tried)}", *all_lines(case))
    if len(post.left) < 3 - which:
        case.blame("STRIKES_UNPUBLISHED", f"{bad.key} was not published, and is struck out", *all_lines(case))
    if not raised:
        case.blame("HIDES_FAILURE", f"{bad.key} was not published, and no error came out: nobody hears that the bus is "
                                    "down", *all_lines(case))
    post.fails = lambda event, number: "lost" if event.id == bad.id and number < 2 * attempts else ""
    post.on_publish = lambda number: None
    post.note(f"the relay is called again; this time the bus answers try {attempts}")
    try:
        post.relay(attempts=attempts)
    except AnswerRaised as error:
        if "did not answer" not in error.text:
            raise
        tried = sum(one.id == bad.id for one in post.tries) - attempts
        case.blame("COUNTS_ALL_CALLS", f"attempts={attempts}, and in the second call {bad.key} was tried "
                                       f"{often(tried)}", *all_lines(case))
    post.compare(missing="STRIKES_UNPUBLISHED", twice="REPEATS_TOO_MUCH")


@q4.check("killed at any call, and again: nothing is lost, and each crash repeats one event at most", histories=17)
def killed_in_relay(case: Case):
    post, lives = Post(case, 2, crashes(case, 13, 4, 7)), 1
    while not post.relay() and lives < 3:
        lives += 1
    post.compare(again=len(case.entries("crash")), missing="STRIKES_FIRST", twice="REPEATS_TOO_MUCH")
