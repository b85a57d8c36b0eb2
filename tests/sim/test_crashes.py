"""A crash ends a life: what it was doing stops, and nothing it left behind can act. Restart, boot, pause, calm."""

from __future__ import annotations

import gc
from contextlib import suppress

import pytest

from evlab import Later, Signal, Timeout, World
from evlab.env import Dead
from evlab.errors import InvalidUse, Unreachable
from evlab.sim import Fault, Plan, check


def kinds(world, *wanted):
    return [(entry.kind, entry.node) for entry in world.history if not wanted or entry.kind in wanted]


# ------------------------------------------------------------------------------------------------- what it ends


@pytest.mark.parametrize("power", [True, False])
def test_a_crash_ends_processes_and_drops_timers(power):
    world, done = World(), []

    def process():
        while True:
            yield 1
            done.append(world.now())

    def plan_ahead():
        world.after(5, lambda: done.append("timer"))
        yield 0

    world.spawn(process(), "shop")
    world.spawn(plan_ahead(), "shop")
    world.after(2.5, lambda: world.crash("shop", power=power))
    world.run(until=10)
    assert done == [1.0, 2.0]
    assert kinds(world) == [("crash" if power else "kill", "shop")]


def test_the_last_words_of_a_process_are_spoken_at_the_crash_and_reach_no_one():
    world, spoken = World(), []

    def process():
        try:
            yield 100
        finally:
            spoken.append(world.now())
            world.note("never heard")
            spoken.append("never reached")

    world.spawn(process(), "shop")
    world.after(2, lambda: world.crash("shop"))
    world.run(until=2)
    assert spoken == [2.0] and kinds(world) == [("crash", "shop")]


def test_other_nodes_live_on():
    world, done = World(), []

    def process():
        yield 2
        done.append("email")

    world.spawn(process(), "email")
    world.listen("shop", print)
    world.after(1, lambda: world.crash("shop"))
    world.run()
    assert done == ["email"]


def doors(world, signal=None):
    """Everything that dead code could try, each by itself."""
    stream = world.random("chance")
    yield "send", lambda: world.send("email", "from beyond")
    yield "send home", lambda: world.send("shop", "from beyond")
    yield "ask", lambda: world.ask("email", "from beyond")
    yield "link", lambda: world.link("email")("from beyond")
    yield "link home", lambda: world.link("shop")("from beyond")
    yield "after", lambda: world.after(1, lambda: world.send("email", "from beyond"))
    yield "spawn", lambda: world.spawn((world.send("email", "x") for _ in [1]), "email")
    yield "listen", lambda: world.listen("email", lambda message: None)
    yield "open", lambda: world.files("shop").open("a").append(b"from beyond")
    yield "new id", lambda: world.new_id()
    yield "random", lambda: world.random("chance").random() and stream
    yield "point", lambda: world.point("from beyond")
    yield "note", lambda: world.note("from beyond")
    yield "did", lambda: world.history.did("receive", "from beyond")
    yield "crash", lambda: world.crash("email")
    yield "crash itself", lambda: world.crash("shop")
    yield "restart", lambda: world.restart("shop")
    yield "pause", lambda: world.pause("email", 5)
    yield "calm", lambda: world.calm()
    yield "cut", lambda: world.network.cut("web", "email")
    yield "drop", lambda: world.network.drop("web", "email")
    yield "slow", lambda: world.network.slow("web", "email", 1)
    yield "heal", lambda: world.network.heal()
    yield "boot", lambda: world.node("email", lambda: None)
    yield "sometimes", lambda: world.sometimes("from beyond")


DOORS = [name for name, _ in doors(World())]


def in_finally(door):
    try:
        yield 100
    finally:
        door()


def in_except_exception(door):
    try:
        yield 100
    finally:
        try:
            door()
        except Exception:
            door()


def in_except_base_exception(door):
    try:
        yield 100
    except BaseException:
        try:
            door()
        except BaseException:
            door()


def in_a_nested_generator(door):
    yield from in_finally(door)


def by_yielding_again(door):
    try:
        yield 100
    finally:
        try:
            yield 1
        finally:
            door()


def by_refusing_to_close(door):
    for _ in range(5):
        with suppress(GeneratorExit):
            yield 0.5
    door()


def by_crashing_while_it_closes(door):
    try:
        yield 100
    finally:
        try:
            door()
        finally:
            raise KeyError("the last words of the dead")


LAST_WORDS = [in_finally, in_except_exception, in_except_base_exception, in_a_nested_generator, by_yielding_again,
              by_refusing_to_close, by_crashing_while_it_closes]


def a_world_that_goes_on(last_words, door_name):
    """A node dies at 0.4 s; the rest goes on. The world, with all that can be seen of it."""
    world, got = World(3), []
    for node in ("shop", "email"):
        world.listen(node, lambda message, node=node: got.append((world.now(), node, message)))

    def web():
        for number in range(8):
            world.history.did("send", number)
            world.send("email", number)
            yield 0.2
            got.append(world.random("chance").random())
            got.append(world.new_id("shop"))

    world.spawn(web(), "web")
    if last_words:
        door = dict(doors(world))[door_name]
        world.spawn(last_words(door), "shop")
    else:
        world.spawn(iter_of(100), "shop")
    world.run(until=0.1)
    world.run(until=0.4)
    world.crash("shop")
    world.run(until=1)
    if last_words is by_yielding_again:
        gc.collect()
    world.restart("shop")
    world.run()
    return world, got, world.points, world.reached, bytes(world.files("shop").open("a").read())


def iter_of(delay):
    yield delay


@pytest.fixture(scope="module")
def undisturbed():
    world, *rest = a_world_that_goes_on(None, None)
    return [world.history.digest(), *rest]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("last_words", LAST_WORDS)
def test_nothing_that_dead_code_tries_changes_anything(last_words, door, undisturbed):
    world, *rest = a_world_that_goes_on(last_words, door)
    assert [world.history.digest(), *rest] == undisturbed


def test_a_generator_that_refuses_to_close_is_never_run_again():
    world, ran, gives_in = World(), [], []

    def stubborn():
        while not gives_in:
            with suppress(GeneratorExit):
                yield 0.5
                ran.append(world.now())

    world.spawn(stubborn(), "shop")
    world.after(1.2, lambda: world.crash("shop", down=0.5))
    world.run(until=10)
    gc.collect()
    assert ran == [0.5, 1.0]
    gives_in.append("so that Python can throw it away quietly")


def crash_itself(world):
    world.crash("shop")


def crash_itself_and_go_on(world):
    try:
        world.crash("shop")
    except BaseException:
        world.history.did("receive", "from beyond")


def crash_itself_and_swallow(world):
    with suppress(BaseException):
        world.crash("shop")


def crash_itself_and_raise(world):
    try:
        world.crash("shop")
    finally:
        raise KeyError("on the way out")


ENDS = [crash_itself, crash_itself_and_go_on, crash_itself_and_swallow, crash_itself_and_raise]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("place", ["process", "call", "handler", "generator handler", "callback", "boot", "own ask"])
def test_a_node_that_crashes_itself_stops_there(end, place):
    world, after = World(), []

    def process():
        yield 1
        end(world)
        after.append("goes on in Python, but reaches nothing")
        yield 1
        after.append("a second step")
        world.history.did("receive", "a second step")

    def handler(message):
        end(world)

    def generator_handler(message):
        yield 0.1
        end(world)
        return "answer"

    def asking(answer):
        answer.append((yield world.ask("shop", "x", timeout=3)))

    def shop_asks_itself():
        world.ask("shop", "x")
        after.append("alive")
        yield 0

    answer = []
    if place == "process":
        world.spawn(process(), "shop")
    elif place == "call":
        world.spawn(waits(lambda: world.after(1, lambda: end(world))), "shop")
    elif place == "callback":
        world.listen("email", lambda message: "ok")
        world.spawn(waits(lambda: world.ask("email", "x").then(lambda _: end(world))), "shop")
    elif place == "boot":
        world.node("shop", lambda: world.after(1, lambda: end(world)) if world.now() == 0 else None)
    elif place == "own ask":
        world.listen("shop", handler)
        world.spawn(shop_asks_itself(), "shop")
    else:
        world.listen("shop", handler if place == "handler" else generator_handler)
        world.spawn(asking(answer), "web")
        with pytest.raises(Timeout):
            world.run()
    world.run()
    assert ("crash", "shop") in kinds(world) and ("invoke", "shop") not in kinds(world)
    assert answer == [] and "a second step" not in after and "alive" not in after
    assert world.nodes["shop"].dead


def waits(call):
    call()
    yield 100


def test_a_boot_may_crash_and_is_tried_again():
    world, lives = World(0, Plan([Fault("crash", "shop@booting", 1, 0.5), Fault("kill", "shop@booting", 2, 0.5)])), []

    def boot():
        world.point("booting")
        lives.append(world.now())

    world.node("shop", boot)
    assert lives == []
    world.run()
    assert lives == [1.0] and world.nodes["shop"].life == 3


def test_a_process_that_dies_with_a_result_tells_nobody():
    world, told = World(), []

    def process():
        try:
            yield 1
            world.crash("shop")
        except BaseException:
            return "result"

    finished = world.spawn(process(), "shop")
    finished.then(lambda done: told.append(done.value))
    world.run()
    assert told == [] and not finished.done


def test_a_second_crash_of_a_dead_node_does_nothing():
    world = World()
    world.listen("shop", print)
    world.crash("shop")
    world.crash("shop")
    assert kinds(world) == [("crash", "shop")]


def test_crashing_the_experimenter_does_nothing():
    world = World()
    world.crash("")
    assert len(world.history) == 0 and world.now() == 0


def test_a_boot_that_crashes_its_restarter_stops_it():
    world, after = World(), []
    world.node("email", lambda: world.crash("shop") if "shop" in world.nodes else None)

    def shop():
        world.crash("email")
        world.restart("email")
        after.append("alive")
        yield 0

    world.spawn(shop(), "shop")
    world.run()
    assert after == [] and world.nodes["shop"].dead and not world.nodes["email"].dead


# ------------------------------------------------------------------------------------------------ messages, asks


def test_a_message_to_a_dead_node_is_lost_and_one_to_its_next_life_arrives():
    world, got = World(), []
    world.listen("email", got.append)

    def shop():
        for number in range(3):
            world.send("email", number)
            yield 1

    world.spawn(shop(), "shop")
    world.after(0.5, lambda: world.crash("email", down=1.0))
    world.run()
    assert got == [0, 2]
    assert [e.value for e in world.history if e.kind == "drop"] == ["email is down"]


def test_a_message_on_its_way_outlives_its_sender():
    world, got = World(), []
    world.listen("email", got.append)

    def shop():
        world.send("email", "last words")
        yield 0
        world.crash("shop")

    world.spawn(shop(), "shop")
    world.run()
    assert got == ["last words"]


def test_an_answer_to_an_earlier_life_finds_nobody_who_asked():
    world, asked, told = World(), [], []

    def handle(message):
        yield 1
        return message

    def boot():
        answer = world.ask("email", f"life {len(asked) + 1}", timeout=5)
        asked.append(answer)
        answer.then(lambda done: told.append(done.value))

    world.listen("email", handle)
    world.node("shop", boot)
    world.after(0.5, lambda: world.crash("shop", down=0.1))
    world.run()
    assert told == ["life 2"] and not asked[0].done


def test_the_handler_dies_between_its_work_and_its_ack():
    world = World(0, Plan([Fault("crash", "email@handled", 1, 0.2)]))

    def shop():
        op = world.history.invoke("send", "x")
        while True:
            try:
                yield world.ask("email", "x", timeout=0.5)
                break
            except Timeout:
                pass
        op.ok()

    world.listen("email", lambda message: world.history.did("receive", message))
    world.spawn(shop(), "shop")
    world.run()
    assert [anomaly.name for anomaly in check(world.history)] == ["duplicate"]


def test_the_experimenter_who_asks_a_node_that_dies_over_it_gets_a_timeout():
    world = World(0, Plan([Fault("crash", "email@working", 1)]))
    world.listen("email", lambda message: world.point("working"))
    answer = world.ask("email", "x", timeout=2)
    assert not answer.done
    world.run()
    assert isinstance(answer.error, Timeout) and world.now() == 2.0


# ------------------------------------------------------------------------------------------------ restart, boot


def test_boot_runs_now_and_in_each_life():
    world, lives = World(), []

    def boot():
        lives.append((world.now(), world.nodes["shop"].life))

    world.node("shop", boot)
    world.after(1, lambda: world.crash("shop", down=0.5))
    world.run()
    assert lives == [(0.0, 1), (1.5, 2)]
    assert kinds(world) == [("crash", "shop"), ("restart", "shop")]


def test_a_generator_that_boot_returns_is_the_nodes_process():
    world, steps = World(), []

    def work():
        while True:
            steps.append(world.now())
            yield 1

    world.node("shop", work)
    world.after(1.5, lambda: world.crash("shop", down=1))
    world.run(until=4)
    assert steps == [0.0, 1.0, 2.5, 3.5]


def test_without_boot_a_restart_listens_as_before():
    world, got = World(), []
    world.listen("email", got.append)
    world.crash("email")
    world.restart("email")
    world.send("email", "x")
    assert got == ["x"]


def test_with_boot_what_was_not_listened_to_again_is_not_heard():
    world, lives = World(), []

    def boot():
        lives.append(1)
        if len(lives) == 1:
            world.listen("email", lambda message: "heard")

    world.node("email", boot)
    world.crash("email")
    world.restart("email")

    def shop():
        yield world.ask("email", "x", timeout=0.5)

    world.spawn(shop(), "shop")
    with pytest.raises(Timeout):
        world.run()
    assert [e.value for e in world.history if e.kind == "drop"] == ["email is starting"]


def test_messages_to_a_node_that_is_still_reading_its_disk_are_lost_not_errors():
    world, got = World(), []

    def boot():
        if world.now() > 0:
            yield 1
        world.listen("email", got.append)

    def shop():
        for number in range(4):
            yield 0.5
            world.send("email", number)

    world.node("email", boot)
    world.spawn(shop(), "shop")
    world.after(0.9, lambda: world.crash("email", down=0))
    world.run()
    assert got == [0, 3]


def test_a_first_boot_may_take_time_as_well():
    world, got = World(), []

    def boot():
        yield 1
        world.listen("email", got.append)

    def shop():
        world.send("email", "too early")
        yield 2
        world.send("email", "in time")

    world.node("email", boot)
    world.spawn(shop(), "shop")
    world.run()
    assert got == ["in time"] and [e.value for e in world.history if e.kind == "drop"] == ["email is starting"]


def test_a_boot_that_ended_and_does_not_listen_is_a_mistake():
    world = World()

    def boot():
        yield 0

    def shop():
        yield 1
        world.send("email", "x")

    world.node("email", boot)
    world.spawn(shop(), "shop")
    with pytest.raises(Unreachable):
        world.run()


def test_restart_of_a_living_node_does_nothing():
    world = World()
    world.listen("shop", print)
    world.restart("shop")
    assert len(world.history) == 0 and world.nodes["shop"].life == 1


def test_a_planned_restart_belongs_to_its_own_crash():
    world = World()
    world.listen("shop", print)
    world.after(1, lambda: world.crash("shop", down=10))
    world.after(2, lambda: world.restart("shop"))
    world.after(3, lambda: world.crash("shop", down=20))
    world.run()
    assert [(e.kind, e.time) for e in world.history] == [
        ("crash", 1.0), ("restart", 2.0), ("crash", 3.0), ("restart", 23.0)]


@pytest.mark.parametrize("down", [-1, float("nan"), float("inf")])
def test_a_node_cannot_be_down_for_no_time(down):
    world = World()
    world.listen("shop", print)
    with pytest.raises(InvalidUse):
        world.crash("shop", down=down)
    assert not world.nodes["shop"].dead, "nothing is half done"


def test_what_is_started_on_a_dead_node_never_runs():
    world, ran = World(), []

    def process():
        ran.append(1)
        yield 0

    world.listen("shop", print)
    world.crash("shop")
    finished = world.spawn(process(), "shop")
    world.restart("shop")
    world.run()
    assert ran == [] and not finished.done


# ---------------------------------------------------------------------------------------------------- files


def test_a_file_of_an_earlier_life_is_dead_and_the_disk_is_not():
    world = World()
    world.listen("email", print)
    files = world.files("email")
    file = files.open("log")
    file.append(b"x")
    file.sync()
    world.crash("email")
    for use in (file.read, file.size, file.sync, files.list, lambda: file.append(b"y"), lambda: file.truncate(0),
                lambda: files.open("log"), lambda: files.rename("log", "new"), lambda: files.remove("log")):
        with pytest.raises(Dead):
            use()
    world.restart("email")
    with pytest.raises(Dead):
        file.read()
    assert world.files("email").open("log").read() == b"x"


def test_the_disk_of_a_machine_that_is_down_can_be_looked_at():
    world = World()
    world.listen("email", print)
    file = world.files("email").open("log")
    file.append(b"x")
    file.sync()
    world.crash("email")
    assert world.files("email").open("log").read() == b"x"


@pytest.mark.parametrize("asked", [True, False])
def test_living_code_that_uses_a_file_of_an_earlier_life_is_told(asked):
    world = World()
    file = world.files("email").open("log")
    world.listen("email", lambda message: file.append(b"x"))

    def shop():
        world.send("email", 1) if not asked else world.ask("email", 1)
        yield 0

    world.crash("email")
    world.restart("email")
    world.spawn(shop(), "shop")
    with pytest.raises(InvalidUse, match="earlier life"):
        world.run()


# ----------------------------------------------------------------------------------------------------- pause


def test_a_paused_node_does_nothing_and_then_everything_in_the_order_in_which_it_was_due():
    for seed in range(20):
        world, done = World(seed), []

        def shop(world=world, done=done):
            for number in range(4):
                world.after(1 + number / 10, lambda number=number: done.append((number, world.now())))
            yield 1.25
            done.append(("process", world.now()))

        world.spawn(shop(), "shop")
        world.after(0.5, lambda world=world: world.pause("shop", 2.5))
        world.run()
        assert done == [(0, 3.0), (1, 3.0), (2, 3.0), ("process", 3.0), (3, 3.0)]


def test_messages_wait_for_a_paused_node_and_keep_their_order():
    for seed in range(20):
        world, got = World(seed), []
        world.listen("email", lambda message, got=got, world=world: got.append((message, world.now() >= 2.0)))

        def shop(world=world):
            for number in range(20):
                world.send("email", number)
                yield 0.15

        world.spawn(shop(), "shop")
        world.after(1, lambda world=world: world.pause("email", 1))
        world.run()
        assert [number for number, _ in got] == list(range(20))
        assert [number for number, late in got if not late] == list(range(7))


def test_a_pause_inside_a_pause_lasts_to_the_later_end():
    world, done = World(), []
    world.spawn(waiting(world, done), "shop")
    world.after(0.5, lambda: world.pause("shop", 3))
    world.after(1.5, lambda: world.pause("shop", 0.5))
    world.run()
    assert done == [3.5] and [e.time for e in world.history if e.kind == "resume"] == [3.5]


def test_a_pause_can_be_made_longer():
    world, done = World(), []
    world.spawn(waiting(world, done), "shop")
    world.after(0.5, lambda: world.pause("shop", 1))
    world.after(1.2, lambda: world.pause("shop", 3))
    world.run()
    assert done == [4.2] and [e.time for e in world.history if e.kind == "resume"] == [4.2]


def waiting(world, done):
    yield 1
    done.append(world.now())


def test_a_crash_ends_a_pause_and_loses_what_waited():
    world, got = World(), []
    world.listen("email", got.append)

    def shop():
        world.send("email", "waits")
        yield 2
        world.send("email", "comes later")

    world.spawn(shop(), "shop")
    world.pause("email", 1)
    world.after(0.5, lambda: world.crash("email", down=0.1))
    world.run()
    assert got == ["comes later"]
    seen = kinds(world, "pause", "resume", "crash", "drop")
    assert seen == [("pause", "email"), ("crash", "email"), ("drop", "shop")]


def test_a_pause_longer_than_the_timeout_is_a_timeout_for_the_asker():
    world = World()
    world.listen("email", lambda message: "ok")

    def shop():
        try:
            yield world.ask("email", "x", timeout=0.5)
        except Timeout:
            return world.now()

    finished = world.spawn(shop(), "shop")
    world.pause("email", 2)
    world.run()
    assert finished.value == 0.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), None])
def test_a_pause_has_a_length(seconds):
    world = World()
    world.listen("shop", print)
    with pytest.raises(InvalidUse):
        world.pause("shop", seconds)
    assert len(world.history) == 0


# ------------------------------------------------------------------------------------------------------ calm


def test_calm_brings_back_nodes_links_and_what_is_paused():
    world, got = World(), []
    for node in ("billing", "email", "web"):
        world.listen(node, lambda message, node=node: got.append((node, world.now())))

    def shop():
        world.send("web", "waits for the end of the pause")
        yield 3
        for node in ("billing", "email"):
            world.send(node, "x")

    world.spawn(shop(), "shop")
    world.crash("email")
    world.network.cut("shop", "billing")
    world.network.drop("shop", "billing", 5)
    world.pause("web", 100)
    world.run(until=2)
    assert got == []
    world.calm()
    world.run()
    assert got[0] == ("web", 2.0) and {node for node, _ in got} == {"billing", "email", "web"}
    assert world.now() < 10
    assert [e.time for e in world.history if e.kind == "resume"] == [2.0]


def test_after_calm_no_fault_strikes():
    plan = Plan([Fault("drop", "shop→email", 1), Fault("crash", "email@received", 1), Fault("crash", "shop", at=5.0)])
    world, got = World(0, plan), []
    world.listen("email", got.append)

    def shop():
        yield 1
        yield world.ask("email", "x")
        yield 10
        got.append("alive")

    world.spawn(shop(), "shop")
    world.run(until=0.5)
    assert world.calm() is world
    world.run()
    assert got == ["x", "alive"] and world.struck_by == []


def test_what_is_asked_of_a_world_after_calm_is_done():
    world = World().calm()
    world.listen("shop", print)
    world.crash("shop")
    assert world.nodes["shop"].dead


# ----------------------------------------------------------------------------------------- points, faults at them


def test_points_are_counted_by_node():
    world = World()

    def process(times):
        for _ in range(times):
            world.point("here")
            yield 1

    world.spawn(process(3), "shop")
    world.spawn(process(2), "email")
    world.run()
    assert world.points == {"shop@here": 3, "email@here": 2}


@pytest.mark.parametrize("kind", ["crash", "kill"])
def test_a_fault_strikes_at_exactly_its_pass_of_its_point(kind):
    world, passed = World(0, Plan([Fault(kind, "shop@here", 3, 0.5)])), []

    def process():
        for number in range(1, 5):
            world.point("here")
            passed.append(number)
            yield 1

    world.node("shop", process)
    world.run(until=20)
    assert passed == [1, 2, 1, 2, 3, 4]
    assert kinds(world) == [(kind, "shop"), ("restart", "shop")]
    assert world.struck_by == [Fault(kind, "shop@here", 3, 0.5)]


def test_a_crash_in_a_callback_of_a_signal_does_not_starve_other_nodes():
    world, signal, heard = World(), Signal(), []

    def shop():
        yield signal
        world.crash("shop")

    def email():
        yield signal
        heard.append("email")

    world.spawn(shop(), "shop")
    world.spawn(email(), "email")
    world.after(1, signal.fire)
    world.run()
    assert heard == ["email"]


def test_a_process_that_waits_for_what_a_dead_node_promised_waits_for_ever():
    world, got = World(), []
    promise = Later()

    def shop():
        yield 1
        world.crash("shop")
        promise.resolve("never")

    def email():
        got.append((yield promise))

    world.spawn(shop(), "shop")
    world.spawn(email(), "email")
    world.run()
    assert got == []
