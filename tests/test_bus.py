"""The bus by its public names: isolation, order, patterns, retries, dead letters; on this machine and in a World."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlab import Bus, Event, Fault, Faults, Plan, Retry, World, check, search, sweep, topic_matches
from evlab.env import Real
from evlab.errors import InvalidPattern, InvalidUse


def placed(key="order-1", type="OrderPlaced", **data):
    return Event(type=type, source="shop", key=key, data=data)


# ------------------------------------------------------------------------------------------------- on this machine


def test_every_subscriber_gets_the_event_in_subscription_order():
    bus, got = Bus(), []
    for name in ("email", "inventory", "analytics"):
        bus.subscribe("order.placed", lambda e, name=name: got.append((name, e.key)), name=name)
    assert bus.publish(placed()).value == 3
    assert got == [("email", "order-1"), ("inventory", "order-1"), ("analytics", "order-1")]


def test_a_failing_subscriber_stops_no_other_and_its_event_is_set_aside():
    bus, got = Bus(), []

    def breaks(event):
        raise ZeroDivisionError("no visits")

    bus.subscribe("#", lambda e: got.append(1), name="before")
    bus.subscribe("#", breaks)
    bus.subscribe("#", lambda e: got.append(2), name="after")
    event = placed()
    bus.publish(event)
    assert got == [1, 2]
    [letter] = bus.dead_letters
    assert letter.event is event and letter.subscription.name == "breaks" and letter.attempts == 1
    assert isinstance(letter.error, ZeroDivisionError)


def test_a_dead_letter_shows_the_handlers_own_line_before_the_error():
    bus = Bus()

    def reserve(event):
        return int(event.data["quantity"])

    bus.subscribe("#", reserve)
    bus.publish(placed(quantity="two"))
    lines = str(bus.dead_letters[0]).splitlines()
    assert lines[0] == "OrderPlaced order-1 → reserve, dead after 1 attempt"
    assert 'return int(event.data["quantity"])' in lines[1] and "test_bus.py" in lines[1]
    assert lines[2].startswith("  ValueError:")


def test_events_that_a_handler_publishes_wait_until_all_have_seen_the_present_one():
    bus, seen = Bus(), []
    bus.subscribe("order.placed", lambda e: bus.publish(e.caused("PaymentReceived", {})), name="payment")
    bus.subscribe("#", lambda e: seen.append(e.type), name="audit")
    bus.publish(placed())
    assert seen == ["OrderPlaced", "PaymentReceived"]


def test_a_handler_that_publishes_its_own_type_does_not_recurse():
    bus, seen = Bus(), []

    def echo(event):
        seen.append(event.data["n"])
        if event.data["n"] < 5000:
            bus.publish(placed(n=event.data["n"] + 1))

    bus.subscribe("#", echo)
    bus.publish(placed(n=0))
    assert seen == list(range(5001))


def test_a_late_subscriber_misses_what_came_before_and_a_cancelled_one_what_comes_after():
    bus, got = Bus(), []
    bus.publish(placed("order-1"))
    subscription = bus.subscribe("#", lambda e: got.append(e.key), name="late")
    bus.publish(placed("order-2"))
    subscription.cancel()
    assert bus.publish(placed("order-3")).value == 0
    assert got == ["order-2"] and bus.subscriptions == []


def test_the_same_name_and_pattern_again_replaces_the_handler():
    bus, got = Bus(), []
    bus.subscribe("#", lambda e: got.append("old"), name="email")
    bus.subscribe("#", lambda e: got.append("new"), name="email")
    bus.publish(placed())
    assert got == ["new"] and len(bus.subscriptions) == 1


def test_a_second_nameless_handler_of_a_pattern_is_refused_because_it_would_replace_the_first():
    bus, got = Bus(), []
    bus.subscribe("#", lambda e: got.append("first"))
    with pytest.raises(InvalidUse, match="two handlers without a name"):
        bus.subscribe("#", lambda e: got.append("second"))
    bus.subscribe("order.*", lambda e: got.append("other pattern"))
    bus.publish(placed())
    assert got == ["first", "other pattern"]


def test_as_a_decorator_it_returns_the_handler():
    bus = Bus()

    @bus.subscribe("order.*", name="email")
    def handler(event):
        return None

    assert callable(handler) and bus.subscriptions[0].name == "email" and handler(placed()) is None


def test_a_retry_without_waits_tries_at_once_and_counts_the_first_attempt():
    bus, tries = Bus(), []

    def flaky(event):
        tries.append(event.key)
        if len(tries) < 3:
            raise OSError("restarting")

    bus.subscribe("#", flaky, retry=Retry(attempts=3, first=0))
    bus.publish(placed())
    assert len(tries) == 3 and bus.dead_letters == []


def test_a_replayed_dead_letter_goes_to_the_handler_of_today_and_only_once():
    bus, got = Bus(), []

    def broken(event):
        raise ValueError("bug")

    bus.subscribe("#", broken, name="inventory")
    bus.publish(placed())
    [letter] = bus.dead_letters
    bus.subscribe("#", lambda e: got.append(e.key), name="inventory")
    bus.replay(letter)
    assert got == ["order-1"] and bus.dead_letters == []
    with pytest.raises(InvalidUse, match="not in bus.dead_letters"):
        bus.replay(letter)


def test_a_replay_that_fails_again_comes_back():
    bus = Bus()

    def broken(event):
        raise ValueError("bug")

    bus.subscribe("#", broken, retry=Retry(attempts=2, first=0))
    bus.publish(placed())
    bus.replay(bus.dead_letters[0])
    assert [letter.attempts for letter in bus.dead_letters] == [2]


def test_at_most_once_never_retries_and_keeps_no_dead_letter():
    bus, tries = Bus(), []

    def broken(event):
        tries.append(1)
        raise ValueError("bug")

    bus.subscribe("#", broken, retry=Retry(attempts=5, first=0), delivery="at-most-once")
    bus.publish(placed())
    assert tries == [1] and bus.dead_letters == []


def test_a_generator_handler_runs_to_its_end_on_the_real_clock():
    env = Real()
    bus, got = Bus(env), []

    def slow(event):
        yield 0.01
        got.append(event.key)

    bus.subscribe("#", slow)
    bus.publish(placed())
    assert got == []
    env.drive()
    assert got == ["order-1"]


def test_a_keyboard_interrupt_in_a_handler_leaves_the_bus_working():
    bus, got = Bus(), []

    def stopped(event):
        if event.key == "order-1":
            raise KeyboardInterrupt
        got.append(event.key)

    bus.subscribe("#", stopped)
    with pytest.raises(KeyboardInterrupt):
        bus.publish(placed("order-1"))
    bus.publish(placed("order-2"))
    assert got == ["order-2"]


@pytest.mark.parametrize("pattern", ["", None, 7, "order.plac*", "#order", "Order.Placed", "order placed"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern):
    bus = Bus()
    with pytest.raises(InvalidPattern) as caught:
        bus.subscribe(pattern, print)
    assert caught.value.next_step and bus.subscriptions == []


def test_bad_arguments_are_refused_with_the_next_step():
    bus = Bus()
    for act in (lambda: bus.subscribe("#", "not a function"), lambda: bus.subscribe("#", print, delivery="exactly"),
                lambda: bus.publish("OrderPlaced"), lambda: bus.publish(None), lambda: Retry(attempts=0),
                lambda: Retry(attempts=2, first=-1), lambda: Retry(factor=0.5),
                lambda: Retry(first="1"), lambda: Retry(longest=None), lambda: Retry(factor=float("nan")),
                lambda: bus.subscribe("#", print, retry=3), lambda: bus.subscribe("#", print, name=7),
                lambda: bus.subscribe("#", print, name=["email"]), lambda: bus.subscribe("#", print, node={"a"}),
                lambda: Bus(5), lambda: Bus(env=object()), lambda: Bus(ack_timeout="1"), lambda: Bus(ack_timeout=-1),
                lambda: bus.publish("x" * 1_000_000)):
        with pytest.raises(InvalidUse) as caught:
            act()
        assert caught.value.next_step and len(str(caught.value)) < 400
    assert bus.subscriptions == [] and bus.dead_letters == []


def test_a_flood_of_event_types_does_not_fill_the_memory():
    bus, got = Bus(), []
    bus.subscribe("#", lambda e: got.append(1), name="audit")
    for number in range(10_000):
        bus.publish(placed(type=f"Type{number}Happened"))
    assert len(got) == 10_000 and len(bus._routes) <= 4096


# ------------------------------------------------------------------------------------------------------- patterns

WORDS = st.lists(st.sampled_from(["a", "b", ""]), max_size=5)


def oracle(pattern: list[str], words: list[str]) -> bool:
    """The rule, said as slowly as it can be."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(oracle(pattern[1:], words[n:]) for n in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and oracle(pattern[1:], words[1:])


@given(st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=6), WORDS)
def test_patterns_match_as_the_rule_says(pattern, words):
    key = ".".join(words)
    assert topic_matches(".".join(pattern), key) == oracle(pattern, key.split(".") if key else [])


@pytest.mark.parametrize(("pattern", "key", "expected"), [
    ("order.*", "order.placed", True), ("order.*", "order", False), ("order.*", "order.placed.express", False),
    ("order.#", "order", True), ("order.#", "order.placed.express", True), ("#", "", True), ("*", "", False),
    ("a.*.b", "a..b", True), ("#.b", "a.a.b", True), ("#.a.#", "b.c.d", False), ("a.b", "axb", False),
])
def test_known_matches(pattern, key, expected):
    assert topic_matches(pattern, key) is expected


def test_a_pattern_of_many_hashes_is_not_slow():
    pattern = ".".join(["#", "a"] * 30 + ["b"])
    assert topic_matches(pattern, ".".join(["a"] * 300)) is False


# ------------------------------------------------------------------------------------------------------- in a World


def shop_of(world, delivery="at-least-once", orders=5, retry=None, handler=None):
    bus = Bus(world)
    handler = handler or (lambda e: world.history.did("receive", e.key))
    bus.subscribe("order.placed", handler, name="email", delivery=delivery, retry=retry)

    def shop():
        for number in range(orders):
            sending = world.history.invoke("send", f"order-{number}")
            bus.publish(world.event("OrderPlaced", source="shop", key=f"order-{number}"))
            sending.ok()
            yield 0.3

    world.spawn(shop(), "bus")
    return bus


def run_out(world):
    world.run(until=30)
    world.calm()
    world.run(until=200)
    return check(world.history, receivers=["email"])


def test_at_least_once_loses_nothing_whatever_the_network_and_the_subscriber_do():
    def scenario(world):
        shop_of(world)
        return [anomaly for anomaly in run_out(world) if anomaly.name != "duplicate"]

    faults = Faults(drop=0.2, duplicate=0.1, delay=0.1, crash=0.1, pauses=1)
    assert search(scenario, range(200), faults) is None


def test_at_most_once_repeats_nothing_when_messages_and_processes_are_lost():
    def scenario(world):
        shop_of(world, "at-most-once")
        return [anomaly for anomaly in run_out(world) if anomaly.name != "lost"]

    assert search(scenario, range(200), Faults(drop=0.3, delay=0.2, crash=0.2)) is None


def test_both_guarantees_break_the_other_way_round():
    def lost(world):
        shop_of(world, "at-most-once")
        return run_out(world)

    def doubled(world):
        shop_of(world)
        return run_out(world)

    assert search(lost, faults=Faults(drop=0.1)).anomaly.name == "lost"
    assert search(doubled, faults=Faults(drop=0.1)).anomaly.name == "duplicate"


def test_a_crash_between_work_and_ack_repeats_the_work_and_nowhere_else_does():
    def scenario(world):
        shop_of(world, orders=1)
        return run_out(world)

    trials = list(sweep(scenario))
    outcome = {str(trial.plan.faults[0].site): [a.name for a in trial.anomalies] for trial in trials if len(trial.plan)}
    assert trials[0].anomalies == []
    assert outcome["email@received"] == [] and outcome["email@handled"] == ["duplicate"]


def test_a_handler_that_takes_time_is_acked_at_its_end():
    world = World(3, Plan([Fault("crash", "email@handled", 1, 0.2)]))

    def slow(event):
        yield 0.4
        world.history.did("receive", event.key)

    shop_of(world, orders=1, handler=slow)
    assert [a.name for a in run_out(world)] == ["duplicate"]


def test_retries_wait_by_their_policy_in_virtual_time():
    world, times = World(1), []

    def broken(event):
        times.append(world.now())
        raise OSError("down")

    bus = shop_of(world, orders=1, handler=broken, retry=Retry(attempts=4, first=1.0, jitter=False))
    run_out(world)
    waits = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    assert [round(wait) for wait in waits] == [1, 2, 4]
    assert bus.dead_letters[0].attempts == 4


@given(st.integers(1, 8), st.integers(0, 2**32))
def test_a_jittered_wait_lies_between_zero_and_the_backoff(attempt, seed):
    import random

    retry = Retry(attempts=9, first=0.5, longest=4.0)
    assert 0 <= retry.wait(attempt, random.Random(seed)) <= min(4.0, 0.5 * 2 ** (attempt - 1))


def test_a_boot_function_subscribes_again_after_a_crash():
    world, lives = World(1), []
    bus = Bus(world)

    def boot():
        memory = []
        lives.append(memory)
        bus.subscribe("order.placed", lambda e: memory.append(e.key), name="email")

    world.node("email", boot)
    bus.publish(world.event("OrderPlaced", key="order-1"))
    world.run()
    world.crash("email")
    world.restart("email")
    bus.publish(world.event("OrderPlaced", key="order-2"))
    world.run()
    assert lives == [["order-1"], ["order-2"]] and len(bus.subscriptions) == 1


def test_a_crashed_bus_forgets_what_it_had_not_delivered():
    world = World(1)
    shop_of(world, orders=1)
    world.after(0.001, lambda: world.crash("bus"))
    world.run(until=10)
    world.calm().run()
    names = [a.name for a in check(world.history, receivers=["email"])]
    assert names in ([], ["lost"])
    assert any(entry.kind == "crash" for entry in world.history)


def test_what_waited_in_a_bus_that_crashed_does_not_come_back_with_its_next_life():
    world, got = World(1), []
    bus = Bus(world)

    def clerk(event):
        got.append(event.type)
        if event.type == "OrderPlaced":
            bus.publish(event.caused("PaymentReceived"))
            world.crash("bus")

    bus.subscribe("#", clerk, node="bus")
    bus.publish(world.event("OrderPlaced", key="order-1"))
    world.run()
    world.restart("bus")
    bus.publish(world.event("OrderCancelled", key="order-2"))
    world.run()
    assert got == ["OrderPlaced", "OrderCancelled"]


def test_publishing_from_another_node_is_acked_by_the_bus():
    world, answers = World(1), []
    bus = Bus(world)
    bus.subscribe("#", lambda e: None, name="email")

    def shop():
        answers.append((yield bus.publish(world.event("OrderPlaced", key="order-1"))))

    world.spawn(shop(), "shop")
    world.run()
    assert answers == [1]


def test_the_repr_says_what_is_in_it():
    bus = Bus()
    bus.subscribe("#", print)
    assert re.fullmatch(r"Bus\(1 subscriptions, 0 dead letters\)", repr(bus))


def test_a_handlers_own_timeout_is_an_answer_and_counts_as_an_attempt():
    world, calls = World(seed=1), []
    bus = Bus(world)

    def fetches(event):
        calls.append(world.now())
        yield world.ask("prices", "order-1", timeout=0.2)

    world.node("prices")
    world.network.cut("receipts", "prices")
    bus.subscribe("order.placed", fetches, name="receipts", retry=Retry(attempts=3, first=1, jitter=False))
    world.spawn(publish_one(bus), "bus")
    world.run(until=30)
    assert len(calls) == 3
    assert [letter.error.node for letter in bus.dead_letters] == ["prices"]


def publish_one(bus):
    yield bus.publish(placed())


def test_at_most_once_loses_the_event_of_a_handler_that_fails_after_a_wait():
    world, begun = World(seed=1), []
    bus = Bus(world)

    def slow(event):
        begun.append(event.key)
        yield 0.5
        raise ValueError("no template")

    bus.subscribe("order.placed", slow, name="email", delivery="at-most-once")
    world.spawn(publish_one(bus), "bus")
    world.run()
    assert begun == ["order-1"] and bus.dead_letters == []
