"""The checks of lab10, the saga: what each question promises, and the histories in which it may break.

Everything small is tried in full, the short before the long: outcomes of steps, messages to a warehouse, fates of a
command, and the calls before which an orchestrator is killed, one of them or two. Only the story that fails is told.
"""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable, Generator
from itertools import count, product
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Port
from evlab.course.judge.actor import WrongCall
from evlab.course.judge.question import Blame
from evlab.errors import Timeout
from evlab.event import Event
from evlab.sim.history import describe
from evlab.store import EventStore

_SPEC = importlib.util.spec_from_file_location("evlab_checks_lab10_lives", pathlib.Path(__file__).with_name("lives.py"))
lives = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(lives)

lab = Lab("lab10", "The saga")
MAKER, PIVOT, LATER = "compensatable", "pivot", "retriable"


def step(name: str, kind: str = MAKER, undo: str | None = None) -> dict:
    return {"name": name, "kind": kind, "undo": undo}


RESERVE, CHARGE = step("ReserveStock", undo="ReleaseStock"), step("ChargeCard", undo="RefundCard")
CHECK, SHIP, RECEIPT = step("CheckAddress"), step("ShipParcel", PIVOT), step("SendReceipt", LATER)
STEPS = [RESERVE, CHARGE, SHIP, RECEIPT]


def turn(case: Case) -> int:
    return case.world.seed % 1000


def forget(case: Case) -> None:
    """Begin a new story: what was told until now had no mistake in it."""
    case.history.entries.clear()
    case.history.cause = None


def by_itself(case: Case, node: str, story: Callable[[], Any]) -> Any:
    """Tell this story. If it goes wrong, and goes well in a process that was asked nothing before, the mistake is what
    the code has kept of the stories before it."""
    try:
        return story()
    except Blame as blame:
        told = list(case.history.entries)
        case.actor(node).reset(case.world.seed, f"{node}/1")  # as a new process, and with the same hashes
        try:
            story()
        except (Blame, AnswerRaised):
            case.history.entries[:] = told
            raise blame from None
        case.history.entries[:] = told
        case.blame("REMEMBERS", f"{blame.mistake.text}; asked first in a new process, it answers well",
                   *[entry.number for entry in told])


# ---------------------------------------------------------------------------------------- q1: the compensation list

q1 = lab.question("q1", "What is undone, and in which order", points=2, defines="compensations")


def due_undos(steps: list[dict], outcomes: dict[str, str]) -> list[str]:
    begun = [one for one in steps if outcomes.get(one["name"]) in ("done", "unknown")]
    if any(one["kind"] == PIVOT for one in begun):
        return []
    return [one["undo"] for one in reversed(begun) if one["undo"]]


def compare_list(case: Case, steps: list[dict], outcomes: dict[str, str], hint: str = "") -> None:
    by_itself(case, "bus", lambda: compare_alone(case, steps, outcomes, hint))


def compare_alone(case: Case, steps: list[dict], outcomes: dict[str, str], hint: str = "") -> None:
    forget(case)
    for one in steps:
        case.history.note(f"{one['name']}, {one['kind']}: {outcomes.get(one['name'], 'not asked')}", node="saga")
    got = case.wait(case.actor().call("compensations", [dict(one) for one in steps], dict(outcomes)))
    due = due_undos(steps, outcomes)
    if got == due or (isinstance(got, tuple) and list(got) == due):
        return
    case.history.note(f"undone: {describe(got)}", node="saga")
    entries = case.entries("note")
    said = f"it has to be {', '.join(due) or 'empty'}, and is {describe(got)}"
    if not isinstance(got, list | tuple):
        case.blame("NO_LIST", f"a list of undo commands is needed, and `compensations` returned {describe(got)}",
                   *entries)
    got = list(got)
    if None in got:
        case.blame("NOTHING_TO_UNDO", f"the list has an entry for a step that has nothing to undo: {said}", *entries)
    names, undo_of = [one["name"] for one in steps], {one["undo"]: one for one in steps if one["undo"]}
    if other := [one for one in got if not isinstance(one, str)]:
        case.blame("NOT_THE_UNDO", f"the list has to hold names of undo commands, and holds {describe(other[0])}",
                   *entries)
    if strange := [one for one in got if one not in undo_of]:
        case.blame("NOT_THE_UNDO", f"{strange[0]} is no undo of any step"
                   + (", it is the step itself" if strange[0] in names else "") + f": {said}", *entries)
    state = {one["kind"]: outcomes.get(one["name"]) for one in steps if one["kind"] == PIVOT}.get(PIVOT)
    if got and state == "done":
        case.blame("PAST_PIVOT", f"the pivot is done, and {got[0]} is to be sent: {said}", *entries)
    if got and state == "unknown":
        case.blame("PIVOT_UNKNOWN", f"the pivot may be done, and {got[0]} is to be sent: {said}", *entries)
    for undo in got:
        outcome = outcomes.get(undo_of[undo]["name"])
        if outcome == "refused":
            case.blame("UNDOES_REFUSED", f"{undo_of[undo]['name']} was refused, so nothing was done: {said}", *entries)
        if outcome is None:
            case.blame("UNDOES_UNASKED", f"{undo_of[undo]['name']} was never asked: {said}", *entries)
    for undo in due:
        if undo not in got:
            one = undo_of[undo]
            if outcomes[one["name"]] == "unknown":
                case.blame("SKIPS_UNKNOWN", f"{one['name']} did not answer, so it may have happened, and nobody undoes "
                                            f"it: {said}", *entries)
            case.blame("LEAVES_ONE", f"{one['name']} is done, and nobody undoes it: {said}", *entries)
    if sorted(got) == sorted(due):
        case.blame(hint or "FORWARD", f"the order is wrong: {said}", *entries)
    case.blame("TWICE_IN_LIST", f"an undo is in the list more than once: {said}", *entries)


def ways(steps: list[dict]) -> list[dict[str, str]]:
    """All outcomes with which these steps can turn back: all done, or the last that was asked refused, or unknown."""
    return [answered(steps[:count], *["done"] * (count - 1), last)
            for last in ("done", "refused", "unknown") for count in range(1, len(steps) + 1)]


def answered(steps: list[dict], *outcomes: str) -> dict[str, str]:
    return {one["name"]: outcome for one, outcome in zip(steps, outcomes, strict=False)}


@q1.check("what was done is undone, the later step first, and what was refused or not asked is not", histories=3)
def list_of_done(case: Case):
    steps = ([RESERVE, CHARGE, SHIP], [RESERVE, CHARGE], STEPS)[turn(case)]
    for outcomes in (answered(steps, "done"), answered(steps, "done", "done"), answered(steps, "done", "refused"),
                     answered(steps, "refused"), {}):
        compare_list(case, steps, outcomes)


@q1.check("a step that did not answer is undone like one that was done", histories=1)
def list_of_unknown(case: Case):
    for outcomes in (answered(STEPS, "unknown"), answered(STEPS, "done", "unknown")):
        compare_list(case, STEPS, outcomes)


@q1.check("a pivot that was refused is the reason to turn back, and one that may be done is the end of it", histories=1)
def list_at_pivot(case: Case):
    for outcomes in ("done", "done", "refused"), ("done", "done", "done"), ("done", "done", "unknown"):
        compare_list(case, STEPS, answered(STEPS, *outcomes))
    for last in ("unknown", "refused"):
        compare_list(case, STEPS, answered(STEPS, "done", "done", "done", last))
    undoable = [RESERVE, SHIP, step("GivePoints", LATER, "TakePoints")]
    for outcomes in ("done", "done", "done"), ("done", "unknown", "unknown"), ("done", "refused"):
        compare_list(case, undoable, answered(undoable, *outcomes))


@q1.check("a step with nothing to undo has no entry, and stops nothing", histories=2)
def list_of_checks(case: Case):
    steps = ([CHECK, RESERVE, CHARGE, SHIP], [RESERVE, CHECK, CHARGE, CHECK | {"name": "CheckFraud"}, SHIP])[turn(case)]
    for outcomes in ways(steps):
        compare_list(case, steps, outcomes)


@q1.check("the order in which the outcomes come says nothing", histories=3)
def list_by_steps(case: Case):
    points = step("GivePoints", undo="TakePoints")
    steps = [RESERVE, CHARGE, points, *((SHIP, RECEIPT), (SHIP,), ())[turn(case)]]
    for outcomes in ways(steps):
        names = sorted(outcomes, reverse=turn(case) != 1)
        compare_list(case, steps, {name: outcomes[name] for name in names}, "ORDER_OF_TABLE")


# ---------------------------------------------------------------------------------------- q2: an undo at any time

q2 = lab.question("q2", "An undo that may come at any time", points=3, defines="Stock")
A, B = "order-1042", "order-1043"
Message = tuple[str, str, int]


def due_answers(free: int, messages: list[Message]) -> list[tuple[tuple[str, ...], int]]:
    """For each message the answers that are right, and what is free then.

    A reserve that was done and released may come once more, as a copy: nobody waits for its answer, which is the first
    one's, or the no of an order that is released.
    """
    orders: dict[str, int | None] = {}
    taken: set[str] = set()
    found: list[tuple[tuple[str, ...], int]] = []
    for verb, order, pieces in messages:
        if verb == "release":
            free += orders.get(order) or 0
            orders[order] = None
        elif order not in orders:
            orders[order] = pieces if pieces <= free else None
            free -= orders[order] or 0
            if orders[order] is not None:
                taken.add(order)
        if verb == "release" or orders[order] is not None:
            found.append((("done",), free))
        else:
            found.append((("refused", "done") if order in taken else ("refused",), free))
    return found


def deliver(case: Case, free: int, messages: list[Message], hint: str) -> None:
    """Send these to a new Stock. What goes wrong at the last of them is `hint`'s mistake.

    Unless nothing goes wrong in a new process: then the Stock knows what another one was told.
    """
    try:
        tell(case, free, messages, hint)
    except Blame as blame:
        told = list(case.history.entries)
        try:
            tell(case, free, messages, hint, fresh=True)
        except (Blame, AnswerRaised):
            case.history.entries[:] = told
            raise blame from None
        case.history.entries[:] = told
        case.blame("KNOWS_ANOTHER", f"{blame.mistake.text}; to the first Stock of a new process, the same messages "
                   "are answered well", *case.entries("invoke"))


def tell(case: Case, free: int, messages: list[Message], hint: str, *, fresh: bool = False) -> None:
    forget(case)
    case.history.note(f"{free} pieces are free", node="inventory")
    actor = case.actor("inventory", fresh=fresh)
    stock = case.wait(actor.call("Stock", free))
    due = due_answers(free, messages)
    for number, (verb, order, pieces) in enumerate(messages):
        what = f"{verb} {order}" + (f", {pieces} pieces" if verb == "reserve" else "")
        operation = case.history.invoke(what, node="inventory")
        args = (order, pieces) if verb == "reserve" else (order,)
        before = [one[:2] for one in messages[:number]]
        entries = case.entries("invoke")
        try:
            got = case.wait(actor.method(stock, verb, *args))
        except AnswerRaised as error:
            operation.fail(error.type)
            if error.type != "NotImplementedError" and verb == "release" and ("reserve", order) not in before:
                case.blame("NEEDS_RESERVE", f"{order} is released without a reserve, and `release` raises {error}",
                           *entries)
            raise
        left = actor.get(stock, "free")
        operation.ok(f"{describe(got)}, {describe(left)} free")
        answers, rest = due[number]
        answer = " or ".join(answers)
        text = f"{what}: the answer has to be {answer} with {rest} free, and is {describe(got)} with {describe(left)}"
        text += " free"
        if got not in ("done", "refused"):
            case.blame("NO_ANSWER", f"{what}: the answer has to be {answer}, and is {describe(got)}", *entries)
        if got not in answers or left != rest:
            case.blame(mistake_at(messages[:number + 1], due, left) or hint, text, *entries)


def mistake_at(messages: list[Message], due: list[tuple[tuple[str, ...], int]], left: int) -> str:
    """The hint for what is wrong at the last of these messages."""
    verb, earlier = messages[-1][0], [one for one in messages[:-1] if one[1] == messages[-1][1]]
    verbs = [one[0] for one in earlier]
    answers, rest = due[len(messages) - 1]
    if not earlier:
        return "LONELY_RELEASE" if verb == "release" else "RESERVES_WRONG"
    if verb == "release":
        if "release" in verbs:
            return "RELEASED_TWICE" if left > rest else "RELEASES_WRONG"
        first = due[messages.index(earlier[0])][0]
        return "RELEASES_REFUSED" if first == ("refused",) else "RELEASES_WRONG"
    if "release" in verbs:
        return "RESERVE_AFTER" if verbs[0] == "release" else "COPY_AFTER_RELEASE"
    if answers == ("refused",):
        return "FORGETS_NO"
    return "RESERVED_TWICE" if left < rest else "COPY_REFUSED"


def reserve(order: str = A, pieces: int = 2) -> Message:
    return "reserve", order, pieces


def release(order: str = A) -> Message:
    return "release", order, 0


@q2.check("a reserve takes the pieces, or is refused, and its release gives them back", histories=2)
def plain_stock(case: Case):
    free = (5, 10)[turn(case)]
    for messages in ([reserve()], [reserve(pieces=free)], [reserve(pieces=free + 1)], [reserve(), release()],
                     [reserve(), reserve(B, 3), release()], [reserve(), reserve(B, free), release()],
                     [reserve(pieces=free), release(), reserve(B, free), release(B)],
                     [reserve(pieces=free + 1), reserve(B, 2)]):
        deliver(case, free, messages, "RELEASES_WRONG")


@q2.check("a message that comes twice is done once, and answered like the first", histories=2)
def copies(case: Case):
    free = (5, 10)[turn(case)]
    for messages in ([reserve(), reserve()], [reserve(), release(), release()],
                     [reserve(pieces=free), reserve(pieces=free)],
                     [reserve(), reserve(B, 1), release(), release(), release(B), release(B)],
                     [reserve(), release(), reserve()], [reserve(), release(), reserve(), release()]):
        deliver(case, free, messages, "RELEASED_TWICE")


@q2.check("a release without a reserve changes nothing, and bars the reserve that comes after it", histories=2)
def early_release(case: Case):
    free = (5, 10)[turn(case)]
    for messages in ([release()], [release(), release()], [release(), reserve()], [release(), reserve(), release()],
                     [release(), reserve(B), release(B)], [reserve(pieces=free + 1), release()],
                     [release(), reserve(), reserve()]):
        deliver(case, free, messages, "LONELY_RELEASE")


@q2.check("a no stays a no, also when there are pieces again", histories=2)
def no_stays(case: Case):
    free = (5, 10)[turn(case)]
    for messages in ([reserve(B, free), reserve(), release(B), reserve()],
                     [reserve(B, free), reserve(), release(B), reserve(), release(), reserve()],
                     [reserve(B, free), reserve(), release(B), release(), reserve()]):
        deliver(case, free, messages, "FORGETS_NO")


@q2.check("whatever comes in whatever order, no piece is lost or made", histories=4)
def all_orders(case: Case):
    kinds = [reserve(), release(), reserve(B, 3), release(B)]
    if turn(case) < 3:  # all of one, two and three messages that begin with order-1042
        for messages in product(kinds, repeat=turn(case) + 1):
            if messages[0][1] == A:
                deliver(case, 4, list(messages), "RELEASED_TWICE")
    else:
        for _ in range(10):
            deliver(case, 4, case.random.choices(kinds, k=7), "RELEASED_TWICE")


# ------------------------------------------------------------------------------------------------ q3: silence

q3 = lab.question("q3", "A timeout is unknown", points=3, defines="settle")
FATES = ("done", "refused", "lost", "unheard", "unheard no")
"""What becomes of a command: the answer comes; or the command is lost, or the work, or a refusal, goes unheard."""
KINDS = (MAKER, PIVOT, LATER, "undo")


class Silent:
    """One service, which knows commands by their ids, and the fates of what it is asked. `log`: id and reply each."""

    def __init__(self, case: Case, kind: str, fates: tuple[str, ...]):
        self.case, self.kind, self.fates = case, kind, fates
        self.known: dict[str, str] = {}
        self.made: list[str] = []
        self.log: list[tuple[str, str]] = []

    def new_command(self) -> Event:
        made = self.case.world.event("RefundCard" if self.kind == "undo" else "ChargeCard", {}, source="orders", key=A)
        self.made.append(made.id)
        if len(self.made) > 20:
            self.case.blame("ASKS_ON", "more than twenty commands were made for one step", *self.case.entries())
        return made

    def ask(self, asked: Any = None) -> Generator:
        if not isinstance(asked, Event) or asked.id not in self.made:
            raise WrongCall(f"ask needs a command that new_command() gave, not {asked!r:.60}")
        fate = self.fates[len(self.log)] if len(self.log) < len(self.fates) else "done"
        operation = self.case.history.invoke(f"ask {asked.type}, command {self.made.index(asked.id) + 1}",
                                             node="orders")
        if fate != "lost":
            self.known.setdefault(asked.id, "refused" if fate in ("refused", "unheard no") else "done")
        answer = self.known[asked.id] if fate in ("done", "refused") else "silence"
        self.log.append((asked.id, answer))
        yield 5.0 if answer == "silence" else 0.1
        if answer == "silence":
            unheard = self.known.get(asked.id) if fate != "lost" else None
            operation.info("no answer: " + (f"{unheard}, and unheard" if unheard else "lost"))
            raise Timeout("no answer within 5 s")
        operation.ok(answer)
        return answer


def due_settled(kind: str, answers: list[str], attempts: int) -> str:
    """What has to be returned when these answers have come; "" if it has to be asked again."""
    last = answers[-1]
    if last == "done" or (last == "refused" and kind in (MAKER, PIVOT)):
        return last
    return "" if len(answers) < attempts else "unknown" if kind == MAKER else "parked"


def often(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def settle(case: Case, kind: str, fates: tuple[str, ...], attempts: int = 3) -> int:
    """One story, and how many of its fates were met."""
    return by_itself(case, "orders", lambda: settle_alone(case, kind, fates, attempts))


def settle_alone(case: Case, kind: str, fates: tuple[str, ...], attempts: int) -> int:
    forget(case)
    service, began = Silent(case, kind, fates), case.world.now()
    case.history.note(f"{kind}, {attempts} attempt{'s' * (attempts > 1)}", node="orders")
    ports = Port("new_command", service.new_command), Port("ask", service.ask)
    try:
        got = case.wait(case.actor("orders").call("settle", kind, *ports, attempts))
        case.history.note(f"`settle` returns {describe(got)}", node="orders")
        blame_settled(case, kind, service, got, attempts)
    except AnswerRaised as error:
        if error.type == "Timeout":
            case.blame("TIMEOUT_OUT", "the command was not answered, and the Timeout came out of `settle`",
                       *case.entries())
        raise
    finally:
        from_zero(case, began)
    return len(service.log)


def from_zero(case: Case, began: float) -> None:
    """Have the story begin at 0, whatever was told before it."""
    entries = case.history.entries
    entries[:] = [entry._replace(time=entry.time - began) for entry in entries]


def blame_settled(case: Case, kind: str, service: Silent, got: Any, attempts: int) -> None:
    entries = [*case.entries(), *case.entries("note")]
    what = "the undo" if kind == "undo" else f"the {kind} step"
    for number in range(1, len(service.log)):
        (asked, before), (now, _) = service.log[number - 1:number + 1]
        answers = [answer for _, answer in service.log[:number]]
        if due_settled(kind, answers, attempts):
            if before == "silence" or kind in (LATER, "undo") and before == "refused":
                case.blame("ASKS_ON", f"{what} may be asked {often(attempts)}, and was asked "
                                      f"{often(len(service.log))}", *entries)
            case.blame("RETRIES_REFUSED" if before == "refused" else "ASKS_AFTER_DONE",
                       f"{what} was answered with {before}, and was asked again", *entries)
        if before == "silence" and now != asked:
            done = list(service.known.values()).count("done")
            case.blame("NEW_ID", f"{what} did not answer, and was asked with another command"
                       + (f": it was done {done} times" if done > 1 else ""), *entries)
        if before == "refused" and now == asked:
            case.blame("SAME_AFTER_NO", f"{what} was refused, and the same command was sent again: it is answered as "
                                        "before", *entries)
    answers = [answer for _, answer in service.log]
    due = due_settled(kind, answers, attempts) if answers else ""
    if got == due:
        return
    text = f"{what} was answered with {', '.join(answers) or 'nothing'}"
    if got not in ("done", "refused", "unknown", "parked"):
        case.blame("NO_OUTCOME", f"{text}, and `settle` returned {describe(got)}", *entries)
    if not due and answers and got == "refused" and answers[-1] == "refused":
        case.blame("NO_WAY_BACK", f"{text}, and `settle` returned refused: there is nothing to turn back to", *entries)
    if not due:
        case.blame("GIVES_UP", f"{text}, it may be asked {often(attempts)}, and `settle` returned {got}",
                   *entries)
    if due in ("done", "refused"):
        case.blame("WRONG_ANSWER", f"{text}, and `settle` returned {got}", *entries)
    hints = {"refused": "SILENCE_IS_NO" if answers[-1] == "silence" else "NO_WAY_BACK", "done": "SILENCE_IS_YES",
             "unknown": "UNDOES_IT_ALL", "parked": "PARKS_TOO_EARLY"}
    case.blame(hints[got], f"{text}; it has to be {due}, and `settle` returned {got}", *entries)


def settle_all(case: Case, kind: str, attempts: int, allowed: tuple[str, ...] = FATES) -> None:
    """All that can become of so many commands."""
    seen: set[tuple[str, ...]] = set()
    for fates in product(allowed, repeat=attempts):
        if not any(fates[:length] in seen for length in range(1, attempts)):  # else it ended before
            seen.add(fates[:settle(case, kind, fates, attempts)])


@q3.check("an answer that decides is returned, and nothing more is asked", histories=1)
def answers_count(case: Case):
    for kind in KINDS:
        settle(case, kind, ("done",))
    for kind in (MAKER, PIVOT):
        settle(case, kind, ("refused",))


@q3.check("after silence the same command is asked again, and its answer counts", histories=4)
def asked_again(case: Case):
    for fates in ("lost",), ("unheard",), ("unheard", "lost"), ("lost", "unheard"):
        settle(case, KINDS[turn(case)], fates)
    if turn(case) < 2:
        settle(case, KINDS[turn(case)], ("unheard no",))
        settle(case, KINDS[turn(case)], ("lost", "refused"))


@q3.check("where there is no way back, a no is asked again with a new command", histories=2)
def no_is_not_yet(case: Case):
    for fates in ("refused",), ("refused", "refused"), ("lost", "refused"), ("refused", "unheard"), ("unheard no",):
        settle(case, KINDS[2 + turn(case)], fates)


@q3.check("when the attempts are used up: undo it, or park it", histories=4)
def nobody_knows(case: Case):
    for attempts in (1, 2, 3):
        for fates in (("lost",) * attempts, ("unheard",) * attempts):
            settle(case, KINDS[turn(case)], fates, attempts)
    for fates in (("refused",) * 3, ("lost", "refused", "refused"), ("refused", "lost", "unheard")):
        settle(case, KINDS[turn(case)], fates)


@q3.check("whatever becomes of each command", histories=4)
def all_fates(case: Case):
    kind = KINDS[turn(case)]
    settle_all(case, kind, 2)
    settle_all(case, kind, 3, FATES[1:4])
    settle_all(case, kind, 4, ("refused", "lost"))


# ------------------------------------------------------------------------------------ q4: resume after a crash

q4 = lab.question("q4", "Killed, and it goes on", points=5, defines="run", uses=("q1", "q3"))
Fates = lives.Fates
NOBODY, NOBODY_LOST, NO = ("unheard",), ("lost",), ("refused",)


class Run(lives.Lives):
    """The lives of an order's orchestrator, and what is wrong with them."""

    def __init__(self, case: Case, steps: list[dict], fates: Fates, order: str = A, **more):
        forget(case)
        super().__init__(case, steps, fates, order, **more)
        self.end = ""
        """What it has returned, while it is called once more."""

    @property
    def proof(self) -> list[int]:
        return [*self.case.entries("kill"), *self.case.entries("invoke"), *self.case.entries("note")]

    def blame(self, hint: str, text: str) -> None:
        if self.case.entries("kill"):
            text += ", after the process was killed" + (" twice" if len(self.case.entries("kill")) > 1 else "")
        from_zero(self.case, self.began)
        self.case.blame(hint, text, *self.proof)

    def before(self, asked: Event) -> None:
        """What may not be asked now."""
        type, names = asked.type, [one["name"] for one in self.steps]
        if self.unwritten:
            self.blame("ASKS_UNWRITTEN", f"{self.unwritten} could not be written, and {type} is asked all the same")
        ended = self.end and f"the saga is {self.end}, `run` is called again, and {type} is asked once more"
        if ended and not self.stream:
            self.blame("LOSES_STATE", f"{ended}: nothing was written")
        earlier = [one for one in self.asked if one[0] == type]
        pivot = next((one["name"] for one in self.steps if one["kind"] == PIVOT), "")
        if type in self.undo_of:
            name = self.undo_of[type]["name"]
            if pivot in self.standing:
                self.blame("UNDOES_SHIPPED", f"the pivot is done, and {type} is asked")
            if pivot in [one[0] for one in self.asked] and [one[2] for one in self.asked if one[0] == pivot][-1] == \
                    "silence":
                self.blame("UNDOES_SHIPPED", f"{pivot} did not answer and may be done, and {type} is asked")
            later = [one for one in names[names.index(name) + 1:] if one in self.standing and self.step_of[one]["undo"]]
            if later:
                text = f"{type} is asked while {later[-1]} still stands"
                both = later[-1], self.step_of[later[-1]]["undo"]
                last = [(one[0], one[2]) for one in self.asked if one[0] in both]
                if last[-1][0] in self.undo_of:
                    self.blame("STUCK_UNDO", f"{last[-1][0]} was not done, and {text}")
                if last[-1][1] == "silence":
                    self.blame("SKIPS_SILENT", f"{later[-1]} did not answer, and {text}")
                self.blame("UNDOES_FORWARD", text)
        elif self.undone:
            self.blame("TURNS_AGAIN", ended or f"the saga had turned back, and {type} is asked")
        elif names.index(type) and not any(one[0] == names[names.index(type) - 1] and one[2] == "done"
                                           for one in self.asked):
            self.blame("SKIPS_STEP", f"{type} is asked, and {names[names.index(type) - 1]} is not done")
        if not earlier:
            return
        before = earlier[-1]
        kind = "undo" if type in self.undo_of else self.step_of[type]["kind"]
        if before[3] == self.lives:
            if before[2] == "done":
                self.blame("ASKS_AFTER_ANSWER", f"{type} was done, and is asked again")
            if before[2] == "refused" and kind in (MAKER, PIVOT):
                self.blame("ASKS_AFTER_ANSWER", f"{type} was refused, and is asked again")
            if sum(one[3] == self.lives for one in earlier) >= self.attempts:
                self.blame("NEVER_PARKS", f"{type} may be asked {often(self.attempts)}, and is asked once more")
        elif self.asked[-1][0] != type and before[2] != "silence":
            self.blame("LOSES_STATE" if self._nothing_kept() else "ASKS_AGAIN", ended or
                       f"{type} had its answer, the next one was under way, and {type} is asked again")
        if asked.id != before[1] and before[2] != "refused":
            self.blame("LOSES_STATE" if self._nothing_kept() else "NOT_WRITTEN",
                       f"{type} was sent, and is sent again with another id: for its service that is other work")
        if asked.id == before[1] and before[2] == "refused" and before[3] == self.lives:
            self.blame("SAME_COMMAND", f"{type} was refused, and the same command is sent again")

    def _nothing_kept(self) -> bool:
        """It was about to go on, and had written nothing of what it had done."""
        return not self.stream and not self.killed_at.startswith("write")

    def raised(self, error: AnswerRaised) -> None:
        if error.type == "WrongExpectedVersion":
            self.blame("STALE_VERSION", f"the stream is at version {self.store.version(self.order)}, nobody else "
                       "writes, and an append expected another one")
        if error.type == "Timeout":
            self.blame("LETS_TIMEOUT_OUT", "a command was not answered, and the Timeout came out of `run`")
        raise error

    def judge(self, got: Any, *allowed: str) -> None:
        """Does the end fit to what was answered, and does everything stand or nothing?"""
        names = [one["name"] for one in self.steps]
        left = [name for name in self.standing if self.step_of[name]["undo"]]
        failed = [undo for undo in self.undo_of if [one[2] for one in self.asked if one[0] == undo][-1:] not in
                  ([], ["done"])]
        if got not in ("completed", "compensated", "parked"):
            self.blame("NO_END", f"`run` returned {describe(got)}, which is no end of a saga")
        if got == "compensated" and failed:
            self.blame("STUCK_UNDO", f"{failed[0]} was not done, and `run` returned compensated")
        if got == "parked" and "parked" not in allowed and failed:
            self.blame("STUCK_UNDO", f"{failed[0]} failed, attempts are left, and `run` returned parked")
        if got == "compensated" and left and "compensated" in allowed:
            self.blame("LEFT_STANDING", f"`run` returned compensated, and {left[-1]} still stands")
        if got == "completed" and sorted(self.standing) != sorted(names):
            absent = next(name for name in names if name not in self.standing)
            self.blame("WRONG_END", f"`run` returned completed, and {absent} is not done")
        if got not in allowed:
            self.blame("WRONG_END", f"`run` has to return {' or '.join(allowed)}, and returned {got}")

    def judge_again(self, got: Any) -> None:
        """After its end, it is called once more."""
        asked, self.end = len(self.asked), got
        again = self.live()
        if len(self.asked) > asked:
            self.blame("END_FORGOTTEN", f"the saga is {got}, and {self.asked[asked][0]} was asked once more")
        if again != got:
            self.blame("END_FORGOTTEN", f"the saga is {got}, and the next call returned {describe(again)}")


def to_the_end(case: Case, fates: Fates, *allowed: str, steps: list[dict] | None = None, **more) -> Run:
    one = Run(case, STEPS if steps is None else steps, fates, **more)
    one.judge(one.live(), *allowed)
    return one


ENDS: list[tuple[Fates, tuple[str, ...]]] = [
    ({}, ("completed",)),
    ({"ReserveStock": NO}, ("compensated",)),
    ({"ChargeCard": NO}, ("compensated",)),
    ({"ShipParcel": NO}, ("compensated",)),
    ({"ReserveStock": NOBODY_LOST}, ("compensated",)),
    ({"ChargeCard": NOBODY}, ("compensated",)),
    ({"ChargeCard": ("lost", "done")}, ("completed",)),
    ({"ShipParcel": NOBODY}, ("parked",)),
    ({"ShipParcel": ("unheard", "done")}, ("completed",)),
    ({"SendReceipt": ("refused", "unheard", "done")}, ("completed",)),
    ({"SendReceipt": NO}, ("parked",)),
    ({"ShipParcel": NO, "RefundCard": ("refused", "done")}, ("compensated",)),
    ({"ShipParcel": NO, "RefundCard": ("unheard", "lost", "done")}, ("compensated",)),
    ({"ShipParcel": NO, "ReleaseStock": ("lost", "refused", "done")}, ("compensated",)),
    ({"ShipParcel": NO, "RefundCard": NO}, ("parked",)),
    ({"ChargeCard": NOBODY, "ReleaseStock": NOBODY}, ("parked",)),
]
"""What becomes of the commands, and how it has to end."""


@q4.check("an order that nobody refuses is completed, step by step", histories=2)
def completed(case: Case):
    to_the_end(case, {}, "completed", steps=(STEPS, [CHECK, RESERVE, SHIP])[turn(case)])


@q4.check("after a no, what was done is undone, the later step first", histories=4)
def turned_back(case: Case):
    to_the_end(case, *flat(ENDS[1 + turn(case) % 3]), steps=STEPS if turn(case) < 3 else [CHECK, RESERVE, CHARGE])


def flat(end: tuple[Fates, tuple[str, ...]]) -> tuple:
    return end[0], *end[1]


@q4.check("silence is asked again; then it is undone before the pivot, and parked from there on", histories=7)
def silent(case: Case):
    to_the_end(case, *flat(ENDS[4 + turn(case)]))


@q4.check("an undo that fails is asked again, and then parked", histories=5)
def failing_undo(case: Case):
    to_the_end(case, *flat(ENDS[11 + turn(case)]))


@q4.check("called again after its end, it says the same and asks nothing", histories=4)
def ended(case: Case):
    end = ENDS[(0, 3, 7, 14)[turn(case)]]
    one = to_the_end(case, *flat(end))
    one.judge_again(end[1][0])


KILLED: list[tuple[Fates, tuple[str, ...]]] = [
    ({"SendReceipt": ("refused", "done")}, ("completed",)),
    ({"ShipParcel": NO, "RefundCard": ("refused", "done")}, ("compensated",)),
    ({"ChargeCard": ("unheard", "unheard", "done")}, ("compensated", "completed")),
    ({"ShipParcel": NO, "RefundCard": NO}, ("parked",)),
    ({"ShipParcel": ("unheard", "unheard", "done")}, ("parked", "completed")),
]
"""Of the third and the last, a new life with new attempts may hear the answer that the old one did not."""


@q4.check("killed before any of its calls, it goes on, forward or back", histories=len(KILLED))
def killed(case: Case):
    kill_everywhere(case, STEPS if turn(case) < 2 else [CHARGE, SHIP], *KILLED[turn(case)], twice=False)


@q4.check("killed once more on the way, it goes on again", histories=2)
def killed_twice(case: Case):
    kill_everywhere(case, [CHARGE, SHIP], *KILLED[1 + turn(case)], twice=True)


def kill_everywhere(case: Case, steps: list[dict], fates: Fates, allowed: tuple[str, ...], *, twice: bool) -> None:
    """Kill it before each of its calls; `twice`: and the next life before each of its own. A kill that leaves stream
    and services as another one has left them is left out: the life that follows begins in the same way."""
    store, orders = EventStore(env=case.world), count(1042)

    def one(*kills: int) -> Run:
        return to_the_end(case, fates, *allowed, steps=steps, kills=kills, store=store, order=f"order-{next(orders)}",
                          attempts=2)

    whole = one()
    seen = set(whole.states)
    for first in [whole.states.index(state) + 1 for state in dict.fromkeys(whole.states)]:
        met = one(first).states
        for second, state in enumerate(met[first:] if twice else (), first + 1):
            if state not in seen:
                seen.add(state)
                one(first, second)


@q4.check("what could not be written is not asked", histories=7)
def full_disk(case: Case):
    """The disk is full at one write. The error comes out, and there is room again in the next life."""
    if turn(case) < 4:
        to_the_end(case, {}, "completed", full=1 + turn(case))
    else:
        to_the_end(case, {"ShipParcel": NO}, "compensated", full=3 + turn(case))
