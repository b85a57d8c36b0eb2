"""What a producer has gathered and not yet handed over: batches that fill, and the way that each of them takes."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from evlab.env import Later, Timer
from evlab.log.protocol import TopicPartition

__all__ = ["FIELDS", "Batching", "Lane", "Lanes", "RecordMetadata", "Sent", "all_of", "timestamps"]


class RecordMetadata(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int
    """-1 with acks=0: nobody said."""


class Sent(Later):
    """The outcome of one `send`: a Later whose value is a `RecordMetadata`. It settles when its batch does."""

    __slots__ = ("_at", "_batch")
    __init__ = object.__init__  # `send` sets the two fields: a function here would double the cost of making one

    @property
    def done(self) -> bool:
        return self._batch.acked._settled

    @property
    def error(self) -> BaseException | None:
        return self._batch.acked._error

    @property
    def value(self) -> RecordMetadata:
        first = self._batch.acked.value
        return RecordMetadata(*self._batch.key, first if first < 0 else first + self._at // FIELDS)

    def then(self, call: Callable[[Later], None]) -> Sent:
        self._batch.acked.then(lambda _: call(self))
        return self

    # What drives a process reads these two.
    @property
    def _value(self) -> RecordMetadata | None:
        return None if self.error is not None else self.value

    @property
    def _error(self) -> BaseException | None:
        return self.error

    def __repr__(self) -> str:
        return f"Sent({self.value})" if self.done and self.error is None else f"Sent({self._batch.acked})"


FIELDS = 4
"""What a batch that is gathered keeps of a record: time, key, value, headers."""


class Batching:
    """Records for one partition that travel together. `send` is called for each of them, so it only lays down what it
    was given; all else is done once for a whole batch.

    laid: time, key, value and headers of the first record, then those of the second, and so on, in one list. They are
    laid down in one step: if the learner interrupts a `send`, no half record stays. time: when it was sent, in seconds
    since `epoch`; or, if it brought its own timestamp, that, in ms, and `dated` is true.
    """

    __slots__ = ("acked", "awaited", "born", "dated", "key", "laid", "room")

    def __init__(self, key: TopicPartition, born: float, room: int):
        self.key, self.born, self.room = key, born, room
        self.laid: list = []
        self.dated = False
        self.acked = Later()
        self.awaited = False  # by a flush, which will tell if it fails

    @property
    def count(self) -> int:
        """Records in it."""
        return len(self.laid) // FIELDS

    def columns(self, epoch: float) -> tuple:
        """Timestamps, keys, values and headers, as `encode_columns` takes them."""
        times, keys, values, headers = (self.laid[field::FIELDS] for field in range(FIELDS))
        return timestamps(times, epoch, self.dated), keys, values, headers


def timestamps(times: list[float], epoch: float, dated: bool) -> list[int]:
    """The times of records in ms since 1970. dated: some are in ms already; those are ints.

    Many records are sent within one ms. As long as the clock does not go back, where the next ms begins is found by
    halving: to compute each would take as long as a fifth of `send`.
    """
    if dated or times != sorted(times):
        return [time if type(time) is int else int((epoch + time) * 1000) for time in times]
    found: list[int] = []
    while len(found) < len(times):
        ms = int((epoch + times[len(found)]) * 1000)
        end = bisect_right(times, ms, len(found), key=lambda time: int((epoch + time) * 1000))
        found += [ms] * (end - len(found))
    return found


class Lane:
    """The way to one partition: one batch that fills, those that wait, and whether one is under way.

    due: the batch that fills has had its time to fill.
    """

    __slots__ = ("busy", "due", "filling", "key", "sequence", "timer", "waiting")

    def __init__(self, key: TopicPartition):
        self.key = key
        self.filling: Batching | None = None
        self.waiting: deque[Batching] = deque()
        self.busy, self.due, self.sequence = False, False, 0
        self.timer: Timer | None = None


class Lanes:
    """The lanes of a topic, and the lane of each key seen before."""

    __slots__ = ("by_key", "lanes", "name")

    def __init__(self, name: str):
        self.name = name
        self.lanes: list[Lane] = []
        self.by_key: dict[bytes, Lane] = {}


def all_of(laters: list[Later]) -> Later:
    """Done when all are; fails with the first error."""
    if not laters:
        return Later.of()
    together, left = Later(), len(laters)

    def one(done: Later) -> None:
        nonlocal left
        left -= 1
        if done._error is not None:
            together.fail(done._error)
        elif not left:
            together.resolve()

    for later in laters:
        later.then(one)
    return together
