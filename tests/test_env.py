"""Env's real side: Later, Signal, Real, run, ids, and files on a real disk and on a World's."""

from __future__ import annotations

import itertools
import math
import os
import pathlib
import subprocess
import sys
import threading
import time
import uuid

import pytest
from contracts.files import FilesContract
from hypothesis import given
from hypothesis import strategies as st

from evlab import Bus, Database, Event, Later, Real, Retry, Signal, Timeout, run
from evlab.env import LONGEST, DiskFiles, here, uuid7
from evlab.errors import InvalidUse, Unreachable
from evlab.sim import World

# ------------------------------------------------------------------------------------------------------ Later


def test_a_later_is_open_then_done():
    later = Later()
    assert not later.done and repr(later) == "Later(open)"
    later.resolve(7)
    assert later.done and later.value == 7 and later.error is None and repr(later) == "Later(done: 7)"


def test_a_later_that_failed_raises_its_error():
    later = Later()
    later.fail(KeyError("x"))
    assert later.done and isinstance(later.error, KeyError)
    with pytest.raises(KeyError):
        later.value  # noqa: B018
    assert repr(later) == "Later(failed: 'x')"


def test_the_value_of_an_open_later_says_what_to_do():
    with pytest.raises(InvalidUse, match="still open") as caught:
        Later().value  # noqa: B018
    assert "yield" in caught.value.next_step


def test_a_later_settles_once():
    later = Later()
    later.resolve(1)
    later.resolve(2)
    later.fail(ValueError())
    assert later.value == 1
    failed = Later()
    failed.fail(ValueError())
    failed.resolve(1)
    assert isinstance(failed.error, ValueError)


def test_calls_are_told_once_in_order_and_at_once_if_it_is_settled():
    later, told = Later(), []
    assert later.then(lambda done: told.append(("first", done.value))) is later
    later.then(lambda done: told.append(("second", done.value)))
    assert told == []
    later.resolve(1)
    later.resolve(2)
    later.then(lambda done: told.append(("third", done.value)))
    assert told == [("first", 1), ("second", 1), ("third", 1)]


def test_of_is_done_already():
    assert Later.of(3).value == 3 and Later.of().value is None


# ----------------------------------------------------------------------------------------------------- Signal


def test_a_signal_wakes_all_that_wait_and_none_that_come_later():
    signal = Signal()
    signal.fire("nobody hears")
    first, second = signal.next(), signal.next()
    signal.fire("now")
    late = signal.next()
    assert (first.value, second.value, late.done) == ("now", "now", False)


def test_who_waits_again_while_it_fires_waits_for_the_next_time():
    signal, heard = Signal(), []

    def again(done):
        heard.append(done.value)
        signal.next().then(again)

    signal.next().then(again)
    signal.fire(1)
    signal.fire(2)
    assert heard == [1, 2]


# ---------------------------------------------------------------------------------------------- Real and run


def test_run_gives_what_the_process_returns():
    def process():
        yield 0.001
        return "end"

    assert run(process()) == "end"


def test_a_process_can_wait_for_seconds_laters_signals_and_processes():
    env, signal = Real(), Signal()

    def child():
        yield 0.002
        return "child"

    def process():
        got = [(yield 0.001), (yield Later.of("later")), (yield env.spawn(child()))]
        env.after(0.001, lambda: signal.fire("signal"))
        return [*got, (yield signal)]

    assert run(process(), env) == [None, "later", "child", "signal"]


def test_a_delay_takes_at_least_that_long():
    def process():
        yield 0.02

    began = time.monotonic()
    run(process())
    assert time.monotonic() - began >= 0.02


def test_what_is_due_is_called_in_order():
    env, called = Real(), []
    for delay in (0.02, 0.0, 0.01):
        env.after(delay, lambda delay=delay: called.append(delay))
    env.drive()
    assert called == [0.0, 0.01, 0.02]


def test_cancelled_timers_do_not_gather_and_the_others_ring_in_their_order():
    env, rung = Real(), []
    kept = [env.after(0.001 * number, lambda number=number: rung.append(number)) for number in (3, 1, 2)]
    for _ in range(20_000):
        env.after(60.0, rung.clear).cancel()
    assert len(env._due) <= 1000 + len(kept)
    env.drive(lambda: len(rung) == 3)
    assert rung == [1, 2, 3]


def test_a_cancelled_timer_is_never_called_and_not_waited_for():
    env, called = Real(), []
    timer = env.after(30, lambda: called.append("late"))
    env.after(0.001, lambda: called.append("now"))
    timer.cancel()
    timer.cancel()
    env.drive()
    assert called == ["now"]


def test_an_error_of_the_process_comes_out_of_run():
    def process():
        yield 0.001
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(process())


def test_an_error_is_thrown_in_where_it_is_awaited():
    def process(failed):
        try:
            yield failed
        except Timeout as error:
            return error.what

    failed = Later()
    failed.fail(Timeout("too late"))
    assert run(process(failed)) == "too late"


@pytest.mark.parametrize("first", [0, 0.001])
def test_the_error_of_a_child_is_thrown_into_its_parent(first):
    env = Real()

    def child():
        yield first
        raise KeyError("child")

    def parent():
        try:
            yield env.spawn(child())
        except KeyError:
            return "caught"

    assert run(parent(), env) == "caught"


@pytest.mark.parametrize("wrong", ["a", None, True, object(), [1], -1, -0.5, math.nan, math.inf, 10 * LONGEST,
                                   pytest.param(10**400, id="huge")])
def test_a_process_learns_in_its_own_line_that_it_cannot_wait_for_that(wrong):
    def process():
        try:
            yield wrong
        except InvalidUse:
            return "told"

    assert run(process()) == "told"
    world = World()
    finished = world.spawn(process(), "shop")
    world.run()
    assert finished.value == "told"


def test_numbers_of_numpy_are_seconds():
    numpy = pytest.importorskip("numpy")

    def process():
        yield numpy.float64(0.001)
        yield numpy.int64(0)
        yield numpy.float32(0.0)
        return "end"

    assert run(process()) == "end"
    world = World()
    finished = world.spawn(process(), "shop")
    assert world.run().now() == pytest.approx(0.001) and finished.value == "end"


@pytest.mark.parametrize("wrong", [lambda: None, 5, "x", [1, 2]])
def test_only_generators_are_processes(wrong):
    with pytest.raises(InvalidUse):
        run(wrong)
    with pytest.raises(InvalidUse):
        World().spawn(wrong, "shop")


@pytest.mark.parametrize("delay", [-1, -1e-9, math.nan, math.inf, "1", None, 2 * LONGEST])
def test_a_delay_that_is_no_time_is_refused(delay):
    for env in (Real(), World()):
        with pytest.raises(InvalidUse):
            env.after(delay, print)


@pytest.mark.parametrize("call", [None, 5, "print", print()])
def test_a_call_that_was_made_already_is_refused_where_it_stands(call):
    """after(1, retry()) would wait for what retry gave back, and nothing would happen."""
    for env in (Real(), World()):
        with pytest.raises(InvalidUse, match="cannot be called") as caught:
            env.after(1, call)
        assert "without calling it" in caught.value.next_step


def test_run_says_when_nothing_can_happen_any_more():
    def process():
        yield Later()

    with pytest.raises(InvalidUse, match="can no longer happen"):
        run(process())


def test_run_rings_the_timers_of_what_was_given_no_env():
    bus, tries = Bus(), []

    def handle(event):
        tries.append(event)
        if len(tries) < 3:
            raise ValueError("not yet")

    bus.subscribe("#", handle, retry=Retry(attempts=3, first=0.001, jitter=False))

    def process():
        bus.publish(Event(type="OrderPlaced"))
        for _ in range(500):
            if len(tries) < 3:
                yield 0.002

    run(process())
    assert len(tries) == 3 and bus.dead_letters == []
    assert bus.env is Bus().env is Database().env is here()


def test_what_has_an_env_of_its_own_is_left_alone_by_run():
    env, rung = Real(), []
    env.after(0.0, lambda: rung.append(1))

    def process():
        yield 0.002

    run(process())
    assert rung == [] and here() is not env
    run(process(), env)
    assert rung == [1]


def test_each_thread_has_a_real_of_its_own():
    """A Real is driven in one thread: JupyterLab answers a widget on another than the one that runs cells."""
    found = []
    thread = threading.Thread(target=lambda: found.append(here()))
    thread.start()
    thread.join()
    assert found[0] is not here()


def test_nothing_runs_between_two_yields_also_on_the_real_clock():
    env, signal, steps = Real(), Signal(), []

    def listener():
        while len(steps) < 6:
            yield signal
            steps.append("heard")

    def speaker():
        for _ in range(3):
            steps.append("before")
            signal.fire()
            steps.append("after")
            yield 0.001

    env.spawn(listener())
    run(speaker(), env)
    assert steps == ["before", "after", "heard"] * 2 + ["before", "after"]


def test_processes_that_answer_each_other_do_not_pile_up():
    env, ping, pong = Real(), Signal(), Signal()

    def one():
        for _ in range(3000):
            ping.fire()
            yield pong
        return "end"

    def other():
        while True:
            yield ping
            pong.fire()

    env.spawn(other())
    assert run(one(), env) == "end"


def test_two_processes_that_never_wait_take_turns():
    env, turns = Real(), []

    def worker(name):
        for _ in range(3):
            turns.append(name)
            yield Later.of()

    def both():
        one, other = env.spawn(worker("a")), env.spawn(worker("b"))
        yield one
        yield other

    run(both(), env)
    assert turns == ["a", "b"] * 3


def test_waiting_inside_a_process_lets_the_others_go_on():
    env, done = Real(), []

    def other():
        yield 0.001
        done.append("other")

    def process():
        env.spawn(other())
        env.drive(lambda: bool(done))
        return list(done)
        yield

    assert run(process(), env) == ["other"]


def test_calls_between_nodes_are_direct():
    env, got = Real(), []
    env.listen("email", lambda message: got.append(message) or len(got))
    env.send("email", "a")
    assert env.ask("email", "b").value == 2
    assert env.link("email")("c") == 3
    assert got == ["a", "b", "c"]


def test_ports_keep_listeners_apart():
    env = Real()
    env.listen("email", lambda message: "plain")
    env.listen("email", lambda message: "other", "port")
    assert env.ask("email", 1).value == "plain" and env.ask("email", 1, "port").value == "other"


@pytest.mark.parametrize("error", [ValueError("x"), Timeout("x")])
def test_the_error_of_a_handler_is_the_answer(error):
    def handle(message):
        raise error

    for env in (Real(), World()):
        env.listen("email", handle)
        assert env.ask("email", 1).error is error


def test_nobody_listening_is_unreachable():
    env = Real()
    assert isinstance(env.ask("email", 1).error, Unreachable)
    with pytest.raises(Unreachable):
        env.send("email", 1)


def test_a_handler_that_takes_time_answers_at_its_end():
    env = Real()

    def handle(message):
        yield 0.001
        return message * 2

    def process():
        return (yield env.ask("email", 21))

    env.listen("email", handle)
    assert run(process(), env) == 42


def test_nobody_waits_for_the_deadline_of_an_answered_question():
    env = Real()

    def handle(message):
        yield 0.001
        return "answer"

    def process():
        return (yield env.ask("email", 1, timeout=30))

    env.listen("email", handle)
    assert run(process(), env) == "answer"
    began = time.monotonic()
    env.drive()
    assert time.monotonic() - began < 20, "it waited for a timeout that was no longer due"


def test_a_handler_that_takes_too_long_is_a_timeout():
    def handle(message):
        yield 30

    for env in (Real(), World()):
        env.listen("email", handle)
        answer = env.ask("email", 1, timeout=0.01)
        env.drive(lambda answer=answer: answer.done) if isinstance(env, Real) else env.run(until=1)
        assert isinstance(answer.error, Timeout)


def test_random_streams_are_kept_by_name():
    env = Real()
    assert env.random("a") is env.random("a") is not env.random("b")


def test_points_do_nothing_on_the_real_machine():
    assert Real().point("anywhere") is None


def test_each_node_has_its_own_folder(tmp_path):
    env = Real(tmp_path)
    env.files("email").open("a").append(b"mine")
    assert env.files("shop").list() == []
    assert (tmp_path / "email" / "a").read_bytes() == b"mine"


def test_the_clock_is_unix_time():
    env = Real()
    assert env.epoch == 0.0 and abs(env.now() - time.time()) < 1


# -------------------------------------------------------------------------------------------------------- ids


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_uuid7_has_the_layout_of_rfc_9562(milliseconds, bits):
    text = uuid7(milliseconds, bits)
    number = uuid.UUID(text)
    assert str(number) == text
    assert (number.version, number.variant) == (7, uuid.RFC_4122)
    assert number.int >> 80 == milliseconds
    assert (number.int >> 64 & 0xFFF) << 62 | number.int & (1 << 62) - 1 == bits


def test_uuid7_of_the_rfcs_example():
    # RFC 9562, appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00
    assert uuid7(0x017F22E279B0, 0xCC3 << 62 | 0x18C4DC0C0C07398F) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.lists(st.tuples(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1)), min_size=2))
def test_uuid7_sorts_by_time_then_by_its_bits(keys):
    assert [uuid7(*key) for key in sorted(keys)] == sorted(uuid7(*key) for key in keys)


def test_real_ids_are_new_and_carry_the_time():
    before = time.time_ns() // 1_000_000
    ids = [Real().new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert before <= uuid.UUID(ids[0]).int >> 80 <= time.time_ns() // 1_000_000


# ------------------------------------------------------------------------------------------------------ files


class TestFilesOnARealDisk(FilesContract):
    @pytest.fixture
    def make(self, tmp_path):
        number = itertools.count()
        return lambda: DiskFiles(tmp_path / f"deep/folder-{next(number)}")


class TestFilesInAWorld(FilesContract):
    @pytest.fixture
    def make(self):
        return lambda: World().files("email")


def test_looking_at_a_folder_does_not_make_it(tmp_path):
    assert DiskFiles(tmp_path / "none").list() == []
    assert not (tmp_path / "none").exists()


def test_new_names_and_new_folders_are_synced_with_the_folder_above(tmp_path, monkeypatch):
    """A file whose name is not durable is lost with all that was synced into it."""
    if not pathlib.Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to tell which folder was synced")
    synced, real = [], os.fsync

    def fsync(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    files = DiskFiles(tmp_path / "a" / "b")
    files.open("log")
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")} == set(synced)
    synced.clear()
    files.open("log")
    assert synced == []
    files.rename("log", "old")
    files.remove("old")
    assert synced == [str(tmp_path / "a" / "b")] * 2


def test_importing_the_door_loads_nothing_heavy():
    code = "import sys, evlab.env, evlab.sim; print({'pandas', 'matplotlib', 'ipywidgets'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "set()\n"
