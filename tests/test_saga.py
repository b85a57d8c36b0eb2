"""Sagas with an orchestrator: SAGA-1 and SAGA-2 under faults of every kind, resuming, parking, several at once."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import random

import pytest
from projection_child import start as start_child
from saga_child import run_sagas
from saga_shop import NAMES, ORDER, STEPS, Service, Shop, prefixes_at_fault, shop_saga
from store_files import fast_folder

from evlab import Bus, Database, Event, EventStore, Fault, Faults, Plan, Real, Retry, World
from evlab.database import DiskFull
from evlab.errors import InvalidUse
from evlab.saga import Orchestrator, Saga, Step, StepBroken
from evlab.store import WrongExpectedVersion
from evlab.trace import Tracer

SCENARIOS = {
    "all answer": {},
    "the first step is refused": {"refuse": {"reserve": 1}},
    "the third step is refused": {"refuse": {"book": 1}},
    "the pivot is refused": {"refuse": {"charge": 1}},
    "refused after the pivot": {"refuse": {"ship": 1, "deliver": 2}},
    "refused inside of the compensation": {"refuse": {"charge": 1, "undo book": 1, "undo reserve": 1}},
    "a step never answers": {"deaf": ("book", False)},
    "the pivot never answers": {"deaf": ("charge", False)},
    "an undo never answers": {"deaf": ("authorise", True), "refuse": {"charge": 1}},
    "replies are gathered": {"linger": 0.01, "refuse": {"ship": 1}},
}


def live(scenario, faults=(), seed=1, **more):
    """The shop with these faults, until all has come to rest."""
    world = World(seed, faults if isinstance(faults, Faults) else Plan(faults))
    shop = Shop(world, **SCENARIOS[scenario], **more)
    world.run(until=200)
    world.calm().run(until=400)
    return world, shop


def helped(shop):
    """A person asks the services about what is parked, and says so; the service that was deaf hears again. What is
    wrong then."""
    shop.deaf = None
    for _ in range(5):
        for one in shop.orchestrator.parked():
            done = shop.truth(one.step) != one.undoing
            if not done and (one.undoing or STEPS[one.step].kind == "retriable"):
                shop.orchestrator.retry(one.id)
            elif done or any(service.name == STEPS[one.step].service and service.bury(one.step)
                             for service in shop.services):
                shop.orchestrator.settle(one.id, done, "asked by Ann")
        shop.world.run(until=shop.world.now() + 200)
    return [*shop.complaints(), *(f"parked for ever: {one}" for one in shop.orchestrator.parked())]


def faults_of(world, before=()):
    """All that can go wrong once more: each message lost, doubled or late, each point with a crash, short and long.

    A long one outlasts all attempts, so what is late comes after its undo. before: what has gone wrong already.
    """
    done = {fault.site: fault.n for fault in before}
    found = []
    for link in world.network._links.values():
        for n in range(done.get(link.site, 0) + 1, link.count + 1):
            found += [Fault("drop", link.site, n), Fault("duplicate", link.site, n, 0.3),
                      Fault("delay", link.site, n, 40.0)]
    for site, passes in world.points.items():
        for n in range(done.get(site, 0) + 1, passes + 1):
            found += [Fault("crash", site, n, 0.5), Fault("crash", site, n, 40.0)]
    return found


def judged(scenario, faults):
    """Such a run, and all that has to hold: how it has ended, and what else could have gone wrong in it."""
    world, shop = live(scenario, faults)
    assert shop.complaints() == [], (scenario, faults)
    assert len(world.struck_by) >= min(len(faults), 1), "the fault was reached"  # a second one may keep off the first
    phase, more = shop.orchestrator.state(ORDER).phase, faults_of(world, faults)
    if phase == "parked":
        assert helped(shop) == [], (scenario, faults)
    return phase, more


@pytest.mark.parametrize("scenario, phase, moves", [
    ("all answer", "completed", "reserve authorise book charge ship deliver"),
    ("the first step is refused", "compensated", ""),
    ("the third step is refused", "compensated", "reserve authorise -authorise -reserve"),
    ("the pivot is refused", "compensated", "reserve authorise book -book -authorise -reserve"),
    ("refused after the pivot", "completed", "reserve authorise book charge ship deliver"),
    ("refused inside of the compensation", "compensated", "reserve authorise book -book -authorise -reserve"),
    ("a step never answers", "compensated", "reserve authorise -authorise -reserve"),
    ("the pivot never answers", "parked", "reserve authorise book"),
    ("an undo never answers", "parked", "reserve authorise book -book"),
    ("replies are gathered", "completed", "reserve authorise book charge ship deliver")])
def test_without_faults_a_saga_goes_the_way_that_its_answers_say(scenario, phase, moves):
    _, shop = live(scenario)
    assert shop.complaints() == []
    assert shop.orchestrator.state(ORDER).phase == phase
    assert " ".join("-" * undo + step for step, undo in shop.moves()) == moves


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whatever_fails_once_the_saga_ends_as_it_may(scenario):
    """SAGA-1, SAGA-2: each message lost, doubled, late; orchestrator or service crash at each pass of each point."""
    ends, kinds = collections.Counter(), collections.Counter()
    for fault in judged(scenario, ())[1]:
        ends[judged(scenario, (fault,))[0]] += 1
        kinds[fault.kind] += 1
    assert min(kinds[kind] for kind in ("drop", "duplicate", "delay", "crash")) >= 4, kinds
    assert sum(ends.values()) >= 40, ends


def test_whatever_fails_twice_the_saga_ends_as_it_may(amount, measured):
    """SAGA-1, SAGA-2: pairs of such faults, a sample that is drawn from a seed. All of them would take hours; what can
    happen to the rules is tried in full, for any number of faults, in test_steps.py."""
    rng, tried, there = random.Random(7), 0, 0
    ends = collections.Counter()
    for scenario in SCENARIOS:
        faults = judged(scenario, ())[1]
        firsts = rng.sample(faults, min(len(faults), amount(5, 10_000)))
        for first in firsts:
            seconds = judged(scenario, (first,))[1]
            there += len(seconds) * len(faults) // len(firsts)
            for second in rng.sample(seconds, min(len(seconds), amount(4, 40))):
                ends[judged(scenario, (first, second))[0]] += 1
                tried += 1
    assert set(ends) == {"completed", "compensated", "parked"}, ends
    measured(f"SAGA-1: {tried:,} of about {there:,} pairs of faults, as each takes some 8 ms")


STORM = Faults(drop=0.1, duplicate=0.05, delay=0.1, crash=0.015, kill=0.015, cuts=1, pauses=1, crashes=1, down=4.0,
               late=8.0, long=8.0, span=15.0)


def test_after_the_faults_no_saga_is_open_that_is_not_parked(amount):
    """SAGA-2: faults of all kinds from a seed, then calm."""
    ends, struck = collections.Counter(), 0
    for seed in range(amount(100, 20_000)):
        scenario = list(SCENARIOS)[seed % len(SCENARIOS)]
        world, shop = live(scenario, STORM, seed)
        struck += len(world.struck_by)
        assert shop.complaints() == [], (seed, scenario)
        ends[shop.orchestrator.state(ORDER).phase] += 1
        assert helped(shop) == [], (seed, scenario)
    assert set(ends) == {"completed", "compensated", "parked"} and struck > 1000, (ends, struck)


# ------------------------------------------------------------------------- what the same look finds in wrong programs


class NoInbox(Service):
    """Does what it is asked as often as it is asked."""

    def handle(self, command):
        with self.db.transaction():
            self.db.execute("INSERT INTO moves VALUES (?, ?, ?)", (next(self.shop.numbers), command.data["step"],
                                                                   command.data["undo"]))
            self.outbox.add(command.caused("WorkDone", {}, source=self.name))


class NoTombstone(Service):
    """Does an action also if its undo was there before it."""

    def work(self, command):
        if not command.data["undo"]:
            self.db.execute("DELETE FROM states WHERE step = ? AND state = 'undone'", (command.data["step"],))
        return super().work(command)


class NewId(Orchestrator):
    """Sends a command of its own for each attempt."""

    def _act(self, state, send=True):
        if state.asking and state.attempt > 1:
            state.command = Event(type=state.command.type, data=state.command.data, source="shop")
        super()._act(state, send)


class SendsFirst(Orchestrator):
    """Sends a command, and then writes it down."""

    def _record(self, id, state, events):
        for event in events:
            if "command" in event.data:
                self.bus.publish(Event.from_json(event.data["command"]))
        return super()._record(id, state, events)


class NoClock(Orchestrator):
    """Waits for an answer for ever."""

    def _set_clock(self, state, seconds, decide):
        pass


class Forgets(Orchestrator):
    """Begins its life with an empty memory."""

    def resume(self):
        return 0


class Forward(Saga):
    """Undoes the oldest step first."""

    def _undo_from(self, state, at, cause=None, why=""):
        at = 0 if not state.undoing else state.at + 1
        if at >= 3 or at >= state.at and not state.undoing:
            return [self._event(state, "SagaCompensated", {"why": why})]
        return [self._command(state, at, undo=True, why=why)]


class SkipsTheUnknown(Saga):
    """Takes a step that does not answer for one that was not done."""

    def unanswered(self, state):
        events = super().unanswered(state)
        if state.undoing or len(events) < 2 or events[-1].type == "SagaParked":
            return events
        return [events[0], *self._undo_from(state, state.at - 1, why="silent")]


class TakesAnyReply(Saga):
    """Takes every reply for one to the present command."""

    def replied(self, state, reply):
        if state.command is None:
            return []
        return super().replied(state, Event(type=reply.type, causation_id=state.command.id))


class AnyReply(Orchestrator):
    def _on_event(self, event):
        for id in list(self._sagas):
            self._decide(id, lambda state: self.saga.replied(state, event))


def wrong_ways():
    steps = shop_saga().steps
    return {"no inbox": {"service": NoInbox}, "no tombstone": {"service": NoTombstone},
            "a new id": {"kind": NewId}, "no clock": {"kind": NoClock}, "forgets": {"kind": Forgets},
            "forward": {"saga": Forward("order", steps)}, "skips": {"saga": SkipsTheUnknown("order", steps)},
            "any reply": {"saga": TakesAnyReply("order", steps), "kind": AnyReply}}


@pytest.mark.parametrize("way", wrong_ways())
def test_a_wrong_program_is_found_by_the_same_look(way):
    found, away = [], [Fault("crash", "courier@received", 1, 40.0)]  # until the action and its undo come at once
    for seed in range(400):
        scenario = list(SCENARIOS)[seed % len(SCENARIOS)]
        _, shop = live(scenario, away if way == "no tombstone" else STORM, seed, **wrong_ways()[way])
        found = shop.complaints() if way == "no clock" else shop.complaints() or helped(shop)
        if found:
            break
    assert found, seed


def test_a_look_at_moves_accuses_what_is_wrong_and_nothing_else():
    done = [(step, False) for step in NAMES]
    assert prefixes_at_fault(done) == prefixes_at_fault([]) == []
    assert prefixes_at_fault([*done[:2], ("authorise", True), ("reserve", True)]) == []
    for wrong in ([done[0], done[0]], [done[1]], [*done[:2], ("reserve", True)], [("reserve", True)]):
        assert prefixes_at_fault(wrong)


# --------------------------------------------------------------------------------------------- on one machine


def asks(type):
    return lambda state: Event(type=type, data={"order": state["order"]}, source="shop")


ANSWERS = {"ReserveStock": "StockReserved", "ReleaseStock": "StockReleased", "ChargeCard": "CardCharged",
           "ShipParcel": "ParcelShipped"}


def three_steps(name="order", timeout=5.0, attempts=3, **actions):
    retry = Retry(attempts=attempts, first=0.0)
    return Saga(name, [
        Step("reserve", actions.get("reserve", asks("ReserveStock")), asks("ReleaseStock"), timeout, retry,
             refused="OutOfStock"),
        Step("pay", actions.get("pay", asks("ChargeCard")), None, timeout, retry, "pivot", "CardDeclined"),
        Step("ship", asks("ShipParcel"), None, timeout, retry, "retriable")])


class Desk:
    """An orchestrator and a service that answers at once, or not at all, in this process."""

    def __init__(self, path=":memory:", answers=ANSWERS, **options):
        self.env = options.pop("env", None) or Real()
        self.answers, self.commands = dict(answers), []
        self.bus = Bus(self.env)
        self.bus.subscribe("#", self.serve, name="services")
        self.store = EventStore(path, self.env)
        self.saga = options.pop("saga", None) or three_steps()
        self.options = options
        self.open()

    def open(self):
        self.orchestrator = Orchestrator(self.store, self.bus, self.saga, self.env, **self.options)
        return self.orchestrator

    def serve(self, event):
        if event.type in ANSWERS:
            self.commands.append(event)
            if event.type in self.answers:
                self.bus.publish(event.caused(self.answers[event.type], {}, source="services"))

    @property
    def sent(self):
        return [command.type for command in self.commands]

    def events(self, id="1"):
        return [recorded.event.type for recorded in self.store.read(f"order-{id}")]


def test_when_all_answer_at_once_a_saga_is_completed_when_start_returns():
    desk = Desk()
    state = desk.orchestrator.start("1", {"order": 1})
    assert state.id == "1" and desk.orchestrator.state("1").phase == "completed"
    assert desk.sent == ["ReserveStock", "ChargeCard", "ShipParcel"]
    assert desk.orchestrator.open() == desk.orchestrator.parked() == []
    assert repr(desk.orchestrator) == "Orchestrator('order', 0 open, 0 of them parked)"


def test_the_same_id_again_is_the_same_saga():
    desk = Desk(answers={})
    for _ in range(2):
        assert desk.orchestrator.start("1", {"order": 1}).phase == "running"
    assert desk.sent == ["ReserveStock"] and desk.orchestrator.open() == ["1"]
    with pytest.raises(InvalidUse, match="started with other data"):
        desk.orchestrator.start("1", {"order": 2})


def test_a_saga_that_an_event_began_is_one_tree_with_it():
    desk = Desk()
    tracer = Tracer(desk.bus)
    placed = Event(type="CartSent", source="web").caused("OrderPlaced", {"order": 1}, source="shop")
    desk.bus.subscribe("order.placed", lambda event: desk.orchestrator.start("1", event.data, cause=event), name="desk")
    desk.bus.publish(placed)
    first = next(desk.store.read("order-1")).event
    assert (first.causation_id, first.correlation_id) == (placed.id, placed.correlation_id)
    assert str(tracer.trace(placed.correlation_id)) == """\
OrderPlaced  shop   (its cause was not heard)
└─ ReserveStock  shop
   └─ StockReserved  services
      └─ ChargeCard  shop
         └─ CardCharged  services
            └─ ShipParcel  shop
               └─ ParcelShipped  services"""


def test_the_cause_is_in_the_stream_and_an_undo_after_silence_has_it_too():
    desk = Desk(answers={}, saga=three_steps(timeout=0.001, attempts=1))
    placed = Event(type="OrderPlaced", source="shop")
    desk.orchestrator.start("1", {"order": 1}, cause=placed)
    again = desk.open()
    desk.env.drive()
    assert desk.sent[-1] == "ReleaseStock" and again.parked()
    assert {(command.causation_id, command.correlation_id) for command in desk.commands} == {(placed.id, placed.id)}
    with pytest.raises(InvalidUse, match="is no cause"):
        desk.orchestrator.start("2", {"order": 2}, cause="OrderPlaced")


def test_a_reply_that_nobody_knows_parks_the_saga_once_and_is_kept():
    steps = three_steps().steps
    desk = Desk(answers=ANSWERS | {"ChargeCard": "CardChargd"}, saga=Saga("order", [
        steps[0], dataclasses.replace(steps[1], done="CardCharged"), steps[2]]))
    desk.orchestrator.start("1", {"order": 1})
    (parked,) = desk.orchestrator.parked()
    assert str(parked) == "1 at pay: pay answered with CardChargd: nobody knows what that means"
    before = desk.events()
    desk.bus.publish(desk.commands[-1].caused("CardChargd"))
    assert desk.events() == before and desk.sent == ["ReserveStock", "ChargeCard"] and not desk.bus.dead_letters
    desk.answers = ANSWERS
    desk.open().retry("1")
    assert desk.orchestrator.state("1").phase == "completed" and desk.sent.count("ChargeCard") == 2


def test_what_start_returns_does_not_move_by_itself():
    desk = Desk(answers={})
    state = desk.orchestrator.start("1", {"order": 1})
    desk.bus.publish(desk.commands[0].caused("StockReserved"))
    assert (state.at, desk.orchestrator.state("1").at) == (0, 1)


def test_a_late_answer_sets_a_parked_saga_going():
    desk = Desk(answers={"ReserveStock": "StockReserved"}, saga=three_steps(timeout=0.001, attempts=2))
    desk.orchestrator.start("1", {"order": 1})
    desk.env.drive()
    (parked,) = desk.orchestrator.parked()
    assert str(parked) == "1 at pay: pay did not answer: nobody knows its outcome"
    assert [command.id for command in desk.commands[1:]] == [desk.commands[1].id] * 2, "the same command, twice"
    desk.answers = ANSWERS
    desk.bus.publish(desk.commands[1].caused("CardCharged"))
    assert desk.orchestrator.state("1").phase == "completed" and desk.orchestrator.parked() == []


def parked_at_ship(**options):
    """A saga that is parked behind its pivot, as nobody ships."""
    desk = Desk(answers={name: ANSWERS[name] for name in ("ReserveStock", "ChargeCard", "ReleaseStock")},
                saga=three_steps(timeout=0.001, attempts=1), **options)
    desk.orchestrator.start("1", {"order": 1})
    desk.env.drive()
    assert [one.step for one in desk.orchestrator.parked()] == ["ship"]
    return desk


def test_retry_sends_the_step_once_and_ends_once():
    desk = parked_at_ship()
    desk.answers = ANSWERS
    desk.orchestrator.retry("1")
    assert desk.sent == ["ReserveStock", "ChargeCard", "ShipParcel", "ShipParcel"]
    assert desk.events()[-4:] == ["SagaTakenUp", "CommandSent", "StepDone", "SagaCompleted"]
    assert desk.events().count("SagaCompleted") == 1


def test_retry_of_a_service_that_is_still_silent_parks_it_again():
    desk = parked_at_ship()
    desk.orchestrator.retry("1")
    desk.env.drive()
    assert [one.step for one in desk.orchestrator.parked()] == ["ship"]


def test_a_parked_saga_is_listed_after_a_restart_and_its_late_answer_is_heard():
    desk = parked_at_ship()
    command = desk.commands[-1]
    orchestrator = desk.open()
    assert [one.id for one in orchestrator.parked()] == orchestrator.open() == ["1"]
    desk.env.drive()
    assert len(desk.commands) == 3, "it sends nothing until a person says so"
    desk.bus.publish(command.caused("ParcelShipped"))
    assert orchestrator.state("1").phase == "completed" and orchestrator.open() == []


def test_a_person_settles_what_is_parked():
    desk = parked_at_ship()
    assert desk.orchestrator.settle("1", True, "the courier has it, asked by Ann", {"parcel": 5}).phase == "completed"
    assert desk.orchestrator.state("1").data["ship"] == {"parcel": 5}
    kept = [recorded.event for recorded in desk.store.read("order-1") if recorded.event.type == "PersonDecided"]
    assert kept[0].data["note"] == "the courier has it, asked by Ann"


@pytest.mark.parametrize("use, text", [
    (lambda o: o.settle("1", False, "no"), "ship has to be done, and is not"),
    (lambda o: o.settle("1", "yes", "asked"), "says not what was found"),
    (lambda o: o.settle("1", True, ""), "says not what was found"),
    (lambda o: o.settle("1", True, "asked", "5"), "says not what was found"),
    (lambda o: o.settle("2", True, "asked"), "there is no saga order-2"), (lambda o: o.retry("2"), "no saga order-2"),
    (lambda o: o.state("2"), "there is no saga order-2"), (lambda o: o.start("1", None), "with other data"),
    (lambda o: o.start(5, {}), "no id of a saga"), (lambda o: o.start("", {}), "no id of a saga"),
    (lambda o: o.start("3", []), "no input"), (lambda o: o.start("3", {"pay": 1}), "has a key 'pay'"),
    (lambda o: o.start("3", {}), "the action of reserve failed")])
def test_a_call_that_leads_nowhere_is_refused_and_changes_nothing(use, text):
    desk = parked_at_ship()
    before = desk.store.position
    with pytest.raises((InvalidUse, StepBroken), match=text):
        use(desk.orchestrator)
    assert desk.store.position == before and desk.orchestrator.open() == ["1"]


@pytest.mark.parametrize("call", ["retry", "settle"])
def test_what_is_not_parked_is_left_alone(call):
    desk = Desk(answers={})
    desk.orchestrator.start("1", {"order": 1})
    with pytest.raises(InvalidUse, match="order-1 is running, not parked"):
        desk.orchestrator.retry("1") if call == "retry" else desk.orchestrator.settle("1", True, "asked")


@pytest.mark.parametrize("arguments, options, text", [
    ((None, Bus(), three_steps()), {}, "needs a store, a bus and a saga"),
    ((Database(), Bus(), three_steps()), {}, "needs a store"), ((EventStore(), None, three_steps()), {}, "a bus"),
    ((EventStore(), Bus(), [Step("a", asks("A"))]), {}, "a saga"),
    ((EventStore(), Bus(), three_steps()), {"env": 5}, "is no Env"),
    ((EventStore(), Bus(), three_steps()), {"linger": -1}, "no time to wait for"),
    ((EventStore(), Bus(), three_steps()), {"linger": "now"}, "no time to wait for")])
def test_an_orchestrator_that_cannot_work_is_refused(arguments, options, text):
    with pytest.raises(InvalidUse, match=text):
        Orchestrator(*arguments, **options)


def test_a_stream_of_somebody_else_is_not_taken_for_a_saga():
    """The shop keeps its orders in the same store, and calls them as the saga does."""
    desk = Desk()
    desk.store.append("order-7", Event(type="OrderPlaced", source="shop"))
    for use in (lambda: desk.orchestrator.start("7", {"order": 7}), lambda: desk.orchestrator.state("7")):
        with pytest.raises(InvalidUse, match="the stream order-7 is not of this saga"):
            use()
    assert desk.sent == []


def test_a_step_whose_code_fails_is_parked_and_goes_on_when_it_is_mended():
    broken = [True]

    def pay(state):
        if broken:
            raise KeyError("receipt")
        return asks("ChargeCard")(state)

    desk = Desk(saga=three_steps(pay=pay))
    desk.orchestrator.start("1", {"order": 1})
    (parked,) = desk.orchestrator.parked()
    assert (parked.step, parked.undoing) == ("pay", False) and "KeyError: 'receipt'" in parked.why
    assert desk.bus.dead_letters == [], "the reply was heard and kept"
    broken.clear()
    desk.orchestrator.retry("1")
    assert desk.orchestrator.state("1").phase == "completed" and desk.sent.count("ReserveStock") == 1


def test_a_disk_that_fails_makes_no_storm_and_silence_mends_it(monkeypatch):
    """A reply that cannot be written down is lost; the clock runs on, and the same command is sent again."""
    desk = Desk(saga=three_steps(timeout=0.001))
    append, calls = desk.store.append_all, []

    def full(appends):
        calls.append(appends)
        if 2 <= len(calls) <= 3:
            raise DiskFull("the disk is full")
        return append(appends)

    monkeypatch.setattr(desk.store, "append_all", full)
    desk.orchestrator.start("1", {"order": 1})
    assert desk.sent == ["ReserveStock"] and len(calls) == 2
    with pytest.raises(DiskFull):  # the note of the silence cannot be written either; the next one can
        desk.env.drive()
    desk.env.drive()
    assert desk.orchestrator.state("1").phase == "completed"
    assert {command.id for command in desk.commands if command.type == "ReserveStock"} == {desk.commands[0].id}


# ---------------------------------------------------------------------------------------------------- many at once


def test_what_is_started_together_is_one_transaction_and_sent_afterwards():
    desk = Desk()
    before = desk.store.db.commits
    with desk.orchestrator.together():
        for number in range(50):
            desk.orchestrator.start(str(number), {"order": number})
        assert desk.sent == [] and desk.store.db.commits == before
    assert desk.orchestrator.open() == [] and desk.sent.count("ShipParcel") == 50


def test_a_saga_that_has_ended_leaves_nothing_in_memory():
    desk = Desk()
    desk.orchestrator.start("1", {"order": 1})
    orchestrator = desk.orchestrator
    assert not (orchestrator._sagas or orchestrator._asked or orchestrator._timers or orchestrator._changed)
    assert not (orchestrator._unwritten or orchestrator._moved)


def test_what_happens_together_is_one_append(monkeypatch):
    desk, calls = Desk(answers={}), []
    append = desk.store.append_all
    monkeypatch.setattr(desk.store, "append_all", lambda appends: calls.append(len(appends)) or append(appends))
    with desk.orchestrator.together():
        for number in range(20):
            desk.orchestrator.start(str(number), {"order": number})
    commands = desk.commands[:]
    with desk.orchestrator.together():
        for command in commands:
            desk.bus.publish(command.caused("StockReserved"))
            desk.bus.publish(command.caused("StockReserved"))
    assert calls == [20, 20] and desk.sent.count("ChargeCard") == 20
    assert desk.events("7") == ["SagaStarted", "CommandSent", "StepDone", "CommandSent"]


def test_what_is_started_together_can_be_looked_at_before_its_end():
    desk = Desk(answers={})
    with desk.orchestrator.together():
        desk.orchestrator.start("1", {"order": 1})
        desk.orchestrator.start("2", {"order": 2})
        assert desk.orchestrator.state("2").data == {"order": 2} and desk.orchestrator.open() == ["1", "2"]
        assert desk.orchestrator.start("1", {"order": 1}).phase == "running"
    assert desk.sent == ["ReserveStock"] * 2 and desk.events("1") == ["SagaStarted", "CommandSent"]
    with pytest.raises(InvalidUse, match="started with other data"), desk.orchestrator.together():
        desk.orchestrator.start("3", {"order": 3})
        desk.orchestrator.start("3", {"order": 4})
    assert desk.orchestrator.open() == ["1", "2"] and desk.sent == ["ReserveStock"] * 2


def test_the_lists_of_open_and_parked_sagas_know_what_has_happened_together_so_far():
    desk = parked_at_ship()
    orchestrator = desk.orchestrator
    with orchestrator.together():
        orchestrator.start("2", {"order": 2})
        assert orchestrator.open() == ["1", "2"]
        orchestrator.retry("1")
        assert orchestrator.parked() == []
        desk.bus.publish(desk.commands[-1].caused("ParcelShipped"))
        assert orchestrator.open() == ["2"]


def test_what_follows_twice_on_one_saga_together_is_written_in_its_order():
    desk = parked_at_ship()
    with desk.orchestrator.together():
        desk.orchestrator.retry("1")
        desk.bus.publish(desk.commands[-1].caused("ParcelShipped"))
        assert desk.events()[-1] == "SagaParked", "it is written at the end"
    assert desk.events()[-4:] == ["SagaTakenUp", "CommandSent", "StepDone", "SagaCompleted"]
    assert desk.sent.count("ShipParcel") == 1, "it has ended before its command was sent again"


def test_if_something_fails_inside_of_together_nothing_was_started():
    desk = Desk(answers={})
    with pytest.raises(ZeroDivisionError), desk.orchestrator.together():
        desk.orchestrator.start("1", {"order": 1})
        raise ZeroDivisionError
    assert desk.sent == desk.orchestrator.open() == [] and desk.store.position == 0 and not desk.orchestrator._moved
    desk.orchestrator.start("1", {"order": 1})
    assert desk.sent == ["ReserveStock"]


def test_an_interrupt_inside_of_together_leaves_memory_and_store_in_agreement():
    desk = Desk(answers={})
    desk.orchestrator.start("1", {"order": 1})
    with pytest.raises(KeyboardInterrupt), desk.orchestrator.together():
        desk.bus.publish(desk.commands[0].caused("OutOfStock"))
        raise KeyboardInterrupt
    assert desk.orchestrator.open() == ["1"]
    desk.bus.publish(desk.commands[0].caused("OutOfStock"))
    assert desk.orchestrator.state("1").phase == "compensated"


def in_a_world(sagas, seed=3, faults=None, **options):
    """So many sagas at once, and services that answer each in a message. Returns the orchestrator."""
    world = World(seed, faults)
    bus, made = Bus(world, node="bus" if faults else "orchestrator"), []

    def serve(event):
        bus.publish(event.caused(ANSWERS[event.type], {}, source="services"))

    for type in ANSWERS:
        bus.subscribe(Event(type=type).routing_key, serve, name="services")

    def boot():
        store = EventStore("sagas.db", world, node="orchestrator")
        made[:] = [Orchestrator(store, bus, three_steps(), world, **options)]
        with made[0].together():
            for number in range(sagas):
                made[0].start(str(number), {"order": number})

    world.node("orchestrator", boot)
    world.run(until=60)
    world.calm().run(until=300)
    return made[0]


def test_replies_that_are_gathered_share_a_commit():
    one_by_one, gathered = (in_a_world(40, linger=linger) for linger in (None, 0.02))
    assert one_by_one.open() == gathered.open() == []
    assert one_by_one.store.position == gathered.store.position == 40 * 8
    assert gathered.store.db.commits * 4 < one_by_one.store.db.commits


@pytest.mark.parametrize("linger", [None, 0.05])
def test_many_at_once_all_end_whatever_fails(linger, amount):
    """SAGA-2: twenty sagas, answers one by one or gathered, with faults of all kinds, then calm."""
    phases = collections.Counter()
    for seed in range(amount(8, 1000)):
        orchestrator = in_a_world(20, seed, STORM, linger=linger)
        parked = {one.id for one in orchestrator.parked()}
        assert set(orchestrator.open()) == parked, seed
        for number in range(20):
            phases[orchestrator.state(str(number)).phase] += 1
    assert set(phases) <= {"completed", "compensated", "parked"} and phases["completed"] > 20, phases


def test_a_reply_that_spoils_the_transaction_of_all_does_not_take_the_others_along(monkeypatch):
    evolve = Saga.evolve

    def poisoned(self, state, event):
        if state.id == "3" and event.type == "StepDone":
            raise InvalidUse("this one cannot be written")
        return evolve(self, state, event)

    monkeypatch.setattr(Saga, "evolve", poisoned)
    orchestrator = in_a_world(6, linger=0.02)
    assert orchestrator.open() == [] and orchestrator.state("3").phase == "compensated"
    assert all(orchestrator.state(id).phase == "completed" for id in "01245")
    assert {letter.event.type for letter in orchestrator.bus.dead_letters} == {"StockReserved"}


def test_a_new_orchestrator_takes_up_all_that_is_open():
    desk = Desk(answers={})
    with desk.orchestrator.together():
        for number in range(20):
            desk.orchestrator.start(str(number), {"order": number})
    first = [command.id for command in desk.commands]
    desk.answers = ANSWERS
    desk.open()
    assert desk.orchestrator.open() == []
    assert {command.id for command in desk.commands if command.type == "ReserveStock"} == set(first)
    assert desk.orchestrator.resume() == 0


def test_sagas_of_two_kinds_share_a_store():
    desk = Desk(answers={})
    other = Orchestrator(desk.store, desk.bus, three_steps("refund"))
    desk.orchestrator.start("1", {"order": 1})
    other.start("1", {"order": 2})
    assert desk.orchestrator.state("1").data == {"order": 1} and other.state("1").data == {"order": 2}
    assert desk.orchestrator.open() == other.open() == ["1"]
    for command in desk.commands[:]:
        desk.bus.publish(command.caused("StockReserved"))
    assert desk.orchestrator.state("1").at == other.state("1").at == 1, "each hears its own replies"


# ------------------------------------------------------------------------------------------- several orchestrators


@pytest.fixture
def folder():
    with fast_folder() as folder:
        yield folder


def test_two_orchestrators_on_one_store_run_each_saga_to_one_end(folder):
    first, second = (Desk(folder / "sagas.db", answers={}) for _ in range(2))
    first.orchestrator.start("1", {"order": 1})
    assert second.orchestrator.start("1", {"order": 1}).phase == "running" and second.sent == []
    assert second.orchestrator.open() == ["1"] and second.orchestrator.resume() == 1
    assert second.commands == first.commands, "the very same command"
    first.answers = second.answers = ANSWERS
    first.bus.publish(first.commands[0].caused("StockReserved"))
    assert first.orchestrator.state("1").phase == second.orchestrator.state("1").phase == "completed"
    second.bus.publish(second.commands[0].caused("StockReserved"))
    assert first.events() == ["SagaStarted", *["CommandSent", "StepDone"] * 3, "SagaCompleted"]
    assert second.orchestrator.open() == [] and not second.bus.dead_letters


def test_silence_that_two_orchestrators_hear_counts_once(folder):
    """Both have set a clock for the same command; the second finds that the first was there."""
    saga = three_steps(timeout=0.02, attempts=2)
    first, second = (Desk(folder / "sagas.db", answers={}, saga=saga) for _ in range(2))
    first.orchestrator.start("1", {"order": 1})
    second.orchestrator.resume()
    first.env.drive(lambda: "StepUnanswered" in first.events())
    second.env.drive(lambda: second.events().count("CommandSent") > 1)
    assert second.events().count("StepUnanswered") == 1


def test_a_parked_saga_is_seen_by_both_and_taken_up_by_either(folder):
    first = parked_at_ship(path=folder / "sagas.db")
    second = Desk(folder / "sagas.db", saga=first.saga)
    assert second.orchestrator.parked() == first.orchestrator.parked()
    second.orchestrator.retry("1")
    assert first.orchestrator.parked() == [] and first.orchestrator.state("1").phase == "completed"
    with pytest.raises(InvalidUse, match="completed, not parked"):
        first.orchestrator.retry("1")


def test_a_saga_that_another_has_taken_up_and_left_is_taken_up_again(folder):
    """It is parked in the memory of the first; the second goes on with it, and is gone before an answer comes."""
    first = parked_at_ship(path=folder / "sagas.db")
    second = Desk(folder / "sagas.db", saga=first.saga, answers={})
    second.orchestrator.retry("1")
    first.answers = ANSWERS
    first.orchestrator.resume()
    assert first.orchestrator.state("1").phase == "completed"


def test_what_another_has_decided_meanwhile_is_decided_anew(folder, monkeypatch):
    first, second = (Desk(folder / "sagas.db", answers={}) for _ in range(2))
    first.orchestrator.start("1", {"order": 1})
    second.orchestrator.resume()
    append, met = first.store.append_all, []

    def late(appends):
        try:
            return append(appends)
        except WrongExpectedVersion as error:
            met.append(error.stream)
            raise

    monkeypatch.setattr(first.store, "append_all", late)
    second.bus.publish(second.commands[0].caused("OutOfStock"))
    first.bus.publish(first.commands[0].caused("StockReserved"))
    assert met == ["order-1"] and first.orchestrator.state("1").phase == "compensated"
    assert first.sent == ["ReserveStock"] and not first.bus.dead_letters


def test_of_what_happens_together_nothing_is_written_if_another_was_there_meanwhile(folder):
    """The clock sends again what is open then."""
    first, second = (Desk(folder / "sagas.db", answers={}) for _ in range(2))
    with first.orchestrator.together():
        for number in range(3):
            first.orchestrator.start(str(number), {"order": number})
    second.orchestrator.resume()
    second.bus.publish(second.commands[1].caused("OutOfStock"))
    before = first.store.position
    with pytest.raises(WrongExpectedVersion, match="order-1 is at version 4"), first.orchestrator.together():
        for command in first.commands[:3]:
            first.bus.publish(command.caused("StockReserved"))
    assert first.store.position == before and first.orchestrator.open() == ["0", "2"]
    assert set(first.orchestrator._sagas) == {"0", "2"} and len(first.commands) == 3
    for command in first.commands[:3]:
        first.bus.publish(command.caused("StockReserved"))
    assert [first.orchestrator.state(id).at for id in "02"] == [1, 1] and not first.bus.dead_letters


def test_an_answer_counts_though_another_has_noted_a_silence_meanwhile(folder):
    first, second = (Desk(folder / "sagas.db", answers={}, saga=three_steps(timeout=0.02)) for _ in range(2))
    first.orchestrator.start("1", {"order": 1})
    second.orchestrator.resume()
    second.env.drive(lambda: "StepUnanswered" in second.events())
    first.bus.publish(first.commands[0].caused("StockReserved"))
    assert first.orchestrator.state("1").at == 1


def test_two_processes_on_one_store_and_one_inbox(folder):
    """SAGA-1: both start the same sagas and take up each other's; each effect happens once, each saga ends once."""
    children = [start_child(run_sagas, folder / "sagas.db", folder / "services.db", 40) for _ in range(2)]
    for _, pipe in children:
        assert pipe.poll(60) and pipe.recv() == "done"
    for child, _ in children:
        child.join(20)
        assert child.exitcode == 0
    with EventStore(folder / "sagas.db") as store, Database(folder / "services.db") as db:
        for stream in store.streams():
            events = [recorded.event.type for recorded in store.read(stream)]
            assert events == ["SagaStarted", *["CommandSent", "StepDone"] * 3, "SagaCompleted"]
        assert len(store.streams()) == 40
        rows = db.rows("SELECT saga, step, count(*) FROM effects GROUP BY saga, step")
        assert len(rows) == 120 and {count for _, _, count in rows} == {1}


def test_the_points_of_an_orchestrator_are_passed():
    """SAGA-1: the crashes above strike between writing down and sending, and inside of the transaction."""
    world, _ = live("all answer")
    assert {site for site in world.points if site.startswith("orchestrator")} >= {
        "orchestrator@appending", "orchestrator@appended", "orchestrator@decided"}
    assert {site for site in world.points if site.startswith("bank")} >= {
        f"bank@{point}" for point in ("received", "marked", "handled once", "published", "struck out", "handled")}


def test_sending_before_writing_sends_what_was_never_decided():
    """SAGA-1: with a crash before the commit, a command goes out that no stream knows."""
    def unknown(kind):
        for number in itertools.count(1):
            world, shop = live("all answer", [Fault("crash", "orchestrator@appending", number, 0.5)], kind=kind)
            if not world.struck_by:
                return False
            heard = {id for service in shop.services for id, in Database("service.db", world, service.name).rows(
                "SELECT command FROM answers")}
            events = [recorded.event for recorded in EventStore("sagas.db", world, node="orchestrator").read_all()]
            written = {Event.from_json(event.data["command"]).id for event in events if "command" in event.data}
            if heard - written:
                return True

    assert unknown(SendsFirst) and not unknown(Orchestrator)
