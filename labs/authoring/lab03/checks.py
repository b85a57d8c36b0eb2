"""The checks of lab03, schemas that survive: what each question promises, and the events with which it may break.

Nothing here races. What makes these answers break is an event that was written two years ago, or next year, so every
check is about one difference between two forms of an event.
"""

from __future__ import annotations

import builtins
import copy
from typing import Any

from evlab.course.judge import AnswerRaised, Case, Lab, Object
from evlab.sim.history import describe

lab = Lab("lab03", "Schemas that survive")

CURRENCIES = ("EUR", "USD", "CHF")
EXTRAS = {"coupon": "SPRING", "gift": True, "channel": "app", "points": 12}
EMPTY = {"note": None, "discount_cents": 0, "tags": ""}
"""Fields that hold nothing, and are there."""
NAMES = ("Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov")
TOTALS = (4.35, 19.99, 1.15, 8.2, 129.95, 1.1, 64.1, 20)
"""Amounts whose hundredfold is no whole number for a float, as 19.99 * 100 is 1998.9999999999998; and whole euros."""


def shown(case: Case, node: str, what: Any, result: Any) -> int:
    """One line of the history: what went in, and what came out."""
    return case.history.add("note", f"{describe(what)} → {describe(result)}", node=node)


def quoted(value: Any) -> str:
    """The value in a sentence, so that an empty text is seen."""
    return f'"{value}"' if isinstance(value, str) else describe(value)


def turn(case: Case, forms: int) -> int:
    """Which of the forms this history is about: each in turn, whatever the seed."""
    return case.world.seed % 1000 % forms


# ------------------------------------------------------------------------------------ q1: a service in the middle

q1 = lab.question("q1", "A service in the middle", points=2, defines=("pass_on", "serve"))
HIGH = 50_000


def order(case: Case, **more) -> dict[str, Any]:
    cents = case.random.choice((case.random.randint(100, HIGH - 1), case.random.randint(HIGH, 90_000)))
    return {"order": f"order-{case.random.randint(1, 99)}", "total_cents": cents,
            "currency": case.random.choice(CURRENCIES)} | more


def served(case: Case, inbox: list[dict]) -> list[tuple[Any, Any]]:
    """Pairs of what the answer was given, as it is afterwards, and what it returned."""
    pairs = case.call("serve", inbox, node="fraud")
    if not isinstance(pairs, list | tuple) or len(pairs) != len(inbox) or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        case.blame("SERVE_CHANGED", f"`serve` has to return one pair for each order, and returned {describe(pairs)}")
    for data, (_, result) in zip(inbox, pairs, strict=True):
        number = shown(case, "fraud", data, result)
        if not isinstance(result, dict):
            case.blame("NOTHING_PASSED", f"`pass_on` returned {describe(result)}, and no dict", number)
    return [tuple(pair) for pair in pairs]


@q1.check("the risk is high from 50,000 cents on", histories=7)
def risk_is_right(case: Case):
    cents = (HIGH, HIGH - 1, HIGH + 1, 0, 6_000, 100_000, 60_000)[turn(case, 7)]
    data = order(case, total_cents=cents, **({"risk": "low"} if cents == 60_000 else {}))
    (_, result), = served(case, [data])
    due = "high" if cents >= HIGH else "low"
    if result.get("risk") != due:
        came = f", which came with the risk {data['risk']}," if "risk" in data else ""
        case.blame("WRONG_RISK", f"an order of {cents} cents{came} has risk {due}, and got "
                                 f"{describe(result.get('risk'))}", *case.entries("note"))


@q1.check("what it does not know goes through unchanged", histories=6)
def unknown_goes_through(case: Case):
    extra = {name: EXTRAS[name] for name in case.random.sample(sorted(EXTRAS), case.pick(1, 3))}
    if 0 < case.size < 0.5:
        extra[f"campaign_{case.random.randint(1, 99)}"] = case.random.randint(1, 99)
    if case.size > 0.5:
        name = sorted(EMPTY)[turn(case, 3)]
        extra = {name: EMPTY[name]}
    data = order(case, currency="CHF", **extra)
    (_, result), = served(case, [data])
    for name in data:
        if name not in result and name in EMPTY:
            case.blame("DROPS_EMPTY", f"`{name}` came in as {quoted(data[name])} and did not go out",
                       *case.entries("note"))
        if name not in result:
            case.blame("DROPS_FIELDS", f"`{name}` came in and did not go out: nobody behind you will ever see it",
                       *case.entries("note"))
        if result[name] != data[name]:
            case.blame("CHANGES_FIELDS", f"`{name}` was {quoted(data[name])}, and went out as "
                                         f"{quoted(result[name])}", *case.entries("note"))
    invented = sorted(set(result) - set(data) - {"risk"})
    if invented:
        case.blame("INVENTS_FIELDS", f"`{invented[0]}` went out, and nobody had put it in", *case.entries("note"))


@q1.check("an order without a currency is in euros", histories=4)
def missing_currency(case: Case):
    data = order(case)
    if turn(case, 2):
        data["currency"] = None
    else:
        del data["currency"]
    (_, result), = served(case, [data])
    if result.get("currency") != "EUR":
        came = "was null" if "currency" in data else "was missing"
        case.blame("NO_DEFAULT", f"the currency {came}, as in orders of 2024, and went out as "
                                 f"{describe(result.get('currency', 'nothing'))}; EUR was due", *case.entries("note"))


@q1.check("one order says nothing about the next", histories=2)
def orders_are_apart(case: Case):
    inbox = [order(case, currency="CHF", coupon="SPRING"), order(case)]
    del inbox[1]["currency"]
    for data, (_, result) in zip(inbox, served(case, inbox), strict=True):
        for name in sorted(set(result) - set(data) - {"risk", "currency"}):
            case.blame("LEAKS_INTO_NEXT", f"`{name}` of {inbox[0]['order']} went out with {data['order']}",
                       *case.entries("note"))
        if result.get("currency") != data.get("currency", "EUR"):
            case.blame("LEAKS_INTO_NEXT", f"{data['order']} has no currency, and went out in that of "
                                          f"{inbox[0]['order']}, {describe(result.get('currency'))}",
                       *case.entries("note"))


@q1.check("what it was given stays as it was", histories=2)
def input_stays(case: Case):
    inbox = [order(case), order(case)]
    if case.size:
        inbox = [{name: value for name, value in data.items() if name != "currency"} for data in inbox]
    before = copy.deepcopy(inbox)
    for data, (after, _) in zip(before, served(case, inbox), strict=True):
        if after != data:
            case.blame("MUTATES_INPUT", f"after `pass_on` the order it was given is {describe(after)}: others hold "
                                        "the same dict", *case.entries("note"))


# ------------------------------------------------------------------------------------------------- q2: upcasters

q2 = lab.question("q2", "Old events, newest form", points=3, defines=("v1_to_v2", "v2_to_v3", "Reader"))


def stored(case: Case, version: int, **more) -> dict[str, Any]:
    """An OrderPlaced as it lies in the store, written in that version."""
    total = case.random.choice(TOTALS)
    first, last = case.random.choice(NAMES).split()
    data = {"order": f"order-{case.random.randint(1, 99)}"}
    data |= {"total": total} if version == 1 else {"total_cents": round(total * 100)}
    data |= {"customer": f"{first} {last}"} if version < 3 else {"first": first, "last": last}
    return {"type": "OrderPlaced", "version": version, "data": data | more}


def newest(event: dict[str, Any]) -> dict[str, Any]:
    """The data of version 3, done once more and plainly."""
    data = dict(event["data"])
    if event["version"] == 1:
        data["total_cents"] = round(data.pop("total") * 100)
    if event["version"] < 3:
        first, _, last = data.pop("customer").partition(" ")
        data |= {"first": first, "last": last}
    return data


def reading(case: Case, log: list[dict]) -> Object:
    reader = case.call("Reader", log, node="reader")
    if not isinstance(reader, Object):
        case.blame("NO_READER", f"`Reader(log)` gave {describe(reader)}")
    return reader


def read(case: Case, reader: Object, log: list[dict]) -> list[dict]:
    """What the answer's reader makes of the log, looked at as a list of events."""
    found = case.call(reader, node="reader", method="read")
    if isinstance(found, list | tuple) and len(found) == len(log) and all(
            isinstance(event, dict) and "order" in event and "data" not in event for event in found):
        case.blame("NO_READER", f"`read` returned {describe(found)}: the data alone, without type and version")
    if not isinstance(found, list | tuple) or len(found) != len(log) or not all(
            isinstance(event, dict) and isinstance(event.get("data"), dict) for event in found):
        case.blame("NO_READER", f"`read` has to return one event for each in the log, and returned {describe(found)}")
    for event, one in zip(log, found, strict=True):
        shown(case, "reader", f"v{event['version']} {describe(event['data'])}",
              f"v{describe(one.get('version'))} {describe(one['data'])}")
    return list(found)


def compare(case: Case, event: dict, found: dict, otherwise: str) -> None:
    """Blame the first difference between what was read and what is due; `otherwise` names what is not known by form."""
    due, data, was = newest(event), found["data"], f"a v{event['version']} order"
    entries = case.entries("note")[-1:]
    if found.get("type") != event["type"]:
        case.blame("NO_READER", f"{was} was read with the type {describe(found.get('type'))}; {event['type']} was due",
                   *entries)
    if found.get("version") != 3:
        case.blame("OLD_NUMBER", f"{was} was read as version {describe(found.get('version'))}; its readers expect 3",
                   *entries)
    half = {"total", "customer"} & data.keys() if event["version"] == 1 else set()
    if len(half) == 1 and {"total_cents", "first"} & data.keys() and not {"total_cents", "first"} <= data.keys():
        case.blame("ONE_STEP_ONLY", f"{was} was read with `{half.pop()}` in it: one of the two steps was not taken",
                   *entries)
    if "total" in data or (event["version"] < 3 and "customer" in data):
        old = "total" if "total" in data else "customer"
        case.blame("KEEPS_OLD", f"{was} was read with `{old}` still in it: two fields that say the same can disagree",
                   *entries)
    cents = data.get("total_cents")
    if type(cents) is float and abs(cents - due["total_cents"]) < 0.01:
        case.blame("CENTS_NOT_WHOLE", f"total_cents was read as {cents!r}: cents are counted, in an int", *entries)
    if cents != due["total_cents"] and isinstance(cents, int | float) and event["version"] == 1:
        if abs(cents - due["total_cents"]) <= 1:
            case.blame("LOSES_A_CENT", f"a total of {event['data']['total']} became {describe(cents)} cents; "
                                       f"{due['total_cents']} was due", *entries)
        case.blame("WRONG_CENTS", f"a total of {event['data']['total']} became {describe(cents)} cents", *entries)
    if {"first", "last"} <= data.keys() and (data["first"], data["last"]) != (due["first"], due["last"]):
        for name in ("first", "last"):
            if not isinstance(data[name], str):
                case.blame("NAME_NOT_TEXT", f"`{name}` was read as {describe(data[name])}; {quoted(due[name])} was due",
                           *entries)
        case.blame("WRONG_NAME", f"{quoted(event['data'].get('customer', due))} was split into "
                                 f"{quoted(data['first'])} and {quoted(data['last'])}", *entries)
    for name in due:
        if name not in data and name in event["data"]:
            case.blame("DROPS_FIELDS", f"`{name}` was in {was}, and was not read", *entries)
        if name not in data:
            case.blame("ONE_STEP_ONLY", f"{was} was read without `{name}`", *entries)
    if data != due:
        case.blame(otherwise, f"{was} was read as {describe(data)}; {describe(due)} was due", *entries)
    more = sorted(map(str, found.keys() - event.keys()))
    if more:
        case.blame(otherwise, f"{was} was read with `{more[0]}` beside type, version and data", *entries)


@q2.check("an event of the newest version is left alone", histories=4)
def newest_is_left(case: Case):
    extra = ({}, {"coupon": "SPRING"}, {"customer": "C-17"}, {"total": 3})[turn(case, 4)]  # old names, used once more
    log = [stored(case, 3, **extra)]
    found = guarded(case, log, "UPCASTS_AGAIN")
    if found[0]["data"] != log[0]["data"]:
        case.blame("UPCASTS_AGAIN", f"a v3 order needs nothing, and was read as {describe(found[0]['data'])}",
                   *case.entries("note"))


def guarded(case: Case, log: list[dict], hint: str) -> list[dict]:
    """Read, and blame an error in the upcasters with `hint`, for there was nothing for them to do."""
    reader = reading(case, log)
    try:
        return read(case, reader, log)
    except Exception as error:
        if getattr(error, "type", "") not in ("KeyError", "AttributeError", "TypeError"):
            raise
        shown(case, "reader", f"v{log[0]['version']} {describe(log[0]['data'])}", error.type)
        case.blame(hint, f"a v{log[0]['version']} order was read, and {error.type}: {error.text} came out")


@q2.check("a v2 event takes one step", histories=4)
def one_step(case: Case):
    log = [stored(case, 2, **({"gift": True} if case.size > 0.5 else {}))]
    compare(case, log[0], guarded(case, log, "UPCASTS_AGAIN")[0], "WRONG_FORM")


@q2.check("a v1 event takes both, and not a cent is lost", histories=8)
def both_steps(case: Case):
    log = [stored(case, 1, **({"gift": True} if case.size > 0.5 else {}))]
    log[0]["data"]["total"] = TOTALS[turn(case, len(TOTALS))]
    compare(case, log[0], guarded(case, log, "ONE_STEP_ONLY")[0], "WRONG_FORM")


@q2.check("a name of one word, or of three, is a name", histories=3)
def names(case: Case):
    name = ("Madonna", "Ada King Lovelace", "Ana Maria de la Cruz")[turn(case, 3)]
    log = [stored(case, 2, customer=name)]
    reader = reading(case, log)
    try:
        found = read(case, reader, log)
    except Exception as error:
        if not getattr(error, "type", ""):
            raise
        case.blame("NAME_BREAKS", f"the customer is called {name}, and {error.type}: {error.text} came out")
    compare(case, log[0], found[0], "WRONG_FORM")


def log_of(case: Case, reader: Object) -> list[dict] | None:
    """The log as the reader holds it; None if it keeps it in a form of its own."""
    try:
        kept = case.actor("reader").get(reader, "log")
    except Exception as error:
        if getattr(error, "type", "") != "AttributeError":
            raise
        return None
    events = isinstance(kept, list | tuple) and all(isinstance(event, dict) and "data" in event for event in kept)
    return list(kept) if events else None


@q2.check("reading changes nothing that is stored", histories=3)
def store_stays(case: Case):
    log = [stored(case, version) for version in ((1,), (2,), (1, 2, 3))[turn(case, 3)]]
    before = copy.deepcopy(log)
    reader = reading(case, log)
    first = read(case, reader, log)
    kept = log_of(case, reader)
    if kept is not None and kept != before:
        changed = next((pair for pair in zip(before, kept, strict=False) if pair[0] != pair[1]), (before, kept))
        case.blame("MUTATES_STORE", f"the stored event is {describe(changed[1])} after reading; it was "
                                    f"{describe(changed[0])}", *case.entries("note"))
    try:
        again = read(case, reader, log)
    except Exception as error:
        if not getattr(error, "type", ""):
            raise
        case.blame("MUTATES_STORE", f"the second time it is read, {error.type}: {error.text} comes out",
                   *case.entries("note"))
    if again != first:
        case.blame("MUTATES_STORE", f"read twice, the same log gives {describe(first)} and {describe(again)}",
                   *case.entries("note"))


# -------------------------------------------------------------------------------------------- q3: who can read whom

q3 = lab.question("q3", "Can new code read old events?", points=3, defines="problems")

Schema = dict[str, dict[str, Any]]
FIELDS = ("order", "total", "note", "gift", "currency", "points")
DEFAULTS = {"string": "", "int": 0, "float": 0.0, "bool": False}


def brief(schema: Schema) -> str:
    """A schema in a few words: order: string, points: int = 0."""
    return ", ".join(f"{name}: {field['type']}" + (f" = {quoted(field['default'])}" if "default" in field else "")
                     for name, field in schema.items())


def readable(written: str, read: str) -> bool:
    return written == read or (written, read) == ("int", "float")


def faults(old: Schema, new: Schema) -> list[str]:
    """The fields for which code with schema `new` cannot read an event that was written with `old`."""
    return [name for name, field in new.items()
            if (name not in old and "default" not in field)
            or (name in old and not readable(old[name]["type"], field["type"]))]


def base(case: Case) -> Schema:
    names = case.random.sample(FIELDS, case.pick(1, 4))
    return {name: {"type": case.random.choice(sorted(DEFAULTS))} for name in names}


def asked(case: Case, old: Schema, new: Schema, hints: dict[str, str]) -> None:
    """Compare the answer's problems with the true ones. `hints`: "missed" and "false", or one for a field by name."""
    got = case.call("problems", old, new, node="registry")
    number = shown(case, "registry", f"old ({brief(old)}), new ({brief(new)})", got)
    due = faults(old, new)
    entries = case.entries("note")
    if not isinstance(got, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in got):
        case.blame("NO_LIST", f"`problems` returned {describe(got)}, and no list of names", number)
    for name in due:
        if name not in got:
            case.blame("NOT_ALL" if set(got) & set(due) else hints["missed"], _why(name, old, new), number)
    for name in got:
        if name not in due and name not in new and name not in old:
            case.blame("REMEMBERS", f"`{name}` is in none of the two schemas; an earlier call was about it", *entries)
        if name not in due:
            case.blame(hints["false"], f"`{name}` is no problem: {_fine(str(name), old, new)}", number)


def _why(name: str, old: Schema, new: Schema) -> str:
    if name not in old:
        return (f"an old event has no `{name}`, the new code has no default for it, and `problems` said nothing: the "
                "first old event will stop it")
    return f"`{name}` was written as {old[name]['type']}, the new code reads {new[name]['type']}, and nobody was told"


def _fine(name: str, old: Schema, new: Schema) -> str:
    if name not in new:
        return "the new code does not ask for it" if name in old else "no schema has it"
    if name not in old:
        return f"where it is missing, the new code takes its default, {describe(new[name].get('default'))}"
    if old[name]["type"] != new[name]["type"]:
        return f"each {old[name]['type']} is a {new[name]['type']}, too"
    if old[name] != new[name]:
        return f"an old event has it, as the {new[name]['type']} that the new code reads, so nobody asks for a default"
    return "it is written and read in the same form"


@q3.check("the same schema, or one with an optional field more, is no problem", histories=6)
def optional_fields(case: Case):
    old = base(case)
    new = copy.deepcopy(old)
    if case.size:
        name = case.random.choice([name for name in (*FIELDS, "coupon") if name not in old])
        kind = case.random.choice(sorted(DEFAULTS))
        none = turn(case, 2)
        new[name] = {"type": kind, "default": None if none else DEFAULTS[kind]}
    asked(case, old, new, {"missed": "NEW_REQUIRED", "false": "IGNORES_DEFAULT" if case.size else "FALSE_ALARM"})


@q3.check("a new default of a field that old events have is no problem", histories=4)
def other_defaults(case: Case):
    old = base(case)
    name = case.random.choice(sorted(old))
    default = DEFAULTS[old[name]["type"]]
    if turn(case, 2):
        old[name]["default"] = default
        default = {"string": "-", "int": 1, "float": 0.5, "bool": True}[old[name]["type"]]
    new = copy.deepcopy(old)
    new[name]["default"] = default
    asked(case, old, new, {"missed": "NEW_REQUIRED", "false": "MINDS_DEFAULTS"})


@q3.check("a new field without a default is one", histories=3)
def required_fields(case: Case):
    old = base(case)
    new = copy.deepcopy(old) | {"coupon": {"type": case.random.choice(sorted(DEFAULTS))}}
    asked(case, old, new, {"missed": "NEW_REQUIRED", "false": "FALSE_ALARM"})


@q3.check("a field that is gone is no problem for code that does not ask for it", histories=3)
def removed_fields(case: Case):
    old = base(case) | {"legacy": {"type": "string"}}
    new = {name: field for name, field in old.items() if name != "legacy"}
    asked(case, old, new, {"missed": "NEW_REQUIRED", "false": "WRONG_DIRECTION"})


PAIRS = (("int", "float"), ("float", "int"), ("string", "int"), ("bool", "int"), ("int", "string"), ("float", "string"),
         ("int", "bool"), ("bool", "float"), ("string", "float"), ("float", "bool"), ("bool", "string"),
         ("string", "bool"), ("int", "float"))


@q3.check("a type may grow from int to float, and change in no other way", histories=len(PAIRS))
def types(case: Case):
    old, number = base(case), turn(case, len(PAIRS))
    written, reads = PAIRS[number]
    old["amount"] = {"type": written} | ({"default": DEFAULTS[written]} if number % 3 == 1 else {})
    new = copy.deepcopy(old) | {"amount": {"type": reads} | ({"default": DEFAULTS[reads]} if case.size > 0.6 else {})}
    if number % 2:  # a schema is a dict: the order of its fields says nothing
        new = dict(reversed(new.items()))
    asked(case, old, new, {"missed": "TYPE_CHANGED", "false": "REFUSES_PROMOTION"})


@q3.check("a renamed field is two changes", histories=3)
def renamed(case: Case):
    old = base(case) | {"customer": {"type": "string"}}
    new = {name if name != "customer" else "buyer": field for name, field in old.items()}
    asked(case, old, new, {"missed": "NEW_REQUIRED", "false": "WRONG_DIRECTION"})


@q3.check("each problem is named, and each call is about its own two schemas", histories=3)
def all_of_them(case: Case):
    old = base(case) | {"amount": {"type": "float"}}
    new = old | {"amount": {"type": "int"}, "coupon": {"type": "string"}, "channel": {"type": "string"}}
    if case.size:
        new = dict(reversed(new.items()))
    asked(case, old, new, {"missed": "TYPE_CHANGED", "false": "FALSE_ALARM"})
    plain = {"email": {"type": "string"}}
    asked(case, plain, plain, {"missed": "NEW_REQUIRED", "false": "FALSE_ALARM"})


# ---------------------------------------------------------------------------------------------- q4: the registry

q4 = lab.question("q4", "The registry", points=4, defines="Registry", uses=("q3",))


class Registry:
    """The answer's registry, each call of it in the history."""

    def __init__(self, case: Case):
        self.case, self.made = case, case.call("Registry", node="registry")
        if not isinstance(self.made, Object):
            case.blame("NO_REGISTRY", f"`Registry()` gave {describe(self.made)}")

    def register(self, schema: Schema, due: int, unread: int = 1) -> None:
        """Register what has to get the number `due`; 0 if it has to be refused, as it cannot read version `unread`."""
        case = self.case
        operation = case.history.invoke(f"register ({brief(schema)})", node="registry")
        try:
            got = case.wait(self.made.actor.method(self.made, "register", schema), "registry")
        except Exception as error:
            if not getattr(error, "type", ""):
                raise
            operation.fail(str(error))
            if not refuses(case, error.type):
                raise
            if due:
                case.blame("REFUSES_GOOD", f"a schema that can read every earlier version was refused: {error.text}",
                           operation.number)
            return
        operation.ok(got)
        if not due and (got is None or isinstance(got, bool)):
            case.blame("REFUSES_QUIETLY", f"code with this schema cannot read version {unread}, and `register` "
                                          f"returned {describe(got)} instead of raising a ValueError", operation.number)
        if not due:
            case.blame("ACCEPTS_BAD", f"`register` returned {describe(got)}, and code with this schema cannot read "
                                      f"version {unread}: it has to be refused", operation.number)
        if got != due or isinstance(got, bool):
            case.blame("WRONG_NUMBER", f"it has to be version {due}, and `register` returned {describe(got)}",
                       operation.number)

    def read(self, version: int, data: dict, due: dict, hint: str, why: str) -> None:
        """Read data of an old version; what comes has to equal `due`, or it is the mistake `hint`, for `why`."""
        case = self.case
        operation = case.history.invoke(f"read v{version} {describe(data)}", node="registry")
        try:
            got = case.wait(self.made.actor.method(self.made, "read", version, data), "registry")
        except Exception as error:
            if getattr(error, "type", "") != "KeyError":
                raise
            operation.fail(str(error))
            case.blame(hint, f"{why}, and KeyError: {error.text} came out", operation.number)
        operation.ok(describe(got))
        if not isinstance(got, dict):
            case.blame("NO_DATA", f"`read` returned {describe(got)}, and no dict", operation.number)
        for name in due:
            if name in got and (got[name] != due[name] or type(got[name]) is not type(due[name])):
                case.blame(hint, f"{why}, and `{name}` was read as {quoted(got[name])}; {quoted(due[name])} was due",
                           operation.number)
        if got != due:
            case.blame(hint, f"{why}, and it was read as {describe(got)}; {describe(due)} was due", operation.number)


def refuses(case: Case, error: str) -> bool:
    """Whether an error of that name is a refusal: a ValueError, or a class of the answer's own that is one."""
    known, actor = getattr(builtins, error, None), case.actor("registry")
    if known is not None:
        return isinstance(known, type) and issubclass(known, ValueError)
    try:
        above = case.wait(actor.method(error, "mro"), "registry")
    except AnswerRaised:  # a class inside of another one: what it is made from cannot be asked
        return True
    return "ValueError" in [actor.get(one, "__name__") for one in above]


PLAIN: Schema = {"order": {"type": "string"}, "points": {"type": "int"}}


@q4.check("versions count from 1, and the same again is none", histories=3)
def versions_count(case: Case):
    registry, schema = Registry(case), copy.deepcopy(PLAIN)
    registry.register(schema, 1)
    for number in range(2, 3 + round(2 * case.size)):
        schema = schema | {f"extra_{number}": {"type": "string", "default": "-"}}
        registry.register(schema, number)
        registry.register(schema if number == 2 else dict(reversed(schema.items())), number)


@q4.check("what cannot read the version before is refused, and leaves nothing behind", histories=3)
def refused_whole(case: Case):
    registry = Registry(case)
    registry.register(PLAIN, 1)
    bad = PLAIN | {"coupon": {"type": "string"}} if case.size < 1 else {**PLAIN, "points": {"type": "string"}}
    try:
        registry.register(bad, 0)
    except Exception as error:
        if getattr(error, "type", "") in ("", "NotImplementedError"):
            raise
        case.blame("OTHER_ERROR", f"a refusal is a ValueError, and {error.type} came out", *case.entries("fail"))
    try:
        registry.register(PLAIN, 1)
        registry.register(PLAIN | {"gift": {"type": "bool", "default": False}}, 2)
    except Exception as blame:
        if getattr(getattr(blame, "mistake", None), "hint", "") not in ("WRONG_NUMBER", "REFUSES_GOOD"):
            raise
        case.blame("HALF_REFUSED", f"a schema was refused, and something of it stayed: {blame}",
                   *case.entries("invoke"))


@q4.check("every earlier version is asked, and not the newest alone", histories=3)
def transitive(case: Case):
    registry, name = Registry(case), case.random.choice(("note", "coupon", "channel"))
    early, late = [], [PLAIN]
    if case.size == 1:
        gift = PLAIN | {"gift": {"type": "bool", "default": False}}
        early, late = [PLAIN], [gift, gift | {"email": {"type": "string", "default": ""}}]
    for number, schema in enumerate([*early, PLAIN | {name: {"type": "string", "default": ""}}, *late], 1):
        registry.register(schema, number)
    unread, operation = len(early) + 1, len(case.history)
    try:
        registry.register(late[-1] | {name: {"type": "int", "default": 0}}, 0, unread)
    except Exception as blame:
        if getattr(getattr(blame, "mistake", None), "hint", "") != "ACCEPTS_BAD":
            raise
        case.blame("NEWEST_ONLY", f"events of version {unread} lie in the store, with `{name}` as a string; the new "
                                  f"version reads an int. Version {unread + 1} has no such field, so it says nothing",
                   *(number for number in case.entries() if number < operation), operation)


@q4.check("each earlier version is asked by itself", histories=1)
def by_itself(case: Case):
    registry = Registry(case)
    registry.register(PLAIN | {"note": {"type": "string"}}, 1)
    registry.register(PLAIN, 2)
    try:
        registry.register(PLAIN | {"note": {"type": "string"}, "gift": {"type": "bool", "default": False}}, 0, 2)
    except Exception as blame:
        if getattr(getattr(blame, "mistake", None), "hint", "") != "ACCEPTS_BAD":
            raise
        case.blame("MERGES_VERSIONS", "the new version asks for `note` and has no default for it; events of version 1 "
                                      "have one, and those of version 2 do not", *case.entries())


@q4.check("an old event is read in the newest form", histories=8)
def reads_old(case: Case):
    registry = Registry(case)
    data, points = {"order": "order-7", "points": 3}, case.random.randint(1, 90)
    registry.register(PLAIN, 1)
    form = turn(case, 8)
    if form in (0, 1):
        default = ("EUR", None)[form]
        registry.register(PLAIN | {"currency": {"type": "string", "default": default}}, 2)
        registry.read(1, data, data | {"currency": default}, "NO_DEFAULT_READ", "version 1 has no `currency`")
    elif form == 2:
        registry.register({"order": {"type": "string"}, "points": {"type": "float"}}, 2)
        registry.read(1, data | {"points": points}, {"order": "order-7", "points": float(points)}, "NOT_PROMOTED",
                      "`points` is a float now")
    elif form == 3:
        registry.register({"order": {"type": "string"}}, 2)
        registry.read(1, data, {"order": "order-7"}, "OLD_FIELDS_STAY", "the newest version has no `points`")
    elif form == 4:
        newer = PLAIN | {"gift": {"type": "bool", "default": False}}
        registry.register(newer, 2)
        registry.register(newer | {"currency": {"type": "string", "default": "EUR"}}, 3)
        registry.read(1, data, data | {"gift": False, "currency": "EUR"}, "NOT_NEWEST", "version 3 is the newest")
        registry.read(2, data | {"gift": True}, data | {"gift": True, "currency": "EUR"}, "DEFAULT_OVER_VALUE",
                      "the event says that it is a gift")
    elif form == 5:  # through two versions
        floats = PLAIN | {"points": {"type": "float"}}
        registry.register(floats, 2)
        registry.register(floats | {"gift": {"type": "bool", "default": False}}, 3)
        registry.read(1, data | {"points": points}, {"order": "order-7", "points": float(points), "gift": False},
                      "NOT_PROMOTED", "`points` is a float since version 2")
    elif form == 6:  # a field that was away for a time
        newest = {"order": {"type": "string"}, "gift": {"type": "bool", "default": False}}
        registry.register(newest, 2)
        registry.register(newest | {"points": {"type": "int", "default": 0}}, 3)
        registry.read(1, data | {"points": points}, {"order": "order-7", "gift": False, "points": points},
                      "DEFAULT_OVER_VALUE", "version 2 has no `points`, but this event and the newest version have")
    else:
        registry.register(PLAIN | {"gift": {"type": "bool", "default": True}}, 2)
        registry.read(2, data | {"gift": False}, data | {"gift": False}, "DEFAULT_OVER_VALUE",
                      "the event says that it is no gift")


@q4.check("two registries know nothing of each other", histories=1)
def apart(case: Case):
    first, second = Registry(case), Registry(case)
    first.register(PLAIN, 1)
    try:
        second.register({"email": {"type": "string"}}, 1)
    except Exception as blame:
        if getattr(getattr(blame, "mistake", None), "hint", "") in ("REFUSES_GOOD", "WRONG_NUMBER"):
            case.blame("SHARED_REGISTRY", "the first registry has a version 1, and the second, a new one, minded it",
                       *case.entries("invoke"))
        raise
