"""A router's picture: what is in it, which bindings are lit, where dead letters go; no word lies on another."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from random import Random

import pytest

from evlab.errors import InvalidUse
from evlab.router import NotFound, Router
from evlab.sim import World
from evlab.viz import topology
from evlab.viz.routes import deaths
from evlab.viz.theme import HIGHLIGHT

NAMESPACE = "{http://www.w3.org/2000/svg}"


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def shop(type="topic", **more):
    router = Router(env=World(1))
    router.declare_exchange("orders", type, **more)
    for name, key in (("email", "order.placed"), ("inventory", "order.*"), ("fraud", "payment.#")):
        router.declare_queue(name)
        router.bind(name, "orders", key, {"kind": name, "size": None} if type == "headers" else None)
    return router


def lit(figure):
    """The labels of the bindings that the text marks."""
    return [line.strip()[2:] for line in figure.text.split("\n") if line.strip().startswith("> ")]


def draw(router, **more):
    return topology(router, **{"title": "t", "producers": {"shop": "orders"}, **more})


def test_it_shows_who_publishes_what_is_bound_what_waits_and_who_consumes(drawings):
    router = shop()
    for _ in range(3):
        router.publish("orders", "order.placed", b"x")
    router.channel(prefetch=1).consume("email", print, acks="manual", name="email-1")
    router.channel().consume("inventory", print, acks="auto", name="stock")
    figure = draw(router)
    assert {"shop", "orders", "topic", "order.placed", "order.*", "payment.#", "email", "2 ready, 1 unacked",
            "email-1", "prefetch 1, has 1", "stock", "auto-ack"} <= set(texts_of(figure))
    assert "email has 2 ready and 1 unacked" in figure.alt and clean(drawings[-1])
    assert "  queue email: 2 ready, 1 unacked\n    consumer email-1: prefetch 1, has 1" in figure.text
    assert lit(figure) == [] and HIGHLIGHT not in figure.svg


@pytest.mark.parametrize(("type", "key", "headers", "expected"), [
    ("topic", "order.placed", None, ["email", "inventory"]), ("topic", "payment.card.failed", None, ["fraud"]),
    ("topic", "payment", None, ["fraud"]), ("direct", "order.placed", None, ["email"]),
    ("direct", "order.paid", None, []),
    ("fanout", "whatever", None, ["email", "fraud", "inventory"]),
    ("headers", None, {"kind": "email", "size": 1}, ["email"]), ("headers", None, {"kind": "email"}, [])])
def test_what_matches_is_lit_ticked_and_named_and_the_rest_is_dashed(type, key, headers, expected, drawings):
    router = shop(type)
    figure = draw(router, key=key, headers=headers)
    assert [line.rpartition("→ ")[2] for line in lit(figure)] == expected
    assert expected == sorted(one.queue for one in router.explain("orders", key or "", headers))
    assert len(drawings[-1].solids) == max(len(expected), 1), "a tick for each, or the cross of what is dropped"
    assert figure.svg.count('stroke-dasharray="4 5"') == 2 * (3 - len(expected))
    assert clean(drawings[-1])
    if expected:
        assert all(name in figure.alt for name in expected)
    else:
        assert "unroutable" in figure.alt and "dropped" in texts_of(figure)


def test_labels_say_what_each_type_asks():
    assert "all" in texts_of(draw(shop("fanout")))
    assert "all: kind=email, size" in texts_of(draw(shop("headers")))
    router = shop("headers")
    router.bind("email", "orders", "", {"x-match": "any", "kind": "pdf"})
    assert "any: kind=pdf" in texts_of(draw(router))


def test_nothing_is_published_by_being_drawn():
    router = shop()
    draw(router, key="order.placed")
    assert [row.ready for row in router.queues()] == [0, 0, 0]


def test_what_goes_through_an_alternate_is_lit_there(drawings):
    router = shop(alternate="rest")
    router.declare_exchange("rest", "fanout")
    router.declare_queue("lost")
    router.bind("lost", "rest")
    figure = draw(router, key="parcel.shipped")
    assert lit(figure) == ["all → lost"] and "through the alternate rest to lost" in figure.alt
    assert "topic, else rest" in texts_of(figure) and clean(drawings[-1])
    assert "dropped" not in texts_of(figure)


def test_the_default_exchange_stands_there_if_it_is_used(drawings):
    router = Router()
    router.declare_queue("work")
    router.declare_queue("other")
    figure = topology(router, title="t", exchange="", key="work", producers=["shop"])
    assert lit(figure) == ["work → work"] and "(default)" in texts_of(figure) and clean(drawings[-1])
    assert lit(topology(router, title="t", exchange="", key="nobody")) == []
    assert "(default)" not in texts_of(draw(shop()))


def test_dead_letters_say_why_before_and_after(drawings):
    world = World(1)
    router = Router(env=world)
    router.declare_exchange("dead", "fanout")
    router.declare_queue("work", ttl=1000, max_length=2, dead_letter_exchange="dead")
    router.declare_queue("morgue")
    router.bind("morgue", "dead")
    figure = topology(router, title="t")
    assert "dead: if rejected or expired or maxlen" in texts_of(figure) and "(default)" in texts_of(figure)
    for _ in range(4):
        router.publish("", "work", b"x")
    router.channel().get("work").reject(requeue=False)
    world.run(until=2.0)
    assert deaths(router) == {"work": {"maxlen": 2, "rejected": 1, "expired": 1}}
    figure = topology(router, title="t")
    assert "dead: 1 expired, 2 maxlen, 1 rejected" in texts_of(figure)
    assert "dead letters (1 expired, 2 maxlen, 1 rejected) → dead" in figure.text
    assert all(clean(one) for one in drawings)


def test_a_dead_letter_in_two_queues_died_once():
    router = Router()
    router.declare_exchange("dead", "fanout")
    router.declare_queue("work", dead_letter_exchange="dead")
    for name in ("morgue", "alarm"):
        router.declare_queue(name)
        router.bind(name, "dead")
    router.publish("", "work", b"x")
    router.channel().get("work").reject(requeue=False)
    assert deaths(router) == {"work": {"rejected": 1}}


def test_a_way_round_through_a_delay_queue_is_drawn(drawings):
    router = shop()
    router.declare_queue("work", dead_letter_exchange="", dead_letter_key="wait")
    router.declare_queue("wait", ttl=5000, dead_letter_exchange="", dead_letter_key="work")
    router.bind("work", "orders", "#")
    figure = draw(router)
    assert {"dead letters of work", "dead letters of wait", "TTL 5 s"} <= set(texts_of(figure))
    assert clean(drawings[-1])
    circle = Router()
    circle.declare_queue("a", ttl=1000, dead_letter_exchange="", dead_letter_key="b")
    circle.declare_queue("b", ttl=1000, dead_letter_exchange="", dead_letter_key="a")
    assert {"a", "b"} <= set(texts_of(topology(circle, title="t"))) and clean(drawings[-1])


def test_dead_letters_to_nowhere_end_in_a_cross(drawings):
    router = Router()
    router.declare_queue("work", dead_letter_exchange="never declared")
    topology(router, title="t")
    assert len(drawings[-1].solids) == 1 and clean(drawings[-1])


def test_many_reasons_break_between_them(drawings):
    world = World(1)
    router = Router(env=world)
    router.declare_exchange("dead", "fanout")
    router.declare_queue("work", type="quorum", delivery_limit=0, max_length=1, ttl=1000, dead_letter_exchange="dead")
    router.declare_queue("morgue")
    router.bind("morgue", "dead")
    for settle in ("reject", "nack", ""):
        router.publish("", "work", b"x")
        if settle:
            getattr(router.channel().get("work"), settle)(requeue=settle == "nack")
    router.publish("", "work", b"x")
    world.run(until=2)
    words = " ".join(texts_of(topology(router, title="t")))
    assert "dead: 1 delivery_limit, 1 expired, 1 maxlen, 1 rejected" in words and clean(drawings[-1])


def test_settings_are_written_on_the_queue():
    router = Router()
    router.declare_queue("q", type="quorum", delivery_limit=3, dead_letter_exchange="")
    router.declare_queue("p", max_priority=4, max_length=1000, overflow="reject-publish", durable=False)
    words = " ".join(texts_of(topology(router, title="t")))
    for note in ("quorum", "delivery", "limit 3", "priority to 4", "at most 1,000", "(reject-publish)", "transient"):
        assert note in words


def test_an_empty_router_and_a_wrong_question():
    assert "0 queues" in topology(Router(), title="Nothing yet").alt
    with pytest.raises(InvalidUse):
        topology(Router(), title=" ")
    with pytest.raises(NotFound):
        draw(shop(), exchange="nowhere", key="a")


def test_random_routers_are_drawn_without_a_word_on_another(drawings):
    for seed in range(40):
        chance, router = Random(seed), Router(env=World(seed))
        names = [f"exchange-{number}" for number in range(chance.randint(1, 3))]
        for name in names:
            router.declare_exchange(name, chance.choice(["direct", "fanout", "topic"]),
                                    alternate=chance.choice([None, *names]))
        for number in range(chance.randint(1, 5)):
            target = chance.choice([None, "", *names])
            router.declare_queue(f"queue-{number}", dead_letter_exchange=target, ttl=chance.choice([None, 50]),
                                 dead_letter_key=None if target is None else chance.choice([None, "queue-0"]))
            for _ in range(chance.randint(0, 3)):
                router.bind(f"queue-{number}", chance.choice(names), chance.choice(["a", "a.*", "#", "a.b.c.d"] * 2))
            for reader in range(chance.randint(0, 3)):
                router.channel(prefetch=1).consume(f"queue-{number}", print, acks="manual", name=f"reader-{reader}")
        for _ in range(chance.randint(0, 20)):
            router.publish(chance.choice(names), chance.choice(["a", "a.b"]), b"x")
        topology(router, title="A router", key=chance.choice([None, "a", "a.b", "z"]), producers={"shop": names[0]})
        assert clean(drawings[-1]), (seed, drawings[-1].collisions(), drawings[-1].overflow())


def test_hostile_names_do_no_harm(hostile, drawings):
    router = Router()
    name = "".join(char for char in hostile if char.isprintable())[:200] or "x"
    router.declare_exchange(f"x{name}", "topic", alternate=f"y{name}")
    router.declare_queue(f"q{name}", dead_letter_exchange=f"x{name}", dead_letter_key=name)
    router.bind(f"q{name}", f"x{name}", hostile[:250])
    router.channel().consume(f"q{name}", print, name=hostile or "c")
    figure = topology(router, title=f"x{hostile}", key=hostile[:250], producers={hostile: f"x{name}"})
    assert "<script" not in figure.svg and clean(drawings[-1])


def test_the_same_router_gives_the_same_bytes():
    assert draw(shop(), key="order.placed").svg == draw(shop(), key="order.placed").svg


def test_the_depth_of_a_long_queue_is_not_cut_off():
    router = Router()
    router.declare_queue("email")
    for _ in range(1043):
        router.publish("", "email", b"x")
    drawn = topology(router, title="One long queue")
    assert "1.0k + 0 unacked" in texts_of(drawn) and "1,043 ready" in drawn.text
