"""GROUP-1, GROUP-2 and the rest of what a group promises: who owns what, who is fenced, what a crash costs."""

from __future__ import annotations

import itertools
from contextlib import suppress

import msgspec
import pytest
from cluster_world import everything_in, owners_of

from evlab.errors import EvlabError, InvalidUse
from evlab.log import Consumer, Log, Producer, UnknownTopic
from evlab.log.coordinator import OFFSETS_TOPIC
from evlab.log.group import Fenced, UnknownMember
from evlab.sim import Fault, Plan, World

SESSION = 6.0
WAYS = ({"assignor": "range"}, {"assignor": "roundrobin"}, {"assignor": "cooperative-sticky"}, {"protocol": "consumer"})
"""How a group may share: the classic protocol with each of its assignors, and the one without a barrier."""


def each_way(*ways):
    return pytest.mark.parametrize("way", ways or WAYS, ids=lambda way: next(iter(way.values())))


def each_protocol(test):
    return pytest.mark.parametrize("protocol", ["classic", "consumer"])(test)


class Cluster:
    """A World with a topic orders, and members that work on it: each keeps what befell it."""

    def __init__(self, partitions=4, brokers=1, seed=1, **config):
        self.world = World(seed)
        self.log = Log(env=self.world, brokers=brokers)
        self.world.run(until=1)
        self.log.create_topic("orders", partitions, replication=brokers, **config)
        self.shop = Producer(self.log.client("shop"))
        self.members, self.processed, self.told, self.commits, self.failed = {}, {}, {}, {}, []

    def join(self, node, *, work=0.01, most=500, topics="orders", **more):
        self.processed[node], self.told[node], self.commits[node] = [], [], []

        def boot():
            consumer = self.members[node] = Consumer(
                self.log.client(node), "email", topics,
                **{"session_timeout": SESSION, "heartbeat_interval": 1.0} | more,
                on_assigned=lambda partitions: self.told[node].append(("assigned", self.world.now(), partitions)),
                on_revoked=lambda partitions: self.told[node].append(("revoked", self.world.now(), partitions)))
            while True:
                try:
                    records = consumer.poll(most)
                except Fenced:
                    self.failed.append(node)
                    return
                except UnknownTopic as error:
                    self.failed.append(error.topic)
                    continue
                for record in records:
                    yield work
                    self.processed[node].append((self.world.now(), record.partition, record.offset))
                if records:
                    try:
                        yield consumer.commit()
                        self.commits[node].append("ok")
                    except EvlabError as error:
                        self.commits[node].append(type(error).__name__)
                yield consumer.arrived

        self.world.boot(node, boot)
        return self

    def send(self, count=12, **more):
        sent = [self.shop.send("orders", b"v%d" % n, partition=n % self.log.partitions("orders")) for n in range(count)]
        return sent

    def later(self, seconds):
        self.world.run(until=self.world.now() + seconds)
        return self

    def owned(self, node):
        return [number for _, number in self.members[node].assignment]

    def steps(self, what):
        return [step for step in self.log.rebalances("email") if step.what == what]

    def replayed(self):
        everything = [one[1:] for done in self.processed.values() for one in done]
        return len(everything) - len(set(everything))

    def lag(self):
        return sum(row.lag or 0 for row in self.log.lag("email"))


# ------------------------------------------------------------------------------------------------------ owners


@each_way()
def test_members_come_and_go_and_each_partition_has_one_owner(way):
    """GROUP-1: in every generation, and in the end all partitions are owned."""
    cluster = Cluster(partitions=6)
    for node in ("anna", "bert", "carl"):
        cluster.join(node, **way).later(4)
        cluster.send()
    cluster.later(3)
    assert sorted(sum((cluster.owned(node) for node in cluster.members), [])) == list(range(6))
    assert [len(cluster.owned(node)) for node in cluster.members] == [2, 2, 2]
    cluster.members["bert"].close()
    cluster.world.crash("carl")
    cluster.later(SESSION + 3)
    assert cluster.owned("anna") == list(range(6)) and cluster.lag() == 0
    assert owners_of(cluster.log.rebalances("email")) == [] and not cluster.replayed()
    assert [step.what for step in cluster.steps("left")] == ["left"] and len(cluster.steps("expired")) == 1


@each_protocol
def test_more_members_than_partitions_leave_some_idle(protocol):
    cluster = Cluster(partitions=2)
    for node in ("anna", "bert", "carl"):
        cluster.join(node, protocol=protocol)
    cluster.later(6)
    assert sorted(len(cluster.owned(node)) for node in cluster.members) == [0, 1, 1]


@each_protocol
def test_members_may_read_other_topics(protocol):
    cluster = Cluster(partitions=2)
    cluster.log.create_topic("payments", 2)
    cluster.join("anna", protocol=protocol).join("bert", topics=["orders", "payments"], protocol=protocol).later(6)
    assert cluster.owned("anna") and all(topic == "orders" for topic, _ in cluster.members["anna"].assignment)
    assert {("payments", 0), ("payments", 1)} <= set(cluster.members["bert"].assignment)


def test_who_asks_for_another_assignor_is_told():
    cluster = Cluster().join("anna").later(3)
    other = Consumer(cluster.log.client("bert"), "email", "orders", assignor="roundrobin")
    other.poll()
    cluster.later(3)
    with pytest.raises(InvalidUse, match="range"):
        other.poll()


@each_way(WAYS[0], *WAYS[2:])
def test_a_member_that_sleeps_longer_than_its_session_is_fenced(way):
    """GROUP-1: it wakes with records in its hands; its commit is refused, and the new owner has read them again."""
    cluster = Cluster(partitions=2)
    cluster.join("anna", work=1.0, **way).join("bert", **way).later(5)
    mine = cluster.owned("anna")
    cluster.send(6)
    cluster.later(1.5)
    assert cluster.processed["anna"]
    cluster.world.pause("anna", SESSION + 4)
    cluster.later(SESSION + 2)
    assert set(mine) <= set(cluster.owned("bert")) and cluster.lag() == 0
    cluster.later(12)
    assert cluster.commits["anna"][0] in ("UnknownMember", "Fenced")
    assert cluster.replayed() >= 1, "at least once"
    assert owners_of(cluster.log.rebalances("email")) == []
    assert sorted(cluster.owned("anna") + cluster.owned("bert")) == [0, 1]
    kinds = [what for what, _, _ in cluster.told["anna"]]
    assert kinds[0] == "assigned" and "revoked" in kinds, "it is told that it has lost them"


@each_protocol
@pytest.mark.parametrize("cut", [("anna", "broker-0"), ("broker-0", "anna")])
def test_a_one_way_partition_ends_a_session_in_one_direction_only(cut, protocol):
    """GROUP-1: if its heartbeats arrive, it stays the owner, though it hears nothing; if they do not, it is out."""
    cluster = Cluster(partitions=2).join("anna", protocol=protocol).join("bert", protocol=protocol).later(5)
    assert len(cluster.owned("anna")) == 1
    cluster.send(4)
    cluster.later(1)
    cluster.world.network.cut(*cut)
    cluster.later(SESSION * 2)
    expired = [step.member for step in cluster.steps("expired")]
    assert bool(expired) == (cut[0] == "anna")
    cluster.send(4)
    cluster.world.calm()
    cluster.later(3 * SESSION)
    assert cluster.lag() == 0 and sorted(cluster.owned("anna") + cluster.owned("bert")) == [0, 1]
    assert owners_of(cluster.log.rebalances("email")) == []


def test_a_commit_of_an_old_generation_is_refused():
    """GROUP-1: whoever missed a rebalance does not speak for its partitions any more."""
    cluster = Cluster(partitions=2).join("anna").later(3)
    group = cluster.log.group("email")
    member, generation = cluster.members["anna"].member, cluster.members["anna"].generation
    group.check(member, generation)
    with pytest.raises(Fenced) as caught:
        group.check(member, generation - 1)
    assert caught.value.member == member
    with pytest.raises(UnknownMember):
        group.check("nobody", generation)


@each_protocol
def test_a_commit_that_comes_twice_and_late_does_not_undo_the_next(protocol):
    """GROUP-1: the first commit comes again 2 s later, after the second one."""
    world = World(1, Plan([]))
    log = Log(env=world)
    log.create_topic("orders")
    consumer = Consumer(log.client("anna"), "email", "orders", protocol=protocol)
    producer = Producer(log)
    for _ in range(4):
        producer.send("orders", b"v")
    for _ in range(5):
        consumer.poll()
        world.run(until=world.now() + 0.5)
    passed = world.network._link("anna", "broker-0").count
    world.faults = Plan([Fault("duplicate", "anna→broker-0", passed + 1, 2.0)])
    world.spawn(iter_commits(consumer), "anna")
    world.run(until=world.now() + 5)
    assert [fault.kind for fault in world.struck_by] == ["duplicate"]
    row, = log.lag("email")
    assert row.committed == 3


def iter_commits(consumer):
    for offset in (1, 2, 3):
        yield consumer.commit({("orders", 0): offset})


# --------------------------------------------------------------------------------------------------- rebalances


@each_way(*WAYS[2:])
def test_members_never_stop_on_what_they_keep(way):
    cluster = Cluster(partitions=4).join("anna", **way).later(3)
    cluster.join("bert", **way)
    for _ in range(20):
        cluster.send(4)
        cluster.later(0.5)
    revoked = [partitions for what, _, partitions in cluster.told["anna"] if what == "revoked"]
    assert [len(partitions) for partitions in revoked] == [2], "only what moved"
    kept = cluster.owned("anna")
    for number in kept:
        times = [time for time, partition, _ in cluster.processed["anna"] if partition == number]
        assert max(after - before for before, after in itertools.pairwise(times)) < 1.0
    assert sorted(kept + cluster.owned("bert")) == [0, 1, 2, 3] and not cluster.replayed()


def test_eager_members_give_up_all_when_another_joins():
    cluster = Cluster(partitions=4).join("anna").later(3).join("bert").later(5)
    assert [(what, len(partitions)) for what, _, partitions in cluster.told["anna"]] == [
        ("assigned", 4), ("revoked", 4), ("assigned", 2)]


@each_protocol
def test_a_new_topic_that_nobody_here_reads_is_no_reason_to_share_out_anew(protocol):
    cluster = Cluster().join("anna", protocol=protocol).later(3)
    before = len(cluster.log.rebalances("email"))
    cluster.log.create_topic("payments", 3)
    cluster.later(5)
    assert len(cluster.log.rebalances("email")) == before


@each_protocol
def test_partitions_that_are_added_get_owners(protocol):
    cluster = Cluster(partitions=1).join("anna", protocol=protocol).join("bert", protocol=protocol).later(5)
    cluster.log.add_partitions("orders", 4)
    cluster.later(5)
    assert len(cluster.owned("anna")) == len(cluster.owned("bert")) == 2
    cluster.send(8)
    cluster.later(3)
    assert cluster.lag() == 0


@each_protocol
def test_a_topic_that_comes_later_is_shared_out_then(protocol):
    cluster = Cluster(partitions=1).join("anna", topics=["orders", "payments"], protocol=protocol).later(3)
    assert cluster.failed == ["payments"], "it is told once"
    cluster.log.create_topic("payments", 2)
    cluster.later(4)
    assert len(cluster.members["anna"].assignment) == 3


def test_a_member_that_is_silent_in_a_rebalance_is_left_out():
    """It beats, and never polls: the others wait for its max_poll_interval, not for ever."""
    cluster = Cluster(partitions=2)
    lazy = Consumer(cluster.log.client("lazy"), "email", "orders", session_timeout=SESSION, max_poll_interval=10.0)
    lazy.poll()
    cluster.later(1)
    lazy.poll()
    cluster.later(1)
    cluster.join("anna", max_poll_interval=10.0).later(25)
    assert cluster.owned("anna") == [0, 1]


# ----------------------------------------------------------------------------------------------- static members


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance():
    cluster = Cluster()
    cluster.join("anna", instance_id="a").join("bert", instance_id="b").later(5)
    mine, before = cluster.owned("anna"), len(cluster.steps("rebalancing"))
    cluster.world.crash("anna", down=2.0)
    cluster.later(6)
    assert cluster.owned("anna") == mine and len(cluster.steps("rebalancing")) == before
    assert [step.what for step in cluster.steps("replaced")] == ["replaced"]
    cluster.send(8)
    cluster.later(2)
    assert cluster.lag() == 0


def test_a_static_member_that_stays_away_loses_them():
    cluster = Cluster()
    cluster.join("anna", instance_id="a").join("bert", instance_id="b").later(5)
    cluster.members["anna"].close()
    cluster.world.crash("anna")
    cluster.later(3)
    assert len(cluster.owned("bert")) == 2, "it is expected back"
    cluster.later(SESSION)
    assert len(cluster.owned("bert")) == 4


def test_two_with_one_instance_do_not_chase_each_other():
    """The second one takes the place, and the first is told that it has lost it, once and for all."""
    cluster = Cluster(partitions=2)
    cluster.join("anna", instance_id="same").later(3)
    old = cluster.members["anna"]
    cluster.join("bert", instance_id="same").later(3 * SESSION)
    assert len(cluster.steps("replaced")) == 1
    assert cluster.owned("bert") == [0, 1] and old.assignment == []
    assert cluster.failed == ["anna"], "its poll raised Fenced"


# -------------------------------------------------------------------------------------------------- coordinator


@each_protocol
def test_a_group_outlives_its_coordinator(protocol):
    """GROUP-3: the next one has read what was committed; members join again, and nothing is lost."""
    cluster = Cluster(partitions=4, brokers=3, min_insync_replicas=2)
    cluster.join("anna", protocol=protocol).join("bert", protocol=protocol).later(6)
    cluster.send()
    cluster.later(2)
    before = {row[:3] for row in cluster.log.lag("email")}
    victim, told = cluster.log.replica(OFFSETS_TOPIC, 0).me, cluster.log.rebalances("email")
    cluster.world.crash(victim)
    cluster.later(8)
    assert cluster.log.replica(OFFSETS_TOPIC, 0).me != victim
    cluster.send()
    cluster.later(3 * SESSION)
    assert sorted(cluster.owned("anna") + cluster.owned("bert")) == [0, 1, 2, 3]
    assert cluster.lag() == 0 and {row[:2] for row in cluster.log.lag("email")} == {row[:2] for row in before}
    assert cluster.log.rebalances("email")[:len(told)] == told and len(cluster.steps("joined")) == 4, "all is told"
    first = [one[1:] for done in cluster.processed.values() for one in done if one[2] < 3]
    assert len(first) == len(set(first)) == 12, "what was committed before the coordinator died does not come again"


# --------------------------------------------------------------------------------- GROUP-2: at every point, exhaustive

RECORDS = 3


def worker_runs(faults, protocol="classic"):
    """One broker and one worker, which crash where the plan says. Returns the world, the log, what was processed."""
    world = World(1, Plan(faults))
    log = Log(env=world)
    log.create_topic("orders")
    producer = Producer(log, batch_records=1)
    for number in range(RECORDS):
        producer.send("orders", b"v%d" % number)
    processed = []

    def worker():
        consumer = Consumer(log.client("worker"), "email", "orders", session_timeout=2.0, heartbeat_interval=1.5,
                            fetch_max_wait=5.0, protocol=protocol)
        while True:
            records = consumer.poll(2)
            if records:
                world.point("polled")
            for record in records:
                world.point("working")
                processed.append((world.now(), record.offset))
                world.point("worked")
            if records:
                with suppress(EvlabError):
                    yield consumer.commit()
                world.point("committed")
            yield consumer.arrived

    world.boot("worker", worker)
    world.run(until=1.0)
    while world.now() < 20 and not at_the_end(log):
        world.run(until=world.now() + 1.0)
    world.calm()
    world.run(until=world.now() + 0.5)
    return world, log, processed


def at_the_end(log):
    try:
        return [row.committed for row in log.lag("email")] == [RECORDS]
    except EvlabError:
        return False


def faults_of(log, processed):
    """What GROUP-2 forbids, in words."""
    if not at_the_end(log):
        return "not all was committed"
    for _, _, value in everything_in(log.replica(OFFSETS_TOPIC, 0)):
        offset, time = msgspec.json.decode(value)
        missing = set(range(offset)) - {one for at, one in processed if at <= time - log.env.epoch + 1e-5}
        if missing:
            return f"{offset} was committed, and {sorted(missing)} had not been processed"
    return ""


def places(world):
    return [(site, number) for site, passes in world.points.items() for number in range(1, passes + 1)]


def struck(protocol, kinds, faults=()):
    """Every plan with a fault of each of `kinds`: the first at each point, the next at each point that is passed then,
    and so on. With each: what `worker_runs` gives."""
    for site, number in places(worker_runs(faults, protocol)[0]):
        if any(fault.site == site and fault.n >= number for fault in faults):
            continue
        plan = [*faults, Fault(kinds[len(faults)], site, number, 0.5)]
        if len(plan) < len(kinds):
            yield from struck(protocol, kinds, plan)
        else:
            yield plan, *worker_runs(plan, protocol)


@each_protocol
def test_what_is_committed_was_processed_wherever_worker_and_broker_crash(protocol, amount, measured):
    """GROUP-2: a crash, or a kill, at every point of poll, work and commit, on both sides: once, and in all pairs of a
    crash and a kill; in the soak in all pairs, and in all triples of crash, kill, crash and of kill, crash, kill."""
    world, log, processed = worker_runs([], protocol)
    assert faults_of(log, processed) == "" and [offset for _, offset in processed] == list(range(RECORDS))
    sites = {site for site in world.points}
    assert sites >= {"worker@polled", "worker@working", "worker@worked", "worker@committed", "broker-0@received",
                     "broker-0@handled"}
    both, runs, replays, most = ("crash", "kill"), 0, 0, 0
    pairs = amount([both], list(itertools.product(both, repeat=2)))
    triples = amount([], [("crash", "kill", "crash"), ("kill", "crash", "kill")])
    for kinds in [("crash",), ("kill",), *pairs, *triples]:
        for plan, once, log, processed in struck(protocol, kinds):
            assert faults_of(log, processed) == "", plan
            runs, replays = runs + 1, replays + (len(processed) > RECORDS)
            most = max(most, len(once.struck_by))
    assert most == amount(2, 3) and runs > 900 and replays > 100
    measured(f"GROUP-2: {runs:,} runs ({protocol}), in {replays:,} of them a record was processed twice")


def test_the_check_sees_a_commit_before_the_work(monkeypatch):
    """GROUP-2: the check above is able to fail."""
    monkeypatch.setattr("evlab.log.reader.Reader.given", lambda self: dict(self._next))
    seen = ""
    world, _, _ = worker_runs([])
    for place in places(world):
        _, log, processed = worker_runs([Fault("kill", *place, 0.5)])
        seen = seen or faults_of(log, processed)
    assert seen
