"""The group without a barrier: the target and the way there; and that two protocols do not mix.

What it promises as every group does (GROUP-1, GROUP-2) is asked of it in test_group; GROUP-3 under many faults is here.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from functools import partial

import cluster_world
import msgspec
import pytest
from cluster_world import everything_in
from test_group import SESSION, Cluster

from evlab.errors import EvlabError, InvalidUse
from evlab.log import Consumer, Log, Producer
from evlab.log.coordinator import OFFSETS_TOPIC, CommitOffsets
from evlab.log.group import Fenced, UnknownMember
from evlab.log.members import Step, UnreleasedInstanceId, told
from evlab.log.metadata import Metadata, PartitionInfo, TopicInfo
from evlab.log.protocol import BrokerUnavailable
from evlab.log.target import ConsumerHeartbeat, TargetGroup
from evlab.log.target_member import TargetMembership
from evlab.log.topics import TopicConfig
from evlab.sim import Faults, World
from evlab.viz.rebalances import gaps

NEW = {"protocol": "consumer"}


class Desk:
    """A coordinator's group of orders with six partitions, and what its members say to it by hand."""

    def __init__(self):
        self.world, self.count = World(1), 6
        self.group = TargetGroup(self.world, "email", self._metadata)

    def _metadata(self):
        one = PartitionInfo(leader="b", epoch=0, isr=("b",), replicas=("b",))
        return Metadata(topics={"orders": TopicInfo(config=TopicConfig(), partitions=(one,) * self.count)})

    def beat(self, member, number, owned=(), joins=False, life="", **more):
        """The numbers of the partitions that it may own now."""
        request = ConsumerHeartbeat("email", member, life or member, ("orders",), 10.0,
                                    tuple(("orders", one) for one in owned), number, joins, **more)
        answer = self.group.step_out(request) if request.leaves else self.group.heartbeat(request)
        return [one for _, one in answer.partitions]

    def commit(self, member, generation, *numbers):
        self.group.check_commit(member, generation, [("orders", one) for one in numbers])

    def steps(self):
        return [(step.what, step.member, [one for _, one in step.partitions]) for step in self.group.steps]


@pytest.fixture
def desk():
    desk = Desk()
    assert desk.beat("a", 1, joins=True) == [0, 1, 2, 3, 4, 5]
    return desk


# ------------------------------------------------------------------------------------------------ the way to the target


def test_a_partition_goes_over_once_it_is_reported_gone(desk):
    assert desk.beat("b", 1, joins=True) == [], "a may still own all"
    keeps = desk.beat("a", 2, range(6))
    assert len(keeps) == 3 and desk.beat("b", 2) == [], "told is not given back"
    desk.beat("a", 3, keeps)
    assert desk.beat("b", 3) == sorted({*range(6)} - {*keeps})
    assert desk.steps()[2:] == [("joined", "b", []), ("revoked", "a", desk.beat("b", 3)),
                                ("assigned", "b", desk.beat("b", 3))]


def test_what_a_member_keeps_is_listed_for_it_all_the_time(desk):
    desk.beat("b", 1, joins=True)
    keeps = desk.beat("a", 2, range(6))
    for number in range(3, 9):
        assert desk.beat("a", number, keeps) == keeps
        desk.beat("b", number)


def test_an_old_heartbeat_changes_nothing(desk):
    desk.beat("b", 1, joins=True)
    keeps = desk.beat("a", 2, range(6))
    before = desk.steps()
    assert desk.beat("a", 1) == keeps and desk.beat("a", 2, []) == keeps, "number 1 came late, number 2 twice"
    assert desk.steps() == before and desk.group.owner(("orders", keeps[0])) == "a"


def test_an_old_heartbeat_does_not_keep_a_session(desk):
    desk.world.run(until=8)
    desk.beat("a", 1)
    desk.world.run(until=12)
    assert desk.steps()[-1] == ("expired", "a", [0, 1, 2, 3, 4, 5])


def test_a_given_partition_that_never_arrived_is_free_when_the_next_heartbeat_does_not_have_it(desk):
    """The answer was lost, the target has changed since, and the member does not have what it was given."""
    desk.group.leave("a")
    desk.beat("b", 1, joins=True)
    desk.beat("c", 1, joins=True)
    moves = set(range(6)) - set(desk.beat("b", 2))
    assert desk.beat("c", 2) == sorted(moves)


def test_who_is_silent_or_leaves_sets_its_partitions_free(desk):
    desk.beat("b", 1, joins=True)
    desk.world.run(until=5)
    desk.beat("b", 2)
    desk.world.run(until=11)
    assert desk.beat("b", 3) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(UnknownMember):
        desk.beat("a", 2, range(6))
    desk.group.leave("b")
    desk.group.leave("b")
    assert desk.group.members == {} and desk.steps()[-1] == ("left", "b", [0, 1, 2, 3, 4, 5])


def test_a_new_life_of_one_name_takes_the_place_of_the_old_one(desk):
    assert desk.beat("a", 1, joins=True, life="second") == [0, 1, 2, 3, 4, 5]
    with pytest.raises(UnknownMember):
        desk.beat("a", 7, range(6))
    assert [what for what, _, _ in desk.steps()] == ["joined", "assigned", "left", "joined", "assigned"]


def test_who_claims_what_it_was_not_given_is_no_member(desk):
    """Its first heartbeat came again, late, to a new coordinator; that it owns something is of the time before."""
    desk.beat("b", 1, joins=True)
    with pytest.raises(UnknownMember):
        desk.beat("b", 9, [4])
    assert desk.steps()[-1] == ("expired", "b", []) and desk.beat("a", 2, range(6)) == list(range(6))


def test_partitions_that_are_added_have_owners(desk):
    desk.count = 8
    desk.group.look_at_topics()
    assert desk.beat("a", 2, range(6)) == list(range(8))
    before = desk.group.generation
    desk.group.look_at_topics()
    assert desk.group.generation == before


def test_a_commit_is_taken_from_the_owner_alone(desk):
    """GROUP-1: and from the one who gives back, until it has."""
    old = desk.group.generation
    desk.beat("b", 1, joins=True)
    keeps = desk.beat("a", 2, range(6))
    moves = sorted({*range(6)} - {*keeps})
    desk.commit("a", old, *range(6))
    with pytest.raises(Fenced):
        desk.commit("b", desk.group.generation, moves[0])
    desk.beat("a", 3, keeps)
    desk.commit("a", old, *keeps)
    desk.beat("b", 2)
    desk.commit("b", desk.group.generation, *moves)
    with pytest.raises(Fenced) as caught:
        desk.commit("a", desk.group.generation, keeps[0], moves[0])
    assert caught.value.member == "a" and "Next step" in str(caught.value)
    with pytest.raises(UnknownMember):
        desk.commit("nobody", desk.group.generation, 0)


def test_a_commit_of_an_earlier_time_with_the_partition_is_refused(desk):
    """GROUP-1: a had it, gave it back, and has it again; what it sent before is stale."""
    old = desk.group.generation
    desk.beat("b", 1, joins=True)
    keeps = desk.beat("a", 2, range(6))
    desk.beat("a", 3, keeps)
    moved, = set(desk.beat("b", 2)[:1])
    desk.group.leave("b")
    assert moved in desk.beat("a", 4, keeps)
    with pytest.raises(Fenced):
        desk.commit("a", old, moved)
    desk.commit("a", old, *keeps)
    desk.commit("a", desk.group.generation, moved)


# -------------------------------------------------------------------------------------------------- static members


@pytest.fixture
def static():
    """a and b have three partitions each, and an instance each."""
    desk = Desk()
    desk.beat("a", 1, joins=True, instance="A")
    desk.beat("b", 1, joins=True, instance="B")
    desk.beat("a", 3, desk.beat("a", 2, range(6)))
    assert len(desk.beat("b", 2)) == 3
    return desk


def test_who_leaves_for_a_while_keeps_its_share_until_its_session_ends(static):
    mine, others, epoch = static.beat("a", 4, static.beat("a", 3)), static.beat("b", 2), static.group.generation
    assert static.beat("a", 5, leaves=True) == []
    static.world.run(until=9)
    assert static.beat("b", 3, others) == others and static.group.generation == epoch
    assert [static.group.owner(("orders", one)) for one in mine] == ["a"] * 3
    static.world.run(until=11)
    assert static.steps()[-1] == ("expired", "a", mine) and static.beat("b", 4, others) == [0, 1, 2, 3, 4, 5]


def test_who_comes_back_with_its_instance_takes_its_share_over(static):
    mine, epoch = static.beat("a", 4, static.beat("a", 3)), static.group.generation
    static.beat("a", 5, leaves=True)
    assert static.beat("a2", 1, joins=True, instance="A") == mine and static.group.generation == epoch
    assert static.steps()[-1] == ("replaced", "a2", mine)
    static.commit("a2", epoch, *mine)
    for late in (4, 6):  # what the old life has still on its way
        with pytest.raises(UnknownMember):
            static.beat("a", late, mine)
    with pytest.raises(UnknownMember):
        static.commit("a", epoch, *mine)
    static.world.run(until=9)
    static.beat("a2", 2, mine)
    static.world.run(until=12)
    assert "a2" in static.group.members, "the session of the old life does not end the new one"


def test_a_life_of_the_same_name_is_held_to_the_same_rule(static):
    with pytest.raises(UnreleasedInstanceId):
        static.beat("a", 1, joins=True, life="second", instance="A")
    mine = static.beat("a", 4, static.beat("a", 3))
    static.beat("a", 5, leaves=True)
    assert static.beat("a", 1, joins=True, life="second", instance="A") == mine


def test_a_second_one_with_the_same_instance_is_refused_until_the_first_has_left(static):
    mine = static.beat("a", 3)
    with pytest.raises(UnreleasedInstanceId, match="Next step") as caught:
        static.beat("c", 1, joins=True, instance="A")
    assert (caught.value.instance, caught.value.member) == ("A", "a")
    assert static.beat("a", 4, mine) == mine, "the first one is not disturbed"
    static.world.run(until=11)
    assert len(static.beat("c", 1, joins=True, instance="A")) == 6, "its session has ended: the instance is free"


def test_a_goodbye_that_comes_late_or_from_another_life_counts_for_nothing(static):
    mine = static.beat("a", 4, static.beat("a", 3))
    static.beat("a", 3, leaves=True)
    static.beat("a", 9, life="elsewhere", leaves=True)
    static.beat("nobody", 9, leaves=True)
    with pytest.raises(UnreleasedInstanceId):
        static.beat("c", 1, joins=True, instance="A")
    static.beat("a", 5, leaves=True)
    static.beat("a", 4, mine)
    assert static.beat("c", 1, joins=True, instance="A") == mine, "an old heartbeat does not bring it back"


def test_a_consumer_need_not_wait_for_itself(static):
    """It gave up its place, and its goodbye was lost."""
    mine = static.beat("a", 4, static.beat("a", 3))
    assert static.beat("a2", 1, joins=True, instance="A", was="a") == mine
    with pytest.raises(UnreleasedInstanceId):
        static.beat("a", 1, joins=True, instance="A")  # its first heartbeat, once more and late


def test_what_a_leaver_was_to_give_back_is_free_at_once(static):
    before = static.beat("a", 3)
    assert static.beat("c", 1, joins=True) == []
    keeps = static.beat("a", 4, before)
    static.beat("a", 5, leaves=True)
    assert static.beat("c", 2) == sorted({*before} - {*keeps}) != []


def test_a_member_that_comes_back_for_other_topics_gets_another_target(static):
    static.beat("a", 5, leaves=True)
    epoch = static.group.generation
    request = ConsumerHeartbeat("email", "a2", "a2", ("payments",), 10.0, (), 1, True, "A")
    assert static.group.heartbeat(request).partitions == () and static.group.generation > epoch


def test_a_static_member_that_restarts_takes_its_partitions_over_and_nobody_stops():
    cluster = Cluster()
    cluster.join("anna", instance_id="a", **NEW).join("bert", instance_id="b", **NEW).later(6)
    mine, told_of, epoch = cluster.owned("anna"), list(cluster.told["bert"]), cluster.members["bert"].generation
    cluster.send(8)
    cluster.later(1)
    cluster.members["anna"].close()
    cluster.later(0.5)
    cluster.world.crash("anna", down=2.0)
    cluster.later(1.5)
    assert len(cluster.owned("bert")) == 2, "it is expected back"
    cluster.later(3)
    assert cluster.owned("anna") == mine and cluster.told["bert"] == told_of
    assert cluster.members["bert"].generation == epoch and len(cluster.steps("replaced")) == 1
    cluster.send(8)
    cluster.later(2)
    assert cluster.lag() == 0 and not cluster.replayed()


def test_a_static_member_that_stays_away_loses_them():
    cluster = Cluster()
    cluster.join("anna", instance_id="a", **NEW).join("bert", instance_id="b", **NEW).later(6)
    cluster.members["anna"].close()
    cluster.world.crash("anna")
    cluster.later(SESSION - 2)
    assert len(cluster.owned("bert")) == 2
    cluster.later(4)
    assert len(cluster.owned("bert")) == 4


def test_the_second_of_two_with_one_instance_is_refused_and_stays_out():
    """In the classic protocol it would take the place: see test_group."""
    cluster = Cluster(partitions=2)
    cluster.join("anna", instance_id="same", **NEW).later(4)
    second = Consumer(cluster.log.client("bert"), "email", "orders", instance_id="same", **NEW)
    second.poll()
    cluster.later(3 * SESSION)
    for _ in range(2):
        with pytest.raises(UnreleasedInstanceId):
            second.poll()
    assert second.close().done is False and cluster.later(1).owned("anna") == [0, 1]
    assert cluster.failed == [] and [step.what for step in cluster.steps("joined")] == ["joined"]
    cluster.members["anna"].close()
    cluster.later(1)
    third = Consumer(cluster.log.client("carl"), "email", "orders", instance_id="same", **NEW)
    for _ in range(2):
        third.poll()
        cluster.later(0.5)
    assert [number for _, number in third.assignment] == [0, 1]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("lost", [False, True])
def test_a_static_member_that_is_stuck_keeps_its_partitions_until_its_session_ends(protocol, lost):
    """Kafka: max.poll.interval.ms. Without an instance they would go at once. lost: nobody hears that it gives up."""
    cluster = Cluster(partitions=2)
    cluster.join("anna", work=9.0, max_poll_interval=5.0, instance_id="a", protocol=protocol)
    cluster.join("bert", instance_id="b", protocol=protocol).later(8)
    mine, = cluster.owned("anna")
    cluster.shop.send("orders", b"v", partition=mine)
    cluster.later(4.5)
    if lost:
        cluster.world.network.cut("anna", "broker-0")
    cluster.later(2.4)
    assert cluster.members["anna"].lost == [("orders", mine)] and len(cluster.owned("bert")) == 1, "it gave up"
    cluster.world.network.heal()
    cluster.later(4)
    assert cluster.owned("anna") == [mine], "it polls again, in time"
    cluster.later(12)
    assert not cluster.steps("expired") and cluster.failed == []


# ------------------------------------------------------------------------------------------------------ its members


def longest_pause(cluster, node, since):
    """The longest time between two records of one partition that this member kept."""
    pauses = []
    for number in cluster.owned(node):
        times = [time for time, partition, _ in cluster.processed[node] if partition == number and time > since]
        pauses += [after - before for before, after in itertools.pairwise([since, *times])]
    return max(pauses)


def fourth_joins(**way):
    """Six partitions, three members, records all the time; carl needs a second for each, and dora joins at 12 s."""
    cluster = Cluster(partitions=6)
    for node, work in (("anna", 0.01), ("bert", 0.01), ("carl", 1.0)):
        cluster.join(node, work=work, most=3, **way)
    cluster.later(11)
    for turn in range(60):
        cluster.send(6)
        cluster.later(0.2)
        if turn == 5:
            cluster.join("dora", **way)
    return cluster


def test_who_keeps_its_partitions_goes_on_without_a_pause_while_a_fourth_joins():
    """In contrast to eager, where all wait for the slowest."""
    found = {}
    for name, way in (("eager", {}), ("new", NEW)):
        cluster = fourth_joins(**way)
        assert len(cluster.owned("dora")) >= 1
        found[name] = max(longest_pause(cluster, node, 12.0) for node in ("anna", "bert"))
        stood = {where for where, begin, _ in gaps(cluster.log.rebalances("email"), cluster.world.now()) if begin > 12}
        assert len(stood) == (1 if name == "new" else 4), "the last to join again waits for nobody"
        assert not cluster.replayed()
    assert found["new"] < 0.5 < 2 < found["eager"], "seconds on the world's clock"


def test_given_back_is_told_before_and_committed_still():
    """on_revoked is called with what goes; a commit in it counts, though the member gives back at once."""
    world, told_of, commits = World(2), [], []
    log = Log(env=world)
    log.create_topic("orders", 2)
    producer = Producer(log)
    for number in range(8):
        producer.send("orders", b"v", partition=number % 2)

    def member(node, most):
        def gone(partitions):
            told_of.append(partitions)
            commits.append(consumer.commit())

        consumer = Consumer(log.client(node), "email", "orders", heartbeat_interval=1.0, on_revoked=gone, **NEW)
        while True:
            consumer.poll(most)
            yield 0.5

    world.spawn(member("anna", 8), "anna")
    world.run(until=4)
    world.spawn(member("bert", 8), "bert")
    world.run(until=10)
    assert [len(partitions) for partitions in told_of] == [1] and [commit.error for commit in commits] == [None]
    rows = {(row.topic, row.partition): row.committed for row in log.lag("email")}
    assert rows == {("orders", 0): 4, ("orders", 1): 4}
    assert {row.member.split("-")[0] for row in log.lag("email")} == {"anna", "bert"}
    assert "anna" in log.describe("email")


def test_who_waits_to_report_a_partition_gone_waits_at_rest():
    """Its last commit cannot get through. Until it does, no poll has anything to do, and nobody else gets it."""
    cluster, polls = Cluster(partitions=2), []

    def anna():
        def gone(partitions):
            cluster.world.network.cut("anna", "broker-0")
            consumer.commit()

        consumer = cluster.members["anna"] = Consumer(cluster.log.client("anna"), "email", "orders", on_revoked=gone,
                                                      session_timeout=SESSION, heartbeat_interval=1.0, **NEW)
        while True:
            polls.append(consumer.poll())
            yield consumer.arrived

    cluster.world.spawn(anna(), "anna")
    cluster.send(4)
    cluster.later(3)
    cluster.join("bert", **NEW)
    cluster.world.run(until=cluster.world.now() + 4, steps=20_000)
    assert len(cluster.owned("anna")) == 1 and cluster.owned("bert") == [] and len(polls) < 20
    cluster.world.calm()
    cluster.later(5)
    assert len(cluster.owned("anna")) == len(cluster.owned("bert")) == 1 and not cluster.processed["bert"]


def test_a_search_for_a_place_that_began_in_an_earlier_life_does_not_count():
    cluster = Cluster(partitions=1).join("anna", **NEW).later(3)
    membership = cluster.members["anna"].membership
    since, = membership._taken.values()
    assert membership._has(("orders", 0), since)
    cluster.world.pause("anna", SESSION + 2)
    cluster.later(SESSION + 6)
    assert cluster.owned("anna") == [0] and not membership._has(("orders", 0), since)


def test_auto_commit_counts_before_a_partition_goes():
    cluster = Cluster(partitions=2).join("anna", auto_commit=True, auto_commit_interval=100.0, **NEW)
    cluster.later(3).send(8)
    cluster.later(2)
    cluster.join("bert", **NEW).later(5)
    assert len(cluster.owned("bert")) == 1 and not cluster.replayed()


def test_who_does_not_poll_for_too_long_leaves_and_is_fenced():
    cluster = Cluster(partitions=2).join("anna", work=12.0, max_poll_interval=5.0, **NEW).join("bert", **NEW).later(8)
    cluster.send(2)
    cluster.later(10)
    assert cluster.owned("bert") == [0, 1], "anna works at one record for 12 s"
    cluster.later(25)
    assert cluster.commits["anna"][0] in ("UnknownMember", "Fenced")
    assert sorted(cluster.owned("anna") + cluster.owned("bert")) == [0, 1] and cluster.lag() == 0


def test_on_files_it_works_as_in_a_world(tmp_path):
    with Log(tmp_path) as log:
        log.create_topic("orders", 2)
        producer = Producer(log)
        for number in range(4):
            producer.send("orders", b"%d" % number, partition=number % 2)
        producer.flush()
        with Consumer(log, "email", "orders", name="anna", heartbeat_interval=0.05, **NEW) as consumer:
            got = [record.value for _ in range(4) for record in consumer.poll()]
            assert sorted(got) == [b"0", b"1", b"2", b"3"] and consumer.commit().done
            assert repr(consumer) == "Consumer(anna of email, generation 1: orders-0 orders-1)"
            other = Consumer(log, "email", "orders", name="bert", heartbeat_interval=0.05, **NEW)
            while not other.assignment:
                consumer.poll()
                other.poll(timeout=0.1)
            assert len(consumer.assignment) == 1
        assert list(log.group("email").members) == ["bert"]


def test_a_transaction_takes_the_offsets_of_the_owner_and_of_nobody_else():
    """send_offsets asks the same question as a commit."""
    world, seen = World(3), []
    log = Log(env=world)
    log.create_topic("orders", 1)
    Producer(log).send("orders", b"v")

    def till():
        producer = Producer(log.client("anna"), transactional_id="till-1")
        consumer = Consumer(log.client("anna"), "email", "orders", **NEW)
        while not consumer.poll():
            yield consumer.arrived
        yield producer.begin()
        yield producer.send_offsets(consumer)
        yield producer.commit()
        seen.append(log.lag("email")[0].committed)
        yield producer.begin()
        log.group("email").leave(consumer.member)
        try:
            yield producer.send_offsets(consumer, {("orders", 0): 0})
        except UnknownMember as error:
            seen.append(type(error))
        yield producer.abort()

    world.spawn(till(), "anna")
    world.run(until=20)
    assert seen == [1, UnknownMember] and log.lag("email")[0].committed == 1


# --------------------------------------------------------------------------------------------------- two protocols


@pytest.mark.parametrize("first, second", [("classic", "consumer"), ("consumer", "classic")])
def test_a_member_of_the_other_kind_is_refused_and_told(first, second):
    cluster = Cluster().join("anna", protocol=first).later(3)
    other = Consumer(cluster.log.client("bert"), "email", "orders", protocol=second)
    other.poll()
    cluster.later(3)
    with pytest.raises(InvalidUse, match=f"speak the {first} protocol"):
        other.poll()
    assert cluster.owned("anna") == [0, 1, 2, 3]


def test_an_empty_group_may_change_its_protocol():
    cluster = Cluster(partitions=2).join("anna").later(3)
    cluster.send(4)
    cluster.later(2)
    cluster.members["anna"].close()
    cluster.later(1)
    cluster.world.crash("anna")
    cluster.join("bert", **NEW).later(4)
    assert cluster.owned("bert") == [0, 1] and cluster.processed["bert"] == [], "what was committed stays"
    assert [step.what for step in cluster.log.rebalances("email")][-2:] == ["joined", "assigned"]


@pytest.mark.parametrize("more", [{"assignor": "roundrobin"}, {"instance_id": ""}, {"protocol": "new"},
                                  {"protocol": None}])
def test_what_the_new_protocol_does_not_take(more):
    with pytest.raises(InvalidUse, match="Next step"):
        Consumer(Cluster().log, "email", "orders", **{**NEW, **more})


# -------------------------------------------------------------------------------------------- GROUP-1, GROUP-3: faults

ROUGH = Faults(drop=0.08, duplicate=0.08, delay=0.1, crash=0.0005, kill=0.0005, cuts=3, pauses=2, crashes=2, span=12.0,
               down=1.0, late=3.0, long=8.0)


def two_at_once(seed, static=False):
    """Members that come and go, with an instance each if they are static, while messages are lost, doubled and late.
    Where two that the group knows read one partition at the same time, or one reads what the group has given to nobody
    or another."""
    world = World(seed, ROUGH)
    log = Log(env=world)
    log.create_topic("orders", 5)
    consumers, found = {}, []

    def member(node):
        chance = world.random(node)
        while True:
            yield chance.choice((0.5, 2.0, 4.0))
            consumer = consumers[node] = Consumer(log.client(node), "email", "orders", session_timeout=3.0,
                                                  heartbeat_interval=0.5, instance_id=node if static else None, **NEW)
            with suppress(UnreleasedInstanceId):
                for _ in range(chance.choice((3, 10, 30))):
                    consumer.poll()
                    yield chance.choice((0.05, 0.3, 1.0))
            with suppress(EvlabError):
                yield consumer.close()

    def watch():
        while True:
            with suppress(EvlabError):
                members = log.group("email").members
                for consumer in consumers.values():
                    if consumer.member in members and not consumer.closed:
                        held = members[consumer.member].partitions
                        found.extend((world.now(), consumer.member, one) for one in consumer.assignment
                                     if one not in held)
                owners = [one for member in members.values() for one in member.partitions]
                found.extend((world.now(), one) for one in set(owners) if owners.count(one) > 1)
            yield 0.01

    for node in ("anna", "bert", "carl"):
        world.boot(node, partial(member, node))
    world.spawn(watch())
    world.run(until=15)
    return found


def test_no_two_members_read_one_partition_however_messages_come(storm_seeds):
    """GROUP-1: what a member reads is its own for the coordinator, at every moment in which it is a member."""
    for seed in storm_seeds("members", 60, 20_000):
        assert two_at_once(seed, static=bool(seed % 2)) == [], seed


def goes_by_late_answers(patch):
    patch.setattr(TargetMembership, "_is_newest", lambda self, request: request.life == self._life)


def takes_back_what_is_not_reported_gone(patch):
    take_back = TargetGroup._take_back
    patch.setattr(TargetGroup, "_take_back", lambda self, request, wanted: take_back(
        self, request._replace(owned=()), wanted))


def reports_too_early(patch):
    patch.setattr(TargetMembership, "owned", property(lambda self: set(self.share or ())))


@pytest.mark.parametrize("bug", [goes_by_late_answers, takes_back_what_is_not_reported_gone, reports_too_early])
def test_the_check_sees_a_planted_bug(bug, monkeypatch):
    """GROUP-1: the check above is able to fail."""
    bug(monkeypatch)
    assert any(two_at_once(seed) for seed in range(100))


def test_a_group_recovers_within_three_sessions_of_the_last_fault(monkeypatch, storm_seeds, measured):
    """LOG-4, GROUP-1, GROUP-2, GROUP-3 as in test_cluster, with the newer protocol; fewer seeds, for the time that they
    take."""
    monkeypatch.setattr(cluster_world, "Consumer", partial(Consumer, **NEW))
    reached = dict.fromkeys(("a commit that is refused", "a session that ends in silence", "another coordinator",
                             "a record that is processed twice"), 0)
    slowest, seeds = 0.0, storm_seeds("target", 100, 100_000)
    with cluster_world.quiet_collector():
        for seed in seeds:
            run = cluster_world.Run(seed, assignor="range").go()
            assert run.anomalies() == [], seed
            slowest, rare = max(slowest, run.rested), run.rare()
            for name in reached:
                reached[name] += rare[name]
    assert all(reached.values()), reached
    measured(f"LOG-4 with KIP-848: {len(seeds):,} seeds; the slowest cluster was at rest {slowest:.1f} s after the "
             f"faults, of {3 * cluster_world.SESSION:.0f} s allowed")


# ------------------------------------------------------------------------------------------------- crash and observer


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_consumer_that_was_made_elsewhere_ends_with_its_node(protocol):
    """It stands on anna, and was made outside: when anna crashes, its heartbeats end."""
    cluster = Cluster(partitions=2)
    consumer = Consumer(cluster.log.client("anna"), "email", "orders", session_timeout=SESSION, heartbeat_interval=1.0,
                        protocol=protocol)

    def polls():
        while True:
            consumer.poll()
            yield consumer.arrived

    cluster.world.spawn(polls(), "anna")
    cluster.later(3)
    assert len(cluster.log.group("email").members) == 1
    cluster.world.crash("anna")
    cluster.later(SESSION + 2)
    assert cluster.log.group("email").members == {} and len(cluster.steps("expired")) == 1


def test_before_the_world_runs_there_is_no_group_to_see():
    log = Log(env=World(1), brokers=3)
    assert log.rebalances("email") == []
    with pytest.raises(BrokerUnavailable, match="world.run"):
        log.group("email")


def test_what_a_replaced_coordinator_notes_is_left_out():
    old = [Step(1, 0, "joined", "a"), Step(5, 0, "expired", "a"), Step(9, 0, "expired", "b")]
    new = [Step(5, 0, "joined", "c"), Step(9, 1, "assigned", "c")]
    assert told([old, [], new]) == [old[0], *new] and told([]) == []


def test_a_late_commit_does_not_reach_the_topic():
    """GROUP-1 end to end: an owner that gave a partition back is refused by the coordinator, and nothing is written."""
    cluster = Cluster(partitions=2).join("anna", **NEW).later(3)
    cluster.send(4)
    cluster.later(1)
    old = cluster.members["anna"]
    cluster.join("bert", **NEW).later(5)
    moved, = cluster.members["bert"].assignment
    before = everything_in(cluster.log.replica(OFFSETS_TOPIC, 0))
    request = CommitOffsets("email", old.member, old.generation, ((*moved, 0),), 99)
    answer = old.client.ask("broker-0", request)
    cluster.later(1)
    assert isinstance(answer.error, Fenced)
    assert everything_in(cluster.log.replica(OFFSETS_TOPIC, 0)) == before
    assert all(msgspec.json.decode(value)[0] == 2 for _, _, value in before[-2:])
