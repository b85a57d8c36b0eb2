"""The checks of lab04, read models: what each question promises, and the histories in which it may break.

The tables lie in the judge, behind a port: a crash ends the answer's process in the middle of its work, what it had
committed is there for the next one, and what was open is not. Where the crash strikes goes from call to call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Object, Port
from evlab.course.judge.tables import Tables
from evlab.event import Event
from evlab.sim.history import describe

lab = Lab("lab04", "Read models")

CUSTOMERS, DAYS = ("Ada", "Grace", "Edsger", "Barbara"), ("Monday", "Tuesday", "Wednesday")
ITEMS = ("Candle", "Coffee dripper", "Filter coffee 500 g", "Travel cup", "Wool blanket")
"""No word twice in one of them: what an order with such a text needs is a check of its own."""
LIST = """
CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT, day TEXT, cents INTEGER, status TEXT);
CREATE TABLE words (word TEXT, id TEXT, PRIMARY KEY (word, id));
CREATE TABLE report (day TEXT PRIMARY KEY, orders INTEGER, cents INTEGER);
CREATE TABLE checkpoint (position INTEGER);
INSERT INTO checkpoint VALUES (0);
"""


def fact(case: Case, type: str, key: str, **data) -> Event:
    return case.world.event(type, data, source="shop", key=key)


def placed(case: Case, number: int, day: str = "", items: str = "") -> Event:
    return fact(case, "OrderPlaced", f"order-{number}", customer=case.random.choice(CUSTOMERS),
                day=day or case.random.choice(DAYS), cents=100 * case.random.randint(5, 90) + number,
                items=items or case.random.choice(ITEMS))


def story(case: Case, length: int) -> list[Event]:
    """Events of a few orders: placed, and then paid, shipped or cancelled, in an order that can happen."""
    events, open_orders = [placed(case, 1)], {"order-1": "placed"}
    for number in range(2, length + 1):
        moves = [(id, status) for id, status in open_orders.items() if status != "shipped"]
        if not moves or case.random.random() < 0.45:
            events.append(placed(case, number))
            open_orders[f"order-{number}"] = "placed"
            continue
        id, status = case.random.choice(moves)
        kind = case.random.choice(("OrderPaid", "OrderCancelled") if status == "placed" else ("OrderShipped",))
        events.append(fact(case, kind, id))
        open_orders[id] = kind.removeprefix("Order").lower()
        if kind == "OrderCancelled":
            del open_orders[id]
    return events


def folded(events: list[Event]) -> tuple[dict[str, tuple], dict[str, tuple[int, int]]]:
    """The list and the report that these events add up to, in plain Python."""
    orders: dict[str, list] = {}
    for event in events:
        if event.type == "OrderPlaced":
            orders[event.key] = [event.data["customer"], event.data["day"], event.data["cents"], "placed"]
        elif event.type == "OrderCancelled":
            orders.pop(event.key, None)
        elif event.type in ("OrderPaid", "OrderShipped") and event.key in orders:
            orders[event.key][3] = event.type.removeprefix("Order").lower()
    count = Counter(day for _, day, _, _ in orders.values())
    return ({id: tuple(row) for id, row in orders.items()},
            {day: (count[day], sum(row[2] for row in orders.values() if row[1] == day)) for day in count})


def texts(events: list[Event]) -> dict[str, str]:
    """What was bought with each order that was ever placed."""
    return {event.key: event.data["items"] for event in events if event.type == "OrderPlaced"}


def words(text: str) -> set[str]:
    return set(text.lower().split())


def sought(events: list[Event]) -> dict[str, set[str]]:
    """The words by which the search should find each order of the list."""
    bought = texts(events)
    return {id: words(bought[id]) for id in folded(events)[0]}


def listed(tables: Tables) -> dict[str, tuple]:
    return {row[0]: row[1:] for row in tables.rows("SELECT id, customer, day, cents, status FROM orders ORDER BY id")}


def reported(tables: Tables) -> dict[str, tuple[int, int]]:
    """The report without days on which nothing was sold: a row of zeros says the same as none."""
    rows = tables.rows("SELECT day, orders, cents FROM report ORDER BY day")
    return {day: (orders, cents) for day, orders, cents in rows if (orders, cents) != (0, 0)}


def searched(tables: Tables) -> dict[str, set]:
    """The words by which the search finds each order."""
    found: dict[str, set] = {}
    for word, id in tables.rows("SELECT word, id FROM words ORDER BY id, word"):
        found.setdefault(id, set()).add(word)
    return found


def length(case: Case, low: int, high: int) -> int:
    """From `low` in the first history of a check to `high` in its last: each time the same."""
    return low + round((high - low) * case.size)


def told(event: Event) -> str:
    return f"{event.type} {event.key}"


# ---------------------------------------------------------------------------- q1: a list, a search and a report

q1 = lab.question("q1", "A list, a search and a report", points=2, defines="apply")


def applied(case: Case, events: list[Event]) -> Tables:
    tables = Tables(case, LIST)
    for event in events:
        operation = case.history.invoke(f"apply {event.type}", event.key, node="projector")
        try:
            case.wait(case.actor("projector").call("apply", tables.port, event), "projector")
        except AnswerRaised as error:
            operation.fail(str(error))
            raise
        operation.ok()
        if tables.in_transaction:
            case.blame("LEFT_OPEN", f"after {told(event)} a transaction is still open: whoever called `apply` decides "
                                    "when it ends", operation.number)
    return tables


def compare(case: Case, tables: Tables, events: list[Event], hint: str, *, report: str = "", search: str = "") -> None:
    """The three tables against what the events add up to; `hint` for the list, `report` and `search` for theirs."""
    compare_sales(case, tables, events, hint, report=report)
    compare_search(case, tables, events, search or hint)


def compare_sales(case: Case, tables: Tables, events: list[Event], hint: str, *, report: str = "") -> None:
    """The list and the report against what the events add up to; `hint` for the list, `report` for the report."""
    orders, days = folded(events)
    got, entries = listed(tables), case.entries("invoke")
    for id in {**orders, **got}:
        if got.get(id) != orders.get(id):
            case.blame(hint, f"the list says {describe(got.get(id, 'nothing'))} of {id}; "
                             f"{describe(orders.get(id, 'nothing'))} was due", *entries)
    found = reported(tables)
    for day in {**days, **found}:
        if found.get(day) != days.get(day):
            case.blame(report or hint, f"the report says {_sold(found.get(day))} on {day}, and should say "
                                       f"{_sold(days.get(day))}", *entries)


def compare_search(case: Case, tables: Tables, events: list[Event], hint: str = "") -> None:
    """The search against the words of the orders in the list. Without `hint`, the wrong rows tell the mistake."""
    due, got, bought = sought(events), searched(tables), texts(events)
    for id in {**due, **got}:
        found, wanted = got.get(id, set()), due.get(id, set())
        if found == wanted:
            continue
        order = f'{describe(id)} holds "{bought[id]}"' if id in bought else f"{describe(id)} is no order"
        gone = " and has left the list" if id in bought and id not in due else ""
        case.blame(hint or _search_mistake(id, found, due, bought), f"{order}{gone}. It is found by {_by(found)}, and "
                   f"should be by {_by(wanted)}", *case.entries("invoke"))


def _search_mistake(id: str, found: set, due: dict[str, set[str]], bought: dict[str, str]) -> str:
    if id in bought and id not in due:
        return "STILL_FOUND"
    if len(found) > 1 and all(len(str(word)) == 1 for word in found):
        return "LETTERS"
    if any(" " in str(word) for word in found):
        return "WHOLE_TEXT"
    if any(str(word) != str(word).lower() for word in found):
        return "CAPITALS"
    lost, others = due.get(id, set()) - found, [words(text) for order, text in bought.items() if order != id]
    return "LOSES_OTHERS" if lost and (len(due) < len(bought) or lost <= set().union(*others)) else "NOT_FOUND"


def _by(found: set) -> str:
    *first, last = [f'"{describe(word)}"' for word in sorted(found, key=str)] or ["no word"]
    return f"{', '.join(first)} and {last}" if first else last


def _sold(row: tuple[int, int] | None) -> str:
    count, cents = row or (0, 0)
    return f"{many(count, 'order')} of {describe(cents)} cents"


def many(number: Any, thing: str) -> str:
    """1 order, 2 orders; what is no number is shown as it is."""
    return f"{describe(number)} {thing}{'' if number == 1 else 's'}"


@q1.check("a placed order is in the list and in the report", histories=4)
def placed_is_listed(case: Case):
    day = DAYS[0] if case.size > 0.5 else ""
    events = [placed(case, number, day, "Candle") for number in range(1, 1 + length(case, 1, 4))]
    try:
        tables = applied(case, events)
    except AnswerRaised as error:
        if "UNIQUE constraint failed: report.day" not in error.text:
            raise
        case.blame("WRONG_REPORT", f"the second order of a day makes a second row for it: {error.text}",
                   *case.entries("invoke"))
    compare_sales(case, tables, events, "NOT_LISTED", report="WRONG_REPORT")


@q1.check("each word of an order finds it", histories=6)
def words_find(case: Case):
    shapes = ((("Candle",), ("Blanket",)), (("Coffee dripper",), ("Travel cup",)),
              (("Candle Candle",), ("Earl Grey 100 g Green tea 100 g",)),
              (("Coffee dripper Filter coffee",), ("Filter coffee Coffee dripper",)),
              (("Coffee dripper", "Filter coffee"), ("Green tea 100 g", "Earl Grey 100 g")),
              (("Wi-Fi lamp",), ("T-shirt black",)))
    bought = case.random.choice(shapes[length(case, 0, 5)])
    events = [placed(case, number, items=items) for number, items in enumerate(bought, 1)]
    try:
        tables = applied(case, events)
    except AnswerRaised as error:
        if "UNIQUE constraint failed: words" not in error.text:
            raise
        stopped = events[len(case.entries("invoke")) - 1]
        case.blame("WORD_TWICE", f'{stopped.key} holds "{stopped.data["items"]}", and a word of it comes twice: '
                                 f"{error.text}", *case.entries("invoke"))
    compare_search(case, tables, events)


@q1.check("a text is a text, whatever is in it", histories=2)
def any_text(case: Case):
    events = [placed(case, 1, items="" if case.size else "Barista's choice")]
    if case.size:
        events = [fact(case, "OrderPlaced", "order-1", **{**events[0].data, "customer": "Sean O'Brien"})]
    try:
        tables = applied(case, events)
    except AnswerRaised as error:
        if not any(said in error.text for said in ("syntax error", "unrecognized token", "no such column")):
            raise
        text = events[0].data["customer" if case.size else "items"]
        case.blame("SQL_FROM_TEXT", f'the order holds "{text}", and line {error.number} of {error.label}, '
                                    f"`{error.line}`, raises {error}", *case.entries("invoke"))
    compare(case, tables, events, "NOT_LISTED", report="WRONG_REPORT", search="NOT_FOUND")


@q1.check("paid and shipped change the status, and nothing else", histories=4)
def status_changes(case: Case):
    events = [placed(case, number) for number in range(1, 1 + length(case, 1, 3))]
    events += [fact(case, "OrderPaid", events[-1].key)]
    if case.size > 0.3:
        events += [fact(case, "OrderShipped", events[-1].key)]
    compare(case, applied(case, events), events, "WRONG_STATUS", report="REPORT_MOVES", search="NOT_FOUND")


def stops(case: Case, events: list[Event], hint: str, why: str, about: Callable[[AnswerRaised], bool]) -> Tables:
    """Apply the events. An error at the last one is the mistake `hint`, for `why`, if it is `about` that."""
    try:
        return applied(case, events)
    except AnswerRaised as error:
        if len(case.entries("invoke")) < len(events) or not about(error):
            raise
        case.blame(hint, f"{why}, and line {error.number} of {error.label}, `{error.line}`, raises {error}",
                   *case.entries("invoke"))


def found_nothing(error: AnswerRaised) -> bool:
    """The answer asked the event for what it does not say, or its table for a row that is gone."""
    asked = error.type == "KeyError" and error.text.strip("'") in ("customer", "day", "cents", "items")
    return asked or error.type == "IndexError" or "got 0)" in error.text


@q1.check("a cancelled order leaves the list, the report and the search, and no other does", histories=6)
def cancelled_leaves(case: Case):
    day, bought = DAYS[0], ("Coffee dripper", "Filter coffee", "Decaf coffee")
    numbers = ((1,), (1, 2), (1, 2), (1, 2, 3), (1, 2), (1, 10, 2))[length(case, 0, 5)]
    events = [placed(case, number, day, items) for number, items in zip(numbers, bought, strict=False)]
    gone = "order-1" if 10 in numbers else events[case.random.randrange(len(events))].key
    if case.size > 0.7:  # what is paid can be cancelled, too
        events.append(fact(case, "OrderPaid", gone))
    events.append(fact(case, "OrderCancelled", gone))
    why = f"{events[-1].key} was in the list when it was cancelled"
    tables = stops(case, events, "CANCEL_STOPS", why, found_nothing)
    compare_sales(case, tables, events, "STILL_LISTED", report="CANCELLED_IS_SOLD")
    compare_search(case, tables, events)


@q1.check("an event that says nothing about the list changes nothing", histories=2)
def others_change_nothing(case: Case):
    events = [placed(case, 1), fact(case, ("InvoiceSent", "ItemRated")[int(case.size)], "order-1", stars=5)]
    kind = events[-1].type
    tables = stops(case, events, "STOPS_AT_OTHERS", f"{kind} is no concern of the list", lambda error:
                   kind in error.text or error.type in ("ValueError", "KeyError", "AssertionError", "Exception"))
    compare(case, tables, events, "MINDS_OTHERS")


# ------------------------------------------------------------------------------------ q2: a checkpoint that agrees

q2 = lab.question("q2", "A checkpoint that agrees", points=3, defines="catch_up", uses=("q1",))
PAGE = 2


class Store:
    """The answer's `store`: read(after) gives the next few (position, event) after a position."""

    def __init__(self, case: Case, events: list[Event], quiet: bool = False):
        self.case, self.events, self.quiet = case, events, quiet
        self.pages = (PAGE,)
        """How many events the reads give, in turn."""
        self.reads = 0
        self.while_reading = lambda number: None
        """Called with the number of each read, from 1: somebody else may append then."""
        self.port = Port("store", verbs={"read": self.read})

    def read(self, after: int = 0) -> list[tuple[int, Event]]:
        self.reads += 1
        self.while_reading(self.reads)
        if isinstance(after, bool) or not isinstance(after, int):
            raise TypeError(f"store.read(after) needs a position, not {describe(after)}")
        found = [(position, event) for position, event in enumerate(self.events, 1) if position > after]
        found = found[:self.pages[(self.reads - 1) % len(self.pages)]]
        if not self.quiet:
            names = ", ".join(f"{position} {told(event)}" for position, event in found) or "nothing"
            self.case.history.note(f"read after {after}: {names}", node="projector")
        return found


def at_work(case: Case, target: Any, *args, tables: Tables, method: str = "", fresh: bool = False) -> Any:
    """Call the answer on the projector's node. After a crash of it, None; the node is then up again."""
    actor = target.actor if isinstance(target, Object) else case.actor("projector", fresh=fresh)
    work = actor.method(target, method, *args) if method else actor.call(target, *args)
    finished = case.world.spawn(work, "projector").then(lambda _: None)
    case.world.run(until=finished, steps=200_000)
    if tables.crashed and not finished.done:
        case.world.restart("projector")
        return None
    return finished.value


def calls_of(case: Case, events: list[Event]) -> int:
    """How many calls of the database the answer makes to catch up, when nothing goes wrong."""
    tables = Tables(case, LIST, quiet=True)
    at_work(case, "catch_up", Store(case, events, quiet=True).port, tables.port, tables=tables)
    return tables.calls


def position_in(case: Case, tables: Tables) -> int:
    rows = tables.rows("SELECT position FROM checkpoint")
    if len(rows) != 1:
        case.blame("CHECKPOINT_ROWS", f"the table checkpoint holds {len(rows)} rows, and one is enough",
                   *case.entries("note"))
    return rows[0][0]


@q2.check("what the store holds is handled once, to the end", histories=4)
def to_the_end(case: Case):
    events = [placed(case, 1), placed(case, 2)] if not case.size else story(case, length(case, 2, 5))
    tables, store = Tables(case, LIST), Store(case, events)
    if case.size == 1:
        store.pages = (1, PAGE)
    first = store.pages[0]
    at_work(case, "catch_up", store.port, tables.port, tables=tables)
    if tables.in_transaction:
        case.blame("NEVER_COMMITS", "`catch_up` has returned, and its last transaction is open: a crash takes it away",
                   *case.entries("note"))
    orders, _ = folded(events)
    if len(events) > first and listed(tables) == folded(events[:first])[0] != orders:
        case.blame("ONE_PAGE_ONLY", f"there are {len(events)} events, and {first} came into the list: `read` gives "
                                    "a few at a time", *case.entries("note"))
    if not tables.rows("SELECT 1 FROM orders") and orders:
        case.blame("NOTHING_DONE", f"{len(events)} events were in the store, and the list is empty",
                   *case.entries("note"))
    compare(case, tables, events, "COUNTED_WRONG")
    if position_in(case, tables) != len(events):
        case.blame("WRONG_POSITION", f"event {len(events)} is the last that was handled, and the checkpoint says "
                                     f"{describe(position_in(case, tables))}", *case.entries("note"))


@q2.check("the next call goes on where the last one ended", histories=4)
def goes_on(case: Case):
    events = story(case, length(case, 2, 5))
    if case.size == 1:  # an order of before is cancelled after
        events = [placed(case, 1), placed(case, 2), fact(case, "OrderCancelled", "order-1")]
    first = case.random.randint(1, len(events) - 1)
    tables, store = Tables(case, LIST), Store(case, events[:first])
    at_work(case, "catch_up", store.port, tables.port, tables=tables)
    store.events = events
    for _ in range(2):
        try:
            at_work(case, "catch_up", store.port, tables.port, tables=tables, fresh=True)
        except AnswerRaised as error:
            if error.type == "KeyError" and "order-" in error.text:
                case.blame("MEMORY_IS_GONE", f"the process is new, and line {error.number} of {error.label}, "
                                             f"`{error.line}`, raises {error}", *case.entries("note")[-1:])
            if "UNIQUE" not in error.text:
                raise
            case.blame("STARTS_AGAIN", "a new process began with an event that had been handled, and stopped at "
                                       f"{error.text}", *case.entries("note")[-1:])
        compare(case, tables, events, "STARTS_AGAIN", search="MEMORY_IS_GONE")


@q2.check("a crash at any moment: nothing is missing, and nothing counts twice", histories=20)
def survives_crashes(case: Case):
    bought = ("Coffee dripper", "Candle", "Umbrella")
    events = [placed(case, number, DAYS[0], items) for number, items in enumerate(bought, 1)]
    total = calls_of(case, events)
    tables, store = Tables(case, LIST, crash_at=1 + round(case.size * (total - 1))), Store(case, events)
    at_work(case, "catch_up", store.port, tables.port, tables=tables, fresh=True)
    position, rows, (count, _) = position_in(case, tables), listed(tables), reported(tables).get(DAYS[0], (0, 0))
    case.history.note(f"the process is new; checkpoint {describe(position)}, {many(len(rows), 'order')} in the list, "
                      f"{count} in the report, {len(searched(tables))} in the search", node="projector")
    entries = case.entries("crash") + case.entries("note")[-1:]
    if len(rows) != count:
        case.blame("HALF_AN_EVENT", f"the process died, and the list has {many(len(rows), 'order')}, the report "
                                    f"{count}",
                   *entries)
    due, got = sought([event for event in events if event.key in rows]), searched(tables)
    for id in {**due, **got}:
        if got.get(id) != due.get(id):
            case.blame("HALF_AN_EVENT", f"the process died, and {describe(id)} is {'' if id in rows else 'not '}in the "
                                        f"list. It is found by {_by(got.get(id, set()))}, and should be by "
                                        f"{_by(due.get(id, set()))}", *entries)
    if count > position:
        case.blame("TWICE_AFTER_CRASH", f"the process died: the report counts {many(count, 'order')}, the checkpoint "
                                        f"says {position}. order-{count} will be handled again", *entries)
    if count < position:
        case.blame("LOST_IN_CRASH", f"the process died: the checkpoint says {position}, the report counts "
                                    f"{many(count, 'order')}. order-{position} will never count", *entries)
    at_work(case, "catch_up", store.port, tables.port, tables=tables, fresh=True)
    compare(case, tables, events, "COUNTED_WRONG")


# ------------------------------------------------------------------------------------- q3: late, and more than once

q3 = lab.question("q3", "Late, and more than once", points=3, defines="on_event")
STOCK = """
CREATE TABLE prices (product TEXT PRIMARY KEY, cents INTEGER, version INTEGER);
CREATE TABLE sold (product TEXT PRIMARY KEY, pieces INTEGER);
CREATE TABLE seen (id TEXT PRIMARY KEY);
"""
PRODUCTS = ("tea", "cups")


def delivered(case: Case, tables: Tables, event: Event, version: int, copy: bool = False, fresh: bool = False) -> None:
    facts = f"{event.data.get('cents', event.data.get('pieces'))}"
    operation = case.history.invoke(f"{event.type} {facts}, version {version}{', a copy' if copy else ''}", event.key,
                                    node="projector")
    at_work(case, "on_event", tables.port, event, version, tables=tables, fresh=fresh)
    if not (tables.crashed and tables.crash_at):
        operation.ok()
    if tables.in_transaction:
        case.blame("STAYS_OPEN", "`on_event` has returned, and its transaction is open: the next delivery cannot begin "
                                 "one, and a crash takes it away", *case.entries("invoke"))


def shop_facts(case: Case, number: int) -> list[tuple[Event, int]]:
    """Events of two products with their versions in the streams, in order."""
    versions, events = Counter(), []
    for step in range(number):
        product = PRODUCTS[step >= 4]
        versions[product] += 1
        if step % 2:
            event = fact(case, "ItemsSold", product, pieces=10 * step + case.random.randint(1, 9))
        else:
            cents = case.random.randint(100, 499) + 400 * (step != 2)  # the tea becomes cheaper
            event = fact(case, "PriceChanged", product, cents=cents)
        events.append((event, versions[product]))
        case.world.run(until=case.world.now() + 1)
    return events


def compare_shop(case: Case, tables: Tables, events: list[tuple[Event, int]], price: str, pieces: str) -> None:
    prices: dict[str, tuple[int, int]] = {}
    sold: Counter = Counter()
    for event, version in events:
        if event.type == "ItemsSold":
            sold[event.key] += event.data["pieces"]
        elif version > prices.get(event.key, (0, 0))[1]:
            prices[event.key] = event.data["cents"], version
    found = {product: cents for product, cents in tables.rows("SELECT product, cents FROM prices")}
    entries = case.entries("invoke")
    for product, (cents, newest) in prices.items():
        if found.get(product) != cents:
            older = [one.data["cents"] for one, version in events
                     if one.type == "PriceChanged" and one.key == product and version < newest]
            stuck = price == "WRONG_PRICE" and found.get(product) in older
            case.blame("PRICE_STUCK" if stuck else price, f"the price of {product} is {cents}, and the read model says "
                              f"{describe(found.get(product, 'nothing'))}", *entries)
    got = dict(tables.rows("SELECT product, pieces FROM sold"))
    for product, number in sold.items():
        if got.get(product) != number:
            case.blame(pieces, f"{number} pieces of {product} were sold, and the read model says "
                               f"{describe(got.get(product, 'nothing'))}", *entries)


@q3.check("prices and pieces, in order", histories=4)
def in_order(case: Case):
    tables, events = Tables(case, STOCK), shop_facts(case, length(case, 1, 6))
    for event, version in events:
        delivered(case, tables, event, version)
    compare_shop(case, tables, events, "WRONG_PRICE", "WRONG_PIECES")


@q3.check("a price that comes late changes nothing", histories=4)
def late_price(case: Case):
    tables, number, facts = Tables(case, STOCK), length(case, 0, 3), {}
    for version in (1, 2, 3, 4) if not number else (2, 1, 4, 3):  # or: the clock of who said it last is behind
        step = 5 - version if number == 1 else version  # the price rises, or falls
        cents = 100 * step + case.random.randint(1, 99)
        if number == 3 and version == 4:  # or is the same once more
            cents = facts[2].data["cents"]
        facts[version] = fact(case, "PriceChanged", "tea", cents=cents)
        case.world.run(until=case.world.now() + 1)
    events = []
    for version, hint in ((2, "WRONG_PRICE"), (1, "LATE_PRICE_WINS"), (4, "WRONG_PRICE"), (3, "LATE_PRICE_WINS")):
        delivered(case, tables, facts[version], version)
        events.append((facts[version], version))
        compare_shop(case, tables, events, hint, "WRONG_PIECES")


@q3.check("pieces count, however late they come", histories=2)
def late_pieces(case: Case):
    tables = Tables(case, STOCK)
    events = [(fact(case, "PriceChanged", "tea", cents=420), 3), (fact(case, "ItemsSold", "tea", pieces=3), 2),
              (fact(case, "ItemsSold", "tea", pieces=4), 1)]
    for event, version in events:
        delivered(case, tables, event, version)
    compare_shop(case, tables, events, "WRONG_PRICE", "DROPS_LATE_PIECES")


@q3.check("a copy counts once, and two equal sales are two", histories=4)
def copies(case: Case):
    tables = Tables(case, STOCK)
    sale = fact(case, "ItemsSold", "tea", pieces=2)
    same = fact(case, "ItemsSold", "tea", pieces=2)
    other = fact(case, "ItemsSold", "cups", pieces=1)
    order = [(sale, 1), (sale, 1)] if not case.size else [(sale, 1), (other, 1), (same, 2), (sale, 1), (other, 1)]
    known: set[str] = set()
    for event, version in order:
        delivered(case, tables, event, version, copy=event.id in known)
        known.add(event.id)
        if len(known) == 1:
            compare_shop(case, tables, [(sale, 1)], "WRONG_PRICE", "COPY_COUNTS" if len(case.entries()) > 1 else
                         "WRONG_PIECES")
    counted = {event.id: (event, version) for event, version in order}
    hint = "COPY_COUNTS"
    if dict(tables.rows("SELECT product, pieces FROM sold")).get("tea", 0) == 2 and case.size:
        hint = "EQUAL_IS_COPY"
    compare_shop(case, tables, list(counted.values()), "WRONG_PRICE", hint)


@q3.check("a crash in between, and the bus delivers it again", histories=8)
def crash_in_between(case: Case):
    sale = fact(case, "ItemsSold", "tea", pieces=2)
    dry = Tables(case, STOCK, quiet=True)
    at_work(case, "on_event", dry.port, sale, 1, tables=dry)
    tables = Tables(case, STOCK, crash_at=1 + round(case.size * dry.calls))
    delivered(case, tables, sale, 1, fresh=True)
    tables.crash_at = 0
    case.history.note("the process is new", node="projector")
    delivered(case, tables, sale, 1, copy=True, fresh=True)
    got = dict(tables.rows("SELECT product, pieces FROM sold")).get("tea", 0)
    entries = case.entries("crash") + case.entries("invoke")
    if got == 0:
        case.blame("MARKED_NOT_DONE", "2 pieces were sold and will never count: the event was marked as seen, and then "
                                      "the process died", *entries)
    if got != 2:
        case.blame("DONE_NOT_MARKED", f"2 pieces were sold, and {describe(got)} are counted: they were added, and then "
                                      "the process died before it had marked the event", *entries)


@q3.check("a crash at a price, and the bus delivers it again", histories=6)
def crash_at_a_price(case: Case):
    old, new = (fact(case, "PriceChanged", "tea", cents=cents) for cents in (500, 420))
    dry = Tables(case, STOCK, quiet=True)
    at_work(case, "on_event", dry.port, old, 1, tables=dry)
    before = dry.calls
    at_work(case, "on_event", dry.port, new, 2, tables=dry)
    tables = Tables(case, STOCK, crash_at=before + 1 + round(case.size * (dry.calls - before)))
    delivered(case, tables, old, 1, fresh=True)
    delivered(case, tables, new, 2)
    tables.crash_at = 0
    case.history.note("the process is new", node="projector")
    delivered(case, tables, new, 2, copy=True, fresh=True)
    got = dict(tables.rows("SELECT product, cents FROM prices")).get("tea", "nothing")
    if got != 420:
        case.blame("MARKED_NOT_DONE", f"the price of tea is 420, and stays {describe(got)}: the process died when half "
                                      "of it was written, and the copy was taken for known",
                   *case.entries("crash"), *case.entries("invoke"))


# ----------------------------------------------------------------------------------------------- q4: the rebuild

q4 = lab.question("q4", "Rebuild beside, then switch", points=4, defines="Projector")
BARE = """
CREATE TABLE orders (id TEXT PRIMARY KEY, cents INTEGER);
CREATE TABLE checkpoint (name TEXT PRIMARY KEY, position INTEGER);
INSERT INTO checkpoint VALUES ('list', 0), ('mail', 0);
"""


def since(case: Case, what: str) -> list[int]:
    """The numbers of the notes from the last one that begins so: what went before is another story."""
    notes = case.entries("note")
    begin = [number for number in notes if case.history[number].what.startswith(what)]
    return [number for number in notes if not begin or number >= begin[-1]]


class Run:
    """A projector of the answer's, with its store, its tables and its mailbox."""

    def __init__(self, case: Case, events: list[Event], crash_at: int = 0, quiet: bool = False):
        self.case, self.quiet = case, quiet
        self.store, self.tables = Store(case, events, quiet), Tables(case, BARE, crash_at=crash_at, quiet=quiet)
        self.mails: list[str] = []
        self.crash_at_mail = 0
        """The number of the mail, from 1, before which the node crashes; 0 for never."""
        self.start(fresh=True)

    def start(self, fresh: bool = False) -> None:
        """The process starts: a new object in it."""
        self.made = at_work(self.case, "Projector", self.store.port, self.tables.port, Port("mail", self.mail),
                            tables=self.tables, fresh=fresh)
        if not isinstance(self.made, Object):
            self.case.blame("NO_PROJECTOR", f"`Projector(store, db, mail)` gave {describe(self.made)}")

    def mail(self, id: str) -> None:
        if len(self.mails) + 1 == self.crash_at_mail:
            self.crash_at_mail = 0
            self.tables.crash()
        self.mails.append(id)
        if not self.quiet:
            self.case.history.note(f"mail for {describe(id)}", node="projector")

    def do(self, method: str) -> bool:
        """Call a method; False if the node crashed meanwhile."""
        if not self.quiet:
            self.case.history.note(f"{method}()", node="projector")
        at_work(self.case, self.made, tables=self.tables, method=method)
        return not self.tables.crashed

    def orders(self) -> dict[str, Any] | None:
        """The list as a reader sees it, with "2 rows" for an order that is in it twice; None if there is no table."""
        try:
            rows = self.tables.rows("SELECT id, cents FROM orders ORDER BY id")
        except Exception:
            return None
        count = Counter(id for id, _ in rows)
        return {id: cents if count[id] == 1 else f"{count[id]} rows" for id, cents in rows}


def due(events: list[Event]) -> dict[str, int]:
    return {id: row[2] for id, row in sorted(folded(events)[0].items())}


def plain(case: Case, length: int) -> list[Event]:
    """Orders placed, the second of them cancelled."""
    events = [placed(case, number) for number in range(1, length + 1)]
    return [*events, fact(case, "OrderCancelled", "order-2")] if length > 2 else events


@q4.check("catch_up keeps the list, and mails each order once", histories=4)
def list_and_mail(case: Case):
    events = plain(case, length(case, 1, 4))
    run = Run(case, events[:1])
    run.do("catch_up")
    run.store.events = events
    if case.size > 0.5:
        case.history.note("the process is new", node="projector")
        run.start(fresh=True)
    try:
        run.do("catch_up")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        case.blame("STARTS_AGAIN", f"the second call began with an event that had been handled, and stops at "
                                   f"{error.text}", *case.entries("note"))
    entries = case.entries("note")
    if run.orders() != due(events):
        case.blame("WRONG_LIST", f"the list is {describe(run.orders())}; {describe(due(events))} was due", *entries)
    keys = [event.key for event in events if event.type == "OrderPlaced"]
    if Counter(run.mails) != Counter(keys):
        hint = "MAILS_TWICE" if len(run.mails) > len(set(run.mails)) else "MAILS_MISSING"
        case.blame(hint, f"mails went out for {describe(run.mails)}; the orders are {describe(keys)}", *entries)


@q4.check("a rebuild gives what the events say", histories=3)
def rebuild_is_true(case: Case):
    events = plain(case, length(case, 1, 4))
    run = Run(case, events)
    run.do("catch_up")
    run.tables.write("INSERT INTO orders VALUES ('order-99', 1)")  # what an old bug has left
    run.tables.write("UPDATE orders SET cents = 1 WHERE id = 'order-1'")
    case.history.note("an old bug has left order-99 in the list, and a wrong price", node="projector")
    run.do("rebuild")
    got, entries = run.orders(), since(case, "an old bug")
    if got is None:
        case.blame("NO_TABLE", "after the rebuild there is no table `orders`", *entries)
    if "order-99" in got:
        case.blame("GHOST_STAYS", "order-99 is in no event, and it is in the list after the rebuild, too", *entries)
    if "order-2" in got and set(due(events)) < set(got):
        case.blame("FORGETS_DELETES", "order-2 was cancelled, and it is in the list after the rebuild", *entries)
    if got != due(events) and got == due(events[:PAGE]):
        case.blame("ONE_PAGE_ONLY", f"the rebuild took {PAGE} of {len(events)} events: `read` gives a few at a time",
                   *entries)
    if got != due(events):
        case.blame("REBUILD_WRONG", f"after the rebuild the list is {describe(got)}; {describe(due(events))} was due",
                   *entries)
    try:
        run.do("rebuild")
    except AnswerRaised as error:
        case.blame("ONCE_ONLY", f"the second rebuild stops with {error}", *since(case, "rebuild()"))
    if run.orders() != due(events):
        case.blame("ONCE_ONLY", f"after a second rebuild the list is {describe(run.orders())}",
                   *since(case, "rebuild()"))


@q4.check("a rebuild sends no mail", histories=2)
def rebuild_is_silent(case: Case):
    run = Run(case, plain(case, 3 if case.size else 1))
    run.do("catch_up")
    before = len(run.mails)
    mailed = [number for number in case.entries("note") if case.history[number].what.startswith("mail for")]
    run.do("rebuild")
    rebuilt = since(case, "rebuild()")
    try:
        run.do("catch_up")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        case.blame("LIST_READS_AGAIN", "after the rebuild `catch_up` handles an event that is in the new list, and "
                                       f"stops at {error.text}", *rebuilt, *since(case, "catch_up()"))
    if len(run.mails) > before:
        case.blame("MAILS_AGAIN", f"{describe(run.mails[before])} had its mail, and got it once more because of the "
                                  "rebuild", *mailed, *rebuilt, *since(case, "catch_up()"))


@q4.check("a reader sees the old list or the new one, and never a part", histories=4)
def never_a_part(case: Case):
    events = plain(case, length(case, 2, 5))
    run = Run(case, events)
    run.do("catch_up")
    run.tables.write("UPDATE orders SET cents = cents + 1")
    old, new = run.orders(), due(events)

    def look() -> None:
        seen = run.orders()
        if seen is None:
            case.blame("NO_TABLE", "in the middle of the rebuild a reader asks for the list, and there is no table "
                                   "`orders`", *since(case, "rebuild()"))
        if seen not in (old, new):
            case.blame("HALF_A_LIST", f"in the middle of the rebuild a reader sees {describe(seen)}; the old list has "
                                      f"{many(len(old), 'order')}", *since(case, "rebuild()"))

    run.tables.watch = look
    run.do("rebuild")


@q4.check("what is appended during the rebuild is not missed", histories=3)
def appended_meanwhile(case: Case):
    events = plain(case, length(case, 1, 3))
    run, late = Run(case, events), placed(case, 7)
    run.do("catch_up")
    before = run.store.reads

    def append(number: int) -> None:
        if number == before + 1 + round(case.size):
            run.store.events = [*events, late]
            case.history.note("OrderPlaced order-7 is appended", node="shop")

    run.store.while_reading = append
    run.do("rebuild")
    rebuilt = since(case, "rebuild()")
    try:
        run.do("catch_up")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        case.blame("LIST_READS_AGAIN", "after the rebuild `catch_up` handles an event that is in the new list, and "
                                       f"stops at {error.text}", *rebuilt, *since(case, "catch_up()"))
    entries = [*rebuilt, *since(case, "catch_up()")]
    if "order-7" not in (run.orders() or {}):
        case.blame("LATE_IS_MISSED", "order-7 was placed during the rebuild, and is not in the list", *entries)
    if run.orders()["order-7"] == "2 rows":
        case.blame("LIST_READS_AGAIN", "order-7 was placed during the rebuild, and is in the list twice", *entries)
    if "order-7" not in run.mails:
        case.blame("LATE_NO_MAIL", "order-7 was placed during the rebuild, and its customer gets no mail: the rebuild "
                                   "has moved the checkpoint of the mails, too", *entries)
    if run.orders() != due([*events, late]):
        case.blame("REBUILD_WRONG", f"the list is {describe(run.orders())}", *entries)
    if Counter(run.mails)["order-7"] > 1:
        case.blame("MAILS_AGAIN", "order-7 got two mails", *entries)


@q4.check("a crash in catch_up: the next one goes on, and nothing is missing", histories=8)
def crash_in_catch_up(case: Case):
    events, number = plain(case, 3), length(case, 0, 7)
    run = Run(case, events)
    if number < 6:  # at one of the calls that handle the first event
        run.tables.crash_at = run.tables.calls + 2 + number
    run.crash_at_mail = max(0, number - 5)
    run.do("catch_up")
    crashed = [*since(case, "catch_up()"), *case.entries("crash")]
    run.tables.crashed, run.tables.crash_at, run.crash_at_mail = False, 0, 0
    case.history.note("the process is new", node="projector")
    run.start(fresh=True)
    try:
        run.do("catch_up")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        case.blame("TWICE_AFTER_CRASH", f"the process died, and the next one handles an event whose row is there: "
                                        f"{error.text}", *crashed, *since(case, "catch_up()"))
    entries = [*crashed, *since(case, "catch_up()")]
    got = run.orders() or {}
    lost = sorted(due(events).keys() - got.keys())
    if lost:
        case.blame("LOST_IN_CRASH", f"the process died, and {lost[0]} will never be in the list", *entries)
    if got != due(events):
        case.blame("TWICE_AFTER_CRASH", f"after a crash the list is {describe(got)}; {describe(due(events))} was due",
                   *entries)
    silent = sorted({event.key for event in events} - set(run.mails))
    if silent:
        case.blame("MAIL_LOST", f"the process died, and the customer of {silent[0]} will never get a mail", *entries)


@q4.check("a crash in the rebuild: the old list is served, and the next rebuild works", histories=8)
def crash_in_rebuild(case: Case):
    events, late = plain(case, 3), []
    if case.world.seed % 2:  # an order is placed while the rebuild reads
        late = [placed(case, 7)]

    def caught_up(run: Run) -> Run:
        run.do("catch_up")
        begin = run.store.reads + 1

        def append(number: int) -> None:
            if number == begin and late:
                run.store.events = [*events, *late]
                if not run.quiet:
                    case.history.note("OrderPlaced order-7 is appended", node="shop")

        run.store.while_reading = append
        return run

    dry = caught_up(Run(case, events, quiet=True))
    before = dry.tables.calls
    dry.do("rebuild")
    run = Run(case, events, crash_at=before + 1 + round(case.size * (dry.tables.calls - before - 1)))
    caught_up(run).do("rebuild")
    seen, crashed = run.orders(), [*since(case, "rebuild()"), *case.entries("crash")]
    if seen not in (due(events), due([*events, *late])):
        case.blame("HALF_A_LIST", f"after a crash in the rebuild a reader sees {describe(seen)}; "
                                  f"{describe(due(events))} was due", *crashed)
    run.tables.crashed = False
    run.store.while_reading = lambda number: None
    run.store.events = events = [*events, *late]
    run.start(fresh=True)
    if late:
        catch_up_after(case, run, events, crashed)
    try:
        run.do("rebuild")
    except AnswerRaised as error:
        case.blame("LEFTOVERS", f"the rebuild after the crash stops with {error}: what the first one has left is in "
                                "its way", *crashed, *since(case, "rebuild()"))
    again = since(case, "rebuild()")
    run.do("catch_up")
    if run.orders() != due(events):
        case.blame("LEFTOVERS", f"after the crash and another rebuild the list is {describe(run.orders())}",
                   *crashed, *again)


def catch_up_after(case: Case, run: Run, events: list[Event], crashed: list[int]) -> None:
    """After the crash `catch_up` goes on with the list that is there, whichever it is."""
    try:
        run.do("catch_up")
    except AnswerRaised as error:
        if "UNIQUE" not in error.text:
            raise
        case.blame("LIST_READS_AGAIN", "after a crash in the rebuild `catch_up` handles an event that is in the list, "
                                       f"and stops at {error.text}", *crashed, *since(case, "catch_up()"))
    entries = [*crashed, *since(case, "catch_up()")]
    if run.orders() != due(events):
        case.blame("LATE_IS_MISSED", f"after a crash in the rebuild, and `catch_up`, the list is "
                                     f"{describe(run.orders())}; {describe(due(events))} was due", *entries)
    if "order-7" not in run.mails:
        case.blame("LATE_NO_MAIL", "order-7 was placed during a rebuild that a crash has ended, and its customer gets "
                                   "no mail", *entries)
