"""The router's contract: in memory, on files, in a World beside it and from another node."""

from __future__ import annotations

import itertools

import pytest
from contracts.router import RouterContract

from evlab.env import Later
from evlab.errors import InvalidUse
from evlab.files import UnusableFolder
from evlab.router import ConnectionLost, Router
from evlab.sim import World


class Clock:
    """In the place of the module `time`: to sleep takes no time, and neither does a busy machine."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def time(self):
        return self.now

    monotonic = time

    def time_ns(self):
        return int(self.now * 1e9)

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("evlab.env.time", clock)
    monkeypatch.setattr("evlab.env.Real.now", clock.time)
    return clock


class Direct:
    """What `RouterContract` needs, beside a router on the real env."""

    def __init__(self, router, verbs=None, clock=None):
        self.clock = clock
        self.whole, self.router = router, verbs or router
        self.names = (f"queue-{number}" for number in itertools.count())

    def channel(self, prefetch=0):
        return self.router.channel(prefetch)

    def queue(self, **settings):
        return self.wait(self.router.declare_queue(next(self.names), **settings))

    def depth(self, queue):
        return self.whole.depth(queue)

    def wait(self, result):
        if not isinstance(result, Later):
            return result
        self.whole.env.drive(lambda: result.done)
        return result.value

    def passes(self, seconds):
        until = self.clock.now + seconds
        self.whole.env.after(seconds, lambda: None)
        self.whole.env.drive(lambda: self.clock.now >= until)

    def now(self):
        return self.clock.now

    def settles(self):
        self.passes(0.01)


class InAWorld(Direct):
    """The same in a World."""

    def wait(self, result):
        if not isinstance(result, Later):
            return result
        self.whole.env.run(until=result)
        return result.value

    def passes(self, seconds):
        self.whole.env.run(until=self.whole.env.now() + seconds)

    def now(self):
        return self.whole.env.now()

    def settles(self):
        self.passes(0.5)


class OnNode(InAWorld):
    def __init__(self, world, router, client):
        super().__init__(router, Acting(world, client))
        self.world = world

    def channel(self, prefetch=0):
        return Acting(self.world, self.router.channel(prefetch))


class Acting:
    """An object whose methods are called by a process on the node "service"; what they return is acting as well."""

    def __init__(self, world, inner):
        self._world, self._inner = world, inner

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        return self._call(found) if callable(found) else found

    def _call(self, method):
        def call(*arguments, **settings):
            def process():
                return method(*arguments, **settings)
                yield

            result = self._world.spawn(process(), "service").then(lambda _: None)
            self._world.run(until=result)
            return result.value

        return call


class TestInMemory(RouterContract):
    @pytest.fixture
    def make(self, clock):
        return Direct(Router(), clock=clock)


class TestOnFiles(RouterContract):
    @pytest.fixture
    def make(self, tmp_path, clock):
        with Router(tmp_path) as router:
            yield Direct(router, clock=clock)


class TestBesideItInAWorld(RouterContract):
    @pytest.fixture
    def make(self):
        return InAWorld(Router(env=World(5)))


class TestOnAnotherNode(RouterContract):
    @pytest.fixture
    def make(self):
        """The client is made, and all its calls run, on its node: so they take the network."""
        world = World(6)
        router = Router(env=world)
        return OnNode(world, router, router.client("service"))


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("path", [7, b"x", "x\0", "\ud800", object()])
def test_a_folder_that_cannot_be(path):
    with pytest.raises(InvalidUse, match="no path of a folder"):
        Router(path)


@pytest.mark.parametrize("name", ["a-file", "a-file/inside", "long" * 100])
def test_a_folder_that_the_system_refuses(tmp_path, name):
    (tmp_path / "a-file").write_text("of somebody's")
    with pytest.raises(UnusableFolder, match="cannot be opened"):
        Router(tmp_path / name)
    assert (tmp_path / "a-file").read_text() == "of somebody's"


@pytest.mark.parametrize("settings", [{"env": 5}, {"env": object()}, {"node": 5}, {"node": ""}, {"node": ["a"]}])
def test_an_env_or_a_node_that_is_none(settings):
    with pytest.raises(InvalidUse, match="is no Env|is no node"):
        Router(**settings)


@pytest.mark.parametrize("late", [
    lambda router: router.declare_exchange("shop", "topic"), lambda router: router.declare_queue("more"),
    lambda router: router.bind("orders", "amq.topic", "#"), lambda router: router.delete_queue("orders"),
    lambda router: router.purge("orders"), lambda router: router.publish("", "orders", b"late"),
    lambda router: router.channel(), lambda router: router.flush(),
])
def test_a_closed_router_takes_nothing_that_it_would_lose(tmp_path, late):
    router = Router(tmp_path)
    router.declare_queue("orders")
    router.close()
    with pytest.raises(ConnectionLost, match="is down, or was"):
        late(router)
    router.close()
    with Router(tmp_path) as again:
        assert [queue.name for queue in again.queues()] == ["orders"]
