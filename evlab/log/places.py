"""Where a consumer begins in a partition that is new to it: at what its group has committed, or where `reset` says."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse
from evlab.log.client import BACKOFF, Client, goes_away
from evlab.log.coordinator import OFFSETS_TOPIC, GetCommitted
from evlab.log.protocol import GetOffset, TopicPartition
from evlab.log.reader import Reader

__all__ = ["PATIENCE", "RESETS", "Places"]

RESETS = ("earliest", "latest", "none")
PATIENCE = 60.0
"""Seconds that the coordinator is asked for an answer."""
A_MOMENT = 1.0
"""Seconds that the look for a first offset may hold up other partitions."""


class Places:
    """Finds places for `reader`. woken(error): called with what went wrong, if it does not go away.

    assigned: called with the partitions whose reading has begun.
    """

    def __init__(self, client: Client, reader: Reader, group: str, reset: str, woken: Callable[..., None],
                 assigned: Callable[[list[TopicPartition]], Any]):
        self.client, self.reader, self.group, self.reset = client, reader, group, reset
        self.woken, self.assigned = woken, assigned

    def begin(self, new: list[TopicPartition], ours: Callable[[TopicPartition], bool]) -> Generator:
        """A process that finds the places in partitions that are new to us, and reads on from there.

        ours: is the partition still ours, now that its place is known? One without a leader is looked at again until it
        has one: nobody else would read it.
        """
        places, late = {}, []
        try:
            committed = yield from self.client.insist(OFFSETS_TOPIC, 0, GetCommitted(self.group), patience=PATIENCE)
            for partition in new:
                found = committed.get(partition)
                places[partition] = found.offset if found is not None else (yield from self.first(*partition))
        except EvlabError as error:
            if not goes_away(error):
                self.woken(error)
                return
            late = [partition for partition in new if partition not in places]
        places = {partition: offset for partition, offset in places.items() if ours(partition)}
        late = [partition for partition in late if ours(partition)]
        if not places and not late:
            return
        for partition, offset in places.items():
            if offset is not None:
                self.reader.add(partition, offset)
        if places:
            self.assigned(list(places))
        self.reader.fetch()
        if late:
            yield BACKOFF
            self.client.run(self.begin(late[1:] + late[:1], ours))

    def first(self, topic: str, number: int) -> Generator:
        """Where to begin without a committed offset."""
        if self.reset == "none":
            self.woken(InvalidUse(f"{self.group} has committed nothing for {topic}-{number}",
                                  why='reset="none" does not guess', next_step='give reset="earliest" or "latest"'))
            return None
        return (yield from self.client.insist(topic, number, GetOffset(topic, number, self.reset), patience=A_MOMENT))

    def out_of_range(self, partition: TopicPartition, error: EvlabError) -> None:
        """What we were to read next was deleted, or was never there."""
        if self.reset == "none":
            self.woken(error)
            return

        def found(done: Later) -> None:
            if done.error is None and partition in self.reader.positions:
                self.reader.seek(partition, done.value)
                self.reader.fetch()

        self.client.run(self.first(*partition)).then(found)
