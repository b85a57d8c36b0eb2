"""Search, shrink, story, replay, sweep: from a thousand seeds to one short story."""

from __future__ import annotations

import random
import time

import pytest

from evlab import Timeout, World
from evlab.env import Dead
from evlab.errors import InvalidUse
from evlab.sim import Anomaly, Fault, Faults, Plan, check, search, shrink, sweep
from evlab.sim.story import line_of, story


def retrying(world, orders=5, allow=()):
    """A sender that repeats until it is acked, and a receiver that does not dedupe."""
    world.listen("email", lambda order: world.history.did("receive", order))
    world.spawn(shop(world, orders), "shop")
    world.run(until=20)
    world.calm().run()
    return check(world.history, allow=allow)


def shop(world, orders=5):
    for number in range(1, orders + 1):
        op = world.history.invoke("send", f"order-{number}")
        while True:
            try:
                yield world.ask("email", f"order-{number}", timeout=0.5)
                break
            except Timeout:
                pass
        op.ok()
        yield 0.1


STORM = Faults(drop=0.1, duplicate=0.05, delay=0.1, crash=0.03, kill=0.03, cuts=1, pauses=1, crashes=1, span=3,
               down=0.3, late=1, long=1)


# ---------------------------------------------------------------------------------------------------- search


def test_search_gives_the_first_seed_that_fails():
    failure = search(retrying, faults=Faults(drop=0.05))
    assert failure.anomaly.name == "duplicate" and failure.tried == failure.seed + 1
    for seed in range(failure.seed):
        assert retrying(World(seed, Faults(drop=0.05))) == []
    assert [fault.kind for fault in failure.plan.faults] == ["drop"] * len(failure.plan)


def test_search_gives_none_if_nothing_fails():
    assert search(retrying, range(30)) is None
    assert search(lambda world: None, range(3)) is None


def test_search_takes_any_seeds():
    failure = search(retrying, iter([5, 3, 1, 900, 17, 4, 2, 8]), Faults(drop=0.3))
    assert failure.seed in (5, 3, 1, 900) and failure.tried <= 4


def test_an_error_of_the_scenario_is_an_anomaly():
    def scenario(world):
        def process():
            yield 1
            raise KeyError("order-1")

        world.spawn(process(), "shop")
        world.run()

    failure = search(scenario)
    assert failure.anomaly.name == "exception"
    assert failure.anomaly.text.startswith("test_search.py, line ")
    assert "raise KeyError" in failure.anomaly.text and failure.anomaly.text.endswith("KeyError: 'order-1'")
    assert [entry.what for entry in failure.story] == ["raises KeyError"]
    assert shrink(failure).replay().anomaly == failure.anomaly


def test_an_error_of_evlab_tells_only_what_happened():
    failure = search(lambda world: world.crash("nobody"))
    assert failure.anomaly.text.endswith("InvalidUse: there is no node 'nobody'")


def test_an_error_that_names_an_address_replays():
    def scenario(world):
        raise ValueError(f"cannot handle {object()!r}")

    failure = search(scenario)
    assert " at 0x" not in failure.anomaly.text
    shrink(failure).replay()


def test_a_dead_handle_in_the_scenario_itself_is_an_anomaly_not_the_end_of_the_search():
    def scenario(world):
        raise Dead

    assert search(scenario).anomaly.name == "exception"


@pytest.mark.parametrize("result", [True, "lost", 5, ["lost"], [("lost", "text")]])
def test_a_scenario_that_returns_something_else_is_told(result):
    failure = search(lambda world: result)
    assert failure.anomaly.name == "exception"


@pytest.mark.parametrize("arguments", [(5,), (retrying, 10), (None, range(3)), (retrying, None)])
def test_search_refuses_what_it_cannot_search(arguments):
    with pytest.raises(InvalidUse):
        search(*arguments)


def test_a_sweep_of_what_is_no_scenario_is_refused():
    with pytest.raises(InvalidUse, match="no scenario"):
        next(sweep(None))


@pytest.mark.parametrize("nothing", [None, [], "lost"])
def test_shrink_says_that_there_is_nothing_to_shrink(nothing):
    """shrink(search(...)) where the search has found nothing."""
    with pytest.raises(InvalidUse, match="is no failure") as caught:
        shrink(nothing)
    assert "None" in caught.value.why and caught.value.next_step


# ---------------------------------------------------------------------------------------------------- shrink


@pytest.mark.parametrize("first", [0, 100, 200, 300])
def test_shrink_keeps_the_anomaly_and_takes_away_all_that_is_not_needed(first):
    failure = search(retrying, range(first, first + 100), STORM)
    small = shrink(failure)
    assert small.anomaly.name == failure.anomaly.name and small.seed == failure.seed
    assert len(small.plan) <= len(failure.plan) and len(small.plan) <= 3
    for left_out in range(len(small.plan)):
        rest = small.plan.faults[:left_out] + small.plan.faults[left_out + 1:]
        names = [anomaly.name for anomaly in retrying(World(small.seed, Plan(rest)))]
        assert small.anomaly.name not in names


def test_shrinking_twice_changes_nothing():
    small = shrink(search(retrying, faults=STORM))
    again = shrink(small)
    assert again.plan.faults == small.plan.faults and again.anomaly == small.anomaly


def test_a_failure_without_faults_stays_one():
    def scenario(world):
        world.history.did("send", "a")
        world.history.did("send", "b", node="shop")
        world.history.did("receive", "b", node="email")
        return check(world.history)

    small = shrink(search(scenario, faults=STORM))
    assert len(small.plan) == 0 and small.anomaly.name == "lost"
    assert "none, the order alone did it" in small.explain()


def test_shrink_finds_the_one_fault_among_many():
    """The messages that the needless faults cause shift the numbers of the needed one."""
    def scenario(world):
        world.listen("email", lambda order: world.history.did("receive", order))
        world.spawn(shop(world, 12), "shop")
        world.run()
        return [anomaly for anomaly in check(world.history) if anomaly.value == "order-9"]

    failure = search(scenario, range(200), Faults(drop=0.35))
    assert len(failure.plan) > 3
    assert len(shrink(failure).plan) <= 2


def test_shrink_refuses_what_does_not_fail_again():
    state = []

    def scenario(world):
        state.append(1)
        return [Anomaly("lost", "only the first time")] if len(state) == 1 else []

    with pytest.raises(InvalidUse, match="no longer shows lost"):
        shrink(search(scenario))


# ---------------------------------------------------------------------------------------------------- replay


def test_a_failure_replays_exactly():
    failure = search(retrying, faults=STORM)
    again = failure.replay()
    assert again.history.digest() == failure.history.digest() and again.anomaly == failure.anomaly
    small = shrink(failure)
    assert small.replay().explain() == small.explain()


@pytest.mark.parametrize("source", [lambda: time.perf_counter(), random.random, object().__hash__],
                         ids=["clock", "chance", "state"])
def test_a_scenario_that_asks_something_but_its_world_is_refused(source):
    asked = []

    def scenario(world):
        asked.append(1)
        world.history.did("send", source() + len(asked))
        world.history.did("receive", "x")
        return check(world.history)

    with pytest.raises(InvalidUse, match="did not replay"):
        search(scenario).replay()


def test_a_scenario_whose_verdict_alone_differs_is_refused_too():
    asked = []

    def scenario(world):
        asked.append(1)
        return [Anomaly("lost", f"time {len(asked)}")]

    with pytest.raises(InvalidUse, match="did not replay"):
        search(scenario).replay()


def test_the_replay_line_is_code_that_makes_the_same_world():
    small = shrink(search(retrying, faults=STORM))
    for failure in (small, search(retrying, faults=STORM)):
        world = eval(failure.replay_line(), {"World": World, "Plan": Plan, "Fault": Fault})
        retrying(world)
        assert world.history.digest() == failure.history.digest()


# ----------------------------------------------------------------------------------------------------- story


def test_explain_says_what_why_and_how_to_see_it_again():
    small = shrink(search(retrying, faults=Faults(drop=0.05)))
    first, blank, *lines, blank_again, faults, replay = small.explain().splitlines()
    assert first.startswith("duplicate: email received order-") and blank == blank_again == ""
    assert faults.startswith("1 fault: drop message ") and replay == f"Replay: {small.replay_line()}"
    text = "\n".join(lines)
    for part in ("shop begins send order-", "shop sends order-", "email gets order-", "email does receive order-",
                 "is lost: lost on the way"):
        assert part in text
    assert repr(small) == f"Failure(duplicate, seed {small.seed}, 1 faults, {len(small.story)} events)"


def test_the_story_is_about_one_value_and_ends_with_its_proof():
    small = shrink(search(lambda world: retrying(world, 20), faults=Faults(drop=0.02)))
    value = small.anomaly.value
    assert len(small.history) > 150 and len(small.story) <= 14
    for entry in small.story:
        assert value in entry.what or entry.value == value or entry.what in ("ack", "send")
    assert set(small.anomaly.entries) <= {entry.number for entry in small.story}
    assert [entry.number for entry in small.story] == sorted(entry.number for entry in small.story)


def test_each_fault_of_a_small_failure_is_in_its_story():
    for first in range(0, 400, 20):
        failure = search(retrying, range(first, first + 200), STORM)
        small = shrink(failure)
        kinds = [entry.kind for entry in small.story]
        for fault in small.plan.faults:
            assert fault.kind in kinds, small.explain()


def test_the_story_shows_how_each_operation_and_each_message_in_it_ended():
    failure = search(retrying, faults=STORM)
    for told in (failure, shrink(failure)):
        shown = {entry.number for entry in told.story}
        for entry in told.history:
            if entry.pair in shown and entry.kind in ("ok", "fail", "info"):
                assert entry.number in shown


def test_a_story_of_an_anomaly_without_proof_has_every_needed_fault():
    def scenario(world):
        retrying(world)
        if any(entry.kind == "drop" for entry in world.history):
            raise AssertionError("an audit at the end")

    small = shrink(search(scenario, faults=STORM))
    assert small.anomaly.entries == () and {entry.kind for entry in small.story} >= {"send", "drop"}


def test_what_went_down_is_shown_to_come_back():
    back = {"crash": "restart", "kill": "restart", "cut": "heal", "pause": "resume"}
    shown = set()
    for first in range(0, 1000, 25):
        small = shrink(search(retrying, range(first, first + 200), STORM))
        kinds = [entry.kind for entry in small.story]
        ends = max(small.anomaly.entries)
        for entry in small.story:
            if entry.kind in back:
                where = entry.what if entry.kind == "cut" else entry.node
                later = [e.number for e in small.history.entries[entry.number:ends] if e.kind == back[entry.kind]
                         and where in (e.what, e.node)]
                assert not later or back[entry.kind] in kinds, small.explain()
                shown |= {entry.kind} if later else set()
    assert shown == set(back)


def test_of_many_vain_retries_the_story_tells_one():
    def scenario(world):
        world.listen("email", lambda order: world.history.did("receive", order))
        world.spawn(shop(world, 1), "shop")
        world.run()
        return check(world.history)

    plan = Plan([Fault("crash", "email@handled", 1, 5.0)])
    failure = search(scenario, [1], plan)
    assert sum(entry.kind == "drop" for entry in failure.history) > 5
    assert [entry.kind for entry in failure.story] == [
        "invoke", "send", "deliver", "invoke", "ok", "crash", "send", "drop", "restart", "send", "deliver", "invoke",
        "ok", "ok"]


def test_a_story_of_nothing_is_empty():
    world = World()
    assert story(world.history, Anomaly("lost", "x")) == []
    assert story(world.history, Anomaly("lost", "x", (3, 4), "x")) == []


def test_every_kind_of_entry_has_its_line():
    world = World(0, Plan([Fault("duplicate", "shop→email", 1, 0.1), Fault("delay", "shop→email", 2, 0.1),
                           Fault("drop", "shop→email", 3)]))
    world.listen("email", lambda order: world.history.did("receive", order))

    def process():
        for number in range(3):
            op = world.history.invoke("send", number)
            world.send("email", number)
            yield 0.2
            (op.ok, op.fail, op.info)[number]()
        world.note("done", "all")

    world.spawn(process(), "shop")
    world.run()
    world.network.cut("shop", "email")
    world.network.heal()
    world.pause("email", 1)
    world.run()
    world.files("email").open("a").append(b"x" * 600)
    world.crash("email")
    world.restart("email")
    world.crash("email", power=False)
    lines = [line_of(entry) for entry in world.history]
    for part in ("shop begins send 0", "shop sends 0 to email", "is doubled", "is late by 0.1 s", "lost on the way",
                 "email gets 0 from shop", "shop send ok", "shop send fail", "shop send info", "shop: done all",
                 "the link shop→email is cut", "works again", "freezes for 1.000 s", "email goes on",
                 "email loses power", "unsynced bytes", "email restarts, life 2", "email is killed"):
        assert any(part in line for line in lines), part
    assert {entry.kind for entry in world.history} == {
        "invoke", "ok", "fail", "info", "send", "deliver", "drop", "duplicate", "delay", "note", "cut", "heal",
        "pause", "resume", "crash", "kill", "restart", "lost"}


# ----------------------------------------------------------------------------------------------------- sweep


def marks_first(world):
    """Three steps, a crash point before and after each, and a mark on disk before the effect."""
    def boot():
        file = world.files("email").open("mark")
        world.point("booted")
        if not file.read():
            file.append(b"x")
            file.sync()
            world.point("marked")
            world.history.did("receive", "a")
            world.point("done")

    world.history.did("send", "a", node="shop")
    world.node("email", boot)
    world.run()
    return check(world.history)


def test_a_sweep_crashes_once_at_every_pass_of_every_point():
    first, *trials = sweep(marks_first)
    assert first.plan.faults == () and first.anomalies == []
    assert [str(trial.plan) for trial in trials] == [
        f"Plan([crash email at point {point!r}, pass 1, down for 1.000 s])" for point in ("booted", "marked", "done")]
    assert [[anomaly.name for anomaly in trial.anomalies] for trial in trials] == [[], ["lost"], []]


def test_a_sweep_of_pairs_crashes_twice():
    trials = list(sweep(marks_first, pairs=True, kind="kill", down=0.5))
    plans = [tuple((fault.site.partition("@")[2], fault.n) for fault in trial.plan.faults) for trial in trials]
    assert len(plans) == len(set(plans))
    assert {(("booted", 1), ("booted", 2)), (("booted", 1), ("marked", 1)), (("marked", 1), ("booted", 2)),
            (("done", 1), ("booted", 2))} <= set(plans)
    assert all(trial.world.struck_by for trial in trials[1:])
    assert {fault.kind for trial in trials for fault in trial.plan.faults} == {"kill"}


def test_a_sweep_takes_a_seed():
    seeds = {trial.world.seed for trial in sweep(marks_first, seed=7)}
    assert seeds == {7}
