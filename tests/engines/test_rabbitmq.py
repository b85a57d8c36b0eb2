"""The router's contract on RabbitMQ itself, and what only a server can do: die, come back, be far away.

EVLAB_RABBITMQ names a running server; without it a private node is started. What a test declares it deletes; its
exchanges have plain names ("x", "dead"), so one run at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from contracts.router import RouterContract
from router_histories import play

from brokers.common import NotInstalled, answers
from brokers.rabbitmq import running
from evlab.engines import EngineUnreachable, NotOnThisEngine, RabbitRouter
from evlab.env import Later, run
from evlab.errors import EvlabError, InvalidUse
from evlab.router import ConnectionLost, NotFound, ResourceLocked


class Declares:
    """A router's verbs, and a memory of what was declared."""

    def __init__(self, router):
        self.router, self.queues, self.exchanges = router, set(), set()

    def declare_queue(self, name="", **settings):
        declared = self.router.declare_queue(name, **settings)
        self.queues.add(declared)
        return declared

    def declare_exchange(self, name, type, *more, **settings):
        self.router.declare_exchange(name, type, *more, **settings)
        self.exchanges.add(name)

    def forget(self):
        for queue in self.queues:
            self.router.delete_queue(queue)
        for exchange in self.exchanges:
            self.router.delete_exchange(exchange)

    def __getattr__(self, name):
        return getattr(self.router, name)


NUMBERS = itertools.count(1)


class OnRabbitMQ:
    """What `RouterContract` needs."""

    def __init__(self, url, **settings):
        self.whole = RabbitRouter(url, **settings)
        self.router, self.handled = Declares(self.whole), 0

    def channel(self, prefetch=0):
        channel = self.router.channel(prefetch)
        consume = channel.consume

        def counted(queue, handler, **more):
            def handle(one):
                self.handled += 1
                return handler(one)

            return consume(queue, handle if callable(handler) else handler, **more)

        channel.consume = counted
        return channel

    def queue(self, **settings):
        return self.router.declare_queue(f"evlab-test-{next(NUMBERS)}", **settings)

    def depth(self, queue):
        return self.router.depth(queue)

    def wait(self, result):
        """An ack has no answer: one that was sent has reached its queue, and a dead letter the next, on return."""
        if not isinstance(result, Later):
            return result
        self.arrives()
        return result.value

    def arrives(self):
        """The channels have read what was sent, and each queue, a process of its own, has answered after them."""
        self.router.flush()
        for queue in self.router.queues:
            with contextlib.suppress(EvlabError):  # it was deleted
                self.router.depth(queue)

    def passes(self, seconds):
        self.router.serve(seconds)

    def now(self):
        return time.monotonic()

    def settles(self):
        """Three times in a row all has arrived and no handler was called: however slow the server is."""
        quiet = 0
        while quiet < 3:
            before = self.handled
            self.arrives()
            self.router.flush()
            self.router.serve(0.02)
            quiet = quiet + 1 if self.handled == before else 0

    def close(self):
        self.router.forget()
        self.whole.close()


@pytest.fixture
def node(rabbitmq_node):
    return rabbitmq_node


@pytest.fixture
def make(rabbitmq):
    made = OnRabbitMQ(rabbitmq)
    yield made
    made.close()


class TestRabbitMQ(RouterContract):
    """A publish waits for its confirm."""


def test_any_history_is_the_same_on_the_router_and_on_rabbitmq(rabbitmq, amount, measured):
    histories, calls = amount(10, 2_000), 0
    with RabbitRouter(rabbitmq) as router:
        for seed in range(histories):
            calls += len(play(seed, router))
    measured(f"RabbitMQ and the router: the same answers to {calls:,} calls of {histories:,} histories")


# ------------------------------------------------------------------------------------------------ words and forms


def test_what_amqp_cannot_do_says_so(make):
    router = make.whole
    for call, word in ((router.queues, "list"), (router.exchanges, "list"), (router.bindings, "list"),
                       (lambda: router.explain("x", "a"), "explain"), (lambda: router.client("shop"), "nodes"),
                       (lambda: router.declare_queue("q", type="stream"), "streams"),
                       (lambda: router.publish("", "q", b"1", headers={"price": 1.5}), "float headers")):
        with pytest.raises(NotOnThisEngine) as caught:
            call()
        assert caught.value.capability == word and word not in router.capabilities
        assert caught.value.next_step
    assert "confirms" in router.capabilities


def test_wrong_use_is_told_before_anything_is_sent(make, rabbitmq):
    router, queue, channel = make.whole, make.queue(), make.channel()
    for call in (lambda: RabbitRouter(rabbitmq, window=0), lambda: RabbitRouter(rabbitmq, heartbeat=1.5),
                 lambda: RabbitRouter("http://127.0.0.1/"), lambda: router.declare_queue("q", size=3),
                 lambda: router.publish("", queue, "text"), lambda: router.channel(-1),
                 lambda: channel.consume(queue, None), lambda: channel.ack(-1),
                 lambda: router.bind(queue, "amq.topic", 7)):
        with pytest.raises(InvalidUse) as caught:
            call()
        assert caught.value.next_step
    assert channel.closed is None
    router.close()
    with pytest.raises(InvalidUse):
        router.publish("", queue, b"1")
    make.whole = make.router.router = RabbitRouter(rabbitmq)


def test_an_error_closes_the_channel_that_it_came_from_and_no_other(make):
    consumer = make.channel()
    consumer.consume(queue := make.queue(), (got := []).append)
    with pytest.raises(NotFound) as caught:
        make.router.publish("nothing", "a", b"1")
    assert caught.value.name == "nothing" and "RabbitMQ" in caught.value.why
    make.router.publish("", queue, b"2")
    make.settles()
    assert [one.body for one in got] == [b"2"] and consumer.closed is None


def test_a_deleted_queue_cancels_its_consumer(make):
    queue, told = make.queue(), []
    consumer = make.channel().consume(queue, print)
    consumer.on_cancelled = lambda: told.append(1)
    make.router.delete_queue(queue)
    make.settles()
    assert consumer.cancelled and told == [1]


def test_an_exclusive_queue_is_for_one_connection_and_goes_with_it(make, rabbitmq):
    queue = make.queue(exclusive=True)
    with RabbitRouter(rabbitmq) as other:
        with pytest.raises(ResourceLocked):
            other.purge(queue)
        make.whole.close()
        with pytest.raises(NotFound):
            other.purge(queue)
    make.whole = make.router.router = RabbitRouter(rabbitmq)


# ---------------------------------------------------------------------------------------------- confirms, threads


def test_in_a_window_publish_returns_before_its_confirm_and_flush_waits(rabbitmq, make):
    queue = make.queue()
    with RabbitRouter(rabbitmq, window=100) as router:
        confirms = [router.publish("", queue, b"%d" % number) for number in range(50)]
        assert not confirms[-1].done
        router.flush()
        assert all(confirm.value.returned is None for confirm in confirms)
        assert router.depth(queue).ready == 50
        confirms = [router.publish("", queue, b"%d" % number) for number in range(250)]
        assert sum(not confirm.done for confirm in confirms) < 100

        def process():
            return (yield router.publish("", "nowhere", b"1", mandatory=True))

        assert run(process()).returned.code == 312


def test_each_message_that_comes_back_is_told_to_its_own_confirm(rabbitmq, make):
    queue = make.queue()
    with RabbitRouter(rabbitmq, window=100) as router:
        confirms = [router.publish("", queue if number % 3 else "nowhere", b"1", mandatory=number % 2 == 0)
                    for number in range(60)]
        router.flush()
    assert [confirm.value.returned is not None for confirm in confirms] == [n % 6 == 0 for n in range(60)]


def test_a_connection_for_each_thread(make):
    """Two threads publish through one router; the channel of a third is not theirs."""
    queue, channel, errors = make.queue(), make.channel(), []

    def publish():
        for number in range(50):
            make.router.publish("", queue, b"%d" % number)

    def steal():
        with pytest.raises(InvalidUse) as caught:
            channel.get(queue)
        errors.append(caught.value)

    for target in (publish, publish, steal):
        threads = [threading.Thread(target=target)]
        threads[0].start()
        threads[0].join(30)
    assert make.depth(queue).ready == 100
    assert ["thread" in str(error) for error in errors] == [True]


def test_a_handler_that_sleeps_starves_the_heartbeats_and_one_that_yields_does_not(rabbitmq, make):
    """Both work for 4 s with heartbeats of 1 s, side by side."""
    slow, fair = make.queue(), make.queue()
    for queue in (slow, fair):
        make.router.publish("", queue, b"1")

    def sleeps(one):
        time.sleep(4)

    def yields(one):
        yield 4

    def work(queue, handler):
        with RabbitRouter(rabbitmq, heartbeat=1) as router:
            ended[queue] = channel = router.channel(1)
            channel.consume(queue, handler)
            router.serve(4.2)
            ended[queue] = channel.closed

    ended = {}
    threads = [threading.Thread(target=work, args=pair) for pair in ((slow, sleeps), (fair, yields))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert isinstance(ended[slow], EngineUnreachable) and ended[fair] is None
    assert make.channel().get(slow).redelivered and make.depth(fair).ready == 0


# -------------------------------------------------------------------------------------------- a server that dies


def test_a_publish_waits_for_its_confirm(node):
    """The server is frozen; `publish` returns only after it has thawed."""
    with RabbitRouter(node.url) as router:
        queue = router.declare_queue()
        router.publish("", queue, b"0")  # so that the channel is there
        thawed = threading.Event()

        def thaw():
            thawed.set()
            os.kill(node.server.pid, signal.SIGCONT)

        freeze(node.server.pid)
        threading.Timer(0.3, thaw).start()
        assert router.publish("", queue, b"1").done and thawed.is_set()


def test_in_a_window_an_unknown_exchange_leaves_the_others_unknown(node):
    """The server is frozen while three messages leave: it reads the first, and the second closes the channel."""
    with RabbitRouter(node.url, window=100) as router:
        queue = router.declare_queue()
        router.publish("", queue, b"0")
        router.flush()
        freeze(node.server.pid)
        confirms = [router.publish(*where, b"1") for where in (("", queue), ("nothing", "a"), ("", queue))]
        os.kill(node.server.pid, signal.SIGCONT)
        router.flush()
        first, wrong, behind = confirms
        assert isinstance(wrong.error, NotFound) and isinstance(behind.error, ConnectionLost)
        assert first.error is None or isinstance(first.error, ConnectionLost)
        router.publish("", queue, b"2")
        router.flush()
        assert router.depth(queue).ready == 3


def test_killed_in_the_middle_unconfirmed_is_unknown_and_what_was_confirmed_is_there_after_a_restart(node):
    with RabbitRouter(node.url, window=100) as router:
        durable, gone = router.declare_queue("evlab-kept"), router.declare_queue("gone", durable=False)
        router.publish("", durable, b"1")
        router.publish("", durable, b"2", persistent=False)
        router.publish("", gone, b"3")
        router.flush()
        channel = router.channel()
        consumer = channel.consume(durable, print, acks="manual")
        declared_for_good(node, durable)
        freeze(node.server.pid)  # so that nothing more is confirmed
        unconfirmed = [router.publish("", durable, b"%d" % number) for number in range(4, 7)]
        node.kill()
        with pytest.raises(EngineUnreachable) as caught:
            router.flush()
        assert isinstance(caught.value, ConnectionLost) and caught.value.retriable
        assert str(node.port) in str(caught.value) and "guest" not in str(caught.value)
        assert all(isinstance(confirm.error, EngineUnreachable) for confirm in unconfirmed)
        assert consumer.cancelled
        for call in (lambda: router.publish("", durable, b"7"), lambda: router.declare_queue("q"),
                     lambda: router.channel(), lambda: channel.get(durable), lambda: channel.ack(1),
                     lambda: RabbitRouter(node.url)):
            with pytest.raises(EngineUnreachable):
                call()
        node.start()
        with pytest.raises(EngineUnreachable):
            channel.get(durable)
        assert router.channel().get(durable).body == b"1" and router.depth(durable).ready == 0
        with pytest.raises(NotFound):
            router.purge(gone)


def test_nothing_of_a_stopped_server_is_left(node):
    """No process of its folder and its groups, and nobody listens on its ports."""
    groups, ports = {node.server.pid, node.epmd.pid}, [node.port, int(node.epmd.args[2])]
    assert processes(node.folder, groups) and all(map(answers, ports))
    node.stop()
    assert processes(node.folder, groups) == [] and not any(map(answers, ports))


def declared_for_good(node, queue) -> None:
    """Wait until no kill can take a durable queue. RabbitMQ 3 acks its declaration when Mnesia has written it; that it
    counts, Mnesia writes a moment later, and after a kill in between the queue is not there."""
    folder, name, until = node.folder / "mnesia" / "evlab@localhost", queue.encode(), time.monotonic() + 10
    log = folder / "LATEST.LOG"
    while log.exists():
        _, found, behind = log.read_bytes().rpartition(name)
        kept = any(name in table.read_bytes() for table in folder.glob("rabbit_durable_queue.*"))
        if b"committed" in behind if found else kept:
            return
        assert time.monotonic() < until
        time.sleep(0.01)


def freeze(pid) -> None:
    """Stop a process, and return when each of its threads stands: until then it may go on for a moment."""
    os.kill(pid, signal.SIGSTOP)
    threads, until = pathlib.Path(f"/proc/{pid}/task"), time.monotonic() + 10
    if not threads.exists():
        time.sleep(0.5)  # no Linux
    while not all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads.glob("*/stat")):
        assert time.monotonic() < until
        time.sleep(0.01)


def processes(folder, groups) -> list[str]:
    """The lines of `ps` for what runs in a folder, or in one of these process groups; not what waits for its burial."""
    lines = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if (int(line.split()[0]) in groups or str(folder) in line)
            and not line.split()[1].startswith("Z")]


def test_a_server_that_is_not_installed_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("brokers.rabbitmq.BESIDE_PATH", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match="Next step: apt-get install rabbitmq-server"), running(tmp_path):
        pass
