"""Clients on other nodes, and channels beside the router: lost connections, dead consumers, and wrong use."""

from __future__ import annotations

import pytest

from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.router import ChannelClosed, ConnectionLost, NotFound, PreconditionFailed, ResourceLocked, Router
from evlab.router.link import DEAD_AFTER, Frame, Receiver, Sender
from evlab.sim import Fault, Faults, Plan, World


def setting(*queues, seed=1, **more):
    world = World(seed)
    router = Router(env=world, **more)
    for queue in queues or ("q",):
        router.declare_queue(queue)
    return world, router


def consuming(world, router, node, got, queue="q", prefetch=1, takes=None, **more):
    """Start a consumer on `node`: now, and after each crash. `got` has (node, body, redelivered)."""

    def note(delivery):
        got.append((node, delivery.body, delivery.redelivered))

    def work(delivery):
        note(delivery)
        yield takes

    handler = work if takes else note
    world.boot(node, lambda: router.client(node).channel(prefetch).consume(queue, handler, **more) and None)


def publish(router, *bodies, queue="q", **more):
    for body in bodies:
        router.publish("", queue, body, **more)


# ------------------------------------------------------------------------------------------ consumers that fail


@pytest.mark.parametrize("power", [False, True])
def test_what_a_dead_consumer_had_goes_to_another_and_says_redelivered(power):
    """ROUTE-1: it had not acked, so nobody knows how far it came."""
    world, router = setting()
    got = []
    consuming(world, router, "slow", got, prefetch=2, takes=100.0)
    world.run(until=1.0)
    publish(router, b"1", b"2", b"3")
    world.run(until=2.0)
    assert got == [("slow", b"1", False), ("slow", b"2", False)] and router.depth("q")[:2] == (1, 2)
    consuming(world, router, "other", got)
    world.crash("slow", power=power)
    world.run(until=2.0 + DEAD_AFTER + 1.5)
    assert sorted(got[2:]) == [("other", b"1", True), ("other", b"2", True), ("other", b"3", False)]
    assert router.depth("q")[:2] == (0, 0)


def test_requeued_messages_keep_their_order():
    world, router = setting()
    got = []
    consuming(world, router, "slow", got, prefetch=3, takes=100.0)
    world.run(until=1.0)
    publish(router, b"1", b"2", b"3", b"4", b"5")
    world.run(until=2.0)
    world.crash("slow")
    world.run(until=10.0)
    assert [item.message.body for item in router.broker.queues["q"].items()] == [b"1", b"2", b"3", b"4", b"5"]


def test_a_consumer_that_is_cut_off_loses_its_messages_and_its_late_ack_does_nothing():
    """A one-way cut: the router hears nothing and gives the message to another. The handler goes on, and it acks."""
    world, router = setting()
    got, late = [], []

    def handler(delivery):
        got.append(delivery.redelivered)
        yield 6.0
        late.append(delivery.ack())

    consumer = []
    world.boot("cut", lambda: consumer.append(router.client("cut").channel(1).consume("q", handler, acks="manual")))
    publish(router, b"1")
    world.run(until=1.0)
    world.network.cut("cut", "router")
    world.run(until=5.0)
    assert router.depth("q")[:2] == (1, 0)
    world.network.heal()
    world.run(until=30.0)
    assert got == [False, True] and isinstance(late[0].error, ConnectionLost) and late[1].error is None
    assert router.depth("q")[:2] == (0, 0) and not consumer[0].errors


@pytest.mark.parametrize("power", [False, True])
def test_consumers_go_on_after_the_router_was_down(power):
    world, router = setting()
    got = []
    consuming(world, router, "email", got, takes=0.01)
    world.run(until=1.0)
    publish(router, b"1")
    world.run(until=2.0)
    world.crash("router", power=power, down=2.0)
    world.run(until=8.0)
    publish(router, b"2")
    world.run(until=10.0)
    assert got == [("email", b"1", False), ("email", b"2", False)]
    assert router.queues() == [("q", "classic", True, 0, 0, 1)]


def test_with_auto_ack_a_crash_loses_what_was_sent():
    world, router = setting()
    got = []
    consuming(world, router, "email", got, takes=1.0, acks="auto")
    world.run(until=1.0)
    publish(router, b"1", b"2")
    assert router.depth("q")[:2] == (0, 0)
    world.crash("email", down=1.0)
    world.run(until=10.0)
    assert got == []


def test_messages_of_one_consumer_come_in_order_over_a_bad_network():
    """Each once: the link gives every request to the other side one time, in order."""
    for seed in range(15):
        world, router = setting(seed=seed)
        world.faults = Faults(drop=0.15, duplicate=0.1, delay=0.1, late=0.5)
        got = []
        consuming(world, router, "email", got, prefetch=0)

        def shop(router=router):
            client = router.client("shop")
            for number in range(20):
                client.publish("", "q", b"%02d" % number)
                yield 0.01

        world.boot("shop", shop)
        world.run(until=6.0)
        world.calm().run(until=20.0)
        assert [body for _, body, _ in got] == [b"%02d" % n for n in range(20)], seed
        assert router.depth("q")[:2] == (0, 0)


def test_a_world_without_consumers_comes_to_rest():
    world, router = setting()
    confirms = []

    def shop():
        client = router.client("shop")
        yield client.declare_queue("other")
        confirms.append((yield client.publish("", "other", b"1")))
        channel = client.channel()
        delivery = yield channel.get("other")
        yield delivery.ack()
        yield channel.close()
        yield client.close()

    world.boot("shop", shop)
    world.run()
    assert confirms == [(None,)] and world.now() < 5 and router.depth("other")[:2] == (0, 0)


# ------------------------------------------------------------------------------------------------ from elsewhere


def test_a_doubled_request_to_connect_changes_nothing():
    """A copy that is late must not end the connection that came of the first."""
    world, router = setting()
    got = []
    world.faults = Plan([Fault("duplicate", "email→router", 1, 0.5)])
    consuming(world, router, "email", got, takes=2.0)
    publish(router, b"1")
    world.run(until=5.0)
    assert got == [("email", b"1", False)] and router.depth("q")[:2] == (0, 0)


def test_a_publisher_learns_that_nobody_knows():
    """The router is down for long: Timeout for what was never sent, ConnectionLost for what was under way."""
    world, router = setting()
    outcomes = []

    def shop():
        client = router.client("shop")
        for body in (b"1", b"2", b"3"):
            try:
                outcomes.append((yield client.publish("", "q", body)))
            except EvlabError as error:
                assert error.retriable
                outcomes.append(type(error))
            if body == b"1":
                world.crash("router", down=30.0)

    world.boot("shop", shop)
    world.run(until=60.0)
    assert outcomes[0].returned is None and outcomes[1:] == [ConnectionLost, Timeout]


def test_what_a_client_asks_for_is_refused_there_by_its_name():
    world, router = setting("mine")
    found = []

    def service():
        client = router.client("service")
        for call in (lambda: client.declare_queue("mine", ttl=5), lambda: client.publish("none", "a", b"1"),
                     lambda: client.bind("mine", "none"), lambda: client.channel().get("none"),
                     lambda: client.declare_queue("q", max_priority=999)):
            try:
                yield call()
            except EvlabError as error:
                found.append(type(error))
        channel = client.channel()
        channel.consume("none", print)
        yield 1.0
        try:
            yield channel.get("mine")
        except EvlabError as error:
            found.append(type(error))
        client.close()
        try:
            client.publish("", "mine", b"1")
        except EvlabError as error:
            found.append(type(error))

    world.boot("service", service)
    world.run()
    assert found == [PreconditionFailed, NotFound, NotFound, NotFound, PreconditionFailed, ChannelClosed,
                     ConnectionLost]


def test_an_exclusive_queue_is_for_its_connection_and_goes_with_it():
    world, router = setting()
    found, client = [], []

    def owner():
        client.append(router.client("owner"))
        yield client[0].declare_queue("mine", exclusive=True)
        yield client[0].publish("", "mine", b"1")
        found.append((yield client[0].channel().get("mine")).body)

    def stranger():
        yield 1.0
        for call in (lambda c: c.channel().get("mine"), lambda c: c.declare_queue("mine", exclusive=True),
                     lambda c: c.delete_queue("mine"), lambda c: c.purge("mine")):
            try:
                yield call(router.client("stranger"))
            except ResourceLocked as error:
                found.append((error.code, error.name))

    world.boot("owner", owner)
    world.boot("stranger", stranger)
    world.run(until=3.0)
    assert found == [b"1", *[(405, "mine")] * 4]
    with pytest.raises(ResourceLocked):
        router.channel().get("mine")
    assert router.depth("mine").unacked == 1
    world.nodes["owner"].boot = None
    world.crash("owner")
    world.run(until=10.0)
    assert [row.name for row in router.queues()] == ["q"]


def test_the_router_itself_is_reached_from_its_own_node_and_from_outside_only():
    world, router = setting()
    found = []

    def far():
        for call in (router.channel, lambda: router.declare_queue("other")):
            try:
                call()
            except ConnectionLost as error:
                found.append(error.next_step)
        confirm = router.publish("", "q", b"1")
        assert not confirm.done
        yield confirm

    world.boot("far", far)
    world.run()
    assert len(found) == 2 and "client" in found[0] and router.depth("q").ready == 1


def test_on_the_real_clock_a_client_is_as_near_as_the_router(tmp_path):
    with Router(tmp_path) as router:
        client, got = router.client("email"), []
        assert client.declare_queue("q").value == "q"
        client.channel(prefetch=1).consume("q", lambda one: got.append(one.body))
        assert client.publish("", "q", b"1").value.returned is None
        assert got == [b"1"] and router.queues() == [("q", "classic", True, 0, 0, 1)]
        assert client.close().done and router.queues()[0].consumers == 0


def test_a_channel_of_before_a_crash_is_closed():
    world, router = setting()
    publish(router, b"1")
    channel = router.channel()
    one = channel.get("q")
    world.crash("router")
    with pytest.raises(ConnectionLost):
        channel.get("q")
    world.restart("router")
    with pytest.raises(ConnectionLost):
        one.ack()
    again = router.channel().get("q")
    assert (again.body, again.redelivered) == (b"1", True)


# --------------------------------------------------------------------------------------- channels beside the router


def test_a_handler_may_publish_and_the_next_in_line_goes_on():
    router, got = Router(), []
    for queue in ("a", "b", "c"):
        router.declare_queue(queue)
    channel = router.channel()
    for queue, following in (("a", "b"), ("b", "c"), ("c", None)):
        def handler(one, queue=queue, following=following):
            got.append((queue, one.body))
            if following:
                router.publish("", following, one.body)

        channel.consume(queue, handler)
    router.publish("", "a", b"1")
    assert got == [("a", b"1"), ("b", b"1"), ("c", b"1")] and all(row[3:5] == (0, 0) for row in router.queues())


def test_a_handler_that_always_requeues_lets_others_go_on():
    world, router = setting()
    seen = []
    router.channel(1).consume("q", lambda one: seen.append(one.body) or one.nack())
    publish(router, b"1")
    world.run(until=0.1)
    assert 50 < len(seen) < 200
    router.delete_queue("q")
    world.run()


def test_a_consumer_may_cancel_itself_or_close_its_channel_in_its_handler():
    for end in ("cancel", "close"):
        router, got = Router(), []
        router.declare_queue("q")
        publish(router, b"1", b"2", b"3")
        channel = router.channel()

        def handler(one, end=end, got=got, channel=channel):
            got.append(one.body)
            next(iter(channel.consumers.values())).cancel() if end == "cancel" else channel.close()

        channel.consume("q", handler)
        assert got == [b"1"] and router.depth("q").ready == (2 if end == "cancel" else 3)


def test_a_queue_that_is_deleted_takes_its_consumers_and_unacked_messages_along():
    router = Router()
    router.declare_queue("q")
    publish(router, b"1", b"2")
    channel, got = router.channel(1), []
    consumer = channel.consume("q", got.append, acks="manual")
    with pytest.raises(PreconditionFailed):
        router.delete_queue("q", if_unused=True)
    assert router.delete_queue("q") == 1 and consumer.cancelled
    router.declare_queue("q")
    got[0].nack()
    assert router.queues() == [("q", "classic", True, 0, 0, 0)]
    publish(router, b"3")
    assert len(got) == 1 and channel.closed is None


def test_a_consumer_elsewhere_hears_that_its_queue_is_gone():
    world, router = setting()
    consumers, told = [], []

    def email():
        consumers.append(router.client("email").channel().consume("q", print))
        consumers[0].on_cancelled = lambda: told.append(world.alive().name)

    world.boot("email", email)
    world.run(until=1.0)
    router.delete_queue("q")
    world.run(until=2.0)
    assert consumers[0].cancelled and told == ["email"]
    world.crash("router", down=1.0)
    world.run(until=10.0)
    assert consumers[0].channel.closed is None


def test_a_consumer_name_is_used_once():
    router = Router()
    router.declare_queue("q")
    channel = router.channel()
    channel.consume("q", print, name="me")
    with pytest.raises(InvalidUse):
        channel.consume("q", print, name="me")


def test_an_error_closes_the_channel_and_says_so_ever_after():
    router = Router()
    router.declare_queue("q")
    publish(router, b"1")
    with router.channel() as channel:
        channel.get("q")
        with pytest.raises(NotFound):
            channel.publish("nothing", "", b"1")
        assert router.depth("q")[:2] == (1, 0)
        for call in (lambda: channel.get("q"), lambda: channel.ack(1), lambda: channel.publish("", "q", b"2"),
                     lambda: channel.consume("q", print)):
            with pytest.raises(ChannelClosed) as caught:
                call()
            assert "nothing" in caught.value.why


def test_after_a_handler_that_takes_time_the_next_one_begins():
    world, router = setting()
    ended = []

    def handler(one):
        yield 1.0
        ended.append((one.body, world.now()))

    router.channel(1).consume("q", handler)
    publish(router, b"1", b"2")
    world.run()
    assert ended == [(b"1", 1.0), (b"2", 2.0)]


# ----------------------------------------------------------------------------------------------------- the link


def linked(seed, faults):
    """Two ends over a network; what the one asks, and what the other gets and is answered."""
    world, got = World(seed, faults), []
    receiver = Receiver(world, lambda request: got.append(request) or request * 10)
    world.listen("there", receiver.take, "port")
    world.node("here")
    return world, got, lambda on_lost: Sender(world, "there", "port", "c", on_lost)


def test_each_request_is_handled_once_and_in_order():
    for seed in range(40):
        world, got, make = linked(seed, Faults(drop=0.2, duplicate=0.2, delay=0.2, late=1.0))
        answers = []

        def here(make=make, answers=answers):
            sender = make(lambda error: pytest.fail(str(error)))
            for number in range(30):
                answers.append(sender.ask(number))
                yield 0.02

        world.spawn(here(), "here")
        world.run(until=4.0)
        world.calm().run()
        assert got == list(range(30)) and [one.value for one in answers] == [n * 10 for n in range(30)], seed


def test_silence_ends_a_connection():
    world, _, make = linked(1, None)
    lost, answers = [], []

    def here():
        sender = make(lambda error: lost.append(world.now()))
        world.network.cut("there", "here")
        answers.append(sender.ask(1))
        yield 20.0
        answers.append(sender.ask(2))

    world.spawn(here(), "here")
    world.run()
    assert len(lost) == 1 and DEAD_AFTER <= lost[0] <= DEAD_AFTER + 0.5 and isinstance(answers[0].error, ConnectionLost)


def test_answers_are_kept_until_they_have_arrived_and_no_longer():
    receiver = Receiver(World(1), lambda request: request)
    for number in range(1, 1000):
        assert receiver.take(Frame("c", number, number, number)).value == number
    assert len(receiver._answers) == 1
    assert isinstance(receiver.take(Frame("c", 5, 5, 5)), Later)
