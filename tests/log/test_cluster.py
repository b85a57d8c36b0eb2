"""LOG-4, GROUP-1 and GROUP-3 over many seeds: a small cluster in a World whose network, brokers and clients fail."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
from collections import Counter

import pytest
from cluster_world import SESSION, Run, everything_in, quiet_collector
from till_world import PLACES, Tills

from evlab.log.group import Group
from evlab.log.producers import ProducerState
from evlab.log.replica import Replica

HERE = pathlib.Path(__file__).parent


# -------------------------------------------------------------------------------------------------- many seeds


def test_no_seed_loses_doubles_or_reorders_a_record(storm_seeds, measured):
    """LOG-4, GROUP-1, GROUP-3: one to three brokers, acks="all", two replicas in sync of three; messages that are
    lost, doubled and late, links that are cut one way, nodes that pause, are killed and lose power; then calm.

    No acked record is lost, no offset holds two, none is doubled by an idempotent producer, records of a key keep
    their order, offsets are dense, copies are equal, no consumer goes back or skips; whoever is in sync has all that
    counts as safe; no partition has two owners in a generation; what was committed was processed; and within three
    session timeouts of the last fault each partition has an owner that knows of it, and nothing is unread.
    """
    reached, slowest, seeds = Counter(), 0.0, storm_seeds("cluster", SEEDS, 500_000)
    with quiet_collector():
        for seed in seeds:
            run = Run(seed).go()
            found = run.anomalies()
            assert not found, f"seed {seed} ({len(run.log.names)} brokers, {run.assignor}): {found}"
            slowest = max(slowest, run.rested)
            reached.update({name: true for name, true in run.rare().items() if true})
    table = "\n".join(f"{reached[name]:6} of {len(seeds)} seeds: {name}" for name in run.rare())
    print(table)
    assert all(reached[name] for name in run.rare()), f"SIM-2: never reached:\n{table}"
    measured(f"LOG-4: {len(seeds):,} seeds; the slowest cluster was at rest {slowest:.1f} s after the faults, "
             f"of {3 * SESSION:.0f} s allowed")


SEEDS = 1_000  # as many as fit into half a minute, at 27 ms each


def test_without_faults_nothing_is_read_twice():
    for seed in range(20):
        run = Run(seed, None).go()
        assert run.anomalies() == [] and run.rested <= SESSION
        assert len(run.processed) == len(set(run.processed)) == run.records


# ------------------------------------------------------------------------------------- the checks see planted bugs


def first_to_see(patch, seeds=range(400), **more):
    """The words of the first anomaly that a run with a planted bug shows; "" if none of the seeds shows one."""
    for seed in seeds:
        with pytest.MonkeyPatch.context() as context:
            patch(context)
            found = Run(seed, **more).go().anomalies()
        if found:
            return found[0]
    return ""


def acks_before_the_others_have_it(patch):
    patch.setattr(Replica, "_in_sync", lambda self: {self.me})


def forgets_what_it_has_of_a_producer(patch):
    patch.setattr(ProducerState, "duplicate", lambda *_: None)


def commits_before_the_work(patch):
    patch.setattr("evlab.log.reader.Reader.given", lambda self: {key: self._next[key] for key in self._next})


def gives_all_to_each(patch):
    shares = Group._shares

    def doubled(self):
        given = shares(self)
        everything = sorted({one for share in given.values() for one in share})
        return {name: everything for name in given}

    patch.setattr(Group, "_shares", doubled)


@pytest.mark.parametrize("bug, words, more", [
    (acks_before_the_others_have_it, ("lost-write", "unseen", "inconsistent-offsets", "replicas", "broker-"),
     {"brokers": 3}),
    (forgets_what_it_has_of_a_producer, ("duplicate",), {"idempotent": True}),
    (commits_before_the_work, ("committed",), {}),
    (gives_all_to_each, ("nonmonotonic", "email", "not at rest"), {}),
])
def test_a_planted_bug_is_seen(bug, words, more):
    """LOG-4: the checks above would find it, by one of these names."""
    found = first_to_see(bug, **more)
    assert found.startswith(words), found or "no seed shows it"


# ---------------------------------------------------------------------------------------------- the same history


def digest_of(seeds) -> str:
    """Of runs with and without transactions: the histories, and what stands in the logs at the end."""
    sha = hashlib.sha256()
    for seed in seeds[:3]:
        run = Tills(seed).go()
        sha.update(f"{run.world.history.digest()} {run.world.points} {run.world.now()} {run.reached}".encode())
        for place in PLACES:
            sha.update(repr(everything_in(run.log.replica(*place))).encode())
    for seed in seeds:
        run = Run(seed).go()
        sha.update(f"{run.world.history.digest()} {run.world.points} {run.world.now()}".encode())
        for number in (0, 1):
            sha.update(repr(everything_in(run.log.replica("orders", number))).encode())
    return sha.hexdigest()


def test_the_same_seed_gives_the_same_history_in_every_process():
    """SIM-1 for the log: twice here, and in processes with other hash seeds."""
    code = "from test_cluster import digest_of; print(digest_of(range(9)))"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, cwd=HERE, env={**os.environ, "PYTHONHASHSEED": hash_seed})
                 for hash_seed in ("0", "random")]
    digests = {digest_of(range(9)), digest_of(range(9))}
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        digests.add(out.strip())
    assert len(digests) == 1
