"""Deciders and their handler: fold, decide, the race for a stream, snapshots, time travel."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlab import ANY, CommandHandler, Decider, Event, EventStore, Rejected, World, WrongExpectedVersion, search
from evlab.database import DiskFull
from evlab.decider import Loaded
from evlab.errors import InvalidUse
from evlab.sim.checkers import Anomaly
from evlab.store import CorruptEvent

# ------------------------------------------------------------------------------------------------------- an account


@dataclass(frozen=True)
class Pay:
    """Money in, or out if it is negative."""

    cents: int
    account: str = "account-1"


def moved(cents, **more):
    return Event(type="MoneyMoved", data={"cents": cents}, source="bank", **more)


def decide(command, balance):
    if command.cents == 0:
        return None
    if balance + command.cents < 0:
        raise Rejected(f"the balance is {balance}", why="an account holds no less than nothing")
    return moved(command.cents)


def evolve(balance, event):
    return balance + event.data["cents"]


ACCOUNT = Decider(0, decide, evolve)


def by_account(command):
    return command.account


def bank(store=None, decider=ACCOUNT, **options):
    return CommandHandler(store or EventStore(), decider, by_account, **options)


def paid(handler, *amounts):
    """Handle these payments, one by one."""
    return [recorded for cents in amounts for recorded in handler.handle(Pay(cents))]


class Reading:
    """How many events a store hands out."""

    def __init__(self, store):
        self.events, read = 0, store.read

        def counted(*arguments, **options):
            for recorded in read(*arguments, **options):
                self.events += 1
                yield recorded

        store.read = counted

    def of(self, call):
        before = self.events
        call()
        return self.events - before


# ---------------------------------------------------------------------------------------------------- the pure part


def test_fold_starts_at_the_initial_state_and_takes_events_as_they_are_or_as_recorded():
    recorded = EventStore().append("account-1", [moved(5), moved(-2)])
    assert ACCOUNT.fold([]) == ACCOUNT.start() == 0
    assert ACCOUNT.fold([moved(5), moved(-2)]) == ACCOUNT.fold(recorded) == ACCOUNT.fold(iter(recorded)) == 3


def test_a_function_makes_each_fold_a_state_of_its_own():
    def note(state, event):
        state["seen"].append(event.type)
        return state

    decider = Decider(lambda: {"seen": []}, decide, note)
    assert decider.fold([moved(1)]) == decider.fold([moved(2)]) == {"seen": ["MoneyMoved"]}
    assert Decider(dict, decide, note).start() == {}


@pytest.mark.parametrize("decided, count", [
    (lambda: None, 0), (lambda: [], 0), (lambda: moved(1), 1), (lambda: [moved(1), moved(2)], 2),
    (lambda: (moved(1),), 1), (lambda: (moved(n) for n in range(3)), 3)])
def test_decide_may_give_nothing_one_event_or_several(decided, count):
    events = Decider(0, lambda command, state: decided(), evolve).decided("a command", 0)
    assert isinstance(events, list) and [type(event) for event in events] == [Event] * count


@pytest.mark.parametrize("decided", ["MoneyMoved", 5, True, {"cents": 1}, [None], [moved(1), "MoneyMoved"], object()])
def test_what_is_no_event_is_refused_and_nothing_is_appended(decided):
    handler = bank(decider=Decider(0, lambda command, state: decided, evolve))
    with pytest.raises(InvalidUse, match="no Event"):
        handler.handle(Pay(1))
    assert handler.store.position == 0


# ---------------------------------------------------------------------------------------------------------- handling


def test_what_was_decided_is_appended_to_the_streams_of_the_commands():
    handler = bank()
    handler.handle(Pay(10))
    [second] = handler.handle(Pay(-4))
    handler.handle(Pay(7, "account-2"))
    assert (second.stream, second.version, second.event.data) == ("account-1", 2, {"cents": -4})
    assert list(handler.store.read("account-1"))[1] == second
    assert [handler.load(name) for name in ("account-1", "account-2", "account-3")] == [(6, 2), (7, 1), (0, 0)]
    assert isinstance(handler.load("account-1"), Loaded) and handler.conflicts == 0


def test_one_name_serves_a_handler_of_one_stream():
    handler = CommandHandler(EventStore(), ACCOUNT, "the-account")
    handler.handle(Pay(3, "somebody"))
    assert handler.store.streams() == ["the-account"] == [handler.stream_of(Pay(1))]


def test_a_decision_for_nothing_appends_nothing():
    handler = bank()
    assert handler.handle(Pay(0)) == [] and handler.store.position == 0


def test_a_refused_command_appends_nothing():
    handler = bank()
    paid(handler, 10)
    with pytest.raises(Rejected, match="the balance is 10"):
        handler.handle(Pay(-11))
    assert handler.store.position == 1 and handler.load("account-1") == (10, 1)


def test_several_events_of_one_decision_are_appended_together():
    def split(command, balance):
        return [moved(1) for _ in range(command.cents)]

    handler = bank(decider=Decider(0, split, evolve))
    assert [one.version for one in handler.handle(Pay(3))] == [1, 2, 3]


# --------------------------------------------------------------------------------------------------------- conflicts


def busy(times, **options):
    """A handler, while whose first decisions somebody else pays out 60."""
    store, left = EventStore(), itertools.count(1)
    seen = []

    def slow(command, balance):
        seen.append(balance)
        if next(left) <= times:
            store.append(command.account, moved(-60))
        return decide(command, balance)

    store.append("account-1", moved(200))
    return bank(store, Decider(0, slow, evolve), **options), seen


def test_after_a_conflict_it_reads_again_and_decides_again():
    handler, seen = busy(2)
    [recorded] = handler.handle(Pay(-50))
    assert seen == [200, 140, 80] and recorded.version == 4
    assert (handler.load("account-1").state, handler.conflicts) == (30, 2)


def test_the_second_decision_may_refuse():
    handler, seen = busy(3)
    with pytest.raises(Rejected, match="the balance is 20"):
        handler.handle(Pay(-50))
    assert seen == [200, 140, 80, 20] and handler.load("account-1").state == 20 and handler.conflicts == 3


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_the_conflict_comes_out_after_so_many_attempts(attempts):
    handler, seen = busy(99, attempts=attempts)
    with pytest.raises(WrongExpectedVersion) as caught:
        handler.handle(Pay(5))
    assert len(seen) == handler.conflicts == attempts
    assert (caught.value.expected, caught.value.current) == (attempts, attempts + 1)
    assert handler.load("account-1").version == attempts + 1, "nothing of the command"


def test_a_conflict_of_one_stream_is_none_of_another():
    store = EventStore()

    def slow(command, balance):
        store.append("account-2", moved(1))
        return decide(command, balance)

    handler = bank(store, Decider(0, slow, evolve))
    handler.handle(Pay(5))
    assert handler.conflicts == 0


def race(expected):
    """A scenario: two tellers read, think, and pay out the only 100 of an account."""
    def scenario(world):
        store = EventStore("bank.db", world, node="bank")
        handler = bank(store)
        handler.handle(Pay(100))
        refused = []

        def teller():
            state, version = handler.load("account-1")
            yield world.random("thinking").random()
            try:
                events = ACCOUNT.decided(Pay(-100), state)
                store.append("account-1", events, version if expected else ANY)
            except (Rejected, WrongExpectedVersion) as error:
                refused.append(error)

        for _ in range(2):
            world.spawn(teller(), "bank")
        world.run()
        world.sometimes("a teller was refused", bool(refused))
        balance = handler.load("account-1").state
        return [Anomaly("overdraft", f"the balance is {balance}", ())] if balance < 0 else []

    return scenario


def test_a_search_finds_the_race_and_an_expected_version_ends_it():
    failure = search(race(expected=False), range(100))
    assert failure.anomaly.name == "overdraft" and "-100" in failure.anomaly.text
    assert search(race(expected=True), range(100)) is None


def test_handlers_that_give_way_between_commands_never_race():
    def scenario(world):
        handler = bank(EventStore("bank.db", world, node="bank"))
        handler.handle(Pay(100))

        def teller():
            for _ in range(3):
                yield world.random("customers").random()
                try:
                    handler.handle(Pay(-40))
                except Rejected:
                    world.sometimes("refused")

        for _ in range(2):
            world.spawn(teller(), "bank")
        world.run()
        assert world.reached["refused"] == 4
        balance = handler.load("account-1").state
        return [] if balance == 20 else [Anomaly("lost-update", f"the balance is {balance}", ())]

    assert search(scenario, range(50)) is None


# --------------------------------------------------------------------------------------------------------- snapshots


@pytest.mark.parametrize("every", [1, 2, 7])
def test_with_snapshots_loading_reads_a_flat_number_of_events(every):
    handler = bank(snapshot_every=every)
    reading = Reading(handler.store)
    counts = [reading.of(lambda: handler.handle(Pay(1))) for _ in range(60)]
    assert max(counts) == every - 1 and counts[:every] == list(range(every))
    assert handler.load("account-1") == (60, 60)


def test_without_snapshots_loading_reads_every_event():
    handler = bank()
    reading = Reading(handler.store)
    assert [reading.of(lambda: handler.handle(Pay(1))) for _ in range(20)] == list(range(20))
    assert handler.store.load_snapshot("account-1") is None


def test_a_snapshot_includes_the_event_that_it_is_named_after_and_no_later_one():
    handler = bank(snapshot_every=3)
    kept = []
    for cents in (1, 10, 100, 1000, 10000, 100000, 1000000):
        handler.handle(Pay(cents))
        kept.append(handler.store.load_snapshot("account-1"))
    assert kept == [None, None, (111, 3), (111, 3), (111, 3), (111111, 6), (111111, 6)]


@pytest.mark.parametrize("sizes, kept", [
    ([2, 2], 4), ([5], 5), ([7], 7), ([2, 9], 11), ([3, 1, 1], 3), ([3, 1, 2], 6), ([1, 1], None), ([2, 0, 1], 3)])
def test_an_append_that_passes_one_mark_or_several_leaves_one_snapshot_at_its_end(sizes, kept):
    def several(command, state):
        return [moved(10**number) for number in range(command.cents)]

    handler = bank(decider=Decider(0, several, evolve), snapshot_every=3)
    for size in sizes:
        handler.handle(Pay(size))
    snapshot = handler.store.load_snapshot("account-1")
    assert (snapshot and snapshot.version) == kept
    assert kept is None or snapshot.state == handler.state_at("account-1", version=kept)
    assert handler.load("account-1") == bank(handler.store).load("account-1")


@dataclass
class Book:
    balance: int = 0
    last: tuple[int, ...] = ()
    counts: dict[int, int] = field(default_factory=dict)
    opened: datetime | None = None


class Ledger(msgspec.Struct):
    balance: Decimal = Decimal(0)
    seen: set[str] = set()


def in_book(book, event):
    cents = event.data["cents"]
    return Book(book.balance + cents, (*book.last, cents)[-2:], {**book.counts, cents: book.counts.get(cents, 0) + 1},
                book.opened or event.time)


def in_book_in_place(book, event):
    book.balance += event.data["cents"]
    book.counts[event.data["cents"]] = 1
    return book


def in_ledger(ledger, event):
    return Ledger(ledger.balance + Decimal(event.data["cents"]) / 100, ledger.seen | {event.id})


def in_dict(state, event):
    return {"balance": state.get("balance", 0) + event.data["cents"], "events": [*state.get("events", []), event.id]}


def from_none(book, event):
    return in_book(Book() if book is None else book, event)


@pytest.mark.parametrize("initial, evolve, state_type", [
    (0, evolve, None), (0.0, lambda state, event: state + event.data["cents"] / 4, None),
    ("", lambda state, event: state + "x", None), (Book(), in_book, None), (Book, in_book, None),
    (Book, in_book_in_place, None), (Ledger, in_ledger, None), (dict, in_dict, None),
    (list, lambda state, event: [*state, event.id], None), (None, from_none, Book), (None, from_none, Book | None),
    ((), lambda state, event: (*state, event.data["cents"]), None),
    (frozenset(), lambda state, event: state | {event.data["cents"]}, frozenset[int]),
    (dict, lambda state, event: {**state, event.data["cents"]: 1}, dict[int, int]),
])
def test_a_state_comes_back_from_its_snapshot_as_it_was(initial, evolve, state_type):
    decider = Decider(initial, lambda command, state: moved(command.cents), evolve)
    handler = bank(decider=decider, snapshot_every=4, state_type=state_type)
    paid(handler, *range(1, 10))
    state, version = handler.load("account-1")
    assert handler.store.load_snapshot("account-1").version == 8
    assert state == decider.fold(handler.store.read("account-1")) and version == 9
    assert type(state) is type(decider.fold([moved(1)]))


@pytest.mark.parametrize("initial, evolve, state_type", [
    (0, lambda state, event: state + 0.5, None),
    (dict, lambda state, event: {"at": event.time}, None),
    (dict, lambda state, event: {event.data["cents"]: 1}, None),
    (dict, lambda state, event: {"seen": (1, 2)}, None),
    (object, lambda state, event: state, None),
    (Book, lambda state, event: None, None),
    (0.0, lambda state, event: float("inf"), None),
    (str, lambda state, event: "\ud800", None),
    (lambda: lambda: 0, lambda state, event: state, None),
])
def test_a_state_that_no_snapshot_can_hold_is_refused_before_anything_is_appended(initial, evolve, state_type):
    decider = Decider(initial, lambda command, state: moved(command.cents), evolve)
    handler = bank(decider=decider, snapshot_every=3, state_type=state_type)
    paid(handler, 1, 2)
    with pytest.raises(InvalidUse, match="cannot be kept as a snapshot"):
        handler.handle(Pay(3))
    assert handler.store.position == 2 and handler.store.load_snapshot("account-1") is None
    assert bank(handler.store, decider).handle(Pay(3))[0].version == 3, "without snapshots there is nothing to keep"


def test_an_initial_state_of_none_needs_a_type_only_for_snapshots():
    decider = Decider(None, lambda command, state: moved(command.cents), from_none)
    assert bank(decider=decider).handle(Pay(1))
    with pytest.raises(InvalidUse, match="initial state is None"):
        bank(decider=decider, snapshot_every=1)


def test_snapshots_of_an_older_form_are_ignored():
    store = EventStore()
    paid(bank(store, snapshot_every=2), 1, 2, 3, 4)

    def in_pairs(state, event):
        return {"in": state.get("in", 0) + event.data["cents"]}

    pairs = Decider(dict, lambda command, state: moved(command.cents), in_pairs)
    handler = bank(store, pairs, snapshot_every=2, schema=2)
    assert handler.load("account-1") == ({"in": 10}, 4)
    paid(handler, 5, 6)
    assert store.load_snapshot("account-1", schema=2) == ({"in": 21}, 6)
    assert bank(store, snapshot_every=2).load("account-1") == (21, 6), "the old program goes on beside the new one"


def test_a_snapshot_of_another_form_with_the_same_number_is_refused_by_name():
    store = EventStore()
    paid(bank(store, snapshot_every=2), 1, 2)
    handler = bank(store, Decider(dict, lambda command, state: moved(1), in_dict), snapshot_every=2)
    with pytest.raises(InvalidUse, match="give schema=2"):
        handler.handle(Pay(1))


def test_a_damaged_snapshot_is_named_and_the_events_are_still_there():
    handler = bank(snapshot_every=2)
    paid(handler, 1, 2, 3)
    handler.store.db.execute("UPDATE snapshots SET state = ?", (b'["account-1",1,2,999]',))
    with pytest.raises(CorruptEvent, match="snapshot of account-1 is damaged"):
        handler.handle(Pay(1))
    handler.store.drop_snapshot("account-1")
    assert handler.handle(Pay(1))[0].version == 4 and handler.load("account-1") == (7, 4)
    assert handler.store.load_snapshot("account-1") == (7, 4)


def test_a_snapshot_that_cannot_be_written_fails_nothing(monkeypatch):
    handler = bank(snapshot_every=2)

    def full(*arguments, **options):
        raise DiskFull("the disk is full")

    monkeypatch.setattr(handler.store, "save_snapshot", full)
    assert [one.version for one in paid(handler, 1, 2, 3)] == [1, 2, 3]
    assert handler.store.load_snapshot("account-1") is None and handler.load("account-1") == (6, 3)


def test_no_snapshot_is_made_of_events_that_were_there_already(monkeypatch):
    """Somebody else has appended 100 and the very same event; the state between is not what this handler knows."""
    event = moved(1)
    handler = bank(decider=Decider(0, lambda command, state: event, evolve), snapshot_every=2)
    append = handler.store.append

    def late(stream, events, expected):
        append(stream, moved(100))
        append(stream, events)
        return append(stream, events, expected)

    handler.store.append("account-1", moved(10))
    monkeypatch.setattr(handler.store, "append", late)
    assert [one.version for one in handler.handle(Pay(1))] == [3]
    assert handler.load("account-1") == (111, 3)


def test_a_snapshot_is_not_made_of_a_decision_that_lost_the_race():
    handler, _ = busy(1, snapshot_every=2)
    handler.handle(Pay(-50))
    assert handler.store.load_snapshot("account-1") is None, "it passed the mark of 2 in vain"
    assert handler.load("account-1") == (90, 3)


# ------------------------------------------------------------------------------------------------------- time travel


@given(sizes=st.lists(st.integers(0, 4), max_size=12), every=st.integers(0, 5))
def test_the_state_at_a_version_is_the_fold_of_the_first_events(sizes, every):
    def several(command, state):
        return [moved(len(state["events"]) + number) for number in range(command.cents)]

    decider = Decider(lambda: {"balance": 0, "events": []}, several, in_dict)
    handler = bank(decider=decider, snapshot_every=every)
    for size in sizes:
        handler.handle(Pay(size))
    events = list(handler.store.read("account-1"))
    for version in range(len(events) + 1):
        assert handler.state_at("account-1", version=version) == decider.fold(events[:version])
    assert handler.load("account-1") == (decider.fold(events), len(events))
    assert handler.state_at("account-1", version=len(events) + 7) == decider.fold(events), "still to come: today"


def test_the_state_at_a_time_is_what_the_store_knew_then():
    world = World()
    handler = bank(EventStore("bank.db", world, node="bank"), snapshot_every=2)

    def day():
        for cents in (1, 10, 100):
            yield 5.0
            handler.handle(Pay(cents))
            handler.handle(Pay(cents))

    world.spawn(day(), "bank")
    world.run()
    start = datetime.fromtimestamp(world.epoch, UTC)

    def at(seconds):
        return handler.state_at("account-1", time=start + timedelta(seconds=seconds))

    assert [at(seconds) for seconds in (0, 4.999, 5, 9.999, 10, 14, 15, 99)] == [0, 0, 2, 2, 22, 22, 222, 222]
    later = (start + timedelta(seconds=10)).astimezone(timezone(timedelta(hours=9)))
    assert handler.state_at("account-1", time=later) == 22, "a zone is part of the time"


def test_a_time_is_of_the_store_and_not_of_the_event():
    handler = bank()
    handler.store.append("account-1", moved(1, time=datetime(2020, 1, 1, tzinfo=UTC)))
    assert handler.state_at("account-1", time=datetime(2021, 1, 1, tzinfo=UTC)) == 0
    assert handler.state_at("account-1", time=datetime(2999, 1, 1, tzinfo=UTC)) == 1


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("options", [
    {"attempts": 0}, {"attempts": -1}, {"attempts": 1.5}, {"attempts": "3"}, {"attempts": None}, {"attempts": True},
    {"snapshot_every": -1}, {"snapshot_every": 2.0}, {"snapshot_every": "2"}, {"snapshot_every": None},
    {"schema": "2"}, {"schema": -1}, {"schema": None}])
def test_numbers_that_count_nothing_are_refused(options):
    with pytest.raises(InvalidUse, match=next(iter(options))):
        bank(**options)


@pytest.mark.parametrize("options", [
    {}, {"version": 1, "time": datetime.now(UTC)}, {"time": datetime(2026, 1, 5)}, {"time": "2026-01-05"},
    {"time": 5.0}, {"version": -1}, {"version": "1"}, {"version": 1.0}, {"version": True}])
def test_a_time_travel_to_nowhere_is_refused(options):
    handler = bank()
    paid(handler, 1, 2)
    with pytest.raises(InvalidUse) as caught:
        handler.state_at("account-1", **options)
    assert caught.value.next_step


@pytest.mark.parametrize("arguments", [
    (None, ACCOUNT, "a"), ("shop.db", ACCOUNT, "a"), (EventStore(), None, "a"), (EventStore(), "account", "a"),
    (EventStore(), Decider(0, 1, 2), "a"), (EventStore(), Decider(0, ACCOUNT.decide, None), "a"),
    (EventStore(), ACCOUNT.decide, "a"), (EventStore(), ACCOUNT, None), (EventStore(), ACCOUNT, 7)])
def test_a_handler_that_could_never_handle_is_refused_when_it_is_made(arguments):
    with pytest.raises(InvalidUse, match="is no event store|is no decider|names no stream") as caught:
        CommandHandler(*arguments)
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["", None, 7, "x" * 256])
def test_a_stream_without_a_name_is_refused(name):
    handler = CommandHandler(EventStore(), ACCOUNT, lambda command: name)
    with pytest.raises(InvalidUse, match="names no stream"):
        handler.handle(Pay(1))
