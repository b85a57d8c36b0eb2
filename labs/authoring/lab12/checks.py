"""The checks of lab12, the incident: find the faults, handle each delivery so that nothing is lost or twice, prove it.

The days are those of evlab/course/duty.py; what the seed has hidden in them is known there. The services that question
2 calls stand in this file: they take an id once, and the answer's process dies before and after each call of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from evlab.course.duty import FAULTS, evidence_of, truth_of
from evlab.course.judge import AnswerRaised, Case, Lab, Port
from evlab.course.judge.actor import WrongCall
from evlab.env import Later
from evlab.errors import EvlabError, Timeout
from evlab.event import Event
from evlab.sim.history import describe

lab = Lab("lab12", "The incident")


def turn(case: Case) -> int:
    """The number of this history, from 0, whatever the seed."""
    return case.world.seed % 1000


def often(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


def note(case: Case, text: str, node: str = "duty") -> int:
    return case.history.add("note", text, node=node)


# ------------------------------------------------------------------------------------------------- q1: find the faults

q1 = lab.question("q1", "Find them", points=4, defines="find")

LOOKS_ALIKE = {"hot key": "BURST_IS_OVER", "slow worker": "BURST_IS_OVER", "doubled payment": "REFUNDED",
               "lost event": "TOO_NEW", "kept stock": "IN_HAND"}
"""What a day without the fault holds, and looks like it."""


def report_of(case: Case, number: int, faults: tuple[str, ...] | None) -> tuple[dict, dict]:
    """What the answer names, and what is true, of the day of that number."""
    day, truth = evidence_of(number, faults), truth_of(number, faults)
    last = {row["partition"]: row for row in day["lag"]}
    for partition, row in last.items():
        note(case, f"14:40, partition {partition} of {row['owner']}: committed {row['committed']}, end {row['end']}")
    got = case.call("find", day, node="duty")
    given = "" if faults is None else f", {list(faults)}"
    note(case, f"the report says {describe(got)}")
    note(case, f"this day is evidence_of({number}{given}); it hides {describe(truth)}")
    if not isinstance(got, dict) or not set(got) <= set(FAULTS):
        case.blame("NO_REPORT", f"`find` returned {describe(got)}; a dict from names of faults to culprits is asked "
                                "for", *case.entries("note"))
    for fault, culprit in got.items():
        if not culprit or isinstance(culprit, list | dict):
            case.blame("NO_REPORT", f"the culprit of the {fault} is {describe(culprit)}: one name is asked for, and a "
                                    "fault that is not there is left out", *case.entries("note"))
    return got, truth


def holds(case: Case, got: dict, truth: dict, mixed: bool = False) -> None:
    for fault, culprit in truth.items():
        if fault not in got:
            case.blame("MIXED_UP" if mixed else "MISSED", f"there was a {fault}, {culprit}, and the report "
                       "does not name it", *case.entries("note"))
        if got[fault] != culprit:
            case.blame("WRONG_CULPRIT", f"the {fault} is {culprit}, and the report says {describe(got[fault])}",
                       *case.entries("note"))
    for fault in got:
        if fault not in truth:
            hint = "MIXED_UP" if mixed else LOOKS_ALIKE.get(fault, "MIXED_UP")
            case.blame(hint, f"the report names a {fault}, {describe(got[fault])}, and there was none",
                       *case.entries("note"))


@q1.check("each day is looked at anew", histories=1)
def anew(case: Case):
    quiet, full = (case.random.randrange(100_000) for _ in range(2))
    first, _ = report_of(case, quiet, ())
    second, _ = report_of(case, full, FAULTS)
    again, _ = report_of(case, quiet, ())
    lines = case.entries("note")
    if again != first:
        case.blame("REMEMBERS", f"the first day once more, and its report was {describe(first)} and is "
                                f"{describe(again)}: that is left over from the day between", *lines)
    if first and first == second:
        case.blame("NOT_OF_THE_DAY", f"two days, and the same report for both: {describe(first)}", *lines)


@q1.check("what only looks like a fault is not called one", histories=6)
def no_false_alarm(case: Case):
    got, _ = report_of(case, case.random.randrange(100_000), ())
    holds(case, got, {})


@q1.check("each fault is found when it comes alone, with whom it strikes", histories=12)
def alone(case: Case):
    fault = FAULTS[turn(case) % len(FAULTS)]
    got, truth = report_of(case, case.random.randrange(100_000), (fault,))
    if fault not in got or got[fault] != truth[fault]:
        holds(case, {fault: got[fault]} if fault in got else {}, truth)


@q1.check("three at a time are told apart", histories=20)
def three_at_a_time(case: Case):
    got, truth = report_of(case, case.random.randrange(100_000), None)
    holds(case, got, truth, mixed=True)


# -------------------------------------------------------------------------------------- q2: handle it, whatever happens

q2 = lab.question("q2", "Repair it", points=4, defines="handle")


class Shop:
    """Stock, bank and book of one history. Each takes an id once: asked again with it, it answers as before."""

    def __init__(self, case: Case, dies_at: int = 0):
        self.case, self.dies_at, self.moments = case, dies_at, 0
        self.taken: dict[str, tuple[str, dict]] = {}
        """Ids of reservations that stand, their orders and what was taken."""
        self.put_back: set[str] = set()
        """Orders whose goods were released."""
        self.charges: dict[str, tuple[str, int]] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.ends: dict[str, list[str]] = {}
        self.dead: dict[str, str] = {}
        self.declines: set[str] = set()
        self.sold_out: set[str] = set()
        self.silent: Counter = Counter()
        """By order: how often the bank does not answer."""
        self.fresh = 0
        self.calls: list[str] = []

    def port(self, node: str) -> Port:
        def verb(name: str, act: Callable) -> Callable:
            def called(*args):
                self._moment(node)
                self.calls.append(name)
                found = act(*args)
                note(self.case, f"{name} {' '.join(str(arg) for arg in args if isinstance(arg, str | int))}"
                                + (f" → {found}" if isinstance(found, bool) else ""), node)
                self._moment(node)
                return Later.of(found)
            return called
        return Port("shop", verbs={"new_id": self._new_id, "reserve": verb("reserve", self._reserve),
                                   "release": verb("release", self._release), "charge": verb("charge", self._charge),
                                   "end": verb("end", self._end), "dead_letter": verb("dead_letter", self._dead)})

    def expect(self, event: Event, due: str) -> None:
        """The stock or the bank will say no, so that the order ends as `due`."""
        self.declines |= {event.key} if due == "declined" else set()
        self.sold_out |= {event.key} if due == "refused" else set()

    def _moment(self, node: str) -> None:
        self.moments += 1
        if self.moments == self.dies_at:
            self.case.world.crash(node, power=False)

    def _new_id(self) -> str:
        self.fresh += 1
        return f"id-{self.fresh}"

    def _reserve(self, id: Any, order: Any, items: Any) -> bool:
        self._is_text(id, order)
        if not isinstance(items, dict) or not all(type(pieces) is int for pieces in items.values()):
            raise EvlabError(f"invalid quantity in {order}")
        return self.answers.setdefault(("reserve", id), self._take(id, order, items))

    def _take(self, id: str, order: str, items: dict) -> bool:
        if ("reserve", id) not in self.answers and order not in self.sold_out:
            self.taken[id] = order, items
        return order not in self.sold_out

    def _release(self, id: Any) -> None:
        self._is_text(id)
        if id not in self.taken and ("release", id) not in self.answers:
            raise EvlabError(f"nothing is reserved under {id}")
        self.answers["release", id] = None
        if id in self.taken:
            self.put_back.add(self.taken.pop(id)[0])

    def _charge(self, id: Any, order: Any, cents: Any) -> bool:
        self._is_text(id, order)
        if self.silent[order] > 0:
            self.silent[order] -= 1
            raise Timeout("the bank does not answer")
        if ("charge", id) not in self.answers:
            self.answers["charge", id] = order not in self.declines
            if order not in self.declines:
                self.charges[id] = (order, cents)
        return self.answers["charge", id]

    def _end(self, order: Any, what: Any) -> None:
        self._is_text(order)
        if what not in ("paid", "declined", "refused"):
            raise WrongCall(f'an order ends "paid", "declined" or "refused", not {what!r:.40}')
        if what not in self.ends.setdefault(order, []):
            self.ends[order].append(what)

    def _dead(self, order: Any, why: Any) -> None:
        self._is_text(order)
        self.dead[order] = str(why)

    def _is_text(self, *values: Any) -> None:
        if not all(isinstance(value, str) and value for value in values):
            raise WrongCall(f"an id and an order are texts, not {values!r:.60}")


def placed(case: Case, number: int, text: bool = False, customer: str = "c-7", cents: int = 4200) -> Event:
    return case.event(key=f"order-{number}", order=f"order-{number}", customer=customer, cents=cents,
                      items={"CUP-01": "2" if text else 2})


def deliver(case: Case, shop: Shop, event: Event, most: int = 6, bad: bool = False, moves: bool = False) -> int:
    """Deliver until the answer returns, in a new process after each death; how many deliveries it took.

    An error is not committed, so the record comes again with the next number of its attempt. An answer's own error
    counts as that if it raised it, or if the record is `bad`, at its first two attempts. moves: each attempt is in
    another process.
    """
    for attempt in range(1, most + 1):
        node = f"worker-{attempt}" if shop.dies_at or moves else "worker"
        finished = case.world.spawn(case.calling("handle", shop.port(node), event, attempt, node=node), node)
        finished.then(lambda _: None)
        case.world.run(until=case.world.now() + 60)
        if case.world.nodes[node].dead:
            shop.dies_at = 0
            note(case, f"{event.key} was not committed: it comes again", "log")
            continue
        if finished.done and finished.error is None:
            return attempt
        error = finished.error
        if error is None:
            case.blame("STUCK", "the call is not done after a minute of the world's time", name="stuck")
        if not isinstance(error, AnswerRaised) or not (error.foreign or _let_out(error) or (bad and attempt < 3)):
            raise error
        note(case, f"attempt {attempt} at {event.key} failed: {error}", "log")
    return most + 1


def _let_out(error: AnswerRaised) -> bool:
    """Did the answer raise it on purpose?"""
    return re.search(r"\b(raise|assert)\b", error.line) is not None and error.type != "NotImplementedError"


def ended(case: Case, shop: Shop, event: Event, due: str) -> None:
    """Has the order the end that it should have, once, with its money and its goods?"""
    order, lines = event.key, case.entries("note")
    sums = [cents for one, cents in shop.charges.values() if one == order]
    goods = [items for one, items in shop.taken.values() if one == order]
    ends = shop.ends.get(order)
    if not ends and order not in shop.dead:
        case.blame("NO_END", f"`handle` returned, so {order} is committed, and it has no end: {due} was due", *lines)
    if len(sums) > 1:
        case.blame("CHARGED_AGAIN", f"{order} was delivered again, and is charged {often(len(sums))}", *lines)
    if len(goods) > 1:
        case.blame("CHARGED_AGAIN", f"{order} was delivered again, and its goods are taken {often(len(goods))}",
                  *lines)
    if due != "paid" and sums:
        case.blame("CHARGED_FOR_NOTHING", f"the stock said no to {order}, and its card is charged all the same", *lines)
    if ends != [due]:
        hint = "DEAD_TOO_SOON" if order in shop.dead else "WRONG_END"
        case.blame(hint, f"{order} was to end {due!r}, and it is {describe(ends or 'a dead letter')}", *lines)
    if due == "paid" and sums and not goods and order in shop.silent and order in shop.put_back:
        case.blame("PUT_BACK", f"{order} is paid, and its goods were put back: asked again with the same id, the stock "
                               "answers as before and takes nothing", *lines)
    if due == "paid" and (len(sums), len(goods)) != (1, 1):
        case.blame("WRONG_END", f"{order} ended as paid, with {len(sums)} charges and {len(goods)} reservations",
                   *lines)
    if due == "paid" and (sums, goods) != ([event.data["cents"]], [event.data["items"]]):
        case.blame("WRONG_AMOUNT", f"{order} is {event.data['cents']} cents for {describe(event.data['items'])}; the "
                                   f"bank took {describe(sums[0])} for {describe(goods[0])}", *lines)
    if due != "paid" and goods:
        case.blame("GOODS_KEPT", f"{order} ended {due!r}, and its goods are still taken", *lines)


@q2.check("an order ends paid, declined or refused, with its money and its goods", histories=6)
def plain(case: Case):
    shop, event, due = Shop(case), placed(case, 40 + turn(case)), ("paid", "declined", "refused")[turn(case) % 3]
    shop.expect(event, due)
    if deliver(case, shop, event, 3) > 3:
        case.blame("NO_END", f"{event.key} is an order like others, and each attempt at it failed",
                   *case.entries("note"))
    ended(case, shop, event, due)


@q2.check("two orders of one customer, for the same sum, are two", histories=3)
def two_are_two(case: Case):
    shop, first = Shop(case), case.random.randint(10, 99)
    for number in (first, first + 1):
        event = placed(case, number)
        deliver(case, shop, event, 3)
        charged = [one for one, _ in shop.charges.values()].count(event.key)
        taken = event.key in [one for one, _ in shop.taken.values()]
        if shop.ends.get(event.key) and (charged < 1 or not taken):
            case.blame("SHARED_ID", f"{event.key} was taken for order-{first}: it has no charge or no goods",
                       *case.entries("note"))
        ended(case, shop, event, "paid")


@q2.check("whenever the process dies, the next one brings the order to the same end, once", histories=24)
def dies(case: Case):
    due = ("paid", "declined", "refused")[turn(case) % 3]
    shop, event = Shop(case, 1 + turn(case) // 3), placed(case, 42)
    shop.expect(event, due)
    deliver(case, shop, event)
    ended(case, shop, event, due)


@q2.check("a bank that is silent for a while is asked again, with the same id, and is no reason for a dead letter",
          histories=4)
def silent(case: Case):
    shop, event = Shop(case), placed(case, 50 + turn(case))
    times = (1, 2, 3, 12)[turn(case) % 4]
    shop.silent[event.key] = times
    deliver(case, shop, event, times + 2)
    if event.key in shop.dead:
        case.blame("DEAD_TOO_SOON", f"the bank was silent {often(times)}, and {event.key} is a dead letter: "
                                    "the order was well, the bank was not", *case.entries("note"))
    if shop.ends.get(event.key) and "paid" not in shop.ends[event.key]:
        case.blame("SILENCE_IS_NO_ANSWER", f"the bank was silent {often(times)}, and {event.key} ended "
                                           f"{shop.ends[event.key][0]!r}: nobody had said no", *case.entries("note"))
    ended(case, shop, event, "paid")


@q2.check("a record that can't be read is tried three times, and is a dead letter then", histories=2)
def poison(case: Case):
    shop, event, moves = Shop(case), placed(case, 60, text=True), turn(case) % 2 == 1
    attempts = deliver(case, shop, event, 8, bad=True, moves=moves)
    lines = case.entries("note")
    if shop.taken or shop.put_back:
        case.blame("GUESSED", f"{event.key} has its quantities as text, and `handle` took them for numbers: mending is "
                              "for whoever looks at the dead letters", *lines)
    if attempts > 8:
        case.blame("FOR_EVER", f"{event.key} can't be read, and after 8 attempts{', each in another process,' * moves} "
                               "everything behind it still waits", *lines)
    if event.key not in shop.dead:
        case.blame("NO_END", f"{event.key} can't be read, `handle` returned after attempt {attempts}, and it is "
                             "nowhere: no end, no dead letter", *lines)
    if shop.ends.get(event.key):
        case.blame("WRONG_END", f"{event.key} is a dead letter, and ended {shop.ends[event.key][0]!r} as well: whoever "
                                "mends it will be told that it is done", *lines)
    if attempts != 3:
        case.blame("DEAD_TOO_SOON" if attempts < 3 else "FOR_EVER", f"{event.key} was a dead letter after {attempts} "
                   f"attempt{'s' * (attempts > 1)}, and three are asked for", *lines)


# ----------------------------------------------------------------------------------------------------- q3: prove it

q3 = lab.question("q3", "Prove it", points=4, defines="audit")


class Books:
    """A day's books, good to begin with."""

    def __init__(self, case: Case):
        chance, self.case = case.random, case
        self.before = {sku: chance.randint(20, 60) for sku in ("CUP-01", "COF-02", "TEA-03", "PAN-04")}
        self.orders, self.ends, self.ledger, self.lines = {}, {}, [], 0
        for number in range(1, 1 + case.pick(3, 9)):
            order = f"order-{number}"
            items = {sku: chance.randint(1, 3) for sku in chance.sample(sorted(self.before), chance.randint(1, 2))}
            self.orders[order] = {"cents": chance.choice((1200, 4200, 4200, 900)), "items": items}
            self.ends[order] = "paid" if number == 1 else chance.choice(("paid", "paid", "paid", "declined", "refused"))
            if self.ends[order] == "paid":
                self.charge(order)
        self.ends["order-2"] = "declined"
        self.ledger = [line for line in self.ledger if line[1] != "order-2"]
        self.after = dict(self.before)
        for order, end in self.ends.items():
            if end == "paid":
                for sku, pieces in self.orders[order]["items"].items():
                    self.after[sku] -= pieces

    def charge(self, order: str, cents: int | None = None) -> None:
        """A line in the bank's ledger, of what the order costs or of that sum."""
        cents = self.orders[order]["cents"] if cents is None else cents
        self.lines += 1
        self.ledger.append([f"ch-{self.lines}", order, cents])


def accused(case: Case, books: Books) -> list[list[str]]:
    """What the answer finds, sorted, once it has the form that was asked for."""
    for order, facts in books.orders.items():
        end = books.ends.get(order, "no end")
        note(case, f"{order} costs {facts['cents']}, {describe(facts['items'])}: {end}", "books")
    for order in [order for order in books.ends if order not in books.orders]:
        note(case, f"{order}, of which nothing is known: {books.ends[order]}", "books")
    for line in books.ledger:
        note(case, "bank: " + " ".join(str(field) for field in line), "books")
    for sku, pieces in books.before.items():
        note(case, f"stock {sku}: {pieces} before, {books.after.get(sku)} after", "books")
    day = {"orders": books.orders, "ends": books.ends, "ledger": books.ledger, "before": books.before,
           "after": books.after}
    got = case.call("audit", day, node="books")
    note(case, f"the audit says {describe(got)}", "books")
    if not isinstance(got, list) or not all(isinstance(one, list | tuple) and len(one) == 2 for one in got):
        case.blame("NO_LIST", f"`audit` returned {describe(got)}; a list of [what, whose] is asked for",
                   *case.entries("note"))
    return sorted([str(what), str(whose)] for what, whose in got)


def audited(case: Case, books: Books, due: list[list[str]], missed: str, accuses: str = "ACCUSES") -> None:
    got, due = accused(case, books), sorted(due)
    lines = case.entries("note")
    for one in due:
        if one not in got:
            case.blame(missed, f"{one} is missing from the findings: {describe(got)}", *lines)
    for one in got:
        if one not in due or got.count(one) > 1:
            why = "once is enough" if one in due else "nobody placed that order, so it is a stranger and no more" \
                if one[1] in (*books.ends, *(line[1] for line in books.ledger)) and one[1] not in books.orders else \
                "that is in order"
            case.blame(accuses, f"the findings have {one}, and {why}", *lines)


@q3.check("good books have no findings", histories=5)
def good_books(case: Case):
    audited(case, Books(case), [], "ACCUSES")


@q3.check("each audit begins anew", histories=1)
def audits_anew(case: Case):
    good, bad = Books(case), Books(case)
    bad.charge("order-1")
    bad.after["CUP-01"] -= 1
    before, _, after = (accused(case, books) for books in (good, bad, good))
    if after != before:
        case.blame("REMEMBERS", f"the first day's books once more: the audit said {describe(before)}, and says "
                                f"{describe(after)} now. That is left over from the day between", *case.entries("note"))


@q3.check("a refund makes a double charge good", histories=3)
def refunds(case: Case):
    books = Books(case)
    books.charge("order-1")
    books.charge("order-1", -books.orders["order-1"]["cents"])
    if turn(case) % 2:  # in two parts
        books.ledger.pop()
        books.charge("order-1", -500)
        books.charge("order-1", 500 - books.orders["order-1"]["cents"])
    audited(case, books, [], "ACCUSES", "COUNTS_LINES")


@q3.check("an order without an end is open", histories=3)
def open_orders(case: Case):
    books = Books(case)
    books.orders["order-99"] = {"cents": 700, "items": {"CUP-01": 1}}
    if turn(case) % 3 == 2:
        books.orders["order-98"] = {"cents": 700, "items": {"CUP-01": 1}}
    due = [["open", order] for order in books.orders if order not in books.ends]
    audited(case, books, due, "MISSES_OPEN")


@q3.check("each order has cost what it costs, and nothing else", histories=8)
def money(case: Case):
    kind = turn(case) % 8
    books = _pair(case) if kind == 2 else Books(case)
    due, hint = [["overcharged", "order-1"]], "MONEY"
    if kind == 0:
        books.charge("order-1")
    elif kind == 1:
        books.ledger = [line for line in books.ledger if line[1] != "order-1"]
        due = [["undercharged", "order-1"]]
    elif kind == 2:  # the sum agrees
        due, hint = [["overcharged", "order-1"], ["undercharged", "order-3"]], "TOTALS_HIDE"
    elif kind in (3, 4):  # it was declined, or refused
        books.ends["order-2"] = "declined" if kind == 3 else "refused"
        books.charge("order-2")
        due, hint = [["overcharged", "order-2"]], "ONLY_PAID"
    elif kind == 5:  # a cent too much
        books.charge("order-1", 1)
    elif kind == 6:  # and one too few
        books.charge("order-1", -1)
        due = [["undercharged", "order-1"]]
    else:  # paid for, and it has no end
        books.orders["order-99"] = {"cents": 700, "items": {"CUP-01": 1}}
        books.charge("order-99")
        due, hint = [["open", "order-99"], ["overcharged", "order-99"]], "ONLY_PAID"
    audited(case, books, due, hint)


def _pair(case: Case) -> Books:
    """Books in which order-1 is charged twice and order-3, which costs the same, not at all."""
    books = Books(case)
    for sku, pieces in books.orders["order-3"]["items"].items():
        books.after[sku] += pieces * (books.ends["order-3"] == "paid")
    books.orders["order-3"] = {"cents": books.orders["order-1"]["cents"], "items": {}}
    books.ends["order-3"] = "paid"
    books.ledger = [line for line in books.ledger if line[1] != "order-3"]
    books.charge("order-1")
    return books


@q3.check("the stock of each article is what it was, less what was paid for", histories=6)
def stock(case: Case):
    books, kind = Books(case), turn(case) % 3
    first, second = case.random.sample(sorted(books.before), 2)
    if kind == 0:
        books.after[first] -= 1
        due = [["stock", first]]
    elif kind == 1:  # the sum agrees
        books.after[first] -= 1
        books.after[second] += 1
        due = [["stock", first], ["stock", second]]
    else:  # nobody bought it
        books.before["MAT-05"], books.after["MAT-05"] = 8, 7
        due = [["stock", "MAT-05"]]
    audited(case, books, due, "STOCK_HIDES")


@q3.check("an order that nobody placed is a stranger, at the bank and among the ends", histories=4)
def strangers(case: Case):
    books, kind = Books(case), turn(case) % 4
    if kind == 0:
        books.ends["order-777"] = "refused"
    else:
        books.charge("order-777", 900)
    if kind == 2:  # refunded: the bank kept nothing, and the line is there
        books.charge("order-777", -900)
    if kind == 3:  # on both sides, and charged twice
        books.ends["order-777"] = "paid"
        books.charge("order-777", 900)
    try:
        audited(case, books, [["stranger", "order-777"]], "STRANGER", "STRANGER")
    except AnswerRaised as error:
        if error.type != "KeyError":
            raise
        case.blame("STRANGER", f"the books name order-777, which nobody placed, and {error.type} came out",
                   *case.entries("note"))


@q3.check("all findings are named", histories=3)
def all_of_them(case: Case):
    books = Books(case)
    books.charge("order-1")
    books.after["CUP-01"] -= 1
    books.orders["order-99"] = {"cents": 700, "items": {}}
    audited(case, books, [["overcharged", "order-1"], ["stock", "CUP-01"], ["open", "order-99"]], "FIRST_ONLY")
