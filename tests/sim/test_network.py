"""The network between nodes: late, lossy, in order on each link, and cut one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlab import Timeout, World
from evlab.errors import InvalidUse
from evlab.sim import Fault, Faults, Plan

TRIP = (0.005, 0.015)


def send_numbers(world, count=10, gap=0.1, source="shop", target="email"):
    """Send 0, 1, 2, ... from one node to another. The list that fills with (number, time of arrival)."""
    got = []
    world.listen(target, lambda number: got.append((number, world.now())))

    def process():
        for number in range(count):
            world.send(target, number)
            yield gap

    world.spawn(process(), source)
    return got


def numbers(got):
    return [number for number, _ in got]


def test_travel_times_lie_in_the_range_and_vary():
    world = World(1)
    got = send_numbers(world, 200)
    world.run()
    times = [time - number * 0.1 for number, time in got]
    assert min(times) >= TRIP[0] and max(times) <= TRIP[1] + 1e-9
    assert min(times) < 0.006 and max(times) > 0.014 and len(set(times)) == 200


def test_the_range_can_be_set():
    world = World(1)
    world.network.latency = (0.5, 0.5)
    got = send_numbers(world, 3)
    world.run()
    assert [round(time - number * 0.1, 6) for number, time in got] == [0.5] * 3
    assert world.network.latency == (0.5, 0.5)


@pytest.mark.parametrize("latency", [(-1, 1), (2, 1), (0, float("nan")), (0, float("inf")), 0.01, (1,),
                                     ("a", "b"), None])
def test_a_range_that_is_none_is_refused(latency):
    world = World()
    with pytest.raises(InvalidUse):
        world.network.latency = latency
    assert world.network.latency == TRIP


@given(st.integers(0, 10_000), st.floats(0, 0.02))
def test_messages_of_one_link_keep_their_order(seed, gap):
    world = World(seed)
    got = send_numbers(world, 30, gap)
    world.run()
    assert numbers(got) == list(range(30))
    assert len({time for _, time in got}) == 30


def test_messages_of_two_links_may_overtake():
    def first(seed):
        world, got = World(seed), []
        for target in ("a", "b"):
            world.listen(target, lambda message, target=target: got.append(target))

        def shop():
            world.send("a", "x")
            world.send("b", "x")
            yield 0

        world.spawn(shop(), "shop")
        world.run()
        return got[0]

    assert {first(seed) for seed in range(20)} == {"a", "b"}


def test_the_next_messages_are_lost_on_request():
    world = World()
    got = send_numbers(world, 6)
    world.after(0.15, lambda: world.network.drop("shop", "email", 2))
    world.run()
    assert numbers(got) == [0, 1, 4, 5]
    assert [e.value for e in world.history if e.kind == "drop"] == ["lost on the way"] * 2


def test_one_message_is_lost_if_no_number_is_given():
    world = World()
    got = send_numbers(world, 3)
    world.network.drop("shop", "email")
    world.run()
    assert numbers(got) == [1, 2]


@pytest.mark.parametrize("count", [-1, 1.5, None])
def test_a_number_of_messages_to_lose_is_a_whole_number(count):
    with pytest.raises(InvalidUse):
        World().network.drop("shop", "email", count)


def test_the_next_messages_come_twice_on_request_the_copy_later():
    world = World(1)
    got = send_numbers(world, 4)
    world.network.duplicate("shop", "email", 2, after=0.05)
    world.run()
    assert numbers(got) == [0, 0, 1, 1, 2, 3]
    assert round(got[1][1] - got[0][1], 6) == 0.05
    assert [entry.value for entry in world.history if entry.kind == "duplicate"] == [0.05, 0.05]


def test_the_next_message_is_held_up_on_request_and_overtaken():
    world = World(1)
    got = send_numbers(world, 4)
    world.network.delay("shop", "email", 0.25)
    world.run()
    assert numbers(got) == [1, 2, 0, 3]


def test_several_requests_for_one_link_are_met_one_after_another_a_loss_first():
    world = World(1)
    got = send_numbers(world, 5)
    world.network.delay("shop", "email", 0.25)
    world.network.duplicate("shop", "email")
    world.network.drop("shop", "email")
    world.network.duplicate("email", "shop", 9)  # the other way: another link
    world.run()
    assert numbers(got) == [2, 2, 3, 1, 4]


def test_nothing_is_left_of_a_request_when_the_link_has_healed():
    world = World(1)
    got = send_numbers(world, 3)
    world.network.duplicate("shop", "email", 9)
    world.network.delay("shop", "email", 1.0, 9)
    world.network.heal("shop", "email")
    world.run()
    assert numbers(got) == [0, 1, 2]


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None])
def test_no_message_is_held_up_or_doubled_by_no_time(seconds):
    with pytest.raises(InvalidUse):
        World().network.delay("shop", "email", seconds)
    with pytest.raises(InvalidUse):
        World().network.duplicate("shop", "email", after=seconds)


def test_a_slow_link_stays_slow_until_it_heals_and_keeps_its_order():
    world = World()
    got = send_numbers(world, 10)
    world.network.slow("shop", "email", 0.45)
    world.after(0.35, lambda: world.network.heal("shop", "email"))
    world.run()
    assert numbers(got) == list(range(10))
    late = {number: time - number * 0.1 for number, time in got}
    assert late[0] > 0.45 and late[3] > 0.45 and late[9] < 0.016


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_link_cannot_be_slow_by_no_time(seconds):
    with pytest.raises(InvalidUse):
        World().network.slow("shop", "email", seconds)


def test_a_cut_is_one_way_until_it_heals():
    world, answers = World(), []

    def handle(message):
        handled.append(message)
        return "ok"

    def shop():
        for number in range(3):
            try:
                answers.append((yield world.ask("email", number, timeout=0.5)))
            except Timeout:
                answers.append("timeout")
            yield 0.5

    handled = []
    world.listen("email", handle)
    world.spawn(shop(), "shop")
    world.after(0.3, lambda: world.network.cut("email", "shop"))
    world.after(1.2, lambda: world.network.heal("email", "shop"))
    world.run()
    assert handled == [0, 1, 2] and answers == ["ok", "timeout", "ok"]
    assert [(e.kind, e.what) for e in world.history if e.kind in ("cut", "heal")] == [
        ("cut", "email→shop"), ("heal", "email→shop")]


def test_what_is_on_its_way_when_the_link_is_cut_is_lost():
    world = World()
    got = send_numbers(world, 1)
    world.after(0.001, lambda: world.network.cut("shop", "email"))
    world.run()
    assert got == [] and [e.value for e in world.history if e.kind == "drop"] == ["link cut"]


def test_what_was_sent_before_the_cut_and_arrived_is_not_lost_later():
    world = World()
    got = send_numbers(world, 2)
    world.after(0.05, lambda: world.network.cut("shop", "email"))
    world.run()
    assert numbers(got) == [0]


def test_heal_without_a_link_mends_all():
    world = World()
    got = send_numbers(world, 2)
    for link in (("shop", "email"), ("email", "shop"), ("web", "email")):
        world.network.cut(*link)
    world.network.drop("shop", "email", 9)
    world.network.heal()
    world.run()
    assert numbers(got) == [0, 1]
    assert sorted(e.what for e in world.history if e.kind == "heal") == ["email→shop", "shop→email", "web→email"]


@pytest.mark.parametrize("source, target", [("shop", None), (None, "email")])
def test_heal_of_one_side_mends_its_links_only(source, target):
    world = World()
    for link in (("shop", "email"), ("web", "billing")):
        world.network.cut(*link)
    world.network.heal(source, target)
    assert [e.what for e in world.history if e.kind == "heal"] == ["shop→email"]


# ----------------------------------------------------------------------------------------------------- faults


def test_a_dropped_message_never_arrives():
    world = World(0, Plan([Fault("drop", "shop→email", 2)]))
    got = send_numbers(world, 4)
    world.run()
    assert numbers(got) == [0, 2, 3]
    dropped = next(e for e in world.history if e.kind == "drop")
    assert (dropped.node, dropped.peer, world.history[dropped.pair].kind) == ("shop", "email", "send")


def test_a_doubled_message_arrives_twice_the_second_time_late():
    world = World(0, Plan([Fault("duplicate", "shop→email", 2, 0.25)]))
    got = send_numbers(world, 4)
    world.run()
    assert sorted(numbers(got)) == [0, 1, 1, 2, 3] and numbers(got)[:2] == [0, 1]
    first, second = (time for number, time in got if number == 1)
    assert second - first == pytest.approx(0.25)


def test_a_delayed_message_is_overtaken():
    world = World(0, Plan([Fault("delay", "shop→email", 2, 0.25)]))
    got = send_numbers(world, 6)
    world.run()
    assert numbers(got) == [0, 2, 3, 1, 4, 5]


def test_a_fault_of_one_link_is_not_one_of_the_other_way():
    world, answers = World(0, Plan([Fault("drop", "email→shop", 1)])), []

    def shop():
        try:
            yield world.ask("email", "x", timeout=0.5)
        except Timeout:
            answers.append("timeout")

    world.listen("email", answers.append)
    world.spawn(shop(), "shop")
    world.run()
    assert answers == ["x", "timeout"]


def test_messages_within_a_node_suffer_nothing():
    world, got = World(0, Faults(drop=1.0)), []
    world.listen("shop", got.append)

    def shop():
        world.send("shop", "home")
        yield world.ask("shop", "home")
        world.send("email", "away")

    world.listen("email", got.append)
    world.spawn(shop(), "shop")
    world.run()
    assert got == ["home", "home"]


@pytest.mark.parametrize("kind, rate", [("drop", 0.1), ("duplicate", 0.2), ("delay", 0.3)])
def test_faults_strike_as_often_as_their_rate_says(kind, rate):
    world = World(11, Faults(**{kind: rate}))
    send_numbers(world, 2000, 0.01)
    world.run()
    assert sum(e.kind == kind for e in world.history) / 2000 == pytest.approx(rate, abs=0.03)


def test_a_message_and_its_end_name_each_other_and_their_cause():
    world = World()

    def shop():
        op = world.history.invoke("send", "x")
        world.send("email", "x")
        op.ok()
        yield 0

    world.listen("email", lambda message: world.note("got it"))
    world.spawn(shop(), "shop")
    world.run()
    invoke, send, ok, deliver, note = world.history
    assert (send.kind, send.node, send.peer, send.cause) == ("send", "shop", "email", invoke.number)
    assert (ok.pair, ok.kind) == (invoke.number, "ok")
    assert (deliver.kind, deliver.node, deliver.peer, deliver.pair) == ("deliver", "email", "shop", send.number)
    assert (note.node, note.cause) == ("email", deliver.number)
