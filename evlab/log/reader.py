"""The consumer's hands: fetch from the leaders what comes next, and keep it until it is polled."""

from __future__ import annotations

from collections.abc import Callable

from evlab.env import Later
from evlab.errors import EvlabError
from evlab.log.client import BACKOFF, Client, goes_away
from evlab.log.kept import Kept
from evlab.log.partition import OffsetOutOfRange
from evlab.log.protocol import Fetch, Fetched, FetchFrom, TopicPartition
from evlab.log.records import Batch, Record, check_batch, read_header

__all__ = ["Reader"]

MAX_WAIT = 0.5
"""Seconds that a broker may keep a fetch for which it has nothing (Kafka: fetch.max.wait.ms)."""
FAIR = 500
"""Records after which another partition has its turn."""
ENOUGH = 2000
"""Records of a partition that wait for a poll, after which no more are fetched of it."""


class Reader:
    """Reads some partitions from their places on. `positions`: partition -> the next offset that `take` gives.

    out_of_range(partition, error): called when the next offset is not there. woken(error): called when there is
    something to take, or with an error that does not go away.
    """

    def __init__(self, client: Client, committed: bool, out_of_range: Callable[[TopicPartition, EvlabError], None],
                 woken: Callable[..., None], max_wait: float = MAX_WAIT):
        self.client, self.env, self.committed, self.max_wait = client, client.env, committed, max_wait
        self.out_of_range, self.woken = out_of_range, woken
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self._next: dict[TopicPartition, int] = {}  # what to fetch next
        self._kept: dict[TopicPartition, Kept] = {}
        self._asked: dict[TopicPartition, int] = {}  # the offset that a fetch under way asks for
        self._stuck: set[TopicPartition] = set()
        self._touched: set[TopicPartition] = set()
        self._closed = False
        self._turn = self._row = 0

    def add(self, partition: TopicPartition, offset: int) -> None:
        """Read this partition too."""
        self.positions[partition] = self._next[partition] = offset
        self._kept[partition] = Kept()

    def remove(self, partition: TopicPartition) -> None:
        """Read it no more, and forget what was fetched of it."""
        for kept in (self.positions, self._next, self._kept, self._asked):
            kept.pop(partition, None)
        for marks in (self.paused, self._stuck, self._touched):
            marks.discard(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at `offset`."""
        paused = partition in self.paused
        self.remove(partition)
        self.add(partition, offset)
        if paused:
            self.paused.add(partition)
        self._touched.add(partition)

    @property
    def ready(self) -> bool:
        """Is there something to take?"""
        return any(kept.count and key not in self.paused for key, kept in self._kept.items())

    def given(self) -> dict[TopicPartition, int]:
        """The next offset of each partition that something was taken of, or that was sought."""
        return {key: self.positions[key] for key in self._touched}

    def take(self, most: int) -> list[Record]:
        """At most so many records, each partition's in order, from the partitions in turn."""
        found: list[Record] = []
        keys = [key for key in self._kept if key not in self.paused]
        for step in range(len(keys)):
            key = keys[(self._turn + step) % len(keys)]
            if self._kept[key].count:
                self._take_from(key, found, most)
                self._touched.add(key)
            if len(found) == most:
                self._pass_on(key, step, most)
                break
        self.fetch()
        return found

    def _pass_on(self, key: TopicPartition, step: int, count: int) -> None:
        """Who begins at the next take: the same partition until it is empty, but not for ever, as it may never be."""
        self._row = self._row + count if step == 0 else count
        over = not self._kept[key].count or self._row >= FAIR
        self._turn += step + over
        if over:
            self._row = 0

    def _take_from(self, key: TopicPartition, found: list[Record], most: int) -> None:
        kept = self._kept[key]
        try:
            while kept.count and len(found) < most:
                found += kept.take(most - len(found))
        except EvlabError as error:
            self._next[key], self._kept[key] = kept.first, Kept()
            self._stuck.add(key)
            self.woken(error)
        self.positions[key] = kept.first if kept.count else self._next[key]

    # ------------------------------------------------------------------------------------------------ fetching

    def fetch(self) -> None:
        """Ask the leaders for what comes next, where they are not being asked for it already."""
        if self._closed:
            return
        wanted: dict[str, list[FetchFrom]] = {}
        for key, offset in self._next.items():
            if key in self.paused or key in self._stuck:
                continue
            under_way = self._asked.get(key) == offset
            if not under_way and self._kept[key].count >= ENOUGH:
                continue
            leader = self.client.leader(*key)
            if leader is None:
                self._stuck.add(key)
                self.env.after(BACKOFF, lambda key=key: self._unstick(key))
            elif not under_way:
                wanted.setdefault(leader, []).append(FetchFrom(*key, offset))
        for leader, places in wanted.items():
            self._ask(leader, places)

    def _ask(self, leader: str, places: list[FetchFrom]) -> None:
        request = Fetch(tuple(places), self.max_wait, committed=self.committed)
        for topic, number, offset, _ in places:
            self._asked[topic, number] = offset
        answer = self.client.ask(leader, request, self.max_wait + 1.0)
        answer.then(lambda done: self._answered(places, done))

    def _answered(self, places: list[FetchFrom], done: Later) -> None:
        if self._closed:
            return
        for topic, number, offset, _ in places:
            if self._asked.get((topic, number)) == offset:
                del self._asked[topic, number]
        if done.error is not None:
            for place in places:
                self._failed((place.topic, place.partition), done.error)
        else:
            for place in places:
                key = place.topic, place.partition
                if self._next.get(key) == place.offset:  # else it was revoked or sought meanwhile
                    self._keep(key, done.value[key])
        if self.ready:
            self.woken()
        self.fetch()

    def _keep(self, key: TopicPartition, found: Fetched | EvlabError) -> None:
        if isinstance(found, OffsetOutOfRange):
            self._stuck.add(key)  # until somebody has found a place to go on: seek
            self.out_of_range(key, found)
        elif isinstance(found, Exception):
            self._failed(key, found)
        else:
            try:
                self._keep_batches(key, found)
            except EvlabError as error:
                self._stuck.add(key)
                self.woken(error)

    def _keep_batches(self, key: TopicPartition, found: Fetched) -> None:
        """Keep what a leader gave: check each batch, skip markers, aborted records, and those before our place."""
        data, at, kept = found.data, 0, self._kept[key]
        offset = self._next[key]
        while at < len(data):
            header = read_header(data, at)
            check_batch(data, at, header)
            if not header.control and not _is_aborted(header, found.aborted):
                kept.add(Batch(data, at, header, *key), offset)
            at += header.size
            offset = header.next_offset
        self._next[key] = offset
        if not kept.count:  # nothing but markers: there is no record to wait for before going on
            self.positions[key] = offset

    def _failed(self, key: TopicPartition, error: BaseException) -> None:
        if key not in self._next:
            return
        self._stuck.add(key)
        if not goes_away(error):
            self.woken(error)
            return
        self.client.refresh().then(lambda _: self.env.after(BACKOFF, lambda: self._unstick(key)))

    def _unstick(self, key: TopicPartition) -> None:
        if key in self._stuck:
            self._stuck.discard(key)
            if self.client.leader(*key) is None:
                self.client.refresh()
            self.fetch()

    def close(self) -> None:
        self._closed = True


def _is_aborted(header, aborted) -> bool:
    return header.transactional and any(
        one.producer_id == header.producer_id and one.first_offset <= header.base_offset <= one.last_offset
        for one in aborted)
