"""The journal: cut at every byte, every bit flipped, writes that fail, growth; and the router that comes back."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from functools import partial
from random import Random

import pytest

from evlab.env import Real
from evlab.files import DiskFiles, InUse
from evlab.router import CorruptJournal, JournalFailed, Message, Router, RouterError, journal
from evlab.router.journal import NAME, Journal
from evlab.sim import World

CHILD = pathlib.Path(__file__).parent / "router_child.py"


class Memory:
    """`Files` that hold bytes in a dict, and fail at the n-th use of a verb."""

    def __init__(self, content=None):
        self.content = {} if content is None else content
        self.fails, self.uses = {}, {"append": 0, "sync": 0, "rename": 0}

    def use(self, verb):
        self.uses[verb] += 1
        if self.uses[verb] == self.fails.get(verb):
            raise OSError(28, "no space left")

    def open(self, name):
        self.content.setdefault(name, b"")
        return MemoryFile(self, name)

    def rename(self, old, new):
        self.use("rename")
        self.content[new] = self.content.pop(old)

    def remove(self, name):
        del self.content[name]

    def list(self):
        return sorted(self.content)

    def lock(self):
        return lambda: None


class MemoryFile:
    def __init__(self, files, name):
        self.files, self.name = files, name

    def read(self, start=0, length=None):
        return self.data[start:None if length is None else start + length]

    @property
    def data(self):
        return self.files.content.get(self.name, self.files.content.get(NAME))

    def append(self, data):
        name = self.name if self.name in self.files.content else NAME
        try:
            self.files.use("append")
        except OSError:
            self.files.content[name] += data[:len(data) // 2]  # a failed write may leave a part
            raise
        self.files.content[name] += data

    def truncate(self, size):
        self.files.content[self.name] = self.files.content[self.name][:size]

    def sync(self):
        self.files.use("sync")

    def size(self):
        return len(self.data)

    def close(self):
        pass


class Env(Real):
    """The machine, with such files."""

    def __init__(self, files, **_):
        super().__init__()
        self._files = files

    def files(self, node):
        return self._files


def opened(content=None, **more):
    return Router(env=Env(Memory(content)), **more)


def state(router):
    """All that a journal keeps, as plain values."""
    queues = {name: [(item.message.body, item.redelivered, item.count) for item in queue.items()]
              for name, queue in router.broker.queues.items()}
    settings = {name: queue.settings for name, queue in router.broker.queues.items()}
    return queues, settings, router.exchanges(), router.bindings()


def written():
    """A router with some of everything; its files, and for each size that the journal had, the router's state then."""
    files = Memory()
    router = Router(env=Env(files))
    states = {}

    def look():
        states[len(files.content[NAME])] = state(opened({NAME: files.content[NAME]}))

    look()
    calls = [partial(router.declare_exchange, "x", "topic", "rest"), partial(router.declare_exchange, "h", "headers"),
             partial(router.declare_queue, "q", ttl=10**9, max_length=100), partial(router.declare_queue, "r"),
             partial(router.declare_queue, "quorum", type="quorum", delivery_limit=9),
             partial(router.bind, "q", "x", "a.*"), partial(router.bind, "r", "x", "#"),
             partial(router.bind, "r", "h", arguments={"kind": "pdf", "n": 1}),
             partial(router.publish, "x", "a.b", b"both", headers={"n": 1.5, "b": b"x", "l": [None, True]}),
             partial(router.publish, "", "q", b"one", expiration="99999999", priority=3),
             partial(router.publish, "", "quorum", b"again"), partial(router.publish, "", "q", b"short"),
             partial(router.publish, "", "q", b"not kept", persistent=False),
             lambda: router.channel().get("q").ack(), lambda: router.channel().get("quorum").nack(),
             partial(router.unbind, "q", "x", "a.*"), partial(router.delete_exchange, "h"),
             partial(router.purge, "r"), partial(router.publish, "x", "a.b", b"last")]
    for call in calls:
        call()
        look()
    return files.content[NAME], states


def test_all_that_is_durable_comes_back(tmp_path):
    with Router(tmp_path) as router:
        router.declare_exchange("orders", "topic", "rest")
        router.declare_exchange("fleeting", "fanout", durable=False)
        router.declare_queue("email", max_length=5, dead_letter_exchange="dead")
        router.declare_queue("fleeting", durable=False)
        router.declare_queue("mine", exclusive=True)
        router.bind("email", "orders", "order.*")
        router.bind("fleeting", "orders", "order.*")
        router.publish("orders", "order.placed", b"kept", headers={"n": 1})
        router.publish("orders", "order.placed", b"gone", persistent=False)
        assert router.depth("email").ready == router.depth("fleeting").ready == 2
        seen = router.channel().get("email")
        assert seen.body == b"kept"
        before = router.bindings()[:1]
    with Router(tmp_path) as router:
        assert [row.name for row in router.queues()] == ["email"] and router.exchanges() == [
            ("orders", "topic", True, "rest")]
        assert router.bindings() == before
        one = router.channel().get("email")
        assert (one.body, one.redelivered, one.headers) == (b"kept", True, {"n": 1})
        one.ack()
        router.publish("", "email", b"new")
    with Router(tmp_path) as router:
        channel = router.channel()
        one = channel.get("email")
        assert (one.body, one.redelivered) == (b"new", False)  # it was closed in good order: nobody had it
        assert channel.get("email") is None


def test_a_torn_tail_is_cut_at_every_byte_and_nothing_else():
    """ROUTE-1: the router is then as it was after the last whole frame."""
    data, states = written()
    ends = sorted(states)
    assert ends[-1] == len(data) and len(ends) > 15
    for size in range(len(data) + 1):
        files = {NAME: data[:size]}
        end = max(one for one in ends if one <= size)
        router = opened(files)
        assert state(router) == states[end], size
        assert files[NAME] == data[:end], size


def test_a_flipped_bit_is_named_and_nothing_is_cut():
    """Every bit. In the very last frame as well: an unfinished write does not look like it."""
    data, states = written()
    for place in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        files = {NAME: bytes(damaged)}
        with pytest.raises(CorruptJournal) as caught:
            opened(files)
        assert caught.value.position <= place // 8 and caught.value.file == NAME
        assert caught.value.position in states, place
        assert files[NAME] == damaged


@pytest.mark.parametrize("start", [0, 100, 511, 512, 700])
def test_sectors_that_never_came_to_the_disk_are_a_torn_tail(start):
    """What was not synced may be there in part: 512-byte sectors at random, zeros in the gaps."""
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q")
    router.publish("", "q", b"x" * start)
    safe = len(files.content[NAME])
    for number in range(4):  # acks and the like: written, and not synced
        message = Message("", "q", b"%d" % number * 700)
        router.broker.note("put", message, [("q", 9 + number, 0.0, None)])
        router.broker.journal.write()
    data = files.content[NAME]
    for first in range(-(-safe // 512), len(data) // 512 + 1):
        for base in (0, safe % 512):
            if base and 512 * (first + 1) + base > len(data):
                continue
            torn = bytearray(data)
            torn[512 * first + base:512 * (first + 1) + base] = bytes(512)
            del torn[len(data):]
            back = opened({NAME: bytes(torn)})
            ready = [item.message.body for item in back.broker.queues["q"].items()]
            assert ready == [b"x" * start, *(b"%d" % n * 700 for n in range(4))][:len(ready)] and ready
    head = bytearray(data)
    head[safe:safe + 512 - safe % 512] = bytes(512 - safe % 512)  # the rest of the sector in which the synced part ends
    assert opened({NAME: bytes(head)}).depth("q").ready == 1


def test_a_sector_that_had_been_synced_is_no_torn_tail():
    """It looks like one, but a frame behind it was written when it was safe."""
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q")
    starts = []
    for _ in range(5):
        starts.append(len(files.content[NAME]))
        router.publish("", "q", b"x" * 1500)
    data = files.content[NAME]
    for start in starts[:-1]:
        damaged = bytearray(data)
        sector = -(-start // 512) * 512
        damaged[sector:sector + 512] = bytes(512)
        with pytest.raises(CorruptJournal) as caught:
            opened({NAME: bytes(damaged)})
        assert caught.value.position == start and "safe" in caught.value.why


def test_a_flipped_bit_in_a_message_of_zeros_is_damage():
    """The zeros look like a sector that never came to the disk; but with one bit the other way the frame is whole."""
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q")
    start = len(files.content[NAME])
    router.publish("", "q", bytes(1200))
    data = files.content[NAME]
    for place in range(8 * start, 8 * len(data), 97):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(CorruptJournal) as caught:
            opened({NAME: bytes(damaged)})
        assert caught.value.position == start


@pytest.mark.parametrize("verb", ["append", "sync"])
def test_after_a_failed_write_nothing_is_confirmed(verb):
    """ROUTE-1: the n-th write or fsync fails, for every n; opened again, all that was confirmed is there."""
    for number in range(1, 30):
        files = Memory()
        router = Router(env=Env(files))
        router.declare_queue("q")
        files.fails = {verb: files.uses[verb] + number}
        confirmed, failed = [], 0
        for message in range(20):
            body = b"%d" % message
            try:
                if router.publish("", "q", body).done:
                    assert not failed
                    confirmed.append(body)
            except JournalFailed as error:
                failed += 1
                assert error.next_step
        assert failed == max(0, 21 - number)
        back = opened(files.content)
        ready = [item.message.body for item in back.broker.queues["q"].items()]
        assert ready[:len(confirmed)] == confirmed and len(ready) <= len(confirmed) + 1


def test_with_a_linger_one_fsync_serves_many(tmp_path):
    router = Router(tmp_path, linger=0.5)
    router.declare_queue("q")
    before = router.broker.journal.syncs
    confirms = [router.publish("", "q", b"%d" % n) for n in range(100)]
    light = router.publish("", "q", b"light", persistent=False)
    assert light.done and not any(one.done for one in confirms) and router.broker.journal.syncs == before
    assert router.flush().done and all(one.done for one in confirms) and router.broker.journal.syncs == before + 1
    router.publish("", "q", b"x")
    late = router.publish("", "q", b"y")
    router.env.drive(lambda: late.done)
    assert late.value.returned is None and router.broker.journal.syncs == before + 2
    router.close()


def test_with_a_linger_a_failed_fsync_fails_the_confirms():
    files = Memory()
    router = Router(env=Env(files), linger=0.01)
    router.declare_queue("q")
    files.fails = {"sync": files.uses["sync"] + 1}
    confirms = [router.publish("", "q", b"1") for _ in range(3)]
    router.env.drive(lambda: confirms[0].done)
    assert all(isinstance(one.error, JournalFailed) for one in confirms)
    with pytest.raises(JournalFailed):
        router.declare_queue("r")


def test_the_journal_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SLACK", 100)
    with Router(tmp_path, linger=0.9) as router:
        router.declare_queue("q")
        channel, sizes = router.channel(), []
        for number in range(3000):
            router.publish("", "q", b"%d" % number)
            if number >= 10:
                channel.get("q").ack()
            if number % 10 == 0:
                router.flush()
                sizes.append(router.broker.journal.size)
        assert max(sizes[50:]) < 2 * max(sizes[:50]) < 40_000
        taken = channel.get("q")
        router.flush()
        router.broker.journal.rewrite(router.broker.entries())
        assert router.broker.stored == 10 == len(list(router.broker.stored_items())) and taken.body == b"2990"
    with Router(tmp_path) as router:
        ready = [item.message.body for item in router.broker.queues["q"].items()]
        assert ready == [b"%d" % n for n in range(2990, 3000)]


@pytest.mark.parametrize("verb, number", [("append", 1), ("append", 2), ("sync", 1), ("rename", 1)])
def test_a_rewrite_that_fails_leaves_the_old_file(verb, number):
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q")
    for n in range(1500):
        router.publish("", "q", b"%d" % n)
    before = files.content[NAME]
    files.fails = {verb: files.uses[verb] + number}
    with pytest.raises(JournalFailed):
        router.broker.journal.rewrite(router.broker.entries())
    assert files.content[NAME] == before
    back = opened(files.content)
    assert back.depth("q").ready == 1500 and back.broker.journal.files.list() == [NAME]


def test_two_routers_do_not_write_to_one_folder(tmp_path):
    with Router(tmp_path), pytest.raises(InUse):
        Router(tmp_path)
    Router(tmp_path).close()


def test_a_closed_router_says_so(tmp_path):
    router = Router(tmp_path)
    router.declare_queue("q")
    channel = router.channel()
    assert repr(router) == "Router(0 exchanges, 1 queues, 0 ready, 0 unacked)"
    router.close()
    router.close()
    assert repr(router) == "Router('router' is down)"
    for call in (lambda: router.publish("", "q", b"1"), lambda: channel.get("q"), lambda: router.depth("q")):
        with pytest.raises(RouterError):
            call()


def test_a_late_ack_of_a_deleted_queue_does_not_touch_its_namesake():
    """Both have a message number 1."""
    for settle in ("ack", "nack", "close"):
        files = Memory()
        router = Router(env=Env(files))
        router.declare_queue("q")
        router.publish("", "q", b"old")
        channel = router.channel()
        one = channel.get("q")
        router.delete_queue("q")
        router.declare_queue("q")
        router.publish("", "q", b"new")
        channel.close() if settle == "close" else getattr(one, settle)()
        assert router.broker.stored == 1
        assert [item.message.body for item in opened(files.content).broker.queues["q"].items()] == [b"new"]


def test_a_delivery_limit_counts_on_after_a_restart():
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q", type="quorum", delivery_limit=2)
    router.publish("", "q", b"1")
    for count in (0, 1, 2):
        router = opened(files.content)
        one = router.channel().get("q")
        assert one.headers["x-delivery-count"] == count
        one.nack()
    assert opened(files.content).depth("q").ready == 0


def test_a_disk_that_fails_lets_go_of_the_folder():
    files = Memory()
    router = Router(env=Env(files))
    router.declare_queue("q")
    router.publish("", "q", b"1")
    files.fails = {"sync": files.uses["sync"] + 1}
    with pytest.raises(JournalFailed):
        router.close()
    assert router.broker.dead and opened(files.content).depth("q").ready == 1


def test_two_routers_share_a_disk_in_folders_of_their_own():
    world = World(1)
    routers = [Router(folder, world, node=node) for folder, node in (("a", "n"), ("b", "m"), ("", "n2"))]
    for router in routers:
        router.declare_queue("q")
    assert sorted(world.disk("n")._blobs) == ["a/journal"] and sorted(world.disk("n2")._blobs) == ["journal"]


@pytest.mark.parametrize("entry", [("a kind that nobody knows", 1), ("gone", "q", 1), ("bind", "x", "q", "", None),
                                   ("exchange", "x", "odd", None), ("queue", "q", {"type": "odd"}), ("put", [], [])])
def test_a_frame_that_does_not_fit_is_damage(tmp_path, entry):
    own = Journal(DiskFiles(tmp_path / "router"))
    assert list(own.load()) == []
    own.add(entry)
    own.sync()
    own.close()
    with pytest.raises(CorruptJournal) as caught:
        Router(tmp_path)
    assert caught.value.position == 0


def test_what_is_confirmed_survives_kill_9(tmp_path, amount):
    """ROUTE-1: a child publishes, gets and acks on real files, and is killed; several lives on one folder."""
    chance, sent, took, at_most = Random(5), [], set(), set()
    for life in range(amount(8, 300)):
        child = subprocess.Popen([sys.executable, CHILD, tmp_path, str(life)], stdout=subprocess.PIPE, text=True)
        lines = [child.stdout.readline() for _ in range(chance.randrange(1, 60))]
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)  # communicate() skips what readline has buffered
        child.wait()
        said = [line.split() for line in lines if line.endswith("\n")]
        sent += [value for what, value in said if what == "sent"]
        took |= {value for what, value in said if what == "took"}
        at_most.add(f"{life}/{sum(what == 'sent' for what, _ in said)}")  # it may be there, and nobody was told
        with Router(tmp_path) as router:
            ready = [item.message.body.decode() for item in router.broker.queues["q"].items()]
        assert [value for value in sent if value not in took] == [value for value in ready
                                                                if value not in took | at_most]
        assert set(ready) <= {*sent, *at_most} and len(ready) == len(set(ready))
    assert len(sent) > 50 and took


def test_a_message_in_several_queues_is_all_there_or_not_at_all():
    """A crash at each point between the routing and the confirm."""
    for point in ("routed", "journalled"):
        for power in (False, True):
            world = World(3)
            router = Router(env=world)
            router.declare_exchange("x", "fanout")
            for name in "abc":
                router.declare_queue(name)
                router.bind(name, "x")
            confirms = []

            def shop(router=router, confirms=confirms):
                confirms.append((yield router.client("shop").publish("x", "", b"1")))

            struck = []
            real = world.point

            def strike(name, point=point, power=power, world=world, struck=struck, real=real):
                if name == point and not struck and world.now() > 0:
                    struck.append(name)
                    world.crash("router", power=power, down=0.5)
                real(name)

            world.point = strike
            world.boot("shop", shop)
            with pytest.raises(RouterError):
                world.run(until=20)
            world.run(until=20)
            depths = [router.depth(name).ready for name in "abc"]
            assert struck and not confirms and depths in ([0, 0, 0], [1, 1, 1])
            assert depths[0] == (point == "journalled")
