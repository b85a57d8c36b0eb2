"""Queues against a plain list, with random calls; and the edges of TTL, length, priority and delivery counts."""

from __future__ import annotations

import time
from random import Random

import pytest

from evlab.errors import InvalidUse
from evlab.router import Delivery, Nacked, PreconditionFailed, Router, journal
from evlab.router.dead_letters import dead_letter, is_cycle
from evlab.router.message import Message
from evlab.sim import World


class Model:
    """A queue as a list of [place, body, redelivered, priority], and what is unacked."""

    def __init__(self, kind):
        self.kind, self.ready, self.unacked, self.places, self.ahead = kind, [], {}, 0, -10_000
        self.gone = set()

    def put(self, body, priority):
        self.places += 1
        self.ready.append([self.places, body, False, priority if self.kind == "priority" else 0])

    def sort(self):
        self.ready.sort(key=lambda one: (-one[3], one[0]))

    def back(self, tags, given=True):
        for tag in tags:
            one = self.unacked.pop(tag)
            one[2] = True
            if self.kind == "quorum" and given:
                self.places += 1
                one[0] = self.places
            elif self.kind in ("quorum", "limited"):
                self.ahead += 1
                one[0] = self.ahead
            self.ready.append(one)

    def done(self, tags):
        for tag in tags:
            self.gone.add(self.unacked.pop(tag)[1])


SETTINGS = {"classic": {}, "quorum": {"type": "quorum"}, "priority": {"max_priority": 2},
            "limited": {"type": "quorum", "delivery_limit": 1000}}


def step(chance, router, channel, model, number):
    """One random call, on the queue and on the model."""
    what = chance.choice(("put", "put", "put", "get", "get", "get", "ack", "nack", "reject", "ack all", "nack all"))
    tags = sorted(model.unacked)
    if what == "put":
        body, priority = b"%d" % number, chance.randrange(3)
        router.publish("", "q", body, priority=priority)
        model.put(body, priority)
    elif what == "get":
        model.sort()
        one = channel.get("q")
        if model.ready:
            expected = model.ready.pop(0)
            assert (one.body, one.redelivered) == (expected[1], expected[2])
            model.unacked[one.tag] = expected
        else:
            assert one is None
    elif tags:
        tag = chance.choice(tags)
        if what.endswith("all"):
            tags = [one for one in tags if one <= tag]
            channel.ack(tag, multiple=True) if what == "ack all" else channel.nack(tag, multiple=True)
        else:
            tags = [tag]
            channel.reject(tag, requeue=False) if what == "reject" else getattr(channel, what)(tag)
        model.back(tags) if what.startswith("nack") else model.done(tags)
    assert router.depth("q")[:2] == (len(model.ready), len(model.unacked))


def content(router):
    """Body and flag of all that is ready, from the head on."""
    return [(item.message.body, item.redelivered) for item in router.broker.queues["q"].items()]


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_queue_is_a_list(kind):
    """Any order of calls; the channel closes at the end."""
    for seed in range(60):
        chance, model, router = Random(f"{kind} {seed}"), Model(kind), Router()
        router.declare_queue("q", **SETTINGS[kind])
        channel = router.channel()
        for number in range(60):
            step(chance, router, channel, model, number)
        model.back(list(model.unacked), given=False)
        channel.close()
        model.sort()
        assert content(router) == [(one[1], one[2]) for one in model.ready]


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_queue_comes_back_from_its_journal(kind, power, monkeypatch):
    """ROUTE-1: a kill, or a power loss, at any moment between two calls, several times; the journal is rewritten often.

    A kill loses nothing. A power loss keeps all that was confirmed and not settled; an ack may be forgotten. What comes
    back says redelivered, in the order of before (a quorum queue's own order may be older after a power loss).
    """
    monkeypatch.setattr(journal, "SLACK", 15)
    rewritten = []
    rewrite = journal.Journal.rewrite
    monkeypatch.setattr(journal.Journal, "rewrite", lambda self, entries: rewritten.append(1) or rewrite(self, entries))
    for seed in range(25):
        chance, model = Random(f"{kind} {power} {seed}"), Model(kind)
        world = World(seed)
        router = Router(env=world)
        router.declare_queue("q", **SETTINGS[kind])
        for life in range(3):
            channel = router.channel()
            for number in range(40):
                step(chance, router, channel, model, 100 * life + number)
            world.crash("router", power=power)
            world.restart("router")
            for one in model.unacked.values():
                model.ready.append(one)
            model.unacked = {}
            model.sort()
            if power:
                found = [item.message.body for item in router.broker.queues["q"].items()]
                kept = [one[1] for one in model.ready]
                assert set(kept) <= set(found) <= set(kept) | model.gone
                assert kind in ("quorum", "limited") or [one for one in found if one in kept] == kept
                router.purge("q")
                model.ready = []
            else:
                assert content(router) == [(one[1], True) for one in model.ready]
                for one in model.ready:
                    one[2] = True
            model.places = 10_000 * (life + 1)
    assert rewritten


# ------------------------------------------------------------------------------------------------- time to live


def clocked(**settings):
    world = World(1)
    router = Router(env=world)
    router.declare_queue("dead")
    router.declare_queue("q", dead_letter_exchange="", dead_letter_key="dead", **settings)
    return world, router


def bodies(router, queue):
    return [item.message.body for item in router.broker.queues[queue].items()]


def test_a_message_expires_to_the_millisecond():
    world, router = clocked(ttl=1000)
    router.publish("", "q", b"1")
    world.run(until=0.5)
    router.publish("", "q", b"2")
    for moment, left in ((0.999, 2), (1.001, 1), (1.499, 1), (1.501, 0)):
        world.run(until=moment)
        assert router.depth("q").ready == left, moment
    assert bodies(router, "dead") == [b"1", b"2"]


def test_the_age_of_the_head():
    world, router = clocked()
    assert router.depth("q") == (0, 0, None)
    router.publish("", "q", b"1")
    world.run(until=2.5)
    router.publish("", "q", b"2")
    assert router.depth("q").age == 2.5
    router.channel().get("q")
    world.run(until=3.0)
    assert router.depth("q") == (1, 1, 0.5)


def test_a_ttl_of_zero_is_for_who_waits():
    """RabbitMQ: expired on arrival, unless it can be delivered at once."""
    _, router = clocked(ttl=0)
    router.publish("", "q", b"1")
    assert bodies(router, "dead") == [b"1"] and router.channel().get("q") is None
    got = []
    router.channel().consume("q", lambda one: got.append(one.body))
    router.publish("", "q", b"2")
    assert got == [b"2"] and bodies(router, "dead") == [b"1"]


def test_time_goes_on_while_a_message_is_unacked_and_while_the_router_is_down():
    world, router = clocked(ttl=1000)
    router.publish("", "q", b"1")
    router.publish("", "q", b"2")
    one = router.channel().get("q")
    world.run(until=2.0)
    assert bodies(router, "dead") == [b"2"] and router.depth("q").unacked == 1
    one.nack()
    assert bodies(router, "dead") == [b"2", b"1"]
    router.publish("", "q", b"3")
    world.crash("router", down=5.0)
    world.run(until=8.0)
    assert bodies(router, "dead") == [b"2", b"1", b"3"] and router.depth("q").ready == 0


def test_on_the_real_clock_a_look_is_enough():
    """Nobody has driven the timers, and what is dead is dead."""
    router = Router()
    router.declare_queue("dead")
    router.declare_queue("q", dead_letter_exchange="", dead_letter_key="dead")
    router.publish("", "q", b"1", expiration="10")
    router.publish("", "q", b"2", expiration="10")
    time.sleep(0.02)
    assert [row.ready for row in router.queues()] == [2, 0]
    router.publish("", "q", b"3", expiration="10")
    time.sleep(0.02)
    assert router.channel().get("dead").body == b"1" and router.depth("dead")[:2] == (2, 1)


def test_the_clock_is_set_once_for_many_messages():
    """A timer for each head would fill the env's list of what is due."""
    world, router = clocked(ttl=1000)
    for number in range(1000):
        router.publish("", "q", b"%d" % number)
    channel = router.channel()
    for _ in range(999):
        channel.get("q").ack()
    assert len(world._queue) < 10
    world.run(until=2.0)
    assert bodies(router, "dead") == [b"999"]


@pytest.mark.parametrize("wrong", ["soon", "", "-1", "1.5", "１", -5, 2**32])
def test_an_expiration_that_is_none(wrong):
    router = Router()
    with pytest.raises(PreconditionFailed):
        router.publish("", "q", b"1", expiration=wrong)
    router.declare_queue("q")
    router.publish("", "q", b"1", expiration=5000)
    assert router.channel().get("q").message.expiration == "5000"


# ------------------------------------------------------------------------------------------------------- length


def test_a_queue_without_room_passes_on_to_who_waits():
    _, router = clocked(max_length=0)
    router.publish("", "q", b"1")
    assert bodies(router, "dead") == [b"1"]
    got = []
    router.channel().consume("q", lambda one: got.append(one.body))
    router.publish("", "q", b"2")
    assert got == [b"2"]


def test_what_comes_back_beyond_the_length_is_dropped_before_anybody_gets_it():
    """RabbitMQ: rabbit_amqqueue_process:requeue_and_run drops heads first, and then runs the queue."""
    _, router = clocked(max_length=1)
    channel, got = router.channel(), []
    for body in (b"1", b"2", b"3"):
        router.publish("", "q", body)
        channel.get("q")
    router.channel().consume("q", lambda one: got.append(one.body))
    channel.close()
    assert got == [b"3"] and bodies(router, "dead") == [b"1", b"2"]


def test_a_nack_names_the_queues():
    router = Router()
    router.declare_queue("q", max_length=1, overflow="reject-publish")
    router.publish("", "q", b"1")
    confirm = router.publish("", "q", b"2")
    assert isinstance(confirm.error, Nacked) and confirm.error.queues == ["q"] and confirm.error.retriable


def test_the_highest_priority_is_the_head_that_is_dropped():
    """RabbitMQ says so of max-length with priorities: "which might not be what you would expect"."""
    router = Router()
    router.declare_queue("q", max_priority=2, max_length=2)
    for body, priority in ((b"a", 0), (b"b", 2), (b"c", 1)):
        router.publish("", "q", body, priority=priority)
    assert bodies(router, "q") == [b"c", b"a"]


# ------------------------------------------------------------------------------------------------- dead letters


def letter(*deaths, key="k", expiration=None):
    message = Message("x", key, b"1", {"mine": 1}, None, expiration)
    for queue, reason in deaths:
        message = dead_letter(message, queue, reason, 100.9, "dlx", None)
    return message


def test_x_death_is_newest_first_with_one_entry_for_each_queue_and_reason():
    message = letter(("a", "rejected"), ("b", "expired"), ("a", "rejected"), ("a", "expired"), expiration="5000")
    assert [(one["queue"], one["reason"], one["count"]) for one in message.headers["x-death"]] == [
        ("a", "expired", 1), ("a", "rejected", 2), ("b", "expired", 1)]
    first = letter(("a", "rejected"), expiration="5000").headers["x-death"][0]
    assert first == {"count": 1, "reason": "rejected", "queue": "a", "time": 100, "exchange": "x",
                     "routing-keys": ["k"], "original-expiration": "5000"}
    assert message.expiration is None and message.headers["mine"] == 1
    assert message.headers["x-first-death-queue"] == "a" and message.headers["x-first-death-reason"] == "rejected"


@pytest.mark.parametrize("deaths, queue, cycle", [
    ([("a", "expired")], "a", True), ([("a", "expired")], "b", False), ([("a", "rejected")], "a", False),
    ([("a", "expired"), ("b", "expired")], "a", True), ([("a", "expired"), ("b", "rejected")], "a", False),
    ([("a", "rejected"), ("b", "expired")], "a", False), ([("a", "rejected"), ("b", "expired")], "b", True),
    ([("a", "maxlen"), ("b", "delivery_limit")], "a", True), ([], "a", False)])
def test_a_cycle_is_a_round_without_a_rejection(deaths, queue, cycle):
    """RabbitMQ: rabbit_dead_letter:is_cycle, with the newest death first."""
    assert is_cycle(queue, letter(*deaths)) is cycle


@pytest.mark.parametrize("strange", [7, "text", [1, "x"], [{"queue": "a"}], [{"queue": "q", "reason": "rejected",
                                                                             "count": "many"}]])
def test_an_x_death_that_somebody_made_up_does_no_harm(strange):
    _, router = clocked()
    router.publish("", "q", b"1", headers={"x-death": strange})
    router.channel().get("q").reject(requeue=False)
    one = router.channel().get("dead")
    assert one.headers["x-death"][0]["queue"] == "q" and one.headers["x-death"][0]["count"] == 1


def test_a_dead_letter_for_nobody_is_gone():
    router = Router()
    router.declare_queue("q", dead_letter_exchange="never declared")
    router.publish("", "q", b"1")
    router.channel().get("q").reject(requeue=False)
    assert router.depth("q")[:2] == (0, 0)


def test_a_message_that_expires_into_its_own_queue_is_dropped():
    world = World(1)
    router = Router(env=world)
    router.declare_queue("q", ttl=100, dead_letter_exchange="", dead_letter_key="q")
    router.publish("", "q", b"1")
    world.run(until=1.0)
    assert router.depth("q").ready == 0 and world.now() == 1.0
    router.publish("", "q", b"2")
    router.channel().get("q").reject(requeue=False)
    assert bodies(router, "q") == [b"2"]


# ---------------------------------------------------------------------------------------------------- wrong use


@pytest.mark.parametrize("call", [
    lambda r: r.publish("", "q", "text"), lambda r: r.publish("", "q", None), lambda r: r.publish(None, "q", b""),
    lambda r: r.publish("", 7, b""), lambda r: r.publish("", "k" * 256, b""),
    lambda r: r.publish("", "q", b"", headers=7),
    lambda r: r.publish("", "q", b"", headers={1: 2}), lambda r: r.publish("", "q", b"", headers={"a": {1, 2}}),
    lambda r: r.publish("", "q", b"", headers={"a": 2**63}), lambda r: r.publish("", "q", b"", headers={"a": object()}),
    lambda r: r.publish("", "q", b"", priority=256), lambda r: r.publish("", "q", b"", priority="high"),
    lambda r: r.declare_queue("q2", colour="red"), lambda r: r.declare_queue(7), lambda r: r.declare_queue("a\nb"),
    lambda r: r.declare_queue("x" * 256), lambda r: r.declare_exchange(None, "topic"), lambda r: r.channel(-1),
    lambda r: r.channel("1"), lambda r: r.client(""), lambda r: r.channel().consume("q", None),
    lambda r: r.channel().consume("q", print, acks="sometimes"), lambda r: r.channel().ack("1"),
    lambda r: r.channel().ack(True), lambda r: Router(linger=-1), lambda r: Router(linger=5),
    lambda r: Router(linger="1")])
def test_wrong_use_says_so_and_does_nothing(call):
    router = Router()
    router.declare_queue("q")
    with pytest.raises(InvalidUse) as caught:
        call(router)
    assert caught.value.next_step
    assert router.queues() == [("q", "classic", True, 0, 0, 0)] and router.exchanges() == []


@pytest.mark.parametrize("settings", [
    {"type": "stream"}, {"overflow": "reject-publish-dlx"}, {"max_priority": 0}, {"max_priority": True},
    {"max_length": 1.5}, {"ttl": "60"}, {"delivery_limit": 3}, {"durable": 1}, {"dead_letter_exchange": 7}])
def test_settings_that_no_queue_can_have(settings):
    router = Router()
    with pytest.raises(PreconditionFailed):
        router.declare_queue("q", **settings)
    assert router.queues() == []


def test_headers_are_a_copy():
    router, headers = Router(), {"list": [1]}
    router.declare_queue("q")
    router.publish("", "q", b"1", headers=headers)
    headers["list"].append(2)
    one = router.channel().get("q")
    one.headers["new"] = 1
    assert one.headers == {"list": [1]} and isinstance(one, Delivery)
