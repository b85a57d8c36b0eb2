"""What there is of a topic at this moment, and the same in words: for those who draw it.

Nothing is kept between two looks. What cannot be read now, a broker that is down or a group without its coordinator,
is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evlab.env import Dead
from evlab.errors import EvlabError
from evlab.log.records import Record, decode_batches
from evlab.viz.theme import safe

__all__ = ["Copy", "Strip", "describe_strip", "finding", "in_turn", "key_of", "note_readers", "strip_of"]


class Copy(NamedTuple):
    """One broker's copy of a partition."""

    broker: str
    part: str
    """leader, in sync, out of sync, down."""
    end: int | None
    """Its next offset; None if the broker is down."""


@dataclass
class Strip:
    """What is drawn of one partition."""

    number: int
    records: dict[int, Record | None] = field(default_factory=dict)
    """Offset -> its record; None for a marker of a transaction. What compaction removed has no entry."""
    start: int = 0
    end: int = 0
    high: int = 0
    stable: int = 0
    epoch: int = 0
    copies: list[Copy] = field(default_factory=list)
    lost: bool = False
    """No broker that is up has a copy."""
    committed: int | None = None
    position: int | None = None
    owner: str = ""

    @property
    def lag(self) -> int | None:
        return None if self.committed is None or self.lost else max(0, self.high - max(self.committed, self.start))


def strip_of(log: Any, topic: str, number: int) -> Strip:
    """What there is of a partition now: on its leader, or on the longest copy that is up."""
    info = log.metadata.partition(topic, number)
    strip = Strip(number, epoch=info.epoch)
    found = {}
    for name in info.replicas:
        replica = _alive(log, topic, number, name)
        part = "leader" if name == info.leader else "in sync" if name in info.isr else "out of sync"
        strip.copies.append(Copy(name, part if replica else "down", replica and replica.end))
        if replica is not None:
            found[name] = replica
    if not found:
        strip.lost = True
        return strip
    best = found.get(info.leader) or max(found.values(), key=lambda replica: replica.end)
    strip.start, strip.end = best.partition.start, best.end
    strip.high, strip.stable = best.high_watermark, best.last_stable
    strip.records = dict(_records(best.partition))
    return strip


def _alive(log: Any, topic: str, number: int, broker: str) -> Any:
    """The broker's copy, if its disk can be read now."""
    try:
        replica = log.replica(topic, number, broker)
        for segment in replica.partition.segments[-1:]:
            next(segment.batches(), None)
        return replica
    except (EvlabError, Dead):
        return None


def _records(partition: Any) -> Iterator[tuple[int, Record | None]]:
    for segment in partition.segments:
        for _, data, header in segment.batches():
            if header.control:
                yield header.last_offset, None
                continue
            for batch in decode_batches(data):
                yield from ((record.offset, record) for record in batch.records)


def note_readers(log: Any, topic: str, group: str | None, consumers: list[Any], strips: list[Strip]) -> None:
    """Write into the strips what a group has committed, who owns them, and where these consumers are."""
    if group is not None:
        try:
            rows = {row.partition: row for row in log.lag(group) if row.topic == topic}
        except (EvlabError, Dead):  # its coordinator is down
            rows = {}
        for number, row in rows.items():
            strips[number].committed, strips[number].owner = row.committed, row.member or ""
    for consumer in consumers:
        for strip in strips:
            at = consumer.position(topic, strip.number)
            strip.position = at if at is not None else strip.position


def in_turn(strips: list[Strip]) -> list[Record]:
    """The records by offset, then partition: not by time, which on a real clock is another one at each run."""
    found = [(offset, strip.number, record) for strip in strips
             for offset, record in strip.records.items() if record is not None]
    return [record for *_, record in sorted(found, key=lambda one: one[:2])]


def key_of(record: Record) -> str:
    """A record's key in words."""
    return "no key" if record.key is None else record.key.decode("utf-8", "replace")


# ------------------------------------------------------------------------------------------------ in words


def finding(topic: str, strips: list[Strip]) -> str:
    """A title: how much there is, and which partition has the most."""
    counts = [len(strip.records) for strip in strips]
    if down := sum(strip.lost for strip in strips):
        return f"{topic}: of {down} of {_many(len(strips), 'partition')} no copy is up"
    total = f"{topic}: {_many(sum(counts), 'record')} in {_many(len(strips), 'partition')}"
    if len(strips) == 1 or not any(counts) or counts.count(max(counts)) > 1:
        return total
    return f"{total}, and partition {counts.index(max(counts))} has the most, {max(counts):,}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def describe_strip(strip: Strip, group: str | None, copies: bool) -> str:
    """One line about a partition: its offsets, its copies, and where its readers are."""
    if strip.lost:
        return f"partition {strip.number}: no broker that has it is up"
    held = _many(len(strip.records), "record")
    parts = [f"{held}, offsets {strip.start:,} to {strip.end - 1:,}" if strip.records else held]
    if strip.start and not strip.records:
        parts[0] += f", the next is {strip.end:,}"
    if copies:
        ends = [f"{copy.broker} {copy.part}" + ("" if copy.end is None else f" to {copy.end:,}")
                for copy in strip.copies]
        parts += [f"epoch {strip.epoch}, high watermark {strip.high:,}", ", ".join(ends)]
    if strip.stable < strip.high:
        parts.append(f"last stable offset {strip.stable:,}")
    if group is not None:
        lag = "-" if strip.committed is None else f"{strip.committed:,}, lag {strip.lag:,}"
        parts.append(f"{group} committed {lag}{strip.owner and f', owner {strip.owner}'}")
    if strip.position is not None:
        parts.append(f"position {strip.position:,}")
    return safe(f"partition {strip.number}: {'; '.join(parts)}", 380)
