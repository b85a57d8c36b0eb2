"""The chart of rebalances: who had which partition, when nobody did, and whose work no longer counted."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree

import pytest

from evlab import World
from evlab.errors import InvalidUse
from evlab.log import Consumer, Log
from evlab.log.group import Step
from evlab.viz import rebalance_chart
from evlab.viz.rebalances import Hold, gaps, holds

NAMESPACE = "{http://www.w3.org/2000/svg}"
P0, P1, P2 = (("orders", number) for number in range(3))

EAGER = [
    Step(0, 0, "joined", "a-1"), Step(0, 0, "rebalancing", ""), Step(0, 1, "assigned", "a-1", (P0, P1)),
    Step(10, 1, "joined", "b-2"), Step(10, 1, "rebalancing", ""), Step(13, 1, "rejoined", "a-1"),
    Step(15, 2, "assigned", "a-1", (P0,)), Step(15, 2, "assigned", "b-2", (P1,))]
COOPERATIVE = [
    *EAGER[:5], Step(13, 1, "rejoined", "a-1", (P0, P1)), Step(13, 2, "assigned", "a-1", (P0,)),
    Step(13, 2, "assigned", "b-2"), Step(14, 2, "rejoined", "a-1", (P0,)), Step(14, 2, "rebalancing", ""),
    Step(15, 3, "assigned", "a-1", (P0,)), Step(15, 3, "assigned", "b-2", (P1,))]


TARGET = [
    Step(0, 0, "joined", "a-1"), Step(0, 1, "assigned", "a-1", (P0, P1)), Step(10, 1, "joined", "b-2"),
    Step(14, 2, "revoked", "a-1", (P1,)), Step(15, 2, "assigned", "b-2", (P1,))]


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_an_eager_rebalance_stops_what_stays_too():
    assert holds(EAGER, 20) == [Hold("a-1", P0, 0, 13), Hold("a-1", P1, 0, 13), Hold("a-1", P0, 15, 20),
                                Hold("b-2", P1, 15, 20)]
    assert gaps(EAGER, 20) == [(P0, 13, 15), (P1, 13, 15)]


def test_a_cooperative_one_stops_only_what_moves():
    assert holds(COOPERATIVE, 20) == [Hold("a-1", P0, 0, 20), Hold("a-1", P1, 0, 14), Hold("b-2", P1, 15, 20)]
    assert gaps(COOPERATIVE, 20) == [(P1, 14, 15)]


def test_without_a_barrier_only_what_moves_stops_and_nothing_is_being_shared_out(drawings):
    assert holds(TARGET, 20) == [Hold("a-1", P0, 0, 20), Hold("a-1", P1, 0, 14), Hold("b-2", P1, 15, 20)]
    assert gaps(TARGET, 20) == [(P1, 14, 15)]
    assert "being shared out" not in texts_of(rebalance_chart(TARGET, title="One moved", until=20))
    assert clean(drawings[-1])


def test_a_share_without_it_does_not_take_it_away_before_its_owner_gave_it_back():
    assert Hold("a-1", P1, 0, 13.5) in holds(COOPERATIVE, 13.5)


@pytest.mark.parametrize("what", ["left", "expired"])
def test_who_is_out_of_the_group_has_nothing(what):
    steps = [*EAGER, Step(16, 2, what, "b-2", (P1,))]
    assert Hold("b-2", P1, 15, 16) in holds(steps, 20) and gaps(steps, 20)[-1] == (P1, 16, 20)


def test_who_is_back_under_another_id_goes_on_in_its_lane():
    steps = [*EAGER[:3], Step(5, 1, "replaced", "a-9", (P0, P1))]
    assert holds(steps, 20) == [Hold("a-1", P0, 0, 5), Hold("a-1", P1, 0, 5), Hold("a-9", P0, 5, 20),
                                Hold("a-9", P1, 5, 20)]
    assert holds(steps, 20, lambda member: member[0]) == [Hold("a", P0, 0, 20), Hold("a", P1, 0, 20)]
    assert gaps(steps, 20) == []


def test_who_gives_back_and_gets_again_in_one_instant_kept_it():
    steps = [*EAGER[:5], Step(13, 1, "rejoined", "a-1"), Step(13, 2, "assigned", "a-1", (P0, P1))]
    assert holds(steps, 20) == [Hold("a-1", P0, 0, 20), Hold("a-1", P1, 0, 20)]


def test_what_happens_later_is_not_known_yet():
    assert holds(EAGER, 8) == [Hold("a-1", P0, 0, 8), Hold("a-1", P1, 0, 8)] and gaps(EAGER, 14) == [
        (P0, 13, 14), (P1, 13, 14)]


def test_the_picture_names_members_partitions_generations_and_gaps(drawings):
    figure = rebalance_chart(EAGER, title="Both stopped", until=20)
    shown = texts_of(figure)
    assert {"Both stopped", "a-1", "b-2", "nobody", "generation 2", "p0", "p1", "p0 2.0 s", "owns it",
            "nobody owns it", "being shared out", "seconds"} <= set(shown)
    assert "a record" not in shown, "only forms that occur are in the legend"
    assert figure.alt == ("Both stopped. 2 members, 2 partitions, 2 rebalances; partitions without an owner for "
                          "4.0 s in all.")
    assert clean(drawings[-1])


def test_the_words_say_what_the_picture_says():
    text = rebalance_chart(COOPERATIVE, title="One moved", until=20).text
    assert text.splitlines() == [
        "One moved", "  rebalance 0.0 to 0.0 s, generation 1", "  rebalance 10.0 to 13.0 s, generation 2",
        "  rebalance 14.0 to 15.0 s, generation 3", "  a-1: joins at 0.0 s", "    p0   0.0 to 20.0",
        "    p1   0.0 to 14.0", "  b-2: joins at 10.0 s", "    p1   15.0 to 20.0", "  nobody has p1: 14.0 to 15.0"]


def test_work_is_a_tick_and_a_cross_where_the_partition_was_lost(drawings):
    work = [(1, "a", P0), (12, "a", P1), (14.5, "a", P1), (16, "b", P1)]
    figure = rebalance_chart(EAGER, title="One too late", until=20, work=work, lane=lambda member: member[0])
    assert "a record of a partition it lost" in texts_of(figure)
    assert "1 record finished by a member that did not own the partition" in figure.alt
    assert "(2 records finished, 1 of them without owning it)" in figure.text
    assert figure.svg.count('stroke="#D55E00" stroke-width="2"') == 4, "two strokes for the record, two in the legend"
    assert clean(drawings[-1])


def test_a_member_without_partitions_is_shown_as_such(drawings):
    steps = [*EAGER[:7], Step(15, 2, "assigned", "b-2")]
    figure = rebalance_chart(steps, title="b watches", until=20)
    assert "owns nothing" in texts_of(figure) and "owns nothing" in figure.text and clean(drawings[-1])


def test_with_several_topics_partitions_have_their_full_names():
    steps = [Step(0, 1, "assigned", "a", (("orders", 0), ("payments", 0)))]
    assert {"orders-0", "payments-0"} <= set(texts_of(rebalance_chart(steps, title="t", until=9)))


def test_a_part_of_the_time_can_be_drawn():
    figure = rebalance_chart(EAGER, title="t", since=14, until=20)
    assert "14.0 to 15.0" in figure.text and "generation 1" not in figure.text
    assert "partitions without an owner for 2.0 s" in figure.alt


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_it_draws_what_a_real_group_did(protocol, drawings):
    world = World(seed=4)
    log = Log(env=world)
    log.create_topic("orders", 3)

    def member(node, start):
        yield start
        consumer = Consumer(log.client(node), "email", "orders", protocol=protocol)
        while True:
            consumer.poll()
            yield consumer.arrived

    for node, start in (("email-a", 0), ("email-b", 1), ("email-c", 10)):
        world.spawn(member(node, start), node)
    world.run(until=20)
    steps = log.rebalances("email")
    now = {hold.partition: hold.member for hold in holds(steps, 20) if hold.end == 20}
    group = log.group("email")
    assert now == {("orders", number): group.owner(("orders", number)) for number in range(3)}
    rebalance_chart(steps, title="Three share three", until=20)
    assert clean(drawings[-1])


@pytest.mark.parametrize("seed", range(40))
def test_any_steps_can_be_drawn_and_words_keep_apart(seed, drawings):
    chance, time, steps = random.Random(seed), 0.0, []
    for _ in range(chance.randint(1, 60)):
        time += chance.choice([0, 0, 0.1, 3])
        what = chance.choice(["joined", "rejoined", "left", "expired", "replaced", "rebalancing", "assigned",
                              "revoked"])
        some = tuple(("orders", number) for number in range(12) if chance.random() < 0.2)
        steps.append(Step(time, len(steps), what, "" if what == "rebalancing" else f"email-{chance.randint(1, 9)}",
                          some if what in ("rejoined", "replaced", "assigned", "revoked") else ()))
    steps.append(Step(time, 0, "joined", "email-1"))
    owners = holds(steps, time + 1)
    for one in owners:
        assert not any(one is not two and one.partition == two.partition and one.begin < two.end
                       and two.begin < one.end for two in owners), "one owner at a time"
    work = [(chance.uniform(0, time + 1), f"email-{chance.randint(1, 9)}", ("orders", chance.randrange(12)))
            for _ in range(20)]
    figure = rebalance_chart(steps, title="t", until=time + 1, work=work)
    ElementTree.fromstring(figure.svg)
    assert drawings[-1].overflow() == [] and drawings[-1].collisions() == []


def test_hostile_words_do_no_harm(hostile, drawings):
    steps = [Step(0, 1, "assigned", hostile or "a", ((hostile, 0), ("b", 1)))]
    figure = rebalance_chart(steps, title=f"x{hostile}", until=1)
    ElementTree.fromstring(figure.svg)
    assert "<script" not in figure.svg and drawings[-1].overflow() == []


@pytest.mark.parametrize("arguments", [
    {"steps": []}, {"title": " "}, {"until": 0}, {"since": 20, "until": 20},
    {"steps": [Step(0, 1, "assigned", "a", tuple(("o", n) for n in range(13)))]},
    {"steps": [Step(0, 1, "joined", f"m-{n}") for n in range(13)]}])
def test_what_makes_no_chart_is_refused(arguments):
    arguments = {"steps": EAGER, "title": "t", "until": 20, **arguments}
    with pytest.raises(InvalidUse):
        rebalance_chart(arguments.pop("steps"), **arguments)


def test_the_same_steps_give_the_same_bytes():
    assert rebalance_chart(EAGER, title="t").svg == rebalance_chart(list(EAGER), title="t").svg
