"""A follower's loop: find where the two logs part, cut there, then fetch from the leader for as long as it leads."""

from __future__ import annotations

from collections.abc import Generator

from evlab.env import Env
from evlab.errors import EvlabError
from evlab.log.metadata import PartitionInfo
from evlab.log.partition import OffsetOutOfRange
from evlab.log.protocol import PORT, Fetch, FetchFrom, GetEpochEnd, GetOffset
from evlab.log.replica import Replica

__all__ = ["TRUNCATIONS", "follow"]

BACKOFF = 0.2
"""Seconds before a follower asks again after an error."""
MAX_WAIT = 0.5
"""Seconds that a leader may keep a fetch for which it has nothing (Kafka: replica.fetch.wait.max.ms)."""
TRUNCATIONS = ("epoch", "high watermark")
"""How a follower finds the place to cut at: by leader epochs, or, as Kafka did before 0.11, by its high watermark."""


def follow(env: Env, replica: Replica, info: PartitionInfo, truncation: str = "epoch") -> Generator:
    """A process that keeps a replica equal to that of the leader whom `info` names, until another epoch begins."""
    epoch, leader = info.epoch, info.leader
    topic, number = replica.partition.topic, replica.partition.number

    def ask(message):
        return env.ask(leader, message, PORT, timeout=MAX_WAIT + 1.0)

    if replica.epoch != epoch:
        return  # another one began before this process had its first turn
    if truncation == "high watermark":
        replica.cut_to(replica.high_watermark)  # what is above it may be acked all the same: see KIP-101
    else:
        yield from _retried(lambda: _cut_by_epoch(replica, epoch, ask), replica, epoch)
    while replica.epoch == epoch:
        try:
            answer = yield ask(Fetch((FetchFrom(topic, number, replica.end, epoch),), MAX_WAIT, replica=replica.me))
            fetched = answer[topic, number]
            if isinstance(fetched, OffsetOutOfRange):  # the leader has deleted what comes next here
                start = yield ask(GetOffset(topic, number, "earliest"))
                if replica.epoch == epoch and start > replica.end:
                    replica.partition.restart_at(start)
                continue
            if isinstance(fetched, Exception):
                raise fetched
        except EvlabError:
            yield BACKOFF
            continue
        if replica.epoch == epoch:
            replica.copy(fetched)


def _cut_by_epoch(replica: Replica, epoch: int, ask) -> Generator:
    """Ask the leader where our newest epoch ends, and cut there; again with the one before, if it does not know it."""
    while replica.epoch == epoch and replica.partition.epochs.newest >= 0:
        asked, topic, number = replica.partition.epochs.newest, replica.partition.topic, replica.partition.number
        known, end = yield ask(GetEpochEnd(topic, number, asked))
        if replica.epoch != epoch:
            return
        ours, our_end = replica.partition.epochs.end_of(known, replica.end)
        replica.cut_to(max(min(end, our_end), replica.partition.start))
        if known in (asked, ours) or ours < 0:
            return


def _retried(attempt, replica: Replica, epoch: int) -> Generator:
    while replica.epoch == epoch:
        try:
            yield from attempt()
            return
        except EvlabError:
            yield BACKOFF
