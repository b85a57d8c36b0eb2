"""ROUTE-1 over many seeds: a router in a World whose network, disk and nodes fail, and then calm."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
from collections import Counter

import pytest
from router_world import Run

from evlab.env import Later
from evlab.router.broker import CONFIRMED, Broker
from evlab.router.channel import Channel
from evlab.router.client import RemoteChannel
from evlab.router.journal import Journal
from evlab.router.link import Receiver
from evlab.router.queues import Queue

HERE = pathlib.Path(__file__).parent


def test_nothing_is_lost_or_invented(amount, measured):
    """ROUTE-1: a shop that publishes, two workers that fail at some messages, retries through a dead-letter exchange,
    and a queue that is read one by one; the network loses, doubles, delays and cuts, every node crashes, also at the
    points between a message and its confirm, and the router's disk forgets what was not synced.

    After the faults all queues run empty, and then: every confirmed message was received from each of its queues (lost
    0), nothing was received that nobody sent (unexpected 0), and what came twice said that it might (redelivered, or a
    dead letter).
    """
    reached, slowest, seeds = Counter(), 0.0, amount(SEEDS, 100_000)
    for seed in range(seeds):
        run = Run(seed).go()
        found = run.anomalies()
        assert not found, f"seed {seed}: {found}"
        slowest = max(slowest, run.rested)
        reached.update({name: true for name, true in run.rare().items() if true})
    table = "\n".join(f"{reached[name]:6} of {seeds} seeds: {name}" for name in run.rare())
    print(table)
    assert all(reached[name] for name in run.rare()), f"SIM-2: never reached:\n{table}"
    measured(f"ROUTE-1: {seeds:,} seeds; the slowest router was empty {slowest:.1f} s after the faults")


SEEDS = 2_000  # at about 10 ms each


def test_without_faults_nothing_is_received_twice():
    for seed in range(30):
        run = Run(seed, None).go()
        assert run.anomalies() == [] and max(Counter(one[:2] for one in run.received).values()) == 1
        assert len(run.received) == 16


# ------------------------------------------------------------------------------------- the checks see planted bugs


def first_to_see(patch, seeds=range(400)):
    """The words of the first anomaly that a run with a planted bug shows; "" if none of the seeds shows one."""
    for seed in seeds:
        with pytest.MonkeyPatch.context() as context:
            patch(context)
            found = Run(seed).go().anomalies()
        if found:
            return found[0]
    return ""


def never_syncs(patch):
    patch.setattr(Journal, "sync", Journal.write)


def forgets_what_a_closed_channel_had(patch):
    patch.setattr(Channel, "_give_back", lambda self, given, requeue: None)


def confirms_before_the_disk(patch):
    accept = Broker.accept

    def early(self, message):
        accept(self, message)
        self._lingering = self._lingering or self.after(1.0, self._flush_late)
        return CONFIRMED

    patch.setattr(Broker, "accept", early)
    patch.setattr(Broker, "_write", lambda self: None)


def forgets_to_say_redelivered(patch):
    requeue = Queue.requeue

    def silent(self, items, given):
        flags = [item.redelivered for item in items]
        requeue(self, items, given)
        for item, flag in zip(items, flags, strict=True):
            item.redelivered = flag

    patch.setattr(Queue, "requeue", silent)


def answers_a_request_again_by_doing_it_again(patch):
    def again(self, frame):
        answer = Later()
        self._answer(answer, frame.request)
        return answer

    patch.setattr(Receiver, "take", again)


def acks_before_the_work(patch):
    delivered = RemoteChannel.delivered

    def early(self, deliver):
        delivered(self, deliver._replace(settled=True))
        if not deliver.settled:
            self.settle("ack", deliver.tag, False)

    patch.setattr(RemoteChannel, "delivered", early)


def drops_what_is_rejected(patch):
    patch.setattr(Broker, "_bury", lambda self, queue, item, reason: None)


def takes_a_dead_letter_away_before_it_is_elsewhere(patch):
    """In two frames of the journal, and a crash between them."""
    drop = Broker.drop

    def torn(self, queue, items, reason, *, taken=False):
        if items and self.journal is not None:
            for item in items:
                if item.stored:
                    self.note("gone", queue.name, item.number)
            self.must_last()
            self.env.point("torn")
        drop(self, queue, items, reason, taken=taken)

    patch.setattr(Broker, "drop", torn)


@pytest.mark.parametrize("bug, words", [
    (never_syncs, ("lost",)),
    (confirms_before_the_disk, ("lost",)),
    (forgets_what_a_closed_channel_had, ("lost", "not at rest")),
    (forgets_to_say_redelivered, ("b'v",)),
    (answers_a_request_again_by_doing_it_again, ("b'v",)),
    (acks_before_the_work, ("lost",)),
    (drops_what_is_rejected, ("lost",)),
    (takes_a_dead_letter_away_before_it_is_elsewhere, ("lost",)),
])
def test_a_planted_bug_is_seen(bug, words):
    """ROUTE-1: the checks above would find it, by one of these names."""
    found = first_to_see(bug)
    assert found.startswith(words), found or "no seed shows it"


# ---------------------------------------------------------------------------------------------- the same history


def digest_of(seeds) -> str:
    sha = hashlib.sha256()
    for seed in seeds:
        run = Run(seed).go()
        sha.update(f"{run.world.history.digest()} {run.world.points} {run.world.now()}".encode())
    return sha.hexdigest()


def test_the_same_seed_gives_the_same_history_in_every_process():
    """SIM-1 for the router: twice here, and in processes with other hash seeds."""
    code = "from test_storm import digest_of; print(digest_of(range(12)))"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, cwd=HERE, env={**os.environ, "PYTHONHASHSEED": hash_seed})
                 for hash_seed in ("0", "random")]
    digests = {digest_of(range(12)), digest_of(range(12))}
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        digests.add(out.strip())
    assert len(digests) == 1
