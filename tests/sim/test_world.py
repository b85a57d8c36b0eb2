"""The World's clock, its order, its processes, and what it hands to patterns."""

from __future__ import annotations

import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlab import Event, Later, Signal, Timeout, World
from evlab.env import ambient
from evlab.errors import InvalidUse, Unreachable


def order_of(seed, names="abcdefgh", delay=1.0):
    """In which order processes that wake at one instant run."""
    world, order = World(seed), []

    def process(name):
        yield delay
        order.append(name)

    for name in names:
        world.spawn(process(name), "shop")
    world.run()
    return "".join(order)


# ------------------------------------------------------------------------------------------- clock and order


def test_the_clock_stands_at_zero_and_goes_to_what_is_due():
    world, times = World(), []
    assert world.now() == 0.0
    for delay in (2.5, 0.5, 1.0):
        world.after(delay, lambda: times.append(world.now()))
    assert world.run() is world
    assert times == [0.5, 1.0, 2.5] and world.now() == 2.5


def test_run_until_stops_there_and_goes_on_later():
    world, called = World(), []
    for delay in (1, 2, 3):
        world.after(delay, lambda delay=delay: called.append(delay))
    world.run(until=2)
    assert called == [1, 2] and world.now() == 2.0
    world.run(until=2.5)
    assert called == [1, 2] and world.now() == 2.5
    world.run()
    assert called == [1, 2, 3] and world.now() == 3.0


def test_run_until_a_time_that_is_over_changes_nothing():
    world = World()
    world.run(until=5)
    world.after(1, lambda: None)
    world.run(until=2)
    assert world.now() == 5.0
    assert world.run().now() == 6.0


@pytest.mark.parametrize("until", [math.nan, math.inf, -1, "5", [5], {}, 1j])
def test_run_until_no_time_is_refused(until):
    with pytest.raises(InvalidUse):
        World().run(until=until)


@given(st.lists(st.floats(0, 100), max_size=20))
def test_time_never_runs_backwards(delays):
    world, times = World(), []
    for delay in delays:
        world.after(delay, lambda: times.append(world.now()))
    world.run()
    assert times == sorted(delays)


@given(st.integers(-5, 1000))
def test_the_same_seed_orders_what_is_due_together_the_same(seed):
    assert order_of(seed) == order_of(seed)


def test_another_seed_orders_it_differently():
    orders = [order_of(seed) for seed in range(50)]
    assert len(set(orders)) > 45
    assert {order[0] for order in orders} == set("abcdefgh"), "each may be the first"


def test_every_order_of_three_is_found_by_searching_seeds():
    assert {order_of(seed, "abc") for seed in range(100)} == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_calls_for_one_instant_are_ordered_by_the_seed_too():
    def order(seed):
        world, called = World(seed), []
        for name in "abcd":
            world.after(1, lambda name=name: called.append(name))
        world.run()
        return "".join(called)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(30)}) > 10


@pytest.mark.parametrize("seed", ["1", 1.0, None, True])
def test_a_seed_is_an_int(seed):
    with pytest.raises(InvalidUse):
        World(seed)


@pytest.mark.parametrize("faults", [0.1, {"drop": 0.1}, []])
def test_faults_are_faults_or_a_plan(faults):
    with pytest.raises(InvalidUse):
        World(1, faults)


# --------------------------------------------------------------------------------------------------- processes


def test_a_process_waits_for_seconds():
    world, times = World(), []

    def process():
        for delay in (1, 0.5, 0):
            yield delay
            times.append(world.now())

    world.spawn(process(), "shop")
    world.run()
    assert times == [1.0, 1.5, 1.5]


def test_a_spawned_process_starts_at_run_not_before():
    world, started = World(), []

    def process():
        started.append(world.now())
        yield 0

    world.spawn(process(), "shop")
    assert started == []
    world.run()
    assert started == [0.0]


def test_a_process_ends_with_a_value():
    world = World()

    def process():
        yield 1
        return "end"

    finished = world.spawn(process(), "shop")
    assert not finished.done
    world.run()
    assert finished.value == "end"


def test_yielding_a_later_gives_its_value_or_raises_its_error():
    world, later, failed, got = World(), Later(), Later(), []

    def process():
        got.append((yield later))
        try:
            yield failed
        except KeyError:
            got.append(("failed", world.now()))
        got.append((yield Later.of("done already")))

    world.spawn(process(), "shop")
    world.after(1, lambda: later.resolve("value"))
    world.after(2, lambda: failed.fail(KeyError()))
    world.run()
    assert got == ["value", ("failed", 2.0), "done already"]


def test_a_signal_wakes_every_process_that_waits_for_it():
    world, signal, woken = World(), Signal(), []

    def process(name):
        woken.append((name, (yield signal), world.now()))

    for name in "ab":
        world.spawn(process(name), "shop")
    world.after(1, lambda: signal.fire("now"))
    world.run()
    assert sorted(woken) == [("a", "now", 1.0), ("b", "now", 1.0)]


def test_between_a_look_and_the_yield_no_firing_is_missed():
    for seed in range(20):
        world, signal, box, got = World(seed), Signal(), [], []

        def consumer(signal=signal, box=box, got=got):
            while len(got) < 5:
                while not box:
                    yield signal
                got.append(box.pop(0))

        def producer(signal=signal, box=box):
            for number in range(5):
                box.append(number)
                signal.fire()
                if number % 2:
                    yield 0

        world.spawn(consumer(), "shop")
        world.spawn(producer(), "shop")
        world.run()
        assert got == [0, 1, 2, 3, 4]


def test_a_process_can_be_made_of_smaller_ones():
    world = World()

    def inner(delay):
        yield delay
        return delay * 2

    def outer():
        return (yield from inner(1)) + (yield from inner(2))

    finished = world.spawn(outer(), "shop")
    world.run()
    assert finished.value == 6 and world.now() == 3.0


def test_a_process_can_wait_for_another():
    world = World()

    def child():
        yield 2
        return "child"

    def parent():
        return (yield world.spawn(child())), world.now()

    finished = world.spawn(parent(), "shop")
    world.run()
    assert finished.value == ("child", 2.0)


def test_the_error_of_a_child_is_thrown_into_who_waits_for_it():
    world = World()

    def child():
        yield 1
        raise KeyError("child")

    def parent():
        try:
            yield world.spawn(child())
        except KeyError:
            return "caught"

    finished = world.spawn(parent(), "shop")
    world.run()
    assert finished.value == "caught"


def test_an_error_that_nobody_waits_for_comes_out_of_run():
    world, after = World(), []

    def process():
        yield 1
        raise KeyError("mine")

    world.spawn(process(), "shop")
    world.after(2, lambda: after.append("goes on"))
    with pytest.raises(KeyError, match="mine"):
        world.run()
    assert [(e.node, e.what) for e in world.history] == [("shop", "raises KeyError")]
    world.run()
    assert after == ["goes on"], "the world can go on"


def test_an_error_of_a_call_comes_out_of_run():
    world = World()
    world.after(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.run()


def test_a_call_that_raises_stop_iteration_is_no_end_of_a_process():
    world = World()
    world.after(1, lambda: next(iter(())))
    with pytest.raises(StopIteration):
        world.run()


def test_an_error_of_a_handler_of_a_sent_message_comes_out_of_run():
    world = World()

    def handle(message):
        raise KeyError(message)

    def shop():
        world.send("email", "x")
        yield 0

    world.listen("email", handle)
    world.spawn(shop(), "shop")
    with pytest.raises(KeyError):
        world.run()
    assert (world.history[-1].node, world.history[-1].what) == ("email", "raises KeyError")


def test_a_timer_that_is_cancelled_never_calls():
    world, called = World(), []
    timer = world.after(1, lambda: called.append("cancelled"))
    timer.cancel()
    timer.cancel()
    world.after(2, lambda: called.append("called"))
    world.run()
    timer.cancel()
    assert called == ["called"]


def test_something_that_never_rests_is_stopped_after_its_steps():
    world = World()

    def process():
        while True:
            yield 0

    world.spawn(process(), "shop")
    with pytest.raises(InvalidUse, match="still busy after 1,000 steps"):
        world.run(steps=1000)


def test_exactly_enough_steps_are_enough():
    world = World()
    for delay in (1, 2, 3):
        world.after(delay, lambda: None)
    world.run(steps=3)
    for delay in (1, 2, 9):
        world.after(delay, lambda: None)
    world.run(until=6, steps=2)
    assert world.now() == 6.0


def test_run_inside_run_is_refused():
    world = World()

    def process():
        world.run()
        yield 0

    world.spawn(process(), "shop")
    with pytest.raises(InvalidUse, match="running already"):
        world.run()
    world.run()


def test_waiting_in_a_process_without_yield_from_is_noticed():
    world = World()

    def helper():
        yield 1

    def process():
        yield helper()

    world.spawn(process(), "shop")
    with pytest.raises(InvalidUse, match="generator"):
        world.run()


# -------------------------------------------------------------------------------------------------- messages


def test_between_nodes_a_message_takes_time_and_on_one_node_none():
    world, got = World(), []

    def shop():
        world.send("shop", "to myself")
        assert got == [("shop", "to myself", 0.0)]
        world.send("email", "to another")
        assert len(got) == 1
        yield 0

    for node in ("shop", "email"):
        world.listen(node, lambda message, node=node: got.append((node, message, world.now())))
    world.spawn(shop(), "shop")
    world.run()
    assert got[1][:2] == ("email", "to another") and 0.005 <= got[1][2] <= 0.015


def test_the_experimenter_stands_everywhere():
    world = World()
    world.listen("email", lambda message: message * 2)
    assert world.ask("email", 21).value == 42
    assert len(world.history) == 0, "no message travelled"


def test_ask_gives_the_answer_of_the_listener():
    world = World()
    world.listen("email", lambda message: message * 2)

    def shop():
        return (yield world.ask("email", 21)), world.now()

    finished = world.spawn(shop(), "shop")
    world.run()
    answer, time = finished.value
    assert answer == 42 and 0.01 <= time <= 0.03
    assert [e.kind for e in world.history] == ["send", "deliver", "send", "deliver"]


def test_a_listener_that_takes_time_answers_when_it_ends():
    world = World()

    def handle(message):
        yield 0.3
        return world.now()

    def shop():
        return (yield world.ask("email", "x"))

    world.listen("email", handle)
    finished = world.spawn(shop(), "shop")
    world.run()
    assert finished.value >= 0.3


@pytest.mark.parametrize("target", ["shop", "email"])
def test_a_listener_of_a_sent_message_may_take_time_too(target):
    world, done = World(), []

    def handle(message):
        yield 0.3
        done.append((message, world.now() >= 0.3))

    def shop():
        world.send(target, "x")
        yield 0

    world.listen(target, handle)
    world.spawn(shop(), "shop")
    world.run()
    assert done == [("x", True)]


def test_a_listener_may_answer_with_a_later():
    world, later = World(), Later()
    world.listen("email", lambda message: later)
    world.after(0.5, lambda: later.resolve("later"))

    def shop():
        return (yield world.ask("email", "x"))

    finished = world.spawn(shop(), "shop")
    world.run()
    assert finished.value == "later" and world.now() >= 0.5


@pytest.mark.parametrize("takes_time", [False, True])
def test_the_error_of_a_listener_is_the_answer(takes_time):
    world = World()

    def handle(message):
        raise KeyError(message)

    def slow(message):
        yield 0.1
        raise KeyError(message)

    def shop():
        try:
            yield world.ask("email", "x")
        except KeyError as error:
            return error.args

    world.listen("email", slow if takes_time else handle)
    finished = world.spawn(shop(), "shop")
    world.run()
    assert finished.value == ("x",)


def test_no_answer_in_time_is_a_timeout_and_a_late_answer_changes_nothing():
    world, answers = World(), []

    def handle(message):
        yield 1.0
        return "late"

    def shop():
        answer = world.ask("email", "x", timeout=0.5)
        try:
            yield answer
        except Timeout as error:
            answers.append((error.node, error.seconds, world.now()))
        yield 2
        answers.append(type(answer.error).__name__)

    world.listen("email", handle)
    world.spawn(shop(), "shop")
    world.run()
    assert answers == [("email", 0.5, 0.5), "Timeout"]


def test_the_deadline_of_an_answered_ask_costs_no_time():
    world = World()
    world.listen("email", lambda message: "ok")

    def shop():
        yield world.ask("email", "x", timeout=60)

    world.spawn(shop(), "shop")
    assert world.run().now() < 0.05


@pytest.mark.parametrize("where", ["shop", "email"])
def test_nobody_listening_is_unreachable_also_from_afar(where):
    world = World()

    def shop():
        try:
            yield world.ask(where, "x", "no such port")
        except Unreachable as error:
            return error.node, error.port

    world.listen("email", print)
    finished = world.spawn(shop(), "shop")
    world.run()
    assert finished.value == (where, "no such port")


def test_link_is_a_direct_call_at_home_and_an_ask_elsewhere():
    world, kinds = World(), []
    for node in ("shop", "email"):
        world.listen(node, lambda message: message + 1, "add")
    to_shop, to_email = world.link("shop", "add"), world.link("email", "add")

    def shop():
        kinds.append(to_shop(1))
        kinds.append((yield to_email(5)))

    world.spawn(shop(), "shop")
    world.run()
    assert kinds == [2, 6]


# ---------------------------------------------------------------------------------------- ids, chance, ambient


def ids_of(seed=1, run="", node="shop", count=5):
    world, ids = World(seed, run=run), []

    def process():
        for _ in range(count):
            ids.append(world.new_id())
            yield 0.25

    world.spawn(process(), node)
    world.run()
    return ids


def test_ids_are_the_same_in_each_run_and_differ_by_seed_run_and_node():
    assert ids_of() == ids_of()
    every = [*ids_of(), *ids_of(seed=2), *ids_of(run="second"), *ids_of(node="email")]
    assert len(set(every)) == 20


def test_ids_are_uuids_of_version_7_that_carry_the_worlds_time():
    first, second, *_ = [uuid.UUID(one) for one in ids_of()]
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert (first.int >> 80, second.int >> 80) == (1_767_603_600_000, 1_767_603_600_250)


def test_ids_of_one_node_sort_by_age_also_within_an_instant():
    world = World()
    ids = [world.new_id("shop") for _ in range(10_000)]
    assert ids == sorted(ids) and len(set(ids)) == 10_000


def test_a_restart_does_not_repeat_an_id():
    world, ids = World(), []
    world.node("shop", lambda: ids.extend(world.new_id() for _ in range(3)))
    world.crash("shop")
    world.restart("shop")
    assert len(set(ids)) == 6


NAMES = st.sampled_from("abc")


@given(st.lists(NAMES, max_size=30), NAMES)
def test_a_draw_from_one_stream_never_shifts_another(draws, name):
    mixed, alone, got = World(5), World(5), []
    for drawn in draws:
        number = mixed.random(drawn).random()
        if drawn == name:
            got.append(number)
    assert got == [alone.random(name).random() for _ in got]


def test_streams_differ_by_name_seed_and_run():
    drawn = {World(seed, run=run).random(name).random() for seed in (1, 2) for run in ("", "x") for name in "ab"}
    assert len(drawn) == 8


def test_drawing_does_not_change_the_order_of_ties():
    def order(draw):
        world, called = World(3), []
        for name in "abcdefgh":
            world.after(1, lambda name=name: called.append(name))
            if draw:
                world.random("workload").random()
        world.run()
        return called

    assert order(False) == order(True)


def test_events_have_ids_and_times_of_the_world_that_runs():
    def events(seed):
        world, made = World(seed), []

        def shop():
            yield 1.5
            made.append(Event(type="OrderPlaced", source="shop"))

        world.spawn(shop(), "shop")
        world.run()
        return made[0].id, made[0].time.isoformat()

    assert events(1) == events(1) and events(1)[0] != events(2)[0]
    assert events(1)[1] == "2026-01-05T09:00:01.500000+00:00"


def test_with_world_makes_it_ambient_and_gives_back_what_was():
    world, other = World(1), World(2)
    with world:
        assert ambient.env is world
        with other:
            assert ambient.env is other
        assert ambient.env is world
    assert ambient.env is None


def test_boot_functions_and_direct_calls_make_the_worlds_events_too():
    def made():
        world, ids = World(1), []
        world.node("shop", lambda: ids.append(Event(type="Booted", source="shop").id))
        world.listen("email", lambda message: ids.append(Event(type="Sent", source="email").id))
        world.send("email", "x")
        return ids

    assert made() == made()
    assert ambient.env is None


def test_an_error_leaves_no_world_ambient():
    world = World()
    world.after(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.run()
    assert ambient.env is None


def test_sometimes_counts_what_was_true():
    world = World()
    world.sometimes("rare", False)
    world.sometimes("often")
    world.sometimes("often", True)
    assert world.reached == {"rare": 0, "often": 2}


def test_a_note_stands_on_the_timeline_of_its_node():
    world = World()

    def shop():
        yield 1
        world.note("thinking", 7)

    world.spawn(shop(), "shop")
    world.run()
    entry = world.history[0]
    assert (entry.kind, entry.node, entry.what, entry.value, entry.time) == ("note", "shop", "thinking", 7, 1.0)


@pytest.mark.parametrize("name", [3, None, "a→b", "email@handled", ("a",), ["a"], {"a"}])
def test_a_name_that_would_not_fit_into_a_site_is_refused(name):
    with pytest.raises(InvalidUse):
        World().node(name)


@pytest.mark.parametrize("use", [World.crash, World.restart, lambda world, node: world.pause(node, 1)])
def test_a_node_that_nobody_knows_is_a_typo(use):
    world = World()
    world.listen("email", print)
    with pytest.raises(InvalidUse, match="no node 'emial'") as caught:
        use(world, "emial")
    assert "email" in caught.value.next_step


def test_a_world_tells_in_short_what_it_is():
    assert repr(World(7)) == "World(seed=7, now=0.000 s, 0 entries)"
