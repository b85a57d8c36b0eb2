"""What a consumer on librdkafka owns, and where it begins to read.

Partitions come and go in `poll` and nowhere else, as in the twin. Where to begin in a new partition is asked there and
then, so that `position` is known, and "latest" means the end at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import confluent_kafka as client

from evlab.errors import EvlabError, InvalidUse
from evlab.log.protocol import TopicPartition

if TYPE_CHECKING:
    from evlab.engines.kafka import KafkaLog

__all__ = ["KafkaPlaces"]


class KafkaPlaces:
    """The part of a `KafkaConsumer` that librdkafka calls when partitions come and go."""

    log: KafkaLog
    group: str
    reset: str
    isolation: str
    auto_commit: bool
    on_assigned: Callable[[list[TopicPartition]], Any]
    on_revoked: Callable[[list[TopicPartition]], Any]
    _raw: client.Consumer
    _cooperative: bool
    _positions: dict[TopicPartition, int | None]
    _touched: set[TopicPartition]
    _paused: set[TopicPartition]
    _lost: set[TopicPartition]
    _failure: EvlabError | None

    def _came(self, _: client.Consumer, partitions: list[client.TopicPartition]) -> None:
        new = [(one.topic, one.partition) for one in partitions if self in self.log._consumers]  # not while it closes
        try:
            places = self._places(new) if new else {}
        except (EvlabError, client.KafkaException):  # librdkafka finds the places by itself, a little later
            places = {key: None for key in new}
        begun = [_place(*key, offset) for key, offset in places.items()]
        (self._raw.incremental_assign if self._cooperative else self._raw.assign)(begun)
        self._positions |= places
        if places:
            self.on_assigned(sorted(places))

    def _places(self, new: list[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Where to begin: at what is committed, or where `reset` says. With reset="none" the others are left out."""
        asked = [client.TopicPartition(*key) for key in new]
        places = {(one.topic, one.partition): one.offset
                  for one in self._raw.committed(asked, self.log.timeout) if one.error is None and one.offset >= 0}
        homeless = [key for key in new if key not in places]
        if homeless and self.reset == "none":
            topic, number = homeless[0]
            self._failure = InvalidUse(f"{self.group} has committed nothing for {topic}-{number}",
                                       why='reset="none" does not guess', next_step='give reset="earliest" or "latest"')
        elif homeless:
            places |= self.log.find_offsets(homeless, self.reset, self.isolation == "read_committed")
        return places

    def _go(self, _: client.Consumer, partitions: list[client.TopicPartition]) -> None:
        """They go, and until this returns they may still be committed."""
        gone = sorted({(one.topic, one.partition) for one in partitions} & set(self._positions))
        if self.auto_commit:
            with suppress(EvlabError):
                self._commit_now({key: offset for key, offset in self.given().items() if key in gone})
        if gone:
            self.on_revoked(gone)
        self._forget(gone)

    def _are_lost(self, _: client.Consumer, partitions: list[client.TopicPartition]) -> None:
        """They are gone already: another may have them."""
        gone = sorted({(one.topic, one.partition) for one in partitions} & set(self._positions))
        self._lost |= set(gone)
        if gone:
            self.on_revoked(gone)
        self._forget(gone)

    def _forget(self, gone: list[TopicPartition]) -> None:
        """They are another's. If they come back, they are not paused, as with Kafka's Java client; librdkafka alone
        would keep them so."""
        if paused := self._paused & set(gone):
            self._raw.resume([client.TopicPartition(*key) for key in paused])
        for key in gone:
            self._positions.pop(key, None)
            self._touched.discard(key)
            self._paused.discard(key)

    def _begin_at(self, key: TopicPartition, offset: int) -> None:
        """For a partition whose reading has not begun, or has ended with an error: librdkafka seeks in others only."""
        places = [_place(*key, offset)]
        if self._cooperative:
            self._raw.incremental_unassign(places)
            self._raw.incremental_assign(places)
        else:
            others = self._positions.items()
            self._raw.assign(places + [_place(*other, at) for other, at in others if other != key])
        if self._paused:
            self._raw.pause([client.TopicPartition(*one) for one in self._paused])


def _place(topic: str, number: int, offset: int | None) -> client.TopicPartition:
    """A partition and where to begin in it; without an offset, librdkafka asks the group and then `reset`."""
    return client.TopicPartition(topic, number, client.OFFSET_INVALID if offset is None else offset)
